//! Taints of nodes, and the pods that tolerate them.
//!
//! Follows `k8s.io/component-helpers/scheduling/corev1/helpers.go`.

use crate::json::{integer, items, text};
use serde_json::Value;

/// For how long a pod tolerates a taint: for ever, for some seconds, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerance {
    None,
    Secs(u64),
    Forever,
}

pub(super) fn tolerance(pod: &Value, taint: &Value) -> Tolerance {
    let fitting = items(pod, "/spec/tolerations").iter().filter(|toleration| tolerates(toleration, taint));
    let mut shortest = Tolerance::None;
    for toleration in fitting {
        let secs = integer(toleration, "/tolerationSeconds").map(|secs| secs.max(0) as u64);
        shortest = match (shortest, secs) {
            (Tolerance::Secs(least), Some(secs)) => Tolerance::Secs(least.min(secs)),
            (Tolerance::Secs(least), None) => Tolerance::Secs(least),
            (_, Some(secs)) => Tolerance::Secs(secs),
            (_, None) => Tolerance::Forever,
        };
    }
    shortest
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
    let same_value = text(toleration, "/value") == text(taint, "/value");
    (key.is_empty() || key == text(taint, "/key"))
        && (effect.is_empty() || effect == text(taint, "/effect"))
        && (text(toleration, "/operator") == "Exists" || (same_value && !key.is_empty()))
}

/// The first taint that keeps a pod from being placed on a node.
pub(super) fn keeps_out<'n>(pod: &Value, node: &'n Value) -> Option<&'n Value> {
    items(node, "/spec/taints").iter().find(|taint| {
        matches!(text(taint, "/effect"), "NoSchedule" | "NoExecute")
            && tolerance(pod, taint) == Tolerance::None
    })
}

/// The taints of a node that pods are evicted for.
pub(super) fn evicting(node: &Value) -> impl Iterator<Item = &Value> {
    items(node, "/spec/taints").iter().filter(|taint| taint["effect"] == "NoExecute")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shortest_toleration_counts() {
        let pod = |tolerations: Value| json!({"spec": {"tolerations": tolerations}});
        let taint = json!({"key": "k", "value": "v", "effect": "NoExecute"});
        let of = |tolerations| tolerance(&pod(tolerations), &taint);
        assert_eq!(of(json!([])), Tolerance::None);
        assert_eq!(of(json!([{"operator": "Exists"}])), Tolerance::Forever);
        assert_eq!(of(json!([{"key": "k", "value": "other"}])), Tolerance::None);
        let timed =
            json!([{"key": "k", "operator": "Exists", "tolerationSeconds": 5}, {"operator": "Exists"}]);
        assert_eq!(of(timed), Tolerance::Secs(5));
    }
}
