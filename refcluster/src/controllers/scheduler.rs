//! The scheduler: gives a pod a node on which it can run.
//!
//! Follows the filters of `pkg/scheduler/framework/plugins` as far as they are used here: unschedulable nodes, taints,
//! node selectors, host ports, required anti-affinity by host, scheduling gates, and volumes, which with
//! WaitForFirstConsumer are bound to the node that was chosen. Among the nodes with the fewest pods the seed chooses.

use super::taints::{self, Tolerance};
use super::{Outcome, volume_binder};
use crate::json::{self, has, items, map, text, texts};
use crate::kind::Kind;
use crate::kubelet::conditions::set_condition;
use crate::selector::label_selector_matches;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(pod) = world.get(key) else { return Ok(()) };
    if has(&pod, "/spec/nodeName") || json::terminating(&pod) {
        return Ok(());
    }
    if !items(&pod, "/spec/schedulingGates").is_empty() {
        unschedulable(
            world,
            key,
            "SchedulingGated",
            "Scheduling is blocked due to non-empty scheduling gates",
        );
        return Ok(());
    }
    let claims = match claims(world, &pod) {
        Ok(claims) => claims,
        Err(message) => {
            unschedulable(world, key, "Unschedulable", &message);
            return Ok(());
        }
    };
    let Some(node) = choose_node(world, &pod, &claims) else {
        let message = why_nowhere(world, &pod, &claims);
        unschedulable(world, key, "Unschedulable", &message);
        return Ok(());
    };
    let unbound: Vec<Key> = claims
        .iter()
        .filter(|(_, claim)| !volume_binder::is_bound(claim))
        .map(|(key, _)| key.clone())
        .collect();
    if unbound.is_empty() {
        bind(world, key, &pod, &node);
        return Ok(());
    }
    for claim in unbound {
        world.modify(&claim, |claim| {
            map(map(claim, "metadata"), "annotations")[volume_binder::SELECTED_NODE] = node.clone().into();
        });
    }
    set(world, key, "False", Some("Unschedulable"), Some("waiting for the pod's volumes to be bound"));
    Ok(())
}

type Claims = Vec<(Key, Arc<Value>)>;

