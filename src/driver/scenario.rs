//! One scenario from its namespace to its last step.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
};

use futures::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Available, Done, Shared, Stop, dns::Question};
use crate::{
    cluster::Server,
    history::{AbortCause, Resource, Started, Step},
    limits,
    recorder::{Missing, Recorder, WatchedPath, watched_paths},
    spec::Scenario,
};

/// Runs one scenario.
pub struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) recorder: Recorder,
    pub(super) server: Server,
    pub(super) namespace: String,
    /// The scenario's other namespaces, in the order of its file.
    pub(super) other_namespaces: Vec<String>,
    pub(super) scenario: Scenario,
    /// Everything that is watched.
    watched: Vec<WatchedPath>,
    pub(super) available: Available,
    /// The uids of the pods that were asked to be deleted.
    pub(super) doomed: BTreeSet<String>,
    /// The questions that followers ask.
    pub(super) followed: Vec<Question>,
    /// The event that ended the last wait, until the first request after it: its number and its delivery.
    pub(super) woken: std::sync::Mutex<Option<(u64, u64)>>,
    /// Watches and followers: they end with the scenario.
    tasks: JoinSet<()>,
    /// Where a task's panic goes to.
    panics: mpsc::UnboundedSender<Panic>,
    panicked: Option<mpsc::UnboundedReceiver<Panic>>,
}

/// What a panic leaves.
type Panic = Box<dyn Any + Send>;

impl Driver {
    /// Gets ready to run a scenario. Nothing is sent yet.
    pub fn new(
        shared: Arc<Shared>,
        recorder: Recorder,
        scenario: Scenario,
        available: Available,
    ) -> anyhow::Result<Self> {
        let purpose = format!("run/{} scenario/{}", shared.run_id, scenario.id);
        let server = shared.connection.server(&purpose)?;
        let namespace = shared.namespace_name(&scenario.id);
        let other = |name: &String| shared.namespace_name(&format!("{name}-{}", scenario.id));
        let other_namespaces = scenario.namespaces.iter().map(other).collect();
        let (panics, panicked) = mpsc::unbounded_channel();
        Ok(Self {
            shared,
            recorder,
            server,
            namespace,
            other_namespaces,
            scenario,
            watched: Vec::new(),
            available,
            doomed: BTreeSet::new(),
            followed: Vec::new(),
            woken: std::sync::Mutex::default(),
            tasks: JoinSet::new(),
            panics,
            panicked: Some(panicked),
        })
    }

    /// The namespace that it runs in.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Runs the scenario to its end, or until the run is to end. The record's last step says which.
    ///
    /// A panic in a watch or a follower is a panic here: a scenario that is no longer watched must not go on.
    pub async fn run(mut self) {
        self.recorder.step(Step::Started(self.started().into()));
        let mut stop = self.shared.stop.clone();
        let mut panicked = self.panicked.take().expect("a scenario is run once");
        let (shared, namespace) = (self.shared.clone(), self.namespace.clone());
        let outcome = tokio::select! {
            outcome = self.steps() => outcome,
            Some(panic) = panicked.recv() => resume_unwind(panic),
            taken = shared.namespaces.when_taken(&namespace) => Err(disturbed(&taken)),
            _ = stop.wait_for(|stop| *stop) => {
                Err(Stop { reason: "the run was interrupted".to_owned(), cause: AbortCause::Interrupted })
            }
        };
        self.compare(&outcome, &mut stop).await;
        self.tasks.abort_all();
        let outcome = self.undisturbed(outcome).await;
        self.recorder.step(match outcome {
            Ok(()) => Step::Completed,
            Err(Stop { reason, cause }) => Step::Aborted { reason, cause },
        });
    }

