//! The words of the page, gathered so that the template only has to put them in place.

use std::collections::BTreeMap;

use super::{
    lanes::Lanes,
    timeline::{self, anchor},
    witnesses::{self, MARKED_FINDINGS, Witnesses},
    words::{
        class, counts, dry_run, fact, facts, figures, limit, outcome_class, remarks, scenario_numbers,
        trouble,
    },
};
use crate::{
    checks::{Finding, Kind},
    judge::{Judged, Verdict},
    plain::visible,
    report::{Ended, Report, ScenarioSummary, outcome, witness::Line},
    spec::Requirement,
};

/// How many findings of one kind are listed; `report.json` has all.
const LISTED: usize = 40;

/// How many findings of one requirement are drawn.
const DRAWN: usize = 2;

/// Everything on the page.
pub(super) struct View {
    pub(super) outcome: String,
    pub(super) outcome_class: &'static str,
    pub(super) code: u8,
    pub(super) meaning: &'static str,
    pub(super) run_id: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) counts: Vec<Count>,
    pub(super) trouble: Vec<(&'static str, String)>,
    pub(super) headlines: Vec<Headline>,
    pub(super) figures: Vec<Figure>,
    pub(super) areas: Vec<Area>,
    pub(super) scenarios: Vec<ScenarioView>,
    pub(super) dry_runs: Vec<DryRunView>,
    pub(super) replaced: Vec<(String, String)>,
}

/// How often a verdict was given.
pub(super) struct Count {
    pub(super) word: &'static str,
    pub(super) class: &'static str,
    pub(super) count: u64,
}

/// What the reader has to know first: something that broke, or that could not be judged.
pub(super) struct Headline {
    pub(super) id: String,
    pub(super) word: &'static str,
    pub(super) class: &'static str,
    pub(super) what: String,
    pub(super) more: String,
    /// The mark in the timeline.
    pub(super) mark: Option<String>,
}

/// A number of the run.
pub(super) struct Figure {
    pub(super) value: String,
    pub(super) name: &'static str,
    pub(super) note: String,
}

/// The requirements of one area.
pub(super) struct Area {
    pub(super) name: String,
    pub(super) passed: usize,
    pub(super) rows: Vec<Row>,
}

/// One requirement.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) word: &'static str,
    pub(super) class: &'static str,
    pub(super) open: bool,
    pub(super) informational: bool,
    /// In one line, why it is so.
    pub(super) fact: String,
    pub(super) panicked: Option<String>,
    pub(super) telling: Vec<FindingView>,
    pub(super) held: Vec<FindingView>,
    pub(super) not_listed: usize,
    pub(super) measurements: Vec<(String, String, String, String)>,
    pub(super) look: Option<String>,
    pub(super) said: Option<Said>,
    pub(super) scenarios: Vec<(String, bool)>,
}

/// What the requirement's file says.
pub(super) struct Said {
    pub(super) requirement: String,
    pub(super) judged_by: String,
    pub(super) level: &'static str,
    pub(super) since: String,
    pub(super) needs: Vec<(String, bool)>,
    pub(super) sources: Vec<(String, String)>,
    pub(super) answers: Vec<(String, String)>,
    pub(super) limits: Vec<(String, String, String)>,
}

/// One thing that was found.
pub(super) struct FindingView {
    pub(super) class: &'static str,
    pub(super) what: String,
    pub(super) scenario: String,
    pub(super) lines: Vec<LineView>,
    pub(super) drawing: Option<String>,
}

/// One event.
pub(super) struct LineView {
    pub(super) at: String,
    pub(super) observer: String,
    pub(super) what: String,
    /// Its number in the timeline, and the mark to go to.
    pub(super) mark: Option<(usize, String)>,
}

/// One scenario.
pub(super) struct ScenarioView {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) namespace: String,
    pub(super) completed: bool,
    pub(super) ended: String,
    pub(super) numbers: Vec<String>,
    pub(super) remarks: Vec<String>,
    pub(super) drawing: Option<String>,
    pub(super) judged: Vec<(String, &'static str)>,
}

/// What the server said to a documented manifest.
pub(super) struct DryRunView {
    pub(super) manifest: String,
    pub(super) accepted: bool,
    pub(super) answer: String,
    pub(super) message: String,
    pub(super) used: String,
}

