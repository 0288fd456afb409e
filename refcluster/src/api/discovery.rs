//! Which groups, versions and resources there are; the version; health.

use super::openapi;
use super::response::{self, Response};
use super::versions;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::release::{Gate, Release};
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
        ["openapi", "v3", "apis", group, version] if served(shared, group, version) => {
            openapi::paths(group, version)
        }
        ["api", "v1"] => resources(shared, "", "v1"),
        ["apis", "authorization.k8s.io", "v1"] => reviews(),
        ["apis", group, version] if served(shared, group, version) => resources(shared, group, version),
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

fn served(shared: &Shared, group: &str, version: &str) -> bool {
    let world = shared.lock();
    let mut kinds = Kind::ALL.iter().filter(|kind| kind.info().group == group);
    kinds.any(|kind| versions::served(&world.release, *kind).contains(&version))
}

fn groups(shared: &Shared) -> Vec<Value> {
    let mut names: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| !kind.info().group.is_empty()) {
        let (name, versions) = (kind.info().group, versions::served(&shared.lock().release, *kind));
        if !names.iter().any(|(present, _)| *present == name) {
            names.push((name, versions));
        }
    }
    names.push(("authorization.k8s.io", vec!["v1"]));
    let mut groups: Vec<_> = names.into_iter().map(|(name, versions)| group(name, &versions)).collect();
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
    let release = shared.lock().release.clone();
    let here =
        |kind: &&Kind| kind.info().group == group && versions::served(&release, **kind).contains(&version);
    for kind in Kind::ALL.iter().filter(here) {
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
            if *subresource == "resize" && !release.has(Gate::ResizeInPlace) {
                continue;
            }
            listed.push(subresource_entry(*kind, subresource, &release));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed})
}

fn subresource_entry(kind: Kind, subresource: &str, release: &Release) -> Value {
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
    if subresource == "eviction" {
        entry["group"] = "policy".into();
        entry["version"] = if release.since(22) { "v1" } else { "v1beta1" }.into();
        entry["kind"] = "Eviction".into();
    }
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
