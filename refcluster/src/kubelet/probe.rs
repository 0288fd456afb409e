//! Probes: is a container started, alive, ready?
//!
//! Follows `pkg/kubelet/prober/worker.go`.

use super::Container;
use super::status::ContainerState;
use super::stop;
use super::worker::Pod;
use crate::json::{integer, items, text};
use crate::net::{self};
use crate::shell;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Readiness,
    Liveness,
    Startup,
}

/// Starts the probes of a container.
pub(super) fn start(pod: &Pod, spec: &Value, container: &Arc<Container>) {
    let purposes = [
        ("readinessProbe", Purpose::Readiness),
        ("livenessProbe", Purpose::Liveness),
        ("startupProbe", Purpose::Startup),
    ];
    for (field, purpose) in purposes {
        if spec[field].is_object() {
            let (pod, spec, own, probe) = (pod.clone(), spec.clone(), container.clone(), spec[field].clone());
            container.spawn(async move { run(&pod, &spec, &own, &probe, purpose).await });
        }
    }
}

async fn run(pod: &Pod, spec: &Value, container: &Arc<Container>, probe: &Value, purpose: Purpose) {
    let number = |field: &str, default: i64| integer(probe, field).unwrap_or(default).max(0) as u64;
    let period = Duration::from_secs(number("/periodSeconds", 10).max(1));
    let (successes_needed, failures_allowed) =
        (number("/successThreshold", 1), number("/failureThreshold", 3));
    sleep(Duration::from_secs(number("/initialDelaySeconds", 0))).await;
    let jitter = pod.shared.lock().kubelets.chance.within(20..300);
    sleep(Duration::from_millis(jitter)).await;
    let (mut successes, mut failures) = (0, 0);
    loop {
        pod.wait_for_kubelet().await;
        if purpose == Purpose::Startup || is_started(pod, spec) {
            let good = attempt(pod, spec, container, probe).await;
            (successes, failures) = if good { (successes + 1, 0) } else { (0, failures + 1) };
            if successes >= successes_needed && pass(pod, spec, purpose) {
                return;
            }
            if failures >= failures_allowed.max(1) {
                fail(pod, spec, container, purpose);
            }
        }
        sleep(period).await;
    }
}

fn is_started(pod: &Pod, spec: &Value) -> bool {
    holds(pod, spec, |state| state.started)
}

fn is_ready(pod: &Pod, spec: &Value) -> bool {
    holds(pod, spec, |state| state.ready)
}

fn holds(pod: &Pod, spec: &Value, condition: impl Fn(&ContainerState) -> bool) -> bool {
    let world = pod.shared.lock();
    let runtime = world.kubelets.pods.get(&pod.id.uid);
    runtime.and_then(|runtime| runtime.containers.get(text(spec, "/name"))).is_some_and(condition)
}

/// Takes note of success; true if the probe has served its purpose.
fn pass(pod: &Pod, spec: &Value, purpose: Purpose) -> bool {
    let has_readiness = spec["readinessProbe"].is_object();
    if purpose == Purpose::Liveness || (purpose == Purpose::Readiness && is_ready(pod, spec)) {
        return false;
    }
    pod.shared.lock().change_container(&pod.id.uid, text(spec, "/name"), |state| match purpose {
        Purpose::Readiness => state.ready = state.running.is_some(),
        Purpose::Startup => {
            state.started = true;
            state.ready |= !has_readiness;
        }
        Purpose::Liveness => {}
    });
    purpose == Purpose::Startup
}

fn fail(pod: &Pod, spec: &Value, container: &Arc<Container>, purpose: Purpose) {
    if purpose == Purpose::Readiness && !is_ready(pod, spec) {
        return;
    }
    if purpose == Purpose::Readiness {
        pod.shared.lock().change_container(&pod.id.uid, text(spec, "/name"), |state| state.ready = false);
        return;
    }
    let (own, grace) =
        (container.clone(), integer(&pod.object, "/spec/terminationGracePeriodSeconds").unwrap_or(30));
    container.spawn(async move { stop::end(&own, Duration::from_secs(grace.max(0) as u64)).await });
}

async fn attempt(pod: &Pod, spec: &Value, container: &Arc<Container>, probe: &Value) -> bool {
    let patience = Duration::from_secs(integer(probe, "/timeoutSeconds").unwrap_or(1).max(1) as u64);
    let outcome = timeout(patience, check(pod, spec, container, probe)).await;
    outcome.unwrap_or(false)
}

async fn check(pod: &Pod, spec: &Value, container: &Arc<Container>, probe: &Value) -> bool {
    let command: Vec<String> =
        items(probe, "/exec/command").iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    if !command.is_empty() {
        let io = shell::io::Io {
            input: shell::io::Input::Empty,
            output: shell::io::Output::Null,
            errors: shell::io::Output::Null,
        };
        return shell::run(container.clone(), command, io).await == 0;
    }
    let Some(address) = container.addresses.first() else { return false };
    if probe["httpGet"].is_object() {
        let port = port(spec, &probe["httpGet"]["port"]);
        return get(pod, address, port, text(probe, "/httpGet/path")).await;
    }
    if probe["tcpSocket"].is_object() {
        return net::connect(&pod.shared, &[], address, port(spec, &probe["tcpSocket"]["port"])).is_ok();
    }
    true
}

/// A port by number, or by the name that the container gives it.
fn port(spec: &Value, port: &Value) -> u16 {
    let named = |name: &str| {
        items(spec, "/ports").iter().find(|entry| entry["name"] == name)?["containerPort"].as_u64()
    };
    port.as_u64().or_else(|| named(port.as_str()?)).unwrap_or(0) as u16
}

async fn get(pod: &Pod, address: &str, port: u16, path: &str) -> bool {
    let Ok(mut stream) = net::connect(&pod.shared, &[], address, port) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-probe\r\n\r\n");
    let mut answer = Vec::new();
    // A server that breaks off has not answered, which the code below shows.
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_end(&mut answer).await;
    let head = String::from_utf8_lossy(&answer).into_owned();
    let code: u16 = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (200..400).contains(&code)
}
