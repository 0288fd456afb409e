//! Running a container, and running it again when it has ended and its pod wants that.
//!
//! Follows `pkg/kubelet/kuberuntime/kuberuntime_manager.go` and `kuberuntime_container.go`.

use super::container::{Container, Parts};
use super::filesystem::Mounts;
use super::volumes::{self, PodVolumes};
use super::worker::{Pod, pause};
use super::{environment, image, probe, stop, system_files};
use crate::fault::Fault;
use crate::json::{items, text};
use crate::shell;
use crate::shell::io::{Input, Output};
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// After which time the kubelet looks again at a pod whose container waits to start again.
const LOOKS_AGAIN_MILLIS: std::ops::Range<u64> = 11_000..13_500;
/// A container that has run for so long starts again without delay.
const BACKOFF_RESET: Duration = Duration::from_secs(600);

/// Runs an init container until it succeeds; false if it failed for good.
pub(super) async fn run_init(pod: &Pod, spec: &Value, volumes: &PodVolumes) -> bool {
    let mut done = start(pod, spec.clone(), volumes);
    // The sender is dropped when the container will not run again.
    let _ = done.wait_for(|done| *done).await;
    let name = text(spec, "/name");
    let world = pod.shared.lock();
    let state = world.kubelets.pods.get(&pod.id.uid).and_then(|runtime| runtime.containers.get(name));
    state.is_some_and(|state| state.exit_code() == Some(0))
}

/// Starts the task of a container. The receiver turns true when the container will not run again.
pub(super) fn start(pod: &Pod, spec: Value, volumes: &PodVolumes) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let (own, volumes) = (pod.clone(), volumes.clone());
    pod.shared.lock().spawn(async move {
        supervise(&own, &spec, &volumes).await;
        sender.send_replace(true);
    });
    receiver
}

async fn supervise(pod: &Pod, spec: &Value, volumes: &PodVolumes) {
    let mut backoff = Duration::ZERO;
    loop {
        pull_image(pod, spec).await;
        let Some((container, arguments)) = create(pod, spec, volumes) else { return };
        let started = Instant::now();
        let code = run_once(pod, spec, &container, arguments).await;
        pod.wait_for_kubelet().await;
        if !restarts(pod, spec, code) {
            return;
        }
        backoff = next_backoff(backoff, started.elapsed());
        if backoff > FIRST_BACKOFF {
            wait_in_backoff(pod, spec, backoff / 2).await;
        } else {
            pause(pod, 200..900).await;
        }
        if is_stopping(pod) {
            return;
        }
    }
}

/// The first restart comes at once, later ones after a delay that doubles.
fn next_backoff(backoff: Duration, ran_for: Duration) -> Duration {
    if backoff.is_zero() || ran_for > BACKOFF_RESET {
        FIRST_BACKOFF
    } else {
        (backoff * 2).min(LONGEST_BACKOFF)
    }
}

fn is_stopping(pod: &Pod) -> bool {
    pod.shared.lock().kubelets.pods.get(&pod.id.uid).is_none_or(|runtime| runtime.stopping)
}

fn restarts(pod: &Pod, spec: &Value, code: i32) -> bool {
    let init = items(&pod.object, "/spec/initContainers").iter().any(|init| init["name"] == spec["name"]);
    let policy = text(&pod.object, "/spec/restartPolicy");
    let wanted = match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => !init || code != 0,
    };
    wanted && !is_stopping(pod)
}

/// Waits before a container starts again. That it waits is seen when the kubelet next looks at the pod, some twelve seconds
/// later; until then the container is told as terminated.
async fn wait_in_backoff(pod: &Pod, spec: &Value, delay: Duration) {
    let (name, id) = (text(spec, "/name"), &pod.id);
    let until = Instant::now() + delay;
    let full_name = format!("{}_{}({})", id.name, id.namespace, id.uid);
    {
        let mut world = pod.shared.lock();
        let message = match world.release.since(27) {
            true => format!("Back-off restarting failed container {name} in pod {full_name}"),
            false => "Back-off restarting failed container".to_owned(),
        };
        world.event("kubelet", &pod.object, "Warning", "BackOff", &message);
    }
    pause(pod, LOOKS_AGAIN_MILLIS).await;
    let message = format!("back-off {} restarting failed container={name} pod={full_name}", in_go(delay));
    pod.shared.lock().change_container(&id.uid, name, |state| {
        state.last_state = state.state.clone();
        state.state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
    });
    sleep_until(until).await;
    pause(pod, 200..400).await;
}

/// A duration as Go writes it: `10s`, `1m20s`, `5m0s`.
fn in_go(duration: Duration) -> String {
    let secs = duration.as_secs();
    if secs < 60 { format!("{secs}s") } else { format!("{}m{}s", secs / 60, secs % 60) }
}

/// Waits for the image. One that cannot be pulled is tried again and again.
async fn pull_image(pod: &Pod, spec: &Value) {
    let (image, name) = (text(spec, "/image"), text(spec, "/name"));
    let mut wait = FIRST_BACKOFF;
    loop {
        if is_stopping(pod) || pod.shared.lock().can_pull(image) {
            return;
        }
        for (reason, pause) in [("ErrImagePull", Duration::from_secs(2)), ("ImagePullBackOff", wait)] {
            let message = format!("failed to pull and unpack image {image:?}: not found");
            pod.shared.lock().change_container(&pod.id.uid, name, |state| {
                state.state = json!({"waiting": {"reason": reason, "message": message}});
            });
            sleep(pause).await;
        }
        wait = (wait * 2).min(LONGEST_BACKOFF);
    }
}

