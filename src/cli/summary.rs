//! What the terminal is told at the end of a run or a replay: as much as was asked for, the verdict last.

use std::{io::IsTerminal, path::PathBuf};

use super::text::{count, wrapped};
use crate::{
    checks::Kind,
    judge::{Judged, Verdict},
    options::{Color, Detail},
    report::{Circumstances, Report, terminal},
};

/// How the end is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// Colours.
    pub color: Color,
    /// How much.
    pub detail: Detail,
    /// Whether the scenarios' namespaces are still there.
    pub namespaces_kept: bool,
    /// The reports that were written.
    pub written: Vec<PathBuf>,
}

/// The summary, ready for standard output.
pub(super) fn text(report: &Report<'_>, style: Style) -> String {
    let options = terminal::Options {
        colour: colour(style.color),
        namespaces_kept: style.namespaces_kept,
        written: style.written,
    };
    let summary = terminal::summary(report, &options);
    match style.detail {
        Detail::Silent => String::new(),
        Detail::Quiet => trouble(&report.circumstances) + summary.lines().last().unwrap_or_default() + "\n",
        Detail::Normal => summary,
        Detail::Verbose => report.judged.iter().map(evidence).collect::<String>() + "\n" + &summary,
    }
}

/// What even `--quiet` does not keep back.
fn trouble(circumstances: &Circumstances) -> String {
    let Circumstances { preflight_refused, left_behind, report_error, internal_error, .. } = circumstances;
    let told = [preflight_refused, left_behind, report_error, internal_error].into_iter().flatten();
    told.map(|trouble| format!("{trouble}\n")).collect()
}

fn colour(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

/// One requirement with all that its check said.
fn evidence(judged: &Judged) -> String {
    let held = match &judged.verdict {
        Verdict::Pass { held } => format!(", seen to hold {}", count(*held as usize, "time")),
        verdict => verdict.reason().map(|reason| format!(": {reason}")).unwrap_or_default(),
    };
    let mut text = wrapped("", &format!("{}: {}{held}", judged.id, judged.verdict.word()));
    for finding in &judged.findings {
        let word = match finding.kind {
            Kind::Held => "held  ",
            Kind::Broken => "BROKEN",
            Kind::Blind => "blind ",
        };
        text.push_str(&wrapped(&format!("  {word}  {}: ", finding.scenario), &finding.what));
    }
    text
}
