//! Pods and the templates of pods.

use super::{at_least, meta, values};
use crate::json::{has, items, text};
use crate::release::Release;
use crate::selector::label_selector_matches;
use crate::status::Cause;
use serde_json::Value;
use std::collections::BTreeSet;

/// A pod's spec. A volume may also have one of the names in `others`.
pub(super) fn check_spec(release: &Release, spec: &Value, others: Vec<Value>, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if items(spec, "/containers").is_empty() {
        causes.push(Cause::required(format!("{field}.containers"), ""));
    }
    let known: Vec<_> =
        items(spec, "/volumes").iter().map(|volume| volume["name"].clone()).chain(others).collect();
    for group in ["initContainers", "containers"] {
        causes.extend(check_containers(release, spec, group, field));
        causes.extend(check_mounts(spec, group, &known, field));
    }
    let policy = &spec["restartPolicy"];
    if !matches!(policy.as_str(), Some("Always" | "OnFailure" | "Never")) {
        let supported = ["Always", "OnFailure", "Never"];
        causes.push(Cause::unsupported(format!("{field}.restartPolicy"), policy, &supported));
    }
    if !release.since(33) {
        causes.extend(at_least(spec, "/terminationGracePeriodSeconds", field, 0));
    }
    for name in ["hostname", "subdomain"] {
        let value = text(spec, &format!("/{name}"));
        if !value.is_empty() {
            causes.extend(meta::check_label(value, &format!("{field}.{name}"), release));
        }
    }
    causes
}

/// A template and the selector that has to match it.
pub(super) fn check_template(release: &Release, spec: &Value, field: &str) -> Vec<Cause> {
    let labels = &spec["template"]["metadata"]["labels"];
    let mut causes = meta::check_labels(labels, &format!("{field}.template.labels"), release);
    if spec["selector"].is_null() {
        causes.push(Cause::required(format!("{field}.selector"), ""));
    }
    causes.extend(check_labels_match(release, spec, field));
    causes.extend(check_spec(
        release,
        &spec["template"]["spec"],
        Vec::new(),
        &format!("{field}.template.spec"),
    ));
    causes
}

/// No selector selects nothing; an empty one selects everything.
pub(super) fn check_labels_match(release: &Release, spec: &Value, field: &str) -> Option<Cause> {
    let labels = &spec["template"]["metadata"]["labels"];
    if !spec["selector"].is_null() && label_selector_matches(&spec["selector"], labels) {
        return None;
    }
    let detail = "`selector` does not match template `labels`";
    let field = format!("{field}.template.metadata.labels");
    Some(Cause::invalid_as(field, &values::labels(release, labels), detail))
}

fn check_mounts(spec: &Value, group: &str, known: &[Value], field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, container) in items(spec, &format!("/{group}")).iter().enumerate() {
        for (mount, entry) in items(container, "/volumeMounts").iter().enumerate() {
            if !known.contains(&entry["name"]) {
                let field = format!("{field}.{group}[{index}].volumeMounts[{mount}].name");
                causes.push(Cause::not_found(field, &entry["name"]));
            }
        }
    }
    causes
}

/// Only a few fields of a pod may change.
pub(super) fn check_update(old: &Value, new: &Value) -> Vec<Cause> {
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for field in
            ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates"]
        {
            crate::json::remove(&mut spec, field);
        }
        for group in ["containers", "initContainers"] {
            for container in spec[group].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
            }
        }
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    vec![Cause::forbidden("spec", detail)]
}

fn check_containers(release: &Release, spec: &Value, group: &str, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut names = BTreeSet::new();
    for (index, container) in items(spec, &format!("/{group}")).iter().enumerate() {
        let at = |name: &str| format!("{field}.{group}[{index}].{name}");
        let name = text(container, "/name");
        if name.is_empty() {
            causes.push(Cause::required(at("name"), ""));
        } else if !names.insert(name) {
            causes.push(Cause::duplicate(at("name"), &container["name"]));
        } else {
            causes.extend(meta::check_label(name, &at("name"), release));
        }
        if text(container, "/image").is_empty() {
            causes.push(Cause::required(at("image"), ""));
        }
        for (port, entry) in items(container, "/ports").iter().enumerate() {
            let differs = has(entry, "/hostPort") && entry["hostPort"] != entry["containerPort"];
            if spec["hostNetwork"] == true && differs {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                causes.push(Cause::invalid(
                    at(&format!("ports[{port}].hostPort")),
                    &entry["hostPort"],
                    detail,
                ));
            }
        }
    }
    causes
}
