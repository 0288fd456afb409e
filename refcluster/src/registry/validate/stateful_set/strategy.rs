//! The update strategy of a set, after `validateRollingUpdateStatefulSet` and the strategy's part of
//! `ValidateStatefulSetSpec`.

use crate::json::has;
use crate::registry::validate::{at_least, values};
use crate::release::{Gate, Release};
use crate::status::Cause;
use serde_json::Value;

const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

pub(super) fn check(release: &Release, spec: &Value) -> Vec<Cause> {
    let strategy = &spec["updateStrategy"];
    match strategy["type"].as_str() {
        None | Some("") => vec![Cause::required("spec.updateStrategy", "")],
        Some("RollingUpdate") => check_rolling(release, spec),
        Some("OnDelete") => forbid_rolling(release, strategy),
        Some("Recreate") if release.has(Gate::RecreateStrategy) => forbid_rolling(release, strategy),
        Some(_) => {
            let supported = if release.has(Gate::RecreateStrategy) {
                "must be 'RollingUpdate', 'OnDelete', or 'Recreate'"
            } else {
                "must be 'RollingUpdate' or 'OnDelete'"
            };
            vec![Cause::invalid_as("spec.updateStrategy", &values::strategy(release, strategy), supported)]
        }
    }
}

fn forbid_rolling(release: &Release, strategy: &Value) -> Vec<Cause> {
    if !has(strategy, "/rollingUpdate") {
        return Vec::new();
    }
    let (field, detail) =
        ("spec.updateStrategy.rollingUpdate", "only allowed for updateStrategy 'RollingUpdate'");
    let value = values::rolling_update(release, &strategy["rollingUpdate"]);
    vec![Cause::invalid_as(field, &value, detail)]
}

fn check_rolling(release: &Release, spec: &Value) -> Vec<Cause> {
    let partition = at_least(spec, "/updateStrategy/rollingUpdate/partition", "spec", 0);
    let mut causes: Vec<_> = partition.into_iter().collect();
    let value = &spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
    if release.has(Gate::MaxUnavailable) && !value.is_null() {
        causes.extend(check_max_unavailable(value));
    }
    causes
}

fn check_max_unavailable(value: &Value) -> Vec<Cause> {
    let invalid =
        |detail: &str| Cause::invalid("spec.updateStrategy.rollingUpdate.maxUnavailable", value, detail);
    let percent = value.as_str().map(|text| text.strip_suffix('%').and_then(|digits| digits.parse().ok()));
    match percent {
        Some(None) => vec![invalid(PERCENT), invalid("cannot be 0")],
        Some(Some(0)) => vec![invalid("cannot be 0")],
        Some(Some(over)) if over > 100_u32 => vec![invalid("must not be greater than 100%")],
        Some(_) => Vec::new(),
        None => match value.as_i64() {
            Some(0) => vec![invalid("cannot be 0")],
            Some(negative) if negative < 0 => vec![invalid("must be greater than or equal to 0")],
            _ => Vec::new(),
        },
    }
}
