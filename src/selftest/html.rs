//! The matrices as one page that needs nothing else.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use askama::Template;

use super::{Cell, DisturbedCell, Row, Selftest};

/// The whole page.
pub(super) fn render(selftest: &Selftest) -> Result<String> {
    let mut requirements: Vec<String> = Vec::new();
    for cell in selftest.matrix.rows.iter().flat_map(|row| &row.cells) {
        if !requirements.contains(&cell.requirement) {
            requirements.push(cell.requirement.clone());
        }
    }
    let mut scenarios: Vec<String> =
        selftest.disturbed.cells.iter().map(|cell| cell.scenario.clone()).collect();
    scenarios.sort();
    scenarios.dedup();
    let page = Page { selftest, requirements, scenarios, problems: selftest.problems() };
    page.render().context("failed to fill in selftest.html")
}

#[derive(Template)]
#[template(path = "selftest.html")]
struct Page<'s> {
    selftest: &'s Selftest,
    requirements: Vec<String>,
    scenarios: Vec<String>,
    problems: Vec<String>,
}

impl Page<'_> {
    /// The cell of a fault's row in a requirement's column.
    fn mark(&self, row: &Row, requirement: &str) -> Mark {
        use super::Result::{Caught, Collateral, Kept, Missed, Undeclared, Unjudged};
        let Some(cell) = row.cells.iter().find(|cell| cell.requirement == requirement) else {
            return Mark { class: "none", sign: "", title: String::new() };
        };
        let (class, sign) = match cell.result {
            Caught => ("caught", "●"),
            Missed => ("bad", "missed"),
            Collateral => ("collateral", "○"),
            Undeclared => ("bad", "undeclared"),
            Unjudged => ("unjudged", "?"),
            Kept => ("kept", "·"),
        };
        Mark { class, sign, title: title(row, cell) }
    }

    /// The records that evidence was taken out of.
    fn records(&self) -> Vec<&str> {
        let mut records: Vec<&str> =
            self.selftest.ablation.cells.iter().map(|cell| cell.record.as_str()).collect();
        records.sort_unstable();
        records.dedup();
        records
    }

    /// The rows of the third matrix: a requirement, a clause, and for each record how many cells, and how many of them wrong.
    fn ablated(&self) -> Vec<(&str, &str, Vec<Counts>)> {
        let records = self.records();
        let mut rows: BTreeMap<(&str, &str), Vec<Counts>> = BTreeMap::new();
        for cell in &self.selftest.ablation.cells {
            let counts =
                rows.entry((&cell.requirement, &cell.clause)).or_insert_with(|| vec![(0, 0); records.len()]);
            let column = records.iter().position(|record| *record == cell.record).unwrap_or_default();
            counts[column].0 += 1;
            counts[column].1 += usize::from(cell.problem.is_some());
        }
        rows.into_iter().map(|((requirement, clause), counts)| (requirement, clause, counts)).collect()
    }

    /// The rows of the second matrix: an API fault, its sentence, and its cells in the order of the scenarios.
    fn disturbed(&self) -> Vec<(&str, &str, Vec<&DisturbedCell>)> {
        let mut rows: Vec<(&str, &str, Vec<&DisturbedCell>)> = Vec::new();
        for cell in &self.selftest.disturbed.cells {
            match rows.last_mut().filter(|(name, ..)| *name == cell.fault.name) {
                Some((.., cells)) => cells.push(cell),
                None => rows.push((cell.fault.name, cell.fault.sentence, vec![cell])),
            }
        }
        rows.iter_mut().for_each(|(.., cells)| cells.sort_by(|a, b| a.scenario.cmp(&b.scenario)));
        rows
    }
}

/// How many cells, and how many of them wrong.
type Counts = (usize, usize);

struct Mark {
    class: &'static str,
    sign: &'static str,
    title: String,
}

fn title(row: &Row, cell: &Cell) -> String {
    let why = cell.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} × {}: {}{why}", row.fault.name, cell.requirement, cell.verdict)
}
