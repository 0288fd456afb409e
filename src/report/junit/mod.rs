//! JUnit: one suite for each area, one case for each requirement, flat.
//!
//! There is no standard for it, only what consumers read and what two schemas allow. [`Dialect::Rich`] is for those that
//! do not validate, which is nearly all; [`Dialect::Strict`] is valid in both schemas. Whatever happened, the file is green
//! exactly when the exit code is 0.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::{Outcome, Report, outcome, text::one_line};
use crate::{
    judge::{Judged, Verdict},
    spec::Requirement,
};

mod case_text;
mod check;
mod properties;
mod xml;

/// How long a message may be: some consumers cut the middle out of longer ones.
const MESSAGE_CHARS: usize = 140;

/// Which consumers the file is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// With properties, files and output of each case. For all consumers that do not validate.
    #[default]
    Rich,
    /// Valid in the schemas of the Jenkins xUnit plugin and of Ant; what does not fit is told in the texts.
    Strict,
}

/// What a JUnit file needs to know beside the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which consumers it is for.
    pub dialect: Dialect,
    /// The host that the harness ran on.
    pub hostname: String,
    /// The files to attach to what did not pass, the most important first, relative to the JUnit file.
    pub attachments: Vec<String>,
    /// A folder to put before each of them, for consumers that want absolute paths.
    pub attachment_base: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: Dialect::Rich,
            hostname: "localhost".to_owned(),
            attachments: vec!["report.html".to_owned(), "history.jsonl".to_owned()],
            attachment_base: None,
        }
    }
}

/// The whole file, checked: it reads, its counters are those of its elements, and it is green exactly when the run is.
pub fn render(report: &Report<'_>, options: &Options) -> Result<String> {
    let file = xml::write(&suites(report, options), options)?;
    check::check(&file, report.outcome == Outcome::Pass)?;
    Ok(file)
}

/// The requirements of one area.
struct Suite {
    name: String,
    /// When its first scenario began, without a zone.
    began: Timestamp,
    /// From the begin of its first scenario to the end of its last.
    wall_secs: f64,
    properties: Properties,
    cases: Vec<Case>,
}

/// One requirement.
struct Case {
    name: String,
    classname: String,
    wall_secs: f64,
    /// The requirement's file.
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

fn suites(report: &Report<'_>, options: &Options) -> Vec<Suite> {
    let areas = report.by_area().into_iter().map(|(area, judged)| {
        let cases = judged.iter().map(|judged| case(report, judged, options)).collect();
        suite(report, area, &judged, cases)
    });
    let mut suites: Vec<Suite> = areas.collect();
    let own = run_cases(report, &suites, options);
    if !own.is_empty() {
        suites.push(suite(report, "run", &[], own));
    }
    suites
}

fn suite(report: &Report<'_>, name: &str, judged: &[&Judged], cases: Vec<Case>) -> Suite {
    let requirements = judged.iter().filter_map(|judged| report.requirement(judged));
    let scenarios = requirements.flat_map(|requirement| &requirement.judged_on);
    let spans = scenarios.filter_map(|id| report.scenario(id)).map(|s| (s.began_secs, s.ended_secs()));
    let (from, until) =
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, report.figures.wall_secs));
    let run_began: Timestamp = report.header.started_at.parse().unwrap_or_default();
    let began = run_began.checked_add(SignedDuration::from_millis((from * 1e3) as i64)).unwrap_or(run_began);
    let wall_secs = until - from;
    Suite { name: one_line(name, 80), began, wall_secs, properties: properties::of_run(report, began), cases }
}

fn case(report: &Report<'_>, judged: &Judged, options: &Options) -> Case {
    let requirement = report.requirement(judged);
    let properties = properties::of_case(report, judged);
    let trouble = trouble(report, judged, &properties, options);
    let attached = trouble.as_ref().is_some_and(|trouble| trouble.element != Element::Skipped);
    Case {
        name: one_line(&format!("{} {}", judged.id, judged.title), 300),
        classname: one_line(&format!("steadfast.{}", judged.area), 100),
        wall_secs: judged.wall_secs,
        file: requirement.map(file),
        properties,
        trouble,
        attachments: if attached { attachments(options) } else { Vec::new() },
    }
}

fn file(requirement: &Requirement) -> String {
    one_line(&format!("specs/{}/{}.yaml", requirement.area, requirement.id), 300)
}

