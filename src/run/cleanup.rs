//! `steadfast cleanup`: what dead runs have left, and nothing of one that is alive.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::{
    clean::{self, Known},
    in_touch::in_touch,
    say,
};
use crate::{
    cluster::{Connection, Lease, Namespace, Server, lease_in, namespaces_of_runs},
    limits,
    options::Cleanup,
};

/// What a clean-up found and did, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanedUp {
    /// What was deleted, or would be.
    pub found: Vec<String>,
    /// What is still there of it, or not known to be gone.
    pub left: Vec<String>,
    /// The runs that were left alone because they are alive, each with where it is and its namespaces.
    pub alive: Vec<String>,
    /// What carries the label of a run and was not made by one.
    pub others: Vec<String>,
}

/// Deletes what dead runs have left.
///
/// # Errors
/// The cluster does not answer, or it cannot be told what is there or whose it is. Nothing was deleted then.
pub async fn cleanup(options: &Cleanup) -> Result<CleanedUp> {
    let connection = Connection::find(&options.target).await?;
    let server = connection.server("cleanup")?;
    let first = async {
        connection.open().await?;
        let found = namespaces_of_runs(&server, options.run_id.as_deref()).await;
        found.map_err(|error| connection.unreachable(&format!("{error:#}")))
    };
    in_touch(&connection, limits::CLEANUP.duration(), "", say, first).await?;
    clean_up(&server, options).await
}

/// The same, through a connection that is there.
///
/// # Errors
/// As above.
pub async fn clean_up(server: &Server, options: &Cleanup) -> Result<CleanedUp> {
    let labelled = namespaces_of_runs(server, options.run_id.as_deref()).await?;
    let old_enough: Vec<Namespace> = labelled
        .ours
        .into_iter()
        .filter(|namespace| is_old_enough(namespace, options.older_than_secs))
        .collect();
    let alive = match options.include_live {
        true => BTreeMap::new(),
        false => alive(server, &old_enough)
            .await
            .context("try again, or delete live runs too with --include-live")?,
    };
    let (theirs, dead): (Vec<Namespace>, Vec<Namespace>) =
        old_enough.into_iter().partition(|namespace| alive.contains_key(&namespace.run_id));
    let mut done = CleanedUp {
        found: dead.iter().map(describe).collect(),
        left: Vec::new(),
        alive: alive.iter().map(|(run_id, lease)| describe_run(run_id, lease, &theirs)).collect(),
        others: labelled.others.iter().map(|name| format!("namespace/{name}")).collect(),
    };
    if !options.dry_run {
        let bound = limits::CLEANUP.duration();
        let work = async |known: &Known| clean::remove(server, &dead, bound, known).await;
        done.left = clean::until(tokio::time::sleep(bound), Known::default(), work).await;
    }
    Ok(done)
}

/// The leases of the runs that are alive, by the runs' ids.
///
/// By our own clock a lease may look old that is renewed all the time, and one may be about to be taken by a run that has
/// only begun: what looks dead is looked at twice.
async fn alive(server: &Server, namespaces: &[Namespace]) -> Result<BTreeMap<String, Lease>> {
    let first = leases(server, namespaces).await?;
    let runs: BTreeSet<&str> = namespaces.iter().map(|namespace| namespace.run_id.as_str()).collect();
    let mut alive: BTreeMap<String, Lease> =
        first.iter().filter(|(_, lease)| is_fresh(lease, Timestamp::now())).map(owned).collect();
    if runs.iter().all(|run| alive.contains_key(*run)) {
        return Ok(alive);
    }
    tokio::time::sleep(limits::LEASE_WATCHED.duration()).await;
    let second = leases(server, namespaces).await?;
    let renewed =
        |(run, lease): &(&String, &Lease)| !lease.holder.is_empty() && first.get(*run) != Some(*lease);
    alive.extend(second.iter().filter(renewed).map(owned));
    Ok(alive)
}

fn owned((run, lease): (&String, &Lease)) -> (String, Lease) {
    (run.clone(), lease.clone())
}

/// The lease of each run that has one in any of these namespaces.
async fn leases(server: &Server, namespaces: &[Namespace]) -> Result<BTreeMap<String, Lease>> {
    let mut leases = BTreeMap::new();
    for namespace in namespaces {
        if let Some(lease) = lease_in(server, namespace).await? {
            leases.insert(namespace.run_id.clone(), lease);
        }
    }
    Ok(leases)
}

/// Whether a lease is held and was renewed a short while ago. One that was renewed in the future says that one of two
/// clocks is wrong.
fn is_fresh(lease: &Lease, now: Timestamp) -> bool {
    let Ok(renewed) = lease.renewed_at.parse::<Timestamp>() else { return false };
    let age_secs = now.duration_since(renewed).as_secs_f64();
    !lease.holder.is_empty() && (0.0..limits::LEASE_HELD.wait_secs()).contains(&age_secs)
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

fn describe_run(run_id: &str, lease: &Lease, namespaces: &[Namespace]) -> String {
    let own = namespaces.iter().filter(|namespace| namespace.run_id == run_id);
    let names: Vec<&str> = own.map(|namespace| namespace.name.as_str()).collect();
    format!("run {run_id} on {}, last heard of at {}: {}", lease.holder, lease.renewed_at, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed_at: &str) -> Lease {
        Lease { holder: holder.to_owned(), renewed_at: renewed_at.to_owned() }
    }

    #[test]
    fn a_lease_is_fresh_for_a_while_and_never_from_the_future() {
        let now: Timestamp = "2026-01-02T03:04:40Z".parse().unwrap();
        for (renewed_at, expected) in [
            ("2026-01-02T03:04:39.5Z", true),
            ("2026-01-02T03:04:01Z", true),
            ("2026-01-02T03:03:59Z", false),
            ("2026-01-02T03:04:41Z", false),
            ("", false),
        ] {
            assert_eq!(is_fresh(&lease("ci-7", renewed_at), now), expected, "{renewed_at}");
        }
        assert!(!is_fresh(&lease("", "2026-01-02T03:04:39Z"), now), "one that was released");
    }
}
