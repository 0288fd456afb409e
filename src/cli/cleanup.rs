//! `steadfast cleanup`: deletes what dead runs have left, and nothing else.

use anyhow::Result;

use super::{args::CleanupArgs, exit, meaning, text::count};
use crate::{
    cluster::Unusable,
    options::Cleanup,
    report::Outcome,
    run::{self, CleanedUp},
};

/// Finds the namespaces that dead runs have left, deletes them by name and uid, and waits until they are gone.
pub(super) fn handle(args: &CleanupArgs) -> Result<u8> {
    let options = meaning::cleanup(args);
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(run::cleanup(&options));
    // What cannot be ended, such as the look-up of a name, is not waited for.
    runtime.shutdown_background();
    let done = done.map_err(|error| match error.downcast_ref::<Unusable>() {
        Some(unusable) => exit::usage(unusable.clone()),
        None => exit::ending(Outcome::Precondition, error.context("nothing was deleted")),
    })?;
    exit::print(&told(&options, &done))?;
    Ok(if done.left.is_empty() { exit::OK } else { Outcome::CleanupFailed.code() })
}

fn told(options: &Cleanup, done: &CleanedUp) -> String {
    let namespaces = count(done.found.len(), "namespace");
    let found = lines(&done.found);
    let deleted = match (done.found.as_slice(), done.left.as_slice()) {
        ([], _) => "there is nothing that a dead run has left\n".to_owned(),
        _ if options.dry_run => format!("{namespaces} would be deleted:\n{found}"),
        (_, []) => format!("{namespaces} deleted, and gone:\n{found}"),
        (_, left) => {
            format!("{namespaces} deleted:\n{found}not gone, or not known to be gone:\n{}", lines(left))
        }
    };
    let alive =
        section("left alone, because their runs are at work (--include-live deletes them too)", &done.alive);
    let others = section(
        "left alone, because they carry the label steadfast/run-id and no run has made them",
        &done.others,
    );
    deleted + &alive + &others
}

fn section(title: &str, items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("{title}:\n{}", lines(items)) }
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("  {}\n", item.replace('\n', "\n  "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dry_run: bool, found: &[&str], left: &[&str]) -> String {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let done = CleanedUp { found: owned(found), left: owned(left), ..CleanedUp::default() };
        told(&Cleanup { dry_run, ..Cleanup::default() }, &done)
    }

    #[test]
    fn a_dry_run_deletes_nothing_and_says_so() {
        assert!(said(true, &["namespace/a"], &[]).starts_with("1 namespace would be deleted"));
        assert!(said(false, &["namespace/a"], &[]).starts_with("1 namespace deleted, and gone"));
    }

    #[test]
    fn what_stays_is_named_with_what_holds_it() {
        let said = said(false, &["namespace/a"], &["namespace/a\n  pod/b: its node"]);
        assert!(
            said.contains("not gone, or not known to be gone:\n  namespace/a\n    pod/b: its node"),
            "{said}"
        );
    }

    #[test]
    fn what_was_left_alone_is_told_with_the_reason() {
        let done = CleanedUp {
            alive: vec!["run r on ci-7".to_owned()],
            others: vec!["namespace/production".to_owned()],
            ..CleanedUp::default()
        };
        let said = told(&Cleanup::default(), &done);
        assert!(said.starts_with("there is nothing that a dead run has left\nleft alone, because"), "{said}");
        assert!(said.contains("  run r on ci-7\n") && said.contains("  namespace/production\n"), "{said}");
    }
}
