//! Waits for named conditions on the recorded stream. A wait that is over says so in the record, and so does one that
//! was given up.

use std::{collections::BTreeSet, time::Duration};

use super::{Done, Driver, Stop, dns::ready_endpoints};
use crate::{
    history::{ObjectSeen, Phase, Resource, SERVICE, SET, Step, lives},
    limits::{self, Limit},
    recorder::{Missing, Wake, World},
    spec::{Condition, Need, Quiet},
};

impl Driver {
    /// Waits for a condition. Pods that do not come end the scenario; counters, answers and volumes that do not
    /// settle are the checks' business, and the scenario goes on.
    pub(super) async fn wait(&self, condition: &Condition) -> Done {
        let wait = name(condition);
        if let Some(need) = needs(condition).filter(|need| !self.available.has(*need)) {
            return self.skip(&format!("await {wait}"), need);
        }
        let bound = self.bound(condition);
        let outcome = self.recorder.wait(bound, |world| self.look(condition, world)).await;
        self.shared.started_in(self.recorder.look(World::slowest_start_us));
        match outcome {
            Ok(wake) => {
                self.woken_by(wait, wake);
                Ok(())
            }
            Err(Missing::Hopeless { reason, cause }) => Err(Stop { reason, cause }),
            Err(Missing::Still(missing)) => {
                let reason = format!("{wait} did not come true within {bound:?}: {missing}");
                self.recorder.step(Step::TimedOut { wait, bound_secs: bound.as_secs_f64(), missing });
                if is_vital(condition) { Err(Stop::cluster(reason)) } else { Ok(()) }
            }
        }
    }

    fn woken_by(&self, wait: String, wake: Wake) {
        let ended_by = match wake {
            Wake::AtOnce => None,
            Wake::By { seq, delivered_us } => {
                *self.woken.lock().expect("no holder panics") = Some((seq, delivered_us));
                Some(seq)
            }
        };
        self.recorder.step(Step::Waited { wait, ended_by });
    }

    fn bound(&self, condition: &Condition) -> Duration {
        match condition {
            // Long enough that an answer which is older than it may be is seen to be.
            Condition::DnsSettled => {
                Duration::from_secs_f64(self.shared.options.dns_stale_secs)
                    + self.shared.bound(limits::CONNECT)
            }
            _ => self.shared.bound(limit(condition)),
        }
    }

    /// What is missing, and whether it can still come.
    fn look(&self, condition: &Condition, world: &World) -> Result<(), Missing> {
        self.missing(condition, world).map_err(|missing| self.hopeless(world).unwrap_or(missing))
    }

    fn missing(&self, condition: &Condition, world: &World) -> Result<(), Missing> {
        match condition {
            Condition::PodsRunning(ordinals) => {
                self.each(world, ordinals, "running", &[Phase::Running, Phase::Ready])
            }
            Condition::PodsReady(ordinals) => self.each(world, ordinals, "ready", &[Phase::Ready]),
            Condition::PodsUnready(ordinals) => {
                self.each(world, ordinals, "running and unready", &[Phase::Running])
            }
            Condition::PodsGone(ordinals) => gone(world, ordinals),
            Condition::PodReady(name) | Condition::PodWithClaimReady(name) => {
                match world.get(Resource::Pods, name).map(Phase::of) {
                    Some(Phase::Ready) => Ok(()),
                    phase => still(format!("{name} is {}", words(phase))),
                }
            }
            Condition::StatusSettled(replicas) => status_settled(world, i64::from(*replicas)),
            Condition::EndpointsSettled => endpoints_settled(world),
            Condition::DnsSettled => self.dns_settled(world),
            Condition::ClaimBound(name) => {
                let claim = world.get(Resource::PersistentVolumeClaims, name);
                match claim.and_then(|claim| claim.text("/status/phase")) {
                    Some("Bound") => Ok(()),
                    phase => still(format!("the claim {name} is {}", phase.unwrap_or("not there"))),
                }
            }
        }
    }