impl View {
    /// Gathers everything.
    pub(super) fn of(report: &Report<'_>, judged_at: &str) -> Self {
        let gather = Gather::new(report);
        let areas = report.by_area().into_iter().map(|(name, judged)| gather.area(name, &judged));
        let areas: Vec<Area> = areas.collect();
        Self {
            outcome: match report.header.cluster.embedded {
                true => format!("MODEL: {}", report.outcome.name()),
                false => report.outcome.name().to_owned(),
            },
            outcome_class: outcome_class(report.outcome),
            code: report.outcome.code(),
            meaning: report.outcome.meaning(),
            run_id: visible(&report.header.run_id),
            facts: facts(report, judged_at),
            counts: counts(report),
            trouble: trouble(report),
            headlines: gather.headlines(),
            figures: figures(report),
            areas,
            scenarios: report.scenarios.iter().map(|scenario| gather.scenario(scenario)).collect(),
            dry_runs: report.scenarios.iter().flat_map(|s| &s.dry_runs).map(dry_run).collect(),
            replaced: report
                .header
                .cluster
                .replaced_images
                .iter()
                .map(|(a, b)| (visible(a), visible(b)))
                .collect(),
        }
    }

    /// Whether every requirement passed or does not apply.
    pub(super) fn is_clean(&self) -> bool {
        self.headlines.is_empty()
    }
}

/// A report with its witnesses and lanes, found once.
struct Gather<'r> {
    report: &'r Report<'r>,
    witnesses: Witnesses,
    lanes: BTreeMap<&'r str, Lanes>,
}

impl<'r> Gather<'r> {
    fn new(report: &'r Report<'r>) -> Self {
        let lanes =
            |history: &&'r crate::history::History| Some((history.scenario.as_str(), Lanes::of(history)?));
        Self {
            report,
            witnesses: witnesses::of(report),
            lanes: report.histories.iter().filter_map(lanes).collect(),
        }
    }

    /// What is not a pass and counts, the broken first.
    fn headlines(&self) -> Vec<Headline> {
        let of = |wanted: fn(&Verdict) -> bool| self.report.judged.iter().filter(move |j| wanted(&j.verdict));
        of(|verdict| matches!(verdict, Verdict::Fail))
            .chain(of(|verdict| matches!(verdict, Verdict::Inconclusive { .. })))
            .chain(of(|verdict| matches!(verdict, Verdict::NotRun { .. })))
            .filter(|judged| outcome::gates(judged))
            .map(|judged| self.headline(judged))
            .collect()
    }

    fn headline(&self, judged: &Judged) -> Headline {
        let broken = judged.findings.iter().filter(|finding| finding.kind == Kind::Broken).count();
        let first = judged.findings.iter().find(|finding| finding.kind != Kind::Held);
        let marked = first.and_then(|f| f.events.last().and_then(|seq| self.mark(&f.scenario, *seq)));
        Headline {
            id: judged.id.clone(),
            word: judged.verdict.word(),
            class: class(&judged.verdict),
            what: visible(judged.why().unwrap_or_default()),
            more: if broken > 1 { format!("and {} more times", broken - 1) } else { String::new() },
            mark: marked.map(|(_, mark)| mark),
        }
    }

    fn area(&self, name: &str, judged: &[&Judged]) -> Area {
        Area {
            name: name.to_owned(),
            passed: judged.iter().filter(|j| matches!(j.verdict, Verdict::Pass { .. })).count(),
            rows: judged.iter().map(|judged| self.row(judged)).collect(),
        }
    }

    fn row(&self, judged: &Judged) -> Row {
        let telling = || judged.findings.iter().filter(|finding| finding.kind != Kind::Held);
        let held = judged.findings.iter().filter(|finding| finding.kind == Kind::Held);
        let requirement = self.report.requirement(judged);
        let scenarios = requirement.map(|requirement| requirement.judged_on.as_slice()).unwrap_or_default();
        let measurements = judged.measurements.iter();
        Row {
            id: judged.id.clone(),
            title: visible(&judged.title),
            word: judged.verdict.word(),
            class: class(&judged.verdict),
            open: matches!(judged.verdict, Verdict::Fail) && outcome::gates(judged),
            informational: !outcome::gates(judged),
            fact: fact(judged),
            panicked: judged.panicked.as_deref().map(visible),
            telling: telling().take(LISTED).enumerate().map(|(n, f)| self.finding(f, n < DRAWN)).collect(),
            held: held.take(LISTED).map(|finding| self.finding(finding, false)).collect(),
            not_listed: telling().count().saturating_sub(LISTED),
            measurements: measurements
                .map(|m| (m.name.clone(), visible(&m.of), m.scenario.clone(), format!("{:.3}", m.value)))
                .collect(),
            look: self.report.look(judged).map(|look| visible(&look)),
            said: requirement.map(|requirement| self.said(requirement)),
            scenarios: scenarios.iter().map(|id| (id.clone(), self.report.scenario(id).is_some())).collect(),
        }
    }

