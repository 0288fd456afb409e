//! A model of a Kubernetes cluster in one process.
//!
//! It has an API server that speaks HTTP, the controllers that a StatefulSet needs, a scheduler, kubelets whose
//! containers run a small shell, volumes, and DNS. Time is tokio's: paused, minutes of the cluster take milliseconds.
//! One seed decides every delay, so that a run can be repeated.
//!
//! It is a model: what it does follows what Kubernetes does, and each module names the source that it follows. It
//! can also be told to do wrong, one [`Fault`] at a time, and counts how often it did.
//!
//! Reading order: [`Options`] and [`Cluster`]; `store` and `registry`, which hold the objects and the rules for writing
//! them; `api`, which serves them; `world` and `queue`, which let the `controllers` work; `kubelet`, `shell`, `net` and
//! `dns`, which are what runs.

mod api;
mod api_fault;
mod bootstrap;
mod clock;
mod cluster;
mod controllers;
mod dns;
mod families;
mod fault;
mod json;
mod kind;
mod kubelet;
mod net;
mod options;
mod quantity;
mod queue;
mod registry;
mod release;
mod rng;
mod selector;
mod shell;
mod status;
mod store;
mod world;

pub use api_fault::ApiFault;
pub use cluster::{Cluster, Connector, StartError};
pub use fault::{Fault, UnknownFault};
pub use options::{IpFamilies, Options, Storage};