/// The claims of a pod, or why it has to wait for them.
fn claims(world: &World, pod: &Value) -> Result<Claims, String> {
    let mut claims = Vec::new();
    for volume in items(pod, "/spec/volumes") {
        let name = text(volume, "/persistentVolumeClaim/claimName");
        if name.is_empty() {
            continue;
        }
        let key = Key::new(Kind::PersistentVolumeClaim, json::namespace(pod), name);
        let Some(claim) = world.get(&key) else {
            return Err(format!("persistentvolumeclaim {name:?} not found"));
        };
        if json::terminating(&claim) {
            return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        if !volume_binder::is_bound(&claim) && !waits_for_consumer(world, &claim) {
            return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
        claims.push((key, claim));
    }
    Ok(claims)
}

fn waits_for_consumer(world: &World, claim: &Value) -> bool {
    let class = Key::new(Kind::StorageClass, "", text(claim, "/spec/storageClassName"));
    world.get(&class).is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer")
}

fn choose_node(world: &mut World, pod: &Value, claims: &Claims) -> Option<String> {
    let nodes: Vec<Arc<Value>> = world.store.list(Kind::Node, "").map(|(_, node)| node.clone()).collect();
    let chosen = claims.iter().find_map(|(_, claim)| {
        volume_binder::selected_node(claim).filter(|_| !volume_binder::is_bound(claim)).map(str::to_owned)
    });
    let loads = loads(world, pod);
    let mut feasible: Vec<(usize, String)> = nodes
        .iter()
        .filter(|node| obstacle(world, pod, node, claims).is_none())
        .map(|node| (loads.get(json::name(node)).copied().unwrap_or(0), json::name(node).to_owned()))
        .collect();
    if let Some(chosen) = chosen.filter(|chosen| feasible.iter().any(|(_, node)| node == chosen)) {
        return Some(chosen);
    }
    feasible.sort();
    let least = feasible.first()?.0;
    let best: Vec<_> = feasible.into_iter().filter(|(load, _)| *load == least).collect();
    let index = world.chance.within(0..best.len() as u64) as usize;
    Some(best[index].1.clone())
}

/// Why a pod cannot be on a node, in the scheduler's words.
fn obstacle(world: &World, pod: &Value, node: &Value, claims: &Claims) -> Option<String> {
    let (name, labels) = (json::name(node), &node["metadata"]["labels"]);
    let selected = texts(pod, "/spec/nodeSelector").all(|(key, value)| labels[key] == value)
        && node_affinity_holds(
            &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"],
            labels,
        );
    let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let cordoned =
        node["spec"]["unschedulable"] == true && taints::tolerance(pod, &cordon) == Tolerance::None;
    let mut why = Vec::new();
    if cordoned {
        why.push("node(s) were unschedulable".to_owned());
    } else if let Some(taint) = taints::keeps_out(pod, node) {
        let (key, value) = (text(taint, "/key"), text(taint, "/value"));
        why.push(match world.release.since(24) {
            true => format!("node(s) had untolerated taint {{{key}: {value}}}"),
            false => format!("node(s) had taint {{{key}: {value}}}, that the pod didn't tolerate"),
        });
    }
    if !selected {
        let selector = if world.release.since(22) { "/selector" } else { "" };
        why.push(format!("node(s) didn't match Pod's node affinity{selector}"));
    }
    let checks = [
        (json::condition(node, "Ready") != "True", "node(s) were not ready"),
        (
            world.kubelets.takes_host_port(name, &host_ports(pod)),
            "node(s) didn't have free ports for the requested pod ports",
        ),
        (
            !claims.iter().all(|(_, claim)| volume_reaches(world, claim, labels)),
            "node(s) had volume node affinity conflict",
        ),
        (anti_affinity_forbids(world, pod, name), "node(s) didn't match pod anti-affinity rules"),
    ];
    why.extend(checks.into_iter().filter(|(fails, _)| *fails).map(|(_, why)| why.to_owned()));
    why.into_iter().next()
}

fn host_ports(pod: &Value) -> Vec<i64> {
    let ports = items(pod, "/spec/containers").iter().flat_map(|container| items(container, "/ports"));
    ports.filter_map(|port| port["hostPort"].as_i64()).collect()
}

/// Counts what stands in the way on the nodes: `0/3 nodes are available: 1 node(s) were unschedulable, ...`.
fn why_nowhere(world: &World, pod: &Value, claims: &Claims) -> String {
    let mut reasons = BTreeMap::new();
    let mut nodes = 0;
    for (_, node) in world.store.list(Kind::Node, "") {
        nodes += 1;
        let why = obstacle(world, pod, node, claims);
        why.into_iter().for_each(|why| *reasons.entry(why).or_insert(0) += 1);
    }
    let mut reasons: Vec<_> = reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
    reasons.sort();
    let preemption = match world.release.since(24) {
        true => format!(
            " preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
        ),
        false => String::new(),
    };
    format!("0/{nodes} nodes are available: {}.{preemption}", reasons.join(", "))
}

fn volume_reaches(world: &World, claim: &Value, labels: &Value) -> bool {
    let volume = Key::new(Kind::PersistentVolume, "", text(claim, "/spec/volumeName"));
    world
        .get(&volume)
        .is_none_or(|volume| node_affinity_holds(&volume["spec"]["nodeAffinity"]["required"], labels))
}

/// One of the terms must hold, if there are any.
fn node_affinity_holds(affinity: &Value, labels: &Value) -> bool {
    let terms = items(affinity, "/nodeSelectorTerms");
    terms.is_empty() || terms.iter().any(|term| label_selector_matches(term, labels))
}

fn anti_affinity_forbids(world: &World, pod: &Value, node: &str) -> bool {
    let pointer = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    items(pod, pointer).iter().any(|term| {
        let near = |other: &Value| {
            text(other, "/spec/nodeName") == node
                && label_selector_matches(&term["labelSelector"], &other["metadata"]["labels"])
        };
        world.store.list(Kind::Pod, json::namespace(pod)).any(|(_, other)| near(other))
    })
}

/// How many pods of the same namespace each node has, as a measure of how well the pod would be spread.
fn loads(world: &World, pod: &Value) -> BTreeMap<String, usize> {
    let mut loads = BTreeMap::new();
    for (_, other) in world.store.list(Kind::Pod, json::namespace(pod)) {
        if let Some(node) = other["spec"]["nodeName"].as_str() {
            *loads.entry(node.to_owned()).or_default() += 1;
        }
    }
    loads
}

fn bind(world: &mut World, key: &Key, pod: &Value, node: &str) {
    let now = world.clock.timestamp();
    world.modify(key, |pod| {
        pod["spec"]["nodeName"] = node.into();
        set_condition(pod, "PodScheduled", "True", None, None, &now);
    });
    let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
    world.event("default-scheduler", pod, "Normal", "Scheduled", &message);
}

fn unschedulable(world: &mut World, key: &Key, reason: &str, message: &str) {
    set(world, key, "False", Some(reason), Some(message));
    if let Some(pod) = world.get(key) {
        world.event("default-scheduler", &pod, "Warning", "FailedScheduling", message);
    }
}

fn set(world: &mut World, key: &Key, status: &str, reason: Option<&str>, message: Option<&str>) {
    let now = world.clock.timestamp();
    world.modify(key, |pod| set_condition(pod, "PodScheduled", status, reason, message, &now));
}
