//! Where the reports of a run or a replay go, and what happens when they cannot go there.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::report::{
    Outcome, Report, junit,
    write::{ReportFolder, write_atomically},
};

/// The folder of the reports, and one more place for the JUnit file.
pub(super) struct Destination {
    folder: ReportFolder,
    junit: junit::Options,
    also: Option<PathBuf>,
}

impl Destination {
    /// Makes the folder, and sees that it can be written in.
    pub(super) fn create(folder: &Path, junit: junit::Options, also: Option<PathBuf>) -> Result<Self> {
        Ok(Self { folder: ReportFolder::create(folder)?, junit, also })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes every report; the paths, in the order in which a person wants them. What could not be written becomes a part
    /// of the outcome, and of the JUnit file if that can be written.
    pub(super) fn deliver(&self, report: &mut Report<'_>) -> Vec<PathBuf> {
        let error = match self.all(report) {
            Ok(written) => return written,
            Err(error) => format!("{error:#}"),
        };
        report.circumstances.report_error.get_or_insert(error);
        report.outcome = Outcome::of(&report.judged, &report.circumstances);
        self.junit(report).unwrap_or_default()
    }

    fn all(&self, report: &Report<'_>) -> Result<Vec<PathBuf>> {
        let mut written = self.folder.write_all(report, &jiff::Timestamp::now().to_string(), &self.junit)?;
        written.extend(self.also(report)?);
        Ok(written)
    }

    /// Writes the JUnit file, wherever it was asked for.
    pub(super) fn junit(&self, report: &Report<'_>) -> Result<Vec<PathBuf>> {
        let mut written = vec![self.folder.write_junit(report, &self.junit)?];
        written.extend(self.also(report)?);
        Ok(written)
    }

    fn also(&self, report: &Report<'_>) -> Result<Option<PathBuf>> {
        if let Some(path) = &self.also {
            write_atomically(path, junit::render(report, &self.junit)?)?;
        }
        Ok(self.also.clone())
    }
}
