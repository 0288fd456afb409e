//! From time to pixels, and where labels have room.

use super::lanes::{Mark, Run};

/// The drawing's width; the page scales it to what there is.
pub(super) const WIDTH: f64 = 1120.0;
/// Where the plot begins, right of the names.
pub(super) const LEFT: f64 = 96.0;
/// Where the plot ends.
pub(super) const RIGHT: f64 = WIDTH - 14.0;
/// How many rows of step labels there may be.
pub(super) const STEP_ROWS: usize = 5;
/// From time to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from_us: u64,
    pub(super) until_us: u64,
}

impl Scale {
    pub(super) const fn length_us(&self) -> u64 {
        self.until_us.saturating_sub(self.from_us)
    }

    pub(super) fn x(&self, at_us: u64) -> f64 {
        let passed = at_us.clamp(self.from_us, self.until_us) - self.from_us;
        LEFT + passed as f64 / self.length_us() as f64 * (RIGHT - LEFT)
    }

    pub(super) const fn shows(&self, at_us: u64) -> bool {
        self.from_us <= at_us && at_us <= self.until_us
    }

    pub(super) const fn overlaps(&self, run: &Run) -> bool {
        run.until_us >= self.from_us && run.from_us <= self.until_us
    }

    /// Round seconds, a dozen or so.
    pub(super) fn ticks(&self) -> Vec<u64> {
        let rough = self.length_us() as f64 / 12.0;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= rough).unwrap_or(10.0);
        let pitch = ((factor * power) as u64).max(1);
        let first = self.from_us.div_ceil(pitch) * pitch;
        (0..30).map(|n| first + n * pitch).take_while(|at| *at <= self.until_us).collect()
    }
}

/// The labelled steps by their index, each with the first row in which there is room for it.
pub(super) fn rows_of(steps: &[Mark], scale: Scale) -> Vec<(usize, usize)> {
    let mut ends = [f64::NEG_INFINITY; STEP_ROWS];
    let mut rows = Vec::new();
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| scale.shows(step.at_us)) {
        let Some(label) = &step.label else { continue };
        let (x, width) = (scale.x(step.at_us), text_width(label));
        let (from, until) = if leans_left(x, label) { (x - width, x + 4.0) } else { (x, x + width) };
        if let Some(row) = ends.iter().position(|end| *end < from) {
            ends[row] = until;
            rows.push((index, row));
        }
    }
    rows
}

/// Whether a label has to stand left of its mark.
pub(super) fn leans_left(x: f64, label: &str) -> bool {
    x + text_width(label) > RIGHT
}

/// About how wide a label is.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 6.3 + 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let scale = Scale { from_us: 3_100_000, until_us: 64_000_000 };
        assert_eq!(scale.ticks(), (1..=6).map(|n| n * 10_000_000).collect::<Vec<_>>());
    }

    #[test]
    fn labels_that_would_overlap_are_in_other_rows() {
        let mark = |at_us| Mark { at_us, label: Some("delete pod web-0".to_owned()), ..Mark::default() };
        let scale = Scale { from_us: 0, until_us: 10_000_000 };
        assert_eq!(rows_of(&[mark(0), mark(100_000), mark(9_000_000)], scale), [(0, 0), (1, 1), (2, 0)]);
    }
}
