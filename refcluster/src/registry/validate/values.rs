//! How values are written in messages: as JSON, and before 1.34 as Go writes them.
//!
//! Follows `k8s.io/apimachinery/pkg/util/validation/field/errors.go`. Addresses of memory, which Go writes for some pointers,
//! are not imitated.

use crate::json::{integer, texts};
use crate::release::Release;
use serde_json::{Value, json};

/// Text that is written as it is, without quotes.
pub(super) fn labels(release: &Release, labels: &Value) -> String {
    let labels = if labels.is_null() { json!({}) } else { labels.clone() };
    if release.since(34) {
        return labels.to_string();
    }
    let pairs: Vec<_> = texts(&labels, "").map(|(key, value)| format!("{key:?}:{value:?}")).collect();
    format!("map[string]string{{{}}}", pairs.join(", "))
}

pub(super) fn empty_selector(release: &Release) -> String {
    if release.since(34) {
        return "{}".to_owned();
    }
    "v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}"
        .to_owned()
}

pub(super) fn rolling_update(release: &Release, rolling: &Value) -> String {
    let partition = integer(rolling, "/partition").unwrap_or(0);
    match (release.since(34), release.since(24)) {
        (true, _) => {
            format!("{{\"Partition\":{partition},\"MaxUnavailable\":{}}}", rolling["maxUnavailable"])
        }
        (_, true) => format!(
            "apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}, MaxUnavailable:(*intstr.IntOrString)(nil)}}"
        ),
        _ => format!("apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}}}"),
    }
}

pub(super) fn strategy(release: &Release, strategy: &Value) -> String {
    let (kind, rolling) = (&strategy["type"], &strategy["rollingUpdate"]);
    if release.since(34) {
        let rolling = if rolling.is_null() { "null".to_owned() } else { rolling_update(release, rolling) };
        return format!("{{\"Type\":{kind},\"RollingUpdate\":{rolling}}}");
    }
    format!(
        "apps.StatefulSetUpdateStrategy{{Type:{kind}, RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)(nil)}}"
    )
}
