//! The kubelets: they run the pods of their nodes.
//!
//! Follows `pkg/kubelet` (pod workers, probes, status) and the documentation's page on the pod lifecycle. Each pod
//! has one task that brings it up and takes it down, and each container one that runs it and runs it again.

mod address;
pub(crate) mod conditions;
mod container;
mod environment;
pub(crate) mod filesystem;
mod heartbeat;
mod image;
mod outage;
mod probe;
mod resize;
mod status;
mod stop;
mod supervisor;
mod system_files;
mod volumes;
mod worker;

pub(crate) use container::{Container, PodId};
pub(crate) use heartbeat::{beat, conditions as node_conditions};
pub(crate) use outage::Outage;
pub(crate) use resize::requested;

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
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a pod's task is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// The containers end, and the pod stays, Failed or Succeeded.
    Finish {
        grace_secs: u64,
    },
    Stop {
        grace_secs: u64,
    },
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
    /// Why the pod was ended before its time, as its status says it.
    ended: Option<(&'static str, &'static str)>,
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
    outages: BTreeMap<String, Outage>,
    returning: BTreeSet<String>,
    shutting_down: BTreeMap<String, Instant>,
    heartbeats: BTreeMap<String, Instant>,
    mounted_before: BTreeSet<String>,
    first_nodes: BTreeMap<String, String>,
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
            outages: BTreeMap::new(),
            returning: BTreeSet::new(),
            shutting_down: BTreeMap::new(),
            heartbeats: (0..nodes).map(|index| (node_name(index), Instant::now())).collect(),
            mounted_before: BTreeSet::new(),
            first_nodes: BTreeMap::new(),
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

    /// How long a node has given no sign of life.
    pub(crate) fn silence(&self, node: &str) -> Duration {
        self.heartbeats.get(node).map(Instant::elapsed).unwrap_or_default()
    }

    /// Whether another pod of the node has one of these host ports.
    pub(crate) fn takes_host_port(&self, node: &str, ports: &[i64]) -> bool {
        let others = self.pods.values().filter(|other| other.node == node && !other.host_ports.is_empty());
        others.into_iter().any(|other| other.host_ports.iter().any(|port| ports.contains(port)))
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
        let hears = !world.kubelets.outages.contains_key(&runtime.node);
        if runtime.key == *key && runtime.id.uid != uid && hears {
            runtime.order(Order::Stop { grace_secs: 1 });
        }
    }
    let Some(pod) = pod else { return Ok(()) };
    let node = text(&pod, "/spec/nodeName").to_owned();
    if !world.kubelets.addresses.contains_key(&node) || world.outage(&node).is_some() {
        return Ok(());
    }
    let grace_secs = integer(&pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(0).max(0) as u64;
    match world.kubelets.pods.get(&uid) {
        Some(runtime) if json::terminating(&pod) => runtime.order(Order::Stop { grace_secs }),
        Some(runtime) if crate::controllers::pods::is_terminal(&pod) => {
            runtime.order(Order::Finish {
                grace_secs: integer(&pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30).max(0) as u64,
            });
        }
        Some(_) => resize::resize(world, key, &pod),
        None if crate::controllers::pods::is_terminal(&pod) => worker::finish_terminal(world, key, &pod),
        None => worker::start(world, key, pod, node),
    }
    Ok(())
}

impl PodRuntime {
    fn order(&self, order: Order) {
        self.orders.send_if_modified(|present| {
            let steps_back = matches!((*present, order), (Order::Stop { .. }, Order::Finish { .. }));
            let changes = *present != order && !steps_back;
            if !changes {
                return false;
            }
            *present = order;
            true
        });
    }
}
