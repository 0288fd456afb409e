//! What came of all runs, by what was done to them.

use std::{collections::BTreeMap, fmt::Write};

use crate::attempt::{Colour, Outcome, Way};

/// One row for each way of stopping a run.
pub(crate) fn of(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "stopped by   runs  exit codes                reports                                    slowest  left  removed  replays\n",
    );
    for way in Way::ALL {
        let rows: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.attempt.way == way).collect();
        let codes = counted(rows.iter().map(|outcome| outcome.code.to_string()));
        let reports = rows.iter().flat_map(|outcome| outcome.colours.iter().map(|(_, colour)| *colour));
        let colours = counted(reports.map(|colour: Colour| format!("{colour:?}").to_lowercase()));
        let slowest = rows.iter().map(|outcome| outcome.took.as_secs_f64()).fold(0.0, f64::max);
        let left: usize = rows.iter().map(|outcome| outcome.left.len()).sum();
        let removed: usize = rows.iter().map(|outcome| outcome.removed).sum();
        let replays = counted(rows.iter().filter_map(|outcome| Some(outcome.replayed?.to_string())));
        writeln!(
            table,
            "{:<12} {:>4}  {codes:<24}  {colours:<41}  {slowest:>6.1}s  {left:>4}  {removed:>7}  {replays}",
            format!("{way:?}"),
            rows.len()
        )
        .expect("writing to a string");
    }
    table
}

/// `130: 5, 0: 1`.
fn counted(items: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_default() += 1);
    counts.iter().map(|(item, count)| format!("{item}: {count}")).collect::<Vec<_>>().join(", ")
}
