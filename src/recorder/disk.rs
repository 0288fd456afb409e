//! The history on disk, written as it happens, so that a run that is killed leaves what it had seen.
//!
//! The file is one of its own, whatever had its name before, and nobody else's business while the run lasts: one that is
//! removed, replaced, cut or added to by others is a failure, and the run ends with it.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, bail};

use crate::history::{
    Ending, Event,
    file::{self, Header},
    seal::Tally,
};

/// The open file. Clones write to the same one.
#[derive(Clone)]
pub struct Disk {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: PathBuf,
    file: BufWriter<File>,
    /// How long the file is, as far as we have written it.
    written: u64,
    tally: Tally,
    /// Where the seal begins, once there is one.
    sealed_at: Option<u64>,
    /// The first failure. After it nothing more is written, and the run ends with its exit code.
    failed: Option<String>,
}

impl Disk {
    /// Creates the history in a run's folder, in the place of an older one, and writes its header.
    pub fn create(folder: &Path, header: &Header) -> Result<Self> {
        let path = folder.join(file::NAME);
        let open = create_anew(&path).with_context(|| format!("failed to create {}", path.display()))?;
        let inner = Inner {
            path,
            file: BufWriter::new(open),
            written: 0,
            tally: Tally::default(),
            sealed_at: None,
            failed: None,
        };
        let disk = Self { inner: Arc::new(Mutex::new(inner)) };
        let line = file::header_line(header) + "\n";
        {
            let mut inner = disk.inner();
            inner.tally.header(line.as_bytes());
            inner.append(&line);
        }
        match disk.failure() {
            Some(failure) => bail!(failure),
            None => Ok(disk),
        }
    }

    /// Appends an event.
    pub(super) fn write(&self, scenario: &str, event: &Event) {
        let line = file::line(scenario, event) + "\n";
        let mut inner = self.inner();
        inner.tally.event(scenario, line.as_bytes());
        inner.append(&line);
    }

    /// What went wrong with the file, if anything did.
    pub fn failure(&self) -> Option<String> {
        self.inner().failed.clone()
    }

    /// Looks whether the file is still there as it was written, and gives back what went wrong with it, if anything did.
    pub fn look(&self) -> Option<String> {
        let mut inner = self.inner();
        if inner.failed.is_none() {
            inner.failed = inner.look().err().map(|error| format!("{error:#}"));
        }
        inner.failed.clone()
    }

    /// Ends the record with its seal, in the place of an older one, and puts it on the disk for good.
    pub fn seal(&self, ended: &Ending) -> Result<()> {
        let mut inner = self.inner();
        if let Some(failed) = &inner.failed {
            bail!(failed.clone());
        }
        let sealed = inner.seal(ended);
        inner.failed = sealed.as_ref().err().map(|error| format!("{error:#}"));
        sealed
    }

    /// Whoever panics while writing leaves at most a line that was cut short.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("path", &self.inner().path).finish_non_exhaustive()
    }
}

impl Inner {
    fn append(&mut self, line: &str) {
        if self.failed.is_none() {
            self.failed = self.try_append(line).err().map(|error| format!("{error:#}"));
        }
    }

    fn try_append(&mut self, line: &str) -> Result<()> {
        let hint = || format!("failed to write {}", self.path.display());
        if line.len() > file::LINE_BYTES {
            bail!("{}: a line of {} bytes could not be read again", hint(), line.len());
        }
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush()).with_context(hint)?;
        self.written += line.len() as u64;
        Ok(())
    }

    fn seal(&mut self, ended: &Ending) -> Result<()> {
        self.look()?;
        let hint = || format!("failed to seal {}", self.path.display());
        if let Some(at) = self.sealed_at {
            self.file.get_ref().set_len(at).with_context(hint)?;
            self.written = at;
        }
        self.sealed_at = Some(self.written);
        self.try_append(&(self.tally.seal(ended) + "\n"))?;
        self.file.get_ref().sync_all().with_context(|| format!("failed to seal {}", self.path.display()))?;
        self.look()
    }

    /// Whether the name still leads to our file, and whether that is as long as we have made it.
    fn look(&self) -> Result<()> {
        let path = self.path.display();
        let there = fs::metadata(&self.path).with_context(|| {
            format!("{path} is gone: somebody else has removed it while the run was recorded")
        })?;
        if !is_same(&there, &self.file.get_ref().metadata()?) {
            bail!("{path} was replaced by somebody else while the run was recorded");
        }
        let (len, written) = (there.len(), self.written);
        if len != written {
            bail!("{path} has {len} bytes, and {written} were written: somebody else has changed it");
        }
        Ok(())
    }
}

