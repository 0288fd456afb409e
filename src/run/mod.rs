//! The pipeline: refuse what cannot work, run the scenarios, judge the record, clean up. What is reported of it, and
//! where, is the caller's [`Reporter`].

mod clean;
mod in_touch;
mod preconditions;
mod progress;
mod scenarios;
mod stop;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use futures::FutureExt;
use jiff::Timestamp;

use self::{
    in_touch::in_touch,
    progress::Progress,
    scenarios::Scenarios,
    stop::{Brake, obey_signals},
};
use crate::{
    checks::Kind,
    cluster::{Connection, Namespace},
    driver::Shared,
    history::{
        History, Step,
        file::{ClusterFacts, FORMAT, Header},
    },
    judge::{self, Judged, Verdict},
    limits,
    options::{self, Keep, Options},
    plan::Plan,
    recorder::{Clock, Disk, Recorder},
    spec::Catalogue,
};

pub use clean::cleanup;
pub use stop::Stopping;

/// Where a run's results go while it lasts.
pub trait Reporter: Sync {
    /// The folder of the run, which exists.
    fn folder(&self) -> &Path;

    /// The verdicts so far; what is not judged yet is *not run*.
    fn update(&self, header: &Header, judged: &[Judged], histories: &[History]);
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
    /// Why the cluster could not be tested at all; nothing was created in it.
    pub refused: Option<String>,
    /// What stopped the run before its end.
    pub stopped: Option<Stopping>,
    /// What is left in the cluster though it should not be, one object a line.
    pub left_behind: Vec<String>,
    /// The namespaces that were kept because the user wanted it.
    pub kept: Vec<String>,
    /// What could not be written.
    pub report_error: Option<String>,
    /// A panic outside of the checks.
    pub internal_error: Option<String>,
}

/// A new run's id: when it began, and a few random letters.
pub fn new_run_id(began: Timestamp, seed: u64) -> String {
    let letters: String =
        (0..4).map(|n| char::from(b"bcdfghjkmnpqrstv"[(seed >> (4 * n)) as usize & 15])).collect();
    format!("{}-{letters}", began.strftime("%Y%m%d-%H%M%S"))
}

/// Runs a plan on a cluster: refuse, run, judge, clean up.
///
/// An error is one of writing the history; everything else that goes wrong is part of what the run came to.
pub async fn run(
    catalogue: &Catalogue,
    plan: &Plan,
    options: &Options,
    run_id: &str,
    seed: u64,
    connection: Result<Connection>,
    reporter: &dyn Reporter,
) -> Result<Finished> {
    let pipeline = Pipeline { catalogue, plan, options, run_id, seed, reporter, clock: Clock::start() };
    let mut header = pipeline.header(ClusterFacts::default());
    reporter.update(&header, &pipeline.planned("the run has not come to it"), &[]);
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
        let bound = Duration::try_from_secs_f64(self.options.deadline_secs).unwrap_or(Duration::MAX);
        let work = preconditions::facts(&connection, self.options);
        let says = |what: &str| self.say(what);
        let mut facts =
            in_touch(&connection, bound, ", the deadline of the run (--deadline-secs)", says, work).await?;
        facts.replaced_images = self.replaced_images();
        if facts.embedded && !self.options.target.embedded {
            self.say(&format!(
                "MODEL: {} is a model of a cluster, and no real one; what comes out says nothing about any",
                facts.server_version
            ));
        }
        Ok((connection, facts))
    }

    /// What is left of the deadline: it covers the first contact too.
    fn remaining_secs(&self) -> f64 {
        (self.options.deadline_secs - self.clock.now_us() as f64 / 1e6).max(0.0)
    }

    /// Says something before there is any progress to tell.
    fn say(&self, what: &str) {
        if self.options.voice.progress != options::Progress::None {
            eprintln!("{what}");
        }
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
            histories.push(recorder.finish());
        }
        disk.sync()?;
        let judged = judge::judge_all(self.catalogue, &self.plan.requirements, &header.cluster, &histories);
        let refused = Some(reason.to_owned());
        Ok(Finished { refused, ..Finished::of(header, histories, judged) })
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
            tokio::spawn(obey_signals(brake.clone())),
            tokio::spawn(guard(brake.clone(), disk.clone(), self.remaining_secs())),
            tokio::spawn(progress.clone().beat()),
        ];
        let (histories, mut internal_error) = self.scenarios(&header, &shared, &disk, &progress).await;
        let sync_error = disk.sync().err().map(|error| format!("{error:#}"));
        let judged = judge::judge_all(self.catalogue, &header.selected, &header.cluster, &histories);
        let report = async { self.reporter.update(&header, &judged, &histories) };
        internal_error = internal_error.or(surviving(report).await);
        let (left_behind, kept) = self.clean_up(&shared, &judged, brake.pulled_by(), &progress).await;
        beside.iter().for_each(tokio::task::JoinHandle::abort);
        progress.finish();
        Ok(Finished {
            stopped: brake.pulled_by(),
            left_behind,
            kept,
            report_error: disk.failure().or(sync_error),
            internal_error,
            ..Finished::of(header, histories, judged)
        })
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
            self.reporter.update(header, &judged, histories);
            judged
        };
        let mut scenarios = Scenarios {
            shared: shared.clone(),
            plan: self.plan,
            clock: self.clock,
            disk: disk.clone(),
            progress: progress.clone(),
            judge: &judge,
            histories: Vec::new(),
            internal_error: None,
        };
        let panic = surviving(scenarios.run()).await;
        (scenarios.histories, scenarios.internal_error.or(panic))
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
        let left = match shared.connection.server(&format!("run/{} cleanup", self.run_id)) {
            Ok(server) => clean::remove(&server, &gone, shared.bound(limit)).await,
            Err(error) => vec![format!("everything: {error:#}")],
        };
        (left, kept.into_iter().map(|namespace| namespace.name).collect())
    }
}

impl Finished {
    fn of(header: Header, histories: Vec<History>, judged: Vec<Judged>) -> Self {
        Self {
            header,
            histories,
            judged,
            refused: None,
            stopped: None,
            left_behind: Vec::new(),
            kept: Vec::new(),
            report_error: None,
            internal_error: None,
        }
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
        if disk.failure().is_some() {
            brake.pull(Stopping::Disk);
        } else if tokio::time::Instant::now() >= deadline {
            brake.pull(Stopping::Deadline);
        }
    }
}
