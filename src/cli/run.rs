//! `steadfast run`: the main job. This file brings flags, pipeline and reports together; the pipeline is `src/run`.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use jiff::Timestamp;

use super::{
    Recorded,
    args::RunArgs,
    destination::Destination,
    exit, meaning,
    summary::{self, Style},
};
use crate::{
    cluster::Connection,
    embedded,
    history::{History, file::Header},
    judge::Judged,
    options::{Detail, Options, Progress},
    plan::{Plan, Selection},
    report::{Circumstances, Outcome, Report},
    run::{self, Finished, Reporter, panics, say},
    spec::Catalogue,
};

/// Runs what is selected on the cluster, and ends with the exit code of its outcome.
pub(super) fn handle(args: &RunArgs) -> Result<u8> {
    let catalogue = meaning::catalogue_of_run(args)?;
    let plan = meaning::runnable(&catalogue, &args.selection)?;
    let options = meaning::options(args);
    let (mut finished, live) = on_cluster(&catalogue, &plan, &options)?;
    let outcome = live.publish(&mut finished, &options);
    match finished.ending.unusable() {
        Some(reason) => Err(exit::usage(anyhow::anyhow!("{reason}"))),
        None => Ok(outcome.code()),
    }
}

/// Runs what these requirements need, writes the reports, and gives their folder and what the run came to.
pub(super) fn of_these(args: &RunArgs, ids: &[String]) -> Result<Recorded> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let plan = Plan::of(&catalogue, &Selection::of_ids(ids.iter().cloned()));
    let mut options = meaning::options(args);
    let (mut finished, live) = on_cluster(&catalogue, &plan, &options)?;
    // The test that called for the run tells what came of it.
    options.voice.detail = Detail::Silent;
    live.publish(&mut finished, &options);
    let Finished { header, histories, judged, .. } = finished;
    Ok(Recorded { folder: live.destination.path().to_owned(), header, histories, judged })
}

fn on_cluster<'c>(catalogue: &'c Catalogue, plan: &Plan, options: &Options) -> Result<(Finished, Live<'c>)> {
    run::listen();
    let seed = options.seed.unwrap_or_else(rand::random);
    let run_id = run::new_run_id(Timestamp::now(), rand::random());
    let folder = options.out.clone().unwrap_or_else(|| Path::new("reports").join(&run_id));
    let destination =
        Destination::create(&folder, options.junit_style.clone(), options.junit.as_deref(), None)?;
    let destination = destination.without_old_record()?;
    if options.voice.progress != Progress::None {
        say(&format!("run {run_id}, seed {seed}, reports in {}", folder.display()));
    }
    let live = Live { catalogue, destination };
    let panics = panics::count();
    let on = async |connection: BoxFuture<'_, Result<Connection>>| {
        run::run(catalogue, plan, options, &run_id, seed, connection, &live).await
    };
    // The one error that the pipeline ends with is that its record cannot be written.
    let unwritable = |error| exit::ending(Outcome::ReportIo, error);
    let finished = match options.target.embedded {
        true => on_the_model(seed, async |connection| on(ready(Ok(connection)).boxed()).await),
        false => {
            let runtime = tokio::runtime::Runtime::new()?;
            let finished = runtime.block_on(on(Connection::find(&options.target).boxed()));
            // What cannot be ended, such as the look-up of a name, is not waited for.
            runtime.shutdown_background();
            finished
        }
    };
    run::is_over();
    let mut finished = finished.map_err(unwritable)?;
    if finished.judged.iter().all(|judged| judged.panicked.is_none()) {
        panics::since(panics).into_iter().for_each(|panic| finished.panicked(panic));
    }
    Ok((finished, live))
}

/// Runs on the model cluster, and says before and after that it is one.
fn on_the_model(seed: u64, on: impl AsyncFnOnce(Connection) -> Result<Finished>) -> Result<Finished> {
    say(EMBEDDED_BANNER);
    let began = Instant::now();
    let model = embedded::Model { seed, ..embedded::Model::default() };
    let finished = embedded::with(model, async |connection, _| on(connection).await)??;
    say(&format!("EMBEDDED: all that took {:.1} s of this machine's time", began.elapsed().as_secs_f64()));
    Ok(finished)
}

const EMBEDDED_BANNER: &str = "\
EMBEDDED: this is the model cluster in this binary, and no real one. Its time is simulated, so all times are the
          cluster's. What comes out says nothing about any real cluster.";

/// Keeps the reports red while the run lasts, so that no way of dying leaves a green one.
struct Live<'c> {
    catalogue: &'c Catalogue,
    destination: Destination,
}

impl Reporter for Live<'_> {
    fn folder(&self) -> &Path {
        self.destination.path()
    }

    fn update(&self, header: &Header, judged: &[Judged], histories: &[History]) -> Result<()> {
        let circumstances =
            Circumstances { unfinished: Some(unfinished(&header.run_id)), ..Circumstances::default() };
        let report = Report::new(header, self.catalogue, judged.to_vec(), histories, circumstances);
        match histories {
            [] => self.destination.begin(&report),
            _ => self.destination.junit(&report),
        }
    }
}

fn unfinished(run_id: &str) -> String {
    format!(
        "nothing here is a result yet. If the run was killed, `steadfast replay` judges what it has recorded, and \
         `steadfast cleanup --run-id {run_id}` deletes what it has left"
    )
}

impl Live<'_> {
    /// Writes the reports of a run that has ended, and tells the terminal. What cannot be written is a part of how the run
    /// ended, and so of its record.
    fn publish(&self, finished: &mut Finished, options: &Options) -> Outcome {
        let circumstances = Circumstances::of_run(&finished.ending, &finished.histories);
        let judged = finished.judged.clone();
        let mut report =
            Report::new(&finished.header, self.catalogue, judged, &finished.histories, circumstances);
        let kept = told_of(&finished.kept, &finished.header.run_id);
        let style = Style {
            color: options.voice.color,
            detail: options.voice.detail,
            namespaces_kept: !finished.kept.is_empty(),
            written: Vec::new(),
        };
        let is_told_as_error = finished.ending.unusable().is_some();
        let tell = |report: &Report<'_>, written: &[PathBuf]| {
            if is_told_as_error {
                return String::new();
            }
            kept.clone() + &summary::text(report, Style { written: written.to_vec(), ..style.clone() })
        };
        let failed = self.destination.publish(&mut report, &tell);
        let outcome = report.outcome;
        if let Some(error) = failed {
            finished.report_failed(error);
        }
        outcome
    }
}

/// What stays in the cluster because it was asked for, how to look at it, and how it goes.
fn told_of(kept: &[String], run_id: &str) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let look = |namespace: &String| format!("  kubectl -n {namespace} get all,pvc\n");
    format!(
        "kept in the cluster, to look at:\n{}`steadfast cleanup --run-id {run_id}` deletes what was kept\n\n",
        kept.iter().map(look).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_looked_at_and_removed() {
        let said = told_of(&["steadfast-scale-cycle-abcde".to_owned()], "k3v9x2");
        assert!(said.contains("kubectl -n steadfast-scale-cycle-abcde get"), "{said}");
        assert!(said.contains("steadfast cleanup --run-id k3v9x2"), "{said}");
        assert_eq!(told_of(&[], "k3v9x2"), "");
    }
}
