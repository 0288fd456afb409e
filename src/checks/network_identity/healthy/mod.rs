//! Ordinary scenarios on a cluster that keeps its promises, as histories by hand: no check of identity or of the API may call
//! one broken, nor any record of them with a gap or a late watch, nor find more in these than in the whole record.

mod scenarios;
mod statements;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    checks::{
        Check, Evidence, Finding, Findings, Kind,
        notation::{deliveries, judge, late, with_gap},
    },
    history::{Change, History, Resource, Watch},
    views::{Dimension, View, recreation::requests_by_successor},
};

/// A scenario: its name, the number of replicas with which its set is applied, what happens, and for which causes a check may
/// say that it cannot tell.
struct Healthy {
    name: &'static str,
    set: Value,
    told: String,
    blind: &'static [&'static str],
}

/// The watches that these checks read.
const READ: [Resource; 6] = [
    Resource::Pods,
    Resource::StatefulSets,
    Resource::ControllerRevisions,
    Resource::Services,
    Resource::EndpointSlices,
    Resource::Events,
];

fn checks() -> impl Iterator<Item = &'static Check> {
    super::CHECKS.iter().chain(crate::checks::api::CHECKS)
}

/// The records of a scenario that others might have made: with a gap at every position of every watch, or with a late one.
fn variants(history: &History) -> Vec<(String, History)> {
    let watches: Vec<Watch> = READ.into_iter().flat_map(|resource| history.watches_of(resource)).collect();
    let mut all = Vec::new();
    for watch in watches {
        for millis in [500, 1_000, 2_000, 4_000] {
            all.push((format!("{watch} {millis} ms late"), late(history, watch, millis * 1_000)));
        }
        for kept in 0..=deliveries(history, watch) {
            for lost in [0, 1, 2, 5, usize::MAX] {
                let name = format!("{watch} loses {lost} after {kept}");
                all.push((name, with_gap(history, watch, kept, lost)));
            }
            let name = format!("{watch} loses 2 after {kept} and is 3 s late");
            all.push((name, late(&with_gap(history, watch, kept, 2), watch, 3_000_000)));
        }
    }
    all
}

fn all_findings(history: &History) -> Vec<(&'static str, Findings)> {
    checks().map(|check| (check.id, judge(check, history))).collect()
}

fn broken(findings: &Findings) -> Vec<&Finding> {
    findings.of_kind(Kind::Broken).collect()
}

#[test]
fn nothing_is_broken_and_what_is_open_has_a_cause_that_was_expected() {
    for healthy in scenarios::all() {
        for (id, findings) in all_findings(&healthy.history()) {
            assert!(broken(&findings).is_empty(), "{id} in {}: {:#?}", healthy.name, broken(&findings));
            for blind in findings.of_kind(Kind::Blind) {
                let is_expected = healthy.blind.iter().any(|words| blind.what.contains(words));
                assert!(is_expected, "{id} in {}: {}", healthy.name, blind.what);
            }
        }
    }
}

/// What was seen to hold. Where the record does not tell any more what took a pod away, it came back all the same: that is said
/// of the pod, and is no evidence that a clause needs.
fn needed(evidence: &[Evidence]) -> BTreeSet<String> {
    let is_needed = |one: &&Evidence| {
        !(["identity", "hostname"].contains(&one.clause) && one.of.contains_key(&Dimension::Pod))
    };
    evidence.iter().filter(is_needed).map(|one| format!("{} {:?}", one.clause, one.of)).collect()
}

/// The clauses that a pod is evidence of only where its creation was seen, and whether they are about pods that were deleted.
const OF_CREATIONS: [(&str, bool); 7] = [
    ("fields", false),
    ("fields-again", true),
    ("name", false),
    ("name-again", true),
    ("revision", false),
    ("revision-again", true),
    ("identity", true),
];

/// The uids of the pods that can be evidence of a clause, by the name that evidence gives them.
fn candidates(history: &History, are_recreated: bool) -> BTreeSet<(String, String)> {
    let view = View::of(history);
    let mut all = BTreeSet::new();
    for set in view.sets() {
        let by_request = requests_by_successor(&view, set);
        let lives = set.pods().iter().filter(|life| !are_recreated || by_request.contains_key(life.uid));
        all.extend(lives.map(|life| (set.key(life.name), life.uid.to_owned())));
    }
    all
}

/// A record of a scenario that somebody else might have made, and what was found in it.
struct Variant<'w> {
    scenario: &'static str,
    name: String,
    history: History,
    whole: &'w Whole,
}

/// The whole record of a scenario, and what is found in it.
struct Whole {
    findings: Vec<(&'static str, Findings)>,
    /// The pods that can be evidence of a clause, and those that can be of one about pods that were deleted.
    pods: [BTreeSet<(String, String)>; 2],
}

impl Variant<'_> {
    fn breaks_nothing(&self, id: &str, findings: &Findings) {
        let broken = broken(findings);
        assert!(broken.is_empty(), "{id} in {} where {}: {broken:#?}", self.scenario, self.name);
    }

    fn shows_no_more_than_the_whole(&self, id: &str, findings: &Findings) {
        let whole = self.whole.findings.iter().find(|(other, _)| *other == id).expect("the same check");
        let (seen, known) = (needed(&findings.evidence), needed(&whole.1.evidence));
        let more: Vec<_> = seen.difference(&known).collect();
        assert!(more.is_empty(), "{id} in {} where {}: {more:?}", self.scenario, self.name);
    }

    /// A creation that a gap hides is never evidence.
    fn shows_no_hidden_creation(&self, id: &str, findings: &Findings) {
        for one in &findings.evidence {
            let clause =
                OF_CREATIONS.iter().find(|(clause, _)| *clause == one.clause && id != "fqdn-self-view");
            let (Some((_, again)), Some(pod)) = (clause, one.of.values().next()) else { continue };
            let is_not_needed = one.clause == "identity" && one.of.contains_key(&Dimension::Pod);
            let mut uids = self.whole.pods[usize::from(*again)].iter().filter(|(key, _)| key == pod);
            let is_seen = is_not_needed || uids.any(|(_, uid)| self.is_added(uid));
            assert!(is_seen, "{id} in {} where {}: {one:?}", self.scenario, self.name);
        }
    }

    fn is_added(&self, uid: &str) -> bool {
        let mut pods = self.history.objects_anywhere(Resource::Pods);
        pods.any(|pod| pod.what.uid == uid && pod.change == Change::Added)
    }
}

#[test]
fn a_gap_or_a_late_watch_breaks_nothing_and_shows_nothing_that_it_hides() {
    for healthy in scenarios::all() {
        let history = healthy.history();
        let pods = [false, true].map(|are_recreated| candidates(&history, are_recreated));
        let whole = Whole { findings: all_findings(&history), pods };
        for (name, history) in variants(&history) {
            let variant = Variant { scenario: healthy.name, name, history, whole: &whole };
            for (id, findings) in all_findings(&variant.history) {
                variant.breaks_nothing(id, &findings);
                variant.shows_no_more_than_the_whole(id, &findings);
                variant.shows_no_hidden_creation(id, &findings);
            }
        }
    }
}
