//! The pipeline: refuse what cannot work, run the scenarios, judge the record, clean up. What is reported of it, and
//! where, is the caller's [`Reporter`].

mod clean;
pub mod panics;
mod preconditions;
mod progress;
mod scenarios;
mod stderr;
mod stop;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use futures::FutureExt;
use jiff::Timestamp;

use self::{progress::Progress, scenarios::Scenarios, stop::Brake};
use crate::{
    checks::Kind,
    cluster::{Connection, Namespace, Server},
    driver::Shared,
    history::{
        Ending, History, How, Step, Stopping,
        file::{ClusterFacts, FORMAT, Header},
    },
    judge::{self, Judged, Verdict},
    limits,
    options::{Keep, Options},
    plan::Plan,
    recorder::{Clock, Disk, Recorder},
    spec::Catalogue,
};

pub use clean::cleanup;
pub use stderr::say;
pub use stop::{is_over, listen};

/// Where a run's results go while it lasts.
pub trait Reporter: Sync {
    /// The folder of the run, which exists.
    fn folder(&self) -> &Path;

    /// The verdicts so far; what is not judged yet is *not run*. An error before anything was begun ends the run.
    fn update(&self, header: &Header, judged: &[Judged], histories: &[History]) -> Result<()>;
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The header of the history.
    pub header: Header,
    /// The record.
    pub histories: Vec<History>,
    /// The verdicts on what was selected, in the order of the catalogue.
    pub judged: Vec<Judged>,
    /// How the run ended, as its seal says.
    pub ending: Ending,
    /// The namespaces that were kept because the user wanted it.
    pub kept: Vec<String>,
    /// The record on disk.
    disk: Disk,
}

impl Finished {
    /// Says, in the seal too, that a report could not be written after the run had ended.
    pub fn report_failed(&mut self, error: String) {
        self.ending.report_error.get_or_insert(error);
        self.seal_again();
    }

    /// Says, in the seal too, that there was a panic where nobody waited for it.
    pub fn panicked(&mut self, panic: String) {
        self.ending.internal_error.get_or_insert(panic);
        self.seal_again();
    }

    fn seal_again(&self) {
        // Where the record's own disk is the one that is full, the record has lost its seal, and no replay of it passes.
        let _ = self.disk.seal(&self.ending);
    }
}

/// A new run's id: when it began, and a few random letters.
pub fn new_run_id(began: Timestamp, seed: u64) -> String {
    let letters: String =
        (0..4).map(|n| char::from(b"bcdfghjkmnpqrstv"[(seed >> (4 * n)) as usize & 15])).collect();
    format!("{}-{letters}", began.strftime("%Y%m%d-%H%M%S"))
}

/// Runs a plan on a cluster: refuse, run, judge, clean up.
///
/// An error is one of writing the history, or the first report; everything else that goes wrong is part of what the run
/// came to.
pub async fn run(
    catalogue: &Catalogue,
    plan: &Plan,
    options: &Options,
    run_id: &str,
    seed: u64,
    connection: Result<Connection>,
    reporter: &dyn Reporter,
) -> Result<Finished> {
    let (clock, unwritten) = (Clock::start(), Mutex::default());
    let pipeline = Pipeline { catalogue, plan, options, run_id, seed, reporter, clock, unwritten };
    let mut header = pipeline.header(ClusterFacts::default());
    reporter.update(&header, &pipeline.planned("the run has not come to it"), &[])?;
    let ready = match connection {
        Ok(connection) => pipeline.get_ready(connection).await,
        Err(error) => Err(error),
    };
    match ready {
        Ok((connection, facts)) => {
            header.cluster = facts;
            pipeline.go(header, connection).await
        }
        Err(error) => pipeline.refuse(header, &format!("{error:#}")),
    }
}

struct Pipeline<'r> {
    catalogue: &'r Catalogue,
    plan: &'r Plan,
    options: &'r Options,
    run_id: &'r str,
    seed: u64,
    reporter: &'r dyn Reporter,
    clock: Clock,
    /// The first report that could not be written.
    unwritten: Mutex<Option<String>>,
}

