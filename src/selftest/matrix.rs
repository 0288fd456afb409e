//! Faults × requirements.

use serde::Serialize;

use super::{FaultName, Told, waits_for};
use crate::{
    judge::{Judged, Verdict},
    spec::{Catalogue, Requirement},
};

/// Every fault of the embedded cluster, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Matrix {
    /// One row for each fault that some requirement names, in the cluster's order.
    pub rows: Vec<Row>,
    /// Faults whose requirement is still to be written, with its id.
    pub waiting: Vec<(String, String)>,
    /// What is wrong with the declarations, whatever the runs said.
    pub undeclared: Vec<String>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name and what it does.
    #[serde(flatten)]
    pub fault: FaultName,
    /// How often the cluster told this lie.
    pub firings: u64,
    /// How long the cluster ran, by its own clock.
    pub cluster_secs: f64,
    /// A panic, or a history that could not be written.
    pub error: Option<String>,
    /// What was said of each requirement that the scenarios tell something of.
    pub cells: Vec<Cell>,
}

/// One fault against one requirement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The requirement's id.
    pub requirement: String,
    /// What it means.
    pub result: Result,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Why it was not a pass.
    pub why: Option<String>,
}

/// What a verdict on a lying cluster means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// The requirement names the fault, and its check found it out.
    Caught,
    /// The requirement names the fault, and its check did not find it out.
    Missed,
    /// The requirement says that the fault may break it as well, and it did.
    Collateral,
    /// The requirement says nothing of the fault, and failed.
    Undeclared,
    /// The requirement says nothing of the fault, and could not be judged.
    Unjudged,
    /// The requirement says nothing of the fault, and passed or does not apply.
    Kept,
}

impl Matrix {
    /// The matrix without any row: what the declarations say.
    pub fn declared(catalogue: &Catalogue, faults: &[FaultName]) -> Self {
        let mut matrix = Self::default();
        for fault in faults.iter().map(|fault| fault.name) {
            let named = catalogue.requirements.iter().any(|r| r.faults.iter().any(|known| known == fault));
            match waits_for(catalogue, fault) {
                Some(requirement) if !named => matrix.waiting.push((fault.to_owned(), requirement.to_owned())),
                Some(_) => matrix.undeclared.push(format!(
                    "{fault} is named by a requirement and listed in src/selftest/waiting.rs; take it off that list"
                )),
                None if !named => matrix.undeclared.push(format!(
                    "no requirement names the fault {fault}; write it under `faults:` of the requirement that it breaks"
                )),
                None => {}
            }
        }
        for requirement in &catalogue.requirements {
            matrix.undeclared.extend(wrongly_declared(requirement, faults));
        }
        matrix
    }

    /// The names of the faults that are tried: those that a requirement names.
    pub fn tried<'f>(
        catalogue: &'f Catalogue,
        faults: &'f [FaultName],
    ) -> impl Iterator<Item = FaultName> + 'f {
        faults.iter().copied().filter(|fault| !naming(catalogue, fault.name).is_empty())
    }

    /// The scenarios that the requirements which name this fault are judged on.
    pub fn scenarios(catalogue: &Catalogue, fault: &str) -> Vec<String> {
        let judged_on = naming(catalogue, fault).into_iter().flat_map(|requirement| &requirement.judged_on);
        let mut scenarios: Vec<String> = judged_on.cloned().collect();
        scenarios.sort();
        scenarios.dedup();
        scenarios
    }

    /// One line for everything that is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        let rows = self.rows.iter().flat_map(Row::problems);
        self.undeclared.iter().cloned().chain(rows).collect()
    }

    /// How many cells have this result.
    pub fn count(&self, result: Result) -> usize {
        self.rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.result == result).count()
    }
}

impl Row {
    /// What the verdicts on a cluster with this fault mean.
    pub fn of(catalogue: &Catalogue, fault: FaultName, told: &Told) -> Self {
        let cells = told.judged.iter().filter_map(|judged| {
            let requirement = catalogue.requirement(&judged.id)?;
            Some(cell(requirement, fault.name, judged))
        });
        let (firings, cluster_secs, error) = (told.firings, told.cluster_secs, told.error.clone());
        Self { fault, firings, cluster_secs, error, cells: cells.collect() }
    }

