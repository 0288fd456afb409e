//! Who hears of a change: the informers' event handlers, in one place.
//!
//! Follows the handlers that the constructors of the controllers add, such as `NewStatefulSetController` of
//! `pkg/controller/statefulset/stateful_set.go`, and `pkg/scheduler/eventhandlers.go`.

use crate::json::{self, items, text};
use crate::kind::Kind;
use crate::queue::Component;
use crate::selector::{label_selector_matches, map_matches};
use crate::store::{Action, Change, Key};
use crate::world::World;
use serde_json::Value;

/// Queues a change for the controllers that it concerns.
pub(crate) fn route(world: &mut World, change: &Change) {
    let key = &change.key;
    match key.kind {
        Kind::Pod => pod(world, change),
        Kind::StatefulSet => {
            world.queue.add(Component::StatefulSet, key);
            budgets(world, &key.namespace, |_| true);
        }
        Kind::Deployment => world.queue.add(Component::Deployment, key),
        Kind::ReplicaSet => {
            world.queue.add(Component::ReplicaSet, key);
            owner(world, change, Kind::Deployment, Component::Deployment);
        }
        Kind::ControllerRevision => owner(world, change, Kind::StatefulSet, Component::StatefulSet),
        Kind::Service => {
            world.queue.add(Component::EndpointSlice, key);
            world.queue.add(Component::Endpoints, key);
            world.queue.add(Component::Dns, key);
        }
        Kind::EndpointSlice => world.queue.add(Component::Dns, key),
        Kind::PersistentVolumeClaim => claim(world, change),
        Kind::PersistentVolume => volume(world, change),
        Kind::PodDisruptionBudget => world.queue.add(Component::Disruption, key),
        Kind::ResourceQuota => world.queue.add(Component::Quota, key),
        Kind::Namespace => {
            world.queue.add(Component::Namespace, key);
            world.queue.add(Component::ServiceAccount, key);
        }
        Kind::Node => {
            world.queue.add(Component::NodeLifecycle, key);
            pending_pods(world, "");
        }
        _ => {}
    }
    quotas(world, change);
    garbage(world, change);
}

fn budgets(world: &mut World, namespace: &str, concerns: impl Fn(&Value) -> bool) {
    let budgets = world.store.list(Kind::PodDisruptionBudget, namespace);
    let keys: Vec<Key> = budgets.filter(|(_, budget)| concerns(budget)).map(|(key, _)| key.clone()).collect();
    keys.iter().for_each(|key| world.queue.add(Component::Disruption, key));
}

/// What an object that has ended counted for is free again.
fn quotas(world: &mut World, change: &Change) {
    let ended = change.action == Action::Deleted
        || (change.key.kind == Kind::Pod && super::pods::is_terminal(&change.object));
    if change.key.kind == Kind::ResourceQuota || !ended {
        return;
    }
    let quotas = world.store.list(Kind::ResourceQuota, &change.key.namespace);
    let keys: Vec<Key> = quotas.map(|(key, _)| key.clone()).collect();
    keys.iter().for_each(|key| world.queue.add(Component::Quota, key));
}

fn pod(world: &mut World, change: &Change) {
    let (key, pod) = (&change.key, &change.object);
    let scheduled = json::has(pod, "/spec/nodeName");
    if scheduled {
        world.queue.add(Component::Kubelet, key);
    } else if change.action != Action::Deleted {
        world.queue.add(Component::Scheduler, key);
    }
    pod_owners(world, change);
    pod_services(world, change);
    if change.action == Action::Deleted {
        pending_pods(world, "");
    }
    let states: Vec<_> = [Some(pod), change.previous.as_ref()].into_iter().flatten().cloned().collect();
    budgets(world, &key.namespace, |budget| states.iter().any(|pod| super::budget_selects(budget, pod)));
    for volume in items(pod, "/spec/volumes") {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        if !claim.is_empty() {
            let claim = Key::new(Kind::PersistentVolumeClaim, &key.namespace, claim);
            world.queue.add(Component::VolumeProtection, &claim);
        }
    }
}

