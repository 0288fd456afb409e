//! A notation for hand-written histories that a reader can draw: `"web-0 created; web-0 ready; web-1 created"`.
//!
//! Statements are separated by `;` and lie a tenth of a second apart. What they can say:
//!
//! | statement | meaning |
//! | --- | --- |
//! | `web-0 created` · `listed` | ADDED (a new uid each time) · found after a gap |
//! | `web-0 scheduled` · `running` · `ready` · `unready` · `terminating` · `failed` · `deleted` | the next version of that pod |
//! | `web-0 address 10.0.0.7` · `web-0 label k=v` · `web-0 unlabel k` | a version with that changed |
//! | `www-web-0 claimed` · `bound [pv-x]` · `claim-terminating` · `unclaimed` | versions of a PersistentVolumeClaim |
//! | `set replicas=3 ready=2 current=3 updated=3 available=2 observed=1 generation=1` | a version of the StatefulSet; what is left out stays |
//! | `set revision=web-7` | likewise, its current and its update revision |
//! | `slice web-0=10.0.0.7 web-1=10.0.0.8!` | the EndpointSlice of `nginx`; `!` marks one that is not ready |
//! | `endpoints web-0=10.0.0.7 web-1=10.0.0.8!` | the same as the older object `nginx` |
//! | `dns a A web-0 -> 10.0.0.7` · `-> nxdomain` · `-> nothing` · `-> servfail` · `-> no-answer` | backend `a` asked for a name in the Service (`nginx` is the Service itself; a trailing dot makes it absolute); `dns @node-0 …` is asked on that node, over UDP |
//! | `exec web-0 hostname -> web-0` · `-> fails` | also `init-hostname`, `fqdn`, `addresses`, `hosts`, `resolv`, `open-gate` |
//! | `token web-0 volume abc` · `tokens web-0 volume -> web-0 abc` | a token is written · what is found there later (`,` between several, empty for none) |
//! | `connect web-0 -> web-0 UID` | what answers behind that pod's name; `UID` alone stands for the pod's present uid |
//! | `web-0 container c0 [1]` | it runs container `c0`, restarted that often (never, if left out) |
//! | `read pods/web-1 -> 404` | a read in the namespace, and the code that came back |
//! | `delete web-0` · `delete all` · `scale 3` | the driver's requests |
//! | `quiet x` · `quiet-over x` · `waited pods-ready [0]` · `timed-out pods-ready [0]` · `gap pods` · `completed` · `aborted` | steps and gaps |
//! | `wait 5s` · `wait 300ms` | the clock goes on |
//!
//! What it cannot say is added with [`Notes::object`], [`Notes::request`], [`Notes::see`] and [`Notes::step`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Check, Findings, Kind};
use crate::history::{
    AbortCause, CLAIM_TEMPLATE, Change, DnsOutcome, DnsRecord, DnsSeen, Endpoint, Event, ExecOutcome,
    ExecSeen, History, ObjectSeen, Observation, Observer, Place, Purpose, ReadSeen, Requested, Resource,
    SERVICE, SET, Span, Started, Step, Transport, Vantage, Verb,
};

/// The namespace of every noted history.
pub const NAMESPACE: &str = "ns";
/// The DNS zone of every noted history.
pub const ZONE: &str = "cluster.local";
/// The uid of the StatefulSet in every noted history.
pub const SET_UID: &str = "uid-set";

/// Builds a history statement by statement.
#[derive(Debug)]
pub struct Notes {
    history: History,
    clock_us: u64,
    revision: u64,
    objects: BTreeMap<(Resource, String), Value>,
    births: u64,
}

impl Default for Notes {
    fn default() -> Self {
        let mut notes = Self {
            history: History::new("noted", Vec::new()),
            clock_us: 0,
            revision: 100,
            objects: BTreeMap::new(),
            births: 0,
        };
        notes.step(Step::Started(started().into()));
        for resource in Resource::ALL {
            let revision = "100".to_owned();
            notes.see(Observer::Watch(*resource), Observation::WatchOpened { resource: *resource, revision });
        }
        notes
    }
}

