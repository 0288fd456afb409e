//! The scenarios of a run: the preflight by itself, then the others side by side.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{clean, progress::Progress};
use crate::{
    driver::{Available, Driver, Shared},
    history::{AbortCause, History, Step},
    judge::{self, Judged, Verdict},
    limits,
    options::Keep,
    plan::{PREFLIGHT, Plan},
    recorder::{Clock, Disk, Recorder},
    spec::Need,
};

/// The requirements whose pass says that something can be counted on.
const DNS: &str = "preflight-dns";
const STORAGE: &str = "preflight-storage";

/// Runs what is planned and gathers the record.
pub(super) struct Scenarios<'r> {
    pub shared: Arc<Shared>,
    pub plan: &'r Plan,
    pub clock: Clock,
    pub disk: Disk,
    pub progress: Progress,
    /// Judges the record so far, and puts the verdicts where a killed run leaves them.
    pub judge: &'r (dyn Fn(&[History]) -> Vec<Judged> + Sync),
    /// In the order of their ids.
    pub histories: Vec<History>,
    /// A panic in a scenario.
    pub internal_error: Option<String>,
}

impl Scenarios<'_> {
    /// Runs the preflight, then all others, as many side by side as the user allows.
    pub(super) async fn run(&mut self) {
        self.progress.planned(self.plan.scenarios.len());
        let storage = self.shared.surroundings().storage_class.is_some();
        let ended = self.begin(PREFLIGHT, Available { dns: true, storage }).await;
        self.end(ended);
        let available = self.available();
        let refused = self.history(PREFLIGHT).and_then(refusal);
        let permits = Arc::new(Semaphore::new(self.shared.options.jobs.max(1)));
        let mut running = JoinSet::new();
        for planned in self.plan.scenarios.iter().filter(|planned| planned.id != PREFLIGHT) {
            let needs = &self.shared.catalogue.scenarios[&planned.id].needs;
            let unmet = needs.iter().find(|need| !available.has(**need));
            if let Some(reason) = refused.clone().or(unmet.map(|need| self.unmet(*need))) {
                self.leave_out(&planned.id, &reason, false);
                continue;
            }
            let (permits, scenario) = (permits.clone(), self.begin(&planned.id, available));
            running.spawn(async move {
                let _permit = permits.acquire_owned().await;
                scenario.await
            });
        }
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(ended) => self.end(ended),
                Err(error) => self.internal_error = Some(error.to_string()),
            }
        }
    }

    /// The future that runs one scenario. A panic in it is part of its outcome.
    fn begin(&self, id: &str, available: Available) -> impl Future<Output = Ended> + Send + use<> {
        let recorder = Recorder::new(id, self.clock, self.disk.clone());
        let scenario = self.shared.catalogue.scenarios[id].clone();
        let (shared, progress, id) = (self.shared.clone(), self.progress.clone(), id.to_owned());
        async move {
            let mut panic = None;
            if *shared.stop.borrow() {
                let reason = "the run was interrupted before it".to_owned();
                recorder.step(Step::NotStarted { reason, interrupted: true });
            } else {
                let driving = async {
                    match Driver::new(shared, recorder.clone(), scenario, available) {
                        Ok(driver) => {
                            progress.began(&id, driver.namespace());
                            driver.run().await;
                        }
                        Err(error) => {
                            let reason = format!("{error:#}");
                            recorder.step(Step::NotStarted { reason, interrupted: false });
                        }
                    }
                };
                let outcome = AssertUnwindSafe(driving).catch_unwind().await;
                panic = outcome.err().map(|panic| judge::panic_message(panic.as_ref()));
            }
            Ended { id, history: recorder.finish(), panic }
        }
    }

    fn end(&mut self, ended: Ended) {
        let how = match (&ended.panic, ended.history.aborted()) {
            (Some(_), _) => "panicked",
            (_, Some((_, _, AbortCause::Interrupted))) => "stopped",
            (_, Some(_)) => "gave up",
            _ if ended.history.is_completed() => "done",
            _ => "not run",
        };
        let reason = ended.history.aborted().map(|(_, reason, _)| reason.to_owned());
        self.internal_error = self.internal_error.take().or(ended.panic);
        if ended.id != PREFLIGHT && self.shared.options.keep == Keep::Never {
            self.delete_namespaces(&ended.id);
        }
        let place = self.histories.partition_point(|history| history.scenario < ended.id);
        self.histories.insert(place, ended.history);
        let judged = self.judged();
        self.progress.ended(&ended.id, how, &judged);
        if let Some(reason) = reason {
            self.progress.say(&format!("          {reason}"));
        }
    }

    /// Lets a scenario's namespaces go while the others are still at work.
    fn delete_namespaces(&self, scenario: &str) {
        let of_scenario = self.shared.namespaces.all().into_iter().filter(|claim| claim.scenario == scenario);
        for namespace in of_scenario.filter_map(|claim| claim.made) {
            self.shared.namespaces.leaves(&namespace.name);
            let server = self.shared.connection.server(&format!("run/{} cleanup", self.shared.run_id));
            tokio::spawn(async move {
                // What fails here is tried again, and reported, at the end of the run.
                if let Ok(server) = server {
                    let _ = clean::delete(&server, &namespace, limits::EMPTIED.duration()).await;
                }
            });
        }
    }

    fn leave_out(&mut self, id: &str, reason: &str, interrupted: bool) {
        let recorder = Recorder::new(id, self.clock, self.disk.clone());
        recorder.step(Step::NotStarted { reason: reason.to_owned(), interrupted });
        self.end(Ended { id: id.to_owned(), history: recorder.finish(), panic: None });
    }

    fn judged(&self) -> Vec<Judged> {
        (self.judge)(&self.histories)
    }

    /// What the preflight's verdicts say can be counted on.
    fn available(&self) -> Available {
        let passes =
            |id| matches!(self.preflight(id).map(|judged| judged.verdict), Some(Verdict::Pass { .. }));
        Available { dns: passes(DNS), storage: passes(STORAGE) }
    }

    fn unmet(&self, need: Need) -> String {
        let id = match need {
            Need::Dns => DNS,
            Need::Storage => STORAGE,
        };
        let judged = self.preflight(id);
        let why = judged.as_ref().and_then(Judged::why).map(|why| format!(": {why}")).unwrap_or_default();
        let word = judged.as_ref().map_or("not known", |judged| judged.verdict.word());
        format!("it needs {id}, which is {word}{why}")
    }

    fn history(&self, id: &str) -> Option<&History> {
        self.histories.iter().find(|history| history.scenario == id)
    }

    fn preflight(&self, id: &str) -> Option<Judged> {
        let preflight = self.history(PREFLIGHT);
        let judged =
            judge::judge_all(&self.shared.catalogue, &[id.to_owned()], &self.shared.facts, preflight);
        judged.into_iter().find(|judged| judged.id == id)
    }
}

/// A scenario that has ended.
struct Ended {
    id: String,
    history: History,
    panic: Option<String>,
}

/// Why nothing else can be run, if the preflight could not be brought to its end by what is around it.
fn refusal(preflight: &History) -> Option<String> {
    let (_, reason, cause) = preflight.aborted()?;
    (cause == AbortCause::Environment).then(|| format!("the preflight gave up: {reason}"))
}
