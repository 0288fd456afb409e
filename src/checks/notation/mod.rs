//! A notation for hand-written histories that a reader can draw: `"web-0 created; web-0 ready; web-1 created"`.
//!
//! Statements are separated by `;` and lie a tenth of a second apart. What they can say:
//!
//! | statement | meaning |
//! | --- | --- |
//! | `web-0 created` · `listed [ready]` | ADDED (a new uid each time) · found after a gap, and changed so |
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
//! | `delete web-0` · `delete all` · `scale 3` · `again` · `answered 200` | the driver's requests, the last one sent again, its answer |
//! | `waited pods-ready web-0 web-1` · `timed-out status-settled 2` | waits: also `pods-running`, `pods-unready`, `pods-gone`, `pod-ready x`, `claim-bound x`, `endpoints-settled`, `dns-settled`; a number stands for the pod of that ordinal |
//! | `quiet x` · `quiet-over x` · `completed` · `aborted` | steps; `completed` comes after a list of all that was watched |
//! | `gap pods` · `error pods` · `opened pods` · `bookmark pods` · `list pods` | what a watch says of itself; a list of what exists |
//! | `web-0 unlisted` · `web-0 listed-again [terminating]` | not found by the list after a gap · found with the uid that it had, and changed so |
//! | `in other` · `in ns` | what follows is in that namespace |
//! | `wait 5s` · `wait 300ms` | the clock goes on |
//!
//! What it cannot say is added with [`Notes::object`], [`Notes::requested`], [`Notes::see`] and [`Notes::step`].

mod asserts;
mod dns;
mod objects;
mod steps;
pub mod variants;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::history::{
    Change, Endpoint, Event, History, ObjectSeen, Observation, Observer, Requested, Resource, Span, Started,
    Step, Verb, Watch,
};

pub use asserts::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

/// The namespace of every noted history.
pub const NAMESPACE: &str = "ns";
/// The DNS zone of every noted history.
pub const ZONE: &str = "cluster.local";
/// The name of the StatefulSet in noted histories.
pub const SET: &str = "web";
/// The name of the headless Service in noted histories.
pub const SERVICE: &str = "nginx";
/// The name of the volume claim template in noted histories.
pub const CLAIM_TEMPLATE: &str = "www";
/// The uid of the StatefulSet in every noted history.
pub const SET_UID: &str = "uid-set";

/// Builds a history statement by statement.
#[derive(Debug, Clone)]
pub struct Notes {
    history: History,
    clock_us: u64,
    revision: u64,
    /// What exists, by resource, namespace and name.
    objects: BTreeMap<Key, Value>,
    /// When each watch last delivered something.
    delivered_us: BTreeMap<Watch, u64>,
    births: u64,
    /// The number of the namespace in which things happen now.
    namespace: u8,
}

type Key = (Resource, u8, String);

impl Default for Notes {
    fn default() -> Self {
        let mut notes = Self {
            history: History::new("noted", Vec::new()),
            clock_us: 0,
            revision: 100,
            objects: BTreeMap::new(),
            delivered_us: BTreeMap::new(),
            births: 0,
            namespace: 0,
        };
        notes.step(Step::Started(started().into()));
        notes.open_watches();
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
        ..Started::default()
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
    ///
    /// What a watch delivers can have happened at any time since its last delivery.
    pub fn see(&mut self, observer: Observer, seen: Observation) -> u64 {
        let before_us = self.clock_us;
        self.clock_us += 100_000;
        let seq = self.history.events.len() as u64;
        let from_us = match observer {
            Observer::Driver => self.clock_us,
            Observer::Watch(watch) => self.delivered_us.get(&watch).copied().unwrap_or(before_us),
            Observer::Reader | Observer::Probe => before_us,
        };
        if let (Observer::Watch(watch), true) = (observer, is_delivery(&seen)) {
            self.delivered_us.insert(watch, self.clock_us);
        }
        let span = Span { from_us, until_us: self.clock_us };
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
        self.object_as_it_is(resource, change, raw)
    }

    /// Records a version of any object with the resourceVersion that it has.
    pub fn object_as_it_is(&mut self, resource: Resource, change: Change, raw: Value) -> u64 {
        let name = raw["metadata"]["name"].as_str().expect("an object has a name").to_owned();
        let key = (resource, self.namespace, name);
        if change.is_removal() {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key, raw.clone());
        }
        let watch = Watch { resource, namespace: self.namespace };
        self.see(Observer::Watch(watch), Observation::Object(ObjectSeen::new(change, resource, raw)))
    }

    /// Lets an object cease to exist without a word of its watch.
    pub fn forget(&mut self, resource: Resource, name: &str) {
        self.objects.remove(&(resource, self.namespace, name.to_owned()));
    }

    /// Records a list that has already what the next statement will let the watch deliver.
    pub fn list_ahead(&mut self, resource: Resource, next: &str) {
        let ahead = self.clone().say(next);
        let now = std::mem::replace(&mut self.objects, ahead.objects);
        self.list(resource);
        self.objects = now;
    }

    /// The present version of an object.
    pub fn present(&self, resource: Resource, name: &str) -> Value {
        let known = self.find(resource, name);
        known.unwrap_or_else(|| panic!("{} {name} does not exist here", resource.plural())).clone()
    }

    fn find(&self, resource: Resource, name: &str) -> Option<&Value> {
        self.objects.get(&(resource, self.namespace, name.to_owned()))
    }

    /// The next version of an object, changed by `change`.
    pub fn modify(&mut self, resource: Resource, name: &str, change: impl FnOnce(&mut Value)) -> u64 {
        let mut raw = self.present(resource, name);
        change(&mut raw);
        self.object(resource, Change::Modified, raw)
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
        let request = Requested::new(verb, resource.plural(), name.map(str::to_owned), body);
        self.requested(Requested { uid, ..request });
    }

    /// Records a request of the driver, in the namespace in which things happen now unless it names one.
    pub fn requested(&mut self, request: Requested) -> u64 {
        let namespace = request.namespace.clone().or_else(|| Some(self.namespace_name()));
        self.step(Step::Requested(Requested { namespace, ..request }.into()))
    }

    fn namespace_name(&self) -> String {
        let started = self.history.started();
        match self.namespace {
            0 => started.namespace.clone(),
            other => started.other_namespaces[usize::from(other) - 1].clone(),
        }
    }

    fn open_watches(&mut self) {
        for resource in Resource::ALL {
            let watch = Watch { resource: *resource, namespace: self.namespace };
            let opened = Observation::WatchOpened { resource: *resource, revision: "100".to_owned() };
            self.see(Observer::Watch(watch), opened);
            self.delivered_us.insert(watch, self.clock_us);
        }
    }

    /// The uid of a pod that exists; empty for one that does not.
    fn uid_of(&self, pod: &str) -> String {
        let pod = self.find(Resource::Pods, pod);
        pod.and_then(|pod| pod["metadata"]["uid"].as_str()).unwrap_or_default().to_owned()
    }
}

fn is_delivery(seen: &Observation) -> bool {
    matches!(seen, Observation::Object(_) | Observation::Bookmark { .. })
}
