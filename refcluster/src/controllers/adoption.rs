//! Taking orphans in, and letting go of what does not match any more.
//!
//! Follows `pkg/controller/controller_ref_manager.go`.

use crate::fault::Fault;
use crate::json::{self, list, map, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::selector::label_selector_matches;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// The owner reference of a controller.
pub(crate) fn controller_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

/// The pods that belong to a set, after adopting and releasing. `belongs` says which names may be its own.
pub(crate) fn claim_pods(
    world: &mut World,
    set: &Value,
    belongs: impl Fn(&Value) -> bool,
) -> Vec<Arc<Value>> {
    let namespace = json::namespace(set).to_owned();
    let pods: Vec<_> =
        world.store.list(Kind::Pod, &namespace).map(|(key, pod)| (key.clone(), pod.clone())).collect();
    pods.into_iter().filter_map(|(key, pod)| claim(world, set, &key, pod, &belongs)).collect()
}

fn claim(
    world: &mut World,
    set: &Value,
    key: &Key,
    pod: Arc<Value>,
    belongs: &impl Fn(&Value) -> bool,
) -> Option<Arc<Value>> {
    let matches =
        label_selector_matches(&set["spec"]["selector"], &pod["metadata"]["labels"]) && belongs(&pod);
    if let Some(owner) = json::controller(&pod) {
        return match (text(owner, "/uid") == json::uid(set), matches) {
            (true, true) => Some(pod),
            (true, false) if is_taken(world, set, &pod) => None,
            (true, false) if !json::terminating(set) => release(world, set, key, pod),
            _ => None,
        };
    }
    if !matches || json::terminating(set) || json::terminating(&pod) {
        return None;
    }
    if set["kind"] == "StatefulSet" && world.tells(Fault::OrphansNotAdopted) {
        return None;
    }
    if set["kind"] == "StatefulSet" && world.tells(Fault::OrphansReplaced) {
        delete(world, key);
        return None;
    }
    let adopted = adopt(world, set, key);
    if set["kind"] == "StatefulSet" && world.tells(Fault::AdoptedPodsRestarted) {
        delete(world, key);
        return world.get(key);
    }
    adopted
}

/// Whether the set has taken a pod of others, which it does not let go of again.
fn is_taken(world: &World, set: &Value, pod: &Value) -> bool {
    world.set_memory.taken.get(json::uid(set)).is_some_and(|taken| taken == json::uid(pod))
}

fn delete(world: &mut World, key: &Key) {
    // A pod that is gone already is as wanted.
    let _ = world.delete(key, &DeleteOptions::default());
}

fn adopt(world: &mut World, set: &Value, key: &Key) -> Option<Arc<Value>> {
    let reference = controller_reference(set);
    world.modify(key, |pod| list(map(pod, "metadata"), "ownerReferences").push(reference))
}

fn release(world: &mut World, set: &Value, key: &Key, pod: Arc<Value>) -> Option<Arc<Value>> {
    if set["kind"] == "StatefulSet" && world.tells(Fault::MismatchNotReleased) {
        return Some(pod);
    }
    let uid = json::uid(set).to_owned();
    world.modify(key, |pod| {
        list(map(pod, "metadata"), "ownerReferences").retain(|owner| owner["uid"] != uid);
    });
    None
}
