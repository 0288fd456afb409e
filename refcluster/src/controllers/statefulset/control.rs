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
enum Step {
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
        if self.lies_about_survivors(replicas, pods)? || self.waits_for_old_pods(pods)? {
            return Ok(());
        }
        if self.process_replicas(replicas)? == Step::Stop && !self.scales_down_unduly(replicas, condemned) {
            return Ok(());
        }
        for pod in condemned {
            self.retain_claims(pod, true);
        }
        if self.process_condemned(replicas, condemned)? == Step::Stop {
            return Ok(());
        }
        self.roll(replicas, counts)
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
        if self.has_ended(pod) && !self.world.tells(Fault::FailedPodsKept) {
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
        if self.has_stale_claim(pod) {
            self.look_again_in(UNWATCHED_CLAIM);
            return Ok(Step::Stop);
        }
        self.create_pod(pod)?;
        Ok(if monotonic { Step::Stop } else { Step::Next })
    }

    /// Failed, and since 1.27 Succeeded too.
    fn has_ended(&self, pod: &Value) -> bool {
        match text(pod, "/status/phase") {
            "Failed" => true,
            "Succeeded" => self.world.release.since(27),
            _ => false,
        }
    }

    /// Before 1.28 there was an event about it.
    fn tell_of_end(&mut self, pod: &Value) {
        if self.world.release.since(28) {
            return;
        }
        let (set, namespace, name) = (self.set.clone(), &self.key.namespace, json::name(pod));
        let (kind, reason, what) = match text(pod, "/status/phase") {
            "Failed" => ("Warning", "RecreatingFailedPod", "failed"),
            _ => ("Normal", "RecreatingTerminatedPod", "terminated"),
        };
        let message = format!("StatefulSet {namespace}/{} is recreating {what} Pod {name}", self.name());
        self.world.event("statefulset-controller", &set, kind, reason, &message);
    }

    /// Creates the next pod before its time, held back by a scheduling gate.
    fn create_gated(&mut self, replica: &Replica) -> Outcome {
        if replica.created || !self.world.tells(Fault::SuccessorCreatedGated) {
            return Ok(());
        }
        let mut pod = (*replica.pod).clone();
        pod["spec"]["schedulingGates"] = serde_json::json!([{"name": "order"}]);
        self.create_pod(&pod)
    }

    /// Takes the gate off a pod whose turn has come.
    fn open_gate(&mut self, pod: &Value) {
        if json::has(pod, "/spec/schedulingGates") {
            let key = crate::store::Key::new(crate::kind::Kind::Pod, &self.key.namespace, json::name(pod));
            self.world.modify(&key, |pod| drop(json::remove(&mut pod["spec"], "schedulingGates")));
        }
    }

    fn forgets_claims(&mut self, pod: &Value) -> bool {
        let has_claims = !json::items(&self.set, "/spec/volumeClaimTemplates").is_empty();
        let waiting = json::condition(pod, "PodScheduled") == "False";
        has_claims
            && ((waiting && self.world.tells(Fault::MissingClaimForgotten))
                || (self.world.faults.has(Fault::PodBeforeClaim) && self.is_young(pod)))
    }

    /// Whether a pod is younger than three seconds; if so, the set is looked at again.
    fn is_young(&mut self, pod: &Value) -> bool {
        let created = crate::clock::parse_timestamp(text(pod, "/metadata/creationTimestamp")).unwrap_or(0);
        let young = self.world.clock.unix_secs() < created + 3;
        if young {
            self.look_again_in(Duration::from_secs(1));
        }
        young
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
            let left = (since + min_ready_secs).saturating_sub(self.world.clock.unix_secs());
            self.look_again_in(Duration::from_secs(left.max(1)));
        }
        false
    }

    pub(super) fn look_again_in(&mut self, delay: Duration) {
        self.world.queue.add_after(Component::StatefulSet, &self.key, delay);
    }

    fn process_condemned(
        &mut self,
        replicas: &[Replica],
        condemned: &[Arc<Value>],
    ) -> Result<Step, crate::status::Status> {
        let monotonic =
            !self.parallel() || (condemned.len() > 1 && self.world.tells(Fault::ParallelScaleDownOrdered));
        let first_unavailable = self.first_unavailable(replicas, condemned);
        let mut step = Step::Next;
        for pod in condemned {
            if self.may_go(pod, first_unavailable.as_deref(), monotonic) {
                if self.world.tells(Fault::ScaleDownDeletesClaims) {
                    self.delete_claims(pod);
                }
                self.delete_pod(pod)?;
            }
            if !monotonic {
                continue;
            }
            step = Step::Stop;
            if !self.overlaps_terminations(pod) {
                break;
            }
        }
        Ok(step)
    }

    fn may_go(&mut self, pod: &Value, first_unavailable: Option<&str>, monotonic: bool) -> bool {
        if json::terminating(pod) {
            return false;
        }
        if !monotonic || self.is_available(pod) {
            return true;
        }
        let is_first = first_unavailable == Some(json::uid(pod));
        is_first && !self.world.tells(Fault::ScaleDownNeverRemovesUnready)
    }

    fn first_unavailable(&mut self, replicas: &[Replica], condemned: &[Arc<Value>]) -> Option<String> {
        let pods = replicas.iter().map(|replica| &replica.pod).chain(condemned.iter().rev());
        let first = pods.into_iter().find(|pod| self.is_unavailable(pod))?;
        Some(json::uid(first).to_owned())
    }
}
