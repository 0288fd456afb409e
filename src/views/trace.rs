//! A history reduced to what the set did: which pods it created, saw ready and took away, in the order that it has to
//! answer for. Two clusters that behave alike leave equal traces, however fast they are.
//!
//! A trace is cut into [`Leg`]s where the driver itself waited for pods or kept quiet, so what happens beside a scenario's
//! other steps (a question, a claim, a status) has no place in it. Within a leg, only order that somebody made is kept:
//!
//! - an `OrderedReady` set does one thing after the other: all that it does is one line;
//! - the end of a pod that a request of the scenario asked for comes when its containers let it, so it is a line of its own;
//! - a `Parallel` set orders nothing between its pods: each of them has a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use super::{PodLife, Set, View};
use crate::history::{Event, History, Observation, Purpose, Requested, Resource, Step, Verb};

/// What became of a set in one scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Its parts, in the order in which they happened.
    pub legs: Vec<Leg>,
}

/// What happened between two waits for pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leg {
    /// What the driver did to the set and its pods, what is repeated left out: `delete pod web-0`.
    pub did: Vec<String>,
    /// How it ended: `pods-ready [0, 1]`.
    pub until: String,
    /// What happened. Within a line each thing came after the one before; between two lines there is no order.
    pub lines: BTreeSet<Vec<Moment>>,
    /// Whether the watch of pods lost something in it, so that nothing can be concluded from what is missing.
    pub has_gap: bool,
}

/// A pod that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The pod's name, which has its ordinal.
    pub pod: String,
    /// What it did.
    pub turn: Turn,
}

/// What a pod can do in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It was created.
    Created,
    /// It was ready, for the first time.
    Ready,
    /// It was asked to stop.
    Terminating,
    /// It was removed.
    Deleted,
}

/// Where two traces part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parting<'t> {
    /// Which leg it is, from 0.
    pub leg: usize,
    /// The one trace's leg; none where that trace is over.
    pub left: Option<&'t Leg>,
    /// The other trace's.
    pub right: Option<&'t Leg>,
}

impl Trace {
    /// Reduces a history, up to the end of its scenario.
    pub fn of(history: &History) -> Self {
        let view = View::of(history);
        let turns = turns(&view);
        let (mut legs, mut from) = (Vec::new(), 0);
        for (until, name) in cuts(history) {
            legs.push(leg(history, &turns, (from..=until, name)));
            from = until + 1;
        }
        Self { legs }
    }

    /// The first leg in which the two are not the same.
    pub fn parting<'t>(&'t self, other: &'t Trace) -> Option<Parting<'t>> {
        (0..self.legs.len().max(other.legs.len()))
            .map(|leg| Parting { leg, left: self.legs.get(leg), right: other.legs.get(leg) })
            .find(|parting| parting.left != parting.right)
    }
}

/// A turn, where it is in the record, and the line that it belongs to.
struct Turned<'h> {
    seq: u64,
    line: Line<'h>,
    moment: Moment,
}

/// What is ordered by one cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line<'h> {
    /// The one thing after the other that an ordered set does: its namespace and name.
    Set(&'h str, &'h str),
    /// One pod of a parallel set, whatever becomes of it.
    Pod(&'h str),
    /// The end of one incarnation, asked for by the scenario.
    Asked(&'h str),
}

fn turns<'h>(view: &View<'h>) -> Vec<Turned<'h>> {
    let mut all = Vec::new();
    for set in view.sets() {
        all.extend(set.pods().iter().flat_map(|life| turns_of(view, set, life)));
    }
    all.sort_by_key(|turned| (turned.seq, turned.moment.turn));
    all
}

fn turns_of<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>) -> Vec<Turned<'h>> {
    let own = if set.is_parallel() { Line::Pod(life.name) } else { Line::Set(set.namespace, set.name) };
    let end = if was_asked_for(view, set, life) { Line::Asked(life.uid) } else { own };
    let turned = |seq, line, turn| Turned { seq, line, moment: Moment { pod: set.key(life.name), turn } };
    let mut turns = vec![turned(life.birth().seq, own, Turn::Created)];
    turns.extend(life.first_ready().map(|event| turned(event.seq, own, Turn::Ready)));
    if let Some(asked) = life.terminating() {
        turns.push(turned(asked.seq, end, Turn::Terminating));
        // How long containers take to stop is nobody's promise, so such an end stays in the leg that it was asked for in.
        let gone = life.gone().map(|event| if end == own { event.seq } else { asked.seq });
        turns.extend(gone.map(|seq| turned(seq, end, Turn::Deleted)));
    }
    turns
}

