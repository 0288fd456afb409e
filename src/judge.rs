//! The one place that turns findings into verdicts. Pure.
//!
//! A check cannot say pass. Any *broken* is a fail; else any *blind*, or a scenario without a single *held*, is
//! inconclusive; else it is a pass, with the number of observations that held.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::{Deserialize, Serialize};

use crate::{
    checks::{self, Finding, Findings, Kind, Measurement},
    history::{AbortCause, History, Resource, Step, file::ClusterFacts, minor_version},
    spec::{Catalogue, Feature, Level, Requirement},
};

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
            Verdict::Inconclusive { .. } => "inconclusive",
            Verdict::NotApplicable { .. } => "not applicable",
            Verdict::NotRun { .. } => "not run",
        }
    }

    /// Why, for the verdicts that are a matter of reasons and not of evidence.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Pass { .. } | Verdict::Fail => None,
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
/// Those that they need are judged as well, selected or not, because a requirement whose prerequisite does not pass is
/// *not run*.
pub fn judge_all(
    catalogue: &Catalogue,
    selected: &[String],
    facts: &ClusterFacts,
    histories: &[History],
) -> Vec<Judged> {
    let histories = histories.iter().map(|history| (history.scenario.as_str(), history)).collect();
    let mut judging = Judging { catalogue, facts, histories, done: BTreeMap::new() };
    let chosen = catalogue.requirements.iter().filter(|requirement| selected.contains(&requirement.id));
    chosen.map(|requirement| judging.judged(requirement)).collect()
}

struct Judging<'a> {
    catalogue: &'a Catalogue,
    facts: &'a ClusterFacts,
    histories: Histories<'a>,
    done: BTreeMap<String, Judged>,
}

type Histories<'a> = BTreeMap<&'a str, &'a History>;

impl Judging<'_> {
    fn judged(&mut self, requirement: &Requirement) -> Judged {
        if let Some(done) = self.done.get(&requirement.id) {
            return done.clone();
        }
        let judged = match self.not_applicable(requirement).or_else(|| self.not_run(requirement)) {
            Some(verdict) => undecided(requirement, verdict, &self.histories),
            None => judge(requirement, &self.histories),
        };
        self.done.insert(requirement.id.clone(), judged.clone());
        judged
    }

    fn not_applicable(&self, requirement: &Requirement) -> Option<Verdict> {
        // Nothing was found out about a cluster that was refused, so nothing is known not to apply.
        minor_version(&self.facts.server_version)?;
        let reason = match requirement.applies_to {
            Some(Feature::StorageClass) if self.facts.storage_class.is_none() => {
                "the cluster has no default StorageClass; name one with --storage-class".to_owned()
            }
            _ if minor_version(&self.facts.server_version)? < minor_version(&requirement.since)? => {
                let version = &self.facts.server_version;
                format!("promised since Kubernetes {}, and the server is {version}", requirement.since)
            }
            _ => return None,
        };
        Some(Verdict::NotApplicable { reason })
    }

    fn not_run(&mut self, requirement: &Requirement) -> Option<Verdict> {
        let catalogue = self.catalogue;
        for need in requirement.needs.iter().filter_map(|need| catalogue.requirement(need)) {
            let judged = self.judged(need);
            if !matches!(judged.verdict, Verdict::Pass { .. }) {
                let why = judged.why().map(|why| format!(": {why}")).unwrap_or_default();
                let reason = format!("it needs {}, which is {}{why}", need.id, judged.verdict.word());
                let interrupted = matches!(judged.verdict, Verdict::NotRun { interrupted: true, .. });
                return Some(Verdict::NotRun { reason, interrupted });
            }
        }
        requirement.judged_on.iter().find_map(|scenario| self.not_started(scenario))
    }

    fn not_started(&self, scenario: &str) -> Option<Verdict> {
        let Some(history) = self.histories.get(scenario) else {
            let reason = format!("the scenario {scenario} left no history");
            return Some(Verdict::NotRun { reason, interrupted: true });
        };
        history.steps().find_map(|step| match step.what {
            Step::NotStarted { reason, interrupted } => {
                let reason = format!("the scenario {scenario} was not run: {reason}");
                Some(Verdict::NotRun { reason, interrupted: *interrupted })
            }
            _ => None,
        })
    }
}

