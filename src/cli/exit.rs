//! How a command ends that did not end with a verdict: the error's words on standard error, and the exit code.

use std::{
    io::{ErrorKind, Write},
    panic::{UnwindSafe, catch_unwind},
};

use anyhow::Result;

use crate::report::Outcome;

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

/// Does the work and turns every way in which it can end into an exit code. A panic is 70, not Rust's own 101.
pub(super) fn guarded(work: impl FnOnce() -> Result<u8> + UnwindSafe) -> u8 {
    match catch_unwind(work) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            eprintln!("error: {error:#}");
            code_of(&error)
        }
        Err(_) => {
            eprintln!(
                "error: this is a bug in steadfast, and no verdict; please report it with the lines above"
            );
            Outcome::Internal.code()
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    let outcome = match error.downcast_ref::<Ending>() {
        Some(ending) => ending.outcome,
        None if error.is::<std::io::Error>() => Outcome::ReportIo,
        None => Outcome::Internal,
    };
    outcome.code()
}

/// Writes to standard output. A reader that has had enough (`steadfast list | head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_70() {
        assert_eq!(guarded(|| panic!("on purpose, in a test")), 70);
    }

    #[test]
    fn what_was_given_wrong_is_64() {
        assert_eq!(guarded(|| Err(usage(anyhow::anyhow!("no such flag")))), 64);
    }

    #[test]
    fn what_cannot_be_written_is_74() {
        assert_eq!(guarded(|| Err(std::io::Error::other("disk full").into())), 74);
    }

    #[test]
    fn any_other_error_is_never_a_success() {
        assert_eq!(guarded(|| Err(anyhow::anyhow!("surprise"))), 70);
    }
}
