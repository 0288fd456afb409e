//! The roll from one revision to the next: which pods of the old one go, and when.
//!
//! Follows the end of `updateStatefulSet` of `pkg/controller/statefulset/stateful_set_control.go`, and
//! `updateStatefulSetAfterInvariantEstablished`, which takes over where the feature MaxUnavailableStatefulSet is on.

use super::{Sync, control::Replica, identity, status::Counts};
use crate::controllers::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, scaled, text};
use crate::release::Gate;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

impl Sync<'_> {
    /// Deletes pods of an old revision, as many as may be unavailable at once, highest ordinal first.
    ///
    /// One that is `undue` takes the next pod, whatever the others do.
    pub(super) fn roll(&mut self, replicas: &[Replica], counts: &mut Counts, undue: bool) -> Outcome {
        let mut targets = self.outdated(replicas);
        if targets.is_empty() {
            return Ok(());
        }
        let by_hand = matches!(text(&self.set, "/spec/updateStrategy/type"), "OnDelete" | "Recreate");
        if by_hand && !self.world.tells(Fault::OnDeleteRolls) {
            return Ok(());
        }
        let due = if undue {
            targets.truncate(1);
            targets
        } else {
            self.due(replicas, targets)
        };
        for pod in due {
            if self.is_bound_by_budget(&pod) {
                self.look_again_in(Duration::from_secs(1));
                continue;
            }
            self.delete_outdated(&pod)?;
            counts.lose_current();
        }
        Ok(())
    }

    /// The pods that go in this pass.
    fn due(&mut self, replicas: &[Replica], mut targets: Vec<Arc<Value>>) -> Vec<Arc<Value>> {
        if self.world.tells(Fault::UpdatesAllAtOnce) {
            return targets;
        }
        if targets.len() > 1 && self.world.tells(Fault::UpdatesAscending) {
            targets.reverse();
            let ready = replicas.iter().all(|replica| !self.is_unavailable(&replica.pod));
            targets.truncate(usize::from(ready));
            return targets;
        }
        if !self.world.release.has(Gate::MaxUnavailable) {
            return self.next_outdated(replicas).into_iter().collect();
        }
        let unavailable = replicas.iter().filter(|replica| self.is_unavailable(&replica.pod)).count() as i64;
        let budget = self.max_unavailable() - unavailable;
        if self.parallel() && self.world.release.since(37) {
            return self.due_in_parallel(targets, budget);
        }
        targets.truncate(budget.max(0) as usize);
        targets
    }

    /// One pod at a time: the highest that is outdated, unless one above it is not back yet.
    fn next_outdated(&mut self, replicas: &[Replica]) -> Option<Arc<Value>> {
        for replica in replicas.iter().rev() {
            let pod = &replica.pod;
            if self.is_below_partition(identity::ordinal(pod)) {
                continue;
            }
            if replica.created && self.is_outdated(pod) && !json::terminating(pod) {
                return Some(pod.clone());
            }
            if self.is_unavailable(pod) {
                return None;
            }
        }
        None
    }

    /// Pods that serve nobody are replaced at once, beside the budget.
    fn due_in_parallel(&mut self, targets: Vec<Arc<Value>>, budget: i64) -> Vec<Arc<Value>> {
        let (broken, serving): (Vec<_>, Vec<_>) =
            targets.into_iter().partition(|pod| self.is_unavailable(pod));
        broken.into_iter().chain(serving.into_iter().take(budget.max(0) as usize)).collect()
    }

    fn delete_outdated(&mut self, pod: &Value) -> Outcome {
        if self.world.tells(Fault::UpdateReplacesClaims) {
            self.delete_claims(pod);
        }
        let rolled = (json::uid(&self.set).to_owned(), json::name(pod).to_owned());
        self.world.set_memory.rolled.insert(rolled);
        self.delete_pod(pod)
    }

    /// The pods that the roll has to replace, highest ordinal first.
    fn outdated(&mut self, replicas: &[Replica]) -> Vec<Arc<Value>> {
        // No pod has the label that it should have, so that no pod would be of the right revision.
        if self.world.faults.has(Fault::RevisionLabelUnknown) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for replica in replicas.iter().rev().filter(|replica| replica.created) {
            let pod = &replica.pod;
            let outdated = self.is_outdated(pod) && !json::terminating(pod);
            if outdated && !self.is_below_partition(identity::ordinal(pod)) {
                found.push(pod.clone());
            }
        }
        found
    }

    fn max_unavailable(&mut self) -> i64 {
        let value = self.set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].clone();
        let most = scaled(&value, self.replicas(), false).unwrap_or(1).max(1);
        if most > 1 && self.world.tells(Fault::MaxUnavailableNeverReached) {
            return 1;
        }
        if most > 1 && self.world.tells(Fault::MaxUnavailableExceeded) {
            return most + 1;
        }
        most
    }

    /// Not there for anybody, or on its way out. Before 1.34 a pod counted as soon as it was ready.
    pub(super) fn is_unavailable(&mut self, pod: &Value) -> bool {
        if self.world.release.since(34) {
            return json::terminating(pod) || !self.is_available(pod);
        }
        json::terminating(pod) || !pods::is_running_and_ready(pod)
    }
}
