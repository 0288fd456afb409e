//! Pods of a node that was deleted are deleted too. Taints for unreachable nodes are not modelled.
//!
//! Follows `pkg/controller/podgc/gc_controller.go`.

use super::Outcome;
use crate::json::{self, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::store::Key;
use crate::world::World;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    if world.get(key).is_some() {
        return Ok(());
    }
    let pods = world.store.list(Kind::Pod, "").filter(|(_, pod)| text(pod, "/spec/nodeName") == key.name);
    let orphaned: Vec<_> = pods.map(|(key, pod)| (key.clone(), json::uid(pod).to_owned())).collect();
    for (pod, uid) in orphaned {
        world.delete(&pod, &DeleteOptions::immediately(&uid))?;
    }
    Ok(())
}