    fn said(&self, requirement: &Requirement) -> Said {
        let known = |id: &String| self.report.judged.iter().any(|judged| &judged.id == id);
        Said {
            requirement: requirement.requirement.trim().to_owned(),
            judged_by: requirement.judged_by.trim().to_owned(),
            level: requirement.level.as_str(),
            since: requirement.since.clone(),
            needs: requirement.needs.iter().map(|id| (id.clone(), known(id))).collect(),
            sources: requirement.sources.iter().map(|s| (s.document.clone(), s.at.clone())).collect(),
            answers: requirement.answers.iter().map(|a| (a.question.clone(), a.answer.clone())).collect(),
            limits: requirement.limits.iter().filter_map(|name| limit(name)).collect(),
        }
    }

    fn finding(&self, finding: &Finding, drawn: bool) -> FindingView {
        let history = self.report.history(&finding.scenario);
        let lines = history.map(|history| Line::all(history, &finding.events)).unwrap_or_default();
        FindingView {
            class: match finding.kind {
                Kind::Held => "held",
                Kind::Broken => "broken",
                Kind::Blind => "blind",
            },
            what: visible(&finding.what),
            scenario: finding.scenario.clone(),
            lines: lines.iter().map(|line| self.line(&finding.scenario, line)).collect(),
            drawing: if drawn { self.drawn_around(finding) } else { None },
        }
    }

    fn line(&self, scenario: &str, line: &Line) -> LineView {
        LineView {
            at: format!("{:.3} s", line.at_secs),
            observer: line.observer.clone(),
            what: visible(&line.what),
            mark: self.mark(scenario, line.seq),
        }
    }

    /// The number of an event's mark, and its id, if it is marked and there is a timeline.
    fn mark(&self, scenario: &str, seq: u64) -> Option<(usize, String)> {
        self.lanes.get(scenario)?;
        let witness = self.witnesses.get(scenario)?.iter().find(|witness| witness.seq == seq)?;
        Some((witness.number, anchor(scenario, seq)))
    }

    /// The stretch of the timeline around what this finding names.
    fn drawn_around(&self, finding: &Finding) -> Option<String> {
        let history = self.report.history(&finding.scenario)?;
        let lanes = self.lanes.get(finding.scenario.as_str())?;
        let witnesses = self.witnesses.get(&finding.scenario)?.iter();
        let own: Vec<_> = witnesses.filter(|w| finding.events.contains(&w.seq)).cloned().collect();
        timeline::around(history, lanes, &own)
    }

    fn scenario(&self, summary: &ScenarioSummary) -> ScenarioView {
        let witnesses = self.witnesses.get(&summary.id).map(Vec::as_slice).unwrap_or_default();
        let lanes = self.lanes.get(summary.id.as_str());
        let drawing = self.report.history(&summary.id).zip(lanes);
        ScenarioView {
            id: summary.id.clone(),
            title: visible(&summary.title),
            namespace: visible(&summary.namespace),
            completed: summary.ended == Ended::Completed,
            ended: visible(&summary.ended.describe()),
            numbers: scenario_numbers(summary),
            remarks: remarks(summary),
            drawing: drawing.map(|(history, lanes)| timeline::whole(history, lanes, witnesses)),
            judged: self.judged_on(&summary.id),
        }
    }

    fn judged_on(&self, scenario: &str) -> Vec<(String, &'static str)> {
        let on = |judged: &&Judged| {
            let requirement = self.report.requirement(judged);
            requirement.is_some_and(|requirement| requirement.judged_on.iter().any(|id| id == scenario))
        };
        self.report.judged.iter().filter(on).map(|j| (j.id.clone(), class(&j.verdict))).collect()
    }
}

const _: () = assert!(DRAWN <= MARKED_FINDINGS, "what is drawn is marked");
