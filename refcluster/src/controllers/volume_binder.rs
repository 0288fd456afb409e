//! The persistent volume controller: claims find volumes, volumes that lost their claim are reclaimed.
//!
//! Follows `pkg/controller/volume/persistentvolume/pv_controller.go`.

use super::Outcome;
use crate::fault::Fault;
use crate::json::{self, has, items, map, text};
use crate::kind::Kind;
use crate::queue::Component;
use crate::registry::DeleteOptions;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    match world.get(key) {
        Some(claim) if key.kind == Kind::PersistentVolumeClaim => sync_claim(world, key, &claim),
        Some(volume) if key.kind == Kind::PersistentVolume => sync_volume(world, key, &volume),
        _ => Ok(()),
    }
}

fn sync_claim(world: &mut World, key: &Key, claim: &Value) -> Outcome {
    if text(claim, "/status/phase") == "Bound" || json::terminating(claim) {
        return Ok(());
    }
    if let Some((volume_key, volume)) = matching_volume(world, claim) {
        bind(world, key, claim, &volume_key, &volume);
        return Ok(());
    }
    let class = Key::new(Kind::StorageClass, "", text(claim, "/spec/storageClassName"));
    let Some(class) = world.get(&class) else {
        let message = "no persistent volumes available for this claim and no storage class is set";
        world.event("persistentvolume-controller", claim, "Normal", "FailedBinding", message);
        return Ok(());
    };
    let waits = class["volumeBindingMode"] == "WaitForFirstConsumer" && selected_node(claim).is_none();
    if waits {
        let message = "waiting for first consumer to be created before binding";
        world.event("persistentvolume-controller", claim, "Normal", "WaitForFirstConsumer", message);
    } else if !world.tells(Fault::ClaimsNeverBound) {
        world.queue.add(Component::Provisioner, key);
    }
    Ok(())
}

/// The node that the scheduler chose for the first pod of a claim.
pub(super) fn selected_node(claim: &Value) -> Option<&str> {
    claim["metadata"]["annotations"][SELECTED_NODE].as_str()
}

/// A volume that is reserved for the claim, or a free one of its class that is large enough.
fn matching_volume(world: &mut World, claim: &Value) -> Option<(Key, Arc<Value>)> {
    let found = free_volume(world, claim, false);
    let other = free_volume(world, claim, true).filter(|_| found.is_none());
    if other.is_some() && world.tells(Fault::ClassIgnoredInBinding) { other } else { found }
}

fn free_volume(world: &World, claim: &Value, any_class: bool) -> Option<(Key, Arc<Value>)> {
    let fits = |volume: &Value| {
        let reserved = &volume["spec"]["claimRef"];
        if reserved.is_object() {
            let uid = text(reserved, "/uid");
            return reserved["name"] == claim["metadata"]["name"]
                && reserved["namespace"] == claim["metadata"]["namespace"]
                && (uid.is_empty() || uid == json::uid(claim));
        }
        (any_class || text(volume, "/spec/storageClassName") == text(claim, "/spec/storageClassName"))
            && !json::terminating(volume)
            && bytes(text(volume, "/spec/capacity/storage"))
                >= bytes(text(claim, "/spec/resources/requests/storage"))
            && items(claim, "/spec/accessModes")
                .iter()
                .all(|mode| items(volume, "/spec/accessModes").contains(mode))
    };
    let asked = text(claim, "/spec/volumeName");
    let mut volumes = world.store.list(Kind::PersistentVolume, "");
    let found =
        volumes.find(|(key, volume)| if asked.is_empty() { fits(volume) } else { key.name == asked })?;
    Some((found.0.clone(), found.1.clone()))
}

fn bind(world: &mut World, key: &Key, claim: &Value, volume_key: &Key, volume: &Value) {
    let reference = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": key.namespace, "name": key.name,
        "uid": json::uid(claim), "resourceVersion": claim["metadata"]["resourceVersion"],
    });
    world.modify(volume_key, |volume| {
        if text(volume, "/spec/claimRef/uid") != json::uid(claim) {
            volume["spec"]["claimRef"] = reference;
        }
        map(volume, "status")["phase"] = "Bound".into();
    });
    world.modify(key, |claim| {
        let annotations = map(map(claim, "metadata"), "annotations");
        annotations["pv.kubernetes.io/bind-completed"] = "yes".into();
        annotations["pv.kubernetes.io/bound-by-controller"] = "yes".into();
        claim["spec"]["volumeName"] = volume_key.name.clone().into();
        claim["status"] = json!({
            "phase": "Bound", "accessModes": volume["spec"]["accessModes"], "capacity": volume["spec"]["capacity"],
        });
    });
}

/// A volume whose claim is gone is released, and deleted if its policy says so.
fn sync_volume(world: &mut World, key: &Key, volume: &Value) -> Outcome {
    let reserved = &volume["spec"]["claimRef"];
    if !reserved.is_object() {
        world.modify(key, |volume| map(volume, "status")["phase"] = "Available".into());
        return Ok(());
    }
    let claim = Key::new(Kind::PersistentVolumeClaim, text(reserved, "/namespace"), text(reserved, "/name"));
    let uid = text(reserved, "/uid");
    let claim_lives = world.get(&claim).is_some_and(|claim| uid.is_empty() || json::uid(&claim) == uid);
    if claim_lives || uid.is_empty() {
        return Ok(());
    }
    world.modify(key, |volume| map(volume, "status")["phase"] = "Released".into());
    if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" && !json::terminating(volume) {
        world.kubelets.forget_volume(volume);
        world.delete(key, &DeleteOptions::default())?;
    }
    Ok(())
}

/// A quantity of storage in bytes.
fn bytes(quantity: &str) -> u128 {
    let digits = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let number: u128 = quantity[..digits].parse().unwrap_or(0);
    let unit: u128 = match &quantity[digits..] {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => 1,
    };
    number * unit
}

/// Whether a claim can be used by a pod.
pub(super) fn is_bound(claim: &Value) -> bool {
    text(claim, "/status/phase") == "Bound" && has(claim, "/spec/volumeName")
}
