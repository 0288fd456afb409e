//! Waits for named conditions on the recorded stream. A wait that is over says so in the record, and so does one that
//! was given up.

use std::{collections::BTreeSet, time::Duration};

use super::{Done, Driver, Stop, dns::ready_endpoints};
use crate::{
    history::{AbortCause, Json, ObjectSeen, Phase, Resource, Step, Wait, pod},
    limits::{self, Limit},
    recorder::{Missing, Wake, World},
    spec::{Condition, DEFAULT_SERVICE, DEFAULT_SET, Need, PodRef, Quiet},
};

impl Driver {
    /// Waits for a condition. Pods that do not come end the scenario; counters, answers and volumes that do not
    /// settle are the checks' business, and the scenario goes on.
    pub(super) async fn wait(&self, condition: &Condition) -> Done {
        let wait = self.meant(condition);
        if let Some(need) = needs(condition).filter(|need| !self.available.has(*need)) {
            return self.skip(&format!("await {wait}"), need);
        }
        let bound = self.bound(&wait);
        let outcome = self.recorder.wait(bound, |world| self.look(&wait, world)).await;
        self.shared.started_in(self.recorder.look(World::slowest_start_us));
        match outcome {
            Ok(wake) => {
                self.woken_by(wait, wake);
                Ok(())
            }
            Err(Missing::Hopeless { reason, cause }) => Err(Stop { reason, cause }),
            Err(Missing::Still(missing)) => {
                let reason = format!("{wait} did not come true within {bound:?}: {missing}");
                let vital = is_vital(condition);
                self.recorder.step(Step::TimedOut { wait, bound_secs: bound.as_secs_f64(), missing });
                if vital { Err(Stop::cluster(reason)) } else { Ok(()) }
            }
        }
    }

    /// What the record says of a condition: each pod, set and Service by its name.
    fn meant(&self, condition: &Condition) -> Wait {
        let pods = |pods: &[PodRef]| pods.iter().map(|pod| self.located(&pod.name())).collect();
        let own = |name: &str| name.to_owned();
        match condition {
            Condition::PodsRunning(of) => Wait::PodsRunning(pods(of)),
            Condition::PodsReady(of) => Wait::PodsReady(pods(of)),
            Condition::PodsUnready(of) => Wait::PodsUnready(pods(of)),
            Condition::PodsGone(of) => Wait::PodsGone(pods(of)),
            Condition::PodReady(name) | Condition::PodWithClaimReady(name) => {
                Wait::PodReady(self.located(name))
            }
            Condition::StatusSettled(replicas) => {
                Wait::StatusSettled { set: own(DEFAULT_SET), replicas: *replicas }
            }
            Condition::StatusOf { set, replicas } => {
                Wait::StatusSettled { set: self.located(set), replicas: *replicas }
            }
            Condition::EndpointsSettled => Wait::EndpointsSettled(own(DEFAULT_SERVICE)),
            Condition::EndpointsOf(service) => Wait::EndpointsSettled(self.located(service)),
            Condition::DnsSettled => Wait::DnsSettled,
            Condition::ClaimBound(name) => Wait::ClaimBound(self.located(name)),
        }
    }

    fn woken_by(&self, wait: Wait, wake: Wake) {
        let ended_by = match wake {
            Wake::AtOnce => None,
            Wake::By { seq, delivered_us } => {
                *self.woken.lock().expect("no holder panics") = Some((seq, delivered_us));
                Some(seq)
            }
        };
        self.recorder.step(Step::Waited { wait, ended_by });
    }

    fn bound(&self, wait: &Wait) -> Duration {
        match wait {
            // Long enough that an answer which is older than it may be is seen to be.
            Wait::DnsSettled => {
                Duration::from_secs_f64(self.shared.options.dns_stale_secs)
                    + self.shared.bound(limits::CONNECT)
            }
            _ => self.shared.bound(limit(wait)),
        }
    }

    /// What is missing, and whether it can still come.
    fn look(&self, wait: &Wait, world: &World) -> Result<(), Missing> {
        self.missing(wait, world).map_err(|missing| self.hopeless(world).unwrap_or(missing))
    }

