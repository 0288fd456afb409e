//! The StatefulSets of a record: what each is called, what its spec says, and how many replicas were asked for when.
//!
//! All of it comes from the record: from the stored StatefulSet, from the request that applied it where the stored one was
//! not seen, and from the pods' owner references where neither was.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::Value;

use super::{Pods, View, claims::Claims, ordinals::Ordinals};
use crate::history::{Change, Event, History, Json, ObjectSeen, Requested, Resource, Seen, Verb, Watch};

/// One StatefulSet, by its namespace and name; its incarnations (uids) together.
#[derive(Debug)]
pub struct Set<'h> {
    history: &'h History,
    /// Its namespace.
    pub namespace: &'h str,
    /// Its name.
    pub name: &'h str,
    /// Every version that the watch delivered.
    versions: Vec<Seen<'h, ObjectSeen>>,
    /// The driver's requests that made or changed it, in order.
    requests: Vec<Seen<'h, Requested>>,
    asked: OnceLock<Vec<Asked<'h>>>,
    pods: OnceLock<Pods<'h>>,
    claims: OnceLock<Claims<'h>>,
    ordinals: OnceLock<Ordinals<'h>>,
    slowest_creation_us: OnceLock<u64>,
}

/// How many replicas are asked for from an event on.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'h> {
    /// The request, or the stored version where no request says it.
    pub event: &'h Event,
    /// How many.
    pub replicas: u32,
}

