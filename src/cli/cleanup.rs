//! `steadfast cleanup`: deletes what a killed run left, and nothing else.

use anyhow::Result;

use super::{args::CleanupArgs, exit, meaning, text::count};
use crate::{cluster::Unusable, limits, options::Cleanup, report::Outcome, run};

/// Finds the namespaces that carry steadfast's label, deletes them by name and uid, and waits until they are gone.
pub(super) fn handle(args: &CleanupArgs) -> Result<u8> {
    let options = meaning::cleanup(args);
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(run::cleanup(&options));
    runtime.shutdown_timeout(limits::LOOK_AGAIN.duration());
    let (found, left) = outcome.map_err(|error| match error.downcast_ref::<Unusable>() {
        Some(unusable) => exit::usage(unusable.clone()),
        None => exit::ending(Outcome::Precondition, error.context("nothing was deleted")),
    })?;
    exit::print(&told(&options, &found, &left))?;
    Ok(if left.is_empty() { exit::OK } else { Outcome::CleanupFailed.code() })
}

fn told(options: &Cleanup, found: &[String], left: &[String]) -> String {
    let lines = |items: &[String]| items.iter().map(|item| format!("  {item}\n")).collect::<String>();
    let namespaces = count(found.len(), "namespace");
    match (found, left) {
        ([], _) => "there is nothing of steadfast's to delete\n".to_owned(),
        _ if options.dry_run => format!("{namespaces} would be deleted:\n{}", lines(found)),
        (_, []) => format!("{namespaces} deleted, and gone:\n{}", lines(found)),
        _ => format!(
            "{namespaces} deleted:\n{}still there; `kubectl describe` says what holds them:\n{}",
            lines(found),
            lines(left)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dry_run: bool, found: &[&str], left: &[&str]) -> String {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        told(&Cleanup { dry_run, ..Cleanup::default() }, &owned(found), &owned(left))
    }

    #[test]
    fn a_dry_run_deletes_nothing_and_says_so() {
        assert!(said(true, &["namespace/a"], &[]).starts_with("1 namespace would be deleted"));
        assert!(said(false, &["namespace/a"], &[]).starts_with("1 namespace deleted, and gone"));
    }

    #[test]
    fn what_stays_is_named() {
        assert!(said(false, &["namespace/a"], &["pod/b in a"]).contains("still there"));
    }
}
