//! `endpointslice-truth`: EndpointSlices and Endpoints list what the pods say, and DNS answers what they list.

use std::collections::{BTreeMap, BTreeSet};

use super::dns_verdicts::{Clauses, listed, words};
use crate::{
    checks::{Cause, Check, Findings, Kind},
    history::{Event, ObjectSeen, Resource, Seen, Wait, pod},
    limits,
    views::{
        Dimension, PodLife, Set, View,
        dns::{
            Fit, Published, Question, Service, Subject,
            listing::{Account, Listing, Stretch, listings, may_be_absent},
            published::published_by_lists,
            questions::questions,
            service::{canonical, selects},
        },
        endpoints::{ListVersion, Listed, versions},
    },
};

/// Judges `specs/dns/endpointslice-truth.yaml`.
pub(super) const CHECK: Check = Check { id: "endpointslice-truth", judge };

/// EndpointSlices, and Endpoints, list each pod while it is ready, and each recreated one.
const SLICES: Clause = Clause { each: "slices", recreated: "slices-after" };
const ENDPOINTS: Clause = Clause { each: "endpoints", recreated: "endpoints-after" };
/// EndpointSlices do not list a pod as ready that is not.
const UNREADY: &str = "unready";
/// DNS answers what EndpointSlices list.
const DNS: Clauses = Clauses::one("dns");

/// The clause about each pod, and the one about those that were recreated.
#[derive(Debug, Clone, Copy)]
struct Clause {
    each: &'static str,
    recreated: &'static str,
}

fn judge(view: &View<'_>, findings: &mut Findings) {
    for service in view.services().iter().filter(|service| service.is_governing && service.selects_pods()) {
        let lists = |resource: Resource, clause: Clause| {
            let lists = versions(view.history(), service.watch_of(resource), &service.name);
            Lists { view, service, resource, clause, lists }
        };
        let slices = lists(Resource::EndpointSlices, SLICES);
        let endpoints = lists(Resource::Endpoints, ENDPOINTS);
        let before = findings.findings.len();
        slices.judge(findings);
        if endpoints.need_not_be() {
            endpoints.remark(findings);
        } else {
            endpoints.judge(findings);
            let is_told = findings.findings[before..].iter().any(|finding| finding.kind != Kind::Held);
            if !is_told {
                slices.gave_up(findings);
            }
        }
        dns_answers_what_is_listed(view, service, &slices.lists, findings);
    }
}

/// What one kind of object lists of a Service.
struct Lists<'v, 'h> {
    view: &'v View<'h>,
    service: &'v Service<'h>,
    resource: Resource,
    clause: Clause,
    lists: Vec<ListVersion<'h>>,
}

impl<'v, 'h> Lists<'v, 'h> {
    /// Whether the cluster keeps no Endpoints, and need not.
    fn need_not_be(&self) -> bool {
        self.lists.is_empty() && may_be_absent(self.view, self.resource)
    }

    fn remark(&self, findings: &mut Findings) {
        let (history, watch) = (self.view.history(), self.service.watch_of(self.resource));
        if let Some(gap) = history.gap_between(watch, &history.events[0], history.ended()) {
            let what = "no Endpoints were seen, and their watch has a gap";
            return findings.on(self.clause.each).blind(Cause::Gap, what, &[gap.shown_by]);
        }
        let what = format!(
            "the cluster keeps no Endpoints of {}, which a cluster of this version need not",
            self.service.key(&self.service.name)
        );
        for set in self.sets() {
            for pod in set.pods().names().map(|pod| set.key(pod)) {
                findings.on(self.clause.each).pod(&*pod).held(&*what, &[history.ended()]);
                let say = findings.on(self.clause.recreated).of(Dimension::Recreated, pod);
                say.held(&*what, &[history.ended()]);
            }
        }
    }

