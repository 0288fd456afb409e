//! The selftest's runs: every fault, and every API fault in every scenario, on as many threads as are wanted.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result};

use super::{ApiFault, Fault, Model, trial::Trial};
use crate::{
    plan::{Plan, Selection},
    run::Finished,
    selftest::{
        Ablation, Broken, Disturbed, DisturbedCell, FORMAT, FaultName, HONEST, Healthy, LIES, Matrix, Row,
        Selftest, Told, ablation, lie_in,
    },
    spec::{Catalogue, Level, Requirement},
};

/// Every fault of the cluster.
pub fn faults() -> Vec<FaultName> {
    Fault::ALL.iter().map(|fault| FaultName { name: fault.name(), sentence: fault.sentence() }).collect()
}

/// Every fault of the API server, and some that go together.
pub fn api_faults() -> Vec<FaultName> {
    let single =
        ApiFault::ALL.iter().map(|fault| FaultName { name: fault.name(), sentence: fault.sentence() });
    single.chain(TOGETHER.iter().copied()).collect()
}

/// API faults that go together: what one does to a watch, the other does to what the recorder does about it.
const TOGETHER: &[FaultName] = &[
    FaultName {
        name: "watch-expired+garbled-answer",
        sentence: "Watches end with 410, and some of the lists that follow are a proxy's page.",
    },
    FaultName {
        name: "watch-reset+reopening-refused",
        sentence: "Watches are cut in the middle of an event, and reopening them is refused for a while.",
    },
    FaultName {
        name: "watch-lag+slow-relist",
        sentence: "Some watches are seconds late, and end with 410 before a list that is late as well.",
    },
    FaultName {
        name: "watch-stall+lost-answer",
        sentence: "Watches deliver nothing for a while, and some writes take effect without an answer.",
    },
    FaultName {
        name: "watch-mute+slow-answers",
        sentence: "Watches fall silent for good, and the lists that show it come late.",
    },
];

/// Runs the faults for which `wanted` says yes, of the cluster and of the API server; none if a signal came. Evidence is taken out
/// of a record of the honest model, and of these.
pub fn prove(
    catalogue: &Catalogue,
    seed: u64,
    threads: usize,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    records: Vec<Healthy>,
) -> Result<Option<Selftest>> {
    let began = Instant::now();
    let all = [faults(), api_faults()].concat().iter().all(|fault| wanted(fault.name));
    let declared = if all { Matrix::declared(catalogue, &faults()) } else { Matrix::default() };
    let (Some(rows), Some(disturbed)) =
        (rows(catalogue, seed, threads, wanted)?, disturbed(catalogue, seed, threads, wanted)?)
    else {
        return Ok(None);
    };
    let ablation = if all { ablation(catalogue, seed, threads, records)? } else { Ablation::default() };
    let matrix = Matrix { rows, ..declared };
    let wall_secs = began.elapsed().as_secs_f64();
    Ok(Some(Selftest { format: FORMAT, seed, wall_secs, matrix, disturbed, ablation }))
}

/// Takes evidence out of healthy records, and asks every check about every healthy history.
fn ablation(catalogue: &Catalogue, seed: u64, threads: usize, kept: Vec<Healthy>) -> Result<Ablation> {
    let records: Vec<Healthy> = healthy_records(catalogue, seed)?.into_iter().chain(kept).collect();
    let pairs: Vec<(&Healthy, &Requirement)> =
        records.iter().flat_map(|record| catalogue.requirements.iter().map(move |r| (record, r))).collect();
    let done = on_threads(threads, &pairs, |(record, requirement)| {
        Ok((ablation::accusations(requirement, record), ablation::ablate(catalogue, requirement, record)))
    })?;
    let asked =
        records.iter().map(|record| record.histories.len()).sum::<usize>() * catalogue.requirements.len();
    let mut all = Ablation { asked, ..Ablation::default() };
    for (accused, cells) in done {
        all.accused.extend(accused);
        all.cells.extend(cells);
    }
    let has_cells = |id: &str| all.cells.iter().any(|cell| cell.requirement == id);
    let without =
        catalogue.requirements.iter().filter(|r| r.level != Level::Informational && !has_cells(&r.id));
    all.unproved = without.map(|requirement| requirement.id.clone()).collect();
    Ok(all)
}

/// Records of healthy clusters: a whole run on the honest model.
pub fn healthy_records(catalogue: &Catalogue, seed: u64) -> Result<Vec<Healthy>> {
    let ids = catalogue.requirements.iter().map(|requirement| requirement.id.clone());
    let plan = Plan::of(catalogue, &Selection::of_ids(ids));
    let folder = tempfile::tempdir().context("failed to make a folder for a history")?;
    let model = Model { seed, ..Model::default() };
    let of = |finished: Finished| Healthy {
        name: "the model".to_owned(),
        facts: finished.header.cluster,
        histories: finished.histories,
    };
    let model = super::record(catalogue, &plan, model, "healthy", folder.path(), |finished, _| of(finished))?;
    Ok(vec![model])
}