/// A requirement whose verdict is a matter of reasons and not of evidence.
fn undecided(requirement: &Requirement, verdict: Verdict, histories: &Histories<'_>) -> Judged {
    Judged {
        id: requirement.id.clone(),
        area: requirement.area.clone(),
        level: requirement.level,
        title: requirement.title.clone(),
        verdict,
        findings: Vec::new(),
        measurements: Vec::new(),
        panicked: None,
        wall_secs: wall_secs(requirement, histories),
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
}

fn judge(requirement: &Requirement, histories: &Histories<'_>) -> Judged {
    let mut judged = undecided(requirement, Verdict::Fail, histories);
    let said = requirement
        .judged_on
        .iter()
        .map(|id| (id, histories.get(id.as_str()).map(|history| ask(requirement, history))))
        .collect();
    let ran = requirement.judged_on.iter().filter_map(|id| histories.get(id.as_str()));
    let cut_short = ran.copied().find_map(cut_short);
    conclude(&mut judged, said, cut_short);
    judged
}

/// What every check reads of: where its watch was never opened, nothing that is missing can be told from what never was.
const READ_BY_ALL: &[Resource] = &[Resource::StatefulSets, Resource::Pods];

type Said<'a> = Vec<(&'a String, Option<Result<Findings, String>>)>;

fn ask(requirement: &Requirement, history: &History) -> Result<Findings, String> {
    let check =
        checks::find(&requirement.id).ok_or_else(|| format!("no check is called {}", requirement.id))?;
    catch_unwind(AssertUnwindSafe(|| {
        let mut findings = Findings::of(&history.scenario);
        (check.judge)(history, &mut findings);
        if let Some(unwatched) = READ_BY_ALL.iter().find(|resource| !history.was_watched(**resource)) {
            let what = format!("{} of {} were never watched", unwatched.plural(), history.scenario);
            findings.blind(what, &[history.last()]);
        }
        if let Some((event, reason, cause)) = history.aborted() {
            if cause == AbortCause::Disturbed {
                // Pods that went, names that no longer lead anywhere: somebody has deleted all of it.
                findings.findings.retain(|finding| finding.kind != Kind::Broken);
            }
            findings.blind(format!("the scenario {} ended early: {reason}", history.scenario), &[event]);
        } else if !history.is_completed() {
            findings.blind(format!("the record of {} has no end", history.scenario), &[history.last()]);
        }
        findings
    }))
    .map_err(|panic| panic_message(panic.as_ref()))
}

/// What a panic said.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

fn conclude(judged: &mut Judged, said: Said<'_>, cut_short: Option<Verdict>) {
    let mut held = 0;
    let mut without_evidence = None;
    for (scenario, said) in said {
        match said {
            None => without_evidence = Some(format!("there is no history of the scenario {scenario}")),
            Some(Err(panic)) => judged.panicked = Some(panic),
            Some(Ok(findings)) => {
                if findings.held == 0 {
                    without_evidence = Some(format!("the history of {scenario} shows nothing of it"));
                }
                held += findings.held;
                judged.findings.extend(findings.findings);
                judged.measurements.extend(findings.measurements);
            }
        }
    }
    judged.verdict = verdict(judged, held, without_evidence, cut_short);
}

fn verdict(
    judged: &Judged,
    held: u64,
    without_evidence: Option<String>,
    cut_short: Option<Verdict>,
) -> Verdict {
    let first = |kind| judged.findings.iter().find(|finding| finding.kind == kind);
    if first(Kind::Broken).is_some() {
        return Verdict::Fail;
    }
    let panicked = judged.panicked.as_ref().map(|panic| format!("the check panicked: {panic}"));
    let blind = first(Kind::Blind).map(|finding| finding.what.clone());
    match (panicked.or(blind).or(without_evidence), cut_short) {
        (Some(_), Some(cut_short)) => cut_short,
        (Some(reason), None) => Verdict::Inconclusive { reason },
        (None, _) => Verdict::Pass { held },
    }
}

