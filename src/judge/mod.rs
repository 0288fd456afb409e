//! The one place that turns findings into verdicts. Pure.
//!
//! A check cannot say pass. Any *broken*, in any recorded scenario, is a fail, whatever the other scenarios did; else any
//! *blind*, or a clause without a *held* for everything that the record says exists, is inconclusive; else it is a pass, with
//! the number of observations that held. Only a prerequisite that itself failed turns what needs it into *not run*.

mod applies;
mod coverage;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::{Deserialize, Serialize};

use crate::{
    checks::{self, Cause, Finding, Findings, Kind, Measurement},
    history::{AbortCause, Event, History, Resource, Step, file::ClusterFacts},
    spec::{Catalogue, Level, Requirement},
    views::View,
};

pub use coverage::Covered;

/// What is concluded about one requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The promise was seen to be kept, this often, and never to be broken.
    Pass {
        /// How many observations held.
        held: u64,
    },
    /// The promise was seen to be broken.
    Fail,
    /// What the cluster does was recorded, and nothing is required of it.
    Recorded {
        /// What it does.
        what: String,
    },
    /// It was tried, and the record does not tell.
    Inconclusive {
        /// What was missing.
        reason: String,
    },
    /// This cluster does not make the promise.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// It was not tried, or not to its end.
    NotRun {
        /// Why.
        reason: String,
        /// Whether that is because the run was interrupted.
        interrupted: bool,
    },
}

impl Verdict {
    /// The word that reports use.
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::Pass { .. } => "pass",
            Verdict::Fail => "fail",
            Verdict::Recorded { .. } => "recorded",
            Verdict::Inconclusive { .. } => "inconclusive",
            Verdict::NotApplicable { .. } => "not applicable",
            Verdict::NotRun { .. } => "not run",
        }
    }

    /// Why, for the verdicts that are a matter of reasons and not of evidence.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Pass { .. } | Verdict::Fail => None,
            Verdict::Recorded { what } => Some(what),
            Verdict::Inconclusive { reason }
            | Verdict::NotApplicable { reason }
            | Verdict::NotRun { reason, .. } => Some(reason),
        }
    }
}

/// One requirement with its verdict and the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The requirement's id.
    pub id: String,
    /// Its area.
    pub area: String,
    /// Its level.
    pub level: Level,
    /// Its title.
    pub title: String,
    /// What is concluded.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// For each clause, how much evidence it needs and has, and what is missing.
    #[serde(default)]
    pub clauses: Vec<Covered>,
    /// The evidence: all that is broken or blind, and the first few of what held.
    pub findings: Vec<Finding>,
    /// What was measured on the way.
    pub measurements: Vec<Measurement>,
    /// The message of a panic in the check: a bug in the harness, which ends with exit code 70.
    pub panicked: Option<String>,
    /// From the start of the first scenario judged to the end of the last, in seconds of the run's clock.
    pub wall_secs: f64,
}

/// Judges the requirements with these ids, and reports them in the order of the catalogue.
///
/// Those that they need are judged as well, selected or not. One of these that failed is reported too: what needs it is not
/// run because of it, and a failure is never hidden.
pub fn judge_all<'h>(
    catalogue: &Catalogue,
    selected: &[String],
    facts: &ClusterFacts,
    histories: impl IntoIterator<Item = &'h History>,
) -> Vec<Judged> {
    let views = histories.into_iter().map(|history| (history.scenario.as_str(), View::of(history)));
    let mut judging = Judging { catalogue, facts, views: views.collect(), done: BTreeMap::new() };
    for requirement in catalogue.requirements.iter().filter(|r| selected.contains(&r.id)) {
        judging.judge(requirement);
    }
    let is_told = |judged: &Judged| selected.contains(&judged.id) || judged.verdict == Verdict::Fail;
    let in_order = catalogue.requirements.iter().filter_map(|r| judging.done.remove(&r.id));
    in_order.filter(is_told).collect()
}

struct Judging<'a, 'h> {
    catalogue: &'a Catalogue,
    facts: &'a ClusterFacts,
    views: Views<'h>,
    done: BTreeMap<String, Judged>,
}

type Views<'h> = BTreeMap<&'h str, View<'h>>;

