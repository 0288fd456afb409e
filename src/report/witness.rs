//! Events as people read them: one line each, for the terminal, JUnit and HTML alike.

use super::scenarios::secs;
use crate::{
    history::{
        Change, DnsOutcome, DnsSeen, Event, ExecOutcome, ExecSeen, History, Json, ObjectSeen, Observation,
        Observer, Phase, Purpose, Requested, Resource, Step, Verb, pod,
    },
    judge::Judged,
};

/// An event in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its place in the scenario's record.
    pub seq: u64,
    /// When it was known, in seconds of the run's clock.
    pub at_secs: f64,
    /// Who saw it.
    pub observer: String,
    /// What was seen.
    pub what: String,
}

impl Line {
    /// The event in words.
    pub fn of(event: &Event) -> Self {
        Self {
            seq: event.seq,
            at_secs: secs(event.span.until_us),
            observer: observer(event.observer),
            what: what(&event.seen),
        }
    }

    /// The events with these numbers, those that the history does not have left out.
    pub fn all(history: &History, events: &[u64]) -> Vec<Self> {
        let event = |seq: &u64| history.events.get(usize::try_from(*seq).ok()?);
        events.iter().filter_map(event).map(Self::of).collect()
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9.3} s  {:<11} {}", self.at_secs, self.observer, self.what)
    }
}

fn observer(observer: Observer) -> String {
    match observer {
        Observer::Watch(watch) => format!("watch {}", short(watch.resource)),
        Observer::Driver => "steadfast".to_owned(),
        Observer::Reader => "read".to_owned(),
        Observer::Probe => "probe".to_owned(),
    }
}

/// The name by which `kubectl` lets a person type the resource.
const fn short(resource: Resource) -> &'static str {
    match resource {
        Resource::StatefulSets => "sts",
        Resource::PersistentVolumeClaims => "pvc",
        Resource::Services => "svc",
        Resource::EndpointSlices => "slices",
        Resource::Endpoints => "ep",
        Resource::ControllerRevisions => "revs",
        Resource::ServiceAccounts => "sa",
        Resource::Pods | Resource::Events => resource.plural(),
    }
}

fn what(seen: &Observation) -> String {
    match seen {
        Observation::Object(object) => self::object(object),
        Observation::WatchOpened { revision, .. } => format!("the watch begins after rv {revision}"),
        Observation::WatchGap { reason, .. } => format!("the watch LOST EVENTS: {reason}"),
        Observation::Bookmark { revision, .. } => {
            format!("the watch has delivered everything up to rv {revision}")
        }
        Observation::List(list) => {
            format!("a list of {} at rv {} has {} objects", list.of, list.revision, list.objects.len())
        }
        Observation::Read(read) => format!("GET {} -> {}", read.path, read.code),
        Observation::Dns(dns) => self::dns(dns),
        Observation::Exec(exec) => self::exec(exec),
        Observation::ApiError(error) => {
            format!("{} FAILED: {} {} (attempt {})", error.request, error.code, error.reason, error.attempt)
        }
        Observation::Step(step) => self::step(step),
    }
}

fn object(object: &ObjectSeen) -> String {
    let change = match object.change {
        Change::Added => "ADDED",
        Change::Modified => "MODIFIED",
        Change::Deleted => "DELETED",
        Change::Listed => "LISTED",
        Change::Unlisted => "NOT LISTED",
    };
    let state = state(object).map(|state| format!(" ({state})")).unwrap_or_default();
    format!("{} {change}{state}  rv {}  uid {}", object.name, object.revision, object.uid)
}

/// What matters about that version, in a few words.
fn state(object: &ObjectSeen) -> Option<String> {
    match object.resource {
        Resource::Pods => Some(pod_state(object)),
        Resource::PersistentVolumeClaims => {
            let phase = object.text("/status/phase").unwrap_or("no phase");
            let volume =
                object.text("/spec/volumeName").map(|name| format!(" to {name}")).unwrap_or_default();
            Some(format!("{}{volume}{}", phase.to_lowercase(), terminating(object)))
        }
        Resource::StatefulSets => Some(format!(
            "replicas {}: {} there, {} ready{}",
            number(object, "/spec/replicas"),
            number(object, "/status/replicas"),
            number(object, "/status/readyReplicas"),
            terminating(object)
        )),
        Resource::EndpointSlices => Some(endpoints(object)),
        _ => None,
    }
}

