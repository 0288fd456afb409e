//! The status of a set.
//!
//! Follows `updateStatus` of `pkg/controller/statefulset/stateful_set_control.go` and `completeRollingUpdate` of
//! `stateful_set_utils.go`.

use super::{Sync, identity};
use crate::controllers::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, map, text};
use serde_json::{Value, json};
use std::sync::Arc;

/// The fields of the status that the controller looks after.
const TOLD: [&str; 10] = [
    "observedGeneration",
    "collisionCount",
    "replicas",
    "readyReplicas",
    "availableReplicas",
    "currentReplicas",
    "updatedReplicas",
    "currentRevision",
    "updateRevision",
    "conditions",
];

/// How many pods are how far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    replicas: i64,
    ready: i64,
    available: i64,
    current: i64,
    updated: i64,
}

impl Counts {
    pub(super) fn of(sync: &mut Sync<'_>, pods: &[Arc<Value>]) -> Self {
        let mut counts = Self::default();
        let (current, update) =
            (json::name(&sync.revisions.current).to_owned(), json::name(&sync.revisions.update).to_owned());
        for pod in pods {
            counts.replicas += 1;
            if pods::is_running(pod) {
                counts.ready +=
                    i64::from(pods::is_ready(pod) || sync.world.tells(Fault::StatusCountsUnready));
            }
            let ready = pods::is_running_and_ready(pod);
            let early = sync.min_ready_secs() > 0 && ready && sync.world.tells(Fault::AvailableCountsReady);
            counts.available += i64::from(early || (ready && sync.is_available(pod)));
            let revision = json::label(pod, identity::REVISION_LABEL).unwrap_or_default();
            let settled = !json::terminating(pod);
            counts.current += i64::from(settled && revision == current);
            counts.updated += i64::from(settled && revision == update);
        }
        if sync.world.tells(Fault::StatusCountsForeignPods) {
            counts.replicas += sync.foreign_pods();
        }
        counts
    }

    /// A pod of the current revision was told to go.
    pub(super) fn lose_current(&mut self) {
        self.current = (self.current - 1).max(0);
    }
}

impl Sync<'_> {
    /// Counts the last pod that an update has to replace as replaced already.
    fn tell_complete_early(&mut self, counts: &mut Counts) {
        let uid = json::uid(&self.set).to_owned();
        if counts.updated + 1 != self.replicas() {
            self.world.set_memory.told_complete.remove(&uid);
            return;
        }
        let nearly = self.is_rolling() || self.world.set_memory.told_complete.contains(&uid);
        if nearly && self.world.tells(Fault::CompleteTooEarly) {
            self.world.set_memory.told_complete.insert(uid);
            counts.updated += 1;
            counts.ready = self.replicas();
        }
    }

    pub(super) fn write_status(&mut self, mut counts: Counts) -> Outcome {
        self.tell_complete_early(&mut counts);
        let set = self.world.get(&self.key).unwrap_or_else(|| self.set.clone());
        let old = &set["status"];
        let mut status = json!({"collisionCount": json::integer(old, "/collisionCount").unwrap_or(0)});
        status["observedGeneration"] = self.set["metadata"]["generation"].clone();
        status["replicas"] = counts.replicas.into();
        if self.world.release.since(22) {
            status["availableReplicas"] = counts.available.into();
        }
        status["updateRevision"] = self.revisions.update["metadata"]["name"].clone();
        let complete = self.is_complete(counts);
        let current = if complete { &self.revisions.update } else { &self.revisions.current };
        status["currentRevision"] = current["metadata"]["name"].clone();
        let current_replicas = if complete { counts.updated } else { counts.current };
        for (field, count) in [
            ("readyReplicas", counts.ready),
            ("currentReplicas", current_replicas),
            ("updatedReplicas", counts.updated),
        ] {
            set_count(&mut status, field, count);
        }
        if complete {
            self.finish_recreation();
        }
        self.write_conditions(&mut status);
        self.lie_about_status(&mut status);
        // What others have written stays until there is something new to tell.
        if TOLD.iter().any(|field| status[field] != old[field]) {
            self.world.modify(&self.key, |set| *map(set, "status") = status);
        }
        Ok(())
    }

    /// The roll has ended: everything asked for runs at the update revision.
    fn is_complete(&mut self, counts: Counts) -> bool {
        let wanted = self.replicas();
        let completes =
            text(&self.set, "/spec/updateStrategy/type") == "RollingUpdate" || self.world.release.since(37);
        let complete = completes
            && counts.updated == wanted
            && counts.ready == wanted
            && counts.replicas == wanted
            && !json::terminating(&self.set);
        let advances = json::name(&self.revisions.current) != json::name(&self.revisions.update);
        complete && !(advances && self.world.tells(Fault::CurrentRevisionNeverAdvances))
    }

    fn lie_about_status(&mut self, status: &mut Value) {
        let generation = self.number("/metadata/generation", 1);
        if generation > 1 && self.world.tells(Fault::ObservedGenerationStuck) {
            status["observedGeneration"] = 1.into();
        }
        if self.world.tells(Fault::ReadyReplicasOneTooMany) {
            status["readyReplicas"] = json!(json::integer(status, "/readyReplicas").unwrap_or(0) + 1);
        }
    }

    /// Pods that match the selector and are not the set's own.
    fn foreign_pods(&self) -> i64 {
        let foreign = |pod: &Value| {
            let selector = &self.set["spec"]["selector"];
            crate::selector::label_selector_matches(selector, &pod["metadata"]["labels"])
                && json::controller(pod).is_none_or(|owner| text(owner, "/uid") != json::uid(&self.set))
        };
        let pods = self.world.store.list(crate::kind::Kind::Pod, &self.key.namespace);
        pods.filter(|(_, pod)| foreign(pod)).count() as i64
    }
}

/// Zero is left out, as the API's types do.
fn set_count(status: &mut Value, field: &str, count: i64) {
    if count == 0 {
        json::remove(status, field);
    } else {
        status[field] = count.into();
    }
}
