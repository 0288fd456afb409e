//! What one version of a pod says, reduced to what promises are about.

use super::ObjectSeen;

/// What a pod was at one version, reduced to what ordering is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It exists and does not run yet.
    Pending,
    /// phase=Running, and its Ready condition is not True.
    Running,
    /// phase=Running, Ready=True, no deletionTimestamp.
    Ready,
    /// deletionTimestamp is set.
    Terminating,
    /// phase=Succeeded or Failed.
    Terminal,
}

impl Phase {
    /// Reads a version of a pod.
    pub fn of(pod: &ObjectSeen) -> Self {
        *pod.phase.get(|| Self::read(pod))
    }

    fn read(pod: &ObjectSeen) -> Self {
        match pod.text("/status/phase") {
            _ if pod.is_terminating() => Phase::Terminating,
            Some("Succeeded" | "Failed") => Phase::Terminal,
            Some("Running") if condition(pod, "Ready") == Some("True") => Phase::Ready,
            Some("Running") => Phase::Running,
            _ => Phase::Pending,
        }
    }

    /// For a person to read; none stands for a pod that does not exist.
    pub const fn words(phase: Option<Self>) -> &'static str {
        match phase {
            None => "gone",
            Some(Phase::Pending) => "not running yet",
            Some(Phase::Running) => "running but not ready",
            Some(Phase::Ready) => "ready",
            Some(Phase::Terminating) => "terminating",
            Some(Phase::Terminal) => "ended",
        }
    }
}

/// A pod condition's status: `True`, `False` or `Unknown`.
pub fn condition<'p>(pod: &'p ObjectSeen, name: &str) -> Option<&'p str> {
    pod.list("/status/conditions").iter().find(|c| c["type"] == name)?["status"].as_str()
}

/// The pod's addresses: status.podIPs, or status.podIP where the server has no podIPs yet.
pub fn addresses(pod: &ObjectSeen) -> Vec<&str> {
    let many: Vec<&str> = pod.list("/status/podIPs").iter().filter_map(|ip| ip["ip"].as_str()).collect();
    if many.is_empty() {
        pod.text("/status/podIP").filter(|ip| !ip.is_empty()).into_iter().collect()
    } else {
        many
    }
}

/// The ordinal in a pod's name, if the name is `<set>-<ordinal>` with no sign and no leading zero.
pub fn ordinal(set: &str, pod: &str) -> Option<u32> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    let ordinal: u32 = digits.parse().ok()?;
    (ordinal.to_string() == digits).then_some(ordinal)
}

/// Whether something other than the set took the pod away, and the pod says so.
///
/// The condition DisruptionTarget is there from Kubernetes 1.26 on; the kubelet's own evictions have the reason in every
/// version (Kubernetes documentation, Disruptions, "Pod disruption conditions").
pub fn is_evicted(pod: &ObjectSeen) -> bool {
    condition(pod, "DisruptionTarget") == Some("True") || pod.text("/status/reason") == Some("Evicted")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::history::{Change, Resource};

    fn pod(object: serde_json::Value) -> ObjectSeen {
        ObjectSeen::new(Change::Modified, Resource::Pods, object)
    }

    #[test]
    fn a_phase_is_read_from_all_that_makes_it() {
        let with = |phase: &str, ready: &str, deleted: serde_json::Value| {
            let conditions =
                json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]);
            let metadata = json!({"name": "web-0", "deletionTimestamp": deleted});
            Phase::of(&pod(
                json!({"metadata": metadata, "status": {"phase": phase, "conditions": conditions}}),
            ))
        };
        assert_eq!(with("Pending", "True", json!(null)), Phase::Pending);
        assert_eq!(with("Running", "False", json!(null)), Phase::Running);
        assert_eq!(with("Running", "True", json!(null)), Phase::Ready);
        assert_eq!(with("Running", "True", json!("2026-01-01T00:00:00Z")), Phase::Terminating);
        assert_eq!(with("Succeeded", "False", json!(null)), Phase::Terminal);
        assert_eq!(with("Failed", "True", json!(null)), Phase::Terminal);
    }

    #[test]
    fn the_list_of_addresses_comes_before_the_single_one() {
        let of = |status: serde_json::Value| {
            addresses(&pod(json!({"metadata": {"name": "web-0"}, "status": status})))
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(json!({"podIP": "1.1.1.1", "podIPs": [{"ip": "1.1.1.1"}, {"ip": "::1"}]})),
            ["1.1.1.1", "::1"]
        );
        assert_eq!(of(json!({"podIP": "1.1.1.1"})), ["1.1.1.1"]);
        assert_eq!(of(json!({"podIP": ""})), Vec::<String>::new());
    }

    #[test]
    fn ordinals_are_plain_numbers() {
        assert_eq!(ordinal("web", "web-0"), Some(0));
        assert_eq!(ordinal("web", "web-12"), Some(12));
        for other in ["web-01", "web--1", "web-+1", "web", "web-x", "other-0", "web-0-1"] {
            assert_eq!(ordinal("web", other), None, "{other}");
        }
        assert_eq!(ordinal("web-0", "web-0-1"), Some(1));
    }

    #[test]
    fn an_eviction_is_told_by_condition_or_by_reason() {
        let with = |status: serde_json::Value| is_evicted(&pod(json!({"metadata": {}, "status": status})));
        assert!(with(json!({"conditions": [{"type": "DisruptionTarget", "status": "True"}]})));
        assert!(with(json!({"reason": "Evicted"})));
        assert!(!with(json!({"conditions": [{"type": "DisruptionTarget", "status": "False"}]})));
    }
}