    /// Lists everything that was watched, so that a watch which kept something to itself is found out. Not after an
    /// interruption, and not longer than until one.
    async fn compare(&self, outcome: &Done, stop: &mut tokio::sync::watch::Receiver<bool>) {
        let interrupted = |stop: &Stop| stop.cause == AbortCause::Interrupted;
        if outcome.as_ref().is_err_and(interrupted) {
            return;
        }
        tokio::select! {
            () = self.recorder.compare(&self.server, &self.watched) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// The full name of the namespace that a step calls so; the scenario's own where it calls none.
    pub(super) fn namespace_called(&self, name: Option<&str>) -> String {
        let place = name.and_then(|name| self.scenario.namespaces.iter().position(|known| known == name));
        place.map_or_else(|| self.namespace.clone(), |place| self.other_namespaces[place].clone())
    }

    /// What a step calls `<namespace>/<name>`, with the namespace's full name; a name without one as it is.
    pub(super) fn located(&self, name: &str) -> String {
        match name.split_once('/') {
            Some((namespace, name)) => format!("{}/{name}", self.namespace_called(Some(namespace))),
            None => name.to_owned(),
        }
    }

    /// The outcome, unless somebody else has begun to delete a namespace: what the record then shows is that one's doing.
    async fn undisturbed(&self, outcome: Done) -> Done {
        let look = self.shared.namespaces.look(&self.server);
        // A server that does not answer says nothing of this, and the record has its own signs of that.
        let _ = tokio::time::timeout(limits::NAMESPACES_LOOK.duration(), look).await;
        let mut own = std::iter::once(&self.namespace).chain(&self.other_namespaces);
        match own.find_map(|name| self.shared.namespaces.taken(name)) {
            Some(taken) => Err(disturbed(&taken)),
            None => outcome,
        }
    }

    fn started(&self) -> Started {
        let found = self.shared.surroundings();
        Started {
            namespace: self.namespace.clone(),
            other_namespaces: self.other_namespaces.clone(),
            server_version: self.shared.facts.server_version.clone(),
            zone: found.zone.clone(),
            backends: found.backend_endpoints(),
            probes: found.probe_endpoints(),
            storage_class: found.storage_class,
            dns_stale_secs: self.shared.options.dns_stale_secs,
        }
    }

    async fn steps(&mut self) -> Done {
        self.open().await?;
        for action in self.scenario.steps.clone() {
            self.act(&action).await?;
        }
        Ok(())
    }

    /// Makes the namespaces and opens every watch before anything is in them.
    async fn open(&mut self) -> Done {
        let all = std::iter::once(&self.namespace).chain(&self.other_namespaces).cloned();
        let mut openings = Vec::new();
        for (number, name) in (0..).zip(all.collect::<Vec<_>>()) {
            let made = self.shared.namespaces.make(&self.server, &name, &self.scenario.id).await;
            made.map_err(|error| Stop::environment(format!("{error:#}")))?;
            for watched in watched_paths(&name, number, &self.shared.facts.slices_version) {
                let (opened, opening) = oneshot::channel();
                self.watched.push(watched.clone());
                self.spawn(self.recorder.clone().watch(self.server.clone(), watched, opened));
                openings.push(opening);
            }
        }
        let all = futures::future::join_all(openings);
        if tokio::time::timeout(self.shared.bound(limits::REQUEST), all).await.is_err() {
            return Err(Stop::cluster(format!("the watches in {} could not be opened", self.namespace)));
        }
        self.wait_for_service_account().await
    }

    /// Pods are refused until the namespace has its default service account.
    async fn wait_for_service_account(&self) -> Done {
        let bound = self.shared.bound(limits::REQUEST);
        let others = self.other_namespaces.iter().map(|namespace| format!("{namespace}/default"));
        let accounts: Vec<String> = std::iter::once("default".to_owned()).chain(others).collect();
        let there = self.recorder.wait(bound, |world| {
            let missing = accounts.iter().find(|name| world.get(Resource::ServiceAccounts, name).is_none());
            missing.map_or(Ok(()), |name| Err(Missing::Still(format!("the service account {name}"))))
        });
        there.await.map(|_| ()).map_err(|_| {
            Stop::environment(format!(
                "the namespace {} got no service account within {bound:?}",
                self.namespace
            ))
        })
    }

    /// Lets something run beside the steps until the scenario ends.
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let panics = self.panics.clone();
        self.tasks.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                // Nobody listens once the scenario is over.
                let _ = panics.send(panic);
            }
        });
    }
}

fn disturbed(namespace: &str) -> Stop {
    let reason = format!(
        "somebody else deletes the namespace {namespace} while the run is at work in it; was it `steadfast cleanup \
         --include-live`, or `kubectl delete namespace`?"
    );
    Stop { reason, cause: AbortCause::Disturbed }
}