fn rows(
    catalogue: &Catalogue,
    seed: u64,
    threads: usize,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Option<Vec<Row>>> {
    let tried: Vec<FaultName> =
        Matrix::tried(catalogue, &faults()).filter(|fault| wanted(fault.name)).collect();
    let rows = on_threads(threads, &tried, |fault| row(catalogue, *fault, seed))?;
    Ok(rows.into_iter().collect())
}

fn disturbed(
    catalogue: &Catalogue,
    seed: u64,
    threads: usize,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Option<Disturbed>> {
    let faults: Vec<FaultName> = api_faults().into_iter().filter(|fault| wanted(fault.name)).collect();
    if faults.is_empty() {
        return Ok(Some(Disturbed::default()));
    }
    let scenarios: Vec<&String> = catalogue.scenarios.keys().collect();
    let broken = on_threads(threads, &scenarios, |scenario| broken(catalogue, scenario, seed))?;
    let Some(broken) = broken.into_iter().collect::<Option<Vec<Broken>>>() else { return Ok(None) };
    let broken: BTreeMap<&String, Broken> = scenarios.iter().copied().zip(broken).collect();
    let pairs: Vec<(FaultName, Option<&String>)> = faults
        .iter()
        .flat_map(|fault| [None].into_iter().chain(scenarios.iter().copied().map(Some)).map(|s| (*fault, s)))
        .collect();
    let cells = on_threads(threads, &pairs, |(fault, scenario)| match scenario {
        None => honest_cell(catalogue, *fault, seed),
        Some(scenario) => disturbed_cell(catalogue, *fault, scenario, &broken[scenario], seed),
    })?;
    let undeclared = lies_that_prove_nothing(&scenarios, &broken);
    let cells: Option<Vec<DisturbedCell>> = cells.into_iter().collect();
    Ok(cells.map(|cells| Disturbed { cells, undeclared }))
}

/// The row of one fault; none if a signal ended the run.
pub fn row(catalogue: &Catalogue, fault: FaultName, seed: u64) -> Result<Option<Row>> {
    let scenarios = Matrix::scenarios(catalogue, fault.name);
    let told =
        Trial { scenarios, fault: Some(fault.name.parse()?), api_faults: Vec::new(), seed }.run(catalogue)?;
    Ok((!told.interrupted).then(|| Row::of(catalogue, fault, &told)))
}

/// What a scenario's lie breaks where the API server answers well.
pub fn broken(catalogue: &Catalogue, scenario: &str, seed: u64) -> Result<Option<Broken>> {
    let lie = lie_in(scenario);
    let told = told(catalogue, scenario, lie, None, seed)?;
    Ok((!told.interrupted).then(|| Broken::of(catalogue, lie.unwrap_or_default(), &told)))
}

/// How many seeds each cell is tried with.
const SEEDS: u64 = 3;

/// All scenarios with one API fault on an honest cluster, with a few seeds; none if a signal ended a run.
pub fn honest_cell(catalogue: &Catalogue, fault: FaultName, seed: u64) -> Result<Option<DisturbedCell>> {
    let scenarios: Vec<String> = catalogue.scenarios.keys().cloned().collect();
    let mut cell = DisturbedCell::of(fault, HONEST, None);
    for seed in seed..seed + SEEDS {
        let trial =
            Trial { scenarios: scenarios.clone(), fault: None, api_faults: parsed(fault.name)?, seed };
        let told = trial.run(catalogue)?;
        if told.interrupted {
            return Ok(None);
        }
        cell.honest(&told);
    }
    Ok(Some(cell))
}

/// One scenario with one API fault on a cluster that tells the scenario's lie, with a few seeds; none if a signal ended a run.
pub fn disturbed_cell(
    catalogue: &Catalogue,
    fault: FaultName,
    scenario: &str,
    broken: &Broken,
    seed: u64,
) -> Result<Option<DisturbedCell>> {
    let lie = lie_in(scenario);
    let mut cell = DisturbedCell::of(fault, scenario, lie);
    // Other seeds for each cell: with one for all, an API fault would strike them all at the same requests.
    let own = seed.wrapping_add(scenario.bytes().map(u64::from).sum());
    for seed in own..own + SEEDS {
        let told = told(catalogue, scenario, lie, Some(fault.name), seed)?;
        if told.interrupted {
            return Ok(None);
        }
        cell.lying(&told, broken);
    }
    Ok(Some(cell))
}

fn told(
    catalogue: &Catalogue,
    scenario: &str,
    fault: Option<&str>,
    api_fault: Option<&str>,
    seed: u64,
) -> Result<Told> {
    let scenarios = vec![scenario.to_owned()];
    let fault = fault.map(str::parse).transpose()?;
    let api_faults = api_fault.map_or_else(|| Ok(Vec::new()), parsed)?;
    Trial { scenarios, fault, api_faults, seed }.run(catalogue)
}

/// The API faults of a name: one, or several joined by `+`.
fn parsed(name: &str) -> Result<Vec<ApiFault>> {
    name.split('+').map(|name| Ok(name.parse()?)).collect()
}

fn lies_that_prove_nothing(scenarios: &[&String], broken: &BTreeMap<&String, Broken>) -> Vec<String> {
    let proves = |scenario: &&&String| broken.get(**scenario).is_some_and(|broken| !broken.is_empty());
    let missing = scenarios.iter().filter(|scenario| !proves(scenario)).map(|scenario| {
        format!("{scenario} has no lie in src/selftest/disturbed.rs that anything fails on; choose one")
    });
    let unknown =
        LIES.iter().filter(|(known, _)| scenarios.iter().all(|scenario| scenario.as_str() != *known));
    missing.chain(unknown.map(|(known, _)| format!("LIES names {known}, which is no scenario"))).collect()
}

/// Does the work on every item, several at a time; the results are in the order of the items.
pub(super) fn on_threads<I: Sync, T: Send>(
    threads: usize,
    items: &[I],
    work: impl Fn(&I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((index, item)) = take(&next, items) {
                    let result = work(item);
                    done.lock().expect("no holder panics").insert(index, result);
                }
            });
        }
    });
    done.into_inner().expect("no holder panics").into_values().collect()
}

fn take<'i, I>(next: &AtomicUsize, items: &'i [I]) -> Option<(usize, &'i I)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}
