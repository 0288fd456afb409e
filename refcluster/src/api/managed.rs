//! Who owns which field: `metadata.managedFields`.
//!
//! A set of fields is a set of paths, each step written as in `FieldsV1` (`f:` a field, `k:` an element by its
//! keys, `v:` an element of a set). Follows `sigs.k8s.io/structured-merge-diff/v6` and
//! `k8s.io/apimachinery/pkg/util/managedfields`. Writes of the controllers are not tracked.

use super::request::Target;
use crate::clock::Clock;
use crate::json::{list, map, text};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A way from the root of an object to a field.
pub(super) type Path = Vec<String>;

/// The fields of an object with their values, those left out that the server owns.
pub(super) fn flatten(object: &Value) -> BTreeMap<Path, &Value> {
    let mut leaves = BTreeMap::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => flatten_metadata(value, &mut leaves),
            _ => walk(name, value, vec![format!("f:{name}")], &mut leaves),
        }
    }
    leaves
}

fn flatten_metadata<'a>(metadata: &'a Value, leaves: &mut BTreeMap<Path, &'a Value>) {
    for name in ["annotations", "finalizers", "generateName", "labels", "ownerReferences"] {
        if let Some(value) = metadata.get(name) {
            walk(name, value, vec!["f:metadata".to_owned(), format!("f:{name}")], leaves);
        }
    }
}

fn walk<'a>(name: &str, value: &'a Value, path: Path, leaves: &mut BTreeMap<Path, &'a Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() && !is_atomic(name) => {
            for (name, value) in fields {
                walk(name, value, step(&path, format!("f:{name}")), leaves);
            }
        }
        Value::Array(items) if list_keys(name, items).is_some() => {
            for item in items {
                walk_item(name, items, item, &path, leaves);
            }
        }
        _ => {
            leaves.insert(path, value);
        }
    }
}

fn walk_item<'a>(
    name: &str,
    items: &[Value],
    item: &'a Value,
    path: &Path,
    leaves: &mut BTreeMap<Path, &'a Value>,
) {
    let path = step(path, item_step(list_keys(name, items).unwrap_or_default(), item));
    for (field, value) in item.as_object().into_iter().flatten() {
        walk(field, value, step(&path, format!("f:{field}")), leaves);
    }
    if !item.is_object() {
        leaves.insert(path, item);
    }
}

fn step(path: &Path, last: String) -> Path {
    path.iter().cloned().chain([last]).collect()
}

/// How an element of a list is named: by its keys, or by itself in a set.
pub(super) fn item_step(keys: &[&str], item: &Value) -> String {
    if keys.is_empty() {
        return format!("v:{item}");
    }
    let keys: Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), key_value(key, item))).collect();
    format!("k:{}", Value::Object(keys))
}

fn key_value(key: &str, item: &Value) -> Value {
    if key == "protocol" && item[key].is_null() { "TCP".into() } else { item[key].clone() }
}

/// The keys of the elements of a list that merges; none for one that is replaced whole.
pub(super) fn list_keys(name: &str, items: &[Value]) -> Option<&'static [&'static str]> {
    let container_ports = || items.iter().any(|port| port.get("containerPort").is_some());
    Some(match name {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => &["name"],
        "ports" if container_ports() => &["containerPort", "protocol"],
        "ports" if items.iter().any(|port| port.get("port").is_some()) => &["port", "protocol"],
        "volumeMounts" => &["mountPath"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "hostAliases" => &["ip"],
        "finalizers" => &[],
        _ => return None,
    })
}

fn is_atomic(name: &str) -> bool {
    matches!(name, "selector" | "nodeSelector" | "fieldRef" | "resourceFieldRef" | "labelSelector")
}

/// Records that a manager wrote an object by another way than apply.
pub(super) fn track_update(clock: &Clock, manager: &str, target: &Target, old: &Value, new: &mut Value) {
    if !new.is_object() {
        return;
    }
    let (changed, gone) = difference(old, new);
    let mut owners = owners_of(old);
    for set in owners.values_mut() {
        set.retain(|path| !gone.contains(path) && !changed.contains(path));
    }
    let id = (manager.to_owned(), "Update".to_owned(), target.subresource.clone());
    owners.entry(id).or_default().extend(changed);
    write_owners(clock, target, owners, old, new);
}

fn difference(old: &Value, new: &Value) -> (BTreeSet<Path>, BTreeSet<Path>) {
    let (before, after) = (flatten(old), flatten(new));
    let changed = after.iter().filter(|(path, value)| before.get(*path) != Some(value));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    (changed.map(|(path, _)| path.clone()).collect(), gone.cloned().collect())
}

/// A manager, how it writes, and through which subresource.
pub(super) type OwnerId = (String, String, String);

/// The fields that each manager owns.
pub(super) fn owners_of(object: &Value) -> BTreeMap<OwnerId, BTreeSet<Path>> {
    let entries = crate::json::items(object, "/metadata/managedFields");
    let id = |entry: &Value| {
        let part = |pointer: &str| text(entry, pointer).to_owned();
        (part("/manager"), part("/operation"), part("/subresource"))
    };
    entries.iter().map(|entry| (id(entry), read_set(&entry["fieldsV1"]))).collect()
}

/// Writes the owners into an object; an entry that has not changed keeps its time.
pub(super) fn write_owners(
    clock: &Clock,
    target: &Target,
    owners: BTreeMap<OwnerId, BTreeSet<Path>>,
    old: &Value,
    new: &mut Value,
) {
    let before = owners_of(old);
    let old_time = |id: &OwnerId| {
        let entries = crate::json::items(old, "/metadata/managedFields");
        entries
            .iter()
            .find(|entry| entry["manager"] == *id.0 && entry["operation"] == *id.1)
            .map(|entry| entry["time"].clone())
    };
    let mut entries = Vec::new();
    for (id, set) in owners.iter().filter(|(_, set)| !set.is_empty()) {
        let unchanged = before.get(id) == Some(set);
        let time = old_time(id).filter(|_| unchanged).unwrap_or_else(|| clock.timestamp().into());
        let mut entry = json!({
            "manager": id.0, "operation": id.1, "apiVersion": target.api_version(), "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": write_set(set),
        });
        if !id.2.is_empty() {
            entry["subresource"] = id.2.clone().into();
        }
        entries.push(entry);
    }
    *list(map(new, "metadata"), "managedFields") = entries;
}

fn read_set(fields: &Value) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    read_paths(fields, &Vec::new(), &mut paths);
    paths
}

fn read_paths(fields: &Value, path: &Path, paths: &mut BTreeSet<Path>) {
    for (name, below) in fields.as_object().into_iter().flatten() {
        let path = step(path, name.clone());
        if below.as_object().is_some_and(Map::is_empty) {
            paths.insert(path);
        } else {
            read_paths(below, &path, paths);
        }
    }
}

fn write_set(paths: &BTreeSet<Path>) -> Value {
    let mut fields = json!({});
    for path in paths {
        path.iter().fold(&mut fields, |below, step| map(below, step));
    }
    fields
}
