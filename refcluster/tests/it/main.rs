//! The cluster as a client meets it.

mod api;
mod api_faults;
mod common;
mod dns;
mod faults;
mod streams;
mod tables;
mod tour;
mod workload;
