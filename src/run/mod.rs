//! The pipeline: refuse what cannot work, run the scenarios, judge the record, clean up. What is reported of it, and
//! where, is the caller's [`Reporter`].

mod clean;
mod cleanup;
mod finished;
mod in_touch;
mod lease;
pub mod panics;
mod preconditions;
mod progress;
mod scenarios;
mod stderr;
mod stop;
mod times;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use futures::FutureExt;
use jiff::Timestamp;

use self::{
    clean::Known, in_touch::in_touch, progress::Progress, scenarios::Scenarios, stop::Brake, times::Times,
};
use crate::{
    cluster::{Claim, Connection, Unusable},
    driver::Shared,
    history::{
        Ending, History, How, Step, Stopping,
        file::{ClusterFacts, FORMAT, Header},
    },
    judge::{self, Judged},
    limits,
    options::{self, Options},
    plan::Plan,
    recorder::{Clock, Disk, Recorder},
    spec::Catalogue,
};

pub use cleanup::{CleanedUp, clean_up, cleanup};
pub use finished::{Finished, Reporter};
pub use stderr::say;
pub use stop::{is_over, listen};

/// A new run's id: when it began, and a few random letters, which are no other run's that began in the same second.
pub fn new_run_id(began: Timestamp, random: u64) -> String {
    let letters: String =
        (0..4).map(|n| char::from(b"bcdfghjkmnpqrstv"[(random >> (4 * n)) as usize & 15])).collect();
    format!("{}-{letters}", began.strftime("%Y%m%d-%H%M%S"))
}

/// Runs a plan on a cluster: refuse, run, judge, clean up. The deadline counts from here, `connection` included.
///
/// An error is one of writing the history, or the first report; everything else that goes wrong is part of what the run
/// came to.
pub async fn run(
    catalogue: &Catalogue,
    plan: &Plan,
    options: &Options,
    run_id: &str,
    seed: u64,
    connection: impl Future<Output = Result<Connection>>,
    reporter: &dyn Reporter,
) -> Result<Finished> {
    let (clock, unwritten, brake) = (Clock::start(), Mutex::default(), Brake::new());
    let deadline = Duration::try_from_secs_f64(options.deadline_secs).unwrap_or(limits::RUN.duration());
    let interrupted = limits::CLEANUP_INTERRUPTED.duration().mul_f64(options.timeout_scale);
    let times = Times::start(deadline, interrupted);
    let _beside = Beside(vec![tokio::spawn(brake.clone().obey()), tokio::spawn(times.guard(brake.clone()))]);
    let pipeline =
        Pipeline { catalogue, plan, options, run_id, seed, reporter, clock, unwritten, brake, times };
    let mut header = pipeline.header(ClusterFacts::default());
    reporter.update(&header, &pipeline.planned("the run has not come to it"), &[])?;
    let ready = tokio::select! {
        ready = async { pipeline.get_ready(connection.await?).await } => ready,
        () = pipeline.brake.pulled() => return pipeline.stopped_before(header),
    };
    match ready {
        Ok((connection, facts)) => {
            header.cluster = facts;
            pipeline.go(header, connection).await
        }
        Err(error) => match error.downcast_ref::<Unusable>() {
            Some(unusable) => {
                let reason = unusable.to_string();
                pipeline.not_begun(header, &reason, How::Unusable { reason: reason.clone() })
            }
            None => pipeline.refuse(header, &format!("{error:#}")),
        },
    }
}