    /// The sets that the Service governs.
    fn sets(&self) -> impl Iterator<Item = &'v Set<'h>> + use<'_, 'v, 'h> {
        let own = |set: &&Set<'_>| {
            set.namespace == self.service.namespace && set.service().as_ref() == Some(&self.service.name)
        };
        self.view.sets().iter().filter(own)
    }

    fn judge(&self, findings: &mut Findings) {
        self.each_endpoint(findings);
        for listing in listings(self.view, self.service, self.resource, &self.lists) {
            for stretch in &listing.stretches {
                self.stretch(&listing, stretch, findings);
            }
        }
    }

    /// Every endpoint that is ever listed is a pod that the Service selects, under its name, with its addresses.
    fn each_endpoint(&self, findings: &mut Findings) {
        let pods = self.pods();
        let mut seen = BTreeSet::new();
        let ended = self.view.history().ended();
        for version in self.lists.iter().take_while(|version| version.event.seq <= ended.seq) {
            for endpoint in &version.listed {
                if !seen.insert((endpoint.uid, endpoint.pod, endpoint.hostname, endpoint.addresses.clone())) {
                    continue;
                }
                let Some(fault) = self.fault(endpoint, pods.get(endpoint.uid)) else { continue };
                let say = findings.on(self.clause.each).pod(self.service.key(endpoint.pod));
                let what = format!("{} list {}", self.resource.plural(), fault.what);
                let gaps = self.gaps(&[Resource::Pods, Resource::Services]);
                match gaps.first().filter(|_| fault.may_be_hidden) {
                    Some(gap) => say.blind(Cause::Gap, what, &[gap, version.event]),
                    None => say.broken(what, &[version.event]),
                }
            }
        }
    }

    /// Every incarnation of every pod in the namespace: its versions, by uid.
    fn pods(&self) -> BTreeMap<&'h str, Vec<Seen<'h, ObjectSeen>>> {
        let mut pods: BTreeMap<&str, Vec<Seen<'_, ObjectSeen>>> = BTreeMap::new();
        for version in self.view.history().objects(self.service.watch_of(Resource::Pods)) {
            pods.entry(version.what.uid.as_str()).or_default().push(version);
        }
        pods
    }

    fn fault(&self, endpoint: &Listed<'_>, life: Option<&Vec<Seen<'h, ObjectSeen>>>) -> Option<Fault> {
        let (pod, addresses) = (endpoint.pod, listed(&endpoint.addresses));
        let Some(versions) = life.filter(|versions| self.is_selected(pod, versions)) else {
            let uid = endpoint.uid;
            return Some(Fault::or_hidden(format!(
                "{addresses} for the pod `{pod}` with the uid `{uid}`, which is not a pod that the Service selects"
            )));
        };
        let label = self.service.label_of(versions[0].what);
        if label.is_some_and(|label| endpoint.hostname != label) {
            let what = format!("{pod} under the host name `{}`", endpoint.hostname);
            return Some(Fault { what, may_be_hidden: false });
        }
        let own: BTreeSet<_> = versions.iter().flat_map(|v| pod::addresses(v.what)).map(canonical).collect();
        let is_own = !endpoint.addresses.is_empty()
            && endpoint.addresses.iter().all(|ip| own.contains(&canonical(ip)));
        // Where the watch of pods has not told any address yet, the list is ahead of it.
        (!own.is_empty() && !is_own)
            .then(|| Fault::or_hidden(format!("`{addresses}` for {pod}, whose address is {}", listed(&own))))
    }

    /// Whether this is a pod of that name, and the Service selects it, or did so at some time.
    fn is_selected(&self, pod: &str, versions: &[Seen<'h, ObjectSeen>]) -> bool {
        let specs = self.service.versions();
        let mut pairs = versions.iter().flat_map(|pod| specs.iter().map(move |spec| (spec, pod)));
        let is_selected = specs.is_empty() || pairs.any(|(spec, pod)| selects(spec.what, pod.what));
        versions[0].what.name == pod && is_selected
    }

    /// The events that show gaps of these watches during the scenario.
    fn gaps(&self, resources: &[Resource]) -> Vec<&'h Event> {
        let (history, ended) = (self.view.history(), self.view.history().ended());
        let watches = resources.iter().map(|of| self.service.watch_of(*of));
        watches
            .filter_map(|watch| history.gap_between(watch, &history.events[0], ended))
            .map(|gap| gap.shown_by)
            .collect()
    }

    /// The two accounts may differ for a while after one has changed; longer breaks the promise.
    fn stretch(&self, listing: &Listing<'_>, stretch: &Stretch<'h>, findings: &mut Findings) {
        if stretch.agrees() {
            return self.agrees(listing, stretch, findings);
        }
        let bound_us = if stretch.is_last && self.view.is_completed() {
            // The list at the end has shown that nothing is still to come.
            limits::ENDPOINTS_SETTLED.wait_us()
        } else {
            limits::ENDPOINTS_SETTLED.wait_us() + self.slack_us()
        };
        if stretch.lasted_us() > bound_us {
            self.differs_for_long(listing, stretch, findings);
        } else if stretch.is_last && stretch.lasted_us() > limits::OBSERVER_SLACK.wait_us() {
            let lasted_secs = stretch.lasted_us() as f64 / 1e6;
            let what = format!(
                "the scenario ends {lasted_secs:.1} s after {} {} where {} had it as {}",
                listing.pod,
                became(&stretch.by_pod),
                self.resource.plural(),
                state(&stretch.by_list)
            );
            let say = findings.on(self.clause.each).pod(self.service.key(listing.pod));
            say.blind(Cause::NotReached, what, &[stretch.since, stretch.until]);
        }
    }

    /// By how much the two watches may be late.
    fn slack_us(&self) -> u64 {
        let lag_us =
            [Resource::Pods, self.resource].map(|of| self.view.history().lag_us(self.service.watch_of(of)));
        limits::OBSERVER_SLACK.wait_us() + 2 * lag_us[0].max(lag_us[1])
    }

    fn agrees(&self, listing: &Listing<'_>, stretch: &Stretch<'h>, findings: &mut Findings) {
        let watches = [Resource::Pods, self.resource].map(|of| self.service.watch_of(of));
        let Some(certain) = stretch.first_certain(self.view, &watches) else {
            return;
        };
        let (kind, pod, key) = (self.resource.plural(), listing.pod, self.service.key(listing.pod));
        let took_secs = stretch.lasted_us() as f64 / 1e6;
        let events = [stretch.since, stretch.from, certain];
        if stretch.by_pod.is_some() {
            let what = format!("{pod} was ready and listed so by {kind} after {took_secs:.1} s");
            if self.is_recreated(listing) {
                let say = findings.on(self.clause.recreated).of(Dimension::Recreated, &*key);
                say.held(&*what, &events);
            }
            findings.on(self.clause.each).pod(key).held(what, &events);
            if !stretch.began_by_pod {
                findings.measure("endpoints_appear_secs", format!("{kind} {pod}"), took_secs);
            }
        } else if self.resource == Resource::EndpointSlices {
            let what =
                format!("{pod} was not ready and not listed as ready by {kind} after {took_secs:.1} s");
            findings.on(UNREADY).pod(&*key).of(Dimension::Unready, key).held(what, &events);
        }
    }

    /// Whether it is the last incarnation of a pod that had an earlier one.
    fn is_recreated(&self, listing: &Listing<'_>) -> bool {
        self.sets().any(|set| {
            let life = set.pods().with_uid(listing.uid);
            life.is_some_and(|life| set.pods().predecessor(life).is_some() && is_last(set, life))
        })
    }

    fn differs_for_long(&self, listing: &Listing<'_>, stretch: &Stretch<'h>, findings: &mut Findings) {
        let bound_secs = limits::ENDPOINTS_SETTLED.wait_secs();
        let what = format!(
            "{} was {} for more than {bound_secs:.0} s while {} had it as {}",
            listing.pod,
            state(&stretch.by_pod),
            self.resource.plural(),
            state(&stretch.by_list)
        );
        let say = findings.on(self.clause.each).pod(self.service.key(listing.pod));
        let (since, until) = (stretch.since, stretch.until);
        let mut watches = [Resource::Pods, Resource::Services, self.resource].into_iter();
        let gap = watches.find_map(|of| self.view.gap_in(of, self.service.namespace, since, until));
        match gap {
            Some(gap) => say.blind(Cause::Gap, what, &[gap.shown_by, since]),
            None if stretch.certainly_lasted_us() < limits::ENDPOINTS_SETTLED.wait_us() => {
                let what = format!("{what}; a watch told nothing in between and may have been late");
                say.blind(Cause::NoOrder, what, &[since, until]);
            }
            None => say.broken(what, &[since, until]),
        }
    }

    /// The driver saw something missing, and nothing above tells what.
    fn gave_up(&self, findings: &mut Findings) {
        let name = self.service.key(&self.service.name);
        let is_own = |wait: &Wait| matches!(wait, Wait::EndpointsSettled(service) if *service == name);
        for given_up in self.view.given_up(is_own) {
            let what = format!("the endpoints of {name} did not settle: {}", given_up.missing);
            findings.on(self.clause.each).blind(Cause::NotReached, what, &[given_up.event]);
        }
    }
}

