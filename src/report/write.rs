//! The only file here that touches the disk: a report is there whole or not at all.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Report, html, junit};

/// The file of each report, in a run's folder.
pub mod names {
    /// JUnit for consumers that do not validate.
    pub const JUNIT: &str = "junit.xml";
    /// JUnit that is valid in both schemas.
    pub const JUNIT_STRICT: &str = "junit-strict.xml";
    /// Everything, for machines.
    pub const JSON: &str = "report.json";
    /// Everything, for people.
    pub const HTML: &str = "report.html";
}

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFolder {
    path: PathBuf,
}

impl ReportFolder {
    /// Makes the folder with those above it, and writes in it to see that it can be written in. An error here ends the
    /// run with exit code 74 before anything is created in the cluster.
    pub fn create(path: &Path) -> Result<Self> {
        let hint = || {
            format!(
                "failed to prepare the report folder {}: name one that can be written with --out, or make room",
                path.display()
            )
        };
        fs::create_dir_all(path).with_context(hint)?;
        let probe = tempfile::Builder::new().prefix(".writable-").tempfile_in(path).with_context(hint)?;
        probe.as_file().write_all_and_sync(b"steadfast was here\n").with_context(hint)?;
        probe.close().with_context(hint)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in it; the path of the file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path.join(name);
        write_atomically(&path, bytes)?;
        Ok(path)
    }

    /// Writes `junit.xml` alone, as at the begin of a run and after every result.
    pub fn write_junit(&self, report: &Report<'_>, options: &junit::Options) -> Result<PathBuf> {
        self.write(names::JUNIT, junit::render(report, options)?)
    }

    /// Writes every report; the paths, in the order in which a person wants them.
    pub fn write_all(
        &self,
        report: &Report<'_>,
        judged_at: &str,
        options: &junit::Options,
    ) -> Result<Vec<PathBuf>> {
        let strict = junit::Options { dialect: junit::Dialect::Strict, ..options.clone() };
        Ok(vec![
            self.write(names::HTML, html::render(report, judged_at)?)?,
            self.write_junit(report, options)?,
            self.write(names::JUNIT_STRICT, junit::render(report, &strict)?)?,
            self.write(names::JSON, report.json(judged_at))?,
        ])
    }
}

/// Writes a file so that whoever looks sees the old one or the new one and nothing between: a temporary file beside it,
/// brought to the disk, then renamed.
pub fn write_atomically(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let hint =
        || format!("failed to write {}: is there room, and may the folder be written?", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary =
        tempfile::Builder::new().prefix(&format!("{name}.tmp-")).tempfile_in(folder).with_context(hint)?;
    readable_by_all(temporary.as_file()).with_context(hint)?;
    temporary.as_file().write_all_and_sync(bytes.as_ref()).with_context(hint)?;
    temporary.persist(path).map_err(|failed| failed.error).with_context(hint)?;
    Ok(())
}

/// Mode 0644: a CI agent that runs as somebody else collects the reports.
fn readable_by_all(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

trait WriteAndSync {
    fn write_all_and_sync(self, bytes: &[u8]) -> std::io::Result<()>;
}

impl WriteAndSync for &File {
    fn write_all_and_sync(mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes)?;
        self.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{JUDGED_AT, Sample};

    fn listing(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_report_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = ReportFolder::create(&root.path().join("reports/k3v9x")).unwrap();
        let sample = Sample::broken();
        folder.write(names::JUNIT, "an older one").unwrap();
        let paths = folder.write_all(&sample.report(), JUDGED_AT, &junit::Options::default()).unwrap();
        assert_eq!(paths.len(), 4);
        assert_eq!(listing(folder.path()), [names::JUNIT_STRICT, names::JUNIT, names::HTML, names::JSON]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("junit.xml");
        write_atomically(&path, "<testsuites/>").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a-file");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", ReportFolder::create(&file.join("reports")).unwrap_err());
        assert!(error.contains("a-file/reports") && error.contains("--out"), "{error}");
    }
}
