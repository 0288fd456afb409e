//! What a timeline shows of one scenario, as stretches of time. Thousands of DNS answers become a few runs here.

use std::collections::{BTreeMap, BTreeSet};

use super::told;
use crate::{
    history::{History, ObjectSeen, Observation, Phase, Purpose, Resource, Step, pod},
    report::{ascii, scenarios::secs, witness},
    views::{PodLife, View},
};

/// One scenario, ready to be drawn.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// When the record begins.
    pub(super) from_us: u64,
    /// When it ends.
    pub(super) until_us: u64,
    /// One for each pod that the set had, then the Service.
    pub(super) lanes: Vec<Lane>,
    /// What the driver did.
    pub(super) steps: Vec<Mark>,
    /// When nothing was done on purpose.
    pub(super) quiet: Vec<Run>,
    /// When a watch lost events.
    pub(super) gaps: Vec<Mark>,
    /// Commands in containers, reads, requests that failed.
    pub(super) commands: Vec<Mark>,
    /// The pod whose claim it is, by the claim's name.
    pub(super) claims: BTreeMap<String, String>,
}

/// A pod by its name, through all its incarnations; or the Service.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The name at the left.
    pub(super) name: String,
    /// Its incarnations.
    pub(super) bars: Vec<Bar>,
    /// The claim, and each DNS backend.
    pub(super) strips: Vec<Strip>,
}

/// One incarnation.
#[derive(Debug, Default, Clone)]
pub(super) struct Bar {
    /// Its phases.
    pub(super) phases: Vec<Run>,
    /// When it was bound to a node.
    pub(super) scheduled_us: Option<u64>,
    /// When it was removed.
    pub(super) deleted_us: Option<u64>,
    /// Each address, from when on it had it.
    pub(super) addresses: Vec<Mark>,
    /// All of it in words.
    pub(super) title: String,
}

/// A thin line below a bar.
#[derive(Debug, Default, Clone)]
pub(super) struct Strip {
    /// The short name at the left.
    pub(super) label: String,
    /// Whose it is, in full.
    pub(super) of: String,
    /// What it was when.
    pub(super) runs: Vec<Run>,
}

/// A stretch of time in which something was so.
#[derive(Debug, Default, Clone)]
pub(super) struct Run {
    /// Its begin.
    pub(super) from_us: u64,
    /// Its end.
    pub(super) until_us: u64,
    /// Its CSS class.
    pub(super) class: &'static str,
    /// In words.
    pub(super) title: String,
}

/// A moment.
#[derive(Debug, Default, Clone)]
pub(super) struct Mark {
    /// When.
    pub(super) at_us: u64,
    /// Its CSS class.
    pub(super) class: &'static str,
    /// A few words to write beside it; none for a mark that is only hovered over.
    pub(super) label: Option<String>,
    /// In words.
    pub(super) title: String,
}

impl Lane {
    /// What of it lies in that stretch; none where nothing does.
    fn within(&self, from_us: u64, until_us: u64) -> Option<Self> {
        let within = |runs: &[Run]| runs.iter().any(|run| run.until_us >= from_us && run.from_us <= until_us);
        let bars = self.bars.iter().filter(|bar| within(&bar.phases)).cloned().collect::<Vec<_>>();
        let strips = self.strips.iter().filter(|strip| within(&strip.runs)).cloned().collect::<Vec<_>>();
        let is_empty = bars.is_empty() && strips.is_empty();
        (!is_empty).then(|| Self { name: self.name.clone(), bars, strips })
    }
}

impl Lanes {
    /// Reads a history; none where there is nothing to draw.
    pub(super) fn of(history: &History) -> Option<Self> {
        let (first, last) = (history.events.first()?, history.events.last()?);
        let mut lanes = Self { from_us: first.span.from_us, until_us: last.span.until_us, ..Self::default() };
        if lanes.from_us >= lanes.until_us {
            return None;
        }
        let view = View::of(history);
        lanes.add_pods(&view);
        lanes.add_claims(&view);
        lanes.add_dns(&view);
        lanes.add_marks(history);
        (!lanes.lanes.is_empty()).then_some(lanes)
    }

    /// The lanes that have something in that stretch, with what they have in it.
    pub(super) fn within(&self, from_us: u64, until_us: u64) -> Vec<Lane> {
        self.lanes.iter().filter_map(|lane| lane.within(from_us, until_us)).collect()
    }

    fn add_pods(&mut self, view: &View<'_>) {
        for set in view.sets() {
            let names: BTreeSet<(Option<u32>, &str)> =
                set.pods().iter().map(|life| (life.ordinal, life.name)).collect();
            for (_, name) in names {
                let bars = set.pods().named(name).map(|life| bar(life, self.until_us)).collect();
                self.lanes.push(Lane { name: set.key(name), bars, strips: Vec::new() });
            }
        }
    }

