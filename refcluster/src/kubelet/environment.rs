//! Environment variables, and `$(NAME)` in commands.
//!
//! Follows `makeEnvironmentVariables` of `pkg/kubelet/kubelet_pods.go` and `third_party/forked/golang/expansion`.

use crate::json::{self, has, items, text};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;

/// The variables of a container.
pub(super) fn variables(
    world: &World,
    pod: &Value,
    container: &Value,
    hostname: &str,
    addresses: &[String],
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let api = world.options.ip_families.of_service(1);
    let fixed = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOSTNAME", hostname),
        ("HOME", "/root"),
        ("KUBERNETES_SERVICE_HOST", &*api),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for entry in items(container, "/env") {
        let value = match entry["value"].as_str() {
            Some(value) => expand(value, &variables),
            None => reference(world, pod, &entry["valueFrom"], addresses).unwrap_or_default(),
        };
        variables.insert(text(entry, "/name").to_owned(), value);
    }
    variables
}

/// Replaces `$(NAME)` by the variable's value; `$$(NAME)` and unknown names stay.
pub(super) fn expand(value: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some(start) = rest.find("$(") {
        let end = rest[start..].find(')').map(|end| start + end);
        let known = end.and_then(|end| Some((end, variables.get(&rest[start + 2..end])?)));
        match known {
            Some((end, value)) if !rest[..start].ends_with('$') => {
                expanded.push_str(&rest[..start]);
                expanded.push_str(value);
                rest = &rest[end + 1..];
            }
            _ => {
                expanded.push_str(&rest[..start + 2]);
                rest = &rest[start + 2..];
            }
        }
    }
    expanded + rest
}

fn reference(world: &World, pod: &Value, source: &Value, addresses: &[String]) -> Option<String> {
    if has(source, "/fieldRef") {
        return Some(field(pod, text(source, "/fieldRef/fieldPath"), addresses));
    }
    for (name, kind) in [("configMapKeyRef", Kind::ConfigMap), ("secretKeyRef", Kind::Secret)] {
        if has(source, &format!("/{name}")) {
            let key = Key::new(kind, json::namespace(pod), text(&source[name], "/name"));
            return Some(
                text(&world.get(&key)?["data"], &format!("/{}", text(&source[name], "/key"))).to_owned(),
            );
        }
    }
    None
}

/// A field of the pod, as the downward API gives it.
pub(super) fn field(pod: &Value, path: &str, addresses: &[String]) -> String {
    let subscript = path.split_once("['").and_then(|(head, rest)| Some((head, rest.strip_suffix("']")?)));
    if let Some((head, name)) = subscript {
        let part = head.rsplit('.').next().unwrap_or_default();
        return pod["metadata"][part][name].as_str().unwrap_or_default().to_owned();
    }
    match path {
        "status.podIP" => addresses.first().cloned().unwrap_or_default(),
        "status.podIPs" => addresses.join(","),
        other => text(pod, &format!("/{}", other.replace('.', "/"))).to_owned(),
    }
}