/// What is wrong with an endpoint.
struct Fault {
    what: String,
    /// Whether a gap may hide a pod, or an address, that would make it right.
    may_be_hidden: bool,
}

impl Fault {
    fn or_hidden(what: String) -> Self {
        Self { what, may_be_hidden: true }
    }
}

/// Whether no later incarnation of the pod was born before the end of the scenario.
fn is_last(set: &Set<'_>, life: &PodLife<'_>) -> bool {
    let next = set.pods().successor(life);
    next.is_none_or(|next| next.birth().seq > set.history().ended().seq)
}

fn state(account: &Account<'_>) -> String {
    match account {
        Some(told) => format!("ready at {}", words(told)),
        None => "not ready".to_owned(),
    }
}

fn became(account: &Account<'_>) -> String {
    format!("became {}", state(account))
}

/// DNS against the list, so that it can be told which of the two is wrong.
fn dns_answers_what_is_listed<'h>(
    view: &View<'h>,
    service: &Service<'h>,
    lists: &[ListVersion<'h>],
    findings: &mut Findings,
) {
    let by_list = published_by_lists(service, lists);
    let is_meant = |of: &Service<'_>, subject: Subject<'_>, _: &_| {
        (of.namespace, &of.name) == (service.namespace, &service.name)
            && !matches!(subject, Subject::Port { .. })
    };
    let mut said = BTreeSet::new();
    for one in questions(view, is_meant).into_iter().filter(|one| one.is_followed) {
        let Some(fit) = fit(&by_list, &one) else { continue };
        let is_wrong = |fit: Option<Fit<'_>>| matches!(fit, Some(Fit::Wrong | Fit::Outdated { .. }));
        let mut is_new = |kind| said.insert((kind, one.key, one.answer.clone()));
        if is_wrong(one.fit) && is_wrong(Some(fit)) && is_new(Kind::Broken) {
            let what = format!("{}, and the EndpointSlices list nothing like it", one.told());
            DNS.say(findings, &one)
                .broken(what, &[one.timeline().at(one.event.span.from_us).event, one.event]);
        } else if matches!(fit, Fit::Current) && one.is_positive() && is_new(Kind::Held) {
            DNS.say(findings, &one)
                .held(format!("{}, as the EndpointSlices list it", one.told()), &[one.event]);
        }
    }
}

