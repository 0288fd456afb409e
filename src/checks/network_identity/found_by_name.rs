//! Of `identity-labels`: a Service that selects by the label with a pod's name lists that pod in each of its incarnations,
//! and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{Cause, Findings},
    history::{Event, ObjectSeen, Phase, Resource, Seen, minor_version},
    limits,
    views::{
        Dimension, PodLife, Set, View, absence,
        edits::Edits,
        endpoints::{ListVersion, Listed, versions},
        hosts,
        name_services::{NameService, name_services},
        order,
    },
};

/// The Service lists each incarnation of the pod, and nothing else.
const SERVICE: &str = "service";
/// The minor version of Kubernetes from which on a Service has EndpointSlices.
const SLICES_SINCE: u32 = 17;

pub(super) fn judge<'h>(view: &View<'h>, set: &Set<'h>, edits: &Edits<'h>, findings: &mut Findings) {
    let is_old = minor_version(&view.started().server_version).is_some_and(|minor| minor < SLICES_SINCE);
    let resource = if is_old { Resource::Endpoints } else { Resource::EndpointSlices };
    for service in name_services(set) {
        let lists = versions(view.history(), set.watch_of(resource), service.name);
        Found { view, set, edits, service, resource, lists }.judge(findings);
    }
}

struct Found<'p, 'h> {
    view: &'p View<'h>,
    set: &'p Set<'h>,
    edits: &'p Edits<'h>,
    service: NameService<'h>,
    resource: Resource,
    /// What the Service listed over time.
    lists: Vec<ListVersion<'h>>,
}