/// What the driver knows in every noted history: two backends `a` and `b`, one node.
pub fn started() -> Started {
    let endpoint =
        |name: &str, address: &str| Endpoint { name: name.to_owned(), address: address.to_owned() };
    Started {
        namespace: NAMESPACE.to_owned(),
        server_version: "v1.37.1".to_owned(),
        zone: Some(ZONE.to_owned()),
        backends: vec![endpoint("a", "10.9.0.1"), endpoint("b", "10.9.0.2")],
        probes: vec![endpoint("node-0", "10.9.1.1")],
        storage_class: Some("standard".to_owned()),
        dns_stale_secs: 60.0,
    }
}

impl Notes {
    /// A history that begins like every other.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds statements. Panics on one that does not read: the message names it.
    pub fn say(mut self, statements: &str) -> Self {
        for statement in statements.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            assert!(self.statement(&words), "the notation does not know `{statement}`");
        }
        self
    }

    /// The history so far.
    pub fn history(self) -> History {
        self.history
    }

    /// Records anything, a tenth of a second after the last event.
    pub fn see(&mut self, observer: Observer, seen: Observation) -> u64 {
        let from_us = self.clock_us;
        self.clock_us += 100_000;
        let seq = self.history.events.len() as u64;
        let span = match observer {
            Observer::Driver => Span::at(self.clock_us),
            _ => Span { from_us, until_us: self.clock_us },
        };
        self.history.events.push(Event { seq, span, observer, seen });
        seq
    }

    /// Records a step of the driver.
    pub fn step(&mut self, step: Step) -> u64 {
        self.see(Observer::Driver, Observation::Step(step))
    }

    /// Records a version of any object; the metadata's resourceVersion is set.
    pub fn object(&mut self, resource: Resource, change: Change, mut raw: Value) -> u64 {
        self.revision += 1;
        raw["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let name = raw["metadata"]["name"].as_str().expect("an object has a name").to_owned();
        match change {
            Change::Deleted => self.objects.remove(&(resource, name)),
            _ => self.objects.insert((resource, name), raw.clone()),
        };
        self.see(Observer::Watch(resource), Observation::Object(ObjectSeen::new(change, resource, raw)))
    }

    /// The present version of an object.
    pub fn present(&self, resource: Resource, name: &str) -> Value {
        let key = (resource, name.to_owned());
        self.objects
            .get(&key)
            .unwrap_or_else(|| panic!("{} {name} does not exist here", resource.plural()))
            .clone()
    }

    /// The next version of an object, changed by `change`.
    pub fn modify(&mut self, resource: Resource, name: &str, change: impl FnOnce(&mut Value)) -> u64 {
        let mut raw = self.present(resource, name);
        change(&mut raw);
        self.object(resource, Change::Modified, raw)
    }

    fn statement(&mut self, words: &[&str]) -> bool {
        match words {
            ["wait", time] => self.wait(time),
            ["gap", resource] => self.gap(resource),
            ["scale", replicas] => self.scale(replicas),
            ["delete", what] => self.delete(what),
            ["quiet", name] => {
                self.step(Step::QuietBegan { name: (*name).to_owned(), wait_secs: 30.0 });
            }
            ["quiet-over", name] => {
                self.step(Step::QuietEnded { name: (*name).to_owned() });
            }
            ["timed-out", wait @ ..] => {
                let (wait, missing) = (wait.join(" "), "it did not happen".to_owned());
                self.step(Step::TimedOut { wait, bound_secs: 120.0, missing });
            }
            ["waited", wait @ ..] => {
                self.step(Step::Waited { wait: wait.join(" "), ended_by: None });
            }
            ["read", path, "->", code] => self.read(path, code),
            ["completed"] => {
                self.step(Step::Completed);
            }
            ["aborted"] => {
                self.step(Step::Aborted {
                    reason: "it could not go on".to_owned(),
                    cause: AbortCause::Cluster,
                });
            }
            ["set", fields @ ..] => self.set(fields),
            ["slice", endpoints @ ..] => self.slice(endpoints),
            ["endpoints", addresses @ ..] => self.endpoints(addresses),
            ["dns", asked, kind, name, "->", answer @ ..] => self.dns(asked, kind, name, answer),
            ["exec", pod, what, "->", output @ ..] => return self.exec(pod, what, &output.join(" ")),
            ["token", pod, place, token] => self.token(pod, place, token),
            ["tokens", pod, place, "->", found @ ..] => self.tokens(pod, place, &found.join(" ")),
            ["connect", pod, "->", answer @ ..] => self.connect(pod, answer),
            [name, what, rest @ ..] if name.starts_with(CLAIM_TEMPLATE) => {
                return self.claim(name, what, rest);
            }
            [name, what, rest @ ..] => return self.pod(name, what, rest),
            _ => return false,
        }
        true
    }

    fn wait(&mut self, time: &str) {
        let (number, unit_us) = match time.strip_suffix("ms") {
            Some(number) => (number, 1e3),
            None => (time.strip_suffix('s').expect("a time ends in s or ms"), 1e6),
        };
        self.clock_us += (number.parse::<f64>().expect("a number of seconds") * unit_us) as u64;
    }

    fn gap(&mut self, plural: &str) {
        let resource = *Resource::ALL.iter().find(|r| r.plural() == plural).expect("a plural name");
        let reason = "410 Gone".to_owned();
        self.see(Observer::Watch(resource), Observation::WatchGap { resource, reason });
    }

    /// Records a request of the driver.
    pub fn request(
        &mut self,
        verb: Verb,
        resource: Resource,
        name: Option<&str>,
        uid: Option<String>,
        body: Value,
    ) {
        let (resource, name) = (resource.plural().to_owned(), name.map(str::to_owned));
        self.step(Step::Requested(Requested { verb, resource, name, uid, body }.into()));
    }

    fn scale(&mut self, replicas: &str) {
        let replicas: i64 = replicas.parse().expect("a number of replicas");
        let body = json!({"spec": {"replicas": replicas}});
        self.request(Verb::Scale, Resource::StatefulSets, Some(SET), None, body);
    }

    fn delete(&mut self, what: &str) {
        match what {
            "all" => {
                self.request(
                    Verb::DeleteCollection,
                    Resource::Pods,
                    None,
                    None,
                    json!({"labelSelector": "app=nginx"}),
                );
            }
            pod => {
                let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].as_str().map(str::to_owned);
                self.request(Verb::Delete, Resource::Pods, Some(pod), uid, json!({}));
            }
        }
    }

    fn new_pod(&mut self, name: &str) -> Value {
        self.births += 1;
        let claim = format!("{CLAIM_TEMPLATE}-{name}");
        json!({
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": format!("uid-{}", self.births),
                "labels": {
                    "app": "nginx", "statefulset.kubernetes.io/pod-name": name, "controller-revision-hash": "web-1"
                },
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": SET, "uid": SET_UID,
                    "controller": true, "blockOwnerDeletion": true
                }],
            },
            "spec": {
                "hostname": name, "subdomain": SERVICE,
                "volumes": [{"name": CLAIM_TEMPLATE, "persistentVolumeClaim": {"claimName": claim}}],
                "containers": [{"name": "nginx", "image": "nginx"}],
            },
            "status": {"phase": "Pending"},
        })
    }

    fn pod(&mut self, name: &str, what: &str, rest: &[&str]) -> bool {
        match (what, rest) {
            ("created", []) => {
                let pod = self.new_pod(name);
                self.object(Resource::Pods, Change::Added, pod);
            }
            ("listed", []) => {
                let pod = self.new_pod(name);
                self.object(Resource::Pods, Change::Listed, pod);
            }
            ("deleted", []) => {
                let pod = self.present(Resource::Pods, name);
                self.object(Resource::Pods, Change::Deleted, pod);
            }
            _ => {
                let mut pod = self.present(Resource::Pods, name);
                if !change_pod(&mut pod, name, what, rest) {
                    return false;
                }
                self.object(Resource::Pods, Change::Modified, pod);
            }
        }
        true
    }

    fn claim(&mut self, name: &str, what: &str, rest: &[&str]) -> bool {
        let claims = Resource::PersistentVolumeClaims;
        match (what, rest) {
            ("claimed", []) => {
                self.births += 1;
                let raw = json!({
                    "metadata": {
                        "name": name, "namespace": NAMESPACE, "uid": format!("uid-{}", self.births),
                        "labels": {"app": "nginx"},
                    },
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                    "status": {"phase": "Pending"},
                });
                self.object(claims, Change::Added, raw);
            }
            ("bound", volume) => {
                let volume = volume.first().map_or_else(|| format!("pv-{name}"), ToString::to_string);
                self.modify(claims, name, |claim| {
                    claim["spec"]["volumeName"] = json!(volume);
                    claim["status"]["phase"] = json!("Bound");
                });
            }
            ("claim-terminating", []) => {
                self.modify(claims, name, |claim| {
                    claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                });
            }
            ("unclaimed", []) => {
                let raw = self.present(claims, name);
                self.object(claims, Change::Deleted, raw);
            }
            _ => return false,
        }
        true
    }

    fn set(&mut self, fields: &[&str]) {
        let key = (Resource::StatefulSets, SET.to_owned());
        let (change, mut raw) = match self.objects.get(&key) {
            Some(raw) => (Change::Modified, raw.clone()),
            None => (Change::Added, new_set()),
        };
        for field in fields {
            let (name, value) = field.split_once('=').expect("a field is name=value");
            if name == "revision" {
                raw["status"]["currentRevision"] = json!(value);
                raw["status"]["updateRevision"] = json!(value);
                continue;
            }
            let value: i64 = value.parse().expect("a field's value is a number");
            match name {
                "generation" => raw["metadata"]["generation"] = json!(value),
                "replicas" => raw["spec"]["replicas"] = json!(value),
                "observed" => raw["status"]["observedGeneration"] = json!(value),
                "pods" => raw["status"]["replicas"] = json!(value),
                counter => raw["status"][format!("{counter}Replicas")] = json!(value),
            }
        }
        self.object(Resource::StatefulSets, change, raw);
    }

    fn slice(&mut self, endpoints: &[&str]) {
        let name = "nginx-abcde";
        let known = self.objects.contains_key(&(Resource::EndpointSlices, name.to_owned()));
        let endpoint = |text: &&str| {
            let (pod, address) = text.split_once('=').expect("an endpoint is pod=address");
            let ready = !address.ends_with('!');
            let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].clone();
            json!({
                "addresses": [address.trim_end_matches('!')], "hostname": pod,
                "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": pod, "namespace": NAMESPACE, "uid": uid},
            })
        };
        let raw = json!({
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": "uid-slice",
                "labels": {"kubernetes.io/service-name": SERVICE},
            },
            "addressType": "IPv4",
            "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "ports": [{"name": "web", "port": 80, "protocol": "TCP"}],
        });
        self.object(Resource::EndpointSlices, if known { Change::Modified } else { Change::Added }, raw);
    }

    fn endpoints(&mut self, addresses: &[&str]) {
        let known = self.objects.contains_key(&(Resource::Endpoints, SERVICE.to_owned()));
        let mut subset = json!({"addresses": [], "notReadyAddresses": []});
        for text in addresses {
            let (pod, address) = text.split_once('=').expect("an endpoint is pod=address");
            let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].clone();
            let place = if address.ends_with('!') { "notReadyAddresses" } else { "addresses" };
            subset[place].as_array_mut().expect("a list").push(json!({
                "ip": address.trim_end_matches('!'), "hostname": pod,
                "targetRef": {"kind": "Pod", "name": pod, "namespace": NAMESPACE, "uid": uid},
            }));
        }
        let raw = json!({"metadata": {"name": SERVICE, "namespace": NAMESPACE, "uid": "uid-endpoints"}, "subsets": [subset]});
        self.object(Resource::Endpoints, if known { Change::Modified } else { Change::Added }, raw);
    }

    fn dns(&mut self, asked: &str, kind: &str, name: &str, answer: &[&str]) {
        let service = format!("{SERVICE}.{NAMESPACE}.svc.{ZONE}.");
        let name = match name {
            absolute if absolute.ends_with('.') => absolute.to_owned(),
            SERVICE => service,
            relative => format!("{relative}.{service}"),
        };
        let record = |data: &str| DnsRecord {
            name: name.clone(),
            record_type: kind.to_owned(),
            ttl_secs: 30,
            data: data.replace('_', " "),
        };
        let answered = |code: &str, records: Vec<DnsRecord>| DnsOutcome::Answer {
            code: code.to_owned(),
            authoritative: Some(true),
            records,
        };
        let outcome = match answer {
            ["nxdomain"] => answered("NXDOMAIN", Vec::new()),
            ["nothing"] => answered("NOERROR", Vec::new()),
            ["servfail"] => answered("SERVFAIL", Vec::new()),
            ["no-answer"] => DnsOutcome::NoAnswer { reason: "timed out".to_owned() },
            data => answered("NOERROR", data.iter().map(|data| record(data)).collect()),
        };
        let (vantage, transport) = match asked.strip_prefix('@') {
            Some(node) => {
                (Vantage::Node { node: node.to_owned(), nameserver: "10.96.0.10".to_owned() }, Transport::Udp)
            }
            None => (Vantage::Backend { pod: asked.to_owned() }, Transport::Tcp),
        };
        let seen = DnsSeen { vantage, transport, name: name.clone(), record_type: kind.to_owned(), outcome };
        self.see(Observer::Probe, Observation::Dns(seen.into()));
    }

    fn exec(&mut self, pod: &str, what: &str, output: &str) -> bool {
        let purpose = match what {
            "hostname" => Purpose::Hostname,
            "init-hostname" => Purpose::InitHostname,
            "fqdn" => Purpose::Fqdn,
            "addresses" => Purpose::OwnAddresses,
            "hosts" => Purpose::HostsFile,
            "resolv" => Purpose::ResolverConfig,
            "open-gate" => Purpose::OpenGate,
            _ => return false,
        };
        self.run(pod, purpose, output);
        true
    }

    /// Records a command in a pod; the output `fails` stands for a stream that broke, `\n` for a new line.
    pub fn run(&mut self, pod: &str, purpose: Purpose, output: &str) -> u64 {
        let uid =
            self.objects.get(&(Resource::Pods, pod.to_owned())).map(|raw| raw["metadata"]["uid"].clone());
        let outcome = match output {
            "fails" => ExecOutcome::Failed { reason: "the stream broke".to_owned() },
            text => ExecOutcome::Ended {
                exit_code: 0,
                stdout: text.replace("\\n", "\n") + "\n",
                stderr: String::new(),
            },
        };
        let pod_uid = uid.and_then(|uid| uid.as_str().map(str::to_owned)).unwrap_or_default();
        let exec =
            ExecSeen { pod: pod.to_owned(), pod_uid, purpose, command: vec!["noted".to_owned()], outcome };
        self.see(Observer::Probe, Observation::Exec(exec.into()))
    }

    fn token(&mut self, pod: &str, place: &str, token: &str) {
        self.run(
            pod,
            Purpose::WriteToken { place: place_of(place), token: token.to_owned() },
            &format!("checksum-of-{pod}-{token}"),
        );
    }

    fn tokens(&mut self, pod: &str, place: &str, found: &str) {
        let lines: Vec<String> = found
            .split(',')
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| {
                if line == "fails" {
                    line.to_owned()
                } else {
                    format!("{line} checksum-of-{}", line.replace(' ', "-"))
                }
            })
            .collect();
        self.run(pod, Purpose::ReadTokens { place: place_of(place) }, &lines.join("\n"));
    }

    fn read(&mut self, path: &str, code: &str) {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/{path}");
        let code = code.parse().expect("an HTTP status");
        self.see(Observer::Reader, Observation::Read(ReadSeen { path, code, body: Value::Null }));
    }

    fn connect(&mut self, pod: &str, answer: &[&str]) {
        let host = format!("{pod}.{SERVICE}.{NAMESPACE}.svc.{ZONE}");
        let answer = match answer {
            [name, "UID"] => {
                let uid =
                    self.present(Resource::Pods, name)["metadata"]["uid"].as_str().expect("a uid").to_owned();
                format!("{name} {uid}")
            }
            other => other.join(" "),
        };
        self.run("probe-node-0", Purpose::Connect { host }, &answer);
    }
}

