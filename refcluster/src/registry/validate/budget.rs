//! Disruption budgets, after `ValidatePodDisruptionBudgetSpec` of `pkg/apis/policy/validation/validation.go`.

use super::{at_least, meta};
use crate::release::Release;
use crate::status::Cause;
use serde_json::Value;

pub(super) fn check(release: &Release, budget: &Value) -> Vec<Cause> {
    let spec = &budget["spec"];
    let both = !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null();
    if both {
        let value = format!(
            "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":null}}",
            spec["minAvailable"], spec["selector"], spec["maxUnavailable"]
        );
        return vec![Cause::invalid_as("spec", &value, "minAvailable and maxUnavailable cannot be both set")];
    }
    let mut causes = Vec::new();
    for field in ["/minAvailable", "/maxUnavailable"] {
        let number = spec.pointer(field).is_some_and(Value::is_number);
        causes.extend(number.then(|| at_least(spec, field, "spec", 0)).flatten());
    }
    causes.extend(meta::check_selector(&spec["selector"], "spec.selector", release));
    causes
}
