//! What the cluster's DNS has to answer, what it answered, and how the two compare.
//!
//! - [`service`]: the Services of a record, as their versions describe them.
//! - [`published`]: which names and addresses a Service publishes, over time, as its pods were.
//! - [`timeline`]: how an answer compares with what was true before, at and after the question.
//! - [`questions`]: every question about a Service, with its answer and that comparison.
//! - [`listing`]: how long EndpointSlices and Endpoints took to list a pod as it was.

pub mod listing;
pub mod published;
pub mod questions;
pub mod service;
pub mod timeline;

pub use published::Published;
pub use questions::{Question, Subject};
pub use service::{Family, Service};
pub use timeline::{Fit, Timeline, Told};