impl<'h> Set<'h> {
    /// The history that it is of.
    pub fn history(&self) -> &'h History {
        self.history
    }

    /// Every version that the watch delivered, in order.
    pub fn versions(&self) -> &[Seen<'h, ObjectSeen>] {
        &self.versions
    }

    /// Its versions after one event, up to and with another.
    pub fn versions_between(&self, after: &Event, until: &Event) -> &[Seen<'h, ObjectSeen>] {
        let begin = self.versions.partition_point(|v| v.event.seq <= after.seq);
        let end = self.versions.partition_point(|v| v.event.seq <= until.seq);
        &self.versions[begin..end.max(begin)]
    }

    /// The newest version that had been delivered before an event.
    pub fn at(&self, event: &Event) -> Option<Seen<'h, ObjectSeen>> {
        let known = self.versions.partition_point(|v| v.event.seq <= event.seq);
        self.versions[..known].last().copied().filter(|version| !version.change.is_removal())
    }

    /// The uids of its incarnations, in the order in which they appear.
    pub fn uids(&self) -> Vec<&'h str> {
        let mut uids: Vec<&str> = self.versions.iter().map(|version| version.what.uid.as_str()).collect();
        uids.dedup();
        uids
    }

    /// The driver's requests for the set itself, in order: what applied, patched, scaled and deleted it.
    pub fn requests(&self) -> &[Seen<'h, Requested>] {
        &self.requests
    }

    /// The watch that delivers it.
    pub fn watch(&self) -> Watch {
        self.history.watch_in(Resource::StatefulSets, self.namespace)
    }

    /// The watch of a resource in its namespace.
    pub fn watch_of(&self, resource: Resource) -> Watch {
        self.history.watch_in(resource, self.namespace)
    }

    /// Its pods.
    pub fn pods(&self) -> &Pods<'h> {
        let of = || Pods::of(self.history, self.watch_of(Resource::Pods), self.name, &self.selector());
        self.pods.get_or_init(of)
    }

    /// The claims of its namespace, and what its templates call them.
    pub fn claims(&self) -> &Claims<'h> {
        self.claims.get_or_init(|| Claims::of(self))
    }

    pub(super) fn ordinals(&self) -> &Ordinals<'h> {
        self.ordinals.get_or_init(|| Ordinals::of(self))
    }

    /// What is found out once about how slow its controller is.
    pub(super) fn slowest_creation_us(&self, find: impl FnOnce() -> u64) -> u64 {
        *self.slowest_creation_us.get_or_init(find)
    }

    /// The value at a pointer into the spec: of the first stored version that has one, or of the request that applied it.
    pub fn spec(&self, pointer: &str) -> Option<Value> {
        let stored = self.versions.iter().find_map(|set| set.what.at(&format!("/spec{pointer}")));
        let stored = stored.filter(|value| !value.is_null()).map(Value::from);
        stored.or_else(|| {
            let applied = self
                .requests
                .iter()
                .find_map(|request| request.what.body.pointer(&format!("/spec{pointer}")));
            applied.filter(|value| !value.is_null()).cloned()
        })
    }

    /// The governing Service's name; that of the pods' subdomain where the set itself was not seen.
    pub fn service(&self) -> Option<String> {
        let said = self.spec("/serviceName").and_then(|name| Some(name.as_str()?.to_owned()));
        let subdomain = || {
            let mut pods = self.pods().iter();
            Some(pods.find_map(|life| life.versions[0].what.text("/spec/subdomain"))?.to_owned())
        };
        said.or_else(subdomain).filter(|name| !name.is_empty())
    }

    /// The governing Service of each incarnation that was stored, by its uid.
    pub fn services(&self) -> BTreeMap<&'h str, &'h str> {
        let service = |set: &Seen<'h, ObjectSeen>| set.what.text("/spec/serviceName").unwrap_or_default();
        self.versions.iter().map(|set| (set.what.uid.as_str(), service(set))).collect()
    }

    /// Whether its pods are created and deleted without waiting for one another.
    pub fn is_parallel(&self) -> bool {
        self.spec("/podManagementPolicy").is_some_and(|policy| policy == "Parallel")
    }

    /// The names of its volume claim templates.
    pub fn claim_templates(&self) -> Vec<String> {
        let templates = self.spec("/volumeClaimTemplates");
        let templates = templates.as_ref().and_then(Value::as_array).into_iter().flatten();
        templates.filter_map(|template| Some(template["metadata"]["name"].as_str()?.to_owned())).collect()
    }

    /// The first version that has volume claim templates.
    pub fn with_templates(&self) -> Option<Seen<'h, ObjectSeen>> {
        self.versions.iter().copied().find(|set| !set.list("/spec/volumeClaimTemplates").is_empty())
    }

    /// The labels that it selects by, as far as they are plain labels.
    pub fn selector(&self) -> Vec<(String, String)> {
        let labels = self.spec("/selector/matchLabels");
        let labels = labels.as_ref().and_then(Value::as_object).into_iter().flatten();
        labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// The labels of its pod template; those that it selects by, where its template was not seen.
    pub fn template_labels(&self) -> Vec<(String, String)> {
        let labels = self.spec("/template/metadata/labels");
        let labels = labels.as_ref().and_then(Value::as_object);
        let pairs = |labels: &serde_json::Map<String, Value>| {
            labels.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        labels.map_or_else(|| self.selector(), pairs)
    }

    /// How many replicas were asked for, in order. A request counts from the moment at which it was sent.
    pub fn asked(&self) -> &[Asked<'h>] {
        self.asked.get_or_init(|| self.find_asked())
    }

    fn find_asked(&self) -> Vec<Asked<'h>> {
        let requested = self.requests.iter().filter_map(|request| {
            let is_new = matches!(request.what.verb, Verb::Apply | Verb::Create);
            let said = request.what.replicas().or((is_new && !self.is_kept_by(request.what)).then_some(1))?;
            Some(Asked { event: request.event, replicas: u32::try_from(said).ok()? })
        });
        let requested: Vec<Asked<'_>> = requested.collect();
        let first = requested.first().map_or(u64::MAX, |first| first.event.seq);
        let stored = self.versions.iter().take_while(|set| set.event.seq < first).filter_map(|set| {
            let replicas = u32::try_from(set.what.number("/spec/replicas")?).ok()?;
            Some(Asked { event: set.event, replicas })
        });
        let mut asked: Vec<Asked<'_>> = stored.collect();
        asked.extend(requested);
        asked.dedup_by_key(|asked| asked.replicas);
        asked
    }

    /// Whether a body that leaves the replicas out leaves them as they are: the set was there already.
    fn is_kept_by(&self, request: &Requested) -> bool {
        self.requests.first().is_some_and(|first| !std::ptr::eq(first.what, request))
    }

    /// What was asked for last before an event.
    pub fn asked_at(&self, event: &Event) -> Option<Asked<'h>> {
        let known = self.asked().partition_point(|asked| asked.event.seq <= event.seq);
        self.asked()[..known].last().copied()
    }

    /// The names of the pods that it should have after an event, as far as that was asked for.
    pub fn wanted_at(&self, event: &Event) -> Vec<String> {
        let start = self.start_at(event);
        let replicas = self.asked_at(event).map_or(0, |asked| asked.replicas);
        (start..start.saturating_add(replicas)).map(|ordinal| format!("{}-{ordinal}", self.name)).collect()
    }

    /// When it came to be, as its watch told; the request that applied it where the watch did not.
    pub fn made(&self) -> Option<&'h Event> {
        let stored = self.versions.first().map(|version| version.event);
        stored.or(self.requests.first().map(|request| request.event))
    }

    /// How evidence and messages name something of the set: with its namespace where that is not the scenario's own.
    pub fn key(&self, name: &str) -> String {
        if self.namespace == self.history.started().namespace {
            name.to_owned()
        } else {
            format!("{}/{name}", self.namespace)
        }
    }
}