impl<'h> Found<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let mut found: BTreeMap<&str, &Event> = BTreeMap::new();
        let mut judged = BTreeSet::new();
        for list in &self.lists {
            for endpoint in &list.listed {
                if judged.insert((endpoint.uid, endpoint.pod, &endpoint.addresses)) {
                    self.is_the_pod(endpoint, list.event, findings);
                }
                if endpoint.ready {
                    found.entry(endpoint.uid).or_insert(list.event);
                }
            }
        }
        for (key, life) in self.service.selected(self.set) {
            self.was_found(&key, life, found.get(life.uid).copied(), findings);
        }
    }

    /// An endpoint is the pod, by its uid and its addresses. What is right is said of an incarnation, once it is found.
    fn is_the_pod(&self, endpoint: &Listed<'h>, seen: &'h Event, findings: &mut Findings) {
        let (service, pod) = (self.set.key(self.service.name), self.set.key(self.service.pod));
        let addresses: Vec<&str> = endpoint.addresses.iter().copied().collect();
        let what = format!("the Service {service} lists {} {}", endpoint.pod, addresses.join(", "));
        let say = findings.on(SERVICE);
        if endpoint.pod != self.service.pod {
            let relabelled = self.edits.wrote(endpoint.pod, seen);
            return match relabelled {
                true => {
                    say.blind(Cause::Surroundings, format!("{what}, which the scenario changed"), &[seen])
                }
                false => say.broken(format!("{what}, which is not {pod}"), &[seen]),
            };
        }
        let Some(life) = self.set.pods().with_uid(endpoint.uid) else {
            let what = format!("{what} with the uid {}, which is no incarnation of {pod}", endpoint.uid);
            return match absence::unsure(self.view, self.set.pods().watch(), seen) {
                Some(unsure) => say.blind(Cause::Gap, what, &[unsure.event(), seen]),
                None => say.broken(what, &[seen]),
            };
        };
        let own = life.addresses();
        if hosts::are_own(&endpoint.addresses, &own) {
            return;
        }
        let what = format!("{what}, and the addresses of {pod} were {}", own.join(", "));
        let gap = self.set.pods().hidden_version(life);
        let late = || absence::unsure(self.view, self.set.pods().watch(), seen).map(|unsure| unsure.event());
        match gap.or_else(late) {
            Some(hides) => say.blind(Cause::Gap, what, &[hides, seen]),
            None => say.broken(what, &[seen]),
        }
    }

    /// An incarnation that was ready was listed as ready.
    fn was_found(&self, key: &str, life: &PodLife<'h>, found: Option<&'h Event>, findings: &mut Findings) {
        let Some(ready) = life.first_ready() else { return };
        let (service, pod) = (self.set.key(self.service.name), self.set.key(life.name));
        let say = findings.on(SERVICE).of(Dimension::Selected, self.set.key(key));
        if let Some(event) = found {
            let what = format!("the Service {service} lists {pod} ({})", life.uid);
            return say.held(what, &[ready, event]);
        }
        let (waited_us, until) = self.stretch(life);
        let secs = waited_us as f64 / 1e6;
        let what = format!(
            "the Service {service} did not list {pod} ({}) in the {secs:.1} s in which it was ready",
            life.uid
        );
        let mut watches = [self.resource, Resource::Services, Resource::Pods].into_iter();
        let gap = |resource| self.view.gap_in(resource, self.set.namespace, ready, until);
        if let Some(gap) = watches.find_map(gap) {
            return say.blind(Cause::Gap, what, &[gap.shown_by, ready]);
        }
        let slack_us = order::slack_us(self.view.history(), ready);
        if waited_us > limits::ENDPOINTS_SETTLED.wait_us() + slack_us {
            say.broken(what, &[ready, until]);
        } else {
            say.blind(Cause::ControllerLag, what, &[ready, until]);
        }
    }

    /// The longest time in which the pod was ready without a break and the Service was there, with the event that ended it.
    fn stretch(&self, life: &PodLife<'h>) -> (u64, &'h Event) {
        let ended = self.service.removed.unwrap_or(self.view.history().ended());
        let end = life.gone().filter(|gone| gone.comes_before(ended)).unwrap_or(ended);
        let is_ready = |v: &Seen<'h, ObjectSeen>| !v.change.is_removal() && Phase::of(v.what) == Phase::Ready;
        let turns = life.between(None, ended).iter().map(|version| (version.event, is_ready(version)));
        let (mut all, mut since) = (Vec::new(), None);
        for (event, ready) in turns.chain([(end, false)]) {
            let from_us = event.span.until_us.max(self.service.made.span.until_us);
            match since.filter(|_| !ready) {
                None => since = since.or(ready.then_some(from_us)),
                Some(since_us) => {
                    all.push((event.span.until_us.saturating_sub(since_us), event));
                    since = None;
                }
            }
        }
        all.into_iter().max_by_key(|(length_us, _)| *length_us).unwrap_or((0, end))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::identity_labels::CHECK;
    use super::SERVICE;
    use crate::{
        checks::{
            Finding, Findings, Kind,
            notation::{Notes, judge, started},
        },
        history::{Change, Observation, Resource, Started, Step, Verb},
    };

    fn with_service() -> Notes {
        let mut notes = Notes::new().say("set replicas=2");
        let owner = json!([{"kind": "StatefulSet", "name": "web", "controller": true}]);
        let revision = json!({"metadata": {"name": "web-1", "uid": "uid-rev", "ownerReferences": owner}});
        notes.object(Resource::ControllerRevisions, Change::Added, revision);
        let selector = json!({"statefulset.kubernetes.io/pod-name": "web-0"});
        let raw = json!({"metadata": {"name": "first", "uid": "uid-first"}, "spec": {"selector": selector}});
        notes.object(Resource::Services, Change::Added, raw);
        notes
    }

    fn lists(notes: &mut Notes, endpoints: Value) {
        let labels = json!({"kubernetes.io/service-name": "first"});
        let raw = json!({"metadata": {"name": "first-x", "labels": labels}, "endpoints": endpoints});
        notes.object(Resource::EndpointSlices, Change::Modified, raw);
    }

    fn endpoint(pod: &str, uid: &str, address: &str) -> Value {
        json!({"addresses": [address], "conditions": {"ready": true}, "targetRef": {"name": pod, "uid": uid}})
    }

    /// What is said of the Service.
    fn of_service(findings: &Findings, kind: Kind) -> Vec<&Finding> {
        findings.of_kind(kind).filter(|finding| finding.clause == SERVICE).collect()
    }

    fn said(notes: Notes, kind: Kind) -> String {
        let findings = judge(&CHECK, &notes.history());
        of_service(&findings, kind).iter().map(|finding| finding.what.as_str()).collect::<Vec<_>>().join("; ")
    }

    fn broken(notes: Notes) -> String {
        said(notes.say("completed"), Kind::Broken)
    }

    #[test]
    fn the_service_finds_each_incarnation_by_its_label() {
        let mut notes = with_service().say("web-0 created; web-0 ready");
        lists(&mut notes, json!([endpoint("web-0", "uid-1", "10.0.0.10")]));
        notes = notes.say("web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready");
        lists(&mut notes, json!([endpoint("web-0", "uid-2", "10.0.0.77")]));
        let findings = judge(&CHECK, &notes.say("completed").history());
        let evidence: Vec<&String> =
            findings.evidence.iter().filter(|e| e.clause == SERVICE).flat_map(|e| e.of.values()).collect();
        assert_eq!(evidence, ["incarnation 1 of web-0 in first", "incarnation 2 of web-0 in first"]);
        assert_eq!((findings.held, findings.findings.len()), (6, 6), "{findings:#?}");
    }

    #[test]
    fn older_servers_list_in_endpoints() {
        let mut notes = with_service().say("web-0 created; web-0 ready");
        let address = json!({"ip": "10.0.0.10", "targetRef": {"name": "web-0", "uid": "uid-1"}});
        let raw = json!({"metadata": {"name": "first", "uid": "e"}, "subsets": [{"addresses": [address]}]});
        notes.object(Resource::Endpoints, Change::Added, raw);
        let of_server = |version: &str| {
            let mut history = notes.clone().say("completed").history();
            let started = Started { server_version: version.to_owned(), ..started() };
            history.events[0].seen = Observation::Step(Step::Started(started.into()));
            of_service(&judge(&CHECK, &history), Kind::Held).len()
        };
        assert_eq!((of_server("v1.16.4"), of_server("v1.17.0")), (1, 0));
    }

    #[test]
    fn the_service_lists_another_pod_as_well_or_an_old_address() {
        let mut notes = with_service().say("web-0 created; web-0 ready; web-1 created; web-1 ready");
        let both = [endpoint("web-0", "uid-1", "10.0.0.10"), endpoint("web-1", "uid-2", "10.0.0.11")];
        lists(&mut notes, json!(both));
        assert!(broken(notes).contains("first lists web-1 10.0.0.11, which is not web-0"));
        let mut notes = with_service().say("web-0 created; web-0 ready");
        lists(&mut notes, json!([endpoint("web-0", "uid-1", "10.0.0.99")]));
        assert!(broken(notes).contains("lists web-0 10.0.0.99"));
        let mut notes = with_service().say("web-0 created; web-0 ready");
        lists(&mut notes, json!([endpoint("web-0", "uid-9", "10.0.0.10")]));
        assert!(broken(notes).contains("with the uid uid-9, which is no incarnation of web-0"));
    }

    #[test]
    fn a_pod_that_the_scenario_labelled_so_may_be_listed() {
        let mut notes = with_service().say("web-0 created; web-0 ready; web-1 created; web-1 ready");
        notes.request(Verb::Patch, Resource::Pods, Some("web-1"), None, json!({}));
        lists(&mut notes, json!([endpoint("web-1", "uid-2", "10.0.0.11")]));
        assert_eq!(broken(notes), "");
    }

    #[test]
    fn the_service_does_not_find_the_pod() {
        let long = broken(with_service().say("web-0 created; web-0 ready; wait 70s; web-0 terminating"));
        assert!(long.contains("did not list web-0 (uid-1) in the 70.1 s"), "{long}");
        let open = |then: &str| {
            said(with_service().say(&format!("web-0 created; web-0 ready; {then}")), Kind::Blind)
        };
        let short = open("wait 9s; completed");
        assert!(short.contains("did not list web-0"), "{short}");
        let just = open("wait 64.9s; web-0 terminating");
        assert!(just.contains("in the 65.0 s"), "{just}");
        let flaps = open("wait 40s; web-0 unready; wait 1s; web-0 ready; wait 40s; web-0 terminating");
        assert!(flaps.contains("in the 40.1 s"), "{flaps}");
        let gap = open("gap endpointslices; wait 70s; web-0 terminating");
        assert!(gap.contains("did not list web-0"), "{gap}");
    }

    #[test]
    fn the_service_has_the_pod_as_not_ready_all_the_time() {
        let mut notes = with_service().say("web-0 created; web-0 ready");
        let mut unready = endpoint("web-0", "uid-1", "10.0.0.10");
        unready["conditions"]["ready"] = json!(false);
        lists(&mut notes, json!([unready]));
        assert!(broken(notes.say("wait 70s; web-0 terminating")).contains("did not list web-0"));
    }

    #[test]
    fn a_late_watch_of_pods_is_waited_for() {
        let mut notes = with_service();
        lists(&mut notes, json!([endpoint("web-0", "uid-1", "10.0.0.10")]));
        let late = notes.clone().say("wait 4s; web-0 created; web-0 ready");
        assert_eq!(broken(late.clone()), "");
        assert!(said(late, Kind::Held).contains("lists web-0 (uid-1)"));
        assert_eq!(said(notes.say("wait 2s; aborted"), Kind::Broken), "");
    }

    #[test]
    fn a_gap_hides_which_web_0_that_is_and_where_and_no_other_pod() {
        let listed = |endpoint: Value| {
            let mut notes = with_service().say("web-0 created; web-0 ready; web-1 created; gap pods");
            lists(&mut notes, json!([endpoint]));
            let findings = judge(&CHECK, &notes.say("completed").history());
            let broken = !of_service(&findings, Kind::Broken).is_empty();
            (!of_service(&findings, Kind::Blind).is_empty(), broken)
        };
        assert_eq!(listed(endpoint("web-0", "uid-9", "10.0.0.10")), (true, false));
        assert_eq!(listed(endpoint("web-0", "uid-1", "10.0.0.99")), (true, false));
        assert!(listed(endpoint("web-1", "uid-2", "10.0.0.11")).1);
    }
}
