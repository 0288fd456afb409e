//! The namespace controller: empties a namespace that is going away, then lets it go.
//!
//! Follows `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`.

use super::Outcome;
use crate::json;
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::store::Key;
use crate::world::World;
use serde_json::json;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(_) = world.get(key).filter(|namespace| json::terminating(namespace)) else { return Ok(()) };
    let content: Vec<Key> = Kind::ALL
        .iter()
        .filter(|kind| kind.info().namespaced)
        .flat_map(|kind| world.store.list(*kind, &key.name).map(|(key, _)| key.clone()).collect::<Vec<_>>())
        .collect();
    for object in &content {
        // One that is terminating already needs no second order; one that is gone needs none.
        let waits = world.store.get(object).is_some_and(|object| json::terminating(object));
        if !waits {
            let _ = world.delete(object, &DeleteOptions::default());
        }
    }
    let empty = content.iter().all(|object| world.store.get(object).is_none());
    if empty {
        world.modify(key, |namespace| namespace["spec"]["finalizers"] = json!([]));
    }
    Ok(())
}
