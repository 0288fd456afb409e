//! The garbage collector: objects go when their owners are gone; in the foreground, before them.
//!
//! Follows `pkg/controller/garbagecollector/garbagecollector.go` (`attemptToDeleteItem`, `processDeletingDependentsItem`,
//! `orphanDependents`).

use super::Outcome;
use crate::fault::Fault;
use crate::json::{self, items, list, map, text};
use crate::kind::Kind;
use crate::registry::{DeleteOptions, Propagation};
use crate::store::Key;
use crate::world::World;
use serde_json::Value;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(object) = world.get(key) else { return Ok(()) };
    if json::terminating(&object) {
        if has_finalizer(&object, "orphan") {
            return orphan_dependents(world, key, &object);
        }
        if has_finalizer(&object, "foregroundDeletion") {
            return delete_dependents_first(world, key, &object);
        }
    }
    collect(world, key, &object)
}

/// Deletes an object whose owners are all gone, or all wait for it in the foreground.
fn collect(world: &mut World, key: &Key, object: &Value) -> Outcome {
    let owners = items(object, "/metadata/ownerReferences");
    let alive = |owner: &&Value| world.store.key_of_uid(text(owner, "/uid")).is_some();
    let (solid, dangling): (Vec<_>, Vec<_>) = owners.iter().partition(alive);
    if owners.is_empty() || json::terminating(object) {
        return Ok(());
    }
    if !solid.is_empty() {
        if !dangling.is_empty() {
            let gone: Vec<_> = dangling.iter().map(|owner| owner["uid"].clone()).collect();
            world.modify(key, |object| {
                list(map(object, "metadata"), "ownerReferences")
                    .retain(|owner| !gone.contains(&owner["uid"]));
            });
        }
        return Ok(());
    }
    let by_set = key.kind == Kind::Pod && owners.iter().any(|owner| owner["kind"] == "StatefulSet");
    if by_set && key.name.ends_with("-0") && world.tells(Fault::DeletionLeaksPods) {
        return Ok(());
    }
    let options = DeleteOptions { uid: Some(json::uid(object).to_owned()), ..DeleteOptions::default() };
    world.delete(key, &options).map(drop)
}

fn delete_dependents_first(world: &mut World, key: &Key, owner: &Value) -> Outcome {
    let mut waits = false;
    for dependent in world.store.dependents(json::uid(owner)) {
        let Some(object) = world.get(&dependent) else { continue };
        waits |= blocks(&object, json::uid(owner));
        if !json::terminating(&object) {
            let foreground = !world.store.dependents(json::uid(&object)).is_empty();
            let propagation = if foreground { Propagation::Foreground } else { Propagation::Background };
            world.delete(&dependent, &DeleteOptions { propagation, ..DeleteOptions::default() })?;
        }
    }
    let goes_first = waits && key.kind == Kind::StatefulSet && world.tells(Fault::ForegroundSetGoesFirst);
    if !waits || goes_first {
        remove_finalizer(world, key, "foregroundDeletion");
    }
    Ok(())
}

fn orphan_dependents(world: &mut World, key: &Key, owner: &Value) -> Outcome {
    let uid = json::uid(owner).to_owned();
    for dependent in world.store.dependents(&uid) {
        let kills = key.kind == Kind::StatefulSet && dependent.kind == Kind::Pod;
        if kills && world.tells(Fault::OrphansDeleted) {
            world.delete(&dependent, &DeleteOptions::default())?;
        }
        world.modify(&dependent, |object| {
            list(map(object, "metadata"), "ownerReferences").retain(|owner| owner["uid"] != uid);
        });
    }
    remove_finalizer(world, key, "orphan");
    Ok(())
}

fn blocks(object: &Value, owner: &str) -> bool {
    let blocks = |reference: &Value| reference["uid"] == owner && reference["blockOwnerDeletion"] == true;
    items(object, "/metadata/ownerReferences").iter().any(blocks)
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    items(object, "/metadata/finalizers").iter().any(|present| present == finalizer)
}

/// Takes a finalizer off; with the last one, an object that is going away goes.
pub(super) fn remove_finalizer(world: &mut World, key: &Key, finalizer: &str) {
    world.modify(key, |object| {
        list(map(object, "metadata"), "finalizers").retain(|present| present != finalizer);
        if items(object, "/metadata/finalizers").is_empty() {
            json::remove(map(object, "metadata"), "finalizers");
        }
    });
}
