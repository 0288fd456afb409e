//! How the controller treats pods that it should leave alone, or leaves alone those that it should not, when it is told to.
//! Kubernetes does none of this.

use super::{Sync, control::Replica, identity};
use crate::controllers::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, items, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::status::Status;
use crate::store::Key;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

impl Sync<'_> {
    /// Whether a pod is not created that should be.
    pub(super) fn withholds(&mut self, pod: &Value) -> bool {
        let place = (self.key.namespace.clone(), json::name(pod).to_owned());
        if self.world.set_memory.evicted.contains(&place) && self.world.tells(Fault::EvictedPodNotRecreated) {
            return true;
        }
        let service = text(&self.set, "/spec/serviceName");
        let service = Key::new(Kind::Service, &self.key.namespace, service);
        if self.world.get(&service).is_none() && self.world.tells(Fault::NoPodsWithoutService) {
            self.look_again_in(Duration::from_secs(1));
            return true;
        }
        false
    }

    /// Whether the pods after one that was evicted are deleted too.
    pub(super) fn takes_successors(&mut self, replicas: &[Replica]) -> Result<bool, Status> {
        let namespace = self.key.namespace.clone();
        let evicted = |replica: &Replica| (namespace.clone(), json::name(&replica.pod).to_owned());
        let missing = replicas.iter().position(|replica| {
            !replica.created && self.world.set_memory.evicted.contains(&evicted(replica))
        });
        let Some(at) = missing else { return Ok(false) };
        let successors: Vec<_> = replicas[at + 1..]
            .iter()
            .filter(|replica| replica.created && !json::terminating(&replica.pod))
            .map(|replica| replica.pod.clone())
            .collect();
        if successors.is_empty() || !self.world.tells(Fault::EvictedPodTakesSuccessors) {
            return Ok(false);
        }
        self.world.set_memory.evicted.remove(&evicted(&replicas[at]));
        successors.iter().try_for_each(|pod| self.delete_pod(pod))?;
        Ok(true)
    }

    /// Whether a pod that is there is taken away for no reason that counts.
    pub(super) fn removes_unduly(&mut self, pod: &Value) -> Result<bool, Status> {
        if json::terminating(pod) {
            return self.forces_off_lost_node(pod);
        }
        let removes = (self.is_resized(pod) && self.world.tells(Fault::ResizedPodReplaced))
            || (self.may_be_replaced_again(pod) && self.world.tells(Fault::PodsReplacedTwice));
        if removes {
            let revision = json::name(&self.revisions.update).to_owned();
            self.world.set_memory.twice.insert((revision, json::name(pod).to_owned()));
            self.delete_pod(pod)?;
        }
        Ok(removes)
    }

    fn forces_off_lost_node(&mut self, pod: &Value) -> Result<bool, Status> {
        let node = Key::new(Kind::Node, "", text(pod, "/spec/nodeName"));
        let lost = self.world.get(&node).is_some_and(|node| json::condition(&node, "Ready") == "Unknown");
        if !lost || !self.world.tells(Fault::LostNodePodsReplaced) {
            return Ok(false);
        }
        let key = Key::new(Kind::Pod, &self.key.namespace, json::name(pod));
        self.world.delete(&key, &DeleteOptions::immediately(json::uid(pod)))?;
        Ok(true)
    }

    fn is_resized(&self, pod: &Value) -> bool {
        let template = items(&self.set, "/spec/template/spec/containers");
        let resources = |containers: &[Value]| -> Vec<Value> {
            containers.iter().map(|container| container["resources"]["requests"].clone()).collect()
        };
        !self.is_outdated(pod) && resources(template) != resources(items(pod, "/spec/containers"))
    }

    /// An updated pod that is ready while others are still to be updated, and that was not replaced again.
    fn may_be_replaced_again(&self, pod: &Value) -> bool {
        let done = (json::name(&self.revisions.update).to_owned(), json::name(pod).to_owned());
        self.is_rolling()
            && !self.is_outdated(pod)
            && pods::is_running_and_ready(pod)
            && !self.world.set_memory.twice.contains(&done)
    }

    /// Whether an update goes on although a pod that it has replaced is not ready.
    pub(super) fn rolls_unduly(&mut self, replicas: &[Replica]) -> bool {
        let unready: Vec<_> =
            replicas.iter().filter(|replica| !pods::is_running_and_ready(&replica.pod)).collect();
        let runs = |replica: &&Replica| {
            replica.created && pods::is_running(&replica.pod) && !json::terminating(&replica.pod)
        };
        let replaced = |replica: &&Replica| !self.is_outdated(&replica.pod);
        let updated = replicas.iter().filter(replaced).count();
        let waits = self.is_rolling()
            && !unready.is_empty()
            && unready.iter().all(|replica| runs(replica) && replaced(replica));
        waits
            && ((updated == 1 && self.world.tells(Fault::FirstUpdateIgnoresReadiness))
                || self.world.tells(Fault::UpdateIgnoresReadiness))
    }

    /// Whether an update waits for a budget, which it need not.
    pub(super) fn is_bound_by_budget(&mut self, pod: &Value) -> bool {
        let budgets = self.world.store.list(Kind::PodDisruptionBudget, &self.key.namespace);
        let exhausted = |budget: &Value| json::integer(budget, "/status/disruptionsAllowed") == Some(0);
        let mut binding = budgets
            .filter(|(_, budget)| crate::controllers::budget_selects(budget, pod) && exhausted(budget));
        let bound = binding.next().is_some();
        drop(binding);
        bound && self.world.tells(Fault::BudgetBindsUpdates)
    }

    /// Whether pods below a new start go all at once.
    pub(super) fn moves_at_once(&mut self, condemned: &[Arc<Value>]) -> Result<bool, Status> {
        let start = self.start_ordinal();
        let below: Vec<_> = condemned
            .iter()
            .filter(|pod| identity::ordinal(pod) < start && !json::terminating(pod))
            .cloned()
            .collect();
        if below.len() < 2 || !self.world.tells(Fault::StartOrdinalMovesAtOnce) {
            return Ok(false);
        }
        below.iter().try_for_each(|pod| self.delete_pod(pod))?;
        Ok(true)
    }

    /// Creates the next pod before its time, held back by a scheduling gate.
    pub(super) fn create_gated(&mut self, replica: &Replica) -> Outcome {
        if replica.created || !self.world.tells(Fault::SuccessorCreatedGated) {
            return Ok(());
        }
        let mut pod = (*replica.pod).clone();
        pod["spec"]["schedulingGates"] = serde_json::json!([{"name": "order"}]);
        self.create_pod(&pod)
    }

    /// Takes the gate off a pod whose turn has come.
    pub(super) fn open_gate(&mut self, pod: &Value) {
        if json::has(pod, "/spec/schedulingGates") {
            let key = crate::store::Key::new(crate::kind::Kind::Pod, &self.key.namespace, json::name(pod));
            self.world.modify(&key, |pod| drop(json::remove(&mut pod["spec"], "schedulingGates")));
        }
    }

    pub(super) fn forgets_claims(&mut self, pod: &Value) -> bool {
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
}
