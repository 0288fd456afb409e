//! A good guest leaves nothing: the namespaces of a run, deleted by uid, and the wait until they are gone.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use futures::future::join_all;
use tokio::time::Instant;

use super::say;
use crate::{
    checks::Kind,
    cluster::{Claim, Left, Namespace, Namespaces, Server, left_behind},
    judge::{Judged, Verdict},
    limits,
    options::Keep,
};

/// What is left in the cluster, one object an item, as far as it is known; what is not known to be gone counts as left.
pub(super) type Known = Mutex<Vec<String>>;

/// Puts what is known now in the place of what was known before.
fn learn(known: &Known, left: Vec<String>) {
    *known.lock().unwrap_or_else(PoisonError::into_inner) = left;
}

/// Does some clean-up until it ends or `over` says that no more time is left for it. What is left is given back.
pub(super) async fn until(
    over: impl Future<Output = ()>,
    known: Known,
    work: impl AsyncFnOnce(&Known),
) -> Vec<String> {
    tokio::select! {
        () = work(&known) => {}
        () = over => {}
    }
    known.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Deletes these namespaces and waits until they and their volumes are gone, for so long at most.
pub(super) async fn remove(server: &Server, namespaces: &[Namespace], patience: Duration, known: &Known) {
    learn(known, namespaces.iter().map(|namespace| not_known_to_be_gone(&namespace.name)).collect());
    let emptied = limits::EMPTIED.duration().min(patience / 2);
    for outcome in join_all(namespaces.iter().map(|namespace| delete(server, namespace, emptied))).await {
        if let Err(error) = outcome {
            say(&format!("warning: {error:#}"));
        }
    }
    gone(server, namespaces, known).await;
}

pub(super) fn not_known_to_be_gone(name: &str) -> String {
    format!("namespace/{name}: the time for the clean-up was over before it was known to be gone")
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

/// Waits until nothing is there any more, or nothing but what does not go, and keeps what is known up to date.
async fn gone(server: &Server, namespaces: &[Namespace], known: &Known) {
    let names: Vec<String> = namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    let began = Instant::now();
    let mut answered = Instant::now();
    loop {
        let left = left_behind(server, &names).await;
        let (told, ends) = match &left {
            Ok(left) => {
                answered = Instant::now();
                let stranded = began.elapsed() >= limits::STRANDED.duration();
                (told(left), left.is_empty() || (stranded && left.iter().all(|left| left.stranded)))
            }
            Err(error) => {
                let told = format!("unknown: {error:#}; `steadfast cleanup` tries again");
                (vec![told], answered.elapsed() > limits::SERVER_SILENT.duration())
            }
        };
        learn(known, told);
        if ends {
            return;
        }
        tokio::time::sleep(limits::LOOK_AGAIN.duration()).await;
    }
}

fn told(left: &[Left]) -> Vec<String> {
    left.iter().map(|left| left.what.clone()).collect()
}

/// Removes what a run has made, but for the namespaces of these names, which are kept.
///
/// Every name that the run has thought of is looked for, whether or not its creation was answered. Of what cannot be found
/// out, nothing says that it is gone.
pub(super) async fn remove_all_of(
    server: &Server,
    run: &Namespaces,
    kept: &[Claim],
    patience: Duration,
    known: &Known,
) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for claim in run.all().iter().filter(|claim| !kept.contains(claim)) {
        run.leaves(&claim.name);
        match run.find(server, claim).await {
            Ok(namespace) => found.extend(namespace),
            Err(error) => {
                unknown.push(format!(
                    "namespace/{}: it is not known whether it is there: {error:#}",
                    claim.name
                ));
            }
        }
    }
    remove(server, &found, patience, known).await;
    known.lock().unwrap_or_else(PoisonError::into_inner).append(&mut unknown);
}

/// Whether the user wants to keep the namespace of a scenario, whose verdicts these are.
pub(super) fn is_kept(keep: Keep, claim: &Claim, judged: &[Judged]) -> bool {
    let troubled = |judged: &Judged| {
        matches!(judged.verdict, Verdict::Fail | Verdict::Inconclusive { .. })
            && judged.findings.iter().any(|f| f.kind != Kind::Held && f.scenario == claim.scenario)
    };
    match keep {
        Keep::Never => false,
        Keep::Always => true,
        Keep::OnFailure => judged.iter().any(troubled),
    }
}
