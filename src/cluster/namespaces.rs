//! The namespaces of a run: their names, what tells them from everybody else's, and that none is lost.
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

use super::{Server, read};

/// The label that carries the id of the run on everything that it makes.
pub const RUN_LABEL: &str = "steadfast/run-id";

/// The label that carries the scenario's id.
pub const SCENARIO_LABEL: &str = "steadfast/scenario";

/// The label that repeats the namespace's own name. Who copies labels copies it too, and then it is another's name.
const NAME_LABEL: &str = "steadfast/namespace";

/// The label that says who manages the object, and our value of it.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "steadfast");

/// The annotation that tells the processes of two runs apart, whatever their ids are.
const CLAIM: &str = "steadfast/claim";

/// What the random end of a name is made of: no vowels, and nothing that looks like something else.
pub const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How long the random end of a name is.
pub const NAME_RANDOM: usize = 5;

/// A namespace of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its uid, which a delete names.
    pub uid: String,
    /// The run that made it.
    pub run_id: String,
    /// The scenario that it is for.
    pub scenario: String,
    /// When it was made, RFC 3339, as the server says.
    pub created_at: String,
    /// Whether it is on its way out.
    pub terminating: bool,
}

impl Namespace {
    /// The namespace, if it is one that a run has made: it has all of our labels, and they say its own name, which is one
    /// of ours.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let label = |key: &str| metadata["labels"][key].as_str();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (name, scenario) = (text(&metadata["name"])?, label(SCENARIO_LABEL)?);
        let is_ours = label(MANAGED_BY.0) == Some(MANAGED_BY.1)
            && label(NAME_LABEL) == Some(&name)
            && is_name_for(&name, scenario);
        is_ours.then_some(())?;
        Some(Self {
            uid: text(&metadata["uid"])?,
            run_id: label(RUN_LABEL)?.to_owned(),
            scenario: scenario.to_owned(),
            created_at: text(&metadata["creationTimestamp"]).unwrap_or_default(),
            terminating: !metadata["deletionTimestamp"].is_null(),
            name,
        })
    }

    /// Where it is in the API.
    pub(super) fn path(&self) -> String {
        path(&self.name)
    }
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// Whether a name ends as those do that are made for a scenario: with its id and a random word.
fn is_name_for(name: &str, scenario: &str) -> bool {
    let Some((rest, random)) = name.rsplit_once('-') else { return false };
    let is_random =
        random.len() == NAME_RANDOM && random.bytes().all(|letter| NAME_LETTERS.contains(&letter));
    is_random && !scenario.is_empty() && rest.ends_with(scenario)
}

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

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
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
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {
                    RUN_LABEL: self.run_id, SCENARIO_LABEL: scenario, NAME_LABEL: name, MANAGED_BY.0: MANAGED_BY.1,
                    "pod-security.kubernetes.io/enforce": "privileged",
                },
                "annotations": {CLAIM: self.claim},
            },
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

/// What carries the label of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelled {
    /// The namespaces that runs have made.
    pub ours: Vec<Namespace>,
    /// The names of those that carry the label of a run and that no run has made.
    pub others: Vec<String>,
}

/// The namespaces that carry the label of a run; with an id, of that run.
///
/// # Errors
/// The server refuses or does not answer.
pub async fn namespaces_of_runs(server: &Server, run_id: Option<&str>) -> Result<Labelled> {
    let selector = run_id.map_or("steadfast%2Frun-id".to_owned(), |id| format!("steadfast%2Frun-id%3D{id}"));
    let path = format!("/api/v1/namespaces?labelSelector={selector}");
    let mut labelled = Labelled::default();
    for object in read::list(server, &path, "Namespace").await? {
        match Namespace::read(&object) {
            Some(namespace) => labelled.ours.push(namespace),
            None => labelled.others.extend(object["metadata"]["name"].as_str().map(str::to_owned)),
        }
    }
    Ok(labelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, labels: &Value) -> Value {
        json!({"metadata": {"name": name, "uid": "u", "labels": labels}})
    }

    #[test]
    fn only_what_has_all_labels_and_a_name_of_ours_is_ours() {
        let run = Namespaces::of_run("r", "c".to_owned());
        let ours = run.body("mine-first-start-bcd24", "first-start");
        let mut there = ours.clone();
        there["metadata"]["uid"] = json!("u");
        assert_eq!(Namespace::read(&there).unwrap().run_id, "r");
        let labels = &ours["metadata"]["labels"];
        assert_eq!(Namespace::read(&object("production", labels)), None, "labels that were copied");
        for label in [RUN_LABEL, SCENARIO_LABEL, NAME_LABEL, MANAGED_BY.0] {
            let mut fewer = labels.clone();
            fewer.as_object_mut().unwrap().remove(label);
            assert_eq!(Namespace::read(&object("mine-first-start-bcd24", &fewer)), None, "without {label}");
        }
        for name in
            ["kube-system", "first-start", "mine-first-start", "mine-first-start-aeiou", "mine-other-bcd24"]
        {
            let mut labels = labels.clone();
            labels[NAME_LABEL] = json!(name);
            assert_eq!(Namespace::read(&object(name, &labels)), None, "{name}");
        }
    }

    #[test]
    fn two_processes_with_one_run_id_do_not_take_each_others_namespaces() {
        let [mine, theirs] = ["a", "b"].map(|claim| Namespaces::of_run("r", claim.to_owned()));
        let body = mine.body("steadfast-preflight-bcd24", "preflight");
        assert!(mine.is_ours(&body) && !theirs.is_ours(&body));
    }
}
