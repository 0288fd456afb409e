//! `steadfast replay DIR`: the same record, judged again, with no cluster.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{
    args::ReplayArgs,
    exit::{self, Usage},
    meaning,
};
use crate::{
    history::{History, file},
    judge::{self, Judged},
    spec::Catalogue,
};

/// Judges the recorded run in a folder, rewrites its reports, and ends with the exit code of the outcome.
pub(super) fn handle(args: &ReplayArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let (header, histories) = read(&args.dir).map_err(Usage::error)?;
    let judged = judge_again(&catalogue, &header, &histories).map_err(Usage::error)?;
    exit::print(&format!("{} judged\n", judged.len()))?;
    Ok(exit::OK)
}

fn read(dir: &Path) -> Result<(file::Header, Vec<History>)> {
    let path: PathBuf = dir.join(file::NAME);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("failed to read {}: a run's folder has it; `ls reports` shows the runs here", path.display())
    })?;
    file::parse(&text).with_context(|| format!("{} is no history that can be judged", path.display()))
}

fn judge_again(catalogue: &Catalogue, header: &file::Header, histories: &[History]) -> Result<Vec<Judged>> {
    let unknown: Vec<_> = header.selected.iter().filter(|id| catalogue.requirement(id).is_none()).collect();
    ensure!(
        unknown.is_empty(),
        "the run judged {unknown:?}, which this catalogue does not have; replay it with steadfast {}",
        header.recorded_by
    );
    Ok(judge::judge_all(catalogue, &header.selected, &header.cluster, histories))
}
