//! What people and machines are told of a run.
//!
//! [`Report`] gathers everything that is shown, from the record and the verdicts alone; the renderers turn it into bytes:
//! [`terminal`], [`junit`], [`html`] and [`Report::json`]. [`witness`] puts events in words for all of them. Only
//! [`mod@write`] touches the disk.

use serde::Serialize;

use crate::{
    history::{History, file::Header},
    judge::{Judged, Verdict},
    plain::in_json,
    spec::{AREAS, Catalogue, Requirement},
};

pub mod ascii;
mod circumstances;
pub mod figures;
pub mod html;
pub mod junit;
mod outcome;
pub mod place;
#[cfg(any(test, feature = "notation"))]
pub mod sample;
mod scenarios;
pub mod terminal;
mod text;
pub mod witness;
pub mod write;

pub use circumstances::Circumstances;
pub use figures::{Figures, Reactions};
pub use outcome::Outcome;
pub use scenarios::{DryRunAnswer, Ended, GaveUp, ScenarioSummary, SkippedStep};

/// The version of `report.json`.
pub const FORMAT: u32 = 1;

/// Everything that reports show of one run.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// What is true of the whole run.
    pub header: &'a Header,
    /// What the ids mean.
    pub catalogue: &'a Catalogue,
    /// The record, in the order in which the scenarios began.
    pub histories: Vec<&'a History>,
    /// The verdicts, in the order of the catalogue.
    pub judged: Vec<Judged>,
    /// What happened beside the verdicts.
    pub circumstances: Circumstances,
    /// How the run ended.
    pub outcome: Outcome,
    /// How often each verdict was given.
    pub counts: Counts,
    /// The numbers of the run.
    pub figures: Figures,
    /// Each scenario, in the order in which they began.
    pub scenarios: Vec<ScenarioSummary>,
}

/// How often each verdict was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the verdicts'")]
pub struct Counts {
    pub pass: u64,
    pub fail: u64,
    pub inconclusive: u64,
    pub not_applicable: u64,
    pub not_run: u64,
    pub recorded: u64,
}

impl Counts {
    /// Counts these verdicts.
    pub fn of<'j>(judged: impl IntoIterator<Item = &'j Judged>) -> Self {
        let mut counts = Self::default();
        for judged in judged {
            *match judged.verdict {
                Verdict::Pass { .. } => &mut counts.pass,
                Verdict::Recorded { .. } => &mut counts.recorded,
                Verdict::Fail => &mut counts.fail,
                Verdict::Inconclusive { .. } => &mut counts.inconclusive,
                Verdict::NotApplicable { .. } => &mut counts.not_applicable,
                Verdict::NotRun { .. } => &mut counts.not_run,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub const fn total(&self) -> u64 {
        self.pass + self.fail + self.inconclusive + self.not_applicable + self.not_run + self.recorded
    }

    /// Each verdict's word with its count, the worst first.
    pub const fn by_word(&self) -> [(&'static str, u64); 6] {
        [
            ("fail", self.fail),
            ("inconclusive", self.inconclusive),
            ("not run", self.not_run),
            ("pass", self.pass),
            ("not applicable", self.not_applicable),
            ("recorded", self.recorded),
        ]
    }
}

impl<'a> Report<'a> {
    /// Gathers everything. The same record, catalogue and verdicts always give the same report.
    pub fn new(
        header: &'a Header,
        catalogue: &'a Catalogue,
        judged: Vec<Judged>,
        histories: &'a [History],
        circumstances: Circumstances,
    ) -> Self {
        let began = |history: &History| history.events.first().map_or(0, |event| event.span.from_us);
        let mut ordered: Vec<&History> = histories.iter().collect();
        ordered.sort_by_key(|history| (began(history), history.scenario.clone()));
        let scenarios: Vec<_> =
            ordered.iter().map(|history| ScenarioSummary::of(history, catalogue)).collect();
        Self {
            header,
            catalogue,
            histories: ordered,
            outcome: Outcome::of(&judged, &circumstances),
            counts: Counts::of(&judged),
            figures: figures(&scenarios, Reactions::of(histories)),
            judged,
            circumstances,
            scenarios,
        }
    }

    /// The report of a run in which nothing has been judged yet: everything that was selected is *not run*.
    pub fn planned(header: &'a Header, catalogue: &'a Catalogue, reason: &str, unfinished: &str) -> Self {
        let selected =
            catalogue.requirements.iter().filter(|requirement| header.selected.contains(&requirement.id));
        let judged = selected.map(|requirement| Judged::planned(requirement, reason, false)).collect();
        let unfinished = Some(unfinished.to_owned());
        Self::new(header, catalogue, judged, &[], Circumstances { unfinished, ..Circumstances::default() })
    }

    /// A report that says nothing but why there is none: what takes the place of an older one that a failed command must
    /// not leave as if it were its own.
    pub fn of_nothing(header: &'a Header, catalogue: &'a Catalogue, outcome: Outcome, why: String) -> Self {
        let circumstances = Circumstances { unfinished: Some(why), ..Circumstances::default() };
        Self { outcome, ..Self::new(header, catalogue, Vec::new(), &[], circumstances) }
    }

    /// The areas that have verdicts, in the order of the catalogue, each with its verdicts.
    pub fn by_area(&self) -> Vec<(&str, Vec<&Judged>)> {
        let mut areas: Vec<&str> = AREAS.to_vec();
        areas.extend(self.judged.iter().map(|j| j.area.as_str()).filter(|area| !AREAS.contains(area)));
        areas.dedup();
        areas
            .into_iter()
            .map(|area| (area, self.judged.iter().filter(|j| j.area == area).collect::<Vec<_>>()))
            .filter(|(_, judged)| !judged.is_empty())
            .collect()
    }

    /// The requirement that a verdict is about, if the catalogue has it.
    pub fn requirement(&self, judged: &Judged) -> Option<&'a Requirement> {
        self.catalogue.requirement(&judged.id)
    }

    /// The record of a scenario.
    pub fn history(&self, scenario: &str) -> Option<&'a History> {
        self.histories.iter().copied().find(|history| history.scenario == scenario)
    }

    /// A scenario in numbers.
    pub fn scenario(&self, id: &str) -> Option<&ScenarioSummary> {
        self.scenarios.iter().find(|scenario| scenario.id == id)
    }

    /// The requirement's `kubectl` line with the namespace in which it was broken or could not be judged filled in.
    pub fn look(&self, judged: &Judged) -> Option<String> {
        let requirement = self.requirement(judged)?;
        let scenario = witness::scenario_of(judged).or(requirement.judged_on.first().map(String::as_str));
        let summary = scenario.and_then(|id| self.scenario(id));
        Some(witness::look_line(&requirement.look, summary.map_or("", |summary| &summary.namespace)))
    }

    /// `report.json`. For one record it is the same, byte for byte, whenever it is judged, apart from the field
    /// `judged_at`.
    pub fn json(&self, judged_at: &str) -> String {
        let requirements = self.judged.iter().map(|judged| Entry::of(judged, self)).collect();
        let json = Json {
            format: FORMAT,
            judged_at,
            run: self.header,
            outcome: self.outcome,
            circumstances: &self.circumstances,
            counts: self.counts,
            figures: &self.figures,
            requirements,
            scenarios: &self.scenarios,
        };
        in_json(serde_json::to_string_pretty(&json).expect("a report is plain data") + "\n")
    }
}

fn figures(scenarios: &[ScenarioSummary], reactions: Reactions) -> Figures {
    let sum = |count: fn(&ScenarioSummary) -> u64| scenarios.iter().map(count).sum();
    Figures {
        wall_secs: scenarios.iter().map(ScenarioSummary::ended_secs).fold(0.0, f64::max),
        pods_created: sum(|scenario| scenario.pods_created),
        watch_gaps: sum(|scenario| scenario.watch_gaps),
        watch_lag_secs: scenarios.iter().map(|scenario| scenario.watch_lag_secs).fold(0.0, f64::max),
        api_errors: sum(|scenario| scenario.api_errors),
        dns_questions: sum(|scenario| scenario.dns_questions),
        reactions,
        harness_wait_secs: scenarios.iter().map(|scenario| scenario.harness_wait_secs).sum(),
    }
}

#[derive(Serialize)]
struct Json<'r> {
    format: u32,
    judged_at: &'r str,
    run: &'r Header,
    outcome: Outcome,
    circumstances: &'r Circumstances,
    counts: Counts,
    figures: &'r Figures,
    requirements: Vec<Entry<'r>>,
    scenarios: &'r [ScenarioSummary],
}

