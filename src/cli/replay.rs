//! `steadfast replay DIR`: the same record, judged again, with no cluster.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context, Result, anyhow, ensure};

use super::{
    args::ReplayArgs,
    destination::Destination,
    exit, meaning,
    summary::{self, Style},
};
use crate::{
    history::{
        History,
        file::{self, Record},
        seal::Broken,
    },
    judge::{self, Judged},
    report::{Circumstances, Report, junit},
    spec::Catalogue,
};

/// Judges the recorded run in a folder, writes its reports anew, and ends with the exit code of the outcome.
pub(super) fn handle(args: &ReplayArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let Record { header, histories, seal } = read(&args.dir).map_err(exit::usage)?;
    let judged = judge_again(&catalogue, &header, &histories).map_err(exit::usage)?;
    let circumstances = Circumstances::of_replay(&seal, &histories);
    let mut report = Report::new(&header, &catalogue, judged, &histories, circumstances);
    let destination = destination(args)?;
    let written = destination.deliver(&mut report);
    let detail = meaning::detail(&args.detail);
    exit::print(&summary::text(&report, Style { color: args.color, detail, written, ..Style::default() }))?;
    Ok(report.outcome.code())
}

/// The record in the folder of a run.
pub(super) fn read(dir: &Path) -> Result<Record> {
    let path = dir.join(file::NAME);
    let file = File::open(&path).with_context(|| {
        format!(
            "failed to read {}; give the folder of a run, such as those that `ls reports` shows",
            path.display()
        )
    })?;
    file::read(BufReader::new(file)).map_err(|error| {
        let next = if error.is::<Broken>() || error.root_cause().is::<Broken>() {
            as_it_is(&path)
        } else {
            String::new()
        };
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

fn judge_again(catalogue: &Catalogue, header: &file::Header, histories: &[History]) -> Result<Vec<Judged>> {
    let unknown: Vec<_> =
        header.selected.iter().map(String::as_str).filter(|id| catalogue.requirement(id).is_none()).collect();
    ensure!(
        unknown.is_empty(),
        "the run was to judge {}, which this catalogue does not have; replay it with the version that recorded it, \
         {}, or give its --specs",
        unknown.join(", "),
        header.recorded_by
    );
    Ok(judge::judge_all(catalogue, &header.selected, &header.cluster, histories))
}

/// Where the new reports go. They refer to the record beside them, so it comes along.
fn destination(args: &ReplayArgs) -> Result<Destination> {
    let folder = args.out.as_deref().unwrap_or(&args.dir);
    let junit = junit::Options {
        dialect: args.junit.junit_dialect,
        hostname: meaning::hostname(),
        ..junit::Options::default()
    };
    let destination = Destination::create(folder, junit, args.junit.junit.clone())?;
    let (source, target) = (args.dir.join(file::NAME), folder.join(file::NAME));
    if source.canonicalize()? != target.canonicalize().unwrap_or_default() {
        std::fs::copy(&source, &target)
            .with_context(|| format!("failed to copy {} to {}", source.display(), target.display()))?;
    }
    Ok(destination)
}
