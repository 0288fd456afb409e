//! The selftest, a test for each of its parts, so that a failing one has a name:
//! `cargo test --test selftest -- overlapping-terminations`.
//!
//! `fault::<name>` runs a cluster that tells this lie; `api-fault::<name>::<scenario>` one scenario through an API server
//! that answers so; `declarations` holds the specs and the cluster's faults together.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use steadfast::{
    embedded,
    selftest::{FaultName, Matrix},
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
    for fault in embedded::api_faults() {
        let scenarios = catalogue.scenarios.keys();
        tests.extend(scenarios.map(|scenario| of_api_fault(catalogue, fault, scenario)));
    }
    tests
}

/// Every requirement names a fault, every fault is named, and nothing is named that does not exist.
fn declarations(catalogue: &Catalogue) -> Trial {
    let problems = Matrix::declared(catalogue, &embedded::faults()).problems();
    Trial::test("declarations", move || verdict(&problems))
}

fn of_fault(catalogue: &Catalogue, fault: FaultName) -> Trial {
    let catalogue = catalogue.clone();
    Trial::test(format!("fault::{}", fault.name), move || {
        let row = embedded::row(&catalogue, fault, SEED)?.ok_or("a signal ended it")?;
        verdict(&row.problems())
    })
}

fn of_api_fault(catalogue: &Catalogue, fault: FaultName, scenario: &str) -> Trial {
    let (catalogue, scenario) = (catalogue.clone(), scenario.to_owned());
    Trial::test(format!("api-fault::{}::{scenario}", fault.name), move || {
        let broken = embedded::broken(&catalogue, &scenario, SEED)?.ok_or("a signal ended it")?;
        if broken.is_empty() {
            return Err(format!("nothing fails on the lie that LIES has for {scenario}").into());
        }
        let cell = embedded::disturbed_cell(&catalogue, fault, &scenario, &broken, SEED)?;
        verdict(&cell.ok_or("a signal ended it")?.problems())
    })
}

fn verdict(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}
