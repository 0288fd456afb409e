//! What a check may say: *held*, *broken* or *blind*. It cannot say pass; [`crate::judge`] decides that from what was said.

use serde::{Deserialize, Serialize};

use crate::history::Event;

/// How many *held* statements are kept in full for each requirement and scenario; the rest is counted.
const HELD_KEPT: usize = 12;

/// What one observation, or a few together, say about a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The cluster did what the requirement says.
    Held,
    /// The cluster did something else. The events prove it.
    Broken,
    /// It cannot be told, because of the gap that the events show.
    Blind,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Held, broken or blind.
    pub kind: Kind,
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

/// Collects what one check says about one history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    scenario: String,
    /// How often the requirement was seen to hold.
    pub held: u64,
    /// What was said, in order; of the *held* only the first few.
    pub findings: Vec<Finding>,
    /// What was measured.
    pub measurements: Vec<Measurement>,
}

impl Findings {
    /// Nothing said yet about that scenario's history.
    pub fn of(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), ..Self::default() }
    }

    /// The cluster did what the requirement says: counts as one observation.
    pub fn held(&mut self, what: impl Into<String>, events: &[&Event]) {
        self.held += 1;
        if self.held as usize <= HELD_KEPT {
            self.say(Kind::Held, what.into(), events);
        }
    }

    /// The cluster broke the requirement. `what` starts with the fact; `events` are the few that prove it.
    pub fn broken(&mut self, what: impl Into<String>, events: &[&Event]) {
        self.say(Kind::Broken, what.into(), events);
    }

    /// It cannot be told whether the requirement held. `what` names what was missing.
    pub fn blind(&mut self, what: impl Into<String>, events: &[&Event]) {
        self.say(Kind::Blind, what.into(), events);
    }

    /// Held if the condition is true, broken if not. The two texts say what was seen.
    pub fn expect(
        &mut self,
        holds: bool,
        held: impl Into<String>,
        broken: impl Into<String>,
        events: &[&Event],
    ) {
        if holds { self.held(held, events) } else { self.broken(broken, events) }
    }

    /// A number, for the reports; it decides nothing.
    pub fn measure(&mut self, name: &str, of: impl Into<String>, value: f64) {
        let scenario = self.scenario.clone();
        self.measurements.push(Measurement { name: name.to_owned(), of: of.into(), scenario, value });
    }

    fn say(&mut self, kind: Kind, what: String, events: &[&Event]) {
        let mut events: Vec<u64> = events.iter().map(|event| event.seq).collect();
        events.sort_unstable();
        events.dedup();
        self.findings.push(Finding { kind, scenario: self.scenario.clone(), what, events });
    }

    /// What was said of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_names_the_scenario_and_only_the_first_that_held_are_kept() {
        let mut findings = Findings::of("first-start");
        (0..20).for_each(|n| findings.held(format!("it held, {n}"), &[]));
        findings.expect(false, "it held", "it broke", &[]);
        findings.measure("wait_secs", "web-0", 1.5);
        assert_eq!((findings.held, findings.of_kind(Kind::Held).count()), (20, HELD_KEPT));
        assert_eq!(findings.of_kind(Kind::Broken).map(|f| f.what.as_str()).collect::<Vec<_>>(), ["it broke"]);
        assert!(findings.findings.iter().all(|finding| finding.scenario == "first-start"));
        assert_eq!(
            (findings.measurements[0].scenario.as_str(), findings.measurements[0].value),
            ("first-start", 1.5)
        );
    }
}