fn pod_state(object: &ObjectSeen) -> String {
    let phase = match Phase::of(object) {
        Phase::Pending => "pending",
        Phase::Running => "running, not ready",
        Phase::Ready => "ready",
        Phase::Terminating => "terminating",
        Phase::Terminal => "ended",
    };
    let addresses = pod::addresses(object);
    if addresses.is_empty() { phase.to_owned() } else { format!("{phase}, {}", addresses.join(" ")) }
}

fn terminating(object: &ObjectSeen) -> &'static str {
    if object.is_terminating() { ", terminating" } else { "" }
}

fn number(object: &ObjectSeen, pointer: &str) -> i64 {
    object.number(pointer).unwrap_or(0)
}

fn endpoints(slice: &ObjectSeen) -> String {
    let endpoint = |endpoint: &Json| {
        let pod = endpoint.pointer("/targetRef/name").and_then(Json::as_str).unwrap_or("?");
        let address = endpoint.pointer("/addresses/0").and_then(Json::as_str).unwrap_or("?");
        let ready = endpoint.pointer("/conditions/ready").and_then(Json::as_bool).unwrap_or(true);
        format!("{pod}={address}{}", if ready { "" } else { " not ready" })
    };
    let all: Vec<String> = slice.list("/endpoints").iter().map(endpoint).collect();
    if all.is_empty() { "no endpoint".to_owned() } else { all.join(", ") }
}

fn dns(dns: &DnsSeen) -> String {
    let transport = format!("{:?}", dns.transport).to_lowercase();
    format!(
        "{} was asked {} {} over {transport} -> {}",
        dns.vantage,
        dns.record_type,
        dns.name,
        answer(&dns.outcome)
    )
}

/// What came back, in a few words.
pub(super) fn answer(outcome: &DnsOutcome) -> String {
    match outcome {
        DnsOutcome::NoAnswer { reason } => format!("no answer: {reason}"),
        DnsOutcome::NotAsked { reason } => format!("not asked: {reason}"),
        DnsOutcome::Answer { code, records, .. } if records.is_empty() && code == "NOERROR" => {
            "NOERROR, no records".to_owned()
        }
        DnsOutcome::Answer { code, records, .. } if records.is_empty() => code.clone(),
        DnsOutcome::Answer { records, .. } => {
            let record = |r: &crate::history::DnsRecord| format!("{} (ttl {} s)", r.data, r.ttl_secs);
            records.iter().map(record).collect::<Vec<_>>().join(", ")
        }
    }
}

fn exec(exec: &ExecSeen) -> String {
    let outcome = match &exec.outcome {
        ExecOutcome::Ended { exit_code: 0, stdout, .. } => one_line(stdout),
        ExecOutcome::Ended { exit_code, stdout, stderr } => {
            format!("exit code {exit_code}: {} {}", one_line(stdout), one_line(stderr))
        }
        ExecOutcome::Failed { reason } => format!("failed: {reason}"),
    };
    format!("in {}: {} -> {outcome}", exec.pod, purpose(&exec.purpose))
}

fn purpose(purpose: &Purpose) -> String {
    match purpose {
        Purpose::Hostname => "hostname".to_owned(),
        Purpose::InitHostname => "hostname, in an init container".to_owned(),
        Purpose::Fqdn => "hostname -f".to_owned(),
        Purpose::OwnAddresses => "hostname -i".to_owned(),
        Purpose::HostsFile => "cat /etc/hosts".to_owned(),
        Purpose::ResolverConfig => "cat /etc/resolv.conf".to_owned(),
        Purpose::Crash => "kill 1".to_owned(),
        Purpose::WriteToken { token, .. } => format!("write the token {token}"),
        Purpose::ReadTokens { .. } => "read the tokens".to_owned(),
        Purpose::Connect { host } => format!("GET http://{host}/identity"),
        Purpose::Nslookup { name } => format!("nslookup {name}"),
        Purpose::OpenGate => "open the gate".to_owned(),
        Purpose::CloseGate => "close the gate".to_owned(),
        Purpose::Getent { name } => format!("getent hosts {name}"),
    }
}

/// Text with its line ends made visible.
fn one_line(text: &str) -> String {
    text.trim().lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}