impl Judging<'_, '_> {
    fn judge(&mut self, requirement: &Requirement) -> Judged {
        if let Some(done) = self.done.get(&requirement.id) {
            return done.clone();
        }
        let needs: Vec<Judged> = requirement
            .needs
            .iter()
            .filter_map(|need| self.catalogue.requirement(need))
            .map(|need| self.judge(need))
            .collect();
        let failed = needs.iter().find(|need| need.verdict == Verdict::Fail);
        let without = applies::not_applicable(requirement, self.facts, &self.views);
        let judged = match without.or_else(|| failed.map(needed)) {
            Some(verdict) => undecided(requirement, verdict, &self.views),
            None => lowered(judge(requirement, &self.views), &needs),
        };
        self.done.insert(requirement.id.clone(), judged.clone());
        judged
    }
}

/// A verdict that is no fail, where something that the requirement needs did not pass.
fn lowered(mut judged: Judged, needs: &[Judged]) -> Judged {
    let unmet = needs.iter().find(|need| !matches!(need.verdict, Verdict::Pass { .. }));
    if let Some(need) = unmet.filter(|_| judged.verdict != Verdict::Fail) {
        judged.verdict = needed(need);
    }
    judged
}

/// The verdict on what needs something that did not pass.
fn needed(need: &Judged) -> Verdict {
    let why = need.why().map(|why| format!(": {why}")).unwrap_or_default();
    let reason = format!("it needs {}, which is {}{why}", need.id, need.verdict.word());
    let interrupted = matches!(need.verdict, Verdict::NotRun { interrupted: true, .. });
    Verdict::NotRun { reason, interrupted }
}

/// A requirement whose verdict is a matter of reasons and not of evidence.
fn undecided(requirement: &Requirement, verdict: Verdict, views: &Views<'_>) -> Judged {
    Judged {
        id: requirement.id.clone(),
        area: requirement.area.clone(),
        level: requirement.level,
        title: requirement.title.clone(),
        verdict,
        clauses: Vec::new(),
        findings: Vec::new(),
        measurements: Vec::new(),
        panicked: None,
        wall_secs: wall_secs(requirement, views),
    }
}

impl Judged {
    /// A requirement that is planned and has not been judged yet.
    pub fn planned(requirement: &Requirement, reason: &str, interrupted: bool) -> Self {
        let verdict = Verdict::NotRun { reason: reason.to_owned(), interrupted };
        undecided(requirement, verdict, &BTreeMap::new())
    }

    /// In one line, why it did not pass; none for a pass.
    pub fn why(&self) -> Option<&str> {
        let broken = self.findings.iter().find(|finding| finding.kind == Kind::Broken);
        self.verdict.reason().or(broken.map(|finding| finding.what.as_str()))
    }

    /// Whether its verdict can end a run otherwise than green.
    pub fn gates(&self) -> bool {
        self.level != Level::Informational
    }
}

/// Asks the check about each recorded scenario, and concludes.
fn judge(requirement: &Requirement, views: &Views<'_>) -> Judged {
    let mut judged = undecided(requirement, Verdict::Fail, views);
    let mut lacks: Vec<Lack> = Vec::new();
    let mut held = 0;
    for scenario in &requirement.judged_on {
        let Some(view) = views.get(scenario.as_str()) else {
            let reason = format!("the scenario {scenario} left no history");
            lacks.push(Lack { reason, not_run: Some(true) });
            continue;
        };
        if let Some((reason, interrupted)) = not_started(view) {
            let reason = format!("the scenario {scenario} was not run: {reason}");
            lacks.push(Lack { reason, not_run: Some(interrupted) });
            continue;
        }
        match ask(requirement, view) {
            Err(panic) => {
                lacks.push(Lack { reason: format!("the check panicked: {panic}"), not_run: None });
                judged.panicked = Some(panic);
            }
            Ok(findings) => {
                held += findings.held;
                let blind = findings.of_kind(Kind::Blind).map(|finding| finding.what.clone());
                let missing = coverage::cover(requirement, view, &findings.evidence, &mut judged.clauses);
                let not_run = cut_short(view);
                lacks.extend(blind.chain(missing).map(|reason| Lack { reason, not_run }));
                judged.findings.extend(findings.findings);
                judged.measurements.extend(findings.measurements);
            }
        }
    }
    judged.verdict = verdict(&judged, held, lacks);
    judged
}

/// Something that keeps a verdict from being a pass.
struct Lack {
    reason: String,
    /// Whether that is because the scenario was not run to its end, and then whether because of an interruption.
    not_run: Option<bool>,
}

