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
    recorder::{Missing, Recorder, watched_paths},
    spec::Scenario,
};

/// Runs one scenario.
pub struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) recorder: Recorder,
    pub(super) server: Server,
    pub(super) namespace: String,
    pub(super) scenario: Scenario,
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
        let server = Server::new(shared.connection.client(&purpose)?);
        let namespace = shared.namespace_name(&scenario.id);
        let (panics, panicked) = mpsc::unbounded_channel();
        Ok(Self {
            shared,
            recorder,
            server,
            namespace,
            scenario,
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
        self.tasks.abort_all();
        let outcome = self.undisturbed(outcome).await;
        self.recorder.step(match outcome {
            Ok(()) => Step::Completed,
            Err(Stop { reason, cause }) => Step::Aborted { reason, cause },
        });
    }

    /// The outcome, unless somebody else has begun to delete the namespace: what the record then shows is that one's doing.
    async fn undisturbed(&self, outcome: Done) -> Done {
        let look = self.shared.namespaces.look(&self.server);
        // A server that does not answer says nothing of this, and the record has its own signs of that.
        let _ = tokio::time::timeout(limits::NAMESPACES_LOOK.duration(), look).await;
        match self.shared.namespaces.taken(&self.namespace) {
            Some(taken) => Err(disturbed(&taken)),
            None => outcome,
        }
    }

    fn started(&self) -> Started {
        let found = self.shared.surroundings();
        Started {
            namespace: self.namespace.clone(),
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

    /// Makes the namespace and opens every watch before anything is in it.
    async fn open(&mut self) -> Done {
        let made = self.shared.namespaces.make(&self.server, &self.namespace, &self.scenario.id).await;
        made.map_err(|error| Stop::environment(format!("{error:#}")))?;
        let mut openings = Vec::new();
        for watched in watched_paths(&self.namespace, &self.shared.facts.slices_version) {
            let (opened, opening) = oneshot::channel();
            self.spawn(self.recorder.clone().watch(self.server.clone(), watched, opened));
            openings.push(opening);
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
        let there =
            self.recorder.wait(bound, |world| match world.get(Resource::ServiceAccounts, "default") {
                Some(_) => Ok(()),
                None => Err(Missing::Still("the service account `default`".to_owned())),
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
