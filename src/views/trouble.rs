//! What keeps a pod from becoming ready although its set did what it had to: its container, its node, the scheduler, an
//! eviction.

use super::pods::container_trouble;
use crate::history::{ObjectSeen, pod};

/// The reasons for which a container waits in the ordinary course of a start.
const STARTING: &[&str] = &["ContainerCreating", "PodInitializing"];

/// What is amiss with a pod, as the rest of the sentence "the pod …"; none where nothing is, or where it only starts.
pub fn of_pod(pod: &ObjectSeen) -> Option<String> {
    let evicted = pod::is_evicted(pod).then(|| "was evicted".to_owned());
    let no_node = || unschedulable(pod).map(|message| format!("found no node: {message}"));
    evicted.or_else(|| of_container(pod)).or_else(no_node)
}

/// What is amiss with a container of a pod, likewise: one that ended, is in back-off, or cannot be started.
pub fn of_container(pod: &ObjectSeen) -> Option<String> {
    let ended = container_trouble(pod).map(|trouble| format!("did not keep running: {trouble}"));
    ended.or_else(|| cannot_start(pod))
}

fn cannot_start(pod: &ObjectSeen) -> Option<String> {
    let node = pod.text("/spec/nodeName").unwrap_or("no node");
    let all = ["/status/initContainerStatuses", "/status/containerStatuses"];
    all.iter().flat_map(|statuses| pod.list(statuses)).find_map(|status| {
        let name = status["name"].as_str().unwrap_or_default();
        let reason = status["state"]["waiting"]["reason"].as_str()?;
        let is_odd = !STARTING.contains(&reason);
        is_odd.then(|| format!("did not start: its container {name} waits with {reason} on {node}"))
    })
}

/// What the scheduler says about a pod that it has found no node for.
pub fn unschedulable(pod: &ObjectSeen) -> Option<&str> {
    let scheduled = pod.list("/status/conditions").iter().find(|c| c["type"] == "PodScheduled")?;
    let message = scheduled["message"].as_str().unwrap_or("the scheduler gave no reason");
    (scheduled["status"] == "False").then_some(message)
}

/// Whether volumes alone keep the scheduler from finding a node: every reason that it gives is one of theirs. That nodes of
/// the control plane take no pods is passed over, because it is always so.
pub fn is_for_want_of_volumes(message: &str) -> bool {
    let (_, reasons) = message.split_once("nodes are available: ").unwrap_or(("", message));
    let (reasons, _) = reasons.split_once(" preemption:").unwrap_or((reasons, ""));
    let is_known = |reason: &str| {
        let reason = reason.to_lowercase();
        !["node-role.kubernetes.io", "preemption"].iter().any(|usual| reason.contains(usual))
    };
    let mut odd = reasons.split(", ").filter(|reason| is_known(reason)).peekable();
    odd.peek().is_some() && odd.all(is_about_storage)
}

/// Whether words of the server are about volumes or storage, but not about the space of a node's own disk.
pub fn is_about_storage(words: &str) -> bool {
    let words = words.to_lowercase().replace("ephemeral-storage", "");
    ["volume", "storage", "mount", "provision", "attach"].iter().any(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::history::{Change, Resource};

    fn trouble(spec: serde_json::Value, status: serde_json::Value) -> String {
        let raw = json!({"metadata": {"name": "web-0"}, "spec": spec, "status": status});
        of_pod(&ObjectSeen::new(Change::Modified, Resource::Pods, raw)).unwrap_or_default()
    }

    #[test]
    fn a_pod_that_starts_has_no_trouble() {
        let waiting = |reason: &str| json!({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": reason}}}]});
        for reason in STARTING {
            assert_eq!(trouble(json!({}), waiting(reason)), "");
        }
        assert_eq!(trouble(json!({}), json!({"phase": "Running"})), "");
    }

    #[test]
    fn a_container_is_named_with_what_befell_it_and_its_node() {
        let on_a = json!({"nodeName": "a"});
        let back_off = json!({"containerStatuses": [{
            "name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }]});
        assert_eq!(
            trouble(on_a.clone(), back_off),
            "did not keep running: its container c ended with exit code 137 (OOMKilled) on a"
        );
        let image = json!({"initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "ErrImagePull"}}}]});
        assert_eq!(trouble(on_a, image), "did not start: its container i waits with ErrImagePull on a");
    }

    #[test]
    fn evictions_and_full_clusters_are_told() {
        assert_eq!(trouble(json!({}), json!({"reason": "Evicted"})), "was evicted");
        let full =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]});
        assert_eq!(trouble(json!({}), full), "found no node: 0/1 nodes");
    }

    #[test]
    fn volumes_are_to_blame_only_where_nothing_else_is() {
        for volumes in [
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            "pod has unbound immediate PersistentVolumeClaims",
            "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, \
             2 node(s) had volume node affinity conflict. preemption: 0/3 nodes are available: 3 Preemption is not \
             helpful for scheduling.",
            "running PreBind plugin \"VolumeBinding\": binding volumes: timed out waiting for the condition",
        ] {
            assert!(is_for_want_of_volumes(volumes), "{volumes}");
        }
        for other in [
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient ephemeral-storage.",
            "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had volume node affinity conflict.",
            "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
            "0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.",
        ] {
            assert!(!is_for_want_of_volumes(other), "{other}");
        }
    }
}