impl Pipeline<'_> {
    fn header(&self, cluster: ClusterFacts) -> Header {
        Header {
            format: FORMAT,
            run_id: self.run_id.to_owned(),
            started_at: Timestamp::now().to_string(),
            recorded_by: env!("CARGO_PKG_VERSION").to_owned(),
            cluster,
            seed: self.seed,
            selected: self.plan.requirements.clone(),
        }
    }

    fn planned(&self, reason: &str) -> Vec<Judged> {
        let selected = self.plan.requirements.iter().filter_map(|id| self.catalogue.requirement(id));
        selected.map(|requirement| Judged::planned(requirement, reason, true)).collect()
    }

    /// Touches the cluster, and creates nothing in it.
    async fn get_ready(&self, connection: Connection) -> Result<(Connection, ClusterFacts)> {
        let mut facts = preconditions::facts(&connection, self.options).await?;
        facts.replaced_images = self.replaced_images();
        Ok((connection, facts))
    }

    fn replaced_images(&self) -> BTreeMap<String, String> {
        let mut replaced = BTreeMap::new();
        for (manifest, objects) in &self.catalogue.manifests {
            for image in objects.iter().flat_map(crate::spec::images) {
                let used = self.options.images.instead_of(manifest, image);
                if used != image {
                    replaced.insert(image.to_owned(), used.to_owned());
                }
            }
        }
        replaced
    }

    /// A cluster that cannot be tested: the record says why, and everything is *not run*.
    fn refuse(&self, header: Header, reason: &str) -> Result<Finished> {
        let disk = Disk::create(self.reporter.folder(), &header)?;
        let mut histories = Vec::new();
        for planned in &self.plan.scenarios {
            let recorder = Recorder::new(&planned.id, self.clock, disk.clone());
            recorder.step(Step::NotStarted { reason: reason.to_owned(), interrupted: false });
            histories.push(recorder.history());
        }
        let judged = judge::judge_all(self.catalogue, &self.plan.requirements, &header.cluster, &histories);
        let ending = Ending { how: How::Refused { reason: reason.to_owned() }, ..Ending::default() };
        disk.seal(&ending)?;
        Ok(Finished { header, histories, judged, ending, kept: Vec::new(), disk })
    }

    /// Runs, judges and cleans up.
    async fn go(&self, header: Header, connection: Connection) -> Result<Finished> {
        let disk = Disk::create(self.reporter.folder(), &header)?;
        let brake = Brake::new();
        let progress = Progress::new(self.clock, &self.options.voice);
        let shared = Arc::new(Shared::new(
            connection,
            self.catalogue.clone(),
            self.options.clone(),
            &header,
            brake.watch(),
        ));
        let beside = [
            tokio::spawn(brake.clone().obey()),
            tokio::spawn(guard(brake.clone(), disk.clone(), self.options.deadline_secs)),
            tokio::spawn(progress.clone().beat()),
        ];
        let (histories, mut internal_error) = self.scenarios(&header, &shared, &disk, &progress).await;
        let judged = judge::judge_all(self.catalogue, &header.selected, &header.cluster, &histories);
        let report = async { self.update(&header, &judged, &histories) };
        internal_error = internal_error.or(surviving(report).await);
        let (left_behind, kept) = self.clean_up(&shared, &judged, brake.pulled_by(), &progress).await;
        beside.iter().for_each(tokio::task::JoinHandle::abort);
        progress.finish();
        let how = brake.pulled_by().map_or(How::Completed, |by| How::Stopped { by });
        let mut ending = Ending {
            how,
            left_behind,
            report_error: disk.failure().or_else(|| self.unwritten()),
            internal_error,
        };
        if let Err(error) = disk.seal(&ending) {
            ending.report_error.get_or_insert(format!("{error:#}"));
        }
        Ok(Finished { header, histories, judged, ending, kept, disk })
    }

    async fn scenarios(
        &self,
        header: &Header,
        shared: &Arc<Shared>,
        disk: &Disk,
        progress: &Progress,
    ) -> (Vec<History>, Option<String>) {
        let judge = |histories: &[History]| {
            let judged = judge::judge_all(self.catalogue, &header.selected, &header.cluster, histories);
            self.update(header, &judged, histories);
            judged
        };
        let mut scenarios = Scenarios {
            shared: shared.clone(),
            plan: self.plan,
            clock: self.clock,
            disk: disk.clone(),
            progress: progress.clone(),
            judge: &judge,
            histories: BTreeMap::new(),
            internal_error: None,
        };
        let panic = surviving(scenarios.run()).await;
        (scenarios.histories.into_values().collect(), scenarios.internal_error.or(panic))
    }

    /// Reports what is known so far. What cannot be written now can hardly be written later, but a broken promise is told
    /// even then: the run goes on.
    fn update(&self, header: &Header, judged: &[Judged], histories: &[History]) {
        if let Err(error) = self.reporter.update(header, judged, histories) {
            let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            unwritten.get_or_insert(format!("{error:#}"));
        }
    }

    fn unwritten(&self) -> Option<String> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Deletes every namespace of the run that the user does not want kept, and waits for them to go.
    async fn clean_up(
        &self,
        shared: &Shared,
        judged: &[Judged],
        stopped: Option<Stopping>,
        progress: &Progress,
    ) -> (Vec<String>, Vec<String>) {
        let all = shared.namespaces.lock().expect("no holder panics").clone();
        let (kept, gone): (Vec<Namespace>, Vec<Namespace>) =
            all.into_iter().partition(|namespace| is_kept(self.options.keep, namespace, judged));
        let limit = if stopped.is_some() { limits::CLEANUP_INTERRUPTED } else { limits::CLEANUP };
        progress.say(&format!("cleaning up {} namespaces", gone.len()));
        let left = match shared.connection.client(&format!("run/{} cleanup", self.run_id)) {
            Ok(client) => clean::remove(&Server::new(client), &gone, shared.bound(limit)).await,
            Err(error) => vec![format!("everything: {error:#}")],
        };
        (left, kept.into_iter().map(|namespace| namespace.name).collect())
    }
}

/// Does some work that may panic, and gives back what the panic said: what comes after it is the clean-up.
async fn surviving(work: impl Future<Output = ()>) -> Option<String> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.err().map(|panic| judge::panic_message(panic.as_ref()))
}

fn is_kept(keep: Keep, namespace: &Namespace, judged: &[Judged]) -> bool {
    let troubled = |judged: &Judged| {
        matches!(judged.verdict, Verdict::Fail | Verdict::Inconclusive { .. })
            && judged.findings.iter().any(|f| f.kind != Kind::Held && f.scenario == namespace.scenario)
    };
    match keep {
        Keep::Never => false,
        Keep::Always => true,
        Keep::OnFailure => judged.iter().any(troubled),
    }
}

/// Ends the run when its time is over, or when its record cannot be written.
async fn guard(brake: Brake, disk: Disk, deadline_secs: f64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs_f64(deadline_secs);
    while brake.pulled_by().is_none() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if disk.look().is_some() {
            brake.pull(Stopping::Disk);
        } else if tokio::time::Instant::now() >= deadline {
            brake.pull(Stopping::Deadline);
        }
    }
}