    /// The requirements with this result.
    pub fn with(&self, result: Result) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.result == result)
    }

    /// One line for everything that is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        let name = self.fault.name;
        let error = self.error.iter().map(|error| format!("{name}: {error}"));
        let silent = (self.firings == 0).then(|| {
            format!("{name} never fired: no scenario of the requirements that name it gives it a chance to")
        });
        let missed = self.with(Result::Missed).map(|cell| self.missed(cell));
        let undeclared = self.with(Result::Undeclared).map(|cell| {
            let Cell { requirement, .. } = cell;
            format!(
                "{name} breaks {requirement}, which does not say so ({}); write it under its `faults:` or `collateral:`",
                cell.why.as_deref().unwrap_or("no reason given")
            )
        });
        error.chain(silent).chain(missed).chain(undeclared).collect()
    }

    /// What got away, from whom, where to look and how to try again.
    fn missed(&self, cell: &Cell) -> String {
        let Self { fault: FaultName { name, sentence }, firings, .. } = self;
        let Cell { requirement, verdict, .. } = cell;
        let why = cell.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let file = requirement.replace('-', "_");
        format!(
            "{name} got away from {requirement}, which says {verdict}{why}\n\
             the lie, told {firings} times: {sentence}\n\
             the check that must fail on it: src/checks/*/{file}.rs; how it judges: cargo run -- explain {requirement}\n\
             to try again: cargo run --release -- selftest --fault {name}"
        )
    }
}

fn naming<'c>(catalogue: &'c Catalogue, fault: &str) -> Vec<&'c Requirement> {
    catalogue.requirements.iter().filter(|r| r.faults.iter().any(|known| known == fault)).collect()
}

fn wrongly_declared(requirement: &Requirement, faults: &[FaultName]) -> Vec<String> {
    let Requirement { area, id, .. } = requirement;
    let none = requirement.faults.is_empty().then(|| {
        format!("{id} names no fault that it catches; add one under `faults:` in specs/{area}/{id}.yaml")
    });
    let declared = requirement.faults.iter().chain(&requirement.collateral);
    let unknown = declared
        .filter(|declared| faults.iter().all(|known| known.name != declared.as_str()))
        .map(|unknown| format!("{id} names {unknown}, which the embedded cluster does not know"));
    let twice = requirement
        .collateral
        .iter()
        .filter(|fault| requirement.faults.contains(fault))
        .map(|twice| format!("{id} names {twice} under `faults:` and under `collateral:`"));
    none.into_iter().chain(unknown).chain(twice).collect()
}

fn cell(requirement: &Requirement, fault: &str, judged: &Judged) -> Cell {
    let says = |list: &[String]| list.iter().any(|known| known == fault);
    let result = match (&judged.verdict, says(&requirement.faults), says(&requirement.collateral)) {
        (Verdict::Fail, true, _) => Result::Caught,
        (_, true, _) => Result::Missed,
        (Verdict::Fail, _, true) => Result::Collateral,
        (Verdict::Fail, ..) => Result::Undeclared,
        (Verdict::Pass { .. } | Verdict::NotApplicable { .. } | Verdict::Recorded { .. }, ..) => Result::Kept,
        (Verdict::Inconclusive { .. } | Verdict::NotRun { .. }, ..) => Result::Unjudged,
    };
    let why = judged.why().map(str::to_owned);
    Cell { requirement: judged.id.clone(), result, verdict: judged.verdict.word(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_that_got_away_is_named_with_the_check_to_look_at() {
        let cell = Cell {
            requirement: "scale-down-reverse".to_owned(),
            result: Result::Missed,
            verdict: "pass",
            why: None,
        };
        let fault = FaultName { name: "scales-down-ascending", sentence: "Takes the lowest pod first." };
        let row = Row { fault, firings: 2, cluster_secs: 1.0, error: None, cells: vec![cell] };
        let [problem] = &row.problems()[..] else { panic!("one problem: {:?}", row.problems()) };
        for part in [
            "scales-down-ascending got away from scale-down-reverse, which says pass",
            "told 2 times: Takes the lowest pod first.",
            "src/checks/*/scale_down_reverse.rs",
            "selftest --fault scales-down-ascending",
        ] {
            assert!(problem.contains(part), "{part:?} is not in {problem:?}");
        }
    }
}