fn new_set() -> Value {
    json!({
        "metadata": {"name": SET, "namespace": NAMESPACE, "uid": SET_UID, "generation": 1},
        "spec": {"replicas": 0, "serviceName": SERVICE, "selector": {"matchLabels": {"app": "nginx"}}},
        "status": {},
    })
}

fn place_of(word: &str) -> Place {
    match word {
        "volume" => Place::Volume,
        "container" => Place::Container,
        other => panic!("a token is on the volume or in the container, not `{other}`"),
    }
}

fn change_pod(pod: &mut Value, name: &str, what: &str, rest: &[&str]) -> bool {
    let ready = |pod: &mut Value, status: &str| {
        pod["status"]["phase"] = json!("Running");
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": status}]);
    };
    match (what, rest) {
        ("scheduled", []) => pod["spec"]["nodeName"] = json!("node-0"),
        ("running" | "unready", []) => ready(pod, "False"),
        ("ready", []) => {
            if pod["status"]["podIPs"].is_null() {
                let last = 10 + name.bytes().last().unwrap_or(b'0') - b'0';
                pod["status"]["podIPs"] = json!([{"ip": format!("10.0.0.{last}")}]);
            }
            ready(pod, "True");
        }
        ("terminating", []) => pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        ("failed", []) => pod["status"]["phase"] = json!("Failed"),
        ("address", [address]) => pod["status"]["podIPs"] = json!([{"ip": address}]),
        ("container", [id, restarts @ ..]) => {
            let restarts: i64 = restarts.first().map_or(0, |r| r.parse().expect("a number of restarts"));
            let started = format!("2026-01-01T00:00:{restarts:02}Z");
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "containerID": id, "restartCount": restarts,
                "state": {"running": {"startedAt": started}},
            }]);
        }
        ("label", [label]) => {
            let (key, value) = label.split_once('=').expect("a label is key=value");
            pod["metadata"]["labels"][key] = json!(value);
        }
        ("unlabel", [key]) => {
            pod["metadata"]["labels"].as_object_mut().expect("labels").remove(*key);
        }
        _ => return false,
    }
    true
}

