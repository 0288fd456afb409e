//! Facts and numbers in the words of the page.

use super::view::{Count, DryRunView, Figure};
use crate::{
    judge::{Judged, Verdict},
    limits,
    plain::visible,
    report::{DryRunAnswer, Outcome, Report, ScenarioSummary},
};

pub(super) const fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Violation | Outcome::Internal | Outcome::SelftestSurvivor => "fail",
        _ => "inconclusive",
    }
}

pub(super) fn class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass { .. } => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive { .. } => "inconclusive",
        Verdict::NotApplicable { .. } => "not-applicable",
        Verdict::NotRun { .. } => "not-run",
        Verdict::Recorded { .. } => "recorded",
    }
}

pub(super) fn facts(report: &Report<'_>, judged_at: &str) -> Vec<(&'static str, String)> {
    let (header, cluster) = (report.header, &report.header.cluster);
    let zone = report.histories.iter().find_map(|history| history.started().zone.as_deref());
    let nodes = match cluster.nodes.as_slice() {
        few if few.len() <= 3 => few.join(", "),
        many => format!("{}, … {} in all", many[..3].join(", "), many.len()),
    };
    let model = if cluster.embedded { ", the embedded model" } else { "" };
    let all = [
        ("Cluster", format!("Kubernetes {}{model}", cluster.server_version)),
        ("Nodes", nodes),
        ("StorageClass", cluster.storage_class.clone().unwrap_or_else(|| "none".to_owned())),
        ("DNS zone", zone.unwrap_or("unknown").to_owned()),
        ("Run", header.run_id.clone()),
        ("Began", header.started_at.clone()),
        ("Judged", judged_at.to_owned()),
        ("steadfast", header.recorded_by.clone()),
    ];
    all.into_iter().map(|(name, value)| (name, visible(&value))).collect()
}

pub(super) fn counts(report: &Report<'_>) -> Vec<Count> {
    let class = |word: &'static str| match word {
        "not run" => "not-run",
        "not applicable" => "not-applicable",
        other => other,
    };
    let by_word = report.counts.by_word().into_iter();
    by_word.map(|(word, count)| Count { word, class: class(word), count }).collect()
}

pub(super) fn trouble(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let told = &report.circumstances;
    let all = [
        ("The preflight refused", &told.preflight_refused),
        ("Left in the cluster", &told.left_behind),
        ("A report was not written", &told.report_error),
        ("A bug in steadfast", &told.internal_error),
        ("The record is unsealed", &told.unsealed),
        ("Unfinished", &told.unfinished),
    ];
    let stopped = told.stopped_by.map(|by| ("The run did not come to its end", by.reason().to_owned()));
    stopped
        .into_iter()
        .chain(all.into_iter().filter_map(|(what, why)| Some((what, visible(why.as_deref()?)))))
        .collect()
}

pub(super) fn figures(report: &Report<'_>) -> Vec<Figure> {
    let (figures, reactions) = (&report.figures, &report.figures.reactions);
    let millis = |us: u64| format!("{:.2} ms", us as f64 / 1e3);
    let figure = |value: String, name, note: String| Figure { value, name, note };
    vec![
        figure(format!("{:.1} s", figures.wall_secs), "wall time", String::new()),
        figure(figures.pods_created.to_string(), "pods created", String::new()),
        figure(
            millis(reactions.median_us),
            "median reaction",
            format!("p99 {}, of {} waits", millis(reactions.p99_us), reactions.count),
        ),
        figure(
            format!("{:.2} s", figures.harness_wait_secs),
            "waited for the harness",
            "in all scenarios together".to_owned(),
        ),
        figure(format!("{:.2} s", figures.watch_lag_secs), "watch lag", "the most that was seen".to_owned()),
        figure(figures.dns_questions.to_string(), "DNS questions", String::new()),
        figure(
            (figures.watch_gaps + figures.api_errors).to_string(),
            "gaps and API errors",
            format!("{} watch gaps, {} errors", figures.watch_gaps, figures.api_errors),
        ),
    ]
}

pub(super) fn dry_run(dry_run: &DryRunAnswer) -> DryRunView {
    DryRunView {
        manifest: visible(&dry_run.manifest),
        accepted: (200..300).contains(&dry_run.code),
        answer: dry_run.answer(),
        message: visible(&dry_run.message),
        used: visible(dry_run.used()),
    }
}

pub(super) fn fact(judged: &Judged) -> String {
    match (&judged.verdict, judged.why()) {
        (Verdict::Pass { held: 1 }, _) => "seen to hold once".to_owned(),
        (Verdict::Pass { held }, _) => format!("seen to hold {held} times"),
        (_, why) => visible(why.unwrap_or_default()),
    }
}

pub(super) fn limit(name: &str) -> Option<(String, String, String)> {
    let limit = limits::ALL.iter().find(|limit| limit.name == name)?;
    Some((limit.name.to_owned(), format!("{} s", limit.wait_secs()), limit.reason.to_owned()))
}

pub(super) fn scenario_numbers(summary: &ScenarioSummary) -> Vec<String> {
    let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let numbers = [
        Some(format!("{:.1} s", summary.wall_secs)),
        Some(format!("{} events", summary.events)),
        some(summary.pods_created, "pods created"),
        some(summary.dns_questions, "DNS questions"),
        some(summary.watch_gaps, "watch gaps"),
        some(summary.api_errors, "API errors"),
        Some(format!("{:.2} s waited for the harness", summary.harness_wait_secs)),
    ];
    numbers.into_iter().flatten().collect()
}

pub(super) fn remarks(summary: &ScenarioSummary) -> Vec<String> {
    let gave_up = summary.gave_up.iter().map(|wait| {
        format!(
            "gave up waiting for {} at {:.1} s after {:.0} s: {}",
            wait.wait, wait.at_secs, wait.bound_secs, wait.missing
        )
    });
    let skipped = summary.skipped.iter().map(|step| format!("did not {}: {}", step.action, step.reason));
    gave_up.chain(skipped).map(|remark| visible(&remark)).collect()
}
