//! Each lie by itself: what a client sees of a cluster that tells it, beside what it sees of an honest one.

mod api;
mod budgets;
mod claims;
mod deletion;
mod network;
mod nodes;
mod ordinals;
mod revisions;
mod rolls;
mod several;
mod strategies;
mod strays;
mod updates;
mod volumes;

use crate::common::start;
use anyhow::{Result, ensure};
use kube::Client;
use refcluster::{Cluster, Fault, Options};

/// Looks at an honest cluster, and at one that tells a lie and must come to tell it: what was seen of the two.
async fn beside_the_truth<T>(fault: Fault, look: impl AsyncFn(&Client) -> Result<T>) -> Result<(T, T)> {
    beside_the_truth_with(Options::default(), fault, look).await
}

/// The same with clusters that have options.
async fn beside_the_truth_with<T>(
    options: Options,
    fault: Fault,
    look: impl AsyncFn(&Client) -> Result<T>,
) -> Result<(T, T)> {
    beside_the_truth_of(options, fault, async |_, client| look(client).await).await
}

/// The same, where looking takes doing something to the cluster itself.
async fn beside_the_truth_of<T>(
    options: Options,
    fault: Fault,
    look: impl AsyncFn(&Cluster, &Client) -> Result<T>,
) -> Result<(T, T)> {
    let (honest, client) = start(options.clone()).await?;
    let truth = look(&honest, &client).await?;
    let (liar, client) = start(Options { faults: vec![fault], ..options }).await?;
    let lie = look(&liar, &client).await?;
    ensure!(liar.firings().get(&fault).is_some_and(|times| *times > 0), "{fault} was never told");
    Ok((truth, lie))
}
