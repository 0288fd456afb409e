//! The conditions in a pod's status.
//!
//! Follows `UpdatePodCondition` of `pkg/api/v1/pod/util.go`.

use crate::json::{list, map};
use serde_json::{Value, json};

/// Sets a condition; its time of transition changes only with its status.
pub(crate) fn set_condition(
    pod: &mut Value,
    kind: &str,
    status: &str,
    reason: Option<&str>,
    message: Option<&str>,
    now: &str,
) {
    let generation = pod["metadata"]["generation"].clone();
    let conditions = list(map(pod, "status"), "conditions");
    let before = conditions.iter().find(|condition| condition["type"] == kind);
    let since = before.filter(|condition| condition["status"] == status);
    let since = since.map_or_else(|| Value::from(now), |condition| condition["lastTransitionTime"].clone());
    let mut condition = json!({
        "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since,
    });
    if !generation.is_null() {
        condition["observedGeneration"] = generation;
    }
    for (field, value) in [("reason", reason), ("message", message)] {
        if let Some(value) = value {
            condition[field] = value.into();
        }
    }
    match conditions.iter_mut().find(|condition| condition["type"] == kind) {
        Some(present) => *present = condition,
        None => conditions.push(condition),
    }
}
