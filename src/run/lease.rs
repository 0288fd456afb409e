//! While a run is at work it holds a lease in the cluster, and looks whether its namespaces are still its own.

use std::sync::Arc;

use super::progress::Progress;
use crate::{
    cluster::{Claim, Namespace, Namespaces, Server, release_lease, renew_lease, take_lease},
    driver::Shared,
    limits,
};

/// Holds the run's lease as soon as it has a namespace, until the task is aborted.
pub(super) async fn keep(server: Server, shared: Arc<Shared>, holder: String, progress: Progress) {
    let run = &shared.namespaces;
    let namespace = run.first().await;
    take(&server, &namespace, &holder, &progress).await;
    loop {
        look(&server, run).await;
        tokio::time::sleep(limits::LEASE_RENEW.duration()).await;
        // One that cannot be renewed for long runs out. A run that is deleted for it says so.
        let _ = renew_lease(&server, &namespace).await;
    }
}

/// Takes the lease, however long that takes, and says so where it takes long.
async fn take(server: &Server, namespace: &Namespace, holder: &str, progress: &Progress) {
    let began = tokio::time::Instant::now();
    let mut told = false;
    while let Err(error) = take_lease(server, namespace, holder).await {
        if !told && began.elapsed() >= limits::LEASE_RENEW.duration() {
            told = true;
            progress.say(&format!(
                "warning: the run has no lease in {}, so that `steadfast cleanup` may take it for a dead one: {error:#}",
                namespace.name
            ));
        }
        // What a person has been told of does not get better by the second.
        let pause = if told { limits::LEASE_RENEW } else { limits::LOOK_AGAIN };
        tokio::time::sleep(pause.duration()).await;
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