/// Whether it was a request of the scenario that asked this incarnation to stop.
fn was_asked_for<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>) -> bool {
    let Some(end) = life.terminating() else { return false };
    let asked = |doing: &super::Doing<'h>| {
        doing.event.is_between(life.birth(), end) && doing.deletes_pod(set, life.name)
    };
    view.doings().iter().any(asked)
}

/// The events that a leg ends with, and how each is called.
fn cuts(history: &History) -> Vec<(u64, String)> {
    let mut cuts: Vec<(u64, String)> = Vec::new();
    for step in history.steps() {
        let (seq, name) = match step.what {
            // What made the condition true is the end, however late the driver took notice.
            Step::Waited { wait, ended_by } if wait.is_for_members() => {
                (ended_by.unwrap_or(step.event.seq), wait.to_string())
            }
            Step::TimedOut { wait, .. } if wait.is_for_members() => (step.event.seq, format!("no {wait}")),
            Step::QuietEnded { name } => (step.event.seq, format!("quiet {name}")),
            Step::Completed => (step.event.seq, "the end".to_owned()),
            Step::Aborted { .. } => (step.event.seq, "the end, too early".to_owned()),
            _ => continue,
        };
        cuts.push((seq, name));
    }
    let is_over = history.is_completed() || history.aborted().is_some();
    let open = history.events.last().filter(|_| !is_over);
    cuts.extend(open.map(|last| (last.seq, "the record's end, which is not the scenario's".to_owned())));
    cuts
}

fn leg(history: &History, turns: &[Turned<'_>], (seqs, until): (RangeInclusive<u64>, String)) -> Leg {
    let mut lines: BTreeMap<Line<'_>, Vec<Moment>> = Default::default();
    for turned in turns.iter().filter(|turned| seqs.contains(&turned.seq)) {
        lines.entry(turned.line).or_default().push(turned.moment.clone());
    }
    let mut did: Vec<String> =
        history.events.iter().filter(|event| seqs.contains(&event.seq)).filter_map(done).collect();
    did.dedup();
    let has_gap = history.gaps(Resource::Pods).iter().any(|gap| seqs.contains(&gap.shown_by.seq));
    Leg { did, until, lines: lines.into_values().collect(), has_gap }
}

/// What the driver did to the set or its pods.
fn done(event: &Event) -> Option<String> {
    match &event.seen {
        Observation::Step(Step::Requested(requested)) => asked(requested),
        Observation::Exec(exec) if exec.purpose == Purpose::OpenGate => Some(format!("open {}", exec.pod)),
        Observation::Exec(exec) if exec.purpose == Purpose::CloseGate => Some(format!("close {}", exec.pod)),
        _ => None,
    }
}

fn asked(requested: &Requested) -> Option<String> {
    let (verb, resource) = (requested.verb, requested.resource.as_str());
    let name = requested.name.as_deref().unwrap_or_default();
    match verb {
        _ if requested.dry_run => None,
        _ if requested.scales_to().is_some() => Some(format!("scale to {}", requested.scales_to()?)),
        Verb::Delete if resource == Resource::Pods.plural() => Some(format!("delete {name}")),
        Verb::DeleteCollection if resource == Resource::Pods.plural() => Some("delete all pods".to_owned()),
        _ if resource == Resource::StatefulSets.plural() => {
            Some(format!("{} the set", format!("{verb:?}").to_lowercase()))
        }
        _ => None,
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pod, format!("{:?}", self.turn).to_lowercase())
    }
}