fn verdict(judged: &Judged, held: u64, lacks: Vec<Lack>) -> Verdict {
    let first = |kind| judged.findings.iter().find(|finding| finding.kind == kind);
    if let (false, Some(finding)) = (judged.gates(), first(Kind::Broken).or(first(Kind::Held))) {
        return Verdict::Recorded { what: finding.what.clone() };
    }
    if first(Kind::Broken).is_some() {
        return Verdict::Fail;
    }
    let panicked = judged.panicked.is_some();
    if held == 0 && lacks.is_empty() {
        let reason = "what was done shows nothing of it".to_owned();
        return Verdict::NotApplicable { reason };
    }
    match lacks.iter().find(|lack| lack.not_run.is_some() && !panicked) {
        Some(Lack { reason, not_run }) => {
            Verdict::NotRun { reason: reason.clone(), interrupted: *not_run == Some(true) }
        }
        None => match lacks.into_iter().next() {
            Some(Lack { reason, .. }) => Verdict::Inconclusive { reason },
            None => Verdict::Pass { held },
        },
    }
}

/// Why the scenario was never begun, if it was not, and whether because of an interruption.
fn not_started<'v>(view: &'v View<'_>) -> Option<(&'v str, bool)> {
    view.steps().find_map(|step| match step.what {
        Step::NotStarted { reason, interrupted } => Some((reason.as_str(), *interrupted)),
        _ => None,
    })
}

/// Whether the scenario was ended by its surroundings, and not by the cluster's StatefulSets or by somebody who deleted its
/// objects; and then whether by an interruption.
fn cut_short(view: &View<'_>) -> Option<bool> {
    let (_, _, cause) = view.aborted()?;
    let is_cut = matches!(cause, AbortCause::Environment | AbortCause::Interrupted);
    is_cut.then_some(cause == AbortCause::Interrupted)
}

/// What every check reads of: where its watch was never opened, nothing that is missing can be told from what never was.
const READ_BY_ALL: &[Resource] = &[Resource::StatefulSets, Resource::Pods];

/// The clause of what is said about the record itself, and not about a promise.
const RECORD: &str = "record";

/// What the check of a requirement says about a scenario; the message of a panic, if it did.
pub fn ask(requirement: &Requirement, view: &View<'_>) -> Result<Findings, String> {
    let check =
        checks::find(&requirement.id).ok_or_else(|| format!("no check is called {}", requirement.id))?;
    catch_unwind(AssertUnwindSafe(|| {
        let mut findings = Findings::of(&view.scenario);
        (check.judge)(view, &mut findings);
        if view.aborted().is_some_and(|(_, _, cause)| cause == AbortCause::Disturbed) {
            // Pods that went, names that no longer lead anywhere: somebody else has deleted all of it.
            findings.findings.retain(|finding| finding.kind != Kind::Broken);
        }
        record_is_whole(view, &mut findings);
        findings
    }))
    .map_err(|panic| panic_message(panic.as_ref()))
}

fn record_is_whole(view: &View<'_>, findings: &mut Findings) {
    let scenario = &view.scenario;
    if let Some(unwatched) = READ_BY_ALL.iter().find(|resource| !view.was_watched(**resource)) {
        let what = format!("{} of {scenario} were never watched", unwatched.plural());
        findings.on(RECORD).blind(Cause::Gap, what, &[view.last()]);
    }
    let mut ended_early = |what: String, event: &Event| {
        findings.on(RECORD).blind(Cause::NotReached, what, &[event]);
    };
    if let Some((event, reason, _)) = view.aborted() {
        ended_early(format!("the scenario {scenario} ended early: {reason}"), event);
    } else if !view.is_completed() {
        ended_early(format!("the record of {scenario} has no end"), view.last());
    }
}

/// What a panic said.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

fn wall_secs(requirement: &Requirement, views: &Views<'_>) -> f64 {
    let recorded = requirement.judged_on.iter().filter_map(|id| views.get(id.as_str()));
    let spans = recorded.filter(|view| !view.events.is_empty());
    let (from, until) = spans.fold((u64::MAX, 0), |(from, until), view| {
        (from.min(view.events[0].span.from_us), until.max(view.last().span.until_us))
    });
    until.saturating_sub(from) as f64 / 1e6
}
