//! How the controller takes what belongs to others, when it is told to. Kubernetes does none of this.

use super::identity;
use crate::controllers::adoption::controller_reference;
use crate::fault::Fault;
use crate::json::{self, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::selector::label_selector_matches;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

/// Takes over one pod that is another's, once for each set.
pub(super) fn take_over(world: &mut World, set: &Value) {
    let uid = json::uid(set).to_owned();
    if json::terminating(set) || world.set_memory.taken.contains_key(&uid) {
        return;
    }
    for (fault, wants) in [
        (Fault::AdoptsBySelectorOnly, matches_only as fn(&Value, &Value) -> bool),
        (Fault::AdoptsAcrossSets, shares_service),
    ] {
        let pods = world.store.list(Kind::Pod, json::namespace(set));
        let found = pods
            .filter(|(_, pod)| wants(set, pod))
            .map(|(key, pod)| (key.clone(), json::uid(pod).to_owned()))
            .next();
        if let Some((key, pod)) = found
            && world.tells(fault)
        {
            world.set_memory.taken.insert(uid.clone(), pod);
            take(world, set, &key);
        }
    }
}

/// Deletes the pods of others that have the labels of the set.
pub(super) fn delete_foreign(world: &mut World, set: &Value) {
    let foreign = |pod: &Value| {
        let controller = json::controller(pod).map(|owner| owner["uid"].clone());
        matches_only(set, pod) && controller.is_some_and(|uid| uid != *json::uid(set))
    };
    let pods = world.store.list(Kind::Pod, json::namespace(set));
    let found: Vec<_> = pods.filter(|(_, pod)| foreign(pod)).map(|(key, _)| key.clone()).collect();
    for key in found {
        if world.tells(Fault::ForeignPodsDeleted) {
            // A pod that is gone already is as wanted.
            let _ = world.delete(&key, &DeleteOptions::default());
        }
    }
}

fn take(world: &mut World, set: &Value, key: &Key) {
    let reference = controller_reference(set);
    world.modify(key, |pod| pod["metadata"]["ownerReferences"] = json!([reference]));
}

/// A pod that has the labels of the set and no name that it gives.
fn matches_only(set: &Value, pod: &Value) -> bool {
    label_selector_matches(&set["spec"]["selector"], &pod["metadata"]["labels"])
        && !identity::is_member(json::name(set), pod)
        && !json::terminating(pod)
}

/// A pod of a set that comes after this one in the alphabet and names the same Service.
fn shares_service(set: &Value, pod: &Value) -> bool {
    let other = json::controller(pod).filter(|owner| owner["kind"] == "StatefulSet");
    let service = text(set, "/spec/serviceName");
    !service.is_empty()
        && text(pod, "/spec/subdomain") == service
        && other.is_some_and(|owner| text(owner, "/name") > json::name(set))
        && !json::terminating(pod)
}
