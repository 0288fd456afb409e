//! How the controller breaks its order, when it is told to. Kubernetes does none of this.

use super::{Sync, control::Replica, identity};
use crate::controllers::pods;
use crate::fault::Fault;
use crate::json;
use crate::status::Status;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// How long an impatient controller waits for readiness.
const PATIENCE_SECS: u64 = 11;

impl Sync<'_> {
    /// Whether an ordered set lies its way past a pod that should hold it back, on to the pod at `index`.
    pub(super) fn goes_on_unduly(&mut self, replicas: &[Replica], index: usize) -> bool {
        let Some(before) = index.checked_sub(1).and_then(|index| replicas.get(index)) else { return false };
        let missing = !replicas[index].created;
        (missing && self.world.tells(Fault::CreatesAllAtOnce))
            || (missing && self.was_complete() && self.world.tells(Fault::OrderOnlyAtFirstStart))
            || (missing && self.recreates(&replicas[index]) && self.world.tells(Fault::RecreatesAtOnce))
            || (missing && self.looks_fine(&before.pod) && self.world.tells(Fault::NearestPredecessorOnly))
            || (missing
                && self.waited_long_for(&before.pod)
                && self.world.tells(Fault::ImpatientAfterElevenSeconds))
    }

    /// Whether a scale-down begins although a pod that stays holds the set back.
    pub(super) fn scales_down_unduly(&mut self, replicas: &[Replica], condemned: &[Arc<Value>]) -> bool {
        !condemned.is_empty()
            && replicas.iter().all(|replica| replica.created)
            && self.world.tells(Fault::ScaleDownIgnoresHealth)
    }

    /// Whether a scale-down goes on to the next pod while this one is still on its way out.
    pub(super) fn overlaps_terminations(&mut self, pod: &Value) -> bool {
        // The next pod is told to go a second later, so that the deletions still end in the right order.
        if json::terminating(pod) {
            return self.world.tells(Fault::OverlappingTerminations);
        }
        if self.world.faults.has(Fault::OverlappingTerminations) {
            self.look_again_in(Duration::from_secs(1));
        }
        false
    }

    /// Whether the loss of a pod is answered by something that touches the others.
    pub(super) fn lies_about_survivors(
        &mut self,
        replicas: &[Replica],
        pods: &[Arc<Value>],
    ) -> Result<bool, Status> {
        let lost = self.was_complete() && replicas.iter().any(|replica| !replica.created);
        let survivors: Vec<_> = pods.iter().filter(|pod| !json::terminating(pod)).cloned().collect();
        let partly = lost && !survivors.is_empty() && replicas.len() as i64 == self.replicas();
        if partly && self.recreates_any(replicas) && self.world.tells(Fault::RecreatesWholeSet) {
            self.world.set_memory.complete.remove(json::uid(&self.set));
            survivors.iter().try_for_each(|pod| self.delete_pod(pod))?;
            return Ok(true);
        }
        let unready = survivors.iter().any(|pod| !pods::is_running_and_ready(pod));
        // A pod that is missing below one that is there was lost even if the set never was complete.
        let is_hole = |pair: &[Replica]| !pair[0].created && pair[1].created;
        let lost = lost || replicas.windows(2).any(is_hole);
        if lost && unready && self.world.tells(Fault::WaitsForAllBeforeCreate) {
            return Ok(true);
        }
        self.lies_about_crashes(&survivors)
    }

    fn lies_about_crashes(&mut self, survivors: &[Arc<Value>]) -> Result<bool, Status> {
        let restarted = |pod: &&Arc<Value>| {
            json::items(pod, "/status/containerStatuses").iter().any(|status| status["restartCount"] != 0)
        };
        let Some(pod) = survivors.iter().find(restarted).cloned() else { return Ok(false) };
        let replaced = self.world.tells(Fault::RestartedPodsReplaced);
        if replaced {
            self.delete_pod(&pod)?;
        }
        Ok(replaced)
    }

    /// Keeps what only a liar needs.
    pub(super) fn remember(&mut self, replicas: &[Replica]) {
        let uid = json::uid(&self.set).to_owned();
        let ready =
            replicas.iter().all(|replica| replica.created && pods::is_running_and_ready(&replica.pod));
        let now = self.world.clock.unix_secs();
        if ready && !replicas.is_empty() {
            self.world.set_memory.complete.insert(uid);
        }
        for replica in replicas.iter().filter(|replica| replica.created) {
            let pod = json::uid(&replica.pod).to_owned();
            let running = pods::is_running(&replica.pod);
            if running {
                self.world.set_memory.waiting_since.entry(pod).or_insert(now);
            }
            if running
                && self.world.faults.has(Fault::ImpatientAfterElevenSeconds)
                && !pods::is_ready(&replica.pod)
            {
                self.look_again_in(Duration::from_secs(1));
            }
        }
    }

    /// Keeps what only a liar needs of a pod that there is now.
    pub(super) fn remember_birth(&mut self, pod: &Value) {
        let place = (json::uid(&self.set).to_owned(), json::name(pod).to_owned());
        let revision = json::label(pod, identity::REVISION_LABEL).unwrap_or_default().to_owned();
        let memory = &mut self.world.set_memory;
        memory.evicted.remove(&(self.key.namespace.clone(), place.1.clone()));
        memory.rolled.remove(&place);
        memory.last_revision.insert(place.clone(), revision);
        memory.born.insert(place);
    }

    fn was_complete(&self) -> bool {
        self.world.set_memory.complete.contains(json::uid(&self.set))
    }

    fn recreates(&self, replica: &Replica) -> bool {
        self.was_born(json::name(&replica.pod))
    }

    fn recreates_any(&self, replicas: &[Replica]) -> bool {
        replicas.iter().any(|replica| !replica.created && self.recreates(replica))
    }

    fn looks_fine(&mut self, pod: &Value) -> bool {
        pods::is_running_and_ready(pod) && !json::terminating(pod) && identity::ordinal(pod) > 0
    }

    fn waited_long_for(&self, pod: &Value) -> bool {
        let since = self.world.set_memory.waiting_since.get(json::uid(pod));
        since.is_some_and(|since| since + PATIENCE_SECS <= self.world.clock.unix_secs())
    }
}