impl<'h> Set<'h> {
    /// The name of the pod of the set that such a key is for (see [`Set::key`]), if it is for one.
    pub fn names<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (namespace, name) = match key.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (self.history.started().namespace.as_str(), key),
        };
        let is_own = namespace == self.namespace && crate::history::pod::ordinal(self.name, name).is_some();
        is_own.then_some(name)
    }
}

/// The sets of a record, in the order in which they appear.
pub(super) fn sets<'h>(view: &View<'h>) -> Vec<Set<'h>> {
    let history = view.history();
    let mut known: Vec<(u64, &str, &str)> = Vec::new();
    let mut add = |seq: u64, namespace: &'h str, name: &'h str| match known
        .iter_mut()
        .find(|(_, of, called)| (*of, *called) == (namespace, name))
    {
        Some((first, ..)) => *first = seq.min(*first),
        None => known.push((seq, namespace, name)),
    };
    let own = history.started().namespace.as_str();
    for request in history.requests().filter(|request| is_made(request.what)) {
        let Some(name) = request.what.name.as_deref() else { continue };
        add(request.event.seq, request.what.namespace.as_deref().unwrap_or(own), name);
    }
    for watch in history.watches_of(Resource::StatefulSets) {
        for set in history.objects(watch) {
            add(set.event.seq, namespace_of(history, watch), &set.what.name);
        }
    }
    for watch in history.watches_of(Resource::Pods) {
        for pod in history.objects(watch).filter(|pod| pod.change != Change::Modified) {
            if let Some(set) = pod.what.controller().filter(|owner| super::pods::is_stateful_set(owner)) {
                add(pod.event.seq, namespace_of(history, watch), set["name"].as_str().unwrap_or_default());
            }
        }
    }
    known.sort_by_key(|(first, ..)| *first);
    known.into_iter().map(|(_, namespace, name)| set(view, namespace, name)).collect()
}

/// Whether a request makes a StatefulSet. A dry run makes none.
fn is_made(request: &Requested) -> bool {
    request.is_of(Resource::StatefulSets)
        && matches!(request.verb, Verb::Apply | Verb::Create)
        && !request.dry_run
}

/// The name of a watch's namespace.
pub(super) fn namespace_of(history: &History, watch: Watch) -> &str {
    let started = history.started();
    match watch.namespace {
        0 => &started.namespace,
        other => started.other_namespaces.get(usize::from(other) - 1).map_or("", String::as_str),
    }
}

fn set<'h>(view: &View<'h>, namespace: &'h str, name: &'h str) -> Set<'h> {
    let history = view.history();
    let watch = history.watch_in(Resource::StatefulSets, namespace);
    let own = history.started().namespace.as_str();
    let is_of_it = |request: &Requested| {
        request.resource == Resource::StatefulSets.plural()
            && request.name.as_deref() == Some(name)
            && request.namespace.as_deref().unwrap_or(own) == namespace
            && !request.dry_run
    };
    let doings = view.doings().iter().filter_map(super::Doing::request);
    Set {
        history,
        namespace,
        name,
        versions: history.objects(watch).filter(|set| set.what.name == name).collect(),
        requests: doings.filter(|request| is_of_it(request.what)).collect(),
        asked: OnceLock::new(),
        pods: OnceLock::new(),
        claims: OnceLock::new(),
        ordinals: OnceLock::new(),
        slowest_creation_us: OnceLock::new(),
    }
}

