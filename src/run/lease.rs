//! While a run is at work it holds a lease in the cluster, and looks whether its namespaces are still its own.

use std::sync::Arc;

use super::say;
use crate::{
    cluster::{Claim, Namespaces, Server, release_lease, renew_lease, take_lease},
    driver::Shared,
    limits,
};

/// Holds the run's lease as soon as it has a namespace, until the task is aborted.
pub(super) async fn keep(server: Server, shared: Arc<Shared>, holder: String) {
    let run = &shared.namespaces;
    let namespace = run.first().await;
    let (mut held, mut told) = (false, false);
    loop {
        let renewed = match held {
            true => renew_lease(&server, &namespace).await,
            false => take_lease(&server, &namespace, &holder).await,
        };
        held |= renewed.is_ok();
        // One that cannot be renewed runs out, which is told by whoever then deletes the namespaces.
        if let (Err(error), false, false) = (&renewed, held, told) {
            told = true;
            say(&format!(
                "warning: the run has no lease in {}: {error:#}. `steadfast cleanup` may take it for a dead one",
                namespace.name
            ));
        }
        look(&server, run).await;
        tokio::time::sleep(limits::LEASE_RENEW.duration()).await;
    }
}

async fn look(server: &Server, run: &Namespaces) {
    // What cannot be looked at now is looked at again.
    let _ = run.look(server).await;
}

/// Says that the run has ended, where its first namespace is one of those that are kept.
pub(super) async fn release(server: &Server, kept: &[Claim]) {
    for namespace in kept.iter().filter_map(|claim| claim.made.as_ref()) {
        // The lease runs out by itself where this fails, and is in none but the first of the namespaces.
        let released = release_lease(server, namespace);
        let _ = tokio::time::timeout(limits::NAMESPACES_LOOK.duration(), released).await;
    }
}
