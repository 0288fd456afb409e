//! The cluster as a client meets it.

mod api;
mod api_faults;
mod common;
mod dns;
mod evictions;
mod families;
mod faults;
mod kubelets;
mod lies;
mod nodes;
mod quotas;
mod refusals;
mod releases;
mod revisions;
mod streams;
mod tables;
mod workload;
