//! The command line: low-level arguments first ([`args`], [`values`]), their meaning second ([`meaning`]), then one
//! handler a file, each named like its subcommand.

mod also;
mod args;
mod cleanup;
mod destination;
mod disown;
mod embedded;
mod exit;
mod explain;
mod list;
mod meaning;
mod objects;
mod plan;
mod replay;
mod run;
mod selftest;
mod shared_record;
mod steps;
mod summary;
mod text;
mod values;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use args::{Cli, Command};
use clap::Parser;
use disown::Targets;
use exit::Failed;

use crate::{
    history::{History, file::Header},
    judge::Judged,
    report::Outcome,
    run::panics,
};

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    panics::count_all();
    let targets = Targets::of(std::env::args_os());
    let ended = match Cli::try_parse() {
        Ok(cli) => exit::guarded(|| dispatch(cli)),
        Err(error) => refused(&error),
    };
    ExitCode::from(ended.unwrap_or_else(|Failed { outcome, why }| {
        targets.disown(outcome, &why);
        outcome.code()
    }))
}

/// Judges these requirements on the cluster that `run` would find, as the `STEADFAST_*` variables say, and leaves the
/// same reports. For tests that look at a cluster as `run` does.
///
/// The processes of one nextest run (`$NEXTEST_RUN_ID`) do nothing twice: each judges what an earlier one has recorded, in
/// a folder that they share, and runs only what none has.
pub fn run_on_cluster(ids: &[String]) -> Result<Recorded> {
    let cli = Cli::try_parse_from(["steadfast"]).map_err(exit::usage)?;
    match std::env::var("NEXTEST_RUN_ID") {
        Ok(nextest) => shared_record::of_these(cli.run, ids, &format!("nextest-{nextest}")),
        Err(_) => run::of_these(&cli.run, ids),
    }
}

/// A record, and the verdicts on what was asked for.
pub struct Recorded {
    /// The folder of the run.
    pub folder: PathBuf,
    /// The header of the record.
    pub header: Header,
    /// The record.
    pub histories: Vec<History>,
    /// The verdicts.
    pub judged: Vec<Judged>,
}

fn dispatch(cli: Cli) -> Result<u8> {
    match cli.command.unwrap_or(Command::Run(Box::new(cli.run))) {
        Command::Run(args) => run::handle(&args),
        Command::List(args) => list::handle(&args),
        Command::Explain(args) => explain::handle(&args),
        Command::Plan(args) => plan::handle(&args),
        Command::Images(args) => plan::images(&args),
        Command::Replay(args) => replay::handle(&args),
        Command::Cleanup(args) => cleanup::handle(&args),
        Command::Selftest(args) => selftest::handle(&args),
        Command::Embedded(command) => embedded::handle(&command),
    }
}

/// `--help` and `--version` are successes; everything else is 64, where clap itself would end with 2.
fn refused(error: &clap::Error) -> Result<u8, Failed> {
    let printed = error.print();
    let why = || error.to_string();
    match printed {
        _ if error.use_stderr() => Err(Failed { outcome: Outcome::Usage, why: why() }),
        Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe => Ok(Outcome::ReportIo.code()),
        _ => Ok(exit::OK),
    }
}