    fn add_claims(&mut self, view: &View<'_>) {
        for set in view.sets() {
            for claim in set.claims().own() {
                let Some((_, ordinal)) = set.claims().read(claim.name) else { continue };
                let lane = set.key(&format!("{}-{ordinal}", set.name));
                self.claims.insert(claim.name.to_owned(), lane.clone());
                let runs = self.claim_runs(claim.name, &claim.versions);
                let Some(lane) = self.lanes.iter_mut().find(|known| known.name == lane) else { continue };
                match lane.strips.iter_mut().find(|known| known.of == claim.name) {
                    Some(strip) => strip.runs.extend(runs),
                    None => lane.strips.push(Strip { runs, ..strip("claim", claim.name) }),
                }
            }
        }
    }

    /// What became of one incarnation of a claim.
    fn claim_runs(&self, name: &str, versions: &[crate::history::Seen<'_, ObjectSeen>]) -> Vec<Run> {
        let mut runs = Vec::new();
        for claim in versions {
            let at_us = claim.event.span.until_us;
            end_run(&mut runs, at_us);
            if !claim.change.is_removal() {
                let (class, what) = claim_state(claim.what);
                begin_run(&mut runs, at_us, class, format!("{name}: {what}"));
            }
        }
        end_run(&mut runs, self.until_us);
        runs
    }

    fn add_dns(&mut self, view: &View<'_>) {
        for (name, strip, is_service) in told::strips(view) {
            match self.lanes.iter_mut().find(|lane| lane.name == name) {
                Some(lane) => lane.strips.push(strip),
                None if is_service => {
                    self.lanes.push(Lane { name, bars: Vec::new(), strips: vec![strip] });
                }
                None => {}
            }
        }
    }

    fn add_marks(&mut self, history: &History) {
        for event in &history.events {
            let at_us = event.span.until_us;
            let title = format!("{:.3} s: {}", secs(at_us), witness::Line::of(event).what);
            let mark = |class, label| Mark { at_us, class, label, title: title.clone() };
            match &event.seen {
                Observation::WatchGap { resource, .. } => {
                    self.gaps.push(mark("gap", Some(format!("lost {}", resource.plural()))));
                }
                Observation::ApiError(_) => self.commands.push(mark("bad", None)),
                Observation::Exec(exec) => match exec.purpose {
                    Purpose::OpenGate => {
                        self.steps.push(mark("step", Some(format!("open gate {}", exec.pod))))
                    }
                    Purpose::CloseGate => {
                        self.steps.push(mark("step", Some(format!("close gate {}", exec.pod))))
                    }
                    _ => self.commands.push(mark("command", None)),
                },
                Observation::Read(_) => self.commands.push(mark("command", None)),
                Observation::Step(step) => self.add_step(history, step, mark),
                _ => {}
            }
        }
    }

    fn add_step(
        &mut self,
        history: &History,
        step: &Step,
        mark: impl Fn(&'static str, Option<String>) -> Mark,
    ) {
        match step {
            Step::Requested(request) => {
                let label = (ascii::disturbs(request) || request.resource == Resource::StatefulSets.plural())
                    .then(|| witness::request(request));
                self.steps.push(mark("step", label));
            }
            Step::TimedOut { wait, .. } => self.steps.push(mark("bad", Some(format!("gave up: {wait}")))),
            Step::Aborted { .. } => self.steps.push(mark("bad", Some("ended early".to_owned()))),
            Step::Waited { .. } => self.steps.push(mark("waited", None)),
            Step::QuietBegan { name, .. } => {
                let until = history.quiet(name).and_then(|(_, ended)| ended).map(|event| event.span.until_us);
                let from_us = mark("", None).at_us;
                let until_us = until.unwrap_or(self.until_us);
                let title = format!("quiet for {:.1} s: {name}", secs(until_us.saturating_sub(from_us)));
                self.quiet.push(Run { from_us, until_us, class: "quiet", title });
            }
            _ => {}
        }
    }
}

pub(super) fn strip(label: &str, of: &str) -> Strip {
    Strip { label: label.to_owned(), of: of.to_owned(), runs: Vec::new() }
}

fn begin_run(runs: &mut Vec<Run>, at_us: u64, class: &'static str, title: String) {
    runs.push(Run { from_us: at_us, until_us: at_us, class, title });
}

/// Ends the last run if it has not ended before.
fn end_run(runs: &mut [Run], at_us: u64) {
    if let Some(run) = runs.last_mut().filter(|run| run.from_us == run.until_us) {
        run.until_us = at_us;
    }
}

/// One more sample: the last run goes on up to here, and a new one begins if it is another.
pub(super) fn extend_run(runs: &mut Vec<Run>, at_us: u64, class: &'static str, title: String) {
    if let Some(run) = runs.last_mut() {
        run.until_us = at_us;
        if run.class == class && run.title == title {
            return;
        }
    }
    begin_run(runs, at_us, class, title);
}

fn bar(life: &PodLife<'_>, until_us: u64) -> Bar {
    let mut bar = Bar {
        scheduled_us: life.scheduled().map(|event| event.span.until_us),
        deleted_us: life.gone().map(|event| event.span.until_us),
        title: biography(life),
        ..Bar::default()
    };
    for version in &life.versions {
        let at_us = version.event.span.until_us;
        if version.change.is_removal() {
            continue;
        }
        let (class, what) = phase(Phase::of(version.what));
        extend_run(&mut bar.phases, at_us, class, format!("{} {what}", life.name));
        let address = pod::addresses(version.what).join(" ");
        let last = bar.addresses.last().and_then(|mark| mark.label.as_deref()).unwrap_or_default();
        if !address.is_empty() && address != last {
            let title = format!("{} has the address {address}", life.name);
            bar.addresses.push(Mark { at_us, class: "address", label: Some(address), title });
        }
    }
    if let Some(run) = bar.phases.last_mut() {
        run.until_us = bar.deleted_us.unwrap_or(until_us);
    }
    bar
}

const fn phase(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Pending => ("pending", "is pending"),
        Phase::Running => ("running", "runs and is not ready"),
        Phase::Ready => ("ready", "is ready"),
        Phase::Terminating => ("terminating", "is terminating"),
        Phase::Terminal => ("ended", "has ended"),
    }
}

/// An incarnation from birth to removal, one line for each turn.
fn biography(life: &PodLife<'_>) -> String {
    let node =
        life.first(|pod| pod.text("/spec/nodeName").is_some()).and_then(|v| v.what.text("/spec/nodeName"));
    let born = if life.birth_was_seen() { "created" } else { "listed" };
    let turns = [
        (born, Some(life.birth())),
        ("scheduled", life.scheduled()),
        ("running", life.running()),
        ("ready", life.first_ready()),
        ("terminating", life.terminating()),
        ("deleted", life.deleted()),
    ];
    let turns = turns.into_iter().filter_map(|(what, event)| Some((what, event?.span.until_us)));
    let mut text = format!("{}  uid {}", life.name, life.uid);
    for (what, at_us) in turns {
        text += &format!("\n{:.3} s  {what}", secs(at_us));
    }
    text + &format!("\non {}, {}", node.unwrap_or("no node"), life.addresses().join(" "))
}

fn claim_state(claim: &ObjectSeen) -> (&'static str, String) {
    let volume = claim.text("/spec/volumeName").unwrap_or("no volume");
    match claim.text("/status/phase") {
        _ if claim.is_terminating() => ("claim-terminating", "terminating".to_owned()),
        Some("Bound") => ("bound", format!("bound to {volume}")),
        other => ("unbound", other.unwrap_or("no phase").to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    fn classes(runs: &[Run]) -> Vec<&'static str> {
        runs.iter().map(|run| run.class).collect()
    }

    #[test]
    fn phases_of_each_incarnation() {
        let lanes = Lanes::of(&history(
            "web-0 created; web-0 scheduled; web-0 running; web-0 ready; web-0 unready; web-0 terminating; \
             web-0 deleted; web-0 created",
        ));
        let lane = &lanes.unwrap().lanes[0];
        assert_eq!(classes(&lane.bars[0].phases), ["pending", "running", "ready", "running", "terminating"]);
        assert_eq!(classes(&lane.bars[1].phases), ["pending"]);
        assert!(lane.bars[0].title.contains("scheduled") && lane.bars[0].deleted_us.is_some());
    }

    #[test]
    fn many_answers_are_few_runs() {
        let asked = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> 10.0.0.9;".repeat(500);
        let lanes = Lanes::of(&history(&format!(
            "dns a A web-0 -> nxdomain; web-0 created; web-0 ready; {asked} dns b A web-0 -> no-answer"
        )));
        let strips = &lanes.unwrap().lanes[0].strips;
        assert_eq!(strips.iter().map(|strip| strip.label.as_str()).collect::<Vec<_>>(), ["dns a", "dns b"]);
        assert_eq!(classes(&strips[0].runs), ["absent", "present"]);
        assert_eq!(classes(&strips[1].runs), ["other", "no-answer"]);
    }

    #[test]
    fn a_claim_is_pending_then_bound() {
        let lanes =
            Lanes::of(&history("web-0 created; www-web-0 claimed; wait 1s; www-web-0 bound; web-0 ready"));
        let strip = &lanes.unwrap().lanes[0].strips[0];
        assert_eq!((classes(&strip.runs), strip.label.as_str()), (vec!["unbound", "bound"], "claim"));
    }
}
