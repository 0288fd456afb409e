//! Random scenarios on the honest model: every check is asked about each, and none may find anything broken.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Model, proof::on_threads};
use crate::{
    checks::{Cause, Kind},
    generate,
    history::History,
    judge,
    plan::{Plan, Selection},
    run::Finished,
    selftest::{RandomCase, Randomness},
    spec::{Catalogue, Scenario},
    views::View,
};

/// What scenarios are called in the record of a random one.
const ID: &str = "random";

/// Runs so many scenarios, one for each seed from the first on, each on a cluster of its own, until the time is over.
///
/// One in which a check finds something broken is made smaller as long as it is found in the smaller one too.
pub fn random(
    catalogue: &Catalogue,
    first: u64,
    count: u64,
    threads: usize,
    bound: Duration,
) -> Result<Randomness> {
    let began = Instant::now();
    let seeds: Vec<u64> = (first..first.saturating_add(count)).collect();
    let cases = on_threads(threads, &seeds, |seed| {
        if began.elapsed() > bound {
            return Ok(None);
        }
        case(catalogue, *seed).map(Some)
    })?;
    let cases: Vec<RandomCase> = cases.into_iter().flatten().collect();
    let left_out = seeds.len() - cases.len();
    Ok(Randomness { cases, left_out, wall_secs: began.elapsed().as_secs_f64() })
}

fn case(catalogue: &Catalogue, seed: u64) -> Result<RandomCase> {
    let scenario = generate::scenario(seed);
    let mut case = told(catalogue, &scenario, seed)?;
    if case.is_right() {
        return Ok(case);
    }
    let mut scenario = scenario;
    // A scenario that does not come to its end was no legal one, or the model is wrong: its steps are needed as they are.
    let is_judged_wrongly = !case.broken.is_empty() || !case.blind.is_empty();
    while let Some((smaller, same)) =
        if is_judged_wrongly { shrunk(catalogue, &scenario, seed, &case)? } else { None }
    {
        (scenario, case) = (smaller, same);
    }
    case.scenario = scenario.to_yaml();
    Ok(case)
}

/// The first smaller scenario in which the same requirement is wrongly broken.
fn shrunk(
    catalogue: &Catalogue,
    scenario: &Scenario,
    seed: u64,
    case: &RandomCase,
) -> Result<Option<(Scenario, RandomCase)>> {
    for smaller in generate::smaller(scenario) {
        let told = told(catalogue, &smaller, seed)?;
        if told.has_what_is_wrong_with(case) {
            return Ok(Some((smaller, told)));
        }
    }
    Ok(None)
}

/// What all checks say about a scenario on an honest cluster.
fn told(catalogue: &Catalogue, scenario: &Scenario, seed: u64) -> Result<RandomCase> {
    let catalogue = catalogue.exploring(Scenario { id: ID.to_owned(), ..scenario.clone() });
    let ids = catalogue.requirements.iter().map(|requirement| requirement.id.clone());
    let plan = Plan::of(&catalogue, &Selection::of_ids(ids));
    let folder = tempfile::tempdir().context("failed to make a folder for a history")?;
    let model = Model { seed, ..Model::default() };
    super::record(&catalogue, &plan, model, ID, folder.path(), |finished, _| {
        let mut case = RandomCase { seed, error: error(&finished), ..RandomCase::default() };
        if let Some(history) = finished.histories.iter().find(|history| history.scenario == ID) {
            ask(&catalogue, history, &mut case);
        }
        case
    })
}

/// Why a scenario did not come to its end, or a panic.
fn error(finished: &Finished) -> Option<String> {
    let history = finished.histories.iter().find(|history| history.scenario == ID);
    let early = match history {
        None => Some("it left no history".to_owned()),
        Some(history) if history.is_completed() => None,
        Some(history) => {
            Some(history.aborted().map_or("it was not begun".to_owned(), |(_, reason, _)| reason.to_owned()))
        }
    };
    finished.ending.internal_error.clone().or_else(|| finished.ending.report_error.clone()).or(early)
}

fn ask(catalogue: &Catalogue, history: &History, case: &mut RandomCase) {
    let view = View::of(history);
    for requirement in catalogue.requirements.iter().filter(|r| r.judged_on.iter().any(|on| on == ID)) {
        match judge::ask(requirement, &view) {
            Err(panic) => case.broken.push((requirement.id.clone(), format!("panic: {panic}"))),
            Ok(findings) => {
                case.held += findings.held;
                for finding in &findings.findings {
                    match (finding.kind, finding.cause) {
                        (Kind::Broken, _) => case.broken.push((requirement.id.clone(), finding.what.clone())),
                        (Kind::Blind, Some(cause)) if !is_expected(cause) => {
                            case.blind.push((requirement.id.clone(), finding.what.clone()));
                        }
                        (Kind::Blind, Some(cause)) => {
                            *case.causes.entry(word(cause)).or_default() += 1;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// What may keep something from being told in an honest cluster whose API server answers well.
fn is_expected(cause: Cause) -> bool {
    !matches!(cause, Cause::Gap | Cause::NoAnswer | Cause::NotTold)
}

fn word(cause: Cause) -> String {
    let value = serde_json::to_value(cause).expect("plain data");
    value.as_str().unwrap_or_default().to_owned()
}
