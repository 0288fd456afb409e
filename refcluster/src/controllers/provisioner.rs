//! The dynamic provisioner: makes a volume for a claim of its class.
//!
//! Follows the protocol of `sigs.k8s.io/sig-storage-lib-external-provisioner`; with WaitForFirstConsumer the volume is
//! tied to the node that was chosen, as rancher's local-path provisioner does.

use super::{Outcome, volume_binder};
use crate::fault::Fault;
use crate::json::{self, text};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(claim) = world.get(key).filter(|claim| !volume_binder::is_bound(claim)) else { return Ok(()) };
    let class_key = Key::new(Kind::StorageClass, "", text(&claim, "/spec/storageClassName"));
    let Some(class) = world.get(&class_key) else { return Ok(()) };
    let name = format!("pvc-{}", json::uid(&claim));
    if world.get(&Key::new(Kind::PersistentVolume, "", &name)).is_some() {
        return Ok(());
    }
    let directory = if world.tells(Fault::SharedDirectory) { "shared" } else { &name };
    let volume = volume(&claim, &class, &name, directory);
    world.create(Kind::PersistentVolume, "", volume, false)?;
    let message = format!("Successfully provisioned volume {name}");
    world.event("provisioner", &claim, "Normal", "ProvisioningSucceeded", &message);
    Ok(())
}

fn volume(claim: &Value, class: &Value, name: &str, directory: &str) -> Value {
    let path = format!("/opt/volumes/{directory}");
    let mut spec = json!({
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": json::namespace(claim),
            "name": json::name(claim), "uid": json::uid(claim),
        },
        "persistentVolumeReclaimPolicy": class["reclaimPolicy"], "storageClassName": json::name(class),
        "volumeMode": "Filesystem",
    });
    match volume_binder::selected_node(claim) {
        Some(node) => {
            let term = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
            spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}});
            spec["local"] = json!({"path": path});
        }
        None => spec["nfs"] = json!({"server": "storage.invalid", "path": path}),
    }
    let annotations = json!({"pv.kubernetes.io/provisioned-by": class["provisioner"]});
    json!({"metadata": {"name": name, "annotations": annotations}, "spec": spec})
}
