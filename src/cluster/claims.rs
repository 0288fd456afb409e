//! The namespaces of one run, of which none is lost.
//!
//! A name is claimed before it is asked for. So a namespace whose creation was answered with nothing, or with garbage, or
//! to nobody any more, is looked for at the end like the others.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Namespace, Server,
    namespaces::{labels, namespaces_of_runs, path},
    read,
};

/// The annotation that tells the processes of two runs apart, whatever their ids are.
const CLAIM: &str = "steadfast/claim";

/// What a run knows of one of its namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The scenario that it is for.
    pub scenario: String,
    /// The namespace, once the server has said that it is there.
    pub made: Option<Namespace>,
}

/// All namespaces of a run, from the moment at which each was first thought of.
#[derive(Debug)]
pub struct Namespaces {
    run_id: String,
    claim: String,
    claims: Mutex<Vec<Claim>>,
    /// The first that was made.
    first: watch::Sender<Option<Namespace>>,
    /// Those that the run itself has begun to delete.
    leaving: Mutex<BTreeSet<String>>,
    /// Those that somebody else has begun to delete.
    taken: watch::Sender<BTreeSet<String>>,
}

impl Namespaces {
    /// Those of a run that has none yet. `claim` is a word that no other process has.
    pub fn of_run(run_id: &str, claim: String) -> Self {
        Self {
            run_id: run_id.to_owned(),
            claim,
            claims: Mutex::default(),
            first: watch::channel(None).0,
            leaving: Mutex::default(),
            taken: watch::channel(BTreeSet::new()).0,
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Claim> {
        self.claims().clone()
    }

    fn claims(&self) -> MutexGuard<'_, Vec<Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first that was made, as soon as there is one.
    pub async fn first(&self) -> Namespace {
        let mut first = self.first.subscribe();
        match first.wait_for(Option::is_some).await.map(|first| first.clone()) {
            Ok(Some(namespace)) => namespace,
            _ => std::future::pending().await,
        }
    }

    /// Makes a namespace for a scenario. One of that name that an earlier attempt of this run has made is taken as it is:
    /// the answer to that attempt was lost.
    ///
    /// # Errors
    /// The server refuses, or does not answer, or has a namespace of that name that is not ours.
    pub async fn make(&self, server: &Server, name: &str, scenario: &str) -> Result<Namespace> {
        let claim = Claim { name: name.to_owned(), scenario: scenario.to_owned(), made: None };
        self.claims().push(claim);
        let body = self.body(name, scenario);
        let reply = server
            .send_patiently(Method::POST, "/api/v1/namespaces", Some(("application/json", &body)))
            .await;
        let namespace = match reply {
            Ok(reply) if !reply.is_ok() && reply.code != 409 => {
                bail!("failed to create the namespace {name}: {}", reply.message())
            }
            Ok(reply) if reply.is_ok() && self.is_ours(&reply.body) => Namespace::read(&reply.body),
            _ => None,
        };
        let namespace = match namespace {
            Some(namespace) => namespace,
            None => self.adopt(server, name).await?,
        };
        self.made(&namespace);
        Ok(namespace)
    }

    fn body(&self, name: &str, scenario: &str) -> Value {
        let labels = labels(name, &self.run_id, scenario);
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels, "annotations": {CLAIM: self.claim}},
        })
    }

    async fn adopt(&self, server: &Server, name: &str) -> Result<Namespace> {
        let Some(object) = read::object(server, &path(name), "Namespace").await? else {
            bail!("failed to create the namespace {name}: the server's answer was none, and it is not there");
        };
        ensure!(
            self.is_ours(&object),
            "failed to create the namespace {name}: there is one of that name that is not this run's"
        );
        Namespace::read(&object).ok_or_else(|| anyhow::anyhow!("the namespace {name} has lost its labels"))
    }

    fn is_ours(&self, object: &Value) -> bool {
        object["metadata"]["annotations"][CLAIM] == self.claim.as_str()
    }

    fn made(&self, namespace: &Namespace) {
        let mut claims = self.claims();
        if let Some(claim) = claims.iter_mut().find(|claim| claim.name == namespace.name) {
            claim.made = Some(namespace.clone());
        }
        drop(claims);
        self.first.send_if_modified(|first| first.is_none() && first.replace(namespace.clone()).is_none());
    }

    /// Finds out about those that were claimed and of which the server has not said that they are there.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn find(&self, server: &Server, claim: &Claim) -> Result<Option<Namespace>> {
        if let Some(made) = &claim.made {
            return Ok(Some(made.clone()));
        }
        let found = read::object(server, &path(&claim.name), "Namespace").await?;
        Ok(found.filter(|object| self.is_ours(object)).as_ref().and_then(Namespace::read))
    }

    /// From now on, that namespace goes because the run itself deletes it.
    pub fn leaves(&self, name: &str) {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Looks which of them somebody else has begun to delete, or has deleted, and tells those who wait for it.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn look(&self, server: &Server) -> Result<()> {
        let made: Vec<String> = self.all().into_iter().filter_map(|claim| Some(claim.made?.name)).collect();
        let there = namespaces_of_runs(server, Some(&self.run_id)).await?.ours;
        let stays =
            |name: &str| there.iter().any(|namespace| namespace.name == name && !namespace.terminating);
        // Looked at last: what the run has begun to delete meanwhile is missing for that reason.
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let taken = made.into_iter().filter(|name| !stays(name) && !leaving.contains(name));
        let taken: BTreeSet<String> = taken.collect();
        self.taken.send_if_modified(|known| {
            let before = known.len();
            known.extend(taken);
            known.len() > before
        });
        Ok(())
    }

    /// Which of these somebody else deletes, as far as that is known: the scenario's own, or the one that all depend on.
    pub fn taken(&self, name: &str) -> Option<String> {
        self.among(&self.taken.borrow(), name)
    }

    /// Likewise, as soon as it is known.
    pub async fn when_taken(&self, name: &str) -> String {
        let mut taken = self.taken.subscribe();
        let found = taken.wait_for(|taken| self.among(taken, name).is_some()).await;
        match found.ok().and_then(|taken| self.among(&taken, name)) {
            Some(taken) => taken,
            None => std::future::pending().await,
        }
    }

    fn among(&self, taken: &BTreeSet<String>, name: &str) -> Option<String> {
        let first = self.first.borrow().as_ref().map(|first| first.name.clone());
        [Some(name.to_owned()), first].into_iter().flatten().find(|name| taken.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_with_one_run_id_do_not_take_each_others_namespaces() {
        let [mine, theirs] = ["a", "b"].map(|claim| Namespaces::of_run("r", claim.to_owned()));
        let body = mine.body("steadfast-preflight-bcd24", "preflight");
        assert!(mine.is_ours(&body) && !theirs.is_ours(&body));
    }
}
