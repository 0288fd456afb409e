//! What a JUnit case says when it did not pass: the requirement, the events, a timeline, and where to look.

use std::fmt::Write;

use super::Properties;
use crate::{
    checks::{Finding, Kind},
    judge::Judged,
    report::{Report, ascii, text::wrapped, witness::Line},
};

/// How many findings are told in full; `report.html` has all.
const FINDINGS_SHOWN: usize = 8;

/// How many events of one finding are told.
const EVENTS_SHOWN: usize = 24;

/// How wide prose is.
const WIDTH: usize = 110;

/// The text of a case. It begins with the id, not with the message, because consumers show both.
pub(super) fn of(report: &Report<'_>, judged: &Judged) -> String {
    let mut text = format!("{}: {}\n", judged.id, judged.title);
    if let Some(requirement) = report.requirement(judged) {
        text += &wrapped(&format!("\"{}\"", requirement.requirement.trim()), "", WIDTH);
    }
    if let Some(reason) = judged.verdict.reason() {
        text += &format!("\n{}: {reason}\n", judged.verdict.word());
    }
    if let Some(panic) = &judged.panicked {
        text += &format!("\na bug in steadfast, please report it with the history: {panic}\n");
    }
    text += &findings(report, judged);
    text += &timelines(report, judged);
    if let Some(look) = report.look(judged) {
        text += &format!("\nlook:    {look}\n");
    }
    text + &format!("explain: steadfast explain {}\nmore:    report.html#{}\n", judged.id, judged.id)
}

/// The properties of a case, for a dialect that has no place for them.
pub(super) fn of_properties(properties: &Properties) -> String {
    let lines = properties.iter().map(|(name, value)| format!("{name}={value}\n"));
    format!("\nproperties:\n{}", lines.collect::<String>())
}

fn telling(judged: &Judged) -> impl Iterator<Item = &Finding> {
    judged.findings.iter().filter(|finding| finding.kind != Kind::Held)
}

fn findings(report: &Report<'_>, judged: &Judged) -> String {
    let mut text = String::new();
    for finding in telling(judged).take(FINDINGS_SHOWN) {
        let kind = if finding.kind == Kind::Broken { "broken" } else { "cannot be told" };
        writeln!(text, "\n{kind} in {}: {}", finding.scenario, finding.what).expect("writing to a string");
        if let Some(history) = report.history(&finding.scenario) {
            for line in Line::all(history, &finding.events).iter().take(EVENTS_SHOWN) {
                writeln!(text, "  {line}").expect("writing to a string");
            }
        }
    }
    match telling(judged).count().saturating_sub(FINDINGS_SHOWN) {
        0 => text,
        more => text + &format!("\nand {more} more\n"),
    }
}

/// The timeline of each scenario in which something is told, with those events marked.
fn timelines(report: &Report<'_>, judged: &Judged) -> String {
    let mut scenarios: Vec<&str> = telling(judged).map(|finding| finding.scenario.as_str()).collect();
    scenarios.dedup();
    let drawn = scenarios.into_iter().take(FINDINGS_SHOWN).filter_map(|scenario| {
        let here = telling(judged).filter(|finding| finding.scenario == scenario);
        let events: Vec<u64> = here.flat_map(|finding| finding.events.iter().copied()).collect();
        Some(format!("\n{scenario}\n{}", ascii::timeline(report.history(scenario)?, &events)))
    });
    drawn.collect()
}