/// A new file of that name. What had the name before goes, and not what it leads to: it may be the record of another
/// folder, by a link.
fn create_anew(path: &Path) -> std::io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // To append: what others cut off or add stays visible in the length, and is not written over.
    OpenOptions::new().append(true).create_new(true).open(path)
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{
        Observation, Observer, Span, Step, Stopping,
        file::{Record, Seal},
    };

    struct Recorded {
        folder: tempfile::TempDir,
        disk: Disk,
    }

    impl Recorded {
        /// A record of one event.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let header = Header { format: file::FORMAT, ..Header::default() };
            let disk = Disk::create(folder.path(), &header).unwrap();
            let event = Event {
                seq: 0,
                span: Span::at(1),
                observer: Observer::Driver,
                seen: Observation::Step(Step::Completed),
            };
            disk.write("first-start", &event);
            Self { folder, disk }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join(file::NAME)
        }

        fn read(&self) -> Record {
            file::read(fs::read(self.path()).unwrap().as_slice()).unwrap()
        }
    }

    #[test]
    fn a_record_is_sealed_at_its_end_and_can_be_sealed_again() {
        let recorded = Recorded::new();
        assert!(matches!(recorded.read().seal, Seal::Missing { .. }));
        for ended in [Ending::stopped(Stopping::Deadline), Ending::default()] {
            recorded.disk.seal(&ended).unwrap();
            let record = recorded.read();
            assert_eq!((record.histories[0].events.len(), record.seal), (1, Seal::Whole(ended)));
        }
        assert_eq!(recorded.disk.look(), None);
    }

    #[test]
    fn a_record_that_is_removed_cut_or_replaced_by_others_is_a_failure() {
        let removed = Recorded::new();
        fs::remove_file(removed.path()).unwrap();
        assert!(removed.disk.look().unwrap().contains("is gone"));
        let cut = Recorded::new();
        OpenOptions::new().write(true).open(cut.path()).unwrap().set_len(3).unwrap();
        assert!(cut.disk.seal(&Ending::default()).is_err());
        assert!(cut.disk.failure().unwrap().contains("has 3 bytes"), "{:?}", cut.disk.failure());
        let replaced = Recorded::new();
        let same = fs::read(replaced.path()).unwrap();
        fs::rename(replaced.path(), replaced.folder.path().join("elsewhere")).unwrap();
        fs::write(replaced.path(), same).unwrap();
        assert!(replaced.disk.look().unwrap().contains("was replaced"));
    }

    #[test]
    fn what_had_the_name_before_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("the-record-of-another-run");
        let header = Header { format: file::FORMAT, ..Header::default() };
        for link in [
            |from: &Path, to: &Path| fs::hard_link(from, to),
            |from: &Path, to: &Path| std::os::unix::fs::symlink(from, to),
        ] {
            let _ = fs::remove_file(folder.path().join(file::NAME));
            fs::write(&other, "all of it").unwrap();
            link(&other, &folder.path().join(file::NAME)).unwrap();
            Disk::create(folder.path(), &header).unwrap();
            assert_eq!(fs::read_to_string(&other).unwrap(), "all of it");
        }
    }
}
