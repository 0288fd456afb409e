//! `endpointslice-truth`: EndpointSlices and Endpoints list what the pods say, and DNS tells what they list.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asked::{Asked, Subject},
    endpoints::{Listed, listed, service_of},
    truth::{Fit, State, Truth, is_ipv4, words},
};
use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, Phase, PodLife, Resource, SERVICE},
    limits,
};

/// Judges `specs/dns/endpointslice-truth.yaml`.
pub(super) const CHECK: Check = Check { id: "endpointslice-truth", judge };

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let slices = versions(history, Resource::EndpointSlices);
    each_endpoint(history, Resource::EndpointSlices, &pods, &slices, findings);
    readiness_follows(history, Resource::EndpointSlices, &pods, &slices, findings);
    let endpoints = versions(history, Resource::Endpoints);
    if !endpoints.is_empty() {
        each_endpoint(history, Resource::Endpoints, &pods, &endpoints, findings);
        readiness_follows(history, Resource::Endpoints, &pods, &endpoints, findings);
    }
    for (given_up, _, missing) in history.timed_out("endpoints-settled") {
        findings.broken(format!("the endpoints of {SERVICE} did not settle: {missing}"), &[given_up]);
    }
    dns_tells_what_is_listed(history, &slices, findings);
}

/// What the objects of the Service list together, from an event on.
struct Version<'h> {
    event: &'h Event,
    listed: Vec<Listed<'h>>,
}

fn versions(history: &History, resource: Resource) -> Vec<Version<'_>> {
    let mut objects: BTreeMap<&str, Vec<Listed<'_>>> = BTreeMap::new();
    let mut versions = Vec::new();
    for object in history.objects(resource).filter(|object| service_of(object.what) == Some(SERVICE)) {
        match object.change {
            Change::Deleted => objects.remove(object.what.name.as_str()),
            _ => objects.insert(&object.what.name, listed(object.what)),
        };
        versions.push(Version { event: object.event, listed: objects.values().flatten().cloned().collect() });
    }
    versions
}

/// A gap that may hide why what is listed does not fit.
fn gap(history: &History, resource: Resource) -> Option<&Event> {
    history.gaps(Resource::Pods).chain(history.gaps(resource)).next()
}

/// Every endpoint that is ever listed is a pod of the set, under its name, with its addresses.
fn each_endpoint(
    history: &History,
    resource: Resource,
    pods: &[PodLife<'_>],
    versions: &[Version<'_>],
    findings: &mut Findings,
) {
    let by_uid: BTreeMap<&str, &PodLife<'_>> = pods.iter().map(|life| (life.uid, life)).collect();
    let mut seen = BTreeSet::new();
    for version in versions {
        for endpoint in &version.listed {
            if !seen.insert((endpoint.uid, endpoint.pod, endpoint.hostname, endpoint.addresses.clone())) {
                continue;
            }
            let Some(fault) = fault(endpoint, by_uid.get(endpoint.uid).copied()) else { continue };
            let what = format!("{} list {fault}", resource.plural());
            match gap(history, resource).filter(|_| !by_uid.contains_key(endpoint.uid)) {
                Some(gap) => findings.blind(what, &[gap, version.event]),
                None => findings.broken(what, &[version.event]),
            }
        }
    }
}

fn fault(endpoint: &Listed<'_>, life: Option<&PodLife<'_>>) -> Option<String> {
    let (pod, addresses) = (endpoint.pod, words(&endpoint.addresses));
    let Some(life) = life.filter(|life| life.name == pod) else {
        return Some(format!(
            "{addresses} for the pod `{pod}` with the uid `{}`, which is none of the set",
            endpoint.uid
        ));
    };
    if endpoint.hostname != pod {
        return Some(format!("{pod} under the host name `{}`", endpoint.hostname));
    }
    let own = life.addresses();
    let strange =
        endpoint.addresses.is_empty() || !endpoint.addresses.iter().all(|address| own.contains(address));
    strange.then(|| format!("`{addresses}` for {pod}, whose address is {}", words(&own)))
}

/// One of the two accounts of a pod changed: whether it is ready, by the pod or by the list.
struct Turn<'h> {
    event: &'h Event,
    by_pod: bool,
    ready: bool,
}

fn readiness_follows(
    history: &History,
    resource: Resource,
    pods: &[PodLife<'_>],
    versions: &[Version<'_>],
    findings: &mut Findings,
) {
    let mut turns = turns_of_lists(versions);
    for life in pods {
        let mut turns = turns.remove(life.uid).unwrap_or_default();
        turns.extend(turns_of_pod(life));
        turns.sort_by_key(|turn| turn.event.span.until_us);
        follows(history, resource, life, &turns, findings);
    }
}

fn turns_of_lists<'h>(versions: &[Version<'h>]) -> BTreeMap<&'h str, Vec<Turn<'h>>> {
    let mut turns: BTreeMap<&str, Vec<Turn<'_>>> = BTreeMap::new();
    let mut before: BTreeSet<&str> = BTreeSet::new();
    for version in versions {
        let now: BTreeSet<&str> = version.listed.iter().filter(|e| e.ready).map(|e| e.uid).collect();
        for uid in now.symmetric_difference(&before) {
            let turn = Turn { event: version.event, by_pod: false, ready: now.contains(uid) };
            turns.entry(uid).or_default().push(turn);
        }
        before = now;
    }
    turns
}

fn turns_of_pod<'h>(life: &PodLife<'h>) -> Vec<Turn<'h>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for version in &life.versions {
        let ready = version.change != Change::Deleted && Phase::of(version.what) == Phase::Ready;
        if ready != turns.last().is_some_and(|turn| turn.ready) {
            turns.push(Turn { event: version.event, by_pod: true, ready });
        }
    }
    turns
}

