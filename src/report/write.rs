//! The only file here that touches the disk: a report is there whole or not at all, and a folder is one command's at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

use super::{Report, html, junit};
use crate::options::JunitStyle;

/// The file of each report, in a run's folder.
pub mod names {
    /// JUnit. One file, because globs as in Prow take all that begin so, and would count each requirement twice.
    pub const JUNIT: &str = "junit.xml";
    /// Everything, for machines.
    pub const JSON: &str = "report.json";
    /// Everything, for people.
    pub const HTML: &str = "report.html";
    /// All of them, in the order in which a person wants them.
    pub const ALL: &[&str] = &[HTML, JUNIT, JSON];
    /// What earlier versions wrote as well, and what must not be taken for a report of a later run.
    pub const FORMER: &[&str] = &["junit-strict.xml"];
}

/// What stands between a report's name and the random letters of the file that is to replace it.
const TEMPORARY: &str = ".tmp-";

/// The folder of one run. While it is held, no other command writes reports in it.
#[derive(Debug)]
pub struct ReportFolder {
    path: PathBuf,
    /// Locked, where the file system knows locks on folders.
    _lock: Option<File>,
}

/// Another command is at work in the folder.
#[derive(Debug)]
pub struct Busy {
    folder: PathBuf,
}

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.folder.display();
        write!(
            f,
            "another run or replay is writing its reports in {folder}: wait for it, or name another folder with --out"
        )
    }
}

impl std::error::Error for Busy {}

impl ReportFolder {
    /// Makes the folder with those above it, takes it for this command alone, and writes in it to see that it can be
    /// written in. An error here ends the run with exit code 74 before anything is created in the cluster, and with 64 if
    /// it is [`Busy`].
    pub fn create(path: &Path) -> Result<Self> {
        let hint = || {
            format!(
                "failed to prepare the report folder {}: name one that can be written with --out, or make room",
                path.display()
            )
        };
        fs::create_dir_all(path).with_context(hint)?;
        let lock = lock(path)?;
        sweep(path);
        let probe = tempfile::Builder::new().prefix(".writable-").tempfile_in(path).with_context(hint)?;
        probe.as_file().write_all_and_sync(b"steadfast was here\n").with_context(hint)?;
        probe.close().with_context(hint)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in it; the path of the file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        Staged::new(&self.path.join(name), bytes)?.commit()
    }

    /// Writes the JUnit file alone, as after every result.
    pub fn write_junit(&self, report: &Report<'_>, style: &JunitStyle) -> Result<()> {
        self.write(names::JUNIT, junit::render(report, style)?).map(|_| ())
    }

    /// Writes every report beside the name that it will have, in the order of [`names::ALL`]. What is there stays until
    /// each is given its name.
    pub fn stage_all(&self, report: &Report<'_>, judged_at: &str, style: &JunitStyle) -> Result<Vec<Staged>> {
        let all = [
            (names::HTML, html::render(report, judged_at)?),
            (names::JUNIT, junit::render(report, style)?),
            (names::JSON, report.json(judged_at)),
        ];
        all.into_iter().map(|(name, text)| Staged::new(&self.path.join(name), text)).collect()
    }

    /// Writes every report; the paths, in the order in which a person wants them.
    pub fn write_all(
        &self,
        report: &Report<'_>,
        judged_at: &str,
        style: &JunitStyle,
    ) -> Result<Vec<PathBuf>> {
        self.stage_all(report, judged_at, style)?.into_iter().map(Staged::commit).collect()
    }
}

/// Takes the folder, if nobody has it. Where the file system knows no such locks, nobody is kept out.
fn lock(path: &Path) -> Result<Option<File>> {
    let Ok(folder) = File::open(path) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => bail!(Busy { folder: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Whether another command has the folder.
pub fn is_busy(path: &Path) -> bool {
    lock(path).is_err()
}

/// Removes what a command that was killed while it wrote reports has left.
fn sweep(folder: &Path) {
    let is_ours = |name: &str| {
        name.starts_with(".writable-")
            || names::ALL
                .iter()
                .any(|report| name.strip_prefix(report).is_some_and(|rest| rest.starts_with(TEMPORARY)))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_ours) {
            // What cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file that is written and brought to the disk, and has not got its name yet.
pub struct Staged {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes a temporary file beside the one of that name.
    pub fn new(path: &Path, bytes: impl AsRef<[u8]>) -> Result<Self> {
        Self::copy(path, &mut bytes.as_ref())
    }

    /// Writes what can be read there into a temporary file, likewise.
    pub fn copy(path: &Path, from: &mut impl Read) -> Result<Self> {
        let hint = || hint(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let prefix = format!("{name}{TEMPORARY}");
        let temporary = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder).with_context(hint)?;
        readable_by_all(temporary.as_file()).with_context(hint)?;
        std::io::copy(from, &mut temporary.as_file()).with_context(hint)?;
        temporary.as_file().sync_all().with_context(hint)?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// The name that it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, so that whoever looks sees the old file or the new one and nothing between.
    pub fn commit(self) -> Result<PathBuf> {
        self.temporary
            .persist(&self.path)
            .map_err(|failed| failed.error)
            .with_context(|| hint(&self.path))?;
        Ok(self.path)
    }
}

fn hint(path: &Path) -> String {
    format!("failed to write {}: is there room, and may the folder be written?", path.display())
}

/// Puts these words in the place of an older report, and if that cannot be, removes it: it must not be taken for a new one.
pub fn replace_or_remove(path: &Path, bytes: &[u8]) -> Result<()> {
    let replaced = Staged::new(path, bytes).and_then(Staged::commit).map(|_| ());
    replaced.or_else(|_| fs::remove_file(path)).or_else(|_| fs::write(path, bytes)).with_context(|| {
        format!("{} is a report of an older run and can be neither replaced nor removed", path.display())
    })
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
        let path = root.path().join("reports/k3v9x");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("junit.xml.tmp-9f3a"), "what a run left that was killed").unwrap();
        let folder = ReportFolder::create(&path).unwrap();
        let sample = Sample::broken();
        folder.write(names::JUNIT, "an older one").unwrap();
        let paths = folder.write_all(&sample.report(), JUDGED_AT, &JunitStyle::default()).unwrap();
        assert_eq!(paths.len(), names::ALL.len());
        assert_eq!(listing(folder.path()), [names::JUNIT, names::HTML, names::JSON]);
    }

    #[test]
    fn what_is_staged_changes_nothing_yet() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("junit.xml");
        fs::write(&path, "old").unwrap();
        let staged = Staged::new(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        staged.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_folder_is_one_commands_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let held = ReportFolder::create(root.path()).unwrap();
        assert!(ReportFolder::create(root.path()).unwrap_err().is::<Busy>());
        assert!(is_busy(root.path()));
        drop(held);
        assert!(ReportFolder::create(root.path()).is_ok() && !is_busy(root.path()));
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
