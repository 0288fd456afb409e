//! Requirements × clauses: a passing record without the evidence of a clause must not pass.
//!
//! For each clause of each requirement, and each member of each of its dimensions, the events that show it are taken out of a
//! record that passes: answers are left out, and what a watch delivered is hidden in a gap. This is done again as long as
//! other events show it, and where even the list after the gap shows it, the watch is lost for good. The verdict must then be inconclusive, and name what is missing. A record that still passes has been
//! passed without evidence; one that fails has been accused because of a gap.

mod hide;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    checks::Evidence,
    history::{History, file::ClusterFacts},
    judge::{self, Covered, Judged, Verdict},
    spec::{Catalogue, Clause, Requirement},
    views::{Dimension, View},
};

/// How often more evidence is looked for and taken out.
const ROUNDS: usize = 400;

/// A record of a healthy cluster.
#[derive(Debug, Clone)]
pub struct Healthy {
    /// What it is called: the model, or the file of a kept record.
    pub name: String,
    /// What is known of the cluster.
    pub facts: ClusterFacts,
    /// Its histories.
    pub histories: Vec<History>,
}

/// All cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ablation {
    /// By record, then by requirement and clause.
    pub cells: Vec<AblatedCell>,
    /// Checks that call a healthy history broken, whether or not they are judged on it.
    pub accused: Vec<String>,
    /// How many times a check was asked about a healthy history.
    pub asked: usize,
    /// Requirements that no healthy record passes, so that no evidence could be taken out.
    pub unproved: Vec<String>,
}

/// One clause of one requirement, without the evidence for one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AblatedCell {
    /// The record.
    pub record: String,
    /// The requirement's id.
    pub requirement: String,
    /// The clause's id.
    pub clause: String,
    /// The scenario whose history was changed.
    pub scenario: String,
    /// Whose evidence was taken out: `backend coredns-a`; nothing where the clause is to be shown once.
    pub without: String,
    /// How many events were taken out.
    pub removed: usize,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Why it was not a pass.
    pub why: Option<String>,
    /// What is wrong with that, if anything is.
    pub problem: Option<String>,
}

impl Ablation {
    /// One line for everything that is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        let cells = self.cells.iter().filter_map(|cell| {
            let problem = cell.problem.as_ref()?;
            let AblatedCell { record, requirement, clause, scenario, without, .. } = cell;
            Some(format!("{requirement} {problem} without its evidence of `{clause}` for {without} in {scenario} ({record})"))
        });
        let unproved = self
            .unproved
            .iter()
            .map(|id| format!("no healthy record passes {id}, so nothing was taken out of one"));
        self.accused.iter().cloned().chain(unproved).chain(cells).collect()
    }

    /// How many cells passed though their evidence was gone.
    pub fn passed(&self) -> usize {
        self.cells.iter().filter(|cell| cell.verdict == "pass").count()
    }
}

/// Asks a check about each history of a healthy record, whether it is judged on it or not, and says where it finds something
/// broken. A panic is told like a finding.
pub fn accusations(requirement: &Requirement, record: &Healthy) -> Vec<String> {
    let place = |history: &History| format!("{} in {} ({})", requirement.id, history.scenario, record.name);
    let mut told = Vec::new();
    for history in &record.histories {
        match judge::ask(requirement, &View::of(history)) {
            Err(panic) => told.push(format!("{} panics: {panic}", place(history))),
            Ok(findings) => {
                let broken = findings.of_kind(crate::checks::Kind::Broken);
                told.extend(broken.map(|finding| {
                    format!("{} calls a healthy cluster broken: {}", place(history), finding.what)
                }));
            }
        }
    }
    told
}

/// The cells of one requirement on a record. None where the record does not pass it: then there is nothing to take away.
pub fn ablate(catalogue: &Catalogue, requirement: &Requirement, record: &Healthy) -> Vec<AblatedCell> {
    let alone = Requirement { needs: Vec::new(), ..requirement.clone() };
    let catalogue = Catalogue { requirements: vec![alone], ..catalogue.clone() };
    let trial = Trial { catalogue: &catalogue, record };
    if !matches!(trial.judged(None).verdict, Verdict::Pass { .. }) {
        return Vec::new();
    }
    let requirement = &catalogue.requirements[0];
    let mut cells = Vec::new();
    for scenario in &requirement.judged_on {
        let Some(history) = record.histories.iter().find(|h| h.scenario == *scenario) else { continue };
        for clause in requirement.clauses_on(scenario) {
            cells.extend(
                targets(clause, history).into_iter().map(|target| trial.cell(clause, history, &target)),
            );
        }
    }
    cells
}

/// Whose evidence is taken out: a member of a dimension; none where the clause has no dimension.
type Target = Option<(Dimension, String)>;

fn targets(clause: &Clause, history: &History) -> Vec<Target> {
    let view = View::of(history);
    let members = |dimension: &Dimension| {
        let members = dimension.members(&view).into_iter();
        members.map(|member| Some((*dimension, member))).collect::<Vec<_>>()
    };
    let targets: Vec<Target> = clause.each.iter().flat_map(members).collect();
    if clause.each.is_empty() { vec![None] } else { targets }
}

