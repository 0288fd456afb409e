//! Stopping: hook, SIGTERM, grace, SIGKILL.
//!
//! Follows `killContainer` of `pkg/kubelet/kuberuntime/kuberuntime_container.go`.

use super::worker::Pod;
use super::{Container, Order, PodId};
use crate::fault::Fault;
use crate::json::items;
use crate::shell;
use crate::shell::process::{SIGKILL, SIGTERM};
use crate::world::World;
use futures::future::join_all;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// What a container has left after a hook that has used up the grace.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Stops all containers of a pod at once, and returns when none runs.
pub(super) async fn stop_containers(pod: &Pod, orders: watch::Receiver<Order>) {
    let (running, at_once) = {
        let mut world = pod.shared.lock();
        let at_once = world.tells(Fault::KilledWithoutSigterm);
        let Some(runtime) = world.kubelets.pods.get_mut(&pod.id.uid) else { return };
        runtime.stopping = true;
        let containers: Vec<_> = runtime
            .containers
            .iter()
            .filter_map(|(name, state)| Some((name.clone(), state.running.clone()?)))
            .collect();
        (containers, at_once)
    };
    if at_once {
        running.iter().for_each(|(_, container)| signal(container, SIGKILL));
        join_all(running.iter().map(|(_, container)| container.processes.stopped())).await;
        return;
    }
    let stopping = running.iter().map(|(name, container)| {
        let spec = ["/spec/containers", "/spec/initContainers"]
            .into_iter()
            .flat_map(|pointer| items(&pod.object, pointer))
            .find(|spec| spec["name"] == **name);
        stop_container(pod, spec.cloned().unwrap_or_default(), container.clone(), orders.clone())
    });
    join_all(stopping).await;
}

async fn stop_container(pod: &Pod, spec: Value, container: Arc<Container>, orders: watch::Receiver<Order>) {
    let gentle = async {
        run_hook(pod, &spec, &container).await;
        signal(&container, SIGTERM);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = container.processes.stopped() => {}
        () = gentle => {}
        () = grace_over(pod, orders) => {
            // A hook that took all the time there was leaves a little for the container itself.
            if !container.was_told_to_stop() {
                signal(&container, SIGTERM);
                tokio::select! {
                    biased;
                    () = container.processes.stopped() => {}
                    () = sleep(LEAST_GRACE) => {}
                }
            }
            signal(&container, SIGKILL);
            container.processes.stopped().await;
        }
    }
}

/// Waits until the grace is over, which a second deletion may have shortened.
async fn grace_over(pod: &Pod, mut orders: watch::Receiver<Order>) {
    let started = Instant::now();
    let hasty = pod.shared.lock().faults.has(Fault::KilledBeforeGraceEnds);
    loop {
        let (Order::Stop { grace_secs } | Order::Finish { grace_secs }) = *orders.borrow_and_update() else {
            return;
        };
        let grace = Duration::from_secs(grace_secs) / if hasty { 2 } else { 1 };
        tokio::select! {
            biased;
            () = sleep_until(started + grace) => break,
            changed = orders.changed() => if changed.is_err() {
                sleep_until(started + grace).await;
                break;
            },
        }
    }
    if hasty {
        pod.shared.lock().tells(Fault::KilledBeforeGraceEnds);
    }
}

async fn run_hook(pod: &Pod, spec: &Value, container: &Arc<Container>) {
    let hook = &spec["lifecycle"]["preStop"];
    if hook.is_object() && pod.shared.lock().tells(Fault::PreStopSkipped) {
        return;
    }
    let command: Vec<String> =
        items(hook, "/exec/command").iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    if !command.is_empty() {
        shell::run(container.clone(), command, container.log_io()).await;
    }
    if let Some(secs) = hook["sleep"]["seconds"].as_u64() {
        sleep(Duration::from_secs(secs)).await;
    }
}

/// Ends one container, which its pod will start again.
pub(super) async fn end(container: &Arc<Container>, grace: Duration) {
    signal(container, SIGTERM);
    sleep(grace).await;
    signal(container, SIGKILL);
}

fn signal(container: &Container, number: i32) {
    if number == SIGTERM {
        container.tell_to_stop();
    }
    if let Some(process) = container.processes.find(1) {
        process.deliver(number);
    }
}

/// Kills the containers of all pods with the same set of names: `web-1` for `web-0`.
pub(super) fn kill_siblings(world: &mut World, id: &PodId) {
    let Some((set, _)) = crate::controllers::parent_and_ordinal(&id.name) else { return };
    let sibling = |other: &PodId| {
        other.uid != id.uid
            && other.namespace == id.namespace
            && crate::controllers::parent_and_ordinal(&other.name).is_some_and(|(parent, _)| parent == set)
    };
    let siblings = world.kubelets.pods.values().filter(|runtime| sibling(&runtime.id) && !runtime.stopping);
    for container in
        siblings.flat_map(|runtime| runtime.containers.values()).filter_map(|state| state.running.clone())
    {
        if let Some(process) = container.processes.find(1) {
            process.deliver(SIGKILL);
        }
    }
}
