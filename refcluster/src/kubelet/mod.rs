//! The kubelets: they run the pods of their nodes.
//!
//! Follows `pkg/kubelet` (pod workers, probes, status) and the documentation's page on the pod lifecycle. Each pod
//! has one task that brings it up and takes it down, and each container one that runs it and runs it again.

mod address;
pub(crate) mod conditions;
mod container;
mod environment;
pub(crate) mod filesystem;
mod image;
mod probe;
mod status;
mod stop;
mod supervisor;
mod system_files;
mod volumes;
mod worker;

pub(crate) use container::{Container, PodId};

use crate::controllers::Outcome;
use crate::json::{self, integer, text};
use crate::options::IpFamilies;
use crate::rng::Rng;
use crate::store::Key;
use crate::world::World;
use address::Addresses;
use filesystem::Volume;
use serde_json::Value;
use status::ContainerState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// What a pod's task is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    Stop { grace_secs: u64 },
}

/// What a kubelet knows of a pod that it runs.
#[derive(Debug)]
pub(crate) struct PodRuntime {
    id: PodId,
    key: Key,
    node: String,
    orders: watch::Sender<Order>,
    addresses: Vec<String>,
    started_at: String,
    initialized: bool,
    stopping: bool,
    rejected: Option<(&'static str, String)>,
    containers: BTreeMap<String, ContainerState>,
    host_ports: Vec<i64>,
}

/// All kubelets.
#[derive(Debug)]
pub(crate) struct Kubelets {
    addresses: BTreeMap<String, Addresses>,
    pods: BTreeMap<String, PodRuntime>,
    volumes: BTreeMap<String, Arc<Volume>>,
    mounted_before: BTreeSet<String>,
    kept_roots: BTreeMap<String, Arc<Volume>>,
    ip_families: IpFamilies,
    chance: Rng,
}

impl Kubelets {
    pub(crate) fn new(seed: u64, nodes: usize, ip_families: IpFamilies) -> Self {
        let addresses = (0..nodes).map(|index| (node_name(index), Addresses::of_node(index)));
        Self {
            addresses: addresses.collect(),
            pods: BTreeMap::new(),
            volumes: BTreeMap::new(),
            mounted_before: BTreeSet::new(),
            kept_roots: BTreeMap::new(),
            ip_families,
            chance: Rng::named(seed, "kubelet"),
        }
    }

    /// The container of a pod that runs; without a name, the first one.
    pub(crate) fn container(&self, pod: &Value, name: &str) -> Option<Arc<Container>> {
        let first = text(pod, "/spec/containers/0/name");
        let name = if name.is_empty() { first } else { name };
        self.pods.get(json::uid(pod))?.containers.get(name)?.running.clone()
    }

    /// What a container writes to its log; nothing before it has started.
    pub(crate) fn log(&self, pod: &Value, name: &str) -> Option<Arc<Mutex<Vec<u8>>>> {
        self.pods.get(json::uid(pod))?.containers.get(name)?.log.clone()
    }

    /// Forgets the data of a volume that is deleted.
    pub(crate) fn forget_volume(&mut self, volume: &Value) {
        self.volumes.remove(&volumes::volume_id(volume));
    }
}

pub(crate) fn node_name(index: usize) -> String {
    format!("node-{index}")
}

/// Starts, changes or stops what runs, so that it becomes what the API server says about a pod.
pub(crate) fn sync(world: &mut World, key: &Key) -> Outcome {
    let pod = world.get(key);
    let uid = pod.as_ref().map(|pod| json::uid(pod).to_owned()).unwrap_or_default();
    for runtime in world.kubelets.pods.values() {
        if runtime.key == *key && runtime.id.uid != uid {
            runtime.order(Order::Stop { grace_secs: 1 });
        }
    }
    let Some(pod) = pod else { return Ok(()) };
    let node = text(&pod, "/spec/nodeName").to_owned();
    if !world.kubelets.addresses.contains_key(&node) {
        return Ok(());
    }
    let grace_secs = integer(&pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(0).max(0) as u64;
    match world.kubelets.pods.get(&uid) {
        Some(runtime) if json::terminating(&pod) => runtime.order(Order::Stop { grace_secs }),
        Some(_) => {}
        None if crate::controllers::pods::is_terminal(&pod) => worker::finish_terminal(world, key, &pod),
        None => worker::start(world, key, pod, node),
    }
    Ok(())
}

impl PodRuntime {
    fn order(&self, order: Order) {
        self.orders.send_if_modified(|present| {
            let changes = *present != order;
            *present = order;
            changes
        });
    }
}
