//! The time of each case: its share of the run's wall time, so that the cases of a file add up to what the run took.
//!
//! Scenarios run side by side, and a requirement is judged on several. Each moment is shared by the scenarios that ran in it,
//! and the time of a scenario by the requirements that were judged on it.

use std::collections::BTreeMap;

use crate::{
    judge::{Judged, Verdict},
    report::Report,
};

/// How the wall time of a run is shared out.
pub(super) struct Shares {
    by_id: BTreeMap<String, f64>,
    /// What no requirement has, in seconds.
    pub rest_secs: f64,
}

impl Shares {
    /// The share of a requirement, in seconds; none of what did not run.
    pub(super) fn of(&self, judged: &Judged) -> f64 {
        self.by_id.get(&judged.id).copied().unwrap_or(0.0)
    }
}

/// Shares the wall time out.
pub(super) fn shares(report: &Report<'_>) -> Shares {
    let spans = report.scenarios.iter().map(|s| (s.id.as_str(), s.began_secs, s.ended_secs()));
    let own = own_secs(&spans.collect::<Vec<_>>());
    let mut by_id: BTreeMap<String, f64> = BTreeMap::new();
    for (scenario, secs) in own {
        let judged_on = |judged: &&Judged| {
            let requirement = report.requirement(judged);
            requirement.is_some_and(|r| r.judged_on.iter().any(|id| id == scenario))
        };
        let ran = report.judged.iter().filter(|judged| !matches!(judged.verdict, Verdict::NotRun { .. }));
        let sharers: Vec<&Judged> = ran.filter(judged_on).collect();
        for judged in &sharers {
            *by_id.entry(judged.id.clone()).or_default() += secs / sharers.len() as f64;
        }
    }
    let rest_secs = (report.figures.wall_secs - by_id.values().sum::<f64>()).max(0.0);
    Shares { by_id, rest_secs }
}

/// The time of each span, where the moments that lie in several are shared by these.
fn own_secs<'s>(spans: &[(&'s str, f64, f64)]) -> BTreeMap<&'s str, f64> {
    let mut edges: Vec<f64> = spans.iter().flat_map(|(_, from, until)| [*from, *until]).collect();
    edges.sort_by(f64::total_cmp);
    let mut own = BTreeMap::new();
    for stretch in edges.windows(2) {
        let [from, until] = *stretch else { continue };
        let here: Vec<&str> =
            spans.iter().filter(|span| span.1 <= from && until <= span.2).map(|span| span.0).collect();
        for id in &here {
            *own.entry(*id).or_default() += (until - from) / here.len() as f64;
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn moments_are_shared_by_what_ran_in_them() {
        let own = own_secs(&[("a", 0.0, 10.0), ("b", 0.0, 4.0), ("c", 12.0, 13.0)]);
        assert_eq!(own, BTreeMap::from([("a", 8.0), ("b", 2.0), ("c", 1.0)]));
    }

    #[test]
    fn the_cases_add_up_to_the_wall_time() {
        for sample in [Sample::healthy(), Sample::broken()] {
            let report = sample.report();
            let shares = shares(&report);
            let cases: f64 = report.judged.iter().map(|judged| shares.of(judged)).sum();
            assert!((cases + shares.rest_secs - report.figures.wall_secs).abs() < 1e-6);
            let not_run = report.judged.iter().filter(|j| matches!(j.verdict, Verdict::NotRun { .. }));
            assert_eq!(not_run.map(|judged| shares.of(judged)).sum::<f64>(), 0.0);
        }
    }
}
