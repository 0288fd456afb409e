//! From a selection to a plan: which requirements are judged, which scenarios run for them, and why not the others.
//! Pure.

mod selection;

use std::collections::BTreeSet;

pub use selection::{Expression, Selection, Unknown};

use crate::{
    limits,
    spec::{Action, Catalogue, Condition, Requirement, Scenario},
};

/// The scenario that every run begins with: it starts the probes that the others ask through.
pub use crate::spec::PREFLIGHT;

/// What a run will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The requirements that are reported on, in the order of the catalogue.
    pub requirements: Vec<String>,
    /// Those that are not reported on and that the former need, in the order of the catalogue.
    pub prerequisites: Vec<String>,
    /// The scenarios, in the order in which they are begun: the preflight, then the longest first.
    pub scenarios: Vec<PlannedScenario>,
    /// The requirements that are neither, and why.
    pub left_out: Vec<LeftOut>,
    /// The scenarios that do not run, and why.
    pub idle: Vec<LeftOut>,
}

/// A scenario that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedScenario {
    /// Its id.
    pub id: String,
    /// The planned requirements that are judged on its history, prerequisites included.
    pub judges: Vec<String>,
}

/// Something that is not part of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub id: String,
    /// Why not.
    pub reason: String,
}

impl Plan {
    /// The plan for a selection.
    pub fn of(catalogue: &Catalogue, selection: &Selection) -> Self {
        let (mut plan, mut chosen) = (Plan::default(), BTreeSet::new());
        for requirement in &catalogue.requirements {
            match selection.leaves_out(requirement) {
                Some(reason) => plan.left_out.push(LeftOut { id: requirement.id.clone(), reason }),
                None => with_needs(catalogue, requirement, &mut chosen),
            }
        }
        let chosen_in_order = catalogue.requirements.iter().filter(|r| chosen.contains(r.id.as_str()));
        (plan.prerequisites, plan.requirements) = chosen_in_order
            .map(|r| r.id.clone())
            .partition(|id| plan.left_out.iter().any(|out| out.id == *id));
        plan.left_out.retain(|out| !chosen.contains(out.id.as_str()));
        if !plan.is_empty() {
            plan.schedule(catalogue, &chosen);
        }
        plan
    }

    /// Whether nothing is judged.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// How many pods the scenarios create in all, probe pods not counted.
    pub fn pods(&self, catalogue: &Catalogue) -> u32 {
        self.scenarios.iter().filter_map(|planned| catalogue.scenarios.get(&planned.id)).map(|s| s.pods).sum()
    }

    fn schedule(&mut self, catalogue: &Catalogue, chosen: &BTreeSet<&str>) {
        for scenario in in_running_order(catalogue) {
            let judged =
                |r: &&Requirement| chosen.contains(r.id.as_str()) && r.judged_on.contains(&scenario.id);
            let judges: Vec<String> =
                catalogue.requirements.iter().filter(judged).map(|r| r.id.clone()).collect();
            let id = scenario.id.clone();
            if judges.is_empty() && id != PREFLIGHT {
                let reason = "no planned requirement is judged on it".to_owned();
                self.idle.push(LeftOut { id, reason });
            } else {
                self.scenarios.push(PlannedScenario { id, judges });
            }
        }
    }
}

/// Adds the requirement and all that it needs, directly or through another.
fn with_needs<'c>(catalogue: &'c Catalogue, requirement: &'c Requirement, chosen: &mut BTreeSet<&'c str>) {
    if chosen.insert(&requirement.id) {
        for need in requirement.needs.iter().filter_map(|need| catalogue.requirement(need)) {
            with_needs(catalogue, need, chosen);
        }
    }
}

/// The preflight, then what takes longest, so that the end of the run does not wait for a scenario that began last.
fn in_running_order(catalogue: &Catalogue) -> Vec<&Scenario> {
    let mut scenarios: Vec<&Scenario> = catalogue.scenarios.values().collect();
    scenarios.sort_by_key(|s| (s.id != PREFLIGHT, std::cmp::Reverse(guessed_millis(s)), s.id.clone()));
    scenarios
}

/// How long a scenario is likely to take. A guess, for the order alone: nothing else reads it.
fn guessed_millis(scenario: &Scenario) -> u64 {
    const A_POD: u64 = 4_000;
    let steps: u64 = scenario.steps.iter().map(guessed_step_millis).sum();
    u64::from(scenario.pods) * A_POD + steps
}

fn guessed_step_millis(step: &Action) -> u64 {
    match step {
        Action::Quiet(quiet) => {
            limits::ALL.iter().find(|limit| limit.name == quiet.limit).map_or(0, |limit| limit.wait_millis)
        }
        Action::Await(Condition::DnsSettled) => limits::DNS_STALE_SOFT.wait_millis / 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
