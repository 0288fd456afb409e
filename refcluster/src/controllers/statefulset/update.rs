//! Which revision a pod is made from.
//!
//! Follows `newVersionedStatefulSetPod` of `pkg/controller/statefulset/stateful_set_utils.go`.

use super::Sync;
use crate::fault::Fault;
use crate::json::{self, has, integer};
use serde_json::Value;

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
    pub(super) fn update_partition(&mut self) -> i64 {
        let partition = self.number("/spec/updateStrategy/rollingUpdate/partition", 0);
        if partition > 0 && self.is_rolling() && self.world.tells(Fault::PartitionIgnored) {
            return 0;
        }
        partition
    }

    pub(super) fn is_rolling(&self) -> bool {
        json::name(&self.revisions.current) != json::name(&self.revisions.update)
    }

    /// Whether a pod is not of the revision that the set goes to.
    pub(super) fn is_outdated(&self, pod: &Value) -> bool {
        json::label(pod, super::identity::REVISION_LABEL) != Some(json::name(&self.revisions.update))
    }
}
