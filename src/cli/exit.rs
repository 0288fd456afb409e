//! How a command ends that did not end with a verdict: the error's words on standard error, and the exit code.

use std::{
    io::{ErrorKind, Write},
    panic::{UnwindSafe, catch_unwind},
};

use anyhow::Result;

use crate::{
    plain::for_terminal,
    report::Outcome,
    run::{panics, say},
};

/// The command did what it was asked to, and gave no verdict.
pub(super) const OK: u8 = 0;

/// An error that says how the command ends.
#[derive(Debug)]
struct Ending {
    outcome: Outcome,
    error: anyhow::Error,
}

/// The error, as one that ends the command so.
pub(super) fn ending(outcome: Outcome, error: impl Into<anyhow::Error>) -> anyhow::Error {
    anyhow::Error::new(Ending { outcome, error: error.into() })
}

/// The error, as one in what steadfast was given.
pub(super) fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    ending(Outcome::Usage, error)
}

impl std::error::Error for Ending {}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// A command that ended without what it was to do.
#[derive(Debug)]
pub(super) struct Failed {
    /// How the process ends.
    pub outcome: Outcome,
    /// What was said of it.
    pub why: String,
}

/// Does the work and turns every way in which it can end into an exit code. A panic is 70, not Rust's own 101, on
/// whichever thread it was.
pub(super) fn guarded(work: impl FnOnce() -> Result<u8> + UnwindSafe) -> Result<u8, Failed> {
    let before = panics::count();
    let ended = catch_unwind(work).ok();
    conclude(ended, panics::since(before))
}

/// How the process ends, of what the work gave, unless it panicked, and what the first panic said, if there was any.
fn conclude(ended: Option<Result<u8>>, panic: Option<String>) -> Result<u8, Failed> {
    match (ended, panic) {
        (Some(Ok(code)), None) => Ok(code),
        (Some(Err(error)), None) => Err(told(code_of(&error), format!("error: {error:#}"))),
        // A broken promise is told whatever else happened, and a bug that the reports tell of is told already.
        (Some(Ok(code)), Some(_)) if is_told(code) => Ok(code),
        (_, panic) => Err(told(Outcome::Internal, bug(panic))),
    }
}

fn is_told(code: u8) -> bool {
    [Outcome::Violation, Outcome::Internal].iter().any(|outcome| outcome.code() == code)
}

fn bug(panic: Option<String>) -> String {
    let panic = panic.map(|panic| format!(" ({panic})")).unwrap_or_default();
    format!("error: this is a bug in steadfast, and no verdict; please report it with the lines above{panic}")
}

fn told(outcome: Outcome, why: String) -> Failed {
    say(&why);
    Failed { outcome, why }
}

fn code_of(error: &anyhow::Error) -> Outcome {
    match error.downcast_ref::<Ending>() {
        Some(ending) => ending.outcome,
        None if error.is::<std::io::Error>() => Outcome::ReportIo,
        None => Outcome::Internal,
    }
}

/// Writes to standard output, with everything visible that a terminal would obey but our own colours. A reader that has had enough (`steadfast list | head`) is no error, and neither is a
/// terminal that was closed.
pub(super) fn print(text: &str) -> Result<()> {
    print_as_it_is(&for_terminal(text))
}

/// Writes to standard output what a renderer has made of it, such as a JUnit file.
pub(super) fn print_as_it_is(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe || error.raw_os_error() == Some(EIO) => Ok(()),
        done => Ok(done?),
    }
}

/// What a write to a terminal gives that is no longer there (`errno.h`; the same number on every Unix).
const EIO: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(ended: Option<Result<u8>>, panic: Option<&str>) -> u8 {
        conclude(ended, panic.map(str::to_owned)).unwrap_or_else(|failed| failed.outcome.code())
    }

    #[test]
    fn a_panic_is_70() {
        let panics = guarded(|| panic!("on purpose, in a test"));
        assert_eq!(panics.unwrap_err().outcome, Outcome::Internal);
    }

    #[test]
    fn a_panic_on_another_thread_is_70_whatever_the_work_gave() {
        for ended in [Ok(0), Ok(2), Ok(5), Err(usage(anyhow::anyhow!("no such flag")))] {
            assert_eq!(code(Some(ended), Some("on purpose")), 70);
        }
        assert_eq!(code(Some(Ok(1)), Some("on purpose")), 1, "nothing hides a broken promise");
    }

    #[test]
    fn what_was_given_wrong_is_64() {
        assert_eq!(code(Some(Err(usage(anyhow::anyhow!("no such flag")))), None), 64);
    }

    #[test]
    fn what_cannot_be_written_is_74() {
        assert_eq!(code(Some(Err(std::io::Error::other("disk full").into())), None), 74);
    }

    #[test]
    fn any_other_error_is_never_a_success() {
        assert_eq!(code(Some(Err(anyhow::anyhow!("surprise"))), None), 70);
    }
}
