//! One run on a model cluster that is told to lie, or whose API server is told to be difficult: what the harness then
//! says, and how often the fault came up.

use anyhow::{Context, Result};

use super::{ApiFault, Fault, IpFamilies, Model};
use crate::{
    history::{History, Stopping},
    plan::{PREFLIGHT, Plan, Selection},
    selftest::Told,
    spec::Catalogue,
};

/// What is tried: some scenarios, on a cluster with these faults.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// The scenarios, the preflight aside, which always runs.
    pub scenarios: Vec<String>,
    /// The cluster's lie.
    pub fault: Option<Fault>,
    /// What the API server does to its clients.
    pub api_faults: Vec<ApiFault>,
    /// The seed of cluster and harness.
    pub seed: u64,
}

impl Trial {
    /// Runs it and judges every requirement on what these scenarios show of it.
    pub fn run(&self, catalogue: &Catalogue) -> Result<Told> {
        let catalogue = restricted(catalogue, &self.scenarios);
        let ids = catalogue.requirements.iter().map(|requirement| requirement.id.clone());
        let plan = Plan::of(&catalogue, &Selection::of_ids(ids));
        let folder = tempfile::tempdir().context("failed to make a folder for a history")?;
        let run_id = format!("selftest-{}", self.seed);
        super::record(&catalogue, &plan, self.model(), &run_id, folder.path(), |finished, cluster| Told {
            firings: self.fault.map_or(0, |fault| cluster.firings()[&fault]),
            // Of several that go together, each must strike.
            api_firings: self.api_faults.iter().map(|fault| cluster.api_firings()[fault]).min().unwrap_or(0),
            cluster_secs: finished.histories.iter().map(end_secs).fold(0.0, f64::max),
            interrupted: matches!(
                finished.ending.stopped_by(),
                Some(Stopping::Interrupt | Stopping::Terminate | Stopping::HangUp)
            ),
            error: finished.ending.internal_error.or(finished.ending.report_error),
            judged: finished.judged,
        })
    }

    fn model(&self) -> Model {
        let ip_families = match self.fault {
            Some(Fault::SecondFamilyUnpublished) => IpFamilies::Ipv4Ipv6,
            _ => IpFamilies::Ipv4,
        };
        Model {
            seed: self.seed,
            faults: self.fault.into_iter().collect(),
            api_faults: self.api_faults.clone(),
            ip_families,
            ..Model::default()
        }
    }
}

/// The catalogue with the requirements that these scenarios tell something of, and these as all that they are judged on.
fn restricted(catalogue: &Catalogue, scenarios: &[String]) -> Catalogue {
    let mut catalogue = catalogue.clone();
    for requirement in &mut catalogue.requirements {
        requirement.judged_on.retain(|scenario| scenario == PREFLIGHT || scenarios.contains(scenario));
    }
    catalogue.requirements.retain(|requirement| !requirement.judged_on.is_empty());
    catalogue
}

fn end_secs(history: &History) -> f64 {
    history.events.last().map_or(0.0, |event| event.span.until_us as f64 / 1e6)
}
