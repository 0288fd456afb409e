//! Server-side apply: a manager states its wishes, and owns the fields that it names.
//!
//! Follows `kubernetes.io/docs/reference/using-api/server-side-apply/`.

use crate::api::managed::{self, OwnerId, Path};
use crate::api::request::Target;
use crate::clock::Clock;
use crate::json;
use crate::status::Status;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The live object with the applied fields in it, and those gone that the manager applied before and now omits.
pub(in crate::api) fn apply(
    clock: &Clock,
    target: &Target,
    live: &Value,
    applied: &Value,
    manager: &str,
    force: bool,
) -> Result<Value, Status> {
    if json::has(applied, "/metadata/managedFields") {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut owners = managed::owners_of(live);
    let me = (manager.to_owned(), "Apply".to_owned(), target.subresource.clone());
    let wanted: BTreeSet<Path> = managed::flatten(applied).into_keys().collect();
    resolve_conflicts(&mut owners, &me, live, applied, force)?;
    let omitted = omitted(&owners, &me, &wanted);
    let mut merged = live.clone();
    for path in &omitted {
        remove(&mut merged, path);
    }
    merge("", &mut merged, applied);
    owners.insert(me, wanted);
    managed::write_owners(clock, target, owners, live, &mut merged);
    Ok(merged)
}

/// A field of another manager may be applied with the value it has; another value needs force.
fn resolve_conflicts(
    owners: &mut BTreeMap<OwnerId, BTreeSet<Path>>,
    me: &OwnerId,
    live: &Value,
    applied: &Value,
    force: bool,
) -> Result<(), Status> {
    let (present, wanted) = (managed::flatten(live), managed::flatten(applied));
    let changed: BTreeSet<_> = wanted
        .iter()
        .filter(|(path, value)| present.get(*path) != Some(value))
        .map(|(path, _)| path)
        .collect();
    let mut conflicts = Vec::new();
    for (owner, set) in owners.iter_mut().filter(|(owner, _)| *owner != me) {
        conflicts.extend(
            set.iter().filter(|path| changed.contains(path)).map(|path| (display(path), owner.0.clone())),
        );
        set.retain(|path| !changed.contains(path));
    }
    if conflicts.is_empty() || force { Ok(()) } else { Err(Status::apply_conflict(&conflicts)) }
}

/// What the manager applied before, does not apply now, and nobody else owns: an element of a list goes as a
/// whole when nobody owns anything in it any more.
fn omitted(owners: &BTreeMap<OwnerId, BTreeSet<Path>>, me: &OwnerId, wanted: &BTreeSet<Path>) -> Vec<Path> {
    let others: Vec<_> = owners.iter().filter(|(owner, _)| *owner != me).map(|(_, set)| set).collect();
    let kept = |prefix: &[String]| {
        others.iter().copied().chain([wanted]).any(|set| set.iter().any(|path| path.starts_with(prefix)))
    };
    let before = owners.get(me).into_iter().flatten().filter(|path| !wanted.contains(*path));
    let mut omitted = Vec::new();
    for path in before {
        let element = (1..path.len())
            .filter(|length| path[length - 1].starts_with("k:"))
            .map(|length| &path[..length])
            .find(|prefix| !kept(prefix));
        match element {
            Some(prefix) => omitted.push(prefix.to_vec()),
            None if !kept(path) => omitted.push(path.clone()),
            None => {}
        }
    }
    omitted
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if let Some(field) = first.strip_prefix("f:") {
        if rest.is_empty() {
            json::remove(object, field);
        } else if let Some(child) = object.get_mut(field) {
            remove(child, rest);
        }
        return;
    }
    let Some(items) = object.as_array_mut() else { return };
    if rest.is_empty() {
        items.retain(|item| !is_element(first, item));
    } else if let Some(item) = items.iter_mut().find(|item| is_element(first, item)) {
        remove(item, rest);
    }
}

fn is_element(step: &str, item: &Value) -> bool {
    let (kind, value) = step.split_at(2);
    let Ok(value) = serde_json::from_str::<Value>(value) else { return false };
    if kind == "v:" {
        return *item == value;
    }
    value.as_object().into_iter().flatten().all(|(key, wanted)| {
        item[key] == *wanted || (key == "protocol" && item[key].is_null() && wanted == "TCP")
    })
}

/// Lays `applied` over `live`.
fn merge(name: &str, live: &mut Value, applied: &Value) {
    match applied {
        Value::Object(fields) if live.is_object() && !matches!(name, "selector" | "nodeSelector") => {
            for (name, value) in fields {
                merge(name, &mut live[name], value);
            }
        }
        Value::Array(items) if live.is_array() && managed::list_keys(name, items).is_some() => {
            let keys = managed::list_keys(name, items).unwrap_or_default();
            for item in items {
                merge_item(live, keys, item);
            }
        }
        _ => *live = applied.clone(),
    }
}

fn merge_item(live: &mut Value, keys: &[&str], item: &Value) {
    let Some(present) = live.as_array_mut() else { return };
    let step = managed::item_step(keys, item);
    match present.iter_mut().find(|other| managed::item_step(keys, other) == step) {
        Some(other) => merge("", other, item),
        None => present.push(item.clone()),
    }
}

fn display(path: &Path) -> String {
    let mut text = String::new();
    for step in path {
        match step.split_at(2) {
            ("f:", field) => text.extend([".", field]),
            (_, element) => text.extend(["[", element, "]"]),
        }
    }
    text
}