/// The controller that owns the pod now or did before; for an orphan, those whose selector matches.
fn pod_owners(world: &mut World, change: &Change) {
    owner(world, change, Kind::StatefulSet, Component::StatefulSet);
    owner(world, change, Kind::ReplicaSet, Component::ReplicaSet);
    if json::controller(&change.object).is_some() {
        return;
    }
    let labels = &change.object["metadata"]["labels"];
    for (kind, component) in
        [(Kind::StatefulSet, Component::StatefulSet), (Kind::ReplicaSet, Component::ReplicaSet)]
    {
        let matches = |set: &Value| label_selector_matches(&set["spec"]["selector"], labels);
        let sets = world.store.list(kind, &change.key.namespace).filter(|(_, set)| matches(set));
        let keys: Vec<Key> = sets.map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| world.queue.add(component, key));
    }
}

fn owner(world: &mut World, change: &Change, kind: Kind, component: Component) {
    for object in [Some(&change.object), change.previous.as_ref()].into_iter().flatten() {
        let Some(owner) = json::controller(object).filter(|owner| owner["kind"] == kind.info().name) else {
            continue;
        };
        let key = Key::new(kind, &change.key.namespace, text(owner, "/name"));
        world.queue.add(component, &key);
    }
}

fn pod_services(world: &mut World, change: &Change) {
    let labels: Vec<&Value> = [Some(&change.object), change.previous.as_ref()]
        .into_iter()
        .flatten()
        .map(|pod| &pod["metadata"]["labels"])
        .collect();
    let selects = |service: &Value| {
        let selector = &service["spec"]["selector"];
        selector.is_object() && labels.iter().any(|labels| map_matches(selector, labels))
    };
    let services = world.store.list(Kind::Service, &change.key.namespace);
    let keys: Vec<Key> =
        services.filter(|(_, service)| selects(service)).map(|(key, _)| key.clone()).collect();
    for key in &keys {
        world.queue.add(Component::EndpointSlice, key);
        world.queue.add(Component::Endpoints, key);
    }
}

fn claim(world: &mut World, change: &Change) {
    world.queue.add(Component::VolumeBinder, &change.key);
    world.queue.add(Component::VolumeProtection, &change.key);
    pending_pods(world, &change.key.namespace);
    let volume = text(&change.object, "/spec/volumeName");
    if !volume.is_empty() {
        let volume = Key::new(Kind::PersistentVolume, "", volume);
        world.queue.add(Component::VolumeBinder, &volume);
    }
}

fn volume(world: &mut World, change: &Change) {
    world.queue.add(Component::VolumeBinder, &change.key);
    world.queue.add(Component::VolumeProtection, &change.key);
    let unbound = |claim: &Value| !json::has(claim, "/spec/volumeName");
    let claims = world.store.list(Kind::PersistentVolumeClaim, "").filter(|(_, claim)| unbound(claim));
    let keys: Vec<Key> = claims.map(|(key, _)| key.clone()).collect();
    keys.iter().for_each(|key| world.queue.add(Component::VolumeBinder, key));
}

/// Pods without a node may find one after this change.
fn pending_pods(world: &mut World, namespace: &str) {
    let waiting =
        |pod: &Value| !json::has(pod, "/spec/nodeName") && json::condition(pod, "PodScheduled") == "False";
    let pods = world.store.list(Kind::Pod, namespace).filter(|(_, pod)| waiting(pod));
    let keys: Vec<Key> = pods.map(|(key, _)| key.clone()).collect();
    keys.iter().for_each(|key| world.queue.add(Component::Scheduler, key));
}

fn garbage(world: &mut World, change: &Change) {
    let object = &change.object;
    if change.action != Action::Deleted {
        let waits = items(object, "/metadata/finalizers")
            .iter()
            .any(|finalizer| finalizer == "foregroundDeletion" || finalizer == "orphan");
        let fresh = change.action == Action::Added && !items(object, "/metadata/ownerReferences").is_empty();
        if fresh || (waits && json::terminating(object)) {
            world.queue.add(Component::GarbageCollector, &change.key);
        }
        return;
    }
    for dependent in world.store.dependents(json::uid(object)) {
        world.queue.add(Component::GarbageCollector, &dependent);
    }
    for owner in items(object, "/metadata/ownerReferences") {
        if let Some(key) = world.store.key_of_uid(text(owner, "/uid")).cloned() {
            world.queue.add(Component::GarbageCollector, &key);
        }
    }
    let namespace = Key::new(Kind::Namespace, "", &change.key.namespace);
    if world.store.get(&namespace).is_some_and(|namespace| json::terminating(namespace)) {
        world.queue.add(Component::Namespace, &namespace);
    }
}
