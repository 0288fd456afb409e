//! Resizing pods in place.
//!
//! Follows `pkg/kubelet/allocation` and `doPodResizeAction` of `pkg/kubelet/kuberuntime/kuberuntime_manager.go`: a container goes
//! on running unless its policy for a resource says that it has to start again.

use crate::fault::Fault;
use crate::json::{items, text};
use crate::quantity::Quantity;
use crate::release::Gate;
use crate::shell::process::SIGKILL;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

/// Gives the containers of a pod the resources that its spec asks for now.
pub(super) fn resize(world: &mut World, key: &Key, pod: &Value) {
    let uid = crate::json::uid(pod);
    if !world.release.has(Gate::ResizeInPlace) || !differs(world, uid, pod) {
        return;
    }
    let told = json!({
        "containers": items(pod, "/spec/containers").iter().map(|container| {
            json!({"name": container["name"], "resources": container["resources"]})
        }).collect::<Vec<_>>(),
        "generation": pod["metadata"]["generation"],
    });
    world.event("kubelet", pod, "Normal", "ResizeStarted", &format!("Pod resize started: {told}"));
    for container in items(pod, "/spec/containers") {
        apply(world, uid, container);
    }
    world.publish(uid);
    if let Some(pod) = world.get(key) {
        world.event("kubelet", &pod, "Normal", "ResizeCompleted", &format!("Pod resize completed: {told}"));
    }
}

fn differs(world: &World, uid: &str, pod: &Value) -> bool {
    let runtime = world.kubelets.pods.get(uid).filter(|runtime| !runtime.stopping && runtime.initialized);
    let state = |name: &str| runtime.and_then(|runtime| runtime.containers.get(name));
    items(pod, "/spec/containers").iter().any(|container| {
        state(text(container, "/name")).is_some_and(|state| state.resources != container["resources"])
    })
}

fn apply(world: &mut World, uid: &str, spec: &Value) {
    let runtime = world.kubelets.pods.get_mut(uid);
    let Some(state) = runtime.and_then(|runtime| runtime.containers.get_mut(text(spec, "/name"))) else {
        return;
    };
    let (before, after) = (state.resources.clone(), &spec["resources"]);
    state.resources = after.clone();
    let changed = |resource: &str| {
        ["requests", "limits"].iter().any(|part| before[part][resource] != after[part][resource])
    };
    let restarts = items(spec, "/resizePolicy").iter().any(|policy| {
        policy["restartPolicy"] == "RestartContainer" && changed(text(policy, "/resourceName"))
    });
    let process = state.running.as_ref().and_then(|container| container.processes.find(1));
    if let Some(process) = process
        && (restarts || world.faults.tells(Fault::ResizeRestartsContainer))
    {
        process.deliver(SIGKILL);
    }
}

/// How much of something that nodes have a pod's containers ask for.
pub(crate) fn requested(pod: &Value, resource: &str) -> Quantity {
    let amount = |container: &Value| {
        Quantity::parse(text(&container["resources"]["requests"], &format!("/{resource}")))
    };
    items(pod, "/spec/containers").iter().map(amount).fold(Quantity::default(), |sum, amount| sum + amount)
}
