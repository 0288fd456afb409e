//! Where the reports of a run or a replay go, and what happens when they cannot go there.
//!
//! Until the end every report is red and says that it is unfinished. At the end all are written beside the names that they
//! will have; then the terminal is told; then each gets its name. So none is green that any of this has failed for.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, bail};

use super::{also::Also, disown::is_an_older_report, exit};
use crate::{
    history::file,
    options::JunitStyle,
    report::{
        Outcome, Report, junit,
        place::Place,
        write::{Busy, ReportFolder, Staged, names},
    },
    run::say,
};

/// The folder of the reports, and one more place for the JUnit file.
pub(super) struct Destination {
    folder: ReportFolder,
    junit: JunitStyle,
    also: Option<Also>,
    /// Whether the other place has been written to, if it is one that cannot be written to twice.
    streamed: AtomicBool,
}

/// What is told of a report on the terminal, once these files are written.
pub(super) type Tell<'t> = dyn Fn(&Report<'_>, &[PathBuf]) -> String + 't;

impl Destination {
    /// Makes the folder, takes it for this command alone, and sees that everything can be written where it is to go.
    /// `record` is a folder whose record is read: its file is never written to.
    pub(super) fn create(
        folder: &Path,
        junit: JunitStyle,
        also: Option<&Path>,
        record: Option<&Path>,
    ) -> Result<Self> {
        let folder = ReportFolder::create(folder)
            .map_err(|error| if error.is::<Busy>() { exit::usage(error) } else { unwritable(error) })?;
        let also = also.map(Also::find).transpose().map_err(unwritable)?;
        for folder in [Some(folder.path()), record].into_iter().flatten() {
            also.iter().try_for_each(|also| is_no_other_file(also, folder)).map_err(exit::usage)?;
        }
        Ok(Self { folder, junit, also, streamed: AtomicBool::new(false) })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the record of an older run, which must not stand beside what is written now.
    pub(super) fn without_old_record(self) -> Result<Self> {
        let path = self.path().join(file::NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(
                anyhow::Error::new(error).context(format!("failed to replace {}", path.display())),
            )),
            _ => Ok(self),
        }
    }

    /// Puts every report of an unfinished run in the place of what was there before.
    pub(super) fn begin(&self, report: &Report<'_>) -> Result<()> {
        for former in names::FORMER.iter().map(|name| self.path().join(name)) {
            if is_an_older_report(&former) {
                fs::remove_file(&former).with_context(|| format!("failed to remove {}", former.display()))?;
            }
        }
        self.stage(report)?.into_iter().try_for_each(|staged| staged.commit().map(|_| ()))
    }

    /// Writes the JUnit files alone, as after each result.
    pub(super) fn junit(&self, report: &Report<'_>) -> Result<()> {
        self.folder.write_junit(report, &self.junit)?;
        match &self.also {
            Some(Also::File(path)) => {
                Staged::new(path, junit::render(report, &self.junit)?)?.commit().map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Writes every report and tells the terminal. What could not be written becomes a part of the outcome, and of every
    /// report that can be written, and is given back.
    pub(super) fn publish(&self, report: &mut Report<'_>, tell: &Tell<'_>) -> Option<String> {
        let error = match self.try_publish(report, tell) {
            Ok(()) => return None,
            Err(error) => format!("{error:#}"),
        };
        report.circumstances.report_error.get_or_insert(error.clone());
        report.outcome = Outcome::of(&report.judged, &report.circumstances);
        for staged in self.stage(report).unwrap_or_default() {
            // Where nothing can be written, there still is the file that says that the run is unfinished.
            let _ = staged.commit();
        }
        if self.print(&tell(report, &[])).and_then(|()| self.stream(report)).is_err() {
            say(&format!("error: {error}"));
        }
        Some(error)
    }

    fn try_publish(&self, report: &Report<'_>, tell: &Tell<'_>) -> Result<()> {
        let staged = self.stage(report)?;
        let paths: Vec<PathBuf> = staged.iter().map(|staged| staged.path().to_owned()).collect();
        self.print(&tell(report, &paths))?;
        self.stream(report)?;
        staged.into_iter().try_for_each(|staged| staged.commit().map(|_| ()))
    }

    fn stage(&self, report: &Report<'_>) -> Result<Vec<Staged>> {
        let mut staged = self.folder.stage_all(report, &jiff::Timestamp::now().to_string(), &self.junit)?;
        if let Some(Also::File(path)) = &self.also {
            staged.push(Staged::new(path, junit::render(report, &self.junit)?)?);
        }
        Ok(staged)
    }

    /// Writes the JUnit file to where nothing can be replaced: once, at the end.
    fn stream(&self, report: &Report<'_>) -> Result<()> {
        match &self.also {
            Some(also) if !self.streamed.swap(true, Ordering::Relaxed) => {
                also.stream(junit::render(report, &self.junit)?)
            }
            _ => Ok(()),
        }
    }

    /// Standard output is the JUnit file's alone where that is to go there.
    fn print(&self, text: &str) -> Result<()> {
        match self.also {
            Some(Also::Output) => say(text.trim_end_matches('\n')),
            _ => exit::print(text).context("failed to write to standard output")?,
        }
        Ok(())
    }
}

fn unwritable(error: anyhow::Error) -> anyhow::Error {
    exit::ending(Outcome::ReportIo, error)
}

/// A JUnit file in another file's place would destroy that one, or be destroyed by it.
fn is_no_other_file(also: &Also, folder: &Path) -> Result<()> {
    let Also::File(path) = also else { return Ok(()) };
    let others = names::ALL.iter().filter(|name| **name != names::JUNIT).chain([&file::NAME]);
    for name in others {
        if Place::of(&folder.join(name)).is_ok_and(|other| other == Place::File(path.clone())) {
            bail!(
                "--junit names {}, which is another file of the run's; name one of its own",
                path.display()
            );
        }
    }
    Ok(())
}
