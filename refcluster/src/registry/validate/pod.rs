//! Pods and the templates of pods.

use super::{at_least, meta};
use crate::json::{items, text};
use crate::selector::label_selector_matches;
use crate::status::Cause;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A pod's spec, apart from its volume mounts.
pub(super) fn check_spec(spec: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if items(spec, "/containers").is_empty() {
        causes.push(Cause::required(format!("{field}.containers"), ""));
    }
    for group in ["initContainers", "containers"] {
        causes.extend(check_containers(spec, group, field));
    }
    let policy = &spec["restartPolicy"];
    if !matches!(policy.as_str(), Some("Always" | "OnFailure" | "Never")) {
        let supported = ["Always", "OnFailure", "Never"];
        causes.push(Cause::unsupported(format!("{field}.restartPolicy"), policy, &supported));
    }
    causes.extend(at_least(spec, "/terminationGracePeriodSeconds", field, 0));
    for name in ["hostname", "subdomain"] {
        let value = text(spec, &format!("/{name}"));
        if !value.is_empty() {
            causes.extend(meta::check_label(value, &format!("{field}.{name}")));
        }
    }
    causes
}

/// A template and the selector that has to match it.
pub(super) fn check_template(spec: &Value, field: &str) -> Vec<Cause> {
    let labels = &spec["template"]["metadata"]["labels"];
    let mut causes = meta::check_labels(labels, &format!("{field}.template.labels"));
    if spec["selector"].is_null() {
        causes.push(Cause::required(format!("{field}.selector"), ""));
    }
    // No selector selects nothing; an empty one selects everything.
    if spec["selector"].is_null() || !label_selector_matches(&spec["selector"], labels) {
        let labels = if labels.is_null() { json!({}) } else { labels.clone() };
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::invalid(format!("{field}.template.metadata.labels"), &labels, detail));
    }
    causes.extend(check_spec(&spec["template"]["spec"], &format!("{field}.template.spec")));
    causes
}

/// Every mount must name a volume of the pod, or one of `others`.
pub(super) fn check_mounts(spec: &Value, others: Vec<Value>, field: &str) -> Vec<Cause> {
    let known: Vec<_> =
        items(spec, "/volumes").iter().map(|volume| volume["name"].clone()).chain(others).collect();
    let mut causes = Vec::new();
    for (index, container) in items(spec, "/containers").iter().enumerate() {
        for (mount, entry) in items(container, "/volumeMounts").iter().enumerate() {
            if !known.contains(&entry["name"]) {
                let field = format!("{field}.containers[{index}].volumeMounts[{mount}].name");
                causes.push(not_found(field, &entry["name"]));
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

fn check_containers(spec: &Value, group: &str, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut names = BTreeSet::new();
    for (index, container) in items(spec, &format!("/{group}")).iter().enumerate() {
        let at = |name: &str| format!("{field}.{group}[{index}].{name}");
        let name = text(container, "/name");
        if name.is_empty() {
            causes.push(Cause::required(at("name"), ""));
        } else if !names.insert(name) {
            causes.push(Cause::invalid(at("name"), &container["name"], "Duplicate value"));
        } else {
            causes.extend(meta::check_label(name, &at("name")));
        }
        if text(container, "/image").is_empty() {
            causes.push(Cause::required(at("image"), ""));
        }
    }
    causes
}

fn not_found(field: String, value: &Value) -> Cause {
    Cause::invalid(field, value, "Not found")
}
