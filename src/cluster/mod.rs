//! Talking to a cluster: connections, raw requests, commands in containers, DNS, and what has to be found out about it.
//!
//! Nothing here decides or records; the recorder and the driver use it.

mod access;
pub mod answer;
mod claims;
mod cleanup;
mod connect;
mod discover;
pub mod dns;
mod environment;
mod exec;
mod kubeconfig;
mod lease;
mod leftovers;
mod namespaces;
mod permissions;
mod read;
mod server;
mod transport;
mod waiting;

pub use answer::List;
pub use claims::{Claim, Namespaces};
pub use connect::Connection;
pub use discover::{
    Backend, Probe, ResolverConfig, Surroundings, backends_of, schedulable_nodes, server_version,
    storage_class,
};
pub use exec::{Printed, run_in_pod};
pub use kubeconfig::Unusable;
pub use lease::{Lease, lease_in, release_lease, renew_lease, take_lease};
pub use leftovers::{Left, left_behind};
pub use namespaces::{
    Labelled, NAME_LETTERS, NAME_RANDOM, Namespace, RUN_LABEL, SCENARIO_LABEL, namespaces_of_runs,
};
pub use permissions::{Permission, missing as missing_permissions, needed as needed_permissions};
pub use server::{NotRead, Reply, Server, Unanswered, path};
