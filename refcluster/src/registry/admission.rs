//! What the API server's admission plugins add to new objects.
//!
//! Follows `plugin/pkg/admission/storage/persistentvolume`, `.../storage/storageobjectinuseprotection`,
//! `.../storage/storageclass/setdefault`.

use super::pod_admission;
use crate::json::{has, list, map};
use crate::kind::Kind;
use crate::status::Status;
use crate::world::World;
use serde_json::Value;

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

pub(super) fn admit(world: &mut World, kind: Kind, object: &mut Value) -> Result<(), Status> {
    match kind {
        Kind::Pod => pod_admission::admit(world, object),
        Kind::PersistentVolumeClaim => {
            protect(object, "kubernetes.io/pvc-protection");
            choose_class(world, object);
        }
        Kind::Service => world.choose_families(object)?,
        Kind::PersistentVolume => protect(object, "kubernetes.io/pv-protection"),
        Kind::Namespace => {
            let name = object["metadata"]["name"].clone();
            map(map(object, "metadata"), "labels")["kubernetes.io/metadata.name"] = name;
        }
        _ => {}
    }
    Ok(())
}

fn protect(object: &mut Value, finalizer: &str) {
    let finalizers = list(map(object, "metadata"), "finalizers");
    if !finalizers.iter().any(|present| present == finalizer) {
        finalizers.push(finalizer.into());
    }
}

fn choose_class(world: &World, claim: &mut Value) {
    if has(claim, "/spec/storageClassName") {
        return;
    }
    let is_default = |class: &&Value| class["metadata"]["annotations"][DEFAULT_CLASS] == "true";
    let class = world.store.list(Kind::StorageClass, "").map(|(_, class)| &**class).find(is_default);
    if let Some(class) = class {
        map(claim, "spec")["storageClassName"] = class["metadata"]["name"].clone();
    }
}