/// How an answer compares with what was listed.
fn fit<'h>(by_list: &Published<'h>, one: &Question<'_, 'h>) -> Option<Fit<'h>> {
    let told = one.answer.as_ref().as_ref().ok()?;
    Some(by_list.fit(one.subject, &one.dns.record_type, one.event.span, told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, history, judge},
        },
        history::Resource,
    };

    const TWO: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready";
    const LISTED: &str = "slice web-0=10.0.0.10 web-1=10.0.0.11";

    /// What is said where the first endpoint of the slice is changed so.
    fn with_endpoint(change: impl FnOnce(&mut serde_json::Value)) -> Findings {
        let mut notes = Notes::new().say(&format!("{TWO}; {LISTED}"));
        notes.modify(Resource::EndpointSlices, "nginx-abcde", |slice| change(&mut slice["endpoints"][0]));
        judge(&CHECK, &notes.history())
    }

    /// So many statements about EndpointSlices hold, and nothing is broken or blind. That there are no Endpoints is none of them.
    fn assert_held(statements: &str, times: usize) {
        let findings = judge(&CHECK, &history(statements));
        let others: Vec<_> = findings.findings.iter().filter(|finding| finding.kind != Kind::Held).collect();
        assert!(others.is_empty(), "expected nothing but held, found {others:#?}");
        let held = findings.findings.iter().filter(|finding| !finding.what.contains("keeps no Endpoints"));
        assert_eq!(held.count(), times, "{:#?}", findings.findings);
    }

    fn broken(findings: &Findings) -> Vec<&str> {
        findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect()
    }

    #[test]
    fn the_list_was_emptied_and_the_record_ends_soon_after() {
        let emptied = format!("{TWO}; {LISTED}; slice; wait 17s; completed");
        assert_blind(&CHECK, &emptied, "the scenario ends 17.");
    }

    #[test]
    fn each_pod_is_listed_while_it_is_ready() {
        assert_held(&format!("{TWO}; {LISTED}; endpoints web-0=10.0.0.10 web-1=10.0.0.11"), 4);
        assert_held(&format!("{TWO}; {LISTED}; web-1 unready; slice web-0=10.0.0.10 web-1=10.0.0.11!"), 3);
        assert_held(&format!("{TWO}; {LISTED}; web-1 terminating; slice web-0=10.0.0.10; web-1 deleted"), 3);
    }

    #[test]
    fn the_host_name_is_dropped_or_another() {
        let dropped = with_endpoint(|endpoint| endpoint["hostname"] = json!(null));
        assert_eq!(broken(&dropped), ["endpointslices list web-0 under the host name ``"]);
        let another = with_endpoint(|endpoint| endpoint["hostname"] = json!("web-1"));
        assert_eq!(broken(&another), ["endpointslices list web-0 under the host name `web-1`"]);
    }

    #[test]
    fn another_pods_address_or_uid() {
        let address = with_endpoint(|endpoint| endpoint["addresses"] = json!(["10.0.0.11"]));
        assert_eq!(
            broken(&address),
            ["endpointslices list `10.0.0.11` for web-0, whose address is 10.0.0.10"]
        );
        let uid = with_endpoint(|endpoint| endpoint["targetRef"]["uid"] = json!("uid-2"));
        assert!(
            broken(&uid)[0].contains("with the uid `uid-2`, which is not a pod that the Service selects"),
            "{uid:?}"
        );
        let foreign = with_endpoint(|endpoint| endpoint["targetRef"]["name"] = json!("squatter"));
        assert!(broken(&foreign)[0].contains("for the pod `squatter`"), "{foreign:?}");
    }

    #[test]
    fn readiness_is_ignored() {
        let kept = format!("{TWO}; {LISTED}; web-1 unready; wait 70s; completed");
        assert_broken(
            &CHECK,
            &kept,
            "web-1 was not ready for more than 60 s while endpointslices had it as ready at 10.0.0.11",
        );
    }

    #[test]
    fn the_list_may_be_behind_for_a_while() {
        let listed = "slice web-0=10.0.0.10 web-1=10.0.0.11!";
        assert_held(&format!("{TWO}; {LISTED}; web-1 unready; wait 64.9s; {listed}"), 3);
        let late = format!("{TWO}; {LISTED}; web-1 unready; wait 65s; {listed}");
        assert_blind(&CHECK, &late, "may have been late");
        let known = format!(
            "{TWO}; {LISTED}; web-1 unready; wait 65s; bookmark endpointslices; bookmark pods; {listed}"
        );
        assert_broken(&CHECK, &known, "web-1 was not ready for more than 60 s");
        assert_held(&format!("{TWO}; {LISTED}; web-1 unready; wait 4.9s; completed"), 2);
        let end = format!("{TWO}; {LISTED}; web-1 unready; wait 5s; completed");
        assert_blind(&CHECK, &end, "the scenario ends 5.1 s after web-1 became not ready");
    }

    #[test]
    fn a_ready_pod_is_never_listed() {
        let lost = format!("{TWO}; slice web-0=10.0.0.10; wait 70s; completed");
        assert_broken(
            &CHECK,
            &lost,
            "web-1 was ready at 10.0.0.11 for more than 60 s while endpointslices had it as not ready",
        );
        let old = format!("{TWO}; {LISTED}; endpoints web-0=10.0.0.10; wait 70s; completed");
        assert_broken(&CHECK, &old, "web-1 was ready at 10.0.0.11 for more than 60 s while endpoints had it");
    }

    #[test]
    fn the_wait_was_given_up() {
        let both = format!("{LISTED}; endpoints web-0=10.0.0.10 web-1=10.0.0.11");
        let given_up = format!("{TWO}; {both}; timed-out endpoints-settled");
        assert_blind(&CHECK, &given_up, "the endpoints of nginx did not settle: it did not happen");
        let for_long =
            format!("{TWO}; slice web-0=10.0.0.10; wait 60s; timed-out endpoints-settled; completed");
        assert_broken(&CHECK, &for_long, "web-1 was ready at 10.0.0.11 for more than 60 s");
        let in_a_hurry =
            format!("{TWO}; slice web-0=10.0.0.10; wait 6s; timed-out endpoints-settled; completed");
        assert_blind(&CHECK, &in_a_hurry, "the scenario ends 6.");
    }

    #[test]
    fn dns_tells_something_else() {
        assert_held(&format!("{TWO}; {LISTED}; dns a A web-0 -> 10.0.0.10"), 3);
        let other = format!("{TWO}; {LISTED}; dns a A web-0 -> 10.0.0.99");
        assert_broken(
            &CHECK,
            &other,
            "10.0.0.99 for web-0.nginx, and the EndpointSlices list nothing like it",
        );
    }

    #[test]
    fn gaps_hide_pods_and_turns() {
        let turns = format!("{TWO}; {LISTED}; web-1 unready; gap endpointslices; wait 70s; completed");
        assert_blind(&CHECK, &turns, "for more than 60 s");
        let mut notes = Notes::new().say(&format!("{TWO}; {LISTED}; gap pods"));
        notes.modify(Resource::EndpointSlices, "nginx-abcde", |slice| {
            slice["endpoints"][0]["targetRef"]["uid"] = json!("uid-9");
        });
        let findings = judge(&CHECK, &notes.history());
        assert!(broken(&findings).is_empty() && findings.of_kind(Kind::Blind).count() > 0, "{findings:#?}");
    }

    /// What is said on a server of that version, kind by kind.
    fn on_version(version: &str, statements: &str) -> (usize, Vec<String>) {
        let mut notes = Notes::new();
        notes.started(|started| version.clone_into(&mut started.server_version));
        let findings = judge(&CHECK, &notes.say(statements).history());
        let bad = findings.findings.iter().filter(|finding| finding.kind != Kind::Held);
        (findings.held as usize, bad.map(|finding| finding.what.clone()).collect())
    }

    #[test]
    fn endpoints_may_be_absent_from_1_33_on_and_not_before() {
        let without = format!("{TWO}; {LISTED}; wait 66s; timed-out endpoints-settled; completed");
        let (held, bad) = on_version("v1.33.0", &without);
        assert_eq!((held, bad), (6, Vec::new()));
        let (_, bad) = on_version("v1.32.9", &without);
        assert!(
            bad[0].starts_with("web-0 was ready at 10.0.0.10 for more than 60 s while endpoints had it"),
            "{bad:?}"
        );
        let there = format!("{TWO}; {LISTED}; endpoints web-0=10.0.0.10; wait 66s; completed");
        let (_, bad) = on_version("v1.33.0", &there);
        assert!(
            bad[0].starts_with("web-1 was ready at 10.0.0.11"),
            "where they are kept, they are right: {bad:?}"
        );
        let hidden = format!("{TWO}; {LISTED}; gap endpoints; wait 66s; completed");
        let (_, bad) = on_version("v1.33.0", &hidden);
        assert_eq!(bad, ["no Endpoints were seen, and their watch has a gap"]);
    }

    #[test]
    fn pods_that_the_service_does_not_publish_or_select() {
        let published = "service publish; web-0 created; web-0 address 10.0.0.10; web-0 running; slice web-0=10.0.0.10; wait 70s; completed";
        assert_held(published, 1);
        let unlabelled =
            format!("{TWO}; {LISTED}; web-1 label app=other; slice web-0=10.0.0.10; wait 70s; completed");
        assert_held(&unlabelled, 3);
        let kept = format!("{TWO}; {LISTED}; web-1 label app=other; wait 70s; completed");
        assert_broken(&CHECK, &kept, "web-1 was not ready for more than 60 s");
    }

    #[test]
    fn an_address_that_changes_in_place_is_followed() {
        let moved = format!("{TWO}; {LISTED}; web-1 address 10.0.0.21");
        assert_held(&format!("{moved}; slice web-0=10.0.0.10 web-1=10.0.0.21; completed"), 3);
        assert_broken(&CHECK, &format!("{moved}; wait 70s; completed"), "had it as ready at 10.0.0.11");
    }

    #[test]
    fn dns_is_right_where_only_the_list_is_behind() {
        let behind = format!("{TWO}; slice web-0=10.0.0.10; dns a A web-1 -> 10.0.0.11");
        let findings = judge(&CHECK, &history(&behind));
        assert_eq!((findings.held, broken(&findings)), (5, Vec::new()), "{findings:#?}");
    }

    #[test]
    fn that_nothing_is_listed_of_others_is_no_evidence() {
        assert_held(&format!("{TWO}; {LISTED}; dns a A web-9 -> nxdomain"), 2);
    }

    #[test]
    fn what_nodes_are_told_is_another_promise() {
        assert_held(&format!("{TWO}; {LISTED}; dns @node-0 A web-0 -> 10.0.0.99"), 2);
    }

    #[test]
    fn how_long_a_ready_pod_took_to_be_listed_is_measured() {
        let unlisted = "web-0 unready; slice web-0=10.0.0.10! web-1=10.0.0.11; slice web-0=10.0.0.10 \
                        web-1=10.0.0.11; web-0 ready";
        let findings = judge(&CHECK, &history(&format!("{TWO}; wait 1s; {LISTED}; {unlisted}")));
        let measured: Vec<_> = findings.measurements.iter().map(|m| (&*m.name, &*m.of, m.value)).collect();
        let name = "endpoints_appear_secs";
        assert_eq!(measured, [(name, "endpointslices web-0", 1.3), (name, "endpointslices web-1", 1.1)]);
    }

    #[test]
    fn one_that_told_the_truth_before_can_still_be_wrong() {
        let answers = "dns a A nginx -> 10.0.0.10 10.0.0.11; wait 1s; dns a A nginx -> 203.0.113.1";
        assert_broken(
            &CHECK,
            &format!("{TWO}; {LISTED}; {answers}"),
            "the EndpointSlices list nothing like it",
        );
    }
}
