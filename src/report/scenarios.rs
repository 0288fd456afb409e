//! One scenario in numbers: what it cost, what it could not see, and how it ended.

use serde::Serialize;

use super::figures::harness_wait_secs;
use crate::{
    history::{AbortCause, Change, History, Observation, Resource, Step},
    spec::Catalogue,
};

/// What reports say of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioSummary {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// Its namespace; empty where it was never begun.
    pub namespace: String,
    /// How it ended.
    pub ended: Ended,
    /// When it began, in seconds of the run's clock.
    pub began_secs: f64,
    /// From its first event to its last.
    pub wall_secs: f64,
    /// How many events it recorded.
    pub events: u64,
    /// Pods that came to be in its namespace.
    pub pods_created: u64,
    /// How often a watch lost events.
    pub watch_gaps: u64,
    /// The most by which a watch was seen to be late, in seconds.
    pub watch_lag_secs: f64,
    /// Requests that failed.
    pub api_errors: u64,
    /// Questions that DNS was asked.
    pub dns_questions: u64,
    /// For how long the harness itself was what it waited for.
    pub harness_wait_secs: f64,
    /// The waits that were given up.
    pub gave_up: Vec<GaveUp>,
    /// The steps that were not done.
    pub skipped: Vec<SkippedStep>,
    /// What the server answered to documented manifests that were only asked about.
    pub dry_runs: Vec<DryRunAnswer>,
}

/// The most by which a watch of the scenario was seen to be late.
fn watch_lag_secs(history: &History) -> f64 {
    let watches = Resource::ALL.iter().flat_map(|resource| history.watches_of(*resource));
    secs(watches.map(|watch| history.lag_us(watch)).max().unwrap_or(0))
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    /// Every step was done.
    Completed,
    /// It could not go on.
    Aborted {
        /// Why.
        reason: String,
        /// Whether that is because the run was interrupted.
        interrupted: bool,
    },
    /// It was never begun.
    NotStarted {
        /// Why.
        reason: String,
        /// Whether that is because the run was interrupted.
        interrupted: bool,
    },
    /// The record just stops.
    CutShort,
}

impl Ended {
    /// In a few words, with the reason.
    pub fn describe(&self) -> String {
        match self {
            Ended::Completed => "completed".to_owned(),
            Ended::Aborted { reason, .. } => format!("ended early: {reason}"),
            Ended::NotStarted { reason, .. } => format!("not run: {reason}"),
            Ended::CutShort => "the record has no end".to_owned(),
        }
    }
}

/// A wait that was given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GaveUp {
    /// When, in seconds of the run's clock.
    pub at_secs: f64,
    /// The condition.
    pub wait: String,
    /// How long it was waited for.
    pub bound_secs: f64,
    /// What was still missing.
    pub missing: String,
}

/// A step that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedStep {
    /// Which one.
    pub action: String,
    /// Why not.
    pub reason: String,
}

/// What the server answered to a documented manifest, and what is used in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRunAnswer {
    /// Its path under `manifests/`.
    pub manifest: String,
    /// The manifest that is used; the same where the documented one can be.
    pub instead: String,
    /// The HTTP status, 0 when there was no answer.
    pub code: u16,
    /// The server's words.
    pub message: String,
}

impl DryRunAnswer {
    /// The status as a person says it.
    pub fn answer(&self) -> String {
        match self.code {
            0 => "no answer".to_owned(),
            200..=299 => format!("{} accepted", self.code),
            code => format!("{code} refused"),
        }
    }

    /// What is used in the run.
    pub fn used(&self) -> &str {
        if self.instead == self.manifest { "the documented manifest itself" } else { &self.instead }
    }
}

impl ScenarioSummary {
    /// Sums up a history.
    pub fn of(history: &History, catalogue: &Catalogue) -> Self {
        let count = |counts: fn(&Observation) -> bool| {
            history.events.iter().filter(|event| counts(&event.seen)).count() as u64
        };
        let title = catalogue.scenarios.get(&history.scenario).map(|scenario| scenario.title.clone());
        let (began_us, ended_us) = span_us(history);
        let mut summary = Self {
            id: history.scenario.clone(),
            title: title.unwrap_or_default(),
            namespace: history.started().namespace.clone(),
            ended: Ended::CutShort,
            began_secs: secs(began_us),
            wall_secs: secs(ended_us - began_us),
            events: history.events.len() as u64,
            pods_created: count(is_new_pod),
            watch_gaps: count(|seen| matches!(seen, Observation::WatchGap { .. })),
            watch_lag_secs: watch_lag_secs(history),
            api_errors: count(|seen| matches!(seen, Observation::ApiError(_))),
            dns_questions: count(|seen| matches!(seen, Observation::Dns(_))),
            harness_wait_secs: harness_wait_secs(history),
            gave_up: Vec::new(),
            skipped: Vec::new(),
            dry_runs: Vec::new(),
        };
        history.steps().for_each(|step| summary.add(step.what, step.event.span.until_us));
        summary
    }

    fn add(&mut self, step: &Step, at_us: u64) {
        match step.clone() {
            Step::Completed => self.ended = Ended::Completed,
            Step::Aborted { reason, cause } => {
                let interrupted = cause == AbortCause::Interrupted;
                self.ended = Ended::Aborted { reason, interrupted };
            }
            Step::NotStarted { reason, interrupted } => {
                self.ended = Ended::NotStarted { reason, interrupted };
            }
            Step::TimedOut { wait, bound_secs, missing } => {
                self.gave_up.push(GaveUp {
                    at_secs: secs(at_us),
                    wait: wait.to_string(),
                    bound_secs,
                    missing,
                });
            }
            Step::Skipped { action, reason } => self.skipped.push(SkippedStep { action, reason }),
            Step::DryRun { manifest, instead, code, message } => {
                self.dry_runs.push(DryRunAnswer { manifest, instead, code, message });
            }
            _ => {}
        }
    }

    /// When its last event was, in seconds of the run's clock.
    pub fn ended_secs(&self) -> f64 {
        self.began_secs + self.wall_secs
    }
}

fn is_new_pod(seen: &Observation) -> bool {
    matches!(seen, Observation::Object(object)
        if object.resource == Resource::Pods && object.change == Change::Added)
}

/// The begin of the first event and the end of the last.
fn span_us(history: &History) -> (u64, u64) {
    let began = history.events.first().map_or(0, |event| event.span.from_us);
    let ended = history.events.last().map_or(began, |event| event.span.until_us);
    (began, ended.max(began))
}

/// Microseconds as seconds.
pub(super) fn secs(us: u64) -> f64 {
    us as f64 / 1e6
}
