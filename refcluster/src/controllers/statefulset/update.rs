//! Which revision a pod is made from.
//!
//! Follows `newVersionedStatefulSetPod` of `pkg/controller/statefulset/stateful_set_utils.go`.

use super::Sync;
use crate::fault::Fault;
use crate::json::{self, has, integer};
use crate::kind::Kind;
use crate::store::Key;
use serde_json::Value;
use std::sync::Arc;

impl Sync<'_> {
    /// The pod that an ordinal lacks, at the revision that it should have.
    pub(super) fn versioned_pod(&mut self, ordinal: i64) -> Value {
        let revision = match self.taken_back(ordinal) {
            Some(revision) => revision,
            None if self.needs_current(ordinal) => self.revisions.current.clone(),
            None => self.revisions.update.clone(),
        };
        let mut template = revision["data"]["spec"]["template"].clone();
        let first = ordinal == self.start_ordinal() && self.is_rolling();
        if first
            && json::uid(&revision) == json::uid(&self.revisions.update)
            && self.world.tells(Fault::StaleTemplateForFirst)
        {
            template = self.revisions.current["data"]["spec"]["template"].clone();
        }
        self.new_pod(ordinal, &template, json::name(&revision))
    }

    /// A revision that a pod had last and that the set does not have any more.
    fn taken_back(&mut self, ordinal: i64) -> Option<Arc<Value>> {
        let pod = (json::uid(&self.set).to_owned(), self.pod_name(ordinal));
        let last = self.world.set_memory.last_revision.get(&pod)?.clone();
        if self.is_rolling() || last == json::name(&self.revisions.update) || self.took_away(ordinal) {
            return None;
        }
        let key = Key::new(Kind::ControllerRevision, &self.key.namespace, &last);
        let revision = self.world.get(&key)?;
        self.world.tells(Fault::RevertedTemplateStays).then_some(revision)
    }

    fn needs_current(&mut self, ordinal: i64) -> bool {
        let strategy = &self.set["spec"]["updateStrategy"];
        if strategy["type"] != "RollingUpdate" {
            let by_hand = strategy["type"] == "OnDelete" && self.is_rolling();
            return by_hand && self.world.tells(Fault::OnDeleteRestoresOld);
        }
        let index = ordinal - self.start_ordinal();
        if !has(strategy, "/rollingUpdate") {
            return index < integer(&self.set, "/status/currentReplicas").unwrap_or(0);
        }
        if self.is_below_partition(ordinal) {
            return !(self.is_rolling() && self.world.tells(Fault::RestoresAtUpdateRevision));
        }
        self.is_rolling() && !self.took_away(ordinal) && self.world.tells(Fault::RestoresAtCurrentRevision)
    }

    /// Whether an update of the set itself has taken the pod of an ordinal away.
    fn took_away(&self, ordinal: i64) -> bool {
        let pod = (json::uid(&self.set).to_owned(), self.pod_name(ordinal));
        self.world.set_memory.rolled.contains(&pod)
    }

    /// Whether the pod of an ordinal keeps the current revision: the partition counts the first pods.
    pub(super) fn is_below_partition(&mut self, ordinal: i64) -> bool {
        let (partition, index) = (self.update_partition(), ordinal - self.start_ordinal());
        if partition == 0 {
            return false;
        }
        let from_end = self.replicas() - 1 - index;
        if (index < partition) != (from_end < partition) && self.world.tells(Fault::PartitionCountsFromEnd) {
            return from_end < partition;
        }
        if (index < partition) != (ordinal < partition) && self.world.tells(Fault::PartitionCountsOrdinals) {
            return ordinal < partition;
        }
        index < partition
    }

    /// How many of the first pods keep the current revision.
    fn update_partition(&mut self) -> i64 {
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
