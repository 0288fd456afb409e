//! What came of random scenarios on the honest model.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Randomness {
    /// One for each seed.
    pub cases: Vec<RandomCase>,
    /// How many were left out because the time was over.
    pub left_out: usize,
    /// How long it took, in seconds of this machine.
    pub wall_secs: f64,
}

/// One scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RandomCase {
    /// Its seed, and its cluster's.
    pub seed: u64,
    /// How many observations held.
    pub held: u64,
    /// What was called broken: the requirement, and what its check said.
    pub broken: Vec<(String, String)>,
    /// What could not be told for a cause that an honest cluster does not give.
    pub blind: Vec<(String, String)>,
    /// How often something could not be told, by the cause.
    pub causes: BTreeMap<String, u64>,
    /// Why the scenario did not come to its end.
    pub error: Option<String>,
    /// The smallest scenario found that shows it; empty where nothing is wrong.
    pub scenario: String,
}

impl RandomCase {
    /// Whether nothing is wrong.
    pub fn is_right(&self) -> bool {
        self.broken.is_empty() && self.blind.is_empty() && self.error.is_none()
    }

    /// Whether the same requirement is wrong in both.
    pub fn has_what_is_wrong_with(&self, other: &Self) -> bool {
        let ids =
            |case: &Self| case.broken.iter().chain(&case.blind).map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let own = ids(self);
        ids(other).iter().any(|id| own.contains(id))
    }

    fn problem(&self) -> String {
        let mut text = format!("seed {}:", self.seed);
        let wrong =
            self.broken.iter().map(|(id, what)| format!("{id} calls an honest cluster broken: {what}"));
        let blind = self.blind.iter().map(|(id, what)| format!("{id} cannot tell, without a cause: {what}"));
        let error = self.error.iter().map(|error| format!("it did not come to its end: {error}"));
        for line in wrong.chain(blind).chain(error) {
            write!(text, "\n{line}").expect("writing to a string");
        }
        write!(
            text,
            "\nto see it again, as scenario.yaml: steadfast run --scenario scenario.yaml --embedded --seed {}\n{}",
            self.seed, self.scenario
        )
        .expect("writing to a string");
        text
    }
}

impl Randomness {
    /// A text for each scenario in which something is wrong.
    pub fn problems(&self) -> Vec<String> {
        self.cases.iter().filter(|case| !case.is_right()).map(RandomCase::problem).collect()
    }

    /// For people at a terminal. The last line is the verdict.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for problem in self.problems() {
            writeln!(out, "{problem}\n").expect("writing to a string");
        }
        let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
        for (cause, count) in self.cases.iter().flat_map(|case| &case.causes) {
            *causes.entry(cause).or_default() += count;
        }
        let causes: Vec<String> = causes.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
        let held: u64 = self.cases.iter().map(|case| case.held).sum();
        writeln!(
            out,
            "{} random scenarios on the honest model in {:.1} s, {} left out for want of time: {held} observations held; \
             not told, by cause: {}",
            self.cases.len(),
            self.wall_secs,
            self.left_out,
            if causes.is_empty() { "none".to_owned() } else { causes.join(", ") },
        )
        .expect("writing to a string");
        match self.problems().len() {
            0 => out += "RANDOM: no check finds anything broken in an honest cluster (exit 0)\n",
            wrong => {
                writeln!(out, "RANDOM: {wrong} scenarios are judged wrongly (exit 6)").expect("a string")
            }
        }
        out
    }
}
