//! `steadfast selftest`: proves that every check can fail. The clusters run in `src/embedded`; what their verdicts mean is
//! `src/selftest`.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    thread::available_parallelism,
    time::Duration,
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

use super::{
    args::SelftestArgs,
    disown::{SELFTEST, SELFTEST_FOLDER, red},
    exit, meaning,
};
use crate::{
    embedded,
    history::file::{self, Record},
    report::{
        Outcome,
        write::{Busy, ReportFolder},
    },
    run,
    selftest::{Healthy, Selftest},
    spec::Catalogue,
};

/// Runs the matrices, stores and prints them, and ends with 0 or 6.
pub(super) fn handle(args: &SelftestArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let known = [embedded::faults(), embedded::api_faults()].concat();
    for fault in &args.fault {
        if known.iter().all(|known| known.name != fault) {
            return Err(exit::usage(refcluster::UnknownFault(fault.clone())));
        }
    }
    if let Some(count) = args.random {
        return random(args, &catalogue, count);
    }
    let records = args.record.iter().map(|path| healthy(path)).collect::<Result<Vec<_>>>();
    let records = records.map_err(exit::usage)?;
    let folder = folder(args)?;
    run::listen();
    let threads = args.jobs.unwrap_or_else(|| available_parallelism().map_or(2, usize::from));
    let wanted = |name: &str| args.fault.is_empty() || args.fault.iter().any(|fault| fault == name);
    let Some(selftest) = embedded::prove(&catalogue, args.seed, threads, &wanted, records)? else {
        return Ok(Outcome::Interrupted.code());
    };
    run::is_over();
    let written = store(&folder, &selftest)?;
    let reports: String = written.iter().map(|path| format!("report  {}\n", path.display())).collect();
    exit::print(&(reports + "\n" + &selftest.text()))?;
    let outcome = if selftest.problems().is_empty() { Outcome::Pass } else { Outcome::SelftestSurvivor };
    Ok(outcome.code())
}

/// A record that was kept of a real cluster, compressed or not.
fn healthy(path: &Path) -> Result<Healthy> {
    let path = if path.is_dir() { path.join(file::NAME) } else { path.to_owned() };
    let read = || -> Result<Record> {
        let opened = File::open(&path)?;
        match path.extension().is_some_and(|extension| extension == "gz") {
            true => file::read(BufReader::new(GzDecoder::new(opened))),
            false => file::read(BufReader::new(opened)),
        }
    };
    let Record { header, histories, .. } =
        read().with_context(|| format!("{} is no record of a run", path.display()))?;
    let shown = path.file_name().filter(|name| *name != file::NAME).map(PathBuf::from);
    let name = shown.unwrap_or_else(|| path.parent().unwrap_or(Path::new(".")).to_owned());
    Ok(Healthy { name: name.display().to_string(), facts: header.cluster, histories })
}

/// Runs random scenarios on the honest model, prints what came of them, and ends with 0 or 6.
fn random(args: &SelftestArgs, catalogue: &Catalogue, count: u64) -> Result<u8> {
    let threads = args.jobs.unwrap_or_else(|| available_parallelism().map_or(2, usize::from));
    let bound = Duration::from_secs(args.random_secs);
    let randomness = embedded::random(catalogue, args.seed, count, threads, bound)?;
    exit::print(&randomness.text())?;
    let outcome = if randomness.problems().is_empty() { Outcome::Pass } else { Outcome::SelftestSurvivor };
    Ok(outcome.code())
}

/// The folder of the reports, which say from the beginning that there is no result yet.
fn folder(args: &SelftestArgs) -> Result<ReportFolder> {
    let folder = ReportFolder::create(args.out.as_deref().unwrap_or(Path::new(SELFTEST_FOLDER)));
    let folder = folder.map_err(unwritable)?;
    for name in SELFTEST {
        let why = "the selftest has not ended, or was killed".to_owned();
        folder.write(name, red(Path::new(name), Outcome::Unfinished, why)?).map_err(unwritable)?;
    }
    Ok(folder)
}

/// An error of writing, if it is not that somebody else writes.
fn unwritable(error: anyhow::Error) -> anyhow::Error {
    if error.is::<Busy>() { exit::usage(error) } else { exit::ending(Outcome::ReportIo, error) }
}

fn store(folder: &ReportFolder, selftest: &Selftest) -> Result<Vec<PathBuf>> {
    let written = || -> Result<Vec<PathBuf>> {
        Ok(vec![
            folder.write("selftest.html", selftest.html()?)?,
            folder.write("selftest.json", selftest.json())?,
        ])
    };
    written().map_err(unwritable)
}
