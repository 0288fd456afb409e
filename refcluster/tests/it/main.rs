//! The cluster as a client meets it.

mod api;
mod common;
mod dns;
mod faults;
mod workload;