/// The history that these statements tell.
pub fn history(statements: &str) -> History {
    Notes::new().say(statements).history()
}

/// What a check says about a history.
pub fn judge(check: &Check, history: &History) -> Findings {
    let mut findings = Findings::of(&history.scenario);
    (check.judge)(history, &mut findings);
    findings
}

/// The check finds these statements held exactly that often, and nothing broken or blind.
pub fn assert_held(check: &Check, statements: &str, times: u64) {
    let findings = judge(check, &history(statements));
    let others: Vec<_> = findings.findings.iter().filter(|finding| finding.kind != Kind::Held).collect();
    assert!(others.is_empty(), "expected nothing but held, found {others:#?}");
    assert_eq!(findings.held, times, "held: {:#?}", findings.findings);
}

/// The check finds these statements broken, says so with these words, and names events that prove it.
pub fn assert_broken(check: &Check, statements: &str, words: &str) {
    assert_says(check, statements, Kind::Broken, words);
}

/// The check cannot tell from these statements, says so with these words, and finds nothing broken.
pub fn assert_blind(check: &Check, statements: &str, words: &str) {
    let findings = assert_says(check, statements, Kind::Blind, words);
    assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "broken: {:#?}", findings.findings);
}

fn assert_says(check: &Check, statements: &str, kind: Kind, words: &str) -> Findings {
    let findings = judge(check, &history(statements));
    let said = findings.of_kind(kind).find(|finding| finding.what.contains(words));
    let said = said.unwrap_or_else(|| panic!("no {kind:?} finding says `{words}`: {:#?}", findings.findings));
    assert!(!said.events.is_empty(), "`{}` names no event", said.what);
    findings
}

/// The check says nothing at all about these statements, which makes its requirement inconclusive.
pub fn assert_silent(check: &Check, statements: &str) {
    let findings = judge(check, &history(statements));
    assert!(findings.findings.is_empty(), "expected silence, found {:#?}", findings.findings);
}
