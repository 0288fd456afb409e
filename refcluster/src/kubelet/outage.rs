//! Nodes that are out: their kubelet stopped, or the node cut off from the network.
//!
//! What runs on such a node goes on running; nobody probes it, restarts it or tells of it, or nobody hears what is told.

use super::Order;
use super::worker::Pod;
use crate::json::{list, map};
use crate::kind::Kind;
use crate::queue::Component;
use crate::store::Key;
use crate::world::World;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The kubelet does not run.
    Stopped,
    /// The node reaches nobody, and nobody reaches it.
    Cut,
}

/// How long a kubelet takes to register its node again.
const RETURN_MILLIS: std::ops::Range<u64> = 1_000..4_000;

/// How long the pods of a node that shuts down have.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// How often something that needs the kubelet looks whether it is back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl World {
    /// Takes a node out, or lets it come back. False if there is no such node.
    pub(crate) fn set_outage(&mut self, node: &str, outage: Option<Outage>) -> bool {
        if !self.kubelets.addresses.contains_key(node) {
            return false;
        }
        let key = Key::new(Kind::Node, "", node);
        self.network.cut_off(node, outage == Some(Outage::Cut));
        match outage {
            Some(outage) => {
                self.kubelets.outages.insert(node.to_owned(), outage);
                self.queue.add_after(Component::NodeLifecycle, &key, Duration::from_secs(5));
            }
            None => {
                let delay = self.delay(RETURN_MILLIS);
                self.kubelets.returning.insert(node.to_owned());
                self.queue.add_after(Component::Heartbeat, &key, delay);
            }
        }
        true
    }

    /// Ends a node's pods in good order, and half a minute later its kubelet. False if there is no such node.
    ///
    /// Follows `pkg/kubelet/nodeshutdown`.
    pub(crate) fn shut_down_node(&mut self, node: &str) -> bool {
        if !self.kubelets.addresses.contains_key(node) {
            return false;
        }
        let key = Key::new(Kind::Node, "", node);
        let now = self.clock.timestamp();
        self.kubelets.shutting_down.insert(node.to_owned(), Instant::now() + SHUTDOWN);
        self.queue.add_after(Component::Heartbeat, &key, SHUTDOWN);
        self.modify(&key, |node| {
            for condition in list(map(node, "status"), "conditions") {
                if condition["type"] == "Ready" {
                    *condition = json!({
                        "type": "Ready", "status": "False", "reason": "KubeletNotReady",
                        "message": "node is shutting down", "lastHeartbeatTime": now, "lastTransitionTime": now,
                    });
                }
            }
        });
        for runtime in self.kubelets.pods.values_mut().filter(|runtime| runtime.node == node) {
            runtime.ended = Some(("Terminated", "Pod was terminated in response to imminent node shutdown."));
            runtime.order(Order::Finish { grace_secs: SHUTDOWN.as_secs() });
        }
        true
    }

    /// The time for a shutdown is over: the kubelet ends too.
    pub(super) fn finish_shutdown(&mut self, node: &str) {
        let over = self.kubelets.shutting_down.get(node).is_some_and(|until| *until <= Instant::now());
        if over && self.kubelets.shutting_down.remove(node).is_some() {
            self.set_outage(node, Some(Outage::Stopped));
        }
    }

    pub(crate) fn outage(&self, node: &str) -> Option<Outage> {
        self.kubelets.outages.get(node).copied()
    }

    /// A kubelet reaches the API server again: it looks at all its pods and tells how they are.
    pub(super) fn end_outage(&mut self, node: &str) {
        if !self.kubelets.returning.remove(node) || self.kubelets.outages.remove(node).is_none() {
            return;
        }
        let own = self.kubelets.pods.values().filter(|runtime| runtime.node == node);
        let (uids, keys): (Vec<_>, Vec<_>) =
            own.map(|runtime| (runtime.id.uid.clone(), runtime.key.clone())).unzip();
        let bound = self.store.list(Kind::Pod, "");
        let bound = bound.filter(|(_, pod)| pod["spec"]["nodeName"] == node).map(|(key, _)| key.clone());
        for key in keys.into_iter().chain(bound.collect::<Vec<_>>()) {
            self.queue.add(Component::Kubelet, &key);
        }
        uids.iter().for_each(|uid| self.publish(uid));
    }
}

impl Pod {
    fn outage(&self) -> Option<Outage> {
        let world = self.shared.lock();
        let node = &world.kubelets.pods.get(&self.id.uid)?.node;
        world.outage(node)
    }

    /// Waits until the kubelet runs.
    pub(super) async fn wait_for_kubelet(&self) {
        while self.outage() == Some(Outage::Stopped) {
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the kubelet runs and reaches the API server.
    pub(super) async fn wait_for_api(&self) {
        while self.outage().is_some() {
            sleep(LOOK_AGAIN).await;
        }
    }
}
