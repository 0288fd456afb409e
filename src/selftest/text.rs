//! The matrices for a terminal: one line for each fault, then what is wrong, the verdict last.

use std::{collections::BTreeMap, fmt::Write};

use super::{Ablation, Cell, DisturbedCell, Matrix, Result, Row, Selftest};

/// The whole text.
pub(super) fn render(selftest: &Selftest) -> String {
    let mut out = String::from("Faults of the cluster, and the requirements that they break\n\n");
    let width = selftest.matrix.rows.iter().map(|row| row.fault.name.len()).max().unwrap_or(0);
    for row in &selftest.matrix.rows {
        fault(&mut out, row, width);
    }
    waiting(&mut out, &selftest.matrix);
    out += "\nFaults of the API server: verdicts that stay true / that are given up / that turn, by scenario\n\n";
    disturbed(&mut out, &selftest.disturbed.cells);
    out += "\nEvidence taken out of healthy records, by requirement: clauses and what they are shown for\n\n";
    ablated(&mut out, &selftest.ablation);
    problems(&mut out, &selftest.problems());
    verdict(&mut out, selftest);
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("writing to a string");
}

fn fault(out: &mut String, row: &Row, width: usize) {
    let kinds = [
        ("caught by", Result::Caught),
        ("MISSED by", Result::Missed),
        ("collateral", Result::Collateral),
        ("UNDECLARED", Result::Undeclared),
        ("not judged", Result::Unjudged),
    ];
    let told = kinds.iter().filter_map(|(word, result)| {
        let ids: Vec<&str> = row.with(*result).map(|cell: &Cell| cell.requirement.as_str()).collect();
        let many = *result == Result::Unjudged && ids.len() > 3;
        let shown = if many { format!("{} others", ids.len()) } else { ids.join(", ") };
        (!ids.is_empty()).then(|| format!("{word} {shown}"))
    });
    let told: Vec<String> = told.collect();
    let fired = if row.firings == 0 { "NEVER FIRED".to_owned() } else { format!("fired {}", row.firings) };
    line(out, &format!("  {:<width$}  {fired:<12} {}", row.fault.name, told.join("; ")));
}

fn waiting(out: &mut String, matrix: &Matrix) {
    if matrix.waiting.is_empty() {
        return;
    }
    line(out, "\nFaults that wait for a requirement that is still to be written\n");
    for (fault, requirement) in &matrix.waiting {
        line(out, &format!("  {fault} → {requirement}"));
    }
}

fn disturbed(out: &mut String, cells: &[DisturbedCell]) {
    let mut last = "";
    for cell in cells {
        let DisturbedCell { fault, scenario, firings, true_verdicts, unjudged, turned, .. } = cell;
        if fault.name != last {
            line(out, &format!("  {}", fault.name));
            last = fault.name;
        }
        let figures = format!("{true_verdicts:>3} /{unjudged:>3} /{:>3}", turned.len());
        line(out, &format!("    {scenario:<20} struck {firings:>4}  {figures}"));
    }
}

fn ablated(out: &mut String, ablation: &Ablation) {
    let mut rows: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for cell in &ablation.cells {
        let (cells, wrong) = rows.entry((&cell.record, &cell.requirement)).or_default();
        *cells += 1;
        *wrong += usize::from(cell.problem.is_some());
    }
    for ((record, requirement), (cells, wrong)) in rows {
        let wrong = if wrong == 0 { String::new() } else { format!("  {wrong} WRONG") };
        line(out, &format!("  {requirement:<32} {cells:>4}  {record}{wrong}"));
    }
}

fn problems(out: &mut String, problems: &[String]) {
    if problems.is_empty() {
        return;
    }
    line(out, "\nWhat is wrong\n");
    problems.iter().for_each(|problem| line(out, &format!("  {}", problem.replace('\n', "\n    "))));
}

fn verdict(out: &mut String, selftest: &Selftest) {
    let matrix = &selftest.matrix;
    let count = |result| matrix.count(result);
    let turned: usize = selftest.disturbed.cells.iter().map(|cell| cell.turned.len()).sum();
    let cluster_secs: f64 = matrix.rows.iter().map(|row| row.cluster_secs).sum();
    line(
        out,
        &format!(
            "\n{} faults, {} never fired; {} caught, {} missed, {} collateral, {} undeclared; {} cells of API faults, {turned} verdicts turned",
            matrix.rows.len(),
            matrix.rows.iter().filter(|row| row.firings == 0).count(),
            count(Result::Caught),
            count(Result::Missed),
            count(Result::Collateral),
            count(Result::Undeclared),
            selftest.disturbed.cells.len(),
        ),
    );
    let ablation = &selftest.ablation;
    line(
        out,
        &format!(
            "{} cells of evidence taken out, {} still passed; checks asked {} times about healthy histories, {} accusations",
            ablation.cells.len(),
            ablation.passed(),
            ablation.asked,
            ablation.accused.len(),
        ),
    );
    line(
        out,
        &format!(
            "{:.0} minutes of clusters in {:.1} s, seed {}",
            cluster_secs / 60.0,
            selftest.wall_secs,
            selftest.seed
        ),
    );
    line(out, &last_line(selftest));
}

fn last_line(selftest: &Selftest) -> String {
    let missed = |row: &&Row| row.with(Result::Missed).next().is_some();
    let away: Vec<&str> = selftest.matrix.rows.iter().filter(missed).map(|row| row.fault.name).collect();
    let problems = match selftest.problems().len() {
        0 => return "SELFTEST: every check catches what it is there for (exit 0)".to_owned(),
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    };
    let away = if away.is_empty() { String::new() } else { format!(", got away: {}", away.join(", ")) };
    format!("SELFTEST: {problems}{away} (exit 6)")
}
