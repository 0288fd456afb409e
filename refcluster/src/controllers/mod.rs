//! The controllers, and who is told about which change.
//!
//! Every controller is a function from a key to writes: it reads the objects as they are when its turn comes,
//! which the queue delays, and acts. None keeps state that it could not read again, apart from what the lies need.

pub(crate) mod adoption;
mod deployment;
mod disruption;
mod dns_watch;
mod endpoint_slice;
mod endpoints;
mod events;
mod garbage;
mod namespace;
mod node_lifecycle;
pub(crate) mod pods;
mod provisioner;
mod quota;
mod replica_set;
mod routes;
mod scheduler;
mod service_account;
mod statefulset;
mod taints;
mod volume_binder;
mod volume_protection;

pub(crate) use disruption::selects as budget_selects;
pub(crate) use events::Memory as EventMemory;
pub(crate) use node_lifecycle::disrupt;
pub(crate) use routes::route;
pub(crate) use statefulset::Memory as SetMemory;
pub(crate) use statefulset::identity::parent_and_ordinal;

use crate::kubelet;
use crate::queue::{Component, Work};
use crate::status::Status;
use crate::world::World;

/// Lets a component do its work.
pub(crate) fn sync(world: &mut World, work: &Work) {
    let key = &work.key;
    let outcome = match work.component {
        Component::StatefulSet => statefulset::sync(world, key),
        Component::Deployment => deployment::sync(world, key),
        Component::ReplicaSet => replica_set::sync(world, key),
        Component::EndpointSlice => endpoint_slice::sync(world, key),
        Component::Endpoints => endpoints::sync(world, key),
        Component::GarbageCollector => garbage::sync(world, key),
        Component::Namespace => namespace::sync(world, key),
        Component::ServiceAccount => service_account::sync(world, key),
        Component::VolumeBinder => volume_binder::sync(world, key),
        Component::Provisioner => provisioner::sync(world, key),
        Component::VolumeProtection => volume_protection::sync(world, key),
        Component::Scheduler => scheduler::sync(world, key),
        Component::Kubelet => kubelet::sync(world, key),
        Component::Dns => dns_watch::sync(world, key),
        Component::Disruption => disruption::sync(world, key),
        Component::Heartbeat => kubelet::beat(world, key),
        Component::Quota => quota::sync(world, key),
        Component::NodeLifecycle => node_lifecycle::sync(world, key),
    };
    match outcome {
        Ok(()) => world.queue.forget(work),
        Err(_) => world.queue.retry(work),
    }
}

/// A controller's result: an error means that it has to try again.
pub(crate) type Outcome = Result<(), Status>;
