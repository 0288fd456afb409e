//! Draws a scenario as inline SVG: a lane for each pod, its DNS and its claim below it, the driver's steps above.

use std::collections::BTreeMap;

use super::{
    lanes::{Bar, Lane, Lanes, Mark, Run, Strip},
    scale::{LEFT, RIGHT, Scale, WIDTH, leans_left, rows_of, text_width},
    svg::{Svg, escaped},
    told::NODES,
};
use crate::{
    history::{History, Observation, Vantage},
    report::scenarios::secs,
};

/// The height of the time axis.
const AXIS: f64 = 22.0;
/// The height of a row of step labels.
const STEP: f64 = 15.0;
/// The height of an incarnation's bar.
const BAR: f64 = 20.0;
/// The pitch of the thin strips.
const STRIP: f64 = 11.0;
/// The height of a name that has no bar beside it.
const TITLE: f64 = 15.0;
/// Between two lanes.
const BETWEEN: f64 = 12.0;

/// An event that a finding names.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    /// Its place in the record.
    pub(super) seq: u64,
    /// The number that is shown, in the evidence and here.
    pub(super) number: usize,
    /// `broken` or `blind`.
    pub(super) class: &'static str,
    /// The requirement that it leads to.
    pub(super) requirement: String,
    /// What it shows.
    pub(super) title: String,
}

/// The id of an event's mark in the timeline of its scenario.
pub(super) fn anchor(scenario: &str, seq: u64) -> String {
    format!("t-{scenario}-{seq}")
}

/// The whole scenario, with anchors at the witnesses.
pub(super) fn whole(history: &History, lanes: &Lanes, witnesses: &[Witness]) -> String {
    let scale = Scale { from_us: lanes.from_us, until_us: lanes.until_us };
    Drawing::new(history, scale, &lanes.claims, true).draw(lanes, witnesses)
}

/// The stretch around these witnesses, with the lanes that have something in it.
pub(super) fn around(history: &History, lanes: &Lanes, witnesses: &[Witness]) -> Option<String> {
    let times = witnesses.iter().filter_map(|w| history.events.get(usize::try_from(w.seq).ok()?));
    let times: Vec<u64> = times.map(|event| event.span.until_us).collect();
    let (first, last) = (*times.iter().min()?, *times.iter().max()?);
    let margin = ((last - first) / 3).max(1_500_000);
    let scale = Scale {
        from_us: first.saturating_sub(margin).max(lanes.from_us),
        until_us: (last + margin).min(lanes.until_us),
    };
    (scale.length_us() > 0).then(|| Drawing::new(history, scale, &lanes.claims, false).draw(lanes, witnesses))
}

/// Where things are, from top to bottom.
struct Drawing<'h> {
    history: &'h History,
    /// The lane of each claim.
    claims: &'h BTreeMap<String, String>,
    scale: Scale,
    /// Whether its marks are what findings link to.
    anchored: bool,
    svg: Svg,
    /// The top of each lane, and the middle of each of its strips, by their full names.
    places: Vec<Place>,
}

struct Place {
    lane: String,
    bar_y: f64,
    strips: Vec<(String, f64)>,
}

impl<'h> Drawing<'h> {
    fn new(history: &'h History, scale: Scale, claims: &'h BTreeMap<String, String>, anchored: bool) -> Self {
        Self { history, claims, scale, anchored, svg: Svg::default(), places: Vec::new() }
    }

    fn draw(mut self, lanes: &Lanes, witnesses: &[Witness]) -> String {
        let labels = rows_of(&lanes.steps, self.scale);
        let rows = labels.iter().map(|(_, row)| row + 1).max().unwrap_or(0);
        let quiet_row = f64::from(u8::from(lanes.quiet.iter().any(|run| self.scale.overlaps(run)))) * STEP;
        let numbers_y = AXIS + 8.0;
        let top = AXIS + 18.0 + rows as f64 * STEP + quiet_row + 6.0;
        let shown = lanes.within(self.scale.from_us, self.scale.until_us);
        let height = top + shown.iter().map(lane_height).sum::<f64>() + 18.0;
        self.grid(height);
        self.quiet(&lanes.quiet, top - 8.0, height);
        self.steps(&lanes.steps, &labels, top, height);
        let mut y = top;
        for lane in &shown {
            self.lane(lane, y);
            y += lane_height(lane);
        }
        self.commands(&lanes.commands, height);
        self.gaps(&lanes.gaps, numbers_y, height);
        self.witnesses(witnesses, numbers_y, height);
        let label = format!("Timeline of {}", self.history.scenario);
        format!(
            "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n{}</svg>",
            escaped(&label),
            self.svg.into_body()
        )
    }

    fn grid(&mut self, height: f64) {
        for at_us in self.scale.ticks() {
            let x = self.scale.x(at_us);
            self.svg.line("grid", [x, AXIS - 4.0, x, height - 18.0], "");
            let label = format!("{}", secs(at_us));
            self.svg.text("tick", [x, AXIS - 9.0], &format!("{label} s"));
        }
    }

