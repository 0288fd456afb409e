//! A run on a model cluster of which nobody is told anything: what comes of it is its record, in a folder.

use std::{future::ready, path::Path};

use anyhow::Result;
use refcluster::Cluster;

use super::Model;
use crate::{
    history::{History, file::Header},
    judge::Judged,
    options::{Keep, Options, Progress, Target, Voice},
    plan::Plan,
    run::{self, Finished, Reporter},
    spec::Catalogue,
};

/// Runs a plan on such a model, with its seed for the harness too, and leaves the record in that folder, which exists.
/// `look` is given what the run came to, and the cluster, which is gone afterwards.
///
/// An error is one of the runtime or of writing the record.
pub fn record<T>(
    catalogue: &Catalogue,
    plan: &Plan,
    model: Model,
    run_id: &str,
    folder: &Path,
    look: impl FnOnce(Finished, &Cluster) -> T,
) -> Result<T> {
    let seed = model.seed;
    let (options, silent) = (options(seed), Silent(folder));
    super::with(model, async |connection, cluster| {
        let finished =
            run::run(catalogue, plan, &options, run_id, seed, ready(Ok(connection)), &silent).await?;
        Ok(look(finished, cluster))
    })?
}

/// Nothing is said on the way, and nothing is cleaned up: the cluster goes with its runtime.
fn options(seed: u64) -> Options {
    Options {
        target: Target { embedded: true, ..Target::default() },
        keep: Keep::Always,
        seed: Some(seed),
        voice: Voice { progress: Progress::None, ..Voice::default() },
        ..Options::default()
    }
}

/// Has a folder for the record, and reports to nobody.
struct Silent<'f>(&'f Path);

impl Reporter for Silent<'_> {
    fn folder(&self) -> &Path {
        self.0
    }

    fn update(&self, _: &Header, _: &[Judged], _: &[History]) -> Result<()> {
        Ok(())
    }
}