    fn missing(&self, wait: &Wait, world: &World) -> Result<(), Missing> {
        match wait {
            Wait::PodsRunning(pods) => self.each(world, pods, "running", &[Phase::Running, Phase::Ready]),
            Wait::PodsReady(pods) => self.each(world, pods, "ready", &[Phase::Ready]),
            Wait::PodsUnready(pods) => self.each(world, pods, "running and unready", &[Phase::Running]),
            Wait::PodsGone(pods) => gone(world, pods),
            Wait::PodReady(name) => match world.get(Resource::Pods, name).map(Phase::of) {
                Some(Phase::Ready) => Ok(()),
                phase => still(format!("{name} is {}", words(phase))),
            },
            Wait::StatusSettled { set, replicas } => status_settled(world, set, i64::from(*replicas)),
            Wait::EndpointsSettled(service) => endpoints_settled(world, service),
            Wait::DnsSettled => self.dns_settled(world),
            Wait::ClaimBound(name) => {
                let claim = world.get(Resource::PersistentVolumeClaims, name);
                match claim.and_then(|claim| claim.text("/status/phase")) {
                    Some("Bound") => Ok(()),
                    phase => still(format!("the claim {name} is {}", phase.unwrap_or("not there"))),
                }
            }
        }
    }

    /// Each of these pods is in one of these phases and was not asked to be deleted.
    fn each(&self, world: &World, pods: &[String], what: &str, phases: &[Phase]) -> Result<(), Missing> {
        for name in pods {
            let pod = world.get(Resource::Pods, name).filter(|pod| !self.doomed.contains(&pod.uid));
            let phase = pod.map(Phase::of);
            if !phase.is_some_and(|phase| phases.contains(&phase)) {
                return still(format!("{name} is {}, not {what}", words(phase)));
            }
            if let Some(container) = pod.and_then(stopped_container) {
                return still(format!("the container {container} of {name} does not run"));
            }
        }
        Ok(())
    }

    /// Whether something around the StatefulSet keeps what is waited for from coming.
    fn hopeless(&self, world: &World) -> Option<Missing> {
        let silent_us = world.silent_since_us().map(|since| self.recorder.now_us().saturating_sub(since));
        if silent_us.is_some_and(|us| us > limits::SERVER_SILENT.wait_us()) {
            let reason = "the API server has stopped answering; try `kubectl get --raw /readyz`".to_owned();
            return Some(Missing::Hopeless { reason, cause: AbortCause::Cluster });
        }
        let reason = world.all(Resource::Pods).find_map(image_trouble).or_else(|| refused_creation(world))?;
        let reason = format!("{reason} (namespace {})", self.namespace);
        Some(Missing::Hopeless { reason, cause: AbortCause::Environment })
    }

    /// Lets nothing be done for a while.
    pub(super) async fn quiet(&self, quiet: &Quiet) -> Done {
        let limit =
            limits::ALL.iter().find(|limit| limit.name == quiet.limit).expect("the catalogue was checked");
        let slowest = Duration::from_micros(3 * self.shared.slowest_start_us());
        let wait = if *limit == limits::QUIET { limit.duration().max(slowest) } else { limit.duration() };
        let name = quiet.name.clone();
        // What is sent after a quiet period is no reaction to what came before it.
        self.woken.lock().expect("no holder panics").take();
        self.recorder.step(Step::QuietBegan { name: name.clone(), wait_secs: wait.as_secs_f64() });
        tokio::time::sleep(wait).await;
        self.recorder.step(Step::QuietEnded { name });
        Ok(())
    }
}

fn limit(wait: &Wait) -> Limit {
    match wait {
        Wait::PodsGone(_) => limits::POD_GONE,
        Wait::StatusSettled { .. } => limits::STATUS_SETTLED,
        Wait::EndpointsSettled(_) => limits::ENDPOINTS_AWAITED,
        Wait::DnsSettled => limits::DNS_STALE_HARD,
        _ => limits::POD_READY,
    }
}

fn needs(condition: &Condition) -> Option<Need> {
    match condition {
        Condition::DnsSettled => Some(Need::Dns),
        Condition::ClaimBound(_) | Condition::PodWithClaimReady(_) => Some(Need::Storage),
        _ => None,
    }
}

fn is_vital(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::PodsRunning(_)
            | Condition::PodsReady(_)
            | Condition::PodsUnready(_)
            | Condition::PodsGone(_)
            | Condition::PodReady(_)
    )
}

fn still(missing: String) -> Result<(), Missing> {
    Err(Missing::Still(missing))
}