    fn quiet(&mut self, quiet: &[Run], label_y: f64, height: f64) {
        for run in quiet.iter().filter(|run| self.scale.overlaps(run)) {
            let (from, until) = (self.scale.x(run.from_us), self.scale.x(run.until_us));
            self.svg.rect("quiet", [from, AXIS, until - from, height - AXIS - 18.0], &run.title);
            if until - from > text_width(&run.title) {
                self.svg.text("quiet-label", [f64::midpoint(from, until), label_y], &run.title);
            } else if until - from > text_width("quiet") {
                self.svg.text("quiet-label", [f64::midpoint(from, until), label_y], "quiet");
            }
        }
    }

    /// A tick for each step; beside the important ones what it was.
    fn steps(&mut self, steps: &[Mark], labels: &[(usize, usize)], top: f64, height: f64) {
        for (index, step) in steps.iter().enumerate().filter(|(_, step)| self.scale.shows(step.at_us)) {
            let x = self.scale.x(step.at_us);
            let row = labels.iter().find(|(labelled, _)| *labelled == index).map(|(_, row)| *row);
            match (row, &step.label) {
                (Some(row), Some(label)) => {
                    let y = AXIS + 28.0 + row as f64 * STEP;
                    self.svg.line(
                        &format!("{}-line", step.class),
                        [x, y - 8.0, x, height - 18.0],
                        &step.title,
                    );
                    let ends = leans_left(x, label);
                    let class = format!("{}-label{}", step.class, if ends { " end" } else { "" });
                    self.svg.text(&class, [if ends { x - 4.0 } else { x + 4.0 }, y], label);
                }
                _ => self.svg.line(step.class, [x, top - 6.0, x, top - 1.0], &step.title),
            }
        }
    }

    fn lane(&mut self, lane: &Lane, y: f64) {
        let has_bars = !lane.bars.is_empty();
        self.svg.text("lane", [LEFT - 10.0, y + if has_bars { 14.5 } else { 8.5 }], &lane.name);
        for bar in &lane.bars {
            self.bar(bar, y);
        }
        let below = if has_bars { y + BAR + 3.0 } else { y };
        let mut place = Place { lane: lane.name.clone(), bar_y: y + BAR / 2.0, strips: Vec::new() };
        for (index, strip) in lane.strips.iter().enumerate() {
            // The Service has no bar: its name stands where its first strip's would.
            let strip_y = below + index as f64 * STRIP + if has_bars { 0.0 } else { TITLE };
            self.strip(strip, strip_y);
            place.strips.push((strip.of.clone(), strip_y + 3.5));
        }
        self.places.push(place);
    }

    fn bar(&mut self, bar: &Bar, y: f64) {
        for run in bar.phases.iter().filter(|run| self.scale.overlaps(run)) {
            let (from, until) = (self.scale.x(run.from_us), self.scale.x(run.until_us));
            let title = format!(
                "{} from {:.3} s to {:.3} s\n\n{}",
                run.title,
                secs(run.from_us),
                secs(run.until_us),
                bar.title
            );
            self.svg.rect(run.class, [from, y, until - from, BAR], &title);
        }
        let born = bar.phases.first().map(|run| run.from_us);
        if let Some(at_us) = born.filter(|at_us| self.scale.shows(*at_us)) {
            let x = self.scale.x(at_us);
            self.svg.line("born", [x, y - 3.0, x, y + BAR + 2.0], &bar.title);
        }
        if let Some(at_us) = bar.scheduled_us.filter(|at_us| self.scale.shows(*at_us)) {
            let (x, middle) = (self.scale.x(at_us), y + BAR / 2.0);
            let diamond = [(x, middle - 4.0), (x + 4.0, middle), (x, middle + 4.0), (x - 4.0, middle)];
            self.svg.shape("scheduled", &diamond, &format!("scheduled at {:.3} s", secs(at_us)));
        }
        if let Some(at_us) = bar.deleted_us.filter(|at_us| self.scale.shows(*at_us)) {
            let x = self.scale.x(at_us);
            self.svg.line(
                "deleted",
                [x, y - 3.0, x, y + BAR + 2.0],
                &format!("deleted at {:.3} s", secs(at_us)),
            );
        }
        self.addresses(bar, y);
    }

    /// Each address where there is room for it before the next.
    fn addresses(&mut self, bar: &Bar, y: f64) {
        let end = bar.phases.last().map_or(self.scale.until_us, |run| run.until_us);
        let ends = bar.addresses.iter().skip(1).map(|mark| mark.at_us).chain([end]);
        for (address, until_us) in bar.addresses.iter().zip(ends) {
            let from = self.scale.x(address.at_us);
            let label = address.label.as_deref().unwrap_or_default();
            if self.scale.x(until_us) - from > text_width(label) + 8.0 {
                self.svg.text("address", [from + 7.0, y + 14.0], label);
            }
        }
    }

