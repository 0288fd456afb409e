//! StatefulSets, after `ValidateStatefulSet` and `ValidateStatefulSetUpdate`.

use super::{at_least, meta, pod, storage};
use crate::json::{has, items, map, text};
use crate::status::Cause;
use serde_json::{Value, json};

/// The fields of the spec that an update may change.
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(super) fn check(set: &Value) -> Vec<Cause> {
    let spec = &set["spec"];
    let (policy, field) = (&spec["podManagementPolicy"], "spec.podManagementPolicy");
    let mut causes: Vec<_> =
        check_either(policy, ["OrderedReady", "Parallel"], field, policy).into_iter().collect();
    causes.extend(check_strategy(spec));
    for policy in ["whenDeleted", "whenScaled"] {
        let pointer = format!("/persistentVolumeClaimRetentionPolicy/{policy}");
        causes.extend(check_choice(spec, &pointer, &["Delete", "Retain"]));
    }
    for number in ["/replicas", "/minReadySeconds", "/ordinals/start", "/revisionHistoryLimit"] {
        causes.extend(at_least(spec, number, "spec", 0));
    }
    let service = text(spec, "/serviceName");
    if !service.is_empty() {
        causes.extend(meta::check_label(service, "spec.serviceName"));
    }
    causes.extend(check_selector(spec));
    causes.extend(check_template(spec));
    for (index, claim) in items(spec, "/volumeClaimTemplates").iter().enumerate() {
        let field = format!("spec.volumeClaimTemplates[{index}].spec");
        causes.extend(storage::check_claim_spec(&claim["spec"], &field));
    }
    causes
}

pub(super) fn check_update(old: &Value, new: &Value) -> Vec<Cause> {
    let fixed = |set: &Value| {
        let mut spec = set["spec"].clone();
        for field in MUTABLE {
            crate::json::remove(&mut spec, field);
        }
        map(&mut spec, "template");
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    vec![Cause::forbidden("spec", detail)]
}

/// A choice between two; its refusal is about `field`, which has `value`.
fn check_either(choice: &Value, supported: [&str; 2], field: &str, value: &Value) -> Option<Cause> {
    let [one, other] = supported;
    match choice.as_str() {
        Some(choice) if supported.contains(&choice) => None,
        None | Some("") => Some(Cause::required(field, "")),
        Some(_) => Some(Cause::invalid(field, value, &format!("must be '{one}' or '{other}'"))),
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

fn check_strategy(spec: &Value) -> Vec<Cause> {
    let strategy = &spec["updateStrategy"];
    let (kinds, field) = (["RollingUpdate", "OnDelete"], "spec.updateStrategy");
    let mut causes: Vec<_> = check_either(&strategy["type"], kinds, field, strategy).into_iter().collect();
    if strategy["type"] == "OnDelete" && has(strategy, "/rollingUpdate") {
        let detail = "only allowed for updateStrategy 'RollingUpdate'";
        causes.push(Cause::invalid("spec.updateStrategy.rollingUpdate", &strategy["rollingUpdate"], detail));
    }
    causes.extend(at_least(spec, "/updateStrategy/rollingUpdate/partition", "spec", 0));
    causes.extend(check_max_unavailable(&strategy["rollingUpdate"]["maxUnavailable"]));
    causes
}

fn check_max_unavailable(value: &Value) -> Option<Cause> {
    let field = "spec.updateStrategy.rollingUpdate.maxUnavailable";
    let number = match value {
        Value::Null => return None,
        Value::String(percent) => percent.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok()),
        other => other.as_i64(),
    };
    match number {
        None => Some(Cause::invalid(field, value, "must be an integer or a percentage (e.g '5%')")),
        Some(0) => Some(Cause::invalid(field, value, "cannot be 0")),
        Some(negative) if negative < 0 => {
            Some(Cause::invalid(field, value, "must be greater than or equal to 0"))
        }
        Some(over) if value.is_string() && over > 100 => {
            Some(Cause::invalid(field, value, "must not be greater than 100%"))
        }
        Some(_) => None,
    }
}

fn check_selector(spec: &Value) -> Vec<Cause> {
    let selector = &spec["selector"];
    let empty = !selector.is_null()
        && crate::json::texts(selector, "/matchLabels").next().is_none()
        && items(selector, "/matchExpressions").is_empty();
    if empty {
        return vec![Cause::invalid("spec.selector", selector, "empty selector is invalid for statefulset")];
    }
    meta::check_selector(selector, "spec.selector")
}

fn check_template(spec: &Value) -> Vec<Cause> {
    let mut causes = pod::check_template(spec, "spec");
    let pod = &spec["template"]["spec"];
    let policy = &pod["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    if has(pod, "/activeDeadlineSeconds") {
        let detail = "activeDeadlineSeconds in StatefulSet is not Supported";
        causes.push(Cause::forbidden("spec.template.spec.activeDeadlineSeconds", detail));
    }
    // Claims are mounted under the names of their templates, so those count as volumes here.
    let claims =
        items(spec, "/volumeClaimTemplates").iter().map(|claim| json!(text(claim, "/metadata/name")));
    causes.extend(pod::check_mounts(pod, claims.collect(), "spec.template.spec"));
    causes
}
