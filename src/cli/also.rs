//! `--junit`: one more place for the JUnit file, which may be a file, a pipe, a device or standard output.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::mpsc,
};

use anyhow::{Context, Result, anyhow};

use super::exit;
use crate::{
    limits,
    report::place::{Place, write_into},
};

/// Where the JUnit file goes as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Also {
    /// Into a file, which is replaced in one piece as often as there is something new.
    File(PathBuf),
    /// Into a pipe or a device, once, at the end.
    Stream(PathBuf),
    /// To standard output, once, at the end.
    Output,
    /// To standard error, likewise.
    Error,
}

/// Names of what this process has open already: to open them again would begin at the beginning of the file behind them.
const OUTPUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
const ERROR: &[&str] = &["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"];

impl Also {
    /// Looks where the path leads, and whether a file can be there.
    pub(super) fn find(path: &Path) -> Result<Self> {
        let is_one_of = |names: &[&str]| names.iter().any(|name| path == Path::new(name));
        if is_one_of(OUTPUT) {
            return Ok(Self::Output);
        }
        if is_one_of(ERROR) {
            return Ok(Self::Error);
        }
        let place =
            Place::of(path).with_context(|| format!("--junit {} cannot be written", path.display()))?;
        Ok(match place {
            Place::File(path) => Self::File(path),
            Place::Stream(path) => Self::Stream(path),
        })
    }

    /// Writes to what cannot be replaced.
    pub(super) fn stream(&self, text: String) -> Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Output => exit::print_as_it_is(&text).context("failed to write to standard output"),
            Self::Error => {
                std::io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
            }
            Self::Stream(path) => within_bounds(path.clone(), text),
        }
    }
}

/// Whoever reads a pipe may never come: to open it waits for him, and only another thread can wait with a bound.
fn within_bounds(path: PathBuf, text: String) -> Result<()> {
    let (done, written) = mpsc::channel();
    let shown = path.display().to_string();
    std::thread::spawn(move || done.send(write_into(&path, text.as_bytes())));
    let bound = limits::REPORT_READER.duration();
    written.recv_timeout(bound).unwrap_or_else(|_| {
        Err(anyhow!(
            "nobody has read {shown} for {bound:?}, which --junit names: begin to read it before the run ends"
        ))
    })
}
