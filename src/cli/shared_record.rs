//! Several processes that belong together, such as the tests of one nextest run: what one has recorded, the others judge.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::{Recorded, args::RunArgs, meaning, replay};
use crate::{
    history::{
        History,
        file::{self, Record, Seal},
    },
    judge::judge_all,
    plan::{Plan, Selection},
    run,
    spec::Catalogue,
};

/// Judges these requirements on the first record of the group that holds all that they are judged on; where there is
/// none, runs what they need, in a folder of its own. One process of the group at a time.
pub(super) fn of_these(mut args: RunArgs, ids: &[String], group: &str) -> Result<Recorded> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let base = meaning::out(&args).unwrap_or_else(|| "reports".into()).join(group);
    fs::create_dir_all(&base).with_context(|| format!("failed to create {}", base.display()))?;
    let lock = File::create(base.join("lock")).context("failed to create the lock of the group")?;
    lock.lock().with_context(|| format!("failed to lock {}", base.display()))?;
    if let Some(recorded) = recorded_before(&catalogue, &base, ids)? {
        return Ok(recorded);
    }
    args.out.out = Some(base.join(run::new_run_id(Timestamp::now(), rand::random())));
    super::run::of_these(&args, ids)
}

fn recorded_before(catalogue: &Catalogue, base: &Path, ids: &[String]) -> Result<Option<Recorded>> {
    for entry in fs::read_dir(base)? {
        let folder = entry?.path();
        if !folder.join(file::NAME).is_file() {
            continue;
        }
        // Of a process that was killed, or is still at work, nothing is taken.
        let Record { header, histories, seal: Seal::Whole(_) } = replay::read(&folder)? else { continue };
        if holds(catalogue, &histories, ids) {
            let judged = judge_all(catalogue, ids, &header.cluster, &histories);
            return Ok(Some(Recorded { folder, header, histories, judged }));
        }
    }
    Ok(None)
}

/// Whether every scenario that these requirements need was brought to its end, whatever end that was.
fn holds(catalogue: &Catalogue, histories: &[History], ids: &[String]) -> bool {
    let plan = Plan::of(catalogue, &Selection::of_ids(ids.iter().cloned()));
    plan.scenarios
        .iter()
        .all(|planned| histories.iter().any(|history| history.scenario == planned.id && history.has_an_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    fn record(scenarios: &[(&str, &str)]) -> Vec<History> {
        scenarios.iter().map(|(id, notes)| History { scenario: (*id).to_owned(), ..history(notes) }).collect()
    }

    fn is_held(scenarios: &[(&str, &str)]) -> bool {
        let catalogue = Catalogue::built_in().unwrap();
        holds(&catalogue, &record(scenarios), &["predecessor-gates-successor".to_owned()])
    }

    #[test]
    fn a_record_of_every_scenario_is_judged() {
        assert!(is_held(&[("preflight", "completed"), ("gated-start", "aborted")]));
    }

    #[test]
    fn a_record_without_a_scenario_or_its_end_is_not() {
        assert!(!is_held(&[("preflight", "completed")]));
        assert!(!is_held(&[("preflight", "completed"), ("gated-start", "web-0 created")]));
    }
}
