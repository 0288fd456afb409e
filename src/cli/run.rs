//! `steadfast run`: the main job. This file turns flags into options; the pipeline is `src/run`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::Timestamp;

use super::{args::RunArgs, meaning};
use crate::{
    cluster::Connection,
    history::{History, file::Header},
    judge::Judged,
    run,
};

struct Quiet(PathBuf);
impl run::Reporter for Quiet {
    fn folder(&self) -> &Path {
        &self.0
    }
    fn update(&self, _: &Header, _: &[Judged], _: &[History]) {}
}

/// Runs what is selected on the cluster, and ends with the exit code of its outcome.
pub(super) fn handle(args: &RunArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let mut plan = crate::plan::Plan::of(&catalogue, &Default::default());
    for idle in std::mem::take(&mut plan.idle) {
        plan.scenarios.push(crate::plan::PlannedScenario { id: idle.id, judges: vec![] });
    }
    let options = meaning::options(args);
    let seed = options.seed.unwrap_or_else(rand::random);
    let run_id = run::new_run_id(Timestamp::now(), seed);
    let folder = PathBuf::from("reports").join(&run_id);
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let finished = runtime.block_on(async {
        let connection = Connection::find(&options.target).await;
        run::run(&catalogue, &plan, &options, &run_id, seed, connection, &Quiet(folder)).await
    })?;
    for judged in &finished.judged {
        println!("{} {:?}", judged.id, judged.verdict);
    }
    println!("{:?} {:?} {:?}", finished.refused, finished.left_behind, finished.internal_error);
    Ok(0)
}
