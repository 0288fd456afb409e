//! The `resize` subresource of pods: only the resources of containers change, and not into another class of service.
//!
//! Follows `podResizeStrategy` of `pkg/registry/core/pod/strategy.go` and `ValidatePodResize`.

use crate::json::{self, items, map, text, texts};
use crate::kind::Kind;
use crate::kubelet::requested;
use crate::status::{Cause, Status};
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

/// The old pod with the new resources.
pub(super) fn merged(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    for group in ["containers", "initContainers"] {
        let containers = merged.pointer_mut(&format!("/spec/{group}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let wanted = items(new, &format!("/spec/{group}")).iter();
            let wanted = wanted.clone().find(|other| other["name"] == container["name"]);
            if let Some(resources) = wanted.and_then(|wanted| wanted.get("resources")) {
                container["resources"] = resources.clone();
            }
        }
    }
    if json::has(new, "/metadata/managedFields") {
        map(&mut merged, "metadata")["managedFields"] = new["metadata"]["managedFields"].clone();
    }
    merged
}

pub(super) fn check(world: &World, old: &Value, new: &Value) -> Result<(), Status> {
    let (before, after) = (qos_class(old), qos_class(new));
    if before != after {
        let cause =
            Cause::invalid("spec", &json!(before), "Pod QOS Class may not change as a result of resizing");
        return Err(Status::invalid(Kind::Pod, json::name(old), vec![cause]));
    }
    let node = Key::new(Kind::Node, "", text(new, "/spec/nodeName"));
    let Some(node) = world.get(&node).filter(|_| world.release.since(37)) else { return Ok(()) };
    for resource in ["cpu", "memory"] {
        let (wanted, has) = (
            requested(new, resource),
            crate::quantity::Quantity::parse(text(&node["status"]["allocatable"], &format!("/{resource}"))),
        );
        if wanted > has {
            let (wanted, has) = match resource {
                "cpu" => (wanted.milli(), has.milli()),
                _ => (wanted.milli() / 1_000, has.milli() / 1_000),
            };
            let why = format!(
                "node didn't have enough allocatable resources: {resource}, requested: {wanted}, allocatable: {has}"
            );
            return Err(Status::forbidden(Kind::Pod, json::name(old), &why).because("NodeCapacity", ""));
        }
    }
    Ok(())
}

/// The class of service that a pod's resources put it in.
///
/// Follows `GetPodQOS` of `pkg/apis/core/v1/helper/qos`.
pub(super) fn qos_class(pod: &Value) -> &'static str {
    let containers = items(pod, "/spec/containers");
    let asks = |container: &Value| {
        ["requests", "limits"]
            .iter()
            .any(|part| texts(&container["resources"], &format!("/{part}")).next().is_some())
    };
    if !containers.iter().any(asks) {
        return "BestEffort";
    }
    let fixed = |container: &Value| {
        ["cpu", "memory"].iter().all(|resource| {
            let limit = &container["resources"]["limits"][resource];
            limit.is_string() && *limit == container["resources"]["requests"][resource]
        })
    };
    if containers.iter().all(fixed) { "Guaranteed" } else { "Burstable" }
}
