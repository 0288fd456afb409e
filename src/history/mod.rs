//! What a scenario recorded: the only thing that checks read. Pure.
//!
//! [`Event`] is one line of the record; [`History`] is a scenario's events in order, with the questions that checks ask
//! of them; [`lives`] folds the watch of pods into one [`PodLife`] for each incarnation, [`trace`] reduces it to what the set
//! did in which order; [`file`] is the form on disk.

mod ending;
mod event;
pub mod file;
mod index;
mod json;
pub mod lives;
mod memo;
mod observation;
mod query;
pub mod seal;
mod step;
pub mod trace;
mod version;

pub use ending::{Ending, How, Stopping};
pub use event::{Event, Observer, Span};
pub use json::Json;
pub use lives::{Phase, PodLife, Pods};
pub use observation::{
    ApiErrorSeen, Change, DnsOutcome, DnsRecord, DnsSeen, ExecOutcome, ExecSeen, ObjectSeen, Observation,
    Place, Purpose, ReadSeen, Resource, Transport, Vantage,
};
pub use query::Seen;
pub use step::{AbortCause, Endpoint, Requested, Started, Step, Verb};
pub use version::minor_version;

/// The name of the StatefulSet in every scenario, as the documents have it.
pub const SET: &str = "web";

/// The name of the headless Service in every scenario, as the documents have it.
pub const SERVICE: &str = "nginx";

/// The name of the volume claim template, as the documents have it.
pub const CLAIM_TEMPLATE: &str = "www";

/// One scenario's record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The scenario's id.
    pub scenario: String,
    /// Its events; `events[n].seq == n`.
    pub events: Vec<Event>,
    /// Where the events of each kind are.
    pub(crate) index: index::Index,
}

impl History {
    /// The record of a scenario.
    pub fn new(scenario: impl Into<String>, events: Vec<Event>) -> Self {
        Self { scenario: scenario.into(), events, ..Self::default() }
    }
}
