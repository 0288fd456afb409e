//! What a scenario recorded: the only thing that checks read. Pure.
//!
//! [`Event`] is one line of the record; [`History`] is a scenario's events in order, with the plain questions that can be
//! asked of them; [`gaps`] says where a watch cannot be believed; [`pod`] reads one version of a pod; [`file`] is the form on
//! disk. What is concluded from several events is in [`crate::views`].

mod ending;
mod event;
pub mod file;
mod gaps;
mod index;
mod json;
mod memo;
mod observation;
pub mod pod;
mod query;
pub mod seal;
mod step;
mod version;
mod wait;

pub use ending::{Ending, How, Stopping};
pub use event::{Event, Observer, Span, Watch};
pub use gaps::Gap;
pub use json::Json;
pub use observation::{
    ApiErrorSeen, Change, DnsOutcome, DnsRecord, DnsSeen, ExecOutcome, ExecSeen, ListSeen, ObjectSeen,
    Observation, Place, Purpose, ReadSeen, Resource, Transport, Vantage, Version,
};
pub use pod::Phase;
pub use query::{GivenUp, Seen};
pub use step::{AbortCause, Answered, Discovered, Endpoint, Requested, Started, Step, Verb};
pub use version::minor_version;
pub use wait::Wait;

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