impl World {
    fn can_pull(&self, image: &str) -> bool {
        let images = &self.options.images;
        let image = image.split('@').next().unwrap_or(image);
        let known =
            |known: &String| image == known || image.strip_prefix("docker.io/library/") == Some(known);
        images.is_empty() || images.iter().any(known)
    }
}

fn create(pod: &Pod, spec: &Value, volumes: &PodVolumes) -> Option<(Arc<Container>, Vec<String>)> {
    let mut world = pod.shared.lock();
    let addresses =
        world.kubelets.pods.get(&pod.id.uid).filter(|runtime| !runtime.stopping)?.addresses.clone();
    let init = items(&pod.object, "/spec/initContainers").iter().any(|init| init["name"] == spec["name"]);
    let id = format!(
        "{:016x}{:016x}{:016x}{:016x}",
        world.names.next(),
        world.names.next(),
        world.names.next(),
        world.names.next()
    );
    let hostname = system_files::hostname(&mut world, &pod.object, &id, init);
    let root = root(&mut world, pod, spec);
    system_files::install(&mut world, &root, &pod.object, &hostname, &addresses);
    let environment = environment::variables(&world, &pod.object, spec, &hostname, &addresses);
    let arguments =
        arguments(spec).iter().map(|argument| environment::expand(argument, &environment)).collect();
    let mounts = volumes::mounts(spec, volumes);
    mounts.iter().for_each(|mount| root.ensure_directory(&mount.at));
    let files = Arc::new(Mounts::new(root, mounts));
    let (log, output) = Output::buffer();
    let working_directory = text(spec, "/workingDir");
    let container = Container::new(Parts {
        shared: pod.shared.clone(),
        pod: pod.id.clone(),
        hostname,
        addresses,
        environment,
        working_directory: if working_directory.is_empty() {
            "/".to_owned()
        } else {
            working_directory.to_owned()
        },
        files,
        log: output,
    });
    let started_at = world.clock.timestamp();
    let probed = |kind: &str| spec[kind].is_object();
    let running = container.clone();
    world.change_container(&pod.id.uid, text(spec, "/name"), |state| {
        if state.exit_code().is_some() {
            state.last_state = state.state.clone();
        }
        if !state.id.is_empty() {
            state.restarts += 1;
        }
        state.id = id;
        state.state = json!({"running": {"startedAt": started_at}});
        state.started = !probed("startupProbe");
        state.ready = state.started && !probed("readinessProbe") && !init;
        state.running = Some(running);
        state.log = Some(log);
    });
    Some((container, arguments))
}

/// A container begins with the files of its image.
fn root(world: &mut World, pod: &Pod, spec: &Value) -> Arc<super::filesystem::Volume> {
    let kept = format!("{}/{}/{}", pod.id.namespace, pod.id.name, text(spec, "/name"));
    let before = world.kubelets.kept_roots.get(&kept).cloned();
    if let Some(root) = before
        && world.tells(Fault::ContainerFilesKept)
    {
        return root;
    }
    let root = image::root(text(spec, "/image"));
    if world.faults.has(Fault::ContainerFilesKept) {
        world.kubelets.kept_roots.insert(kept, root.clone());
    }
    root
}

/// The command line: the manifest's command and arguments, or the image's.
fn arguments(spec: &Value) -> Vec<String> {
    let words = |pointer: &str| -> Vec<String> {
        items(spec, pointer).iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let (command, arguments) = (words("/command"), words("/args"));
    match (command.is_empty(), arguments.is_empty()) {
        (false, _) => [command, arguments].concat(),
        (true, true) => image::command(text(spec, "/image")),
        (true, false) => {
            let own = image::command(text(spec, "/image"));
            // An image with a program of its own takes arguments for it; others take a command.
            if own[0] == "sh" { arguments } else { [own[..1].to_vec(), arguments].concat() }
        }
    }
}

async fn run_once(pod: &Pod, spec: &Value, container: &Arc<Container>, arguments: Vec<String>) -> i32 {
    probe::start(pod, spec, container);
    start_hook(spec, container);
    // Nobody attaches, so a standard input that is kept open has nothing to read and does not end.
    let (_attached, input) = Input::pipe();
    let mut io = container.log_io();
    if spec["stdin"] == true {
        io.input = input;
    }
    let code = shell::run(container.clone(), arguments, io).await;
    container.close();
    let mut world = pod.shared.lock();
    let finished_at = world.clock.timestamp();
    let reason = if code == 0 { "Completed" } else { "Error" };
    world.change_container(&pod.id.uid, text(spec, "/name"), |state| {
        let started_at = state.state["running"]["startedAt"].clone();
        let id = format!("containerd://{}", state.id);
        state.state = json!({"terminated": {
            "exitCode": code, "reason": reason, "startedAt": started_at, "finishedAt": finished_at, "containerID": id,
        }});
        state.ready = false;
        state.started = false;
        state.running = None;
    });
    drop(world);
    crash_lies(pod);
    code
}

/// What a bad kubelet does to a pod whose container has crashed.
fn crash_lies(pod: &Pod) {
    let mut world = pod.shared.lock();
    let stopping = world.kubelets.pods.get(&pod.id.uid).is_none_or(|runtime| runtime.stopping);
    if stopping {
        return;
    }
    if world.tells(Fault::CrashChangesAddress) {
        world.change_addresses(&pod.id.uid);
    }
    if world.tells(Fault::CrashRestartsSiblings) {
        stop::kill_siblings(&mut world, &pod.id);
    }
}

fn start_hook(spec: &Value, container: &Arc<Container>) {
    let command: Vec<String> = items(&spec["lifecycle"]["postStart"]["exec"], "/command")
        .iter()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect();
    if !command.is_empty() {
        let own = container.clone();
        container.spawn(async move {
            shell::run(own.clone(), command, own.log_io()).await;
        });
    }
}