    fn strip(&mut self, strip: &Strip, y: f64) {
        self.svg.text("strip", [LEFT - 10.0, y + 7.0], &strip.label);
        for run in strip.runs.iter().filter(|run| self.scale.overlaps(run)) {
            let (from, until) = (self.scale.x(run.from_us), self.scale.x(run.until_us));
            let title = format!("{:.3} s to {:.3} s: {}", secs(run.from_us), secs(run.until_us), run.title);
            self.svg.rect(run.class, [from, y, (until - from).max(2.0), 7.0], &title);
        }
    }

    /// A tick for each pixel in which something was asked.
    fn commands(&mut self, commands: &[Mark], height: f64) {
        let mut last = f64::NEG_INFINITY;
        if commands.iter().any(|command| self.scale.shows(command.at_us)) {
            self.svg.text("strip", [LEFT - 10.0, height - 4.0], "commands");
        }
        for command in commands.iter().filter(|command| self.scale.shows(command.at_us)) {
            let x = self.scale.x(command.at_us);
            if x - last >= 1.5 || command.class == "bad" {
                self.svg.line(command.class, [x, height - 11.0, x, height - 3.0], &command.title);
                last = x;
            }
        }
    }

    fn gaps(&mut self, gaps: &[Mark], label_y: f64, height: f64) {
        for gap in gaps.iter().filter(|gap| self.scale.shows(gap.at_us)) {
            let x = self.scale.x(gap.at_us);
            self.svg.line("gap", [x, AXIS, x, height - 14.0], &gap.title);
            let label = gap.label.as_deref().unwrap_or_default();
            let ends = leans_left(x, label);
            let class = if ends { "gap-label end" } else { "gap-label" };
            self.svg.text(class, [if ends { x - 12.0 } else { x + 12.0 }, label_y + 4.0], label);
        }
    }

    /// A line from the number at the top to a ring at what the event is about.
    fn witnesses(&mut self, witnesses: &[Witness], number_y: f64, height: f64) {
        let mut last = f64::NEG_INFINITY;
        for witness in witnesses {
            let Some(event) = usize::try_from(witness.seq).ok().and_then(|seq| self.history.events.get(seq))
            else {
                continue;
            };
            let x = self.scale.x(event.span.until_us);
            let shown_x = x.max(last + 17.0).min(RIGHT + 6.0);
            last = shown_x;
            let ring_y = self.ring_y(&event.seen);
            let id = if self.anchored { anchor(&self.history.scenario, witness.seq) } else { String::new() };
            let class = witness.class;
            self.svg.link(&id, &witness.requirement, &witness.title, |svg| {
                let until = ring_y.map_or(height - 18.0, |y| y - 7.0);
                svg.line(&format!("witness {class}"), [x, number_y + 7.0, x, until], "");
                if let Some(y) = ring_y {
                    svg.circle(&format!("ring {class}"), [x, y, 7.0]);
                }
                svg.circle(&format!("number {class}"), [shown_x, number_y, 8.0]);
                svg.text("number", [shown_x, number_y + 3.8], &witness.number.to_string());
            });
        }
    }

    /// The height at which the thing seen is drawn, if it is.
    fn ring_y(&self, seen: &Observation) -> Option<f64> {
        let (name, strip) = match seen {
            Observation::Object(object) => match self.claims.get(&object.name) {
                Some(pod) => (pod.as_str(), Some(object.name.as_str())),
                None => (object.name.as_str(), None),
            },
            Observation::Exec(exec) => (exec.pod.as_str(), None),
            Observation::Dns(dns) => {
                let backend = match &dns.vantage {
                    Vantage::Backend { pod } => pod.as_str(),
                    Vantage::Node { .. } => NODES,
                };
                (dns.name.split('.').next()?, Some(backend))
            }
            _ => return None,
        };
        let place = self.places.iter().find(|place| place.lane == name)?;
        match strip {
            None => Some(place.bar_y),
            Some(of) => place.strips.iter().find(|(name, _)| name == of).map(|(_, y)| *y),
        }
    }
}

fn lane_height(lane: &Lane) -> f64 {
    let head = if lane.bars.is_empty() { TITLE } else { BAR + 3.0 };
    head + lane.strips.len() as f64 * STRIP + BETWEEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, report::sample::PREAMBLE};

    #[test]
    fn a_witness_is_an_anchor_and_leads_to_its_requirement() {
        let history = history("web-0 created; web-1 created; wait 9s; web-0 ready");
        let lanes = Lanes::of(&history).unwrap();
        let witness = Witness {
            seq: PREAMBLE + 1,
            number: 1,
            class: "broken",
            requirement: "ordered-creation".to_owned(),
            title: "too <early>".to_owned(),
        };
        let drawn = whole(&history, &lanes, std::slice::from_ref(&witness));
        let link = format!("<a id=\"{}\" href=\"#ordered-creation\">", anchor("noted", PREAMBLE + 1));
        assert!(drawn.contains(&format!("{link}<title>too &lt;early&gt;</title>")));
        let near = around(&history, &lanes, &[witness]).unwrap();
        assert!(!near.contains("id=\"t-"), "an id is there once");
    }
}