    /// Each of these ordinals has a pod in one of these phases that was not asked to be deleted.
    fn each(&self, world: &World, ordinals: &[u32], what: &str, phases: &[Phase]) -> Result<(), Missing> {
        for ordinal in ordinals {
            let name = format!("{SET}-{ordinal}");
            let pod = world.get(Resource::Pods, &name).filter(|pod| !self.doomed.contains(&pod.uid));
            let phase = pod.map(Phase::of);
            if !phase.is_some_and(|phase| phases.contains(&phase)) {
                return still(format!("{name} is {}, not {what}", words(phase)));
            }
        }
        Ok(())
    }

    /// Whether something around the StatefulSet keeps what is waited for from coming.
    fn hopeless(&self, world: &World) -> Option<Missing> {
        let silent_us = world.silent_since_us().map(|since| self.recorder.now_us().saturating_sub(since));
        if silent_us.is_some_and(|us| us > limits::SERVER_SILENT.wait_us()) {
            let reason = "the API server has stopped answering; try `kubectl get --raw /readyz`".to_owned();
            return Some(Missing::Hopeless { reason, cause: crate::history::AbortCause::Cluster });
        }
        let reason = world.all(Resource::Pods).find_map(image_trouble).or_else(|| refused_creation(world))?;
        let reason = format!("{reason} (namespace {})", self.namespace);
        Some(Missing::Hopeless { reason, cause: crate::history::AbortCause::Environment })
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

/// The condition as the record names it.
fn name(condition: &Condition) -> String {
    match condition {
        Condition::PodsRunning(ordinals) => format!("pods-running {ordinals:?}"),
        Condition::PodsReady(ordinals) => format!("pods-ready {ordinals:?}"),
        Condition::PodsUnready(ordinals) => format!("pods-unready {ordinals:?}"),
        Condition::PodsGone(ordinals) => format!("pods-gone {ordinals:?}"),
        Condition::PodReady(name) | Condition::PodWithClaimReady(name) => format!("pod-ready {name}"),
        Condition::StatusSettled(replicas) => format!("status-settled {replicas}"),
        Condition::EndpointsSettled => "endpoints-settled".to_owned(),
        Condition::DnsSettled => "dns-settled".to_owned(),
        Condition::ClaimBound(name) => format!("claim-bound {name}"),
    }
}

fn limit(condition: &Condition) -> Limit {
    match condition {
        Condition::PodsGone(_) => limits::POD_GONE,
        Condition::StatusSettled(_) => limits::STATUS_SETTLED,
        Condition::EndpointsSettled => limits::ENDPOINTS_SETTLED,
        Condition::DnsSettled => limits::DNS_STALE_HARD,
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

fn gone(world: &World, ordinals: &[u32]) -> Result<(), Missing> {
    let left =
        ordinals.iter().map(|o| format!("{SET}-{o}")).find(|name| world.get(Resource::Pods, name).is_some());
    left.map_or(Ok(()), |name| still(format!("{name} is still there")))
}

fn status_settled(world: &World, replicas: i64) -> Result<(), Missing> {
    let Some(set) = world.get(Resource::StatefulSets, SET) else {
        return still(format!("{SET} is not there"));
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

/// EndpointSlices and Endpoints both list exactly the addresses of the set's ready pods.
fn endpoints_settled(world: &World) -> Result<(), Missing> {
    let members = world.all(Resource::Pods).filter(|pod| lives::ordinal(&pod.name).is_some());
    let ready = members.filter(|pod| Phase::of(pod) == Phase::Ready);
    let pods: BTreeSet<String> = ready.flat_map(lives::addresses).map(str::to_owned).collect();
    let slices: BTreeSet<String> = ready_endpoints(world).into_values().flatten().collect();
    if slices != pods {
        return still(format!("EndpointSlices list {slices:?}, and the ready pods have {pods:?}"));
    }
    let endpoints: BTreeSet<String> =
        world.get(Resource::Endpoints, SERVICE).map(endpoint_addresses).unwrap_or_default();
    if endpoints != pods {
        return still(format!("Endpoints list {endpoints:?}, and the ready pods have {pods:?}"));
    }
    Ok(())
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
