//! The summary at the end of `run` and `replay`: what broke and how to look further, first; the verdict, last.

use std::{fmt::Write, path::PathBuf};

use super::{
    DryRunAnswer, Outcome, Report, outcome,
    text::{one_line, wrapped},
    witness::Line,
};
use crate::{
    checks::{Finding, Kind},
    judge::{Judged, Verdict},
    plain::visible,
};

/// How many broken findings of one requirement are shown; the reports have all of them.
const BROKEN_SHOWN: usize = 3;

/// How wide prose is.
const WIDTH: usize = 100;

/// How the summary is written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether to use colours. Only whoever knows the terminal can tell.
    pub colour: bool,
    /// Whether the scenarios' namespaces are still there for `kubectl` to look at.
    pub namespaces_kept: bool,
    /// The reports that were written.
    pub written: Vec<PathBuf>,
}

/// The whole summary. Its last line is the verdict.
pub fn summary(report: &Report<'_>, options: &Options) -> String {
    let mut out = Out { text: String::new(), colour: options.colour };
    if report.outcome == Outcome::Precondition {
        // Nothing was tested, so that there is nothing to count: why, and nothing else.
        trouble(&mut out, report);
        written(&mut out, options);
        verdict(&mut out, report);
        return out.text;
    }
    for judged in report.judged.iter().filter(|j| matches!(j.verdict, Verdict::Fail)) {
        violation(&mut out, report, judged, options);
    }
    reasons(&mut out, report);
    areas(&mut out, report);
    documented(&mut out, report);
    numbers(&mut out, report);
    written(&mut out, options);
    trouble(&mut out, report);
    verdict(&mut out, report);
    out.text
}

fn written(out: &mut Out, options: &Options) {
    for path in &options.written {
        out.line(&format!("  report        {}", path.display()));
    }
}

/// Text, with colours if they are wanted.
struct Out {
    text: String,
    colour: bool,
}

