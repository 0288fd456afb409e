//! The strategy Recreate: first all pods of old revisions end, then those of the new one are created.
//!
//! Follows `recreateDeleteAndWait` of `pkg/controller/statefulset/stateful_set_control.go` and the condition Progressing of
//! `stateful_set_utils.go`, both of Kubernetes 1.37.

use super::{Sync, control::Replica};
use crate::fault::Fault;
use crate::json::{self, items, list};
use crate::release::Gate;
use crate::status::Status;
use serde_json::{Value, json};
use std::sync::Arc;

impl Sync<'_> {
    /// Whether pods of old revisions keep the set from going on; they are told to go.
    pub(super) fn waits_for_old_pods(
        &mut self,
        pods: &[Arc<Value>],
        replicas: &[Replica],
    ) -> Result<bool, Status> {
        if self.set["spec"]["updateStrategy"]["type"] != "Recreate" {
            return Ok(false);
        }
        if !self.world.release.has(Gate::RecreateStrategy) {
            let (set, namespace) = (self.set.clone(), self.key.namespace.clone());
            let message = format!(
                "statefulset {namespace}/{} uses Recreate strategy but feature gate StatefulSetRecreateStrategy is disabled",
                self.name()
            );
            self.world.event("statefulset-controller", &set, "Warning", "UnknownStrategy", &message);
            return Err(Status::plain(message));
        }
        let old: Vec<_> = pods.iter().filter(|pod| self.is_outdated(pod)).cloned().collect();
        for pod in old.iter().filter(|pod| !json::terminating(pod)) {
            self.delete_pod(pod)?;
        }
        if old.is_empty() {
            if self.is_rolling() {
                let message = "Waiting for new-revision pods to be created";
                self.progress("True", "RecreateInProgress", message);
            }
            return Ok(false);
        }
        self.progress("True", "RecreateInProgress", "Deleting old revision pods");
        let room = replicas.iter().any(|replica| !replica.created);
        Ok(!room || !self.world.tells(Fault::RecreateCreatesEarly))
    }

    /// All pods are of the new revision and ready.
    pub(super) fn finish_recreation(&mut self) {
        let progressing = self.conditions.iter().any(|condition| condition["type"] == "Progressing");
        let recreates = self.set["spec"]["updateStrategy"]["type"] == "Recreate";
        if progressing && recreates && !self.world.tells(Fault::RecreationNeverCompletes) {
            self.progress("False", "RecreateCompleted", "All pods recreated successfully");
        }
    }

    fn progress(&mut self, status: &str, reason: &str, message: &str) {
        let now = self.world.clock.timestamp();
        let wanted = json!({"type": "Progressing", "status": status, "reason": reason, "message": message});
        let before = self.conditions.iter().position(|condition| condition["type"] == "Progressing");
        let since = before.filter(|at| self.conditions[*at]["status"] == status);
        let since = since.map_or(Value::from(now), |at| self.conditions[at]["lastTransitionTime"].clone());
        let mut condition = wanted;
        condition["lastTransitionTime"] = since;
        match before {
            Some(at) => self.conditions[at] = condition,
            None => self.conditions.push(condition),
        }
    }

    /// The conditions that the status has; others may have written some.
    pub(super) fn stored_conditions(set: &Value) -> Vec<Value> {
        items(set, "/status/conditions").to_vec()
    }

    /// Writes the conditions into a status.
    pub(super) fn write_conditions(&self, status: &mut Value) {
        if !self.conditions.is_empty() {
            *list(status, "conditions") = self.conditions.clone();
        }
    }
}
