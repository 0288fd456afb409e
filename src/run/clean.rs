//! A good guest leaves nothing: the namespaces of a run, deleted by uid, and the wait until they are gone.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    cluster::{Connection, Namespace, Server, left_behind, namespaces_of_runs},
    limits,
    options::Cleanup,
};

/// Deletes these namespaces and waits, so long at most, until they and their volumes are gone. What is left is given
/// back, one object a line.
pub(super) async fn remove(server: &Server, namespaces: &[Namespace], bound: Duration) -> Vec<String> {
    let patience = limits::EMPTIED.duration().min(bound / 2);
    for outcome in join_all(namespaces.iter().map(|namespace| delete(server, namespace, patience))).await {
        if let Err(error) = outcome {
            super::say(&format!("warning: {error:#}"));
        }
    }
    gone(server, namespaces, bound).await
}

/// Empties and deletes a namespace, trying again for a while where the server is busy.
pub(super) async fn delete(server: &Server, namespace: &Namespace, patience: Duration) -> Result<()> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match delete_once(server, namespace, patience).await {
            Err(_) if attempts < 4 => tokio::time::sleep(limits::LOOK_AGAIN.duration() * attempts).await,
            outcome => return outcome,
        }
    }
}

async fn delete_once(server: &Server, namespace: &Namespace, patience: Duration) -> Result<()> {
    if namespace.is_ours(server).await? {
        namespace.empty(server, patience).await?;
    }
    namespace.delete(server).await
}

async fn gone(server: &Server, namespaces: &[Namespace], bound: Duration) -> Vec<String> {
    let names: Vec<String> = namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    let deadline = Instant::now() + bound;
    let mut answered = Instant::now();
    loop {
        let left = match left_behind(server, &names).await {
            Ok(left) if left.is_empty() => return left,
            Ok(left) => {
                answered = Instant::now();
                left
            }
            Err(error) => vec![format!("unknown: {error:#}; `steadfast cleanup` tries again")],
        };
        if Instant::now() >= deadline || answered.elapsed() > limits::SERVER_SILENT.duration() {
            return left;
        }
        tokio::time::sleep(limits::LOOK_AGAIN.duration()).await;
    }
}

/// `steadfast cleanup`: what killed runs have left. Gives back what it did, one line each, and what is still there.
pub async fn cleanup(options: &Cleanup) -> Result<(Vec<String>, Vec<String>)> {
    let connection = Connection::find(&options.target).await?;
    let server = Server::new(connection.client("cleanup")?);
    let found = namespaces_of_runs(&server, options.run_id.as_deref()).await?;
    let old_enough: Vec<Namespace> =
        found.into_iter().filter(|namespace| is_old_enough(namespace, options.older_than_secs)).collect();
    let described = old_enough.iter().map(describe).collect();
    if options.dry_run {
        return Ok((described, Vec::new()));
    }
    let left: BTreeSet<String> =
        remove(&server, &old_enough, limits::CLEANUP.duration()).await.into_iter().collect();
    Ok((described, left.into_iter().collect()))
}

fn is_old_enough(namespace: &Namespace, older_than_secs: Option<u64>) -> bool {
    let Some(limit) = older_than_secs else { return true };
    let Ok(created) = namespace.created_at.parse::<Timestamp>() else { return false };
    let age = Timestamp::now().duration_since(created).as_secs();
    u64::try_from(age).is_ok_and(|age| age >= limit)
}

fn describe(namespace: &Namespace) -> String {
    let Namespace { name, run_id, scenario, created_at, terminating, .. } = namespace;
    let leaving = if *terminating { ", already terminating" } else { "" };
    format!("namespace/{name} (run {run_id}, scenario {scenario}, made {created_at}{leaving})")
}
