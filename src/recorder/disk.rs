//! The history on disk, written as it happens, so that a run that is killed leaves what it had seen.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};

use crate::history::{
    Event,
    file::{self, Header},
};

/// The open file. Clones write to the same one.
#[derive(Clone)]
pub struct Disk {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: PathBuf,
    file: BufWriter<File>,
    /// The first failure. After it nothing more is written, and the run ends with its exit code.
    failed: Option<String>,
}

impl Disk {
    /// Creates the history in a run's folder and writes its header.
    pub fn create(folder: &Path, header: &Header) -> Result<Self> {
        let path = folder.join(file::NAME);
        let open = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
        let inner = Inner { path, file: BufWriter::new(open), failed: None };
        let disk = Self { inner: Arc::new(Mutex::new(inner)) };
        disk.write_line(&file::header_line(header));
        match disk.failure() {
            Some(failure) => anyhow::bail!(failure),
            None => Ok(disk),
        }
    }

    /// Appends an event.
    pub(super) fn write(&self, scenario: &str, event: &Event) {
        self.write_line(&file::line(scenario, event));
    }

    fn write_line(&self, line: &str) {
        let mut inner = self.inner.lock().expect("no holder panics");
        if inner.failed.is_none() {
            let written = writeln!(inner.file, "{line}").and_then(|()| inner.file.flush());
            inner.failed =
                written.err().map(|error| format!("failed to write {}: {error}", inner.path.display()));
        }
    }

    /// What went wrong with the file, if anything did.
    pub fn failure(&self) -> Option<String> {
        self.inner.lock().expect("no holder panics").failed.clone()
    }

    /// Puts what was written on the disk for good.
    pub fn sync(&self) -> Result<()> {
        let mut inner = self.inner.lock().expect("no holder panics");
        let path = inner.path.clone();
        inner
            .file
            .flush()
            .and_then(|()| inner.file.get_ref().sync_all())
            .with_context(|| format!("failed to write {}", path.display()))
    }
}
