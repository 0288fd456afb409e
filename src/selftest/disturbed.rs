//! API faults × scenarios: a server that answers badly may cost a verdict, and never turns one.
//!
//! On an honest cluster, all scenarios are run with each API fault, and nothing may fail. On a cluster that tells a scenario's
//! lie, that scenario is run, and nothing that fails without the API fault may pass.

use serde::Serialize;

use super::{FaultName, Told};
use crate::{judge::Verdict, spec::Catalogue};

/// A lie for each scenario, one that its history shows.
pub const LIES: &[(&str, &str)] = &[
    ("preflight", "apps-beta-still-listed"),
    ("documented-start", "pod-name-gives-sibling"),
    ("documented-storage", "claim-recreated-with-pod"),
    ("gated-start", "waits-for-running-only"),
    ("ip-churn", "endpoints-keep-old-address"),
    ("lower-lost", "nearest-predecessor-only"),
    ("mass-delete", "recreates-at-once"),
    ("scale-cycle", "overlapping-terminations"),
    ("single-delete", "recreates-whole-set"),
];

/// The lie that is told in a scenario.
pub fn lie_in(scenario: &str) -> Option<&'static str> {
    LIES.iter().find(|(known, _)| *known == scenario).map(|(_, lie)| *lie)
}

/// The place of a scenario's name in the cell of the honest cluster, on which all scenarios are run.
pub const HONEST: &str = "honest cluster";

/// All cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Disturbed {
    /// By API fault, first the honest cluster, then by scenario.
    pub cells: Vec<DisturbedCell>,
    /// Scenarios for which there is no lie, or whose lie nothing fails on.
    pub undeclared: Vec<String>,
}

/// One scenario with one API fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisturbedCell {
    /// The API fault.
    #[serde(flatten)]
    pub fault: FaultName,
    /// The scenario; [`HONEST`] for all of them on an honest cluster.
    pub scenario: String,
    /// The lie that the cluster tells.
    pub lie: Option<String>,
    /// How often the API fault struck, with all seeds.
    pub firings: u64,
    /// How many verdicts were the true ones.
    pub true_verdicts: usize,
    /// How many requirements could not be judged.
    pub unjudged: usize,
    /// The verdicts that are false.
    pub turned: Vec<String>,
    /// A panic, or a history that could not be written.
    pub errors: Vec<String>,
}

/// What fails on a lying cluster that answers well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(Vec<String>);

impl Broken {
    /// The requirements that name the lie and fail. Collateral may fail by way of evidence that an API fault takes away.
    pub fn of(catalogue: &Catalogue, lie: &str, told: &Told) -> Self {
        let names =
            |id: &str| catalogue.requirement(id).is_some_and(|r| r.faults.iter().any(|fault| fault == lie));
        let failing =
            told.judged.iter().filter(|judged| judged.verdict == Verdict::Fail && names(&judged.id));
        Self(failing.map(|judged| judged.id.clone()).collect())
    }

    /// Whether nothing fails: then the lie proves nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Disturbed {
    /// One line for everything that is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        self.undeclared.iter().cloned().chain(self.cells.iter().flat_map(DisturbedCell::problems)).collect()
    }
}

impl DisturbedCell {
    /// A cell with no run in it yet.
    pub fn of(fault: FaultName, scenario: &str, lie: Option<&str>) -> Self {
        Self {
            fault,
            scenario: scenario.to_owned(),
            lie: lie.map(str::to_owned),
            firings: 0,
            true_verdicts: 0,
            unjudged: 0,
            turned: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// A run on an honest cluster: nothing may fail.
    pub fn honest(&mut self, told: &Told) {
        self.firings += told.api_firings;
        self.errors.extend(told.error.clone());
        for judged in &told.judged {
            let turned = || {
                let why = judged.why().unwrap_or("no reason given");
                format!("{} fails on an honest cluster: {why}", judged.id)
            };
            self.count(&judged.verdict, judged.verdict == Verdict::Fail, turned);
        }
    }

    /// A run on a lying cluster: nothing may pass that fails without the API fault.
    pub fn lying(&mut self, told: &Told, broken: &Broken) {
        self.firings += told.api_firings;
        self.errors.extend(told.error.clone());
        for judged in told.judged.iter().filter(|judged| broken.0.contains(&judged.id)) {
            let passes = matches!(judged.verdict, Verdict::Pass { .. });
            self.count(&judged.verdict, passes, || format!("{} passes on a cluster that lies", judged.id));
        }
    }

    fn count(&mut self, verdict: &Verdict, is_false: bool, told: impl FnOnce() -> String) {
        match verdict {
            _ if is_false => self.turned.push(told()),
            Verdict::Inconclusive { .. } | Verdict::NotRun { .. } => self.unjudged += 1,
            _ => self.true_verdicts += 1,
        }
    }

    /// One line for everything that is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        let place = format!("{} in {}", self.fault.name, self.scenario);
        let silent = (self.firings == 0).then(|| format!("{place} never struck, which proves nothing"));
        let turned = self.turned.iter().map(|turned| format!("{place} turns a verdict: {turned}"));
        let errors = self.errors.iter().map(|error| format!("{place}: {error}"));
        silent.into_iter().chain(turned).chain(errors).collect()
    }
}
