//! Quiet periods in which one pod that ran and was not ready kept the next one from being created.

use super::{PodLife, Set, View};
use crate::history::{Event, ObjectSeen, Phase, Purpose, Seen, Step};

/// A quiet period in which all pods below the next one to be created were ready but for one.
#[derive(Debug)]
pub struct HeldBack<'p, 'h> {
    /// The pod that ran and was not ready when the period began.
    pub gate: &'p PodLife<'h>,
    /// The name of the next pod to be created.
    pub successor: String,
    /// The step with which the period began.
    pub began: &'h Event,
    /// The step with which it ended.
    pub ended: &'h Event,
    /// The version from which on the gate ran and was not ready.
    pub unready: &'h Event,
    /// The first version after that in which it was something else.
    pub released: Option<Seen<'h, ObjectSeen>>,
}

impl<'h> HeldBack<'_, 'h> {
    /// How long the period was, in microseconds.
    pub fn length_us(&self) -> u64 {
        self.ended.span.until_us.saturating_sub(self.began.span.until_us)
    }

    /// Whether the gate ran and was not ready from the beginning of the period to its end.
    pub fn lasted(&self) -> bool {
        self.released.is_none_or(|released| self.ended.comes_before(released.event))
    }

    /// When the gate became ready, if that was how it was released.
    pub fn ready(&self) -> Option<&'h Event> {
        let is_ready = |version: &Seen<'h, ObjectSeen>| Phase::of(version.what) == Phase::Ready;
        self.released
            .filter(|version| !version.change.is_removal() && is_ready(version))
            .map(|version| version.event)
    }

    /// Whether something was over before the gate can have become ready: it is opened by a command in the pod, or it opens by
    /// itself.
    pub fn was_shut(&self, view: &View<'h>, event: &Event) -> bool {
        let Some(ready) = self.ready() else { return self.released.is_none() };
        let mut opened = view
            .execs_for(&Purpose::OpenGate)
            .filter(|exec| exec.pod == self.gate.name && self.unready.comes_before(exec.event));
        opened.next().is_some_and(|opened| {
            event.span.certainly_before(&opened.event.span)
                && !ready.span.certainly_before(&opened.event.span)
        })
    }
}

/// The quiet periods in which a pod of the set held the next one back.
pub fn held_back<'p, 'h>(view: &View<'h>, set: &'p Set<'h>) -> Vec<HeldBack<'p, 'h>> {
    quiet_periods(view).into_iter().filter_map(|(began, ended)| in_period(set, began, ended)).collect()
}

fn in_period<'p, 'h>(set: &'p Set<'h>, began: &'h Event, ended: &'h Event) -> Option<HeldBack<'p, 'h>> {
    let pods = set.pods();
    let mut below = Vec::new();
    for name in set.wanted_at(began) {
        let life = pods.before(&name, began).next().filter(|life| life.at(began).is_some());
        let Some(life) = life else {
            let mut unready =
                below.into_iter().filter(|life: &&PodLife<'h>| life.ready_since(began).is_none());
            let (gate, others) = (unready.next()?, unready.next());
            let is_gate = others.is_none() && gate.phase_at(began) == Some(Phase::Running);
            let (unready, released) = is_gate.then(|| unready_around(gate, began))?;
            return Some(HeldBack { gate, successor: name, began, ended, unready, released });
        };
        below.push(life);
    }
    None
}

/// The versions between which a pod ran and was not ready, around an event.
fn unready_around<'h>(life: &PodLife<'h>, event: &Event) -> (&'h Event, Option<Seen<'h, ObjectSeen>>) {
    let is_unready = |version: &&Seen<'h, ObjectSeen>| {
        Phase::of(version.what) == Phase::Running && !version.change.is_removal()
    };
    let before = life.between(None, event);
    let first =
        before.iter().rev().take_while(is_unready).last().map_or(life.birth(), |version| version.event);
    let after = &life.versions[before.len()..];
    (first, after.iter().find(|version| !is_unready(version)).copied())
}

