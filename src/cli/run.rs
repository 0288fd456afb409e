//! `steadfast run`: the main job. This file turns flags into options; the pipeline is elsewhere.

use anyhow::{Result, bail};

use super::{args::RunArgs, meaning};

/// Runs what is selected on the cluster, and ends with the exit code of its outcome.
pub(super) fn handle(args: &RunArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let plan = meaning::plan(&catalogue, &args.selection)?;
    let options = meaning::options(args);
    bail!("not wired yet: {} scenarios on {:?}", plan.scenarios.len(), options.target)
}