/// A counter of the status. One that is 0 may be left out.
pub fn counter(set: &ObjectSeen, name: &str) -> i64 {
    set.number(&format!("/status/{name}")).unwrap_or(0)
}

/// How long a pod must have been ready before an ordered set goes on (spec.minReadySeconds), in microseconds, as the newest
/// version before an event has it.
pub(super) fn min_ready_us(set: &Set<'_>, event: &Event) -> u64 {
    let secs = set.at(event).and_then(|set| set.what.number("/spec/minReadySeconds"));
    secs.and_then(|secs| u64::try_from(secs).ok()).unwrap_or(0).saturating_mul(1_000_000)
}

/// The members of an object's map of labels at a pointer.
pub fn labels<'h>(object: &'h ObjectSeen, pointer: &str) -> Vec<(&'h str, &'h str)> {
    let labels = object.at(pointer).into_iter().flat_map(Json::members);
    labels.filter_map(|(key, value)| Some((key, value.as_str()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::notation::{Notes, history};

    #[test]
    fn a_set_is_known_by_its_pods_where_it_was_not_seen_itself() {
        let history = history("web-0 created; web-0 ready");
        let view = View::of(&history);
        let [set] = view.sets() else { panic!("one set") };
        assert_eq!((set.name, set.service().as_deref(), set.pods().len()), ("web", Some("nginx"), 1));
        assert!(!set.is_parallel() && set.asked().is_empty() && set.made().is_none());
    }

    #[test]
    fn what_the_spec_says_is_read_from_what_the_server_stored() {
        let mut notes = Notes::new();
        notes.object(
            Resource::StatefulSets,
            Change::Added,
            json!({"metadata": {"name": "db", "namespace": "ns", "uid": "d"}, "spec": {
                "serviceName": "peers", "podManagementPolicy": "Parallel", "replicas": 2, "ordinals": {"start": 5},
                "selector": {"matchLabels": {"app": "db"}},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "log"}}],
            }}),
        );
        let history = notes.history();
        let view = View::of(&history);
        let [set] = view.sets() else { panic!("one set") };
        assert!(set.is_parallel());
        assert_eq!(set.service().as_deref(), Some("peers"));
        assert_eq!(set.services(), [("d", "peers")].into());
        assert_eq!(set.claim_templates(), ["data", "log"]);
        assert_eq!(set.selector(), [("app".to_owned(), "db".to_owned())]);
        assert_eq!(set.wanted_at(history.last()), ["db-5", "db-6"]);
    }

    #[test]
    fn keys_of_pods_are_read_back() {
        let history = history("web-0 created; in other; web-0 created");
        let view = View::of(&history);
        let [own, other] = view.sets() else { panic!("two sets") };
        assert_eq!(
            (own.names("web-0"), own.names("other/web-0"), own.names("db-0")),
            (Some("web-0"), None, None)
        );
        assert_eq!((other.names("web-0"), other.names(&other.key("web-0"))), (None, Some("web-0")));
    }

    #[test]
    fn replicas_are_those_that_were_asked_for_last() {
        let history = history("set replicas=3; scale 1; web-0 created; scale 1; scale 2; web-1 created");
        let view = View::of(&history);
        let set = &view.sets()[0];
        let asked: Vec<u32> = set.asked().iter().map(|asked| asked.replicas).collect();
        assert_eq!(asked, [3, 1, 2]);
        assert_eq!(set.wanted_at(history.last()), ["web-0", "web-1"]);
    }

    #[test]
    fn a_dry_run_makes_no_set() {
        let mut notes = Notes::new();
        let sts = Resource::StatefulSets.plural();
        let request = Requested::new(Verb::Create, sts, Some("other".to_owned()), json!({}));
        notes.requested(Requested { dry_run: true, ..request });
        let history = notes.history();
        assert!(View::of(&history).sets().is_empty());
    }
}
