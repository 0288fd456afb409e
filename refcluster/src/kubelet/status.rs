//! What the kubelet tells the API server about a pod.
//!
//! Follows `generateAPIPodStatus` of `pkg/kubelet/kubelet_pods.go` and `pkg/kubelet/status/generate.go`.

use super::conditions::set_condition;
use super::{Container, PodRuntime};
use crate::json::{items, map, text};
use crate::release::{Gate, Release};
use crate::world::World;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// How a container is doing.
#[derive(Debug)]
pub(super) struct ContainerState {
    pub(super) image: String,
    pub(super) resources: Value,
    pub(super) id: String,
    /// `waiting`, `running` or `terminated`, as the API has it.
    pub(super) state: Value,
    pub(super) last_state: Value,
    pub(super) restarts: u64,
    pub(super) ready: bool,
    pub(super) started: bool,
    pub(super) running: Option<Arc<Container>>,
    pub(super) log: Option<Arc<Mutex<Vec<u8>>>>,
}

impl ContainerState {
    pub(super) fn waiting(spec: &Value, reason: &str) -> Self {
        Self {
            image: text(spec, "/image").to_owned(),
            resources: spec["resources"].clone(),
            id: String::new(),
            state: json!({"waiting": {"reason": reason}}),
            last_state: json!({}),
            restarts: 0,
            ready: false,
            started: false,
            running: None,
            log: None,
        }
    }

    fn to_json(&self, name: &str, release: &Release) -> Value {
        let mut status = json!({
            "name": name, "image": self.image, "imageID": "", "state": self.state, "lastState": self.last_state,
            "ready": self.ready, "started": self.started, "restartCount": self.restarts,
        });
        if release.has(Gate::ResizeInPlace) && self.running.is_some() {
            status["resources"] = self.resources.clone();
            if self.resources["requests"].is_object() {
                status["allocatedResources"] = self.resources["requests"].clone();
            }
        }
        if !self.id.is_empty() {
            status["containerID"] = format!("containerd://{}", self.id).into();
            status["imageID"] = format!("sha256:{:064x}", crate::rng::hash(&self.image)).into();
        }
        status
    }

    pub(super) fn exit_code(&self) -> Option<i64> {
        self.state["terminated"]["exitCode"].as_i64()
    }
}

impl World {
    /// Changes what is known of a container, and tells the API server.
    pub(super) fn change_container(
        &mut self,
        uid: &str,
        name: &str,
        change: impl FnOnce(&mut ContainerState),
    ) {
        let runtime = self.kubelets.pods.get_mut(uid);
        if let Some(state) = runtime.and_then(|runtime| runtime.containers.get_mut(name)) {
            change(state);
            self.publish(uid);
        }
    }

    /// Writes the status of a pod, if it is still the same pod.
    pub(super) fn publish(&mut self, uid: &str) {
        let Some(runtime) = self.kubelets.pods.get(uid) else { return };
        if self.kubelets.outages.contains_key(&runtime.node) {
            return;
        }
        let key = runtime.key.clone();
        let Some(pod) = self.get(&key).filter(|pod| crate::json::uid(pod) == uid) else { return };
        let host = self.kubelets.ip_families.of_node(self.kubelets.addresses[&runtime.node].node());
        let mut changed = (*pod).clone();
        let now = self.clock.timestamp();
        write_status(runtime, &mut changed, &host, &now, &self.release);
        self.modify(&key, |stored| stored["status"] = changed["status"].take());
    }
}

