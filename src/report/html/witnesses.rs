//! Which events of a scenario are marked, and with which number: one numbering for the evidence and the timeline.

use std::collections::BTreeMap;

use super::timeline::Witness;
use crate::{
    checks::{Finding, Kind},
    report::Report,
};

/// How many findings of one requirement are marked; the evidence has more.
pub(super) const MARKED_FINDINGS: usize = 5;

/// How many events of one finding are marked.
const MARKED_EVENTS: usize = 8;

/// The marked events of every scenario, by its id, in the order of time.
pub(super) type Witnesses = BTreeMap<String, Vec<Witness>>;

/// The events that prove what is broken, and those that show what could not be told.
pub(super) fn of(report: &Report<'_>) -> Witnesses {
    let mut marked: BTreeMap<String, BTreeMap<u64, Witness>> = BTreeMap::new();
    for judged in &report.judged {
        for (finding, class) in telling(&judged.findings) {
            for seq in finding.events.iter().take(MARKED_EVENTS) {
                let of_scenario = marked.entry(finding.scenario.clone()).or_default();
                let witness = of_scenario.entry(*seq).or_insert_with(|| first(*seq, &judged.id, class));
                let line = format!("{}: {}", judged.id, finding.what);
                witness.title =
                    if witness.title.is_empty() { line } else { format!("{}\n{line}", witness.title) };
                if class == "broken" {
                    witness.class = class;
                }
            }
        }
    }
    marked.into_iter().map(|(scenario, witnesses)| (scenario, numbered(witnesses))).collect()
}

/// The findings that are marked: the first few that are broken, or else the first few that are blind.
fn telling(findings: &[Finding]) -> Vec<(&Finding, &'static str)> {
    let of = |kind, class| {
        let all = findings.iter().filter(move |finding| finding.kind == kind);
        all.take(MARKED_FINDINGS).map(|finding| (finding, class)).collect::<Vec<_>>()
    };
    let broken = of(Kind::Broken, "broken");
    if broken.is_empty() { of(Kind::Blind, "blind") } else { broken }
}

fn first(seq: u64, requirement: &str, class: &'static str) -> Witness {
    Witness { seq, number: 0, class, requirement: requirement.to_owned(), title: String::new() }
}

fn numbered(witnesses: BTreeMap<u64, Witness>) -> Vec<Witness> {
    let mut witnesses: Vec<Witness> = witnesses.into_values().collect();
    for (index, witness) in witnesses.iter_mut().enumerate() {
        witness.number = index + 1;
    }
    witnesses
}