/// The verdict on what was not broken in a scenario that its surroundings, and not the cluster's StatefulSets, ended.
fn cut_short(history: &History) -> Option<Verdict> {
    let (_, reason, cause) = history.aborted()?;
    let reason = format!("the scenario {} ended early: {reason}", history.scenario);
    matches!(cause, AbortCause::Environment | AbortCause::Interrupted)
        .then(|| Verdict::NotRun { reason, interrupted: cause == AbortCause::Interrupted })
}

fn wall_secs(requirement: &Requirement, histories: &Histories<'_>) -> f64 {
    let spans = requirement
        .judged_on
        .iter()
        .filter_map(|id| histories.get(id.as_str()))
        .filter(|h| !h.events.is_empty());
    let (from, until) = spans.fold((u64::MAX, 0), |(from, until), history| {
        (from.min(history.events[0].span.from_us), until.max(history.last().span.until_us))
    });
    until.saturating_sub(from) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Observation};

    fn catalogue() -> Catalogue {
        Catalogue::built_in().unwrap()
    }

    fn facts() -> ClusterFacts {
        ClusterFacts { server_version: "v1.37.1".to_owned(), ..ClusterFacts::default() }
    }

    /// Judges `ordered-creation` with this history for each of its scenarios.
    fn ordered_creation(statements: &str) -> Judged {
        ordered_creation_in(&history(statements))
    }

    fn ordered_creation_in(history: &History) -> Judged {
        let catalogue = catalogue();
        let scenarios = &catalogue.requirement("ordered-creation").unwrap().judged_on;
        let histories: Vec<History> =
            scenarios.iter().map(|id| History { scenario: id.clone(), ..history.clone() }).collect();
        judge_all(&catalogue, &["ordered-creation".to_owned()], &facts(), &histories).remove(0)
    }

    const ORDERED: &str = "web-0 created; web-0 ready; web-1 created";

    #[test]
    fn a_pass_counts_what_held() {
        let scenarios = catalogue().requirement("ordered-creation").unwrap().judged_on.len();
        let verdict = ordered_creation(&format!("{ORDERED}; completed")).verdict;
        assert_eq!(verdict, Verdict::Pass { held: scenarios as u64 });
    }

    #[test]
    fn nothing_seen_is_never_a_pass() {
        let verdict = ordered_creation("web-0 created; completed").verdict;
        assert_eq!(verdict.word(), "inconclusive", "{verdict:?}");
    }

    #[test]
    fn a_scenario_that_ended_early_is_never_a_pass() {
        assert_eq!(ordered_creation(&format!("{ORDERED}; aborted")).verdict.word(), "inconclusive");
        assert_eq!(ordered_creation(ORDERED).verdict.word(), "inconclusive");
    }

    #[test]
    fn a_record_without_one_of_its_watches_is_never_a_pass() {
        let whole = format!("{ORDERED}; completed");
        for resource in READ_BY_ALL {
            let mut history = history(&whole);
            history.events.retain(|event| match &event.seen {
                Observation::WatchOpened { resource: of, .. } => of != resource,
                _ => true,
            });
            (0..).zip(&mut history.events).for_each(|(seq, event)| event.seq = seq);
            let judged = ordered_creation_in(&history);
            assert_eq!(judged.verdict.word(), "inconclusive", "without the watch of {}", resource.plural());
        }
    }

    #[test]
    fn a_break_is_a_fail_even_where_the_scenario_ended_early() {
        assert_eq!(ordered_creation("web-0 created; web-1 created; aborted").verdict, Verdict::Fail);
    }

    #[test]
    fn a_scenario_without_a_history_is_not_run() {
        let judged = judge_all(&catalogue(), &["ordered-creation".to_owned()], &facts(), &[]);
        assert_eq!(judged[0].verdict.word(), "not run");
    }
}