struct Trial<'t> {
    catalogue: &'t Catalogue,
    record: &'t Healthy,
}

impl Trial<'_> {
    fn requirement(&self) -> &Requirement {
        &self.catalogue.requirements[0]
    }

    /// The verdict on the record, with another history in the place of one.
    fn judged(&self, changed: Option<&History>) -> Judged {
        let histories =
            self.record.histories.iter().map(|history| {
                changed.filter(|changed| changed.scenario == history.scenario).unwrap_or(history)
            });
        let ids = [self.requirement().id.clone()];
        judge::judge_all(self.catalogue, &ids, &self.record.facts, histories).remove(0)
    }

    fn cell(&self, clause: &Clause, history: &History, target: &Target) -> AblatedCell {
        let mut removed = 0;
        let mut changed = history.clone();
        for _ in 0..ROUNDS {
            let shown = shown_by(self.requirement(), &changed, clause, target);
            let Some(less) = hide::without(&changed, &shown) else { break };
            removed += shown.len();
            changed = less;
        }
        let judged = self.judged(Some(&changed));
        let without = target.as_ref().map_or_else(|| "all".to_owned(), |(d, member)| format!("{d} {member}"));
        let problem = problem(&judged, clause, target, history);
        AblatedCell {
            record: self.record.name.clone(),
            requirement: self.requirement().id.clone(),
            clause: clause.id.clone(),
            scenario: history.scenario.clone(),
            without,
            removed,
            verdict: judged.verdict.word(),
            why: judged.why().map(str::to_owned),
            problem,
        }
    }
}

/// The events that show the clause for that target.
fn shown_by(requirement: &Requirement, history: &History, clause: &Clause, target: &Target) -> BTreeSet<u64> {
    let Ok(findings) = judge::ask(requirement, &View::of(history)) else { return BTreeSet::new() };
    let is_meant = |one: &&Evidence| {
        let of_target = |(dimension, member): &(Dimension, String)| one.of.get(dimension) == Some(member);
        one.clause == clause.id && target.as_ref().is_none_or(of_target)
    };
    findings.evidence.iter().filter(is_meant).flat_map(|one| one.events.iter().copied()).collect()
}

/// What is wrong with a verdict on a record without its evidence.
fn problem(judged: &Judged, clause: &Clause, target: &Target, history: &History) -> Option<String> {
    let why = judged.why().unwrap_or_default();
    match &judged.verdict {
        Verdict::Pass { .. } => Some("passes".to_owned()),
        Verdict::Fail => Some(format!("fails ({why})")),
        // Where a gap hides the very pod or deletion that evidence is needed of, the gap is what is named.
        Verdict::Inconclusive { .. } => (!names(judged, clause, target, history) && !why.contains("gap"))
            .then(|| format!("is inconclusive and does not name what is missing ({why})")),
        other => Some(format!("is {} ({why})", other.word())),
    }
}

/// Whether the clause is among those that lack something in that scenario, with the target where it has one.
fn names(judged: &Judged, clause: &Clause, target: &Target, history: &History) -> bool {
    let is_meant = |covered: &&Covered| covered.clause == clause.id && covered.scenario == history.scenario;
    let mut missing = judged.clauses.iter().filter(is_meant).flat_map(|covered| &covered.missing);
    missing.any(|missing| target.as_ref().is_none_or(|(_, member)| missing.contains(member)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    fn record(statements: &str) -> (Catalogue, Healthy) {
        let catalogue = Catalogue::built_in().unwrap();
        let scenarios = catalogue.requirement("ordered-creation").unwrap().judged_on.clone();
        let histories =
            scenarios.into_iter().map(|scenario| History { scenario, ..history(statements) }).collect();
        let facts = ClusterFacts { server_version: "v1.37.1".to_owned(), ..ClusterFacts::default() };
        (catalogue, Healthy { name: "noted".to_owned(), facts, histories })
    }

    const ORDERED: &str = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; completed";

    #[test]
    fn without_the_creation_of_a_pod_its_order_is_not_known() {
        let (catalogue, record) = record(ORDERED);
        let requirement = catalogue.requirement("ordered-creation").unwrap();
        let cells = ablate(&catalogue, requirement, &record);
        assert_eq!(cells.len(), 2 * record.histories.len(), "web-1 and web-2 in each scenario");
        assert!(
            cells.iter().all(|cell| cell.verdict == "inconclusive" && cell.problem.is_none()),
            "{cells:#?}"
        );
        assert!(cells.iter().all(|cell| cell.removed > 0));
    }

    #[test]
    fn a_record_that_does_not_pass_has_nothing_to_take_away() {
        let (catalogue, record) = record("set replicas=1; web-0 created; completed");
        let requirement = catalogue.requirement("ordered-creation").unwrap();
        assert!(ablate(&catalogue, requirement, &record).is_empty());
    }

    #[test]
    fn a_healthy_history_that_is_called_broken_is_told() {
        let (catalogue, record) = record("set replicas=2; web-1 created; web-0 created; completed");
        let requirement = catalogue.requirement("ordered-creation").unwrap();
        let told = accusations(requirement, &record);
        assert_eq!(told.len(), record.histories.len());
        assert!(told[0].contains("calls a healthy cluster broken: web-1 was created while web-0"));
    }
}
