//! JUnit: one suite for each area, one case for each requirement, flat; the last case is the verdict of the run.
//!
//! There is no standard for it, only what consumers read and what two schemas allow. [`JunitDialect::Rich`] is for those that
//! do not validate, which is nearly all; [`JunitDialect::Strict`] is valid in both schemas. Whatever happened, the file is green
//! exactly when the exit code is 0. In the rich dialect everything red is a `<failure>`, because there are consumers that
//! count an `<error>` as passed.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::{Outcome, Report, outcome, text::one_line};
use crate::{
    judge::{Judged, Verdict},
    options::{JunitDialect, JunitStyle},
    spec::Requirement,
};

mod case_text;
mod check;
mod of_run;
mod properties;
mod times;
mod xml;

/// How long a message may be: some consumers cut the middle out of longer ones.
const MESSAGE_CHARS: usize = 140;

/// The files to attach to what did not pass, the most important first, relative to the JUnit file.
const ATTACHMENTS: &[&str] = &["report.html", "history.jsonl"];

/// The whole file, checked: it reads, its counters are those of its elements, and it is green exactly when the run is.
pub fn render(report: &Report<'_>, style: &JunitStyle) -> Result<String> {
    let file = xml::write(&suites(report, style), style)?;
    check::check(&file, report.outcome == Outcome::Pass)?;
    Ok(file)
}

/// The requirements of one area, or what the run itself has to answer for.
struct Suite {
    name: String,
    /// When its first scenario began.
    began: Timestamp,
    properties: Properties,
    cases: Vec<Case>,
}

impl Suite {
    /// The sum of its cases' times: what schemas and most consumers mean by the time of a suite.
    fn secs(&self) -> f64 {
        self.cases.iter().map(|case| case.secs).sum()
    }
}

/// One requirement.
struct Case {
    /// The requirement's id alone, so that its history on a dashboard survives another title.
    name: String,
    /// Its share of the run's wall time, in seconds.
    secs: f64,
    /// The requirement's file, where the reader has it.
    file: Option<String>,
    properties: Properties,
    trouble: Option<Trouble>,
    attachments: Vec<String>,
}

type Properties = Vec<(String, String)>;

/// The one child that tells why a case did not pass.
struct Trouble {
    element: Element,
    kind: &'static str,
    message: String,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Failure,
    Error,
    Skipped,
}

fn suites(report: &Report<'_>, style: &JunitStyle) -> Vec<Suite> {
    let times = times::shares(report);
    let areas = report.by_area().into_iter().map(|(area, judged)| {
        let cases = judged.iter().map(|judged| case(report, judged, times.of(judged), style)).collect();
        suite(report, area, &judged, cases, style)
    });
    let mut suites: Vec<Suite> = areas.collect();
    let own = of_run::cases(report, times.rest_secs, style);
    suites.push(suite(report, "run", &[], own, style));
    suites
}

fn suite(report: &Report<'_>, area: &str, judged: &[&Judged], cases: Vec<Case>, style: &JunitStyle) -> Suite {
    let requirements = judged.iter().filter_map(|judged| report.requirement(judged));
    let scenarios = requirements.flat_map(|requirement| &requirement.judged_on);
    let from = scenarios.filter_map(|id| report.scenario(id)).map(|scenario| scenario.began_secs);
    let from = from.reduce(f64::min).unwrap_or(0.0);
    let run_began: Timestamp = report.header.started_at.parse().unwrap_or_default();
    let began = run_began.checked_add(SignedDuration::from_millis((from * 1e3) as i64)).unwrap_or(run_began);
    let prefix = style.suite_prefix.as_deref().map(|prefix| format!("{prefix}.")).unwrap_or_default();
    let name = one_line(&format!("{prefix}steadfast.{area}"), 200);
    Suite { name, began, properties: properties::of_run(report, began, style), cases }
}

fn case(report: &Report<'_>, judged: &Judged, secs: f64, style: &JunitStyle) -> Case {
    let file = |folder: &String, requirement: &Requirement| {
        let folder = folder.trim_end_matches('/');
        one_line(&format!("{folder}/{}/{}.yaml", requirement.area, requirement.id), 300)
    };
    let properties = properties::of_case(report, judged);
    let trouble = trouble(report, judged, &properties, style);
    let attached = trouble.as_ref().is_some_and(|trouble| trouble.element != Element::Skipped);
    Case {
        name: one_line(&judged.id, 300),
        secs,
        file: style.specs.as_ref().zip(report.requirement(judged)).map(|(folder, r)| file(folder, r)),
        properties,
        trouble,
        attachments: if attached { attachments(style) } else { Vec::new() },
    }
}

/// One path a line, each alone on its line, as the consumers want them.
fn attachments(style: &JunitStyle) -> Vec<String> {
    let base = style.attachment_base.as_deref().map(|base| format!("{}/", base.trim_end_matches('/')));
    let base = base.unwrap_or_default();
    ATTACHMENTS.iter().map(|path| format!("[[ATTACHMENT|{base}{path}]]")).collect()
}

/// Why the case did not pass; none for a pass.
fn trouble(
    report: &Report<'_>,
    judged: &Judged,
    properties: &Properties,
    style: &JunitStyle,
) -> Option<Trouble> {
    let (element, kind) = result(judged, style.dialect)?;
    let fact = one_line(judged.why().unwrap_or(judged.verdict.word()), MESSAGE_CHARS);
    let message = match element {
        Element::Skipped => one_line(&format!("{kind}: {fact}"), MESSAGE_CHARS),
        Element::Failure | Element::Error => fact,
    };
    let mut text = case_text::of(report, judged);
    if let Some(url) = &style.report_url {
        text += &format!("report:  {url}\n");
    }
    if style.dialect == JunitDialect::Strict {
        text += &case_text::of_properties(properties);
    }
    Some(Trouble { element, kind, message, text })
}

/// The element for a verdict, and its type. An informational requirement is never red.
fn result(judged: &Judged, dialect: JunitDialect) -> Option<(Element, &'static str)> {
    let (element, kind) = match &judged.verdict {
        Verdict::Pass { .. } => return None,
        Verdict::Fail => (Element::Failure, "violation"),
        _ if judged.panicked.is_some() => return Some((unjudged(dialect), "internal")),
        Verdict::Inconclusive { .. } => (unjudged(dialect), "inconclusive"),
        Verdict::NotApplicable { .. } => (Element::Skipped, "not-applicable"),
        Verdict::Recorded { .. } => (Element::Skipped, "informational"),
        Verdict::NotRun { interrupted: true, .. } => (unjudged(dialect), "interrupted"),
        Verdict::NotRun { .. } => (unjudged(dialect), "not-run"),
    };
    let informational = !outcome::gates(judged) && element != Element::Skipped;
    Some(if informational { (Element::Skipped, "informational") } else { (element, kind) })
}

/// The element for what is red and no violation.
const fn unjudged(dialect: JunitDialect) -> Element {
    match dialect {
        JunitDialect::Rich => Element::Failure,
        JunitDialect::Strict => Element::Error,
    }
}

#[cfg(test)]
mod tests;
