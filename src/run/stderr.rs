//! Standard error, where progress and errors go, and which may be gone: a pipe that nobody reads, a terminal that was
//! closed, a full disk. To write there never panics.

use std::io::{ErrorKind, Write};

use super::stop;
use crate::{history::Stopping, plain::for_terminal};

/// Writes a line, or several, to standard error, with everything visible that a terminal would obey. A pipe that nobody reads any more ends the run that is going on, as it
/// would end any other program; what else can go wrong is nobody's to hear of.
pub fn say(line: &str) {
    let written = std::io::stderr().lock().write_all(format!("{}\n", for_terminal(line)).as_bytes());
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        stop::tell(Stopping::ClosedPipe);
    }
}