impl Out {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{}", line.trim_end()).expect("writing to a string");
    }

    fn painted(&self, text: &str, paint: Paint) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", paint as u8) } else { text.to_owned() }
    }

    fn word(&self, judged: &Judged) -> String {
        let paint = match judged.verdict {
            Verdict::Pass { .. } => Paint::Green,
            Verdict::Fail => Paint::Red,
            Verdict::Inconclusive { .. } | Verdict::NotRun { .. } => Paint::Yellow,
            Verdict::NotApplicable { .. } | Verdict::Recorded { .. } => Paint::Faint,
        };
        self.painted(&format!("{:<14}", judged.verdict.word()), paint)
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Faint = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// The guarantee in its own words, the few events that break it, and where to look.
fn violation(out: &mut Out, report: &Report<'_>, judged: &Judged, options: &Options) {
    let word =
        if outcome::gates(judged) { "BROKEN" } else { "BROKEN (informational: does not fail the run)" };
    out.line(&format!("{}  {}", out.painted(word, Paint::Red), judged.id));
    if let Some(requirement) = report.requirement(judged) {
        out.text += &wrapped(&requirement.requirement, "  ", WIDTH);
    }
    let broken: Vec<&Finding> = judged.findings.iter().filter(|f| f.kind == Kind::Broken).collect();
    for finding in broken.iter().take(BROKEN_SHOWN) {
        evidence(out, report, finding);
    }
    if broken.len() > BROKEN_SHOWN {
        out.line(&format!("  … and {} more, all in report.html#{}", broken.len() - BROKEN_SHOWN, judged.id));
    }
    if let Some(look) = report.look(judged) {
        let gone = if options.namespaces_kept {
            ""
        } else {
            "   (that namespace is gone; keep it with --keep on-failure)"
        };
        out.line(&format!("  look:    {look}{gone}"));
    }
    out.line(&format!("  explain: steadfast explain {}", judged.id));
    out.line("");
}

fn evidence(out: &mut Out, report: &Report<'_>, finding: &Finding) {
    let what = visible(&finding.what);
    out.line(&format!("  {} ({})", out.painted(&what, Paint::Red), finding.scenario));
    let Some(history) = report.history(&finding.scenario) else { return };
    for line in Line::all(history, &finding.events) {
        out.line(&format!("    {}", one_line_keeping_columns(&line)));
    }
}

fn one_line_keeping_columns(line: &Line) -> String {
    visible(&line.to_string()).replace('\n', " | ")
}

/// One line for each requirement that neither passed nor failed.
fn reasons(out: &mut Out, report: &Report<'_>) {
    if report.circumstances.preflight_refused.is_some() {
        // One reason for everything, and it is told once, at the end.
        return;
    }
    let without_evidence = |j: &&Judged| !matches!(j.verdict, Verdict::Pass { .. } | Verdict::Fail);
    let mut rest: Vec<&Judged> = report.judged.iter().filter(without_evidence).collect();
    rest.sort_by_key(|judged| matches!(judged.verdict, Verdict::NotApplicable { .. }));
    for judged in &rest {
        let why = one_line(judged.why().unwrap_or_default(), 200);
        let next = match judged.verdict {
            Verdict::NotApplicable { .. } => String::new(),
            _ => format!("  → steadfast explain {}", judged.id),
        };
        out.line(&format!("{}  {}: {why}{next}", out.word(judged), judged.id));
    }
    if !rest.is_empty() {
        out.line("");
    }
}

fn areas(out: &mut Out, report: &Report<'_>) {
    for (area, judged) in report.by_area() {
        let passed = judged.iter().filter(|j| matches!(j.verdict, Verdict::Pass { .. })).count();
        let count = format!("{passed:>3} of {:<3} passed", judged.len());
        let paint = if passed == judged.len() { Paint::Green } else { Paint::Yellow };
        out.line(&format!("{area:<18}{}", out.painted(&count, paint)));
    }
    out.line("");
}

/// What the server said to the documented manifests.
fn documented(out: &mut Out, report: &Report<'_>) {
    let answers: Vec<&DryRunAnswer> = report.scenarios.iter().flat_map(|s| &s.dry_runs).collect();
    let replaced = &report.header.cluster.replaced_images;
    if answers.is_empty() && replaced.is_empty() {
        return;
    }
    out.line("The documented manifests, as this server takes them:");
    for dry_run in answers {
        let words = one_line(&dry_run.message, 80);
        let words = if words.is_empty() { words } else { format!(": {words}") };
        out.line(&format!("  {:<40} {}{words}", dry_run.manifest, dry_run.answer()));
        if dry_run.instead != dry_run.manifest {
            out.line(&format!("  {:<40} used instead: {}", "", dry_run.instead));
        }
    }
    for (documented, used) in replaced {
        out.line(&format!("  {documented:<40} image replaced by {used}"));
    }
    out.line("");
}

fn numbers(out: &mut Out, report: &Report<'_>) {
    let figures = &report.figures;
    let reactions = &figures.reactions;
    let millis = |us: u64| us as f64 / 1e3;
    let (run_id, cluster) = (&report.header.run_id, &report.header.cluster);
    let (model, clock) = match cluster.embedded {
        true => (", the embedded model", " of the model's clock"),
        false => ("", ""),
    };
    out.line(&format!("  run           {run_id}, Kubernetes {}{model}", cluster.server_version));
    out.line(&format!("  pods created  {}", figures.pods_created));
    out.line(&format!("  wall time     {:.1} s{clock}", figures.wall_secs));
    out.line(&format!(
        "  reaction      median {:.2} ms, p99 {:.2} ms, of {} waits",
        millis(reactions.median_us),
        millis(reactions.p99_us),
        reactions.count
    ));
    out.line(&format!(
        "  harness wait  {:.2} s, when the harness itself was waited for",
        figures.harness_wait_secs
    ));
    out.line(&format!("  watch lag     {:.2} s at most, as far as it was seen", figures.watch_lag_secs));
    if figures.watch_gaps + figures.api_errors > 0 {
        let senses = format!("{} watch gaps, {} API errors", figures.watch_gaps, figures.api_errors);
        out.line(&format!("  not seen      {}", out.painted(&senses, Paint::Yellow)));
    }
}

/// What went wrong beside the verdicts.
fn trouble(out: &mut Out, report: &Report<'_>) {
    let circumstances = &report.circumstances;
    let panics = report.judged.iter().filter_map(|j| Some(format!("{}: {}", j.id, j.panicked.as_ref()?)));
    let all = [
        ("the preflight refused", &circumstances.preflight_refused),
        ("left in the cluster (steadfast cleanup removes it)", &circumstances.left_behind),
        ("a report was not written", &circumstances.report_error),
        ("a bug in steadfast", &circumstances.internal_error),
        ("the record is unsealed", &circumstances.unsealed),
        ("unfinished", &circumstances.unfinished),
    ];
    if let Some(stopped) = circumstances.stopped_by {
        out.line(&format!(
            "{}: {}",
            out.painted("the run did not come to its end", Paint::Red),
            stopped.reason()
        ));
    }
    let told = all.into_iter().filter_map(|(what, why)| Some((what, why.clone()?)));
    for (what, why) in told.chain(panics.map(|panic| ("a bug in steadfast", panic))) {
        out.line(&format!("{}: {}", out.painted(what, Paint::Red), visible(&why)));
    }
}

fn verdict(out: &mut Out, report: &Report<'_>) {
    let counts = report.counts.by_word().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(word, count)| format!("{count} {word}")).collect();
    let outcome = report.outcome;
    let paint = if outcome == Outcome::Pass { Paint::Green } else { Paint::Red };
    out.line("");
    out.line(&format!("{}; {}", counts.join(", "), outcome.meaning()));
    let of = match (report.circumstances.unsealed.is_some(), report.header.cluster.embedded) {
        (false, false) => "",
        (false, true) => " of the MODEL, and of no real cluster",
        (true, false) => " of an unsealed record",
        (true, true) => " of an unsealed record of the MODEL, and of no real cluster",
    };
    out.line(&format!("VERDICT{of}: {} (exit {})", out.painted(outcome.name(), paint), outcome.code()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Circumstances, sample::Sample};

    fn options() -> Options {
        let written = ["reports/k3v9x/junit.xml", "reports/k3v9x/report.html"].map(PathBuf::from).to_vec();
        Options { written, ..Options::default() }
    }

    #[test]
    fn a_broken_run() {
        insta::assert_snapshot!(summary(&Sample::broken().report(), &options()));
    }

    #[test]
    fn a_healthy_run() {
        insta::assert_snapshot!(summary(&Sample::healthy().report(), &options()));
    }

    #[test]
    fn a_cluster_that_was_not_tested_has_no_table() {
        let mut sample = Sample::healthy();
        for judged in &mut sample.judged {
            judged.verdict = Verdict::NotRun { reason: "refused".to_owned(), interrupted: false };
        }
        let preflight_refused = Some("the server is down; try `kubectl version`".to_owned());
        let circumstances = Circumstances { preflight_refused, ..Circumstances::default() };
        let text = summary(&sample.report_under(circumstances), &options());
        assert!(
            text.starts_with("the preflight refused: the server is down; try `kubectl version`\n"),
            "{text}"
        );
        assert!(text.ends_with("VERDICT: PRECONDITION (exit 3)\n") && !text.contains("passed"), "{text}");
    }

    #[test]
    fn the_model_is_never_taken_for_a_real_cluster() {
        let mut sample = Sample::healthy();
        sample.header.cluster.embedded = true;
        let text = summary(&sample.report(), &options());
        assert!(text.lines().last().unwrap().starts_with("VERDICT of the MODEL"), "{text}");
    }

    #[test]
    fn a_record_without_its_seal_is_never_taken_for_a_whole_one() {
        let sample = Sample::healthy();
        let unsealed =
            Circumstances { unsealed: Some("the run was killed".to_owned()), ..Circumstances::default() };
        let text = summary(&sample.report_under(unsealed), &options());
        assert_eq!(
            text.lines().last(),
            Some("VERDICT of an unsealed record: INCONCLUSIVE (exit 2)"),
            "{text}"
        );
    }

    #[test]
    fn the_last_line_is_the_verdict_and_colours_are_asked_for() {
        let sample = Sample::healthy();
        let plain = summary(&sample.report(), &options());
        assert_eq!(plain.lines().last(), Some("VERDICT: PASS (exit 0)"));
        assert!(!plain.contains('\u{1b}'));
        let coloured = summary(&sample.report(), &Options { colour: true, ..options() });
        assert!(coloured.ends_with("VERDICT: \u{1b}[32mPASS\u{1b}[0m (exit 0)\n"));
    }

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        let mut sample = Sample::broken();
        sample.judged[0].findings[0].what = "\u{1b}[2Jgone".to_owned();
        sample.judged[1].verdict =
            Verdict::NotRun { reason: "\u{7}\u{1b}[31m".to_owned(), interrupted: false };
        assert!(!summary(&sample.report(), &options()).contains(['\u{1b}', '\u{7}']));
    }
}
