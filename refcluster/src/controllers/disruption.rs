//! The disruption controller: how many pods of a budget may be evicted now.
//!
//! Follows `pkg/controller/disruption/disruption.go`.

use super::{Outcome, pods};
use crate::clock::parse_timestamp;
use crate::json::{self, has, integer, map, scaled, text, texts};
use crate::kind::Kind;
use crate::selector::label_selector_matches;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long an eviction counts whose pod is not seen to go.
const EVICTION_SECS: u64 = 120;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(budget) = world.get(key) else { return Ok(()) };
    let pods = selected(world, &budget);
    let disrupted = disrupted(world, &budget, &pods);
    let (expected, desired) = expectations(world, &budget, &pods);
    let healthy = |pod: &&Arc<Value>| {
        !json::terminating(pod) && pods::is_ready(pod) && disrupted.get(json::name(pod)).is_none()
    };
    let healthy = pods.iter().filter(healthy).count() as i64;
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let condition = condition(world, &budget, allowed);
    world.modify(key, |budget| {
        let generation = budget["metadata"]["generation"].clone();
        let status = map(budget, "status");
        status["currentHealthy"] = healthy.into();
        status["desiredHealthy"] = desired.into();
        status["expectedPods"] = expected.into();
        status["disruptionsAllowed"] = allowed.into();
        status["observedGeneration"] = generation;
        if disrupted.as_object().is_some_and(serde_json::Map::is_empty) {
            json::remove(status, "disruptedPods");
        } else {
            status["disruptedPods"] = disrupted;
        }
        if let Some(condition) = condition {
            status["conditions"] = json!([condition]);
        }
    });
    Ok(())
}

fn selected(world: &World, budget: &Value) -> Vec<Arc<Value>> {
    let pods = world.store.list(Kind::Pod, json::namespace(budget)).map(|(_, pod)| pod);
    pods.filter(|pod| selects(budget, pod)).cloned().collect()
}

/// Whether a budget is about a pod.
pub(crate) fn selects(budget: &Value, pod: &Value) -> bool {
    let selector = &budget["spec"]["selector"];
    !selector.is_null() && label_selector_matches(selector, &pod["metadata"]["labels"])
}

/// The evictions whose pods have not begun to go.
fn disrupted(world: &World, budget: &Value, pods: &[Arc<Value>]) -> Value {
    let now = world.clock.unix_secs();
    let stays = |name: &str| pods.iter().any(|pod| json::name(pod) == name && !json::terminating(pod));
    let recent = |since: &str| parse_timestamp(since).is_some_and(|since| now < since + EVICTION_SECS);
    let entries = texts(budget, "/status/disruptedPods");
    entries
        .filter(|(name, since)| stays(name) && recent(since))
        .map(|(name, since)| (name.to_owned(), since.to_owned()))
        .collect()
}

/// How many pods there should be, and how many of them healthy.
fn expectations(world: &World, budget: &Value, pods: &[Arc<Value>]) -> (i64, i64) {
    let (least, most) = (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]);
    if !most.is_null() {
        let expected = scale(world, pods);
        return (expected, (expected - scaled(most, expected, true).unwrap_or(0)).max(0));
    }
    if least.is_string() {
        let expected = scale(world, pods);
        return (expected, scaled(least, expected, true).unwrap_or(0));
    }
    (pods.len() as i64, least.as_i64().unwrap_or(1))
}

/// The replicas that the pods' controllers ask for.
fn scale(world: &World, pods: &[Arc<Value>]) -> i64 {
    let mut controllers = BTreeMap::new();
    for owner in pods.iter().filter_map(|pod| json::controller(pod)) {
        let uid = text(owner, "/uid");
        let controller = world.store.key_of_uid(uid).and_then(|key| world.get(key));
        controllers
            .insert(uid, controller.and_then(|object| integer(&object, "/spec/replicas")).unwrap_or(0));
    }
    controllers.values().sum()
}

fn condition(world: &World, budget: &Value, allowed: i64) -> Option<Value> {
    if !world.release.since(22) {
        return None;
    }
    let (status, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let before = &budget["status"]["conditions"][0];
    let since = if before["status"] == status && has(before, "/lastTransitionTime") {
        before["lastTransitionTime"].clone()
    } else {
        world.clock.timestamp().into()
    };
    Some(json!({
        "type": "DisruptionAllowed", "status": status, "reason": reason, "message": "",
        "lastTransitionTime": since, "observedGeneration": budget["metadata"]["generation"],
    }))
}