fn words(phase: Option<Phase>) -> &'static str {
    match phase {
        None => "not there",
        Some(Phase::Pending) => "pending",
        Some(Phase::Running) => "running and unready",
        Some(Phase::Ready) => "ready",
        Some(Phase::Terminating) => "terminating",
        Some(Phase::Terminal) => "ended",
    }
}

/// A container that does not run at present: no command can be run in it.
fn stopped_container(pod: &ObjectSeen) -> Option<&str> {
    let stopped = |status: &&Json| status["state"]["running"].is_null();
    pod.list("/status/containerStatuses").iter().find(stopped)?["name"].as_str()
}

fn gone(world: &World, pods: &[String]) -> Result<(), Missing> {
    let left = pods.iter().find(|name| world.get(Resource::Pods, name).is_some());
    left.map_or(Ok(()), |name| still(format!("{name} is still there")))
}

fn status_settled(world: &World, set: &str, replicas: i64) -> Result<(), Missing> {
    let Some(set) = world.get(Resource::StatefulSets, set) else {
        return still(format!("{set} is not there"));
    };
    let generation = set.number("/metadata/generation").unwrap_or_default();
    let observed = set.number("/status/observedGeneration").unwrap_or_default();
    if observed < generation {
        return still(format!("generation {generation} is not observed, {observed} is"));
    }
    for counter in ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"] {
        let count = set.number(&format!("/status/{counter}")).unwrap_or_default();
        if count != replicas {
            return still(format!("status.{counter} is {count}, not {replicas}"));
        }
    }
    Ok(())
}

/// EndpointSlices and Endpoints both list exactly the addresses of the ready pods that the Service selects.
fn endpoints_settled(world: &World, service: &str) -> Result<(), Missing> {
    let Some(selector) = world.get(Resource::Services, service).and_then(|s| s.at("/spec/selector")) else {
        return still(format!("the Service {service} is not there"));
    };
    let selected = world.beside(Resource::Pods, service).filter(|pod| is_selected(pod, selector));
    let ready = selected.filter(|pod| Phase::of(pod) == Phase::Ready);
    let pods: BTreeSet<String> = ready.flat_map(pod::addresses).map(str::to_owned).collect();
    let slices: BTreeSet<String> = ready_endpoints(world, service).into_values().flatten().collect();
    if slices != pods {
        return still(format!("EndpointSlices list {slices:?}, and the ready pods have {pods:?}"));
    }
    let endpoints: BTreeSet<String> =
        world.get(Resource::Endpoints, service).map(endpoint_addresses).unwrap_or_default();
    if endpoints != pods {
        return still(format!("Endpoints list {endpoints:?}, and the ready pods have {pods:?}"));
    }
    Ok(())
}

fn is_selected(pod: &ObjectSeen, selector: &Json) -> bool {
    selector.members().all(|(key, value)| value.as_str().is_some() && pod.label(key) == value.as_str())
}

fn endpoint_addresses(endpoints: &ObjectSeen) -> BTreeSet<String> {
    let subsets = endpoints.list("/subsets").iter();
    let addresses = subsets.flat_map(|subset| subset["addresses"].as_array().into_iter().flatten());
    addresses.filter_map(|address| address["ip"].as_str()).map(str::to_owned).collect()
}

/// An image that cannot be pulled, and the flag that replaces it.
fn image_trouble(pod: &ObjectSeen) -> Option<String> {
    const TROUBLES: &[&str] =
        &["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"];
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        for status in pod.list(list) {
            let reason = status["state"]["waiting"]["reason"].as_str().unwrap_or_default();
            if TROUBLES.contains(&reason) {
                let image = status["image"].as_str().unwrap_or_default();
                let flag = if image.contains("nginx") { "--image" } else { "--probe-image" };
                return Some(format!(
                    "the image {image} of pod {} cannot be pulled ({reason}); name one that can be with {flag}",
                    pod.name
                ));
            }
        }
    }
    None
}

/// A pod that an admission plugin or a quota refuses to let the set create.
fn refused_creation(world: &World) -> Option<String> {
    let refused = world.all(Resource::Events).find(|event| {
        let message = event.text("/message").unwrap_or_default();
        event.text("/reason") == Some("FailedCreate") && message.contains("is forbidden")
    })?;
    Some(format!("a pod is refused: {}", refused.text("/message").unwrap_or_default()))
}
