//! `steadfast replay DIR`: the same record, judged again, with no cluster.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{
    args::{JunitArgs, ReplayArgs},
    exit::{self, Usage},
    meaning,
    summary::{self, Style},
};
use crate::{
    history::{History, file},
    judge::{self, Judged},
    report::{
        Circumstances, Report, junit,
        write::{ReportFolder, write_atomically},
    },
    spec::Catalogue,
};

/// Judges the recorded run in a folder, writes its reports anew, and ends with the exit code of the outcome.
pub(super) fn handle(args: &ReplayArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let (header, histories) = read(&args.dir).map_err(Usage::error)?;
    let judged = judge_again(&catalogue, &header, &histories).map_err(Usage::error)?;
    let circumstances = Circumstances::of_record(&histories);
    let report = |circumstances| Report::new(&header, &catalogue, judged.clone(), &histories, circumstances);
    let first = report(circumstances.clone());
    let (report, written) = match write(&first, args) {
        Ok(written) => (first, written),
        Err(error) => {
            let report_error = Some(format!("{error:#}"));
            (report(Circumstances { report_error, ..circumstances }), Vec::new())
        }
    };
    let detail = meaning::detail(&args.detail);
    exit::print(&summary::text(&report, Style { color: args.color, detail, written, ..Style::default() }))?;
    Ok(report.outcome.code())
}

fn read(dir: &Path) -> Result<(file::Header, Vec<History>)> {
    let path = dir.join(file::NAME);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "failed to read {}; give the folder of a run, such as those that `ls reports` shows",
            path.display()
        )
    })?;
    file::parse(&text).with_context(|| format!("{} cannot be judged", path.display()))
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

/// Every report in its folder, and the JUnit file wherever else it was asked for.
fn write(report: &Report<'_>, args: &ReplayArgs) -> Result<Vec<PathBuf>> {
    let folder = ReportFolder::create(args.out.as_deref().unwrap_or(&args.dir))?;
    let options = junit_options(&args.junit);
    let mut written = folder.write_all(report, &jiff::Timestamp::now().to_string(), &options)?;
    copy_record(&args.dir, &folder)?;
    if let Some(path) = &args.junit.junit {
        write_atomically(path, junit::render(report, &options)?)?;
        written.push(path.clone());
    }
    Ok(written)
}

/// The reports refer to the record beside them, so it comes along.
fn copy_record(from: &Path, folder: &ReportFolder) -> Result<()> {
    let (source, target) = (from.join(file::NAME), folder.path().join(file::NAME));
    if source.canonicalize()? != target.canonicalize().unwrap_or_default() {
        std::fs::copy(&source, &target)
            .with_context(|| format!("failed to copy {} to {}", source.display(), target.display()))?;
    }
    Ok(())
}

fn junit_options(args: &JunitArgs) -> junit::Options {
    junit::Options { dialect: args.junit_dialect, hostname: meaning::hostname(), ..junit::Options::default() }
}