/// Tasks that end with this value.
struct Beside(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
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
    brake: Brake,
    times: Times,
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
        let bound = self.times.contact();
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

    /// Says something before there is any progress to tell.
    fn say(&self, what: &str) {
        if self.options.voice.progress != options::Progress::None {
            say(what);
        }
    }

    fn replaced_images(&self) -> BTreeMap<String, String> {
        let mut replaced = BTreeMap::new();
        for (manifest, objects) in &self.catalogue.manifests {
            for image in objects.iter().flat_map(crate::spec::images) {
                let used = self.options.images.instead_of(manifest, image);
                if used != image {
                    replaced.insert(image.to_owned(), used);
                }
            }
        }
        replaced
    }

    /// A cluster that cannot be tested: the record says why, and everything is *not run*.
    fn refuse(&self, header: Header, reason: &str) -> Result<Finished> {
        self.not_begun(header, reason, How::Refused { reason: reason.to_owned() })
    }

    /// A run that was stopped before anything was created. A server that has not answered until the deadline was near is
    /// one that cannot be tested.
    fn stopped_before(&self, header: Header) -> Result<Finished> {
        match self.brake.pulled_by() {
            Some(by) if by != Stopping::Deadline => self.not_begun(header, by.reason(), How::Stopped { by }),
            _ => {
                let secs = self.options.deadline_secs;
                let reason = format!(
                    "the API server did not answer in the time that the deadline leaves (--deadline-secs {secs}, part of \
                     it for the clean-up); try `kubectl version`"
                );
                self.refuse(header, &reason)
            }
        }
    }

    fn not_begun(&self, header: Header, reason: &str, how: How) -> Result<Finished> {
        let disk = Disk::create(self.reporter.folder(), &header)?;
        let interrupted = matches!(how, How::Stopped { .. });
        let mut histories = Vec::new();
        for planned in &self.plan.scenarios {
            let recorder = Recorder::new(&planned.id, self.clock, disk.clone());
            recorder.step(Step::NotStarted { reason: reason.to_owned(), interrupted });
            histories.push(recorder.finish());
        }
        let judged = judge::judge_all(self.catalogue, &self.plan.requirements, &header.cluster, &histories);
        let ending = Ending { how, ..Ending::default() };
        disk.seal(&ending)?;
        Ok(Finished { header, histories, judged, ending, kept: Vec::new(), disk })
    }

    /// Runs, judges and cleans up.
    async fn go(&self, header: Header, connection: Connection) -> Result<Finished> {
        let disk = Disk::create(self.reporter.folder(), &header)?;
        let progress = Progress::new(self.clock, &self.options.voice);
        let shared = Arc::new(Shared::new(
            connection,
            self.catalogue.clone(),
            self.options.clone(),
            &header,
            self.brake.watch(),
        ));
        let mut beside = Beside(vec![
            tokio::spawn(guard(self.brake.clone(), disk.clone())),
            tokio::spawn(progress.clone().beat()),
        ]);
        if let Ok(server) = shared.connection.server(&format!("run/{} lease", self.run_id)) {
            let holder = holder(&self.options.junit_style.hostname);
            let keeping = lease::keep(server, shared.clone(), holder, progress.clone());
            beside.0.push(tokio::spawn(keeping));
        }
        let (histories, mut internal_error) = self.scenarios(&header, &shared, &disk, &progress).await;
        let judged = judge::judge_all(self.catalogue, &header.selected, &header.cluster, &histories);
        let report = async { self.update(&header, &judged, &histories) };
        internal_error = internal_error.or(surviving(report).await);
        let (left_behind, kept) = self.clean_up(&shared, &judged, &progress).await;
        drop(beside);
        progress.finish();
        let how = self.brake.pulled_by().map_or(How::Completed, |by| How::Stopped { by });
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
            histories: Vec::new(),
            internal_error: None,
        };
        let panic = surviving(scenarios.run()).await;
        (scenarios.histories, scenarios.internal_error.or(panic))
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

    /// Deletes every namespace of the run that the user does not want kept, and waits for them to go. What is left is given
    /// back, and what was kept.
    async fn clean_up(
        &self,
        shared: &Shared,
        judged: &[Judged],
        progress: &Progress,
    ) -> (Vec<String>, Vec<String>) {
        let run = &shared.namespaces;
        let (kept, gone): (Vec<Claim>, Vec<Claim>) =
            run.all().into_iter().partition(|claim| clean::is_kept(self.options.keep, claim, judged));
        progress.say(&format!("cleaning up {} namespaces", gone.len()));
        let left = match shared.connection.server(&format!("run/{} cleanup", self.run_id)) {
            Ok(server) => {
                let normal = shared.bound(limits::CLEANUP);
                let interrupted = shared.bound(limits::CLEANUP_INTERRUPTED);
                let over = self.times.cleaned_up(&self.brake, normal, interrupted);
                let known = gone.iter().map(|claim| clean::not_known_to_be_gone(&claim.name)).collect();
                let left = clean::until(over, Known::new(known), async |known: &Known| {
                    lease::release(&server, &kept).await;
                    clean::remove_all_of(&server, run, &kept, normal, known).await;
                });
                left.await
            }
            Err(error) => gone.iter().map(|claim| format!("namespace/{}: {error:#}", claim.name)).collect(),
        };
        (left, kept.into_iter().map(|claim| claim.name).collect())
    }
}

/// Who holds the run's lease, for whoever would delete what is the run's: the host, and the process on it.
fn holder(hostname: &str) -> String {
    format!("{hostname}, process {}", std::process::id())
}

/// Does some work that may panic, and gives back what the panic said: what comes after it is the clean-up.
async fn surviving(work: impl Future<Output = ()>) -> Option<String> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.err().map(|panic| judge::panic_message(panic.as_ref()))
}

/// Ends the run when its record cannot be written, or is not its own any more.
async fn guard(brake: Brake, disk: Disk) {
    while disk.look().is_none() {
        tokio::time::sleep(limits::RECORD_LOOK.duration()).await;
    }
    brake.pull(Stopping::Disk);
}
