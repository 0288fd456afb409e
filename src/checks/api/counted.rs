//! Of `status-consistent`: no status contradicts itself, and none counts more pods, or more ready ones, than there were.

use std::collections::BTreeSet;

use super::{
    pod_counts::{Counts, revision},
    rest::RestAt,
};
use crate::{
    checks::{Cause, Findings},
    history::{Event, ObjectSeen, Seen},
    views::{Dimension, Set, controller, order, sets::counter},
};

/// No version of the status up to each rest contradicts itself.
const COUNTERS: &str = "counters";
/// None counts more than there was.
const COUNTS: &str = "counts";

/// The versions of the status up to each rest of the set.
pub(super) fn judge<'h>(set: &Set<'h>, rests: &[RestAt<'h>], findings: &mut Findings) {
    let counted = Counted::of(set);
    counted.contradictions(findings);
    counted.too_many(findings);
    let mut since = &set.history().events[0];
    for rest in rests {
        counted.up_to(rest, since, findings);
        since = rest.event;
    }
}

struct Counted<'p, 'h> {
    set: &'p Set<'h>,
    counts: Counts,
    /// The versions with a status that the one before did not have: they were written by the controller.
    written: Vec<Seen<'h, ObjectSeen>>,
    /// How old what the controller counts may be when it is stored, in microseconds.
    lag_us: u64,
}

impl<'p, 'h> Counted<'p, 'h> {
    fn of(set: &'p Set<'h>) -> Self {
        Self { set, counts: Counts::of(set), written: written(set), lag_us: controller::lag_us(set) }
    }

    /// Versions in which the counters contradict one another. Each contradiction is told once.
    fn contradictions(&self, findings: &mut Findings) {
        let mut told = BTreeSet::new();
        for version in self.set.versions() {
            for (counter, wrong) in contradictions(version.what) {
                if told.insert(counter) {
                    findings.on(COUNTERS).broken(format!("{wrong}{}", self.whose()), &[version.event]);
                }
            }
        }
    }

    /// Versions that count more pods, or more ready ones, than there can have been. Each counter is told once.
    fn too_many(&self, findings: &mut Findings) {
        let mut told = BTreeSet::new();
        for version in self.written.iter().filter(|version| self.hidden(version).is_none()) {
            let (from_us, until_us) = self.when(version);
            let most = self.counts.most(from_us, until_us, self.lag_us, revision(version.event));
            let (replicas, ready) =
                (counter(version.what, "replicas"), counter(version.what, "readyReplicas"));
            let whose = self.whose();
            if replicas > most.pods && told.insert("replicas") {
                let what = format!(
                    "status.replicas{whose} was {replicas} when there were {} pods at most",
                    most.pods
                );
                findings.on(COUNTS).broken(what, &[version.event]);
            }
            if ready > most.ready && told.insert("ready") {
                let what = format!(
                    "status.readyReplicas{whose} was {ready} when {} pods were ready at most",
                    most.ready
                );
                findings.on(COUNTS).broken(what, &[version.event]);
            }
        }
    }

    /// What was seen of the versions between the rest before and this one.
    fn up_to(&self, rest: &RestAt<'h>, since: &'h Event, findings: &mut Findings) {
        let versions = self.set.versions_between(since, rest.event);
        let say = |findings: &mut Findings, clause, what: &str, versions: &[Seen<'h, ObjectSeen>]| {
            let events: Vec<&Event> = versions.iter().map(|v| v.event).take(1).chain([rest.event]).collect();
            let say = findings.on(clause).of(Dimension::Rest, rest.key.as_str());
            match self.set.history().gap_between(self.set.watch(), since, rest.event) {
                Some(gap) => say.blind(Cause::Gap, "a gap hides versions of the status", &[gap.shown_by]),
                None => say.held(what, &events),
            }
        };
        if !versions.is_empty() {
            let what = format!("{} versions of the status do not contradict themselves", versions.len());
            say(findings, COUNTERS, &what, versions);
        }
        let place = |event: &Event| self.written.partition_point(|version| version.event.seq <= event.seq);
        let written = &self.written[place(since)..place(rest.event)];
        if let Some(gap) = written.iter().find_map(|version| self.hidden(version)) {
            let what = "a gap in the watch of pods hides how many there were";
            findings.on(COUNTS).of(Dimension::Rest, rest.key.as_str()).blind(Cause::Gap, what, &[gap]);
        } else if !written.is_empty() {
            let what = format!("{} versions of the status count no more pods than there were", written.len());
            say(findings, COUNTS, &what, written);
        }
    }

    /// When this version can have been written.
    fn when(&self, version: &Seen<'h, ObjectSeen>) -> (u64, u64) {
        let span = order::span(self.set.history(), version.event);
        (span.from_us, span.until_us)
    }

    /// The gap of the watch of pods that hides how many there were when the controller counted.
    fn hidden(&self, version: &Seen<'h, ObjectSeen>) -> Option<&'h Event> {
        let (from_us, until_us) = self.when(version);
        let gap = self.counts.gap_in(from_us.saturating_sub(self.lag_us), until_us)?;
        Some(self.set.history().event(gap))
    }

    /// Whose status it is, where that is not clear.
    fn whose(&self) -> String {
        let name = self.set.key(self.set.name);
        if name == self.set.name { String::new() } else { format!(" of {name}") }
    }
}

/// A version found by a list may have been written at any time of a gap, and is left out.
fn written<'h>(set: &Set<'h>) -> Vec<Seen<'h, ObjectSeen>> {
    let is_new = |pair: &&[Seen<'h, ObjectSeen>]| {
        let [before, now] = pair else { return false };
        before.uid == now.uid && !now.change.is_listed() && before.at("/status") != now.at("/status")
    };
    set.versions().windows(2).filter(is_new).map(|pair| pair[1]).collect()
}

/// The counters that contradict others, and how.
fn contradictions(set: &ObjectSeen) -> Vec<(&'static str, String)> {
    let replicas = counter(set, "replicas");
    let all = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    let mut wrong: Vec<(&'static str, String)> = Vec::new();
    for name in all {
        let count = counter(set, name);
        if count < 0 {
            wrong.push((name, format!("status.{name} was {count}")));
        } else if count > replicas {
            wrong.push((name, format!("status.{name} was {count} of {replicas} replicas")));
        }
    }
    let generation = set.number("/metadata/generation").unwrap_or(0);
    let observed = counter(set, "observedGeneration");
    if observed > generation {
        let what =
            format!("status.observedGeneration was {observed} before generation {generation} was over");
        wrong.push(("observedGeneration", what));
    }
    wrong
}
