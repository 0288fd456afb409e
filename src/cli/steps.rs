//! The steps of a scenario in words.

use super::text::millis;
use crate::{
    history::Place,
    limits,
    spec::{Action, Apply, Condition, Names, Need, PodRef, Request},
};

/// What a step does.
pub(super) fn describe(step: &Action) -> String {
    match step {
        Action::StartProbes => {
            "start a probe pod on each node; learn zone, nameservers and DNS backends from them".to_owned()
        }
        Action::Apply(apply) => describe_apply(apply),
        Action::DryRun(dry) if dry.manifest == dry.instead => {
            format!("ask by dry run whether the server takes {}", dry.manifest)
        }
        Action::DryRun(dry) => {
            format!(
                "ask by dry run whether the server takes {}; {} is used instead",
                dry.manifest, dry.instead
            )
        }
        Action::Await(condition) => format!("wait until {}", describe_condition(condition)),
        Action::Quiet(quiet) => {
            format!("do nothing for {} ({})", limit(&quiet.limit), quiet.name)
        }
        Action::OpenGate(of) => format!("let {} become ready", pods(of)),
        Action::CloseGate(of) => format!("make {} unready", pods(of)),
        Action::DeletePods(of) => format!("delete {}", pods(of)),
        Action::DeleteAllPods => "delete all pods of the set with one request".to_owned(),
        Action::Crash(of) => format!("end the first process in the container of {}", pods(of)),
        Action::Request(request) => describe_request(request),
        Action::Scale(replicas) => format!("scale to {replicas}"),
        Action::WriteTokens(tokens) => {
            format!("write a token {} of {}", place(tokens.place), pods(&tokens.pods))
        }
        Action::ReadTokens(tokens) => {
            format!("read the tokens {} of {}", place(tokens.place), pods(&tokens.pods))
        }
        Action::Inspect(of) => format!("read host name, /etc/hosts and /etc/resolv.conf in {}", pods(of)),
        Action::Connect(of) => format!("from every node, fetch by name who answers for {}", pods(of)),
        Action::FollowDns(names) => {
            format!("from now on, ask every DNS backend again and again for {}", describe_names(names))
        }
        Action::AskDns(names) => {
            format!("ask every DNS backend, and from every node, for {}", describe_names(names))
        }
        Action::LookupTools(of) => format!("nslookup and getent for {} in dns-test", pods(of)),
        Action::Churn(pod) => {
            format!("delete {} and take its address, until it has another", pod.name())
        }
        Action::Read(path) => format!("read {path}"),
    }
}

fn describe_apply(apply: &Apply) -> String {
    let replicas = apply.replicas.map(|n| format!(" with {n} replicas")).unwrap_or_default();
    let overlays = match &apply.overlays[..] {
        [] => String::new(),
        overlays => format!(", changed by {}", overlays.join(", ")),
    };
    let needs = match apply.needs {
        Some(Need::Storage) => " (needs storage)",
        Some(Need::Dns) => " (needs DNS)",
        None => "",
    };
    format!("apply {}{overlays}{replicas}{needs}", apply.manifest)
}

fn describe_request(request: &Request) -> String {
    let verb = format!("{:?}", request.verb).to_lowercase();
    let dry_run = if request.dry_run { "ask by dry run to " } else { "" };
    let case = request.case.as_ref().map(|case| format!(" ({case})")).unwrap_or_default();
    format!("{dry_run}{verb} {}{case}", request.target)
}

fn describe_condition(condition: &Condition) -> String {
    match condition {
        Condition::PodsRunning(of) => format!("{} running", pods_are(of)),
        Condition::PodsReady(of) => format!("{} ready", pods_are(of)),
        Condition::PodsUnready(of) => format!("{} running and not ready", pods_are(of)),
        Condition::PodsGone(of) => format!("{} gone", pods_are(of)),
        Condition::PodReady(name) | Condition::PodWithClaimReady(name) => format!("{name} is ready"),
        Condition::StatusSettled(replicas) => format!("the set's status says {replicas} of everything"),
        Condition::StatusOf { set, replicas } => format!("the status of {set} says {replicas} of everything"),
        Condition::EndpointsOf(service) => format!("the endpoints of {service} say what the pods say"),
        Condition::EndpointsSettled => "EndpointSlices and Endpoints say what the pods say".to_owned(),
        Condition::DnsSettled => "every DNS backend says what the endpoints say".to_owned(),
        Condition::ClaimBound(name) => format!("the claim {name} is bound"),
    }
}

fn describe_names(names: &Names) -> String {
    let mut parts = Vec::new();
    if !names.pods.is_empty() {
        let forms = if names.search_path { " in every form of the search path" } else { "" };
        parts.push(format!("{}{forms}", pods(&names.pods)));
    }
    if names.service {
        parts.push("the Service".to_owned());
    }
    parts.extend(names.others.iter().cloned());
    parts.join(", ")
}

fn pods(pods: &[PodRef]) -> String {
    pods.iter().map(PodRef::name).collect::<Vec<_>>().join(", ")
}

fn pods_are(of: &[PodRef]) -> String {
    format!("{} {}", pods(of), if of.len() == 1 { "is" } else { "are" })
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Volume => "on the volume",
        Place::Container => "in the container",
    }
}

fn limit(name: &str) -> String {
    let limit = limits::ALL.iter().find(|limit| limit.name == name);
    limit.map_or_else(|| name.to_owned(), |limit| millis(limit.wait_millis))
}