/// What was done, what happened (a line a line), and how it ended.
impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for did in &self.did {
            writeln!(f, "{did}")?;
        }
        if self.has_gap {
            writeln!(f, "  (the watch lost events)")?;
        }
        for line in &self.lines {
            let mark = if self.lines.len() > 1 { "∥" } else { " " };
            for (index, moment) in line.iter().enumerate() {
                writeln!(f, "{} {moment}", if index == 0 { mark } else { " " })?;
            }
        }
        write!(f, "until {}", self.until)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::Change,
    };

    /// The trace of these statements, a line a leg: what was done, the lines of what happened, how it ended.
    fn trace(statements: &str) -> Vec<String> {
        Trace::of(&history(statements)).legs.iter().map(short).collect()
    }

    /// `delete web-0: web-0 terminating, web-0 deleted | web-0 created > pods-ready web-0`
    fn short(leg: &Leg) -> String {
        let line = |line: &Vec<Moment>| line.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let lines: Vec<String> = leg.lines.iter().map(line).collect();
        format!("{}: {} > {}", leg.did.join(", "), lines.join(" | "), leg.until)
    }

    #[test]
    fn a_leg_ends_with_a_wait_for_pods() {
        let legs = trace(
            "web-0 created; web-0 ready; web-1 created; waited status-settled 2; web-1 ready; \
             waited pods-ready [0, 1]; completed",
        );
        assert_eq!(
            legs,
            [
                ": web-0 created, web-0 ready, web-1 created, web-1 ready > pods-ready web-0 web-1",
                ":  > the end"
            ]
        );
    }

    #[test]
    fn what_happens_in_a_quiet_period_stands_in_a_leg_of_its_own() {
        let legs = trace(
            "web-0 created; web-0 running; waited pods-unready [0]; quiet first; web-1 created; quiet-over first; \
             exec web-0 open-gate -> ; web-0 ready; completed",
        );
        assert_eq!(
            legs,
            [
                ": web-0 created > pods-unready web-0",
                ": web-1 created > quiet first",
                "open web-0: web-0 ready > the end"
            ]
        );
    }

    #[test]
    fn a_wait_ends_with_what_made_it_true_and_not_when_the_driver_took_notice() {
        let ready = history("web-0 created; web-0 ready").last().seq;
        let mut notes = Notes::new().say("web-0 created; web-0 ready; web-1 created");
        notes.step(Step::Waited {
            wait: crate::history::Wait::PodsReady(vec!["web-0".to_owned()]),
            ended_by: Some(ready),
        });
        let trace = Trace::of(&notes.say("completed").history());
        let legs: Vec<String> = trace.legs.iter().map(short).collect();
        assert_eq!(legs, [": web-0 created, web-0 ready > pods-ready web-0", ": web-1 created > the end"]);
    }

    const MASS_DELETED: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; waited pods-ready [0, 1]; \
                                delete all; web-0 terminating; web-1 terminating; ";

    #[test]
    fn ends_that_were_asked_for_together_have_no_order() {
        let one = "web-0 deleted; web-0 created; web-1 deleted; web-0 ready; web-1 created; completed";
        let other = "web-1 deleted; web-0 deleted; web-0 created; web-0 ready; web-1 created; completed";
        let one = trace(&format!("{MASS_DELETED}{one}"));
        assert_eq!(one, trace(&format!("{MASS_DELETED}{other}")));
        assert_eq!(
            one[1],
            "delete all pods: web-0 created, web-0 ready, web-1 created | web-0 terminating, web-0 deleted | \
             web-1 terminating, web-1 deleted > the end"
        );
    }

    #[test]
    fn an_end_stays_in_the_leg_that_it_was_asked_for_in() {
        let soon =
            "web-1 deleted; web-0 deleted; web-0 created; web-0 running; waited pods-running [0]; completed";
        let late =
            "web-0 deleted; web-0 created; web-0 running; waited pods-running [0]; web-1 deleted; completed";
        assert_eq!(trace(&format!("{MASS_DELETED}{soon}")), trace(&format!("{MASS_DELETED}{late}")));
    }

    #[test]
    fn the_order_of_creation_is_the_sets_own() {
        let ordered = "web-0 deleted; web-1 deleted; web-0 created; web-0 ready; web-1 created; completed";
        let early = "web-1 deleted; web-1 created; web-0 deleted; web-0 created; web-0 ready; completed";
        assert_ne!(trace(&format!("{MASS_DELETED}{ordered}")), trace(&format!("{MASS_DELETED}{early}")));
    }

    #[test]
    fn a_set_that_scales_down_has_every_step_in_order() {
        let up =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; waited pods-ready [0, 1]; scale 0; ";
        let one_by_one = "web-1 terminating; web-1 deleted; web-0 terminating; web-0 deleted; completed";
        let overlapping = "web-1 terminating; web-0 terminating; web-1 deleted; web-0 deleted; completed";
        let legs = trace(&format!("{up}{one_by_one}"));
        assert_eq!(
            legs[1],
            "scale to 0: web-1 terminating, web-1 deleted, web-0 terminating, web-0 deleted > the end"
        );
        assert_ne!(legs, trace(&format!("{up}{overlapping}")));
    }

    #[test]
    fn a_parallel_set_orders_nothing_between_its_pods() {
        let of = |pods: &str| {
            let mut notes = Notes::new();
            let set =
                json!({"metadata": {"name": "web", "uid": "s"}, "spec": {"podManagementPolicy": "Parallel"}});
            notes.object(Resource::StatefulSets, Change::Added, set);
            Trace::of(&notes.say(pods).history())
        };
        let one = of("web-0 created; web-1 created; web-0 ready; web-1 ready; completed");
        assert_eq!(one, of("web-1 created; web-1 ready; web-0 created; web-0 ready; completed"));
        assert_ne!(one, of("web-1 created; web-0 created; web-0 ready; completed"));
    }

    #[test]
    fn what_comes_after_the_end_is_the_clean_up() {
        assert_eq!(
            trace("web-0 created; completed; web-0 terminating; web-0 deleted"),
            [": web-0 created > the end"]
        );
    }

    #[test]
    fn a_record_without_an_end_loses_nothing() {
        assert_eq!(
            trace("waited pods-ready []; web-0 created")[1],
            ": web-0 created > the record's end, which is not the scenario's"
        );
    }

    #[test]
    fn a_wait_for_pods_that_was_given_up_ends_a_leg_and_other_waits_do_not() {
        let legs = trace(
            "web-0 created; timed-out dns-settled; web-0 ready; timed-out pods-ready [0, 1]; web-1 created; aborted",
        );
        assert_eq!(
            legs,
            [
                ": web-0 created, web-0 ready > no pods-ready web-0 web-1",
                ": web-1 created > the end, too early"
            ]
        );
    }

    #[test]
    fn what_was_done_to_others_than_the_set_and_its_pods_is_left_out() {
        let mut notes = Notes::new().say("web-0 created");
        let requests = [
            (Verb::Apply, Resource::StatefulSets, Some("web")),
            (Verb::Patch, Resource::Services, Some("web")),
            (Verb::Delete, Resource::Services, Some("web-0")),
            (Verb::DeleteCollection, Resource::PersistentVolumeClaims, None),
            (Verb::Delete, Resource::Pods, Some("web-0")),
            (Verb::DeleteCollection, Resource::Pods, None),
        ];
        for (verb, resource, name) in requests {
            notes.request(verb, resource, name, None, json!({}));
        }
        notes.run("web-0", Purpose::CloseGate, "");
        notes.run("web-0", Purpose::OpenGate, "");
        notes.run("web-0", Purpose::Hostname, "web-0");
        let trace = Trace::of(&notes.say("completed").history());
        let done = ["apply the set", "delete web-0", "delete all pods", "close web-0", "open web-0"];
        assert_eq!(trace.legs[0].did, done);
    }

    #[test]
    fn a_leg_is_told_line_by_line() {
        let told = |statements: &str| {
            let trace = Trace::of(&history(statements));
            trace.legs.last().map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(
            told("scale 1; gap pods; web-0 created; web-0 ready; completed"),
            "scale to 1\n  (the watch lost events)\n  web-0 created\n  web-0 ready\nuntil the end"
        );
        assert_eq!(
            told(&format!("{MASS_DELETED}web-0 deleted; web-1 deleted; completed")),
            "delete all pods\n∥ web-0 terminating\n  web-0 deleted\n∥ web-1 terminating\n  web-1 deleted\nuntil the end"
        );
    }

    #[test]
    fn a_request_that_was_sent_twice_is_one() {
        assert!(trace("scale 2; scale 2; completed")[0].starts_with("scale to 2:"));
    }

    #[test]
    fn a_gap_makes_a_leg_another() {
        let (whole, lost) =
            (history("web-0 created; completed"), history("web-0 created; gap pods; completed"));
        assert!(Trace::of(&lost).legs[0].has_gap);
        assert_ne!(Trace::of(&whole), Trace::of(&lost));
    }

    #[test]
    fn traces_part_where_one_is_over() {
        let (short, long) =
            (history("waited pods-ready []"), history("waited pods-ready []; web-0 created; completed"));
        let (short, long) = (Trace::of(&short), Trace::of(&long));
        assert_eq!(short.parting(&short), None);
        let parting = Trace { legs: short.legs[..1].to_vec() };
        let parting = parting.parting(&long).unwrap();
        assert_eq!((parting.leg, parting.left, parting.right.unwrap().until.as_str()), (1, None, "the end"));
    }
}
