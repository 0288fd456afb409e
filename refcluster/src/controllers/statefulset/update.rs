//! Which revision a pod is made from, and the roll from one revision to the next.
//!
//! Follows `newVersionedStatefulSetPod` of `pkg/controller/statefulset/stateful_set_utils.go` and
//! `updateStatefulSetAfterInvariantEstablished` of `stateful_set_control.go`, with the feature
//! MaxUnavailableStatefulSet on, as in Kubernetes 1.37.

use super::{Sync, control::Replica, identity, status::Counts};
use crate::controllers::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, has, integer, scaled, text};
use serde_json::Value;
use std::sync::Arc;

impl Sync<'_> {
    /// The pod that an ordinal lacks, at the revision that it should have.
    pub(super) fn versioned_pod(&mut self, ordinal: i64) -> Value {
        let revision = if self.needs_current(ordinal) {
            self.revisions.current.clone()
        } else {
            self.revisions.update.clone()
        };
        let template = revision["data"]["spec"]["template"].clone();
        self.new_pod(ordinal, &template, json::name(&revision))
    }

    fn needs_current(&mut self, ordinal: i64) -> bool {
        let strategy = &self.set["spec"]["updateStrategy"];
        if strategy["type"] != "RollingUpdate" {
            return false;
        }
        let index = ordinal - self.start_ordinal();
        if !has(strategy, "/rollingUpdate") {
            return index < integer(&self.set, "/status/currentReplicas").unwrap_or(0);
        }
        let below = index < self.update_partition();
        below && !(self.is_rolling() && self.world.tells(Fault::RestoresAtUpdateRevision))
    }

    /// How many of the first pods keep the current revision.
    fn update_partition(&mut self) -> i64 {
        let partition = self.number("/spec/updateStrategy/rollingUpdate/partition", 0);
        if partition > 0 && self.is_rolling() && self.world.tells(Fault::PartitionIgnored) {
            return 0;
        }
        partition
    }

    fn is_rolling(&self) -> bool {
        json::name(&self.revisions.current) != json::name(&self.revisions.update)
    }

    /// Deletes pods of an old revision, as many as may be unavailable at once, highest ordinal first.
    pub(super) fn roll(&mut self, replicas: &[Replica], counts: &mut Counts) -> Outcome {
        let mut targets = self.outdated(replicas);
        if targets.is_empty() {
            return Ok(());
        }
        let on_delete = text(&self.set, "/spec/updateStrategy/type") == "OnDelete";
        if on_delete && !self.world.tells(Fault::OnDeleteRolls) {
            return Ok(());
        }
        let unavailable = replicas.iter().filter(|replica| self.is_unavailable(&replica.pod)).count() as i64;
        let mut budget = self.max_unavailable() - unavailable;
        if self.world.tells(Fault::UpdatesAllAtOnce) {
            budget = targets.len() as i64;
        }
        if targets.len() > 1 && self.world.tells(Fault::UpdatesAscending) {
            targets.reverse();
        }
        for pod in targets {
            let broken = self.is_broken_in_parallel(&pod);
            if budget <= 0 && !broken {
                continue;
            }
            self.delete_outdated(&pod)?;
            counts.lose_current();
            budget -= i64::from(!broken);
        }
        Ok(())
    }

    fn delete_outdated(&mut self, pod: &Value) -> Outcome {
        if self.world.tells(Fault::UpdateReplacesClaims) {
            self.delete_claims(pod);
        }
        self.delete_pod(pod)
    }

    /// The pods that the roll has to replace, highest ordinal first.
    fn outdated(&mut self, replicas: &[Replica]) -> Vec<Arc<Value>> {
        let update = json::name(&self.revisions.update).to_owned();
        let (partition, start) = (self.update_partition(), self.start_ordinal());
        let outdated = |pod: &Value| {
            json::label(pod, identity::REVISION_LABEL) != Some(&update)
                && !json::terminating(pod)
                && identity::ordinal(pod) - start >= partition
        };
        let present = replicas.iter().rev().filter(|replica| replica.created);
        let mut found: Vec<_> =
            present.map(|replica| replica.pod.clone()).filter(|pod| outdated(pod)).collect();
        if self.world.faults.has(Fault::RevisionLabelUnknown) {
            found.clear();
        }
        found
    }

    /// With the Parallel policy a pod of an old revision that serves nobody is replaced beside the budget.
    fn is_broken_in_parallel(&self, pod: &Value) -> bool {
        text(&self.set, "/spec/podManagementPolicy") == "Parallel" && !pods::is_running_and_ready(pod)
    }

    fn max_unavailable(&mut self) -> i64 {
        let value = self.set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].clone();
        let most = scaled(&value, self.replicas(), true).unwrap_or(1).max(1);
        if most > 1 && self.world.tells(Fault::MaxUnavailableExceeded) {
            return most + 1;
        }
        most
    }
}
