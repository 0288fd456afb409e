//! Runs that are stopped at moments that a seed decides, in every way that a process can be stopped: what they end with, what
//! colour their reports have, what is left in the cluster, and what `cleanup` makes of that.
//!
//! On every build a few, on a model cluster that another process serves. `INTERRUPTIONS=200 cargo test --test interrupt`
//! tries two hundred, `INTERRUPT_SEED=7` at other moments, `INTERRUPT_KUBECONFIG=path` on a real cluster. Each begins in a
//! folder with the green reports of an older run.

mod attempt;
mod served;
mod table;

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use attempt::{Attempt, Outcome, Way};
use libtest_mimic::{Arguments, Failed, Trial};
use rand::{Rng, SeedableRng, rngs::StdRng};
use served::{Cluster, whole_run};

/// How many runs are stopped on every build.
const ON_EVERY_BUILD: u64 = 20;

/// How many runs are at work at the same time.
const SIDE_BY_SIDE: usize = 4;

fn main() -> std::process::ExitCode {
    let trial = Trial::test("runs_that_are_stopped_at_any_moment", test);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn test() -> Result<(), Failed> {
    let (count, seed) = (number("INTERRUPTIONS", ON_EVERY_BUILD), number("INTERRUPT_SEED", 1));
    let cluster = Cluster::find();
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template");
    let took = whole_run(&cluster, &template);
    println!("\na run that nobody stops takes {:.1} s; {count} are stopped, seed {seed}", took.as_secs_f64());
    let attempts = attempts(count, seed, took);
    let outcomes = side_by_side(&attempts, |attempt| {
        attempt.run(&cluster, &template, folder.path().join(attempt.number.to_string()))
    });
    let left = cluster.left(None);
    println!("{}", table::of(&outcomes));
    let mut problems: Vec<String> = outcomes.iter().flat_map(Outcome::problems).collect();
    problems.extend(left.iter().map(|left| format!("left in the cluster at the end: {left}")));
    match problems.as_slice() {
        [] => Ok(()),
        problems => Err(problems.join("\n").into()),
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// Every way in turn; of the moments, a quarter lies in the first moments of a run and the rest anywhere in it.
fn attempts(count: u64, seed: u64, took: Duration) -> Vec<Attempt> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut attempt = |number: u64| {
        let most = if number.is_multiple_of(4) { 0.5 } else { took.as_secs_f64() * 1.1 };
        let after = Duration::from_secs_f64(random.random_range(0.0..most));
        let again = Duration::from_secs_f64(random.random_range(0.0..0.5));
        Attempt { number, way: Way::ALL[number as usize % Way::ALL.len()], after, again }
    };
    (0..count).map(&mut attempt).collect()
}

fn side_by_side<T: Send>(attempts: &[Attempt], work: impl Fn(&Attempt) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let outcome = work(attempt);
                    done.lock().expect("no holder panics").push(outcome);
                }
            });
        }
    });
    done.into_inner().expect("no holder panics")
}

/// Where the program is.
fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_steadfast").into()
}
