//! The selftest, a test for each of its parts, so that a failing one has a name:
//! `cargo test --test selftest -- overlapping-terminations`.
//!
//! `fault::<name>` runs a cluster that tells this lie; `api-fault::<name>::<scenario>` one scenario through an API server
//! that answers so; `declarations` holds the specs and the cluster's faults together. Without `--release` all but the last are
//! ignored unless `--include-ignored` asks for them: they take more than five minutes
//! of processor time, and 40 s in `cargo test --release --test selftest`.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use steadfast::{
    embedded,
    selftest::{Broken, FaultName, Matrix},
    spec::Catalogue,
};

const SEED: u64 = 0;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let catalogue = Catalogue::built_in().expect("the built-in catalogue reads");
    libtest_mimic::run(&arguments, tests(&catalogue)).exit_code()
}

fn tests(catalogue: &Catalogue) -> Vec<Trial> {
    let known = embedded::faults();
    let mut tests = vec![declarations(catalogue)];
    tests.extend(Matrix::tried(catalogue, &known).map(|fault| of_fault(catalogue, fault)));
    for scenario in catalogue.scenarios.keys() {
        let broken = Baseline::default();
        let faults = embedded::api_faults().into_iter();
        tests.extend(faults.map(|fault| of_api_fault(catalogue, fault, scenario, broken.clone())));
    }
    tests
}

/// What a scenario's lie breaks where the API server answers well: found out by the first test that asks.
type Baseline = Arc<OnceLock<Result<Broken, String>>>;

fn slow(trial: Trial) -> Trial {
    trial.with_ignored_flag(cfg!(debug_assertions))
}

/// Every requirement names a fault, every fault is named, and nothing is named that does not exist.
fn declarations(catalogue: &Catalogue) -> Trial {
    let problems = Matrix::declared(catalogue, &embedded::faults()).problems();
    Trial::test("declarations", move || verdict(&problems))
}

fn of_fault(catalogue: &Catalogue, fault: FaultName) -> Trial {
    let catalogue = catalogue.clone();
    slow(Trial::test(format!("fault::{}", fault.name), move || {
        let row = embedded::row(&catalogue, fault, SEED)?.ok_or("a signal ended it")?;
        verdict(&row.problems())
    }))
}

fn of_api_fault(catalogue: &Catalogue, fault: FaultName, scenario: &str, baseline: Baseline) -> Trial {
    let (catalogue, scenario) = (catalogue.clone(), scenario.to_owned());
    slow(Trial::test(format!("api-fault::{}::{scenario}", fault.name), move || {
        let broken = baseline.get_or_init(|| broken(&catalogue, &scenario)).as_ref()?;
        let cell = embedded::disturbed_cell(&catalogue, fault, &scenario, broken, SEED)?;
        verdict(&cell.ok_or("a signal ended it")?.problems())
    }))
}

fn broken(catalogue: &Catalogue, scenario: &str) -> Result<Broken, String> {
    let broken = embedded::broken(catalogue, scenario, SEED).map_err(|error| format!("{error:#}"))?;
    let broken = broken.ok_or("a signal ended it")?;
    match broken.is_empty() {
        true => Err(format!("nothing fails on the lie that LIES has for {scenario}; choose another")),
        false => Ok(broken),
    }
}

fn verdict(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}