/// A step of the driver in words.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::Started(started) => format!("begins in the namespace {}", started.namespace),
        Step::Discovered(found) => format!(
            "has found the zone {}, {} DNS backends and {} probes",
            found.zone.as_deref().unwrap_or("unknown"),
            found.backends.len(),
            found.probes.len()
        ),
        Step::Requested(request) => format!("asks: {}", self::request(request)),
        Step::Answered(answer) => {
            let message = answer.message.as_ref().map(|message| format!(": {message}"));
            format!("was answered {}{}", answer.code, message.unwrap_or_default())
        }
        Step::Waited { wait, .. } => format!("has seen {wait}"),
        Step::TimedOut { wait, bound_secs, missing } => {
            format!("GAVE UP waiting for {wait} after {bound_secs:.0} s: {missing}")
        }
        Step::Reacted { reaction_us, .. } => format!("went on after {:.1} ms", *reaction_us as f64 / 1e3),
        Step::QuietBegan { name, wait_secs } => format!("keeps quiet for {wait_secs:.0} s ({name})"),
        Step::QuietEnded { name } => format!("was quiet ({name})"),
        Step::Skipped { action, reason } => format!("skips {action}: {reason}"),
        Step::DryRun { manifest, code, message, .. } => format!("dry run of {manifest} -> {code} {message}"),
        Step::NotStarted { reason, .. } => format!("does not begin: {reason}"),
        Step::Aborted { reason, .. } => format!("ends early: {reason}"),
        Step::Completed => "is done".to_owned(),
    }
}

/// A request in words, as short as a mark on a timeline has to be.
pub(super) fn request(request: &Requested) -> String {
    let resource = request.resource.strip_suffix('s').unwrap_or(&request.resource);
    let name = request.name.as_deref().unwrap_or_default();
    let below = request.subresource.as_ref().map(|sub| format!("/{sub}")).unwrap_or_default();
    let words = match (request.verb, request.scales_to()) {
        (_, Some(replicas)) => format!("scale {name} to {replicas}"),
        (Verb::Apply, _) => format!("apply {resource} {name}{below}"),
        (Verb::Create, _) => format!("create {resource} {name}{below}"),
        (Verb::Patch, _) => format!("patch {resource} {name}{below}"),
        (Verb::Update, _) => format!("update {resource} {name}{below}"),
        (Verb::Delete, _) => format!("delete {resource} {name}"),
        (Verb::DeleteCollection, _) => format!("delete all {}", request.resource),
    };
    if request.dry_run { format!("{words} (dry run)") } else { words }
}

/// The requirement's `kubectl` line for the scenario in which it was broken or blind, or else the first that it has.
pub fn look_line(look: &str, namespace: &str) -> String {
    let namespace = if namespace.is_empty() { "NAMESPACE" } else { namespace };
    look.trim().replace("{namespace}", namespace)
}

/// The scenario whose namespace is worth a look: that of the first finding that is not *held*.
pub fn scenario_of(judged: &Judged) -> Option<&str> {
    use crate::checks::Kind;
    let of = |kind| judged.findings.iter().find(move |finding| finding.kind == kind);
    let finding = of(Kind::Broken).or_else(|| of(Kind::Blind)).or_else(|| of(Kind::Held))?;
    Some(&finding.scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, report::sample::rebased};

    fn last_line(statements: &str) -> String {
        Line::of(rebased(history(statements)).last()).to_string()
    }

    #[test]
    fn a_pod_shows_what_ordering_is_about() {
        assert_eq!(
            last_line("web-1 created; web-1 ready"),
            "    0.200 s  watch pods  web-1 MODIFIED (ready, 10.0.0.11)  rv 102  uid uid-1"
        );
    }

    #[test]
    fn everything_that_the_notation_says_reads() {
        for (statements, words) in [
            ("www-web-0 claimed; www-web-0 bound pv-7", "(bound to pv-7)"),
            ("web-0 created; slice web-0=10.0.0.10!", "(web-0=10.0.0.10 not ready)"),
            (
                "dns a A web-0 -> nxdomain",
                "a was asked A web-0.nginx.ns.svc.cluster.local. over tcp -> NXDOMAIN",
            ),
            ("dns a A web-0 -> no-answer", "-> no answer: timed out"),
            ("dns a A web-0 -> 10.0.0.7", "-> 10.0.0.7 (ttl 30 s)"),
            ("scale 3", "asks: scale web to 3"),
            ("delete all", "asks: delete all pods"),
            ("web-0 created; delete web-0", "asks: delete pod web-0"),
            (
                "timed-out pods-ready [0]",
                "GAVE UP waiting for pods-ready web-0 after 120 s: it did not happen",
            ),
            ("gap pods", "the watch LOST EVENTS: 410 Gone"),
            ("web-0 created; exec web-0 resolv -> a\\nb", "in web-0: cat /etc/resolv.conf -> a | b"),
            ("set replicas=3 pods=2 ready=1", "(replicas 3: 2 there, 1 ready)"),
        ] {
            let line = last_line(statements);
            assert!(line.contains(words), "`{line}` lacks `{words}`");
        }
    }
}
