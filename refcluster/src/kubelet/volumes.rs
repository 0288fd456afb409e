//! The volumes of a pod, made ready for its containers.
//!
//! Follows the sources under `pkg/volume` as far as they are used here: emptyDir, hostPath, configMap, secret, projected,
//! downwardAPI, and claims, which `pkg/kubelet/volumemanager` waits for.

use super::environment;
use super::filesystem::{Mount, Volume};
use crate::fault::Fault;
use crate::json::{self, has, items, text, texts};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Volumes by the names that the pod gives them.
pub(super) type PodVolumes = BTreeMap<String, Arc<Volume>>;

/// What identifies the data of a PersistentVolume: its path.
pub(super) fn volume_id(volume: &Value) -> String {
    let spec = &volume["spec"];
    let path = ["local", "nfs", "hostPath"].into_iter().find_map(|source| spec[source]["path"].as_str());
    path.unwrap_or_else(|| json::name(volume)).to_owned()
}

/// The volumes of a pod, or nothing as long as one of them is not there.
pub(super) fn prepare(world: &mut World, pod: &Value, addresses: &[String]) -> Option<PodVolumes> {
    let mut volumes = PodVolumes::new();
    for entry in items(pod, "/spec/volumes") {
        let volume = match_source(world, pod, entry, addresses)?;
        volumes.insert(text(entry, "/name").to_owned(), volume);
    }
    Some(volumes)
}

fn match_source(world: &mut World, pod: &Value, entry: &Value, addresses: &[String]) -> Option<Arc<Volume>> {
    if has(entry, "/persistentVolumeClaim") {
        return claimed(world, pod, text(entry, "/persistentVolumeClaim/claimName"));
    }
    if has(entry, "/hostPath") {
        let id = format!("{}:{}", text(pod, "/spec/nodeName"), text(entry, "/hostPath/path"));
        return Some(world.kubelets.volumes.entry(id).or_default().clone());
    }
    let volume = Volume::default();
    install_source(world, pod, entry, addresses, &volume)?;
    for source in items(entry, "/projected/sources") {
        install_source(world, pod, source, addresses, &volume)?;
    }
    Some(Arc::new(volume))
}

/// The files of a ConfigMap, a Secret or the downward API.
fn install_source(
    world: &World,
    pod: &Value,
    source: &Value,
    addresses: &[String],
    volume: &Volume,
) -> Option<()> {
    for (field, name, kind) in [
        ("configMap", "name", Kind::ConfigMap),
        ("secret", "secretName", Kind::Secret),
        ("secret", "name", Kind::Secret),
    ] {
        let wanted = text(&source[field], &format!("/{name}"));
        if wanted.is_empty() {
            continue;
        }
        let found = world.get(&Key::new(kind, json::namespace(pod), wanted));
        if found.is_none() && source[field]["optional"] != true {
            return None;
        }
        for (key, value) in found.iter().flat_map(|object| texts(object, "/data")) {
            volume.install(&format!("/{key}"), value);
        }
    }
    for item in items(&source["downwardAPI"], "/items") {
        let value = environment::field(pod, text(item, "/fieldRef/fieldPath"), addresses);
        volume.install(&format!("/{}", text(item, "/path")), value);
    }
    Some(())
}

/// The data of a bound claim.
fn claimed(world: &mut World, pod: &Value, claim: &str) -> Option<Arc<Volume>> {
    let claim = world.get(&Key::new(Kind::PersistentVolumeClaim, json::namespace(pod), claim))?;
    let volume = world.get(&Key::new(Kind::PersistentVolume, "", text(&claim, "/spec/volumeName")))?;
    if text(&claim, "/status/phase") != "Bound" {
        return None;
    }
    let mut id = volume_id(&volume);
    let node = text(pod, "/spec/nodeName");
    let first = world.kubelets.first_nodes.entry(id.clone()).or_insert_with(|| node.to_owned()).clone();
    if first != node && world.tells(Fault::VolumeDoesNotFollow) {
        return None;
    }
    let again = !world.kubelets.mounted_before.insert(id.clone());
    if again {
        let other = world.kubelets.mounted_before.iter().find(|other| **other != id).cloned();
        if let Some(other) = other
            && world.tells(Fault::VolumesSwapped)
        {
            id = other;
        }
    }
    let data = world.kubelets.volumes.entry(id).or_default().clone();
    if again && world.tells(Fault::DataWipedOnReattach) {
        data.clear();
    }
    Some(data)
}

/// Where a container mounts its volumes.
pub(super) fn mounts(container: &Value, volumes: &PodVolumes) -> Vec<Mount> {
    let mount = |entry: &Value| {
        let volume = volumes.get(text(entry, "/name"))?.clone();
        let sub_path = text(entry, "/subPath").trim_matches('/').to_owned();
        let sub_path = if sub_path.is_empty() { sub_path } else { format!("/{sub_path}") };
        if !sub_path.is_empty() {
            volume.ensure_directory(&sub_path);
        }
        Some(Mount {
            at: super::filesystem::normalized(text(entry, "/mountPath")),
            volume,
            sub_path,
            read_only: entry["readOnly"] == true,
        })
    };
    items(container, "/volumeMounts").iter().filter_map(mount).collect()
}
