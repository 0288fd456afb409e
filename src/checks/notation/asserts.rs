//! What tests of checks say about a noted history.

use super::Notes;
use crate::{
    checks::{Check, Finding, Findings, Kind},
    history::History,
    views::View,
};

/// The history that these statements tell.
pub fn history(statements: &str) -> History {
    Notes::new().say(statements).history()
}

/// What a check says about a history.
pub fn judge(check: &Check, history: &History) -> Findings {
    let mut findings = Findings::of(&history.scenario);
    (check.judge)(&View::of(history), &mut findings);
    findings
}

/// The check finds these statements held exactly that often, and nothing broken or blind.
pub fn assert_held(check: &Check, statements: &str, times: u64) {
    let findings = judge(check, &history(statements));
    let others: Vec<_> = findings.findings.iter().filter(|finding| finding.kind != Kind::Held).collect();
    assert!(others.is_empty(), "expected nothing but held, found {others:#?}");
    assert_eq!(findings.held, times, "held: {:#?}", findings.findings);
}

/// The check finds these statements broken, says so with these words, and names events that prove it.
pub fn assert_broken(check: &Check, statements: &str, words: &str) {
    assert_says(check, statements, Kind::Broken, words);
}

/// The check cannot tell from these statements, says so with these words, and finds nothing broken.
pub fn assert_blind(check: &Check, statements: &str, words: &str) {
    let findings = assert_says(check, statements, Kind::Blind, words);
    assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "broken: {:#?}", findings.findings);
}

fn assert_says(check: &Check, statements: &str, kind: Kind, words: &str) -> Findings {
    let findings = judge(check, &history(statements));
    let said = findings.of_kind(kind).find(|finding| finding.what.contains(words));
    let said: &Finding =
        said.unwrap_or_else(|| panic!("no {kind:?} finding says `{words}`: {:#?}", findings.findings));
    assert!(!said.events.is_empty(), "`{}` names no event", said.what);
    findings
}

/// The check says nothing at all about these statements, which leaves its clauses without evidence.
pub fn assert_silent(check: &Check, statements: &str) {
    let findings = judge(check, &history(statements));
    assert!(findings.findings.is_empty(), "expected silence, found {:#?}", findings.findings);
}
