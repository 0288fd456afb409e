//! Does to the cluster what a scenario says, step by step, reacting to what the recorder sees.
//!
//! The driver knows no requirement and no check. A scenario runs in a namespace of its own; what it cannot do ends it
//! with a reason, and the record keeps both.

mod actions;
mod dns;
mod manifests;
mod pods;
mod preflight;
mod probing;
mod requests;
mod scenario;
mod shared;
mod waits;

pub use scenario::Driver;
pub use shared::{Available, Shared};

use crate::history::AbortCause;

/// Why a scenario cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// For a person to read: what happened, and the next command to type.
    pub reason: String,
    /// Whose doing it is.
    pub cause: AbortCause,
}

impl Stop {
    fn cluster(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause: AbortCause::Cluster }
    }

    fn environment(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause: AbortCause::Environment }
    }
}

/// The outcome of a step.
type Done<T = ()> = Result<T, Stop>;
