//! What a run came to, and where it goes while it lasts.

use std::path::Path;

use anyhow::Result;

use crate::{
    history::{Ending, History, file::Header},
    judge::Judged,
    recorder::Disk,
};

/// Where a run's results go while it lasts.
pub trait Reporter: Sync {
    /// The folder of the run, which exists.
    fn folder(&self) -> &Path;

    /// The verdicts so far; what is not judged yet is *not run*. An error before anything was begun ends the run.
    fn update(&self, header: &Header, judged: &[Judged], histories: &[History]) -> Result<()>;
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The header of the history.
    pub header: Header,
    /// The record.
    pub histories: Vec<History>,
    /// The verdicts on what was selected, in the order of the catalogue.
    pub judged: Vec<Judged>,
    /// How the run ended, as its seal says.
    pub ending: Ending,
    /// The namespaces that were kept because the user wanted it.
    pub kept: Vec<String>,
    /// The record on disk.
    pub(super) disk: Disk,
}

impl Finished {
    /// Says, in the seal too, that a report could not be written after the run had ended.
    pub fn report_failed(&mut self, error: String) {
        self.ending.report_error.get_or_insert(error);
        self.seal_again();
    }

    /// Says, in the seal too, that there was a panic where nobody waited for it.
    pub fn panicked(&mut self, panic: String) {
        self.ending.internal_error.get_or_insert(panic);
        self.seal_again();
    }

    fn seal_again(&self) {
        // Where the record's own disk is the one that is full, the record has lost its seal, and no replay of it passes.
        let _ = self.disk.seal(&self.ending);
    }
}
