//! Strategic merge patch: like a merge patch, but lists of named things merge by their names.
//!
//! Follows `k8s.io/apimachinery/pkg/util/strategicpatch`; the keys are those of the API types' `patchMergeKey` tags.

use crate::json::items;
use serde_json::{Map, Value};

pub(super) fn patch(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if patch["$patch"] == "replace" || !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in fields {
        if name.starts_with('$') {
            directive(target, name, value);
        } else if value.is_null() || value["$patch"] == "delete" {
            crate::json::remove(target, name);
        } else if let Some(entries) = value.as_array() {
            list(&mut target[name], name, entries);
        } else {
            self::patch(&mut target[name], value);
        }
    }
}

fn directive(target: &mut Value, name: &str, value: &Value) {
    if let Some(field) = name.strip_prefix("$deleteFromPrimitiveList/")
        && let Some(present) = target[field].as_array_mut()
    {
        present.retain(|item| !items(value, "").contains(item));
    }
}

fn list(target: &mut Value, name: &str, entries: &[Value]) {
    let replaces = entries.iter().any(|entry| entry["$patch"] == "replace");
    let key = merge_key(name, entries);
    let Some(present) = target.as_array_mut().filter(|_| !replaces && key.is_some()) else {
        *target = entries.iter().filter(|entry| entry.get("$patch").is_none()).cloned().collect();
        return;
    };
    for entry in entries {
        merge_entry(present, key.unwrap_or_default(), entry);
    }
}

fn merge_entry(present: &mut Vec<Value>, key: &str, entry: &Value) {
    let same = |other: &Value| if key.is_empty() { other == entry } else { other[key] == entry[key] };
    let position = present.iter().position(same);
    match position {
        Some(index) if entry["$patch"] == "delete" => drop(present.remove(index)),
        Some(index) => patch(&mut present[index], entry),
        None if entry["$patch"] == "delete" => {}
        None => present.push(entry.clone()),
    }
}

/// The field that names the elements of a list; "" for a set; none for a list that is replaced whole.
fn merge_key(name: &str, entries: &[Value]) -> Option<&'static str> {
    Some(match name {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => {
            "name"
        }
        "ports" if entries.iter().any(|port| port.get("containerPort").is_some()) => "containerPort",
        "ports" => "port",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ownerReferences" => "uid",
        "conditions" | "addresses" => "type",
        "hostAliases" => "ip",
        "podIPs" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        "taints" => "key",
        "finalizers" => "",
        _ => return None,
    })
}