fn write_status(runtime: &PodRuntime, pod: &mut Value, host: &str, now: &str, release: &Release) {
    let generation = pod["metadata"]["generation"].clone();
    let statuses = |pointer: &str| -> Vec<Value> {
        let names = items(pod, pointer).iter().map(|container| text(container, "/name"));
        names.filter_map(|name| Some(runtime.containers.get(name)?.to_json(name, release))).collect()
    };
    let (containers, inits) = (statuses("/spec/containers"), statuses("/spec/initContainers"));
    let phase = phase(runtime, pod);
    let phase = if crate::controllers::pods::is_terminal(pod) {
        text(pod, "/status/phase").to_owned()
    } else {
        phase.to_owned()
    };
    let status = map(pod, "status");
    status["phase"] = phase.clone().into();
    status["hostIP"] = host.into();
    if release.since(29) {
        status["hostIPs"] = json!([{"ip": host}]);
    }
    status["startTime"] = runtime.started_at.clone().into();
    if !generation.is_null() {
        status["observedGeneration"] = generation;
    }
    if let Some((reason, message)) = runtime.ended.filter(|_| matches!(&*phase, "Failed" | "Succeeded")) {
        status["reason"] = reason.into();
        status["message"] = message.into();
    }
    if let Some((reason, message)) = &runtime.rejected {
        status["reason"] = (*reason).into();
        status["message"] = message.clone().into();
        return;
    }
    status["containerStatuses"] = containers.into();
    if !inits.is_empty() {
        status["initContainerStatuses"] = inits.into();
    }
    if let Some(address) = runtime.addresses.first() {
        status["podIP"] = address.clone().into();
        status["podIPs"] = runtime.addresses.iter().map(|address| json!({"ip": address})).collect();
    }
    write_conditions(runtime, pod, &phase, now, release);
}

fn write_conditions(runtime: &PodRuntime, pod: &mut Value, phase: &str, now: &str, release: &Release) {
    let unready = unready_containers(runtime, pod);
    let over = matches!(phase, "Succeeded" | "Failed");
    let sandbox = !runtime.addresses.is_empty() && !over;
    let truth = |value: bool| if value { "True" } else { "False" };
    if release.has(Gate::SandboxCondition) {
        set_condition(pod, "PodReadyToStartContainers", truth(sandbox), None, None, now);
    }
    let incomplete = (!runtime.initialized).then_some("ContainersNotInitialized");
    set_condition(pod, "Initialized", truth(runtime.initialized), incomplete, None, now);
    let ready = unready.is_empty() && phase == "Running";
    let reason = if over { "PodCompleted" } else { "ContainersNotReady" };
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    for kind in ["Ready", "ContainersReady"] {
        let reason = (!ready).then_some(reason);
        let message = (!ready && !over).then_some(message.as_str());
        set_condition(pod, kind, truth(ready), reason, message, now);
    }
    set_condition(pod, "PodScheduled", "True", None, None, now);
}

fn unready_containers(runtime: &PodRuntime, pod: &Value) -> Vec<String> {
    let names = items(pod, "/spec/containers").iter().map(|container| text(container, "/name"));
    let unready = names.filter(|name| !runtime.containers.get(*name).is_some_and(|state| state.ready));
    unready.map(str::to_owned).collect()
}

/// Follows `getPhase`: a pod that was started runs until all its containers have ended for good.
fn phase(runtime: &PodRuntime, pod: &Value) -> &'static str {
    if runtime.rejected.is_some() {
        return "Failed";
    }
    let names = items(pod, "/spec/containers").iter().map(|container| text(container, "/name"));
    let states: Vec<_> = names.filter_map(|name| runtime.containers.get(name)).collect();
    let never_ran = states.iter().all(|state| state.id.is_empty());
    if never_ran && runtime.stopping {
        return "Failed";
    }
    if !runtime.initialized || never_ran {
        return failed_init(runtime, pod).unwrap_or("Pending");
    }
    let ended = states.iter().all(|state| state.exit_code().is_some());
    let failed = states.iter().any(|state| state.exit_code().is_some_and(|code| code != 0));
    let policy = text(pod, "/spec/restartPolicy");
    let for_good = runtime.stopping || policy == "Never" || (policy == "OnFailure" && !failed);
    match (ended && for_good, failed) {
        (true, true) => "Failed",
        (true, false) => "Succeeded",
        _ => "Running",
    }
}

fn failed_init(runtime: &PodRuntime, pod: &Value) -> Option<&'static str> {
    let never = text(pod, "/spec/restartPolicy") == "Never";
    let mut names = items(pod, "/spec/initContainers").iter().map(|container| text(container, "/name"));
    let failed = names.any(|name| {
        runtime.containers.get(name).and_then(ContainerState::exit_code).is_some_and(|code| code != 0)
    });
    (never && failed).then_some("Failed")
}
