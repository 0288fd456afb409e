//! What a check may say: *held*, *broken* or *blind*, each of a clause of its requirement and of what it was seen on. It
//! cannot say pass; [`crate::judge`] decides that from what was said.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    history::Event,
    views::{Dimension, ends::Whose},
};

/// How many *held* statements are kept in full for each requirement and scenario; of the rest, that they held is kept.
const HELD_KEPT: usize = 12;

/// What one observation, or a few together, say about a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The cluster did what the requirement says.
    Held,
    /// The cluster did something else. The events prove it.
    Broken,
    /// It cannot be told, for the cause that is named.
    Blind,
}

/// Why something cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A watch lost events, or may have.
    Gap,
    /// A question, a command or a read was not answered.
    NoAnswer,
    /// An answer that a cache may still give, and that was not asked for again.
    Cached,
    /// The controller may not have known, or may be slow.
    ControllerLag,
    /// What two observers saw is too close together to have an order.
    NoOrder,
    /// The scenario did not come to it, or nothing of it happened in it.
    NotReached,
    /// A container, a node, an eviction or something else that is not the set's doing stood in the way.
    Surroundings,
    /// The server does not tell.
    NotTold,
}

impl From<Whose> for Cause {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Hidden => Cause::Gap,
            Whose::Driver => Cause::NotReached,
            Whose::Surroundings => Cause::Surroundings,
        }
    }
}

/// What a statement is about: for each dimension, which member of it.
pub type Subject = BTreeMap<Dimension, String>;

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Held, broken or blind.
    pub kind: Kind,
    /// The clause of the requirement that it is about.
    pub clause: String,
    /// What it was seen on.
    #[serde(default, skip_serializing_if = "Subject::is_empty")]
    pub of: Subject,
    /// Why it cannot be told; of what is blind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The scenario in whose history it was found.
    pub scenario: String,
    /// For a person to read: the fact first.
    pub what: String,
    /// The smallest set of events that shows it, by their numbers.
    pub events: Vec<u64>,
}

/// A number that was measured on the way, such as the time in which DNS followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured, with its unit last: `dns_switch_secs`.
    pub name: String,
    /// Whose number it is: a backend, an ordinal.
    pub of: String,
    /// The scenario in which it was measured.
    pub scenario: String,
    /// The number.
    pub value: f64,
}

/// That a clause held for a subject, and the events that show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The clause.
    pub clause: &'static str,
    /// What it held for.
    pub of: Subject,
    /// The events of the first time that it was seen to hold.
    pub events: Vec<u64>,
}

/// Collects what one check says about one history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    scenario: String,
    /// How often the requirement was seen to hold.
    pub held: u64,
    /// What was said, in order; of the *held* only the first few.
    pub findings: Vec<Finding>,
    /// What held for what: each clause and subject once.
    pub evidence: Vec<Evidence>,
    /// What was measured.
    pub measurements: Vec<Measurement>,
    /// What there is evidence of already.
    known: HashSet<(&'static str, Subject)>,
}

impl Findings {
    /// Nothing said yet about that scenario's history.
    pub fn of(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), ..Self::default() }
    }

    /// Begins a statement about a clause of the requirement: what it is about is added, and then what is said.
    pub fn on(&mut self, clause: &'static str) -> Say<'_> {
        Say { findings: self, clause, of: Subject::new() }
    }

    /// A number, for the reports; it decides nothing.
    pub fn measure(&mut self, name: &str, of: impl Into<String>, value: f64) {
        let scenario = self.scenario.clone();
        self.measurements.push(Measurement { name: name.to_owned(), of: of.into(), scenario, value });
    }

    /// What was said of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }
}

/// A statement that has been begun: the clause, and what it is about so far.
#[derive(Debug)]
#[must_use = "nothing is said until held, broken, blind or expect"]
pub struct Say<'f> {
    findings: &'f mut Findings,
    clause: &'static str,
    of: Subject,
}

impl Say<'_> {
    /// It is about this member of a dimension.
    pub fn of(mut self, dimension: Dimension, member: impl Into<String>) -> Self {
        self.of.insert(dimension, member.into());
        self
    }

    /// It is about this pod: its name as [`crate::views::Set::key`] gives it.
    pub fn pod(self, pod: impl Into<String>) -> Self {
        self.of(Dimension::Pod, pod)
    }

    /// The cluster did what the clause says: counts as one observation.
    pub fn held(self, what: impl Into<String>, events: &[&Event]) {
        let Self { findings, clause, of } = self;
        findings.held += 1;
        if findings.known.insert((clause, of.clone())) {
            findings.evidence.push(Evidence { clause, of: of.clone(), events: numbers(events) });
        }
        if findings.held as usize <= HELD_KEPT {
            Self { findings, clause, of }.say(Kind::Held, None, what.into(), events);
        }
    }

    /// The cluster broke the requirement. `what` starts with the fact; `events` are the few that prove it.
    pub fn broken(self, what: impl Into<String>, events: &[&Event]) {
        self.say(Kind::Broken, None, what.into(), events);
    }

    /// It cannot be told whether the requirement held. `what` names what was missing.
    pub fn blind(self, cause: Cause, what: impl Into<String>, events: &[&Event]) {
        self.say(Kind::Blind, Some(cause), what.into(), events);
    }

    /// Held if the condition is true, broken if not. The two texts say what was seen.
    pub fn expect(self, holds: bool, held: impl Into<String>, broken: impl Into<String>, events: &[&Event]) {
        if holds { self.held(held, events) } else { self.broken(broken, events) }
    }

    fn say(self, kind: Kind, cause: Option<Cause>, what: String, events: &[&Event]) {
        let Self { findings, clause, of } = self;
        let (clause, scenario) = (clause.to_owned(), findings.scenario.clone());
        findings.findings.push(Finding { kind, clause, of, cause, scenario, what, events: numbers(events) });
    }
}

fn numbers(events: &[&Event]) -> Vec<u64> {
    let mut events: Vec<u64> = events.iter().map(|event| event.seq).collect();
    events.sort_unstable();
    events.dedup();
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_names_the_scenario_and_only_the_first_that_held_are_kept() {
        let mut findings = Findings::of("first-start");
        (0..20).for_each(|n| findings.on("order").held(format!("it held, {n}"), &[]));
        findings.on("order").expect(false, "it held", "it broke", &[]);
        findings.measure("wait_secs", "web-0", 1.5);
        assert_eq!((findings.held, findings.of_kind(Kind::Held).count()), (20, HELD_KEPT));
        assert_eq!(findings.of_kind(Kind::Broken).map(|f| f.what.as_str()).collect::<Vec<_>>(), ["it broke"]);
        assert!(findings.findings.iter().all(|finding| finding.scenario == "first-start"));
        assert_eq!(
            (findings.measurements[0].scenario.as_str(), findings.measurements[0].value),
            ("first-start", 1.5)
        );
    }

    #[test]
    fn evidence_is_kept_of_everything_that_held_for_something_else() {
        let mut findings = Findings::of("first-start");
        for pod in 0..30 {
            findings.on("order").pod(format!("web-{pod}")).held("it held", &[]);
            findings.on("order").pod(format!("web-{pod}")).held("it held again", &[]);
        }
        findings.on("order").pod("web-99").blind(Cause::Gap, "a gap hides it", &[]);
        assert_eq!((findings.held, findings.evidence.len()), (60, 30));
        assert_eq!(findings.of_kind(Kind::Blind).next().and_then(|f| f.cause), Some(Cause::Gap));
    }
}