/// One path a line, each alone on its line, as the consumers want them.
fn attachments(options: &Options) -> Vec<String> {
    let base = options.attachment_base.as_deref().map(|base| format!("{}/", base.trim_end_matches('/')));
    let base = base.unwrap_or_default();
    options.attachments.iter().map(|path| format!("[[ATTACHMENT|{base}{path}]]")).collect()
}

/// Why the case did not pass; none for a pass.
fn trouble(
    report: &Report<'_>,
    judged: &Judged,
    properties: &Properties,
    options: &Options,
) -> Option<Trouble> {
    let (element, kind) = result(judged)?;
    let fact = one_line(judged.why().unwrap_or(judged.verdict.word()), MESSAGE_CHARS);
    let message = match element {
        Element::Skipped => one_line(&format!("{kind}: {fact}"), MESSAGE_CHARS),
        Element::Failure | Element::Error => fact,
    };
    let mut text = case_text::of(report, judged);
    if options.dialect == Dialect::Strict {
        text += &case_text::of_properties(properties);
    }
    Some(Trouble { element, kind, message, text })
}

/// The element for a verdict, and its type. An informational requirement is never red.
fn result(judged: &Judged) -> Option<(Element, &'static str)> {
    let (element, kind) = match &judged.verdict {
        Verdict::Pass { .. } => return None,
        Verdict::Fail => (Element::Failure, "Violation"),
        _ if judged.panicked.is_some() => return Some((Element::Error, "Internal")),
        Verdict::Inconclusive { .. } => (Element::Error, "Inconclusive"),
        Verdict::NotApplicable { .. } => (Element::Skipped, "NotApplicable"),
        Verdict::Recorded { .. } => (Element::Skipped, "Informational"),
        Verdict::NotRun { interrupted: true, .. } => (Element::Error, "Interrupted"),
        Verdict::NotRun { .. } => (Element::Error, "NotRun"),
    };
    let informational = !outcome::gates(judged) && element != Element::Skipped;
    Some(if informational { (Element::Skipped, "Informational") } else { (element, kind) })
}

/// What the run itself has to answer for: each trouble beside the verdicts is a case, and so is an outcome that would
/// otherwise leave the file green.
fn run_cases(report: &Report<'_>, suites: &[Suite], options: &Options) -> Vec<Case> {
    let told = &report.circumstances;
    let known = [
        ("run-cleanup everything that was created is gone", "Cleanup", &told.left_behind),
        ("run-reports every report is written", "ReportIo", &told.report_error),
        ("run-internal the harness has no bug", "Internal", &told.internal_error),
        ("run-record the record has its seal", "Unsealed", &told.unsealed),
        ("run-ended the run has ended", "Unfinished", &told.unfinished),
    ];
    let known = known.into_iter().filter_map(|(name, kind, why)| Some((name, kind, why.clone()?)));
    let mut cases: Vec<Case> =
        known.map(|(name, kind, why)| run_case(report, name, kind, &why, options)).collect();
    let red = |case: &Case| case.trouble.as_ref().is_some_and(|t| t.element != Element::Skipped);
    let is_red = cases.iter().chain(suites.iter().flat_map(|suite| &suite.cases)).any(red);
    if report.outcome != Outcome::Pass && !is_red {
        let (name, kind) = unspoken(report.outcome);
        let why = told.preflight_refused.as_deref().unwrap_or(report.outcome.meaning());
        cases.push(run_case(report, name, kind, why, options));
    }
    cases
}

/// The case for an outcome that no requirement shows.
const fn unspoken(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::NothingRan => ("run-selection something that was selected applies", "NothingRan"),
        Outcome::Interrupted | Outcome::Terminated | Outcome::HungUp | Outcome::PipeClosed => {
            ("run-uninterrupted the run came to its end", "Interrupted")
        }
        Outcome::Precondition => ("run-preflight the cluster can be tested", "NotRun"),
        Outcome::Internal => ("run-internal the harness has no bug", "Internal"),
        _ => ("run-verdict the run has a verdict", "Inconclusive"),
    }
}

fn run_case(report: &Report<'_>, name: &str, kind: &'static str, why: &str, options: &Options) -> Case {
    let text = format!("{} (exit {})\n\n{why}\n", report.outcome.meaning(), report.outcome.code());
    Case {
        name: name.to_owned(),
        classname: "steadfast.run".to_owned(),
        wall_secs: 0.0,
        file: None,
        properties: Properties::new(),
        trouble: Some(Trouble { element: Element::Error, kind, message: one_line(why, MESSAGE_CHARS), text }),
        attachments: attachments(options),
    }
}

#[cfg(test)]
mod tests;
