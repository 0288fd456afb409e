//! A claim that a pod uses, and a volume that a claim uses, do not go.
//!
//! Follows `pkg/controller/volume/pvcprotection` and `.../pvprotection`.

use super::{Outcome, garbage, pods};
use crate::fault::Fault;
use crate::json::{self, items, text};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(object) = world.get(key).filter(|object| json::terminating(object)) else { return Ok(()) };
    let (in_use, finalizer) = match key.kind {
        Kind::PersistentVolumeClaim => (is_used(world, key), "kubernetes.io/pvc-protection"),
        _ => (text(&object, "/status/phase") == "Bound", "kubernetes.io/pv-protection"),
    };
    let is_claim = key.kind == Kind::PersistentVolumeClaim;
    let ignored = in_use && is_claim && world.tells(Fault::ClaimProtectionIgnored);
    if !in_use || ignored {
        garbage::remove_finalizer(world, key, finalizer);
    }
    Ok(())
}

fn is_used(world: &World, claim: &Key) -> bool {
    let mounts = |pod: &Value| {
        let volumes = items(pod, "/spec/volumes");
        volumes.iter().any(|volume| text(volume, "/persistentVolumeClaim/claimName") == claim.name)
    };
    let runs = |pod: &Value| json::has(pod, "/spec/nodeName") && !pods::is_terminal(pod);
    world.store.list(Kind::Pod, &claim.namespace).any(|(_, pod)| mounts(pod) && runs(pod))
}
