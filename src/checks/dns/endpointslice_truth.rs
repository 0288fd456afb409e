//! `endpointslice-truth`: EndpointSlices and Endpoints list what the pods say, and DNS tells what they list.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asked::{Asked, Subject, is_of_backend},
    endpoints::{Listed, Version, versions},
    readiness::{gap, readiness_follows},
    truth::{Fit, State, Truth, is_ipv4, words},
};
use crate::{
    checks::{Check, Findings, Kind},
    history::{History, PodLife, Resource, SERVICE},
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
    let is_own = !endpoint.addresses.is_empty() && endpoint.addresses.iter().all(|a| own.contains(a));
    // Where the watch of pods has not told any address yet, the list is ahead of it.
    (!own.is_empty() && !is_own).then(|| format!("`{addresses}` for {pod}, whose address is {}", words(&own)))
}

/// DNS against the list, so that it can be told which of the two is wrong.
fn dns_tells_what_is_listed<'h>(history: &'h History, slices: &[Version<'h>], findings: &mut Findings) {
    let by_pods = Truth::of(history);
    let by_list = Truth::of(history).with_states(states(history, slices));
    let mut said = BTreeSet::new();
    let is_meant = |dns: &_, subject| is_of_backend(dns) && subject != Subject::Targets;
    for (pods, list) in by_pods.asked(history, is_meant).into_iter().zip(by_list.asked(history, is_meant)) {
        let is_wrong = |one: &Asked<'_>| matches!(one.fit, Some(Fit::Wrong | Fit::Outdated { .. }));
        let mut is_new = |kind| said.insert((kind, list.key, list.answer.clone()));
        if is_wrong(&pods) && is_wrong(&list) && is_new(Kind::Broken) {
            let what = format!("{}, and the EndpointSlices list nothing like it", list.told(&by_list));
            findings.broken(what, &[by_list.at(list.event.span.from_us).event, list.event]);
        } else if matches!(list.fit, Some(Fit::Current)) && list.is_positive() && is_new(Kind::Held) {
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
            notation::{Notes, assert_blind, assert_broken, assert_held, history, judge},
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
    fn the_list_was_emptied_and_the_record_ends_soon_after() {
        let emptied = format!("{TWO}; {LISTED}; slice; wait 17s; completed");
        assert_blind(&CHECK, &emptied, "the record ends 17.");
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
    fn the_list_may_be_behind_for_a_while() {
        let listed = "slice web-0=10.0.0.10 web-1=10.0.0.11!";
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; web-1 unready; wait 64.9s; {listed}"), 3);
        let late = format!("{TWO}; {LISTED}; web-1 unready; wait 65s; {listed}");
        assert_broken(&CHECK, &late, "web-1 was not ready for more than 60 s");
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; web-1 unready; wait 4.9s; completed"), 2);
        let end = format!("{TWO}; {LISTED}; web-1 unready; wait 5s; completed");
        assert_blind(&CHECK, &end, "the record ends 5.1 s after web-1 became not ready");
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

    #[test]
    fn dns_is_right_where_only_the_list_is_behind() {
        let behind = format!("{TWO}; slice web-0=10.0.0.10; dns a A web-1 -> 10.0.0.11");
        let findings = judge(&CHECK, &history(&behind));
        assert_eq!((findings.held, broken(&findings)), (1, Vec::new()), "{findings:#?}");
    }

    #[test]
    fn that_nothing_is_listed_of_others_is_no_evidence() {
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; dns a A web-9 -> nxdomain"), 2);
    }

    #[test]
    fn what_nodes_are_told_is_another_promise() {
        assert_held(&CHECK, &format!("{TWO}; {LISTED}; dns @node-0 A web-0 -> 10.0.0.99"), 2);
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
