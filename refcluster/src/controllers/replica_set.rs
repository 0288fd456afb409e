//! The ReplicaSet controller: as many pods as asked for, whichever.
//!
//! Follows `pkg/controller/replicaset/replica_set.go`.

use super::adoption::{self, controller_reference};
use super::{Outcome, pods};
use crate::json::{self, integer, map};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(set) = world.get(key) else { return Ok(()) };
    let owned = adoption::claim_pods(world, &set, |_| true);
    let mut active: Vec<_> =
        owned.iter().filter(|pod| !pods::is_terminal(pod) && !json::terminating(pod)).cloned().collect();
    let wanted = integer(&set, "/spec/replicas").unwrap_or(1).max(0) as usize;
    if !json::terminating(&set) {
        for _ in active.len()..wanted {
            world.create(Kind::Pod, &key.namespace, pod(&set), false)?;
        }
        // Those that serve nobody go first.
        active.sort_by_key(|pod| pods::is_running_and_ready(pod));
        let surplus = active.len().saturating_sub(wanted);
        for pod in &active[..surplus] {
            let key = Key::new(Kind::Pod, &key.namespace, json::name(pod));
            world.delete(&key, &DeleteOptions::default())?;
        }
    }
    let ready = active.iter().filter(|pod| pods::is_running_and_ready(pod)).count();
    let status = json!({
        "replicas": active.len(), "fullyLabeledReplicas": active.len(), "readyReplicas": ready,
        "availableReplicas": ready, "observedGeneration": set["metadata"]["generation"],
    });
    world.modify(key, |set| *map(set, "status") = status);
    Ok(())
}

fn pod(set: &Value) -> Value {
    let template = &set["spec"]["template"];
    json!({
        "metadata": {
            "generateName": format!("{}-", json::name(set)), "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [controller_reference(set)],
        },
        "spec": template["spec"],
    })
}
