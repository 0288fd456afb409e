//! What a JUnit file says in properties: the cluster for each suite, and numbers for each case, because some consumers
//! draw graphs of numeric properties.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Properties;
use crate::{
    judge::{Judged, Verdict},
    options::JunitStyle,
    report::{Report, ScenarioSummary, outcome},
};

/// What is true of the run, in every suite, because consumers take suites apart.
pub(super) fn of_run(report: &Report<'_>, began: Timestamp, style: &JunitStyle) -> Properties {
    let (header, cluster, figures) = (report.header, &report.header.cluster, &report.figures);
    let zone = report.histories.iter().find_map(|history| history.started().zone.as_deref());
    let mut properties = vec![
        property("run_id", &header.run_id),
        property("harness_version", &header.recorded_by),
        property("server_version", &cluster.server_version),
        property("nodes", cluster.nodes.len()),
        property("storage_class", cluster.storage_class.as_deref().unwrap_or("none")),
        property("zone", zone.unwrap_or("unknown")),
        property("embedded", cluster.embedded),
        property("started_at", began),
        property("time_means", "the case's share of the run's wall time; scenarios run side by side"),
        property("outcome", report.outcome.name()),
        property("exit_code", report.outcome.code()),
        property("record", if report.circumstances.unsealed.is_some() { "unsealed" } else { "sealed" }),
        property("pods_created", figures.pods_created),
        property("api_errors", figures.api_errors),
        property("watch_gaps", figures.watch_gaps),
        property("watch_lag_secs", format!("{:.3}", figures.watch_lag_secs)),
        property("reaction_median_us", figures.reactions.median_us),
        property("reaction_p99_us", figures.reactions.p99_us),
        property("harness_wait_secs", format!("{:.3}", figures.harness_wait_secs)),
    ];
    if let Some(by) = report.circumstances.stopped_by {
        properties.push(property("ended", by.reason()));
    }
    let replaced = cluster.replaced_images.iter();
    let replaced: Vec<String> =
        replaced.map(|(documented, used)| format!("{documented} -> {used}")).collect();
    if !replaced.is_empty() {
        properties.push(property("replaced_images", replaced.join(", ")));
    }
    properties.extend(style.report_url.as_ref().map(|url| property("report_url", url)));
    // One value for each name: consumers keep the last of several, or give up. What the user says counts.
    properties.retain(|(name, _)| style.properties.iter().all(|(own, _)| own != name));
    properties.extend(style.properties.iter().cloned());
    properties
}

/// How many requirements have each verdict, and what the run ends with.
pub(super) fn counts(report: &Report<'_>) -> Properties {
    let (counts, outcome) = (&report.counts, report.outcome);
    vec![
        property("outcome", outcome.name()),
        property("exit_code", outcome.code()),
        property("passed", counts.pass),
        property("failed", counts.fail),
        property("inconclusive", counts.inconclusive),
        property("not_applicable", counts.not_applicable),
        property("not_run", counts.not_run),
        property("recorded", counts.recorded),
    ]
}

/// What is true of one requirement.
pub(super) fn of_case(report: &Report<'_>, judged: &Judged) -> Properties {
    let informing = if outcome::gates(judged) { "blocking" } else { "informing" };
    let mut properties = vec![
        property("requirement", &judged.id),
        property("title", &judged.title),
        property("level", judged.level.as_str()),
        property("lifecycle", informing),
        property("verdict", judged.verdict.word()),
        property("run_id", &report.header.run_id),
    ];
    if let Verdict::Pass { held } = judged.verdict {
        properties.push(property("held", held));
    }
    if let Some(requirement) = report.requirement(judged) {
        let scenarios = requirement.judged_on.iter().filter_map(|id| report.scenario(id));
        properties.extend(senses(&scenarios.collect::<Vec<_>>()));
        let sources: Vec<String> =
            requirement.sources.iter().map(|source| format!("{}, {}", source.document, source.at)).collect();
        properties.push(property("sources", sources.join("; ")));
    }
    properties.extend(numbers(judged));
    properties
}

fn senses(scenarios: &[&ScenarioSummary]) -> Properties {
    let sum = |count: fn(&ScenarioSummary) -> u64| scenarios.iter().map(|s| count(s)).sum::<u64>();
    vec![property("watch_gaps", sum(|s| s.watch_gaps)), property("api_errors", sum(|s| s.api_errors))]
}

/// Each measurement as count, median, 95th percentile and maximum.
fn numbers(judged: &Judged) -> Properties {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for measurement in judged.measurements.iter().filter(|m| m.value.is_finite()) {
        by_name.entry(&measurement.name).or_default().push(measurement.value);
    }
    by_name.into_iter().flat_map(|(name, values)| summed_up(name, values)).collect()
}

fn summed_up(name: &str, mut values: Vec<f64>) -> Properties {
    values.sort_by(f64::total_cmp);
    let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
    let number = |suffix: &str, value: f64| property(&format!("{name}_{suffix}"), format!("{value:.3}"));
    vec![
        property(&format!("{name}_count"), values.len()),
        number("median", rank(50)),
        number("p95", rank(95)),
        number("max", rank(100)),
    ]
}

fn property(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}
