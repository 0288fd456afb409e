//! StatefulSets, after `ValidateStatefulSet`, `ValidateStatefulSetSpec` and `ValidateStatefulSetStatus`.

mod strategy;
mod update;

use super::{at_least, meta, pod, storage, values};
use crate::json::{has, integer, items, text};
use crate::release::{Gate, Release};
use crate::status::Cause;
use serde_json::{Value, json};

/// A new set, or the new form of an old one, whose name, claims and Service name are not looked at again.
pub(super) fn check(release: &Release, set: &Value, old: Option<&Value>) -> Vec<Cause> {
    let spec = &set["spec"];
    let mut causes = check_policy(spec);
    causes.extend(strategy::check(release, spec));
    if release.has(Gate::RetentionPolicy) && has(spec, "/persistentVolumeClaimRetentionPolicy") {
        for policy in ["whenDeleted", "whenScaled"] {
            let pointer = format!("/persistentVolumeClaimRetentionPolicy/{policy}");
            causes.extend(check_choice(spec, &pointer, &["Retain", "Delete"]));
        }
    }
    if release.since(34) && old.is_none() {
        for (index, claim) in items(spec, "/volumeClaimTemplates").iter().enumerate() {
            let field = format!("spec.volumeClaimTemplates[{index}].spec");
            causes.extend(storage::check_claim_spec(&claim["spec"], &field));
        }
    }
    for number in ["/replicas", "/minReadySeconds", "/ordinals/start"] {
        causes.extend(at_least(spec, number, "spec", 0));
    }
    let service = text(spec, "/serviceName");
    if release.since(33) && old.is_none() && !service.is_empty() {
        causes.extend(meta::check_label(service, "spec.serviceName", release));
    }
    causes.extend(check_selector(release, spec));
    causes.extend(check_template(release, spec, old));
    causes
}

pub(super) fn check_update(release: &Release, old: &Value, new: &Value) -> Vec<Cause> {
    update::check(release, old, new)
}

/// The counts in a status that somebody writes.
pub(super) fn check_status(release: &Release, status: &Value) -> Vec<Cause> {
    let mut fields = vec!["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"];
    fields.extend(release.since(22).then_some("availableReplicas"));
    let mut causes: Vec<_> =
        fields.iter().filter_map(|field| at_least(status, &format!("/{field}"), "status", 0)).collect();
    let count = |field: &str| integer(status, &format!("/{field}")).unwrap_or(0);
    let pairs = fields[1..4].iter().map(|field| (*field, "replicas"));
    let available = release.since(22).then_some(("availableReplicas", "readyReplicas"));
    for (part, whole) in pairs.chain(available) {
        if count(part) > count(whole) {
            let detail = format!("cannot be greater than status.{whole}");
            causes.push(Cause::invalid(format!("status.{part}"), &json!(count(part)), &detail));
        }
    }
    causes
}

fn check_policy(spec: &Value) -> Vec<Cause> {
    let (policy, field) = (&spec["podManagementPolicy"], "spec.podManagementPolicy");
    match policy.as_str() {
        Some("OrderedReady" | "Parallel") => Vec::new(),
        None | Some("") => vec![Cause::required(field, "")],
        Some(_) => vec![Cause::invalid(field, policy, "must be 'OrderedReady' or 'Parallel'")],
    }
}

fn check_choice(spec: &Value, pointer: &str, supported: &[&str]) -> Vec<Cause> {
    let value = spec.pointer(pointer).unwrap_or(&Value::Null);
    let field = format!("spec{}", pointer.replace('/', "."));
    match value.as_str() {
        Some(choice) if supported.contains(&choice) => Vec::new(),
        None | Some("") => vec![Cause::required(field, "")],
        Some(_) => vec![Cause::unsupported(field, value, supported)],
    }
}

fn check_selector(release: &Release, spec: &Value) -> Vec<Cause> {
    let selector = &spec["selector"];
    if selector.is_null() {
        return vec![Cause::required("spec.selector", "")];
    }
    let empty = crate::json::texts(selector, "/matchLabels").next().is_none()
        && items(selector, "/matchExpressions").is_empty();
    if empty {
        let detail = "empty selector is invalid for statefulset";
        return vec![Cause::invalid_as("spec.selector", &values::empty_selector(release), detail)];
    }
    meta::check_selector(selector, "spec.selector", release)
}

fn check_template(release: &Release, spec: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes: Vec<_> = pod::check_labels_match(release, spec, "spec").into_iter().collect();
    if release.since(34) && old.is_none_or(|old| whole_template(release, &old["spec"]).is_empty()) {
        causes.extend(whole_template(release, spec));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    causes.extend(meta::check_labels(labels, "spec.template.labels", release));
    let pod = &spec["template"]["spec"];
    let policy = &pod["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    if has(pod, "/activeDeadlineSeconds") {
        let detail = "activeDeadlineSeconds in StatefulSet is not Supported";
        causes.push(Cause::forbidden("spec.template.spec.activeDeadlineSeconds", detail));
    }
    causes
}

/// The template as a pod's, which only newer releases look at before they make pods of it.
fn whole_template(release: &Release, spec: &Value) -> Vec<Cause> {
    let pod = &spec["template"]["spec"];
    // Claims are mounted under the names of their templates, so those count as volumes here.
    let claims =
        items(spec, "/volumeClaimTemplates").iter().map(|claim| json!(text(claim, "/metadata/name")));
    pod::check_spec(release, pod, claims.collect(), "spec.template.spec")
}
