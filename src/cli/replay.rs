//! `steadfast replay DIR`: the same record, judged again, with no cluster.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};

use super::{
    args::ReplayArgs,
    destination::Destination,
    exit, meaning,
    summary::{self, Style},
};
use crate::{
    history::{
        file::{self, Record},
        seal::Broken,
    },
    judge,
    report::{Circumstances, Outcome, Report, place::is_same_file, write::Staged},
    spec::Catalogue,
};

/// Judges the recorded run in a folder, writes its reports anew, and ends with the exit code of the outcome.
pub(super) fn handle(args: &ReplayArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let file = open(&args.dir).map_err(exit::usage)?;
    let destination = destination(args)?;
    let record = read_from(file, &args.dir).map_err(exit::usage)?;
    let Record { header, histories, seal } = &record;
    is_known(&catalogue, header).map_err(exit::usage)?;
    let planned = Report::planned(header, &catalogue, "the replay has not come to it", UNFINISHED);
    destination.begin(&planned).map_err(|error| exit::ending(Outcome::ReportIo, error))?;
    bring_along(&args.dir, destination.path()).map_err(|error| exit::ending(Outcome::ReportIo, error))?;
    let judged = judge::judge_all(&catalogue, &header.selected, &header.cluster, histories);
    let circumstances = Circumstances::of_replay(seal, histories);
    let mut report = Report::new(header, &catalogue, judged, histories, circumstances);
    let style = Style { color: args.color, detail: meaning::detail(&args.detail), ..Style::default() };
    destination.publish(&mut report, &|report, written| {
        summary::text(report, Style { written: written.to_vec(), ..style.clone() })
    });
    Ok(report.outcome.code())
}

const UNFINISHED: &str = "nothing here is a result yet: the replay has not ended, or was killed";

/// The record in the folder of a run.
pub(super) fn read(dir: &Path) -> Result<Record> {
    read_from(open(dir)?, dir)
}

fn open(dir: &Path) -> Result<File> {
    let path = dir.join(file::NAME);
    let hint = || {
        format!(
            "failed to read {}; give the folder of a run, such as those that `ls reports` shows",
            path.display()
        )
    };
    // Before it is opened: to open a pipe waits for whoever writes into it.
    let there = std::fs::metadata(&path).with_context(hint)?;
    ensure!(there.is_file(), "{} is no plain file, and so no record", path.display());
    File::open(&path).with_context(hint)
}

fn read_from(file: File, dir: &Path) -> Result<Record> {
    let path = dir.join(file::NAME);
    file::read(BufReader::new(file)).map_err(|error| {
        let is_broken = error.chain().any(|cause| cause.is::<Broken>());
        let next = if is_broken { as_it_is(&path) } else { String::new() };
        anyhow!("{} cannot be judged: {error:#}{next}", path.display())
    })
}

/// What to type to have a record judged whose seal does not agree with it.
fn as_it_is(path: &Path) -> String {
    format!(
        ". Replay the record as the run left it; to judge what is there all the same, as an unsealed record, take the \
         seal off: sed -i '/^{{\"seal\":/d' {}",
        path.display()
    )
}

/// Whether everything that the run was to judge is in this catalogue.
fn is_known(catalogue: &Catalogue, header: &file::Header) -> Result<()> {
    let unknown: Vec<_> =
        header.selected.iter().map(String::as_str).filter(|id| catalogue.requirement(id).is_none()).collect();
    ensure!(
        unknown.is_empty(),
        "the run was to judge {}, which this catalogue does not have; replay it with the version that recorded it, \
         {}, or give its --specs",
        unknown.join(", "),
        header.recorded_by
    );
    meaning::have_checks(catalogue, &header.selected)
}

/// Where the new reports go.
fn destination(args: &ReplayArgs) -> Result<Destination> {
    let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    let folder = given(&args.out).unwrap_or_else(|| args.dir.clone());
    let junit = meaning::junit_style(&args.junit, &args.catalogue);
    Destination::create(&folder, junit, given(&args.junit.junit).as_deref(), Some(&args.dir))
}

/// The reports refer to the record beside them, so it comes along, unless it is there already, maybe by a link.
fn bring_along(from: &Path, to: &Path) -> Result<()> {
    let (source, target) = (from.join(file::NAME), to.join(file::NAME));
    if is_same_file(&source, &target) {
        return Ok(());
    }
    let mut record = File::open(&source).with_context(|| format!("failed to read {}", source.display()))?;
    Staged::copy(&target, &mut record)?.commit().map(|_| ())
}