/// The quiet periods that came to their end.
fn quiet_periods<'h>(view: &View<'h>) -> Vec<(&'h Event, &'h Event)> {
    let mut open: Vec<(&str, &Event)> = Vec::new();
    let mut periods = Vec::new();
    for step in view.history().steps() {
        match step.what {
            Step::QuietBegan { name, .. } => open.push((name, step.event)),
            Step::QuietEnded { name } => {
                let began = open.iter().rposition(|(of, _)| of == name).map(|place| open.remove(place).1);
                periods.extend(began.map(|began| (began, step.event)));
            }
            _ => {}
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    /// What is held back by what in each quiet period, and whether that lasted.
    fn told(statements: &str) -> Vec<(String, String, bool)> {
        let history = history(statements);
        let view = View::of(&history);
        let all = held_back(&view, &view.sets()[0]);
        all.iter().map(|held| (held.successor.clone(), held.gate.name.to_owned(), held.lasted())).collect()
    }

    fn one(successor: &str, gate: &str, lasted: bool) -> Vec<(String, String, bool)> {
        vec![(successor.to_owned(), gate.to_owned(), lasted)]
    }

    const THREE: &str = "set replicas=3; web-0 created; web-0 running;";
    const QUIET: &str = "quiet any; wait 30s; quiet-over any;";

    #[test]
    fn the_pod_that_is_not_ready_holds_the_next_one_back() {
        assert_eq!(told(&format!("{THREE} {QUIET} web-0 ready")), one("web-1", "web-0", true));
        let second = format!("{THREE} web-0 ready; web-1 created; web-1 running; {QUIET} web-1 ready");
        assert_eq!(told(&second), one("web-2", "web-1", true));
        let lower =
            format!("{THREE} web-0 ready; web-1 created; web-1 ready; web-0 unready; {QUIET} web-0 ready");
        assert_eq!(told(&lower), one("web-2", "web-0", true));
        let shifted = "set start=5 replicas=2; web-5 created; web-5 running;";
        assert_eq!(told(&format!("{shifted} {QUIET}")), one("web-6", "web-5", true));
    }

    #[test]
    fn a_period_in_which_it_became_ready_did_not_last() {
        let short = "quiet any; web-0 ready; web-0 unready; wait 30s; quiet-over any";
        assert_eq!(told(&format!("{THREE} {short}")), one("web-1", "web-0", false));
    }

    #[test]
    fn where_two_are_not_ready_or_none_is_missing_nothing_is_shown() {
        let two = format!("{THREE} web-0 ready; web-1 created; web-0 unready; {QUIET}");
        assert!(told(&two).is_empty());
        let pending = format!("set replicas=3; web-0 created; {QUIET}");
        assert!(told(&pending).is_empty());
        let all = format!("set replicas=1; web-0 created; web-0 running; {QUIET}");
        assert!(told(&all).is_empty());
        assert!(told(&format!("{THREE} quiet any; wait 30s")).is_empty());
    }

    #[test]
    fn the_gate_is_shut_until_a_command_opens_it() {
        let shut = |after: &str| {
            let history = history(&format!("{THREE} {QUIET} {after}"));
            let view = View::of(&history);
            let held = &held_back(&view, &view.sets()[0])[0];
            let read = history.reads().next().expect("a read").event;
            held.was_shut(&view, read)
        };
        assert!(shut("read pods/web-1 -> 404; wait 1s; exec web-0 open-gate -> ok; web-0 ready"));
        assert!(!shut("exec web-0 open-gate -> ok; read pods/web-1 -> 404; web-0 ready"));
        assert!(!shut("read pods/web-1 -> 404; web-0 ready"), "it opened by itself");
        assert!(shut("read pods/web-1 -> 404"));
        assert!(!shut("read pods/web-1 -> 404; web-0 deleted"));
    }
}
