//! The cases of the run itself: each trouble beside the verdicts, and at the end the verdict of it all.

use super::{Case, MESSAGE_CHARS, Properties, Trouble, attachments, properties, unjudged};
use crate::{
    options::JunitStyle,
    report::{Outcome, Report, text::one_line},
};

/// The name of the last case, which is red exactly when the exit code is not 0.
pub(super) const VERDICT: &str = "verdict";

/// The cases, the last of which takes the time that no requirement has.
pub(super) fn cases(report: &Report<'_>, rest_secs: f64, style: &JunitStyle) -> Vec<Case> {
    let told = &report.circumstances;
    let known = [
        ("run-cleanup", "cleanup", &told.left_behind),
        ("run-reports", "report-io", &told.report_error),
        ("run-internal", "internal", &told.internal_error),
        ("run-record", "unsealed", &told.unsealed),
        ("run-ended", "unfinished", &told.unfinished),
    ];
    let known = known.into_iter().filter_map(|(name, kind, why)| Some((name, kind, why.as_deref()?)));
    let trouble = |(name, kind, why)| {
        let text = format!("{} (exit {})\n\n{why}\n", report.outcome.meaning(), report.outcome.code());
        case(name, Some(red(kind, why, text, style)), style)
    };
    let mut cases: Vec<Case> = known.map(trouble).collect();
    cases.push(verdict(report, rest_secs, style));
    cases
}

fn verdict(report: &Report<'_>, rest_secs: f64, style: &JunitStyle) -> Case {
    let (outcome, counts) = (report.outcome, properties::counts(report));
    let trouble = (outcome != Outcome::Pass).then(|| {
        let refused = report.circumstances.preflight_refused.as_deref();
        let why = refused.unwrap_or(outcome.meaning());
        let counted: String = counts.iter().map(|(name, count)| format!("  {name} {count}\n")).collect();
        let text = format!("{}: {why} (exit {})\n\n{counted}", outcome.name(), outcome.code());
        red(kind(outcome), why, text, style)
    });
    Case { secs: rest_secs, properties: counts, ..case(VERDICT, trouble, style) }
}

fn case(name: &str, trouble: Option<Trouble>, style: &JunitStyle) -> Case {
    let attachments = if trouble.is_some() { attachments(style) } else { Vec::new() };
    Case { name: name.to_owned(), secs: 0.0, file: None, properties: Properties::new(), trouble, attachments }
}

fn red(kind: &'static str, why: &str, text: String, style: &JunitStyle) -> Trouble {
    Trouble { element: unjudged(style.dialect), kind, message: one_line(why, MESSAGE_CHARS), text }
}

/// The type of the verdict's result.
const fn kind(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Violation => "violation",
        Outcome::Precondition => "precondition",
        Outcome::NothingRan => "nothing-ran",
        Outcome::CleanupFailed => "cleanup",
        Outcome::Usage => "usage",
        Outcome::Internal => "internal",
        Outcome::ReportIo => "report-io",
        Outcome::Unfinished => "unfinished",
        Outcome::Interrupted | Outcome::Terminated | Outcome::HungUp | Outcome::PipeClosed => "interrupted",
        Outcome::Pass | Outcome::Inconclusive | Outcome::SelftestSurvivor => "inconclusive",
    }
}
