//! Which groups, versions and resources there are; the version; health.

use super::openapi;
use super::response::{self, Response};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::status::Status;
use crate::world::Shared;
use serde_json::{Value, json};

/// What `kubectl get all` means.
const IN_ALL: [Kind; 5] = [Kind::Pod, Kind::Service, Kind::StatefulSet, Kind::Deployment, Kind::ReplicaSet];

pub(super) fn document(shared: &Shared, path: &str) -> Result<Response, Status> {
    let segments: Vec<_> = path.split('/').skip(1).collect();
    let body = match segments[..] {
        ["version"] => version(&shared.lock().options.version),
        ["readyz" | "livez" | "healthz", ..] => return Ok(response::text(200, "ok")),
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ["apis"] => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(shared)}),
        ["apis", group] => {
            let found = groups(shared).into_iter().find(|entry| entry["name"] == group);
            let mut entry = found.ok_or_else(Status::no_such_path)?;
            entry["kind"] = "APIGroup".into();
            entry["apiVersion"] = "v1".into();
            entry
        }
        ["openapi", "v3"] => openapi::index(),
        ["openapi", "v3", "api", "v1"] => openapi::paths("", "v1"),
        ["openapi", "v3", "apis", group, version] if served(group, version) => openapi::paths(group, version),
        ["api", "v1"] => resources(shared, "", "v1"),
        ["apis", "authorization.k8s.io", "v1"] => reviews(),
        ["apis", group, version] if served(group, version) => resources(shared, group, version),
        _ => return Err(Status::no_such_path()),
    };
    Ok(response::json(200, &body))
}

fn version(version: &str) -> Value {
    let mut numbers = version.trim_start_matches('v').split('.');
    json!({
        "major": numbers.next(), "minor": numbers.next(), "gitVersion": version, "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc",
        "platform": "embedded/rust",
    })
}

fn served(group: &str, version: &str) -> bool {
    Kind::ALL.iter().any(|kind| kind.info().group == group && kind.info().version == version)
}

fn groups(shared: &Shared) -> Vec<Value> {
    let mut names: Vec<_> =
        Kind::ALL.iter().map(|kind| kind.info().group).filter(|group| !group.is_empty()).collect();
    names.push("authorization.k8s.io");
    names.dedup();
    let mut groups: Vec<_> = names.into_iter().map(|name| group(name, &["v1"])).collect();
    if shared.lock().tells(Fault::AppsBetaStillListed) {
        groups[0] = group("apps", &["v1", "v1beta1"]);
    }
    groups
}

fn group(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<_> = versions.iter().map(version).collect();
    json!({"name": name, "preferredVersion": versions[0], "versions": versions})
}

fn resources(shared: &Shared, group: &str, version: &str) -> Value {
    let mut listed = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| kind.info().group == group) {
        let info = kind.info();
        let verbs =
            json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]);
        let mut entry = json!({
            "name": info.plural, "singularName": info.name.to_lowercase(), "namespaced": info.namespaced,
            "kind": info.name, "verbs": verbs,
        });
        if !info.short.is_empty() {
            entry["shortNames"] = json!([info.short]);
        }
        if IN_ALL.contains(kind) {
            entry["categories"] = json!(["all"]);
        }
        listed.push(entry);
        for subresource in info.subresources {
            if *subresource == "scale"
                && *kind == Kind::StatefulSet
                && shared.lock().tells(Fault::ScaleNotListed)
            {
                continue;
            }
            listed.push(subresource_entry(*kind, subresource));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed})
}

fn subresource_entry(kind: Kind, subresource: &str) -> Value {
    let info = kind.info();
    let verbs = match subresource {
        "exec" | "portforward" => json!(["create", "get"]),
        "log" => json!(["get"]),
        "eviction" | "binding" => json!(["create"]),
        "finalize" => json!(["update"]),
        _ => json!(["get", "patch", "update"]),
    };
    let name = format!("{}/{subresource}", info.plural);
    let mut entry = json!({"name": name, "singularName": "", "namespaced": info.namespaced, "kind": info.name, "verbs": verbs});
    if subresource == "scale" {
        entry["group"] = "autoscaling".into();
        entry["version"] = "v1".into();
        entry["kind"] = "Scale".into();
    }
    entry
}

fn reviews() -> Value {
    let entry = |kind: &str| {
        let name = format!("{}s", kind.to_lowercase());
        json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"]})
    };
    let kinds = ["SelfSubjectAccessReview", "SelfSubjectRulesReview"].map(entry);
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "authorization.k8s.io/v1", "resources": kinds,
    })
}
