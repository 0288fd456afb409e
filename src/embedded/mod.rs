//! The embedded cluster: the model in `refcluster/`, and a way to it that looks to the rest of the harness like a way to
//! any other cluster.
//!
//! kube's own client talks to the model's API server over pipes in memory, so that requests, watches and exec take the
//! same way as ever. The clock is tokio's, paused: it jumps to the next thing that somebody waits for, and minutes of the
//! cluster take milliseconds.

mod proof;
mod random;
mod record;
mod serve;
mod transport;
mod trial;

use anyhow::{Context, Result};
use refcluster::Cluster;

use crate::cluster::Connection;

pub use proof::{api_faults, broken, disturbed_cell, faults, healthy_records, honest_cell, prove, row};
pub use random::random;
pub use record::record;
pub use serve::{kubeconfig, serve};
pub use trial::Trial;

pub use refcluster::{ApiFault, Fault, IpFamilies, Options as Model, Storage};

/// Does some work on a model cluster of its own, in paused time, on the thread that calls.
///
/// The work is given the way to the cluster, and the cluster itself, to ask it how often it lied.
pub fn with<T>(model: Model, work: impl AsyncFnOnce(Connection, &Cluster) -> T) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("failed to start a runtime")?;
    runtime.block_on(async {
        let cluster = Cluster::start(model).await?;
        Ok(work(connection(&cluster), &cluster).await)
    })
}

/// A way to a model cluster that runs in this process.
pub fn connection(cluster: &Cluster) -> Connection {
    let connector = cluster.connector();
    Connection::embedded(move |user_agent| transport::client(connector.clone(), user_agent))
}
