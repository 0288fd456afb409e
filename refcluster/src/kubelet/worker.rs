//! The life of a pod on its node, from the first look at it to its end.
//!
//! Follows `pkg/kubelet/pod_workers.go` and `syncPod` of `pkg/kubelet/kubelet.go`.

use super::status::ContainerState;
use super::volumes::{self, PodVolumes};
use super::{Order, PodId, PodRuntime, stop, supervisor, system_files};
use crate::fault::Fault;
use crate::json::{self, items, text};
use crate::registry::DeleteOptions;
use crate::store::Key;
use crate::world::{Shared, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often a kubelet looks again for something that a pod waits for.
const RETRY: Duration = Duration::from_secs(1);

/// A pod that a kubelet runs.
#[derive(Clone)]
pub(super) struct Pod {
    pub(super) shared: Shared,
    pub(super) id: PodId,
    pub(super) key: Key,
    pub(super) object: Arc<Value>,
}

/// Takes a pod on.
pub(super) fn start(world: &mut World, key: &Key, object: Arc<Value>, node: String) {
    let Some(shared) = world.shared() else { return };
    let id = PodId {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: json::uid(&object).to_owned(),
    };
    let (orders, receiver) = watch::channel(Order::Run);
    let containers =
        ["/spec/initContainers", "/spec/containers"].into_iter().flat_map(|pointer| items(&object, pointer));
    let waiting = containers.clone().map(|container| {
        let state = ContainerState::waiting(container, "ContainerCreating");
        (text(container, "/name").to_owned(), state)
    });
    let host_ports = containers.clone().flat_map(|container| items(container, "/ports"));
    let host_ports: Vec<i64> = host_ports.filter_map(|port| port["hostPort"].as_i64()).collect();
    let taken = world.kubelets.takes_host_port(&node, &host_ports);
    let message = rejection(world, key, &object, taken);
    let runtime = PodRuntime {
        id: id.clone(),
        key: key.clone(),
        node,
        orders,
        addresses: Vec::new(),
        started_at: world.clock.timestamp(),
        initialized: items(&object, "/spec/initContainers").is_empty(),
        stopping: false,
        ended: None,
        rejected: taken.then_some(("NodePorts", message)),
        containers: waiting.collect::<BTreeMap<_, _>>(),
        host_ports: if taken { Vec::new() } else { host_ports },
    };
    world.kubelets.pods.insert(id.uid.clone(), runtime);
    let pod = Pod { shared, id, key: key.clone(), object };
    world.spawn(run(pod, receiver));
}

/// Why a pod whose host port is taken does not run; an event says so too.
fn rejection(world: &mut World, key: &Key, pod: &Value, taken: bool) -> String {
    let why = match world.release.since(27) {
        true => "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        false => "Predicate NodePorts failed",
    };
    if taken && world.get(key).is_some() {
        world.event("kubelet", pod, "Warning", "NodePorts", why);
    }
    let head = if world.release.since(27) { "Pod was rejected: " } else { "Pod " };
    format!("{head}{why}")
}

/// Removes a pod that has ended before this kubelet knew it and that is to be deleted.
pub(super) fn finish_terminal(world: &mut World, key: &Key, pod: &Value) {
    if json::terminating(pod) {
        // If it is gone already, so much the better.
        let _ = world.delete(key, &DeleteOptions::immediately(json::uid(pod)));
    }
}

async fn run(pod: Pod, mut orders: watch::Receiver<Order>) {
    let stopped = tokio::select! {
        biased;
        _ = orders.wait_for(|order| *order != Order::Run) => true,
        () = live(&pod) => false,
    };
    if !stopped {
        // All containers have ended for good: the pod stays until someone deletes it.
        let _ = orders.wait_for(|order| *order != Order::Run).await;
    }
    if matches!(*orders.borrow(), Order::Stop { .. }) {
        loss_lies(&pod);
    }
    stop::stop_containers(&pod, orders.clone()).await;
    if matches!(*orders.borrow(), Order::Finish { .. }) {
        pod.shared.lock().publish(&pod.id.uid);
        let _ = orders.wait_for(|order| matches!(order, Order::Stop { .. })).await;
    }
    clean_up(&pod).await;
}

/// What a bad kubelet does when a pod is deleted.
fn loss_lies(pod: &Pod) {
    let mut world = pod.shared.lock();
    let of_set = crate::controllers::parent_and_ordinal(&pod.id.name).is_some();
    if of_set && world.tells(Fault::LossRestartsSurvivors) {
        stop::kill_siblings(&mut world, &pod.id);
    }
    drop(world);
    if has_containers(pod) && pod.shared.lock().tells(Fault::ObjectGoneBeforeContainer) {
        delete_object(pod);
    }
}

/// Volumes, address, init containers, containers. Returns when nothing will run any more.
async fn live(pod: &Pod) {
    let uid = &pod.id.uid;
    pause(pod, 10..60).await;
    pod.shared.lock().publish(uid);
    if pod.shared.lock().kubelets.pods.get(uid).is_none_or(|runtime| runtime.rejected.is_some()) {
        return;
    }
    pause(pod, 50..200).await;
    let addresses = assign_addresses(pod).await;
    let Some(volumes) = mount(pod, &addresses).await else { return };
    pod.shared.lock().publish(uid);
    wait_for_sandbox(pod).await;
    pause(pod, 50..200).await;
    for init in items(&pod.object, "/spec/initContainers") {
        if !supervisor::run_init(pod, init, &volumes).await {
            return;
        }
    }
    if let Some(runtime) = pod.shared.lock().kubelets.pods.get_mut(uid) {
        runtime.initialized = true;
    }
    let containers = items(&pod.object, "/spec/containers").iter();
    let running: Vec<_> =
        containers.map(|container| supervisor::start(pod, container.clone(), &volumes)).collect();
    for mut done in running {
        // The sender is dropped when the container will not run again.
        let _ = done.wait_for(|done| *done).await;
    }
}

pub(super) async fn pause(pod: &Pod, millis: std::ops::Range<u64>) {
    let delay = Duration::from_millis(pod.shared.lock().kubelets.chance.within(millis));
    sleep(delay).await;
}

async fn assign_addresses(pod: &Pod) -> Vec<String> {
    loop {
        let assigned = pod.shared.lock().assign_addresses(&pod.id.uid);
        if let Some(addresses) = assigned {
            return addresses;
        }
        sleep(RETRY).await;
    }
}

/// A sandbox whose hostname would be too long is tried again and again, and does not come to be.
async fn wait_for_sandbox(pod: &Pod) {
    loop {
        let why = system_files::too_long_hostname(&mut pod.shared.lock(), &pod.object);
        let Some(why) = why else { return };
        let message = format!("Failed to create pod sandbox: {why}");
        pod.shared.lock().event("kubelet", &pod.object, "Warning", "FailedCreatePodSandBox", &message);
        pause(pod, 10_000..15_000).await;
    }
}

async fn mount(pod: &Pod, addresses: &[String]) -> Option<PodVolumes> {
    loop {
        let volumes = volumes::prepare(&mut pod.shared.lock(), &pod.object, addresses);
        if volumes.is_some() {
            return volumes;
        }
        sleep(RETRY).await;
    }
}

/// Whether something of the pod still runs.
fn has_containers(pod: &Pod) -> bool {
    let world = pod.shared.lock();
    let runtime = world.kubelets.pods.get(&pod.id.uid);
    runtime.is_some_and(|runtime| runtime.containers.values().any(|state| state.running.is_some()))
}

async fn clean_up(pod: &Pod) {
    let uid = &pod.id.uid;
    pod.wait_for_api().await;
    pod.shared.lock().publish(uid);
    pause(pod, 20..120).await;
    pod.wait_for_api().await;
    {
        let mut world = pod.shared.lock();
        if let Some(runtime) = world.kubelets.pods.remove(uid) {
            for address in &runtime.addresses {
                world.network.leave(address);
                if let Some(addresses) = world.kubelets.addresses.get_mut(&runtime.node) {
                    addresses.release(address);
                }
            }
        }
    }
    delete_object(pod);
}

fn delete_object(pod: &Pod) {
    // A pod that is gone already, or a newer one of its name, is not this kubelet's to delete.
    let _ = pod.shared.lock().delete(&pod.key, &DeleteOptions::immediately(&pod.id.uid));
}

impl World {
    /// Gives a pod a new address, as no honest kubelet does while the pod lives.
    pub(super) fn change_addresses(&mut self, uid: &str) {
        let Some(runtime) = self.kubelets.pods.get_mut(uid) else { return };
        let (old, node) = (std::mem::take(&mut runtime.addresses), runtime.node.clone());
        for address in old {
            self.network.leave(&address);
            if let Some(range) = self.kubelets.addresses.get_mut(&node) {
                range.release(&address);
            }
        }
        self.assign_addresses(uid);
    }

    fn assign_addresses(&mut self, uid: &str) -> Option<Vec<String>> {
        let kubelets = &mut self.kubelets;
        let runtime = kubelets.pods.get_mut(uid)?;
        let range = kubelets.addresses.get_mut(&runtime.node)?;
        let number = range.reserve()?;
        let addresses = kubelets.ip_families.of_pod(range.node(), number);
        runtime.addresses = addresses.clone();
        let node = runtime.node.clone();
        addresses.iter().for_each(|address| self.network.join(address, &node));
        Some(addresses)
    }
}
