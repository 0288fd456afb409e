//! A scenario's timeline in plain characters, for the terminal and for JUnit.

use std::fmt::Write;

use super::{scenarios::secs, witness};
use crate::{
    history::{History, Phase, Requested, Step},
    views::{PodLife, View},
};

/// How many characters the time axis is wide.
const WIDTH: usize = 72;

/// What the characters mean.
pub const LEGEND: &str =
    ". pending   - running, not ready   = ready   x terminating   ~ quiet   ^ the events above";

/// One line for each pod that the set had, with the steps above them and these events marked below.
pub fn timeline(history: &History, events: &[u64]) -> String {
    let Some(axis) = Axis::of(history) else { return String::new() };
    let view = View::of(history);
    let mut drawn = String::new();
    row(&mut drawn, "seconds", &axis.ticks());
    for (at_us, what) in requests(history) {
        row(&mut drawn, "", &axis.label(at_us, &what));
    }
    row(&mut drawn, "quiet", &axis.quiet(history));
    for set in view.sets() {
        let mut names: Vec<&str> = set.pods().names().collect();
        names.sort_unstable_by_key(|name| (crate::history::pod::ordinal(set.name, name), *name));
        for name in names {
            row(&mut drawn, &set.key(name), &axis.lane(set.pods().named(name)));
        }
    }
    row(&mut drawn, "", &axis.marks(history, events));
    drawn + &format!("{:10} {LEGEND}\n", "")
}

fn row(drawn: &mut String, name: &str, cells: &str) {
    if !cells.trim().is_empty() {
        let name: String = name.chars().take(10).collect();
        writeln!(drawn, "{name:<10} {}", cells.trim_end()).expect("writing to a string");
    }
}

/// What the driver did to the set's pods, not what it set up.
fn requests(history: &History) -> Vec<(u64, String)> {
    let requests = history.requests().filter(|request| disturbs(request.what));
    requests.map(|request| (request.event.span.until_us, witness::request(request.what))).collect()
}

/// Whether a request takes pods away or asks for another number of them.
pub(super) fn disturbs(request: &Requested) -> bool {
    use crate::history::Verb;
    matches!(request.verb, Verb::Delete | Verb::DeleteCollection) || request.scales_to().is_some()
}

/// The stretch of time that is drawn.
struct Axis {
    from_us: u64,
    until_us: u64,
}

type Cells = Vec<char>;

impl Axis {
    fn of(history: &History) -> Option<Self> {
        let (first, last) = (history.events.first()?, history.events.last()?);
        let (from_us, until_us) = (first.span.from_us, last.span.until_us);
        (from_us < until_us).then_some(Self { from_us, until_us })
    }

    fn column(&self, at_us: u64) -> usize {
        let passed = at_us.clamp(self.from_us, self.until_us) - self.from_us;
        (passed as f64 / (self.until_us - self.from_us) as f64 * (WIDTH - 1) as f64) as usize
    }

    fn ticks(&self) -> String {
        let mut cells = blank();
        for quarter in 0..4 {
            let column = quarter * WIDTH / 4;
            let at_us = self.from_us + (self.until_us - self.from_us) * quarter as u64 / 4;
            put(&mut cells, column, &format!("|{:.1}", secs(at_us)));
        }
        cells.into_iter().collect()
    }

    /// A text that begins at a moment, or ends there where it would leave the drawing.
    fn label(&self, at_us: u64, what: &str) -> String {
        let mut cells = blank();
        let column = self.column(at_us);
        let width = what.chars().count() + 2;
        if column + width <= WIDTH {
            put(&mut cells, column, &format!("v {what}"));
        } else {
            put(&mut cells, (column + 1).saturating_sub(width), &format!("{what} v"));
        }
        cells.into_iter().collect()
    }

    fn quiet(&self, history: &History) -> String {
        let mut cells = blank();
        for step in history.steps() {
            if let Step::QuietBegan { name, .. } = step.what {
                let ended = history.quiet(name).and_then(|(_, ended)| ended).unwrap_or(history.last());
                self.fill(&mut cells, step.event.span.until_us, ended.span.until_us, '~');
            }
        }
        cells.into_iter().collect()
    }

    /// All incarnations of one pod.
    fn lane<'l, 'h: 'l>(&self, lives: impl Iterator<Item = &'l PodLife<'h>>) -> String {
        let mut cells = blank();
        for life in lives {
            let ends = life.versions.iter().skip(1).map(|version| version.event.span.until_us);
            for (version, until_us) in life.versions.iter().zip(ends.chain([self.until_us])) {
                if version.change != crate::history::Change::Deleted {
                    self.fill(
                        &mut cells,
                        version.event.span.until_us,
                        until_us,
                        sign(Phase::of(version.what)),
                    );
                }
            }
        }
        cells.into_iter().collect()
    }

    fn marks(&self, history: &History, events: &[u64]) -> String {
        let mut cells = blank();
        for seq in events {
            if let Some(event) = usize::try_from(*seq).ok().and_then(|seq| history.events.get(seq)) {
                cells[self.column(event.span.until_us)] = '^';
            }
        }
        cells.into_iter().collect()
    }

    fn fill(&self, cells: &mut Cells, from_us: u64, until_us: u64, sign: char) {
        // Spans of different observers have no order: what ends may have been delivered before what began.
        let (from, until) = (self.column(from_us), self.column(until_us));
        cells[from.min(until)..=from.max(until)].fill(sign);
    }
}

const fn sign(phase: Phase) -> char {
    match phase {
        Phase::Pending => '.',
        Phase::Running => '-',
        Phase::Ready => '=',
        Phase::Terminating => 'x',
        Phase::Terminal => '#',
    }
}

fn blank() -> Cells {
    vec![' '; WIDTH]
}

fn put(cells: &mut Cells, column: usize, text: &str) {
    for (cell, letter) in cells.iter_mut().skip(column).zip(text.chars()) {
        *cell = letter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::notation::history,
        report::sample::{PREAMBLE, rebased},
    };

    #[test]
    fn a_pod_that_came_too_early_is_seen() {
        let history = history(
            "web-0 created; wait 2s; web-0 running; quiet x; wait 4s; web-1 created; wait 3s; quiet-over x; \
             web-0 ready; wait 1s; web-1 running; web-1 ready; delete web-1; web-1 terminating; wait 1s; web-1 deleted",
        );
        insta::assert_snapshot!(timeline(&rebased(history), &[PREAMBLE + 1, PREAMBLE + 3]));
    }

    #[test]
    fn deliveries_that_run_backwards_are_drawn() {
        let mut history =
            history("web-0 created; wait 2s; web-0 running; wait 2s; web-0 ready; wait 2s; completed");
        let spans: Vec<_> = history.events.iter().map(|event| event.span).collect();
        let last = history.events.len() - 1;
        history.events[1..last]
            .iter_mut()
            .zip(spans[1..last].iter().rev())
            .for_each(|(e, span)| e.span = *span);
        assert!(timeline(&history, &[2]).contains("web-0"));
    }

    #[test]
    fn nothing_to_draw() {
        assert_eq!(timeline(&History::default(), &[]), "");
    }
}
