//! One pass over a set: create what is missing, take down what is too much, each in its order.
//!
//! Follows `updateStatefulSet`, `processReplica` and `processCondemned` of
//! `pkg/controller/statefulset/stateful_set_control.go`.

use super::{Sync, identity, status::Counts};
use crate::controllers::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, text};
use crate::queue::Component;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A pod of the set, or the one that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) pod: Arc<Value>,
    pub(super) created: bool,
}

/// How long it takes until something else lets the controller look at a set that waits for a claim to go: claims are not
/// watched, and nothing is tried again. Seen on Kubernetes 1.37.1: 54 s.
const UNWATCHED_CLAIM: Duration = Duration::from_secs(55);

/// Whether the pass goes on after a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Next,
    Stop,
}

impl Sync<'_> {
    /// One pass, and the status that comes of it.
    pub(super) fn update(&mut self, pods: &[Arc<Value>]) -> Outcome {
        let mut counts = Counts::of(self, pods);
        if json::terminating(&self.set) && !self.world.tells(Fault::CreatesWhileDeleting) {
            return self.write_status(counts);
        }
        let (replicas, condemned) = self.partition(pods);
        let outcome = self.reconcile(&replicas, &condemned, pods, &mut counts);
        self.remember(&replicas);
        // Before 1.23 a pass that failed told nothing.
        if outcome.is_ok() || self.world.release.since(23) {
            self.write_status(counts)?;
        }
        outcome
    }

    fn reconcile(
        &mut self,
        replicas: &[Replica],
        condemned: &[Arc<Value>],
        pods: &[Arc<Value>],
        counts: &mut Counts,
    ) -> Outcome {
        if self.lies_about_survivors(replicas, pods)?
            || self.takes_successors(replicas)?
            || self.moves_at_once(condemned)?
            || self.waits_for_old_pods(pods, replicas)?
        {
            return Ok(());
        }
        if self.process_replicas(replicas)? == Step::Stop {
            if self.rolls_unduly(replicas) {
                return self.roll(replicas, counts, true);
            }
            if !self.scales_down_unduly(replicas, condemned) {
                return Ok(());
            }
        }
        for pod in condemned {
            self.retain_claims(pod, true);
        }
        if self.process_condemned(replicas, condemned)? == Step::Stop {
            return Ok(());
        }
        self.roll(replicas, counts, false)
    }

    /// The pods of the ordinals asked for, lowest first, and the others, highest first.
    fn partition(&mut self, pods: &[Arc<Value>]) -> (Vec<Replica>, Vec<Arc<Value>>) {
        let mut start = self.start_ordinal();
        if start > 0 && self.world.tells(Fault::StartOrdinalIgnored) {
            start = 0;
        }
        let mut end = start + self.replicas();
        if self.replicas() > 0 && self.world.tells(Fault::OneOrdinalTooMany) {
            end += 1;
        }
        let by_ordinal: BTreeMap<_, _> = pods.iter().map(|pod| (identity::ordinal(pod), pod)).collect();
        let mut replicas = Vec::new();
        for ordinal in start..end {
            replicas.push(match by_ordinal.get(&ordinal).copied() {
                Some(pod) => Replica { pod: pod.clone(), created: true },
                None => Replica { pod: Arc::new(self.versioned_pod(ordinal)), created: false },
            });
        }
        let outside = |pod: &&Arc<Value>| !(start..end).contains(&identity::ordinal(pod));
        let mut condemned: Vec<_> = pods.iter().filter(outside).cloned().collect();
        condemned.sort_by_key(|pod| -identity::ordinal(pod));
        if condemned.len() > 1 && self.world.tells(Fault::ScalesDownAscending) {
            condemned.reverse();
        }
        let wide = pods.iter().chain(replicas.iter().map(|replica| &replica.pod));
        if wide.into_iter().any(|pod| identity::ordinal(pod) > 9)
            && self.world.tells(Fault::NamesSortedAsText)
        {
            replicas.sort_by_key(|replica| json::name(&replica.pod).to_owned());
            condemned.sort_by_key(|pod| std::cmp::Reverse(json::name(pod).to_owned()));
        }
        (replicas, condemned)
    }

    pub(super) fn parallel(&self) -> bool {
        text(&self.set, "/spec/podManagementPolicy") == "Parallel"
    }

    fn process_replicas(&mut self, replicas: &[Replica]) -> Result<Step, crate::status::Status> {
        let monotonic = !self.parallel() || self.world.tells(Fault::ParallelIgnored);
        if !monotonic {
            for replica in replicas {
                self.process_replica(replica, false)?;
            }
            return Ok(Step::Next);
        }
        let mut held_back = Step::Next;
        for (index, replica) in replicas.iter().enumerate() {
            if held_back == Step::Stop && !self.goes_on_unduly(replicas, index) {
                self.create_gated(replica)?;
                continue;
            }
            self.open_gate(&replica.pod);
            if self.process_replica(replica, true)? == Step::Stop {
                held_back = Step::Stop;
            }
        }
        Ok(held_back)
    }

    fn process_replica(&mut self, replica: &Replica, monotonic: bool) -> Result<Step, crate::status::Status> {
        let pod = &replica.pod;
        if !replica.created {
            return self.process_missing(pod, monotonic);
        }
        if self.removes_unduly(pod)? {
            return Ok(Step::Stop);
        }
        if self.has_ended(pod) && !self.keeps_ended(pod) {
            if !json::terminating(pod) {
                self.tell_of_end(pod);
                self.delete_pod(pod)?;
            }
            return Ok(Step::Stop);
        }
        let pending = text(pod, "/status/phase") == "Pending" && self.world.release.since(27);
        if pending && !self.forgets_claims(pod) {
            self.create_claims(pod)?;
            self.retain_claims(pod, false);
        }
        if monotonic && !self.is_settled(pod) {
            return Ok(Step::Stop);
        }
        self.repair_pod(pod)?;
        Ok(Step::Next)
    }

    fn process_missing(&mut self, pod: &Value, monotonic: bool) -> Result<Step, crate::status::Status> {
        if self.withholds(pod) {
            return Ok(if monotonic { Step::Stop } else { Step::Next });
        }
        if self.has_stale_claim(pod) {
            self.look_again_in(UNWATCHED_CLAIM);
            return Ok(Step::Stop);
        }
        self.create_pod(pod)?;
        Ok(if monotonic { Step::Stop } else { Step::Next })
    }

    /// Whether an ordered set may go on past this pod.
    fn is_settled(&mut self, pod: &Value) -> bool {
        if json::terminating(pod) || !pods::is_running(pod) {
            return false;
        }
        if !pods::is_ready(pod) {
            return self.world.tells(Fault::WaitsForRunningOnly);
        }
        self.is_available(pod)
    }

    /// Ready for as long as the spec asks. A pod that is not yet is looked at again when it will be.
    pub(super) fn is_available(&mut self, pod: &Value) -> bool {
        let min_ready_secs = self.min_ready_secs();
        if pods::is_available(pod, min_ready_secs, &self.world.clock) {
            return true;
        }
        if let Some(since) = pods::ready_since(pod) {
            if self.world.tells(Fault::MinReadyIgnored) {
                return true;
            }
            if self.world.tells(Fault::AvailabilityNotRevisited) {
                return false;
            }
            let left = (since + min_ready_secs).saturating_sub(self.world.clock.unix_secs());
            self.look_again_in(Duration::from_secs(left.max(1)));
        }
        false
    }

    pub(super) fn look_again_in(&mut self, delay: Duration) {
        self.world.queue.add_after(Component::StatefulSet, &self.key, delay);
    }
}