/// A verdict with what its id means.
#[derive(Serialize)]
struct Entry<'r> {
    #[serde(flatten)]
    judged: &'r Judged,
    requirement: Option<&'r str>,
    /// Whether the verdict counts for the run's.
    gates: bool,
    look: Option<String>,
}

impl<'r> Entry<'r> {
    fn of(judged: &'r Judged, report: &Report<'r>) -> Self {
        Self {
            judged,
            requirement: report.requirement(judged).map(|requirement| requirement.requirement.trim()),
            gates: outcome::gates(judged),
            look: report.look(judged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        sample::{JUDGED_AT, Sample},
        *,
    };
    use crate::history::{
        Ending, Stopping,
        file::{self, Seal},
    };

    /// The run's histories as a replay reads them.
    fn replayed(sample: &Sample) -> Vec<History> {
        let mut text = file::header_line(&sample.header) + "\n";
        for history in &sample.histories {
            for event in &history.events {
                text += &(file::line(&history.scenario, event) + "\n");
            }
        }
        file::read(text.as_bytes()).unwrap().histories
    }

    #[test]
    fn a_replay_gives_the_same_json() {
        let sample = Sample::broken();
        let ended = Ending::stopped(Stopping::Interrupt);
        let run = sample.report_under(Circumstances::of_run(&ended, &sample.histories)).json(JUDGED_AT);
        let again = Sample { histories: replayed(&sample), ..Sample::broken() };
        let circumstances = || Circumstances::of_replay(&Seal::Whole(ended.clone()), &again.histories);
        assert_eq!(run, again.report_under(circumstances()).json(JUDGED_AT));
        let later = again.report_under(circumstances()).json("2027-01-01T00:00:00Z");
        let differing = run.lines().zip(later.lines()).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 1, "only judged_at");
    }

    #[test]
    fn scenarios_come_in_the_order_in_which_they_began() {
        let sample = Sample::healthy();
        let ids: Vec<_> = sample.report().scenarios.into_iter().map(|scenario| scenario.id).collect();
        assert_eq!((ids[0].as_str(), ids.last().unwrap().as_str()), ("preflight", "ip-churn"));
    }

    #[test]
    fn the_look_line_names_the_scenarios_own_namespace() {
        let sample = Sample::broken();
        let report = sample.report();
        let look = report.look(&report.judged[0]).unwrap();
        assert_eq!(look, "kubectl -n steadfast-gated-start-k3v9x get pods -w --output-watch-events");
    }

    #[test]
    fn counts_add_up() {
        let sample = Sample::broken();
        let report = sample.report();
        assert_eq!(report.counts.total(), report.judged.len() as u64);
        assert_eq!(report.by_area().iter().map(|(_, all)| all.len()).sum::<usize>(), report.judged.len());
    }
}