/// The two accounts may differ for a while after one has turned; longer breaks the promise.
fn follows(
    history: &History,
    resource: Resource,
    life: &PodLife<'_>,
    turns: &[Turn<'_>],
    findings: &mut Findings,
) {
    let (kind, name) = (resource.plural(), life.name);
    let (mut by_pod, mut by_list) = (false, false);
    let mut differ: Option<&Turn<'_>> = None;
    for (index, turn) in turns.iter().enumerate() {
        let account = if turn.by_pod { &mut by_pod } else { &mut by_list };
        *account = turn.ready;
        let (was, is) = (differ, by_pod != by_list);
        differ = if is { was.or(Some(turn)) } else { None };
        if let (Some(was), false) = (was, is) {
            let took_secs = secs_between(was.event, turn.event);
            let ready = if turn.ready { "ready" } else { "not ready" };
            let said = if turn.by_pod { "was again as listed" } else { "was listed so" };
            findings.held(
                format!("{name} was {ready} and {said} by {kind} after {took_secs:.1} s"),
                &[was.event, turn.event],
            );
            if turn.ready && !turn.by_pod {
                findings.measure("endpoints_appear_secs", format!("{kind} {name}"), took_secs);
            }
        }
        let until = turns.get(index + 1).map_or(history.last(), |next| next.event);
        if let Some(since) = differ.filter(|since| is_long(since.event, until)) {
            differs_for_long(history, resource, (name, by_pod, by_list), since.event, findings);
            return;
        }
    }
}

fn secs_between(from: &Event, until: &Event) -> f64 {
    until.span.until_us.saturating_sub(from.span.until_us) as f64 / 1e6
}

fn is_long(from: &Event, until: &Event) -> bool {
    let bound_us = limits::ENDPOINTS_SETTLED.wait_us() + limits::OBSERVER_SLACK.wait_us();
    until.span.until_us.saturating_sub(from.span.until_us) > bound_us
}

fn differs_for_long(
    history: &History,
    resource: Resource,
    (name, by_pod, by_list): (&str, bool, bool),
    since: &Event,
    findings: &mut Findings,
) {
    let word = |ready: bool| if ready { "ready" } else { "not ready" };
    let kind = resource.plural();
    let bound_secs = limits::ENDPOINTS_SETTLED.wait_secs();
    let what = format!(
        "{name} was {} for more than {bound_secs:.0} s while {kind} had it as {}",
        word(by_pod),
        word(by_list)
    );
    match gap(history, resource) {
        Some(gap) => findings.blind(what, &[gap, since]),
        None => findings.broken(what, &[since]),
    }
}

/// DNS against the list, so that it can be told which of the two is wrong.
fn dns_tells_what_is_listed<'h>(history: &'h History, slices: &[Version<'h>], findings: &mut Findings) {
    let by_pods = Truth::of(history);
    let by_list = Truth::of(history).with_states(states(history, slices));
    let mut said = BTreeSet::new();
    let fits = by_pods.asked(history).into_iter().zip(by_list.asked(history));
    for (pods, list) in fits.filter(|(one, _)| one.of_backend() && one.subject != Subject::Targets) {
        let is_wrong = |one: &Asked<'_>| matches!(one.fit, Some(Fit::Wrong | Fit::Outdated { .. }));
        let new = (list.key(), list.is_positive());
        if is_wrong(&pods) && is_wrong(&list) && said.insert(new) {
            let what = format!("{}, and the EndpointSlices list nothing like it", list.told(&by_list));
            findings.broken(what, &[by_list.at(list.event.span.from_us).event, list.event]);
        } else if matches!(list.fit, Some(Fit::Current)) && list.is_positive() && said.insert(new) {
            findings.held(format!("{}, as the EndpointSlices list it", list.told(&by_list)), &[list.event]);
        }
    }
}

fn states<'h>(history: &'h History, slices: &[Version<'h>]) -> Vec<State<'h>> {
    let nothing = State { event: &history.events[0], ready: BTreeMap::new(), all: BTreeSet::new() };
    let state = |version: &Version<'h>| {
        let mut ready: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for endpoint in version.listed.iter().filter(|endpoint| endpoint.ready) {
            let addresses = endpoint.addresses.iter().copied().filter(|address| is_ipv4(address));
            ready.entry(endpoint.hostname).or_default().extend(addresses);
        }
        let all = ready.values().flatten().copied().collect();
        State { event: version.event, ready, all }
    };
    std::iter::once(nothing).chain(slices.iter().map(state)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, judge},
        },
        history::Resource,
    };

    const TWO: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready";
    const LISTED: &str = "slice web-0=10.0.0.10 web-1=10.0.0.11";

    /// What is said where the first endpoint of the slice is changed so.
    fn with_endpoint(change: impl FnOnce(&mut serde_json::Value)) -> Findings {
        let mut notes = Notes::new().say(&format!("{TWO}; {LISTED}"));
        notes.modify(Resource::EndpointSlices, "nginx-abcde", |slice| change(&mut slice["endpoints"][0]));
        judge(&CHECK, &notes.history())
    }

    fn broken(findings: &Findings) -> Vec<&str> {
        findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect()
    }

    #[test]
    fn each_pod_is_listed_while_it_is_ready() {
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; endpoints web-0=10.0.0.10 web-1=10.0.0.11"), 4);
        assert_held(
            &CHECK,
            &format!("{TWO}; {LISTED}; web-1 unready; slice web-0=10.0.0.10 web-1=10.0.0.11!"),
            3,
        );
        assert_held(
            &CHECK,
            &format!("{TWO}; {LISTED}; web-1 terminating; slice web-0=10.0.0.10; web-1 deleted"),
            3,
        );
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
        assert!(broken(&uid)[0].contains("with the uid `uid-2`, which is none of the set"), "{uid:?}");
        let foreign = with_endpoint(|endpoint| endpoint["targetRef"]["name"] = json!("squatter"));
        assert!(broken(&foreign)[0].contains("for the pod `squatter`"), "{foreign:?}");
    }

    #[test]
    fn readiness_is_ignored() {
        let kept = format!("{TWO}; {LISTED}; web-1 unready; wait 70s; completed");
        assert_broken(
            &CHECK,
            &kept,
            "web-1 was not ready for more than 60 s while endpointslices had it as ready",
        );
    }

    #[test]
    fn a_ready_pod_is_never_listed() {
        let lost = format!("{TWO}; slice web-0=10.0.0.10; wait 70s; completed");
        assert_broken(
            &CHECK,
            &lost,
            "web-1 was ready for more than 60 s while endpointslices had it as not ready",
        );
        let old = format!("{TWO}; {LISTED}; endpoints web-0=10.0.0.10; wait 70s; completed");
        assert_broken(&CHECK, &old, "web-1 was ready for more than 60 s while endpoints had it");
    }

    #[test]
    fn the_wait_was_given_up() {
        assert_broken(&CHECK, &format!("{TWO}; {LISTED}; timed-out endpoints-settled"), "did not settle");
    }

    #[test]
    fn dns_tells_something_else() {
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; dns a A web-0 -> 10.0.0.10"), 3);
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
}
