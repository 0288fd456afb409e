//! The health of nodes: those that give no sign of life are tainted and their pods evicted; pods of nodes that are deleted,
//! or out of service, go by force.
//!
//! Follows `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction` and `pkg/controller/podgc`.

use super::taints::{self, Tolerance};
use super::{Outcome, pods};
use crate::clock::parse_timestamp;
use crate::json::{self, items, list, map, text};
use crate::kind::Kind;
use crate::kubelet::conditions::set_condition;
use crate::queue::Component;
use crate::registry::DeleteOptions;
use crate::release::Gate;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often the controller looks at a node that is not well.
const MONITOR_PERIOD: Duration = Duration::from_secs(5);

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(node) = world.get(key) else { return collect_orphans(world, key) };
    let silent = world.kubelets.silence(&key.name) > grace(world);
    if silent && json::condition(&node, "Ready") != "Unknown" {
        mark_unknown(world, key);
    }
    let unknown = world.get(key).is_some_and(|node| json::condition(&node, "Ready") == "Unknown");
    taint(world, key, unknown);
    evict(world, key)?;
    if unknown {
        collect_out_of_service(world, key)?;
    }
    if unknown || world.outage(&key.name).is_some() {
        world.queue.add_after(Component::NodeLifecycle, key, MONITOR_PERIOD);
    }
    Ok(())
}

/// How long a node may be silent: `--node-monitor-grace-period`.
fn grace(world: &World) -> Duration {
    Duration::from_secs(if world.release.since(32) { 50 } else { 40 })
}

fn mark_unknown(world: &mut World, key: &Key) {
    let now = world.clock.timestamp();
    world.modify(key, |node| {
        for condition in list(map(node, "status"), "conditions") {
            condition["status"] = "Unknown".into();
            condition["reason"] = "NodeStatusUnknown".into();
            condition["message"] = "Kubelet stopped posting node status.".into();
            condition["lastTransitionTime"] = now.clone().into();
        }
    });
    for (pod, _) in pods_of(world, &key.name) {
        let ready = world.get(&pod).filter(|pod| pods::is_ready(pod));
        if let Some(object) = ready {
            world.modify(&pod, |pod| set_condition(pod, "Ready", "False", None, None, &now));
            world.event("node-controller", &object, "Warning", "NodeNotReady", "Node is not ready");
        }
    }
}

fn pods_of(world: &World, node: &str) -> Vec<(Key, Arc<Value>)> {
    let own = world.store.list(Kind::Pod, "").filter(|(_, pod)| text(pod, "/spec/nodeName") == node);
    own.map(|(key, pod)| (key.clone(), pod.clone())).collect()
}

/// Sets the controller's own taints as the node's state asks for. Pods are evicted a look later than they are kept out.
fn taint(world: &mut World, key: &Key, unknown: bool) {
    let now = world.clock.timestamp();
    world.modify(key, |node| {
        let cordoned = node["spec"]["unschedulable"] == true;
        let before = items(node, "/spec/taints").to_vec();
        let has = |name: &str, effect: &str| {
            before.iter().any(|taint| taint["key"] == name && taint["effect"] == effect)
        };
        let kept_out_already = has(UNREACHABLE, "NoSchedule");
        let mut wanted = before.clone();
        for (name, effect, wants) in [
            (UNSCHEDULABLE, "NoSchedule", cordoned),
            (UNREACHABLE, "NoSchedule", unknown),
            (UNREACHABLE, "NoExecute", unknown && kept_out_already),
        ] {
            if wants && !has(name, effect) {
                wanted.push(json!({"key": name, "effect": effect, "timeAdded": now}));
            } else if !wants {
                wanted.retain(|taint| taint["key"] != name || taint["effect"] != effect);
            }
        }
        if wanted.is_empty() {
            json::remove(map(node, "spec"), "taints");
        } else {
            node["spec"]["taints"] = wanted.into();
        }
    });
}

/// Deletes the pods that do not tolerate the node's taints, or not for so long.
fn evict(world: &mut World, key: &Key) -> Outcome {
    let Some(node) = world.get(key).filter(|node| taints::evicting(node).next().is_some()) else {
        return Ok(());
    };
    let now = world.clock.unix_secs();
    for (key, pod) in pods_of(world, &key.name) {
        let due = taints::evicting(&node).filter_map(|taint| {
            let since = parse_timestamp(text(taint, "/timeAdded")).unwrap_or(now);
            match taints::tolerance(&pod, taint) {
                Tolerance::Forever => None,
                Tolerance::Secs(secs) => Some(since + secs),
                Tolerance::None => Some(0),
            }
        });
        let Some(due) = due.min().filter(|_| !json::terminating(&pod)) else { continue };
        if due > now {
            let node = Key::new(Kind::Node, "", json::name(&node));
            world.queue.add_after(Component::NodeLifecycle, &node, Duration::from_secs(due - now));
            continue;
        }
        let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
        world.event("taint-eviction-controller", &pod, "Normal", "TaintManagerEviction", &message);
        disrupt(world, &key, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
        world.delete(
            &key,
            &DeleteOptions { uid: Some(json::uid(&pod).to_owned()), ..DeleteOptions::default() },
        )?;
    }
    Ok(())
}

/// Says in a pod's status why it is taken away, which pods do since 1.26.
pub(crate) fn disrupt(world: &mut World, pod: &Key, reason: &str, message: &str) {
    if world.release.since(26) {
        let now = world.clock.timestamp();
        world.modify(pod, |pod| {
            set_condition(pod, "DisruptionTarget", "True", Some(reason), Some(message), &now);
        });
    }
}

/// A node that somebody has declared out of service runs nothing any more: its pods need not be waited for.
fn collect_out_of_service(world: &mut World, key: &Key) -> Outcome {
    let declared =
        |node: &Value| items(node, "/spec/taints").iter().any(|taint| taint["key"] == OUT_OF_SERVICE);
    if !world.release.has(Gate::OutOfService) || !world.get(key).is_some_and(|node| declared(&node)) {
        return Ok(());
    }
    for (pod, object) in pods_of(world, &key.name) {
        if json::terminating(&object) {
            world.delete(&pod, &DeleteOptions::immediately(json::uid(&object)))?;
        }
    }
    Ok(())
}

fn collect_orphans(world: &mut World, node: &Key) -> Outcome {
    for (pod, object) in pods_of(world, &node.name) {
        world.delete(&pod, &DeleteOptions::immediately(json::uid(&object)))?;
    }
    Ok(())
}
