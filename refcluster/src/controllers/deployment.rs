//! The Deployment controller, as far as a stable Deployment needs it: one ReplicaSet for each template, the old
//! ones scaled down as the new one becomes ready.
//!
//! Follows `pkg/controller/deployment/sync.go` and `rolling.go`.

use super::Outcome;
use super::adoption::controller_reference;
use crate::json::{self, integer, map};
use crate::kind::Kind;
use crate::rng;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

const HASH_LABEL: &str = "pod-template-hash";

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(deployment) = world.get(key).filter(|deployment| !json::terminating(deployment)) else {
        return Ok(());
    };
    let wanted = integer(&deployment, "/spec/replicas").unwrap_or(1);
    let hash = rng::safe_encode(rng::hash(&deployment["spec"]["template"].to_string()));
    let name = format!("{}-{hash}", key.name);
    if world.get(&Key::new(Kind::ReplicaSet, &key.namespace, &name)).is_none() {
        let set = replica_set(&deployment, &name, &hash, wanted);
        world.create(Kind::ReplicaSet, &key.namespace, set, false)?;
    }
    let sets = owned(world, &deployment);
    let ready = |set: &Value| integer(set, "/status/readyReplicas").unwrap_or(0);
    let new_ready = sets.iter().filter(|set| json::name(set) == name).map(|set| ready(set)).sum::<i64>();
    for set in &sets {
        let replicas = if json::name(set) == name { wanted } else { (wanted - new_ready).max(0) };
        let key = Key::new(Kind::ReplicaSet, &key.namespace, json::name(set));
        world.modify(&key, |set| map(set, "spec")["replicas"] = replicas.into());
    }
    write_status(world, key, &deployment, &sets, &name);
    Ok(())
}

fn replica_set(deployment: &Value, name: &str, hash: &str, replicas: i64) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    map(map(&mut template, "metadata"), "labels")[HASH_LABEL] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    map(&mut selector, "matchLabels")[HASH_LABEL] = hash.into();
    json!({
        "metadata": {
            "name": name, "labels": template["metadata"]["labels"],
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    })
}

fn owned(world: &World, deployment: &Value) -> Vec<Arc<Value>> {
    let dependents = world.store.dependents(json::uid(deployment));
    let sets = dependents.iter().filter(|key| key.kind == Kind::ReplicaSet);
    sets.filter_map(|key| world.get(key)).collect()
}

fn write_status(world: &mut World, key: &Key, deployment: &Value, sets: &[Arc<Value>], newest: &str) {
    let sum = |field: &str| sets.iter().map(|set| integer(&set["status"], field).unwrap_or(0)).sum::<i64>();
    let (replicas, ready) = (sum("/replicas"), sum("/readyReplicas"));
    let updated = sets.iter().find(|set| json::name(set) == newest);
    let updated = updated.and_then(|set| integer(set, "/status/replicas")).unwrap_or(0);
    let available = integer(deployment, "/spec/replicas").is_some_and(|wanted| ready >= wanted);
    let condition = json!({"type": "Available", "status": if available { "True" } else { "False" }});
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
        "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
        "unavailableReplicas": (integer(deployment, "/spec/replicas").unwrap_or(0) - ready).max(0),
        "conditions": [condition],
    });
    world.modify(key, |deployment| *map(deployment, "status") = status);
}
