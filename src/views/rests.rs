//! Which pods a set had when its status said that it had come to rest.

use std::collections::BTreeSet;

use super::{PodLife, Set, View, Window, controller, order};
use crate::history::{Event, Gap, Resource, Seen, Step, Verb, Wait};

/// The pods of a set at rest, compared with those that it should have.
#[derive(Debug)]
pub enum Rest<'h> {
    /// They were exactly those, by this event.
    Exact(&'h Event),
    /// They were not: those that were there, with an event that shows it.
    Other(Vec<&'h str>, &'h Event),
    /// They were not by the watch of pods, which may have been late, or the status may have been old.
    TooClose(Vec<&'h str>),
    /// A gap of the watch of pods hides them.
    Hidden(&'h Event),
    /// The wait for the status was given up.
    NotSettled,
}

/// Which pods a set had when a wait for its status ended, or until the driver next disturbed it; none where the wait was not for
/// the number of replicas that was asked for.
///
/// The status and the pods come by two watches, and either may be late. So the pods need not be the right ones at once, and that
/// they were not is certain only of those that were there, or were not, long enough before and after.
pub fn at_rest<'h>(view: &View<'h>, set: &Set<'h>, wait: &'h Event) -> Option<Rest<'h>> {
    let (replicas, ended_by) = match &wait.seen {
        crate::history::Observation::Step(step) => match step {
            Step::Waited { wait: Wait::StatusSettled { replicas, .. }, ended_by } => (*replicas, *ended_by),
            Step::TimedOut { wait: Wait::StatusSettled { .. }, .. } => return Some(Rest::NotSettled),
            _ => return None,
        },
        _ => return None,
    };
    if set.asked_at(wait).map(|asked| asked.replicas) != Some(replicas) {
        return None;
    }
    let wanted = set.wanted_at(wait);
    let window = undisturbed(view, set, wait, &wanted);
    let settled = Settled { view, set, wait, wanted, window };
    Some(settled.compare(ended_by))
}

/// From the end of a wait to the next doing that changes the set or one of its pods.
fn undisturbed<'h>(view: &View<'h>, set: &Set<'h>, wait: &Event, wanted: &[String]) -> Window<'h> {
    let present = set.pods().at(wait);
    let names: BTreeSet<&str> =
        wanted.iter().map(String::as_str).chain(present.iter().map(|life| life.name)).collect();
    view.window_until(wait, |next| {
        next.disturbs(Resource::StatefulSets, set.namespace, set.name)
            || names.iter().any(|name| next.disturbs_pod(set, name))
    })
}

struct Settled<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    wait: &'h Event,
    wanted: Vec<String>,
    window: Window<'h>,
}

impl<'h> Settled<'_, 'h> {
    fn compare(&self, ended_by: Option<u64>) -> Rest<'h> {
        let pods = self.set.pods();
        if let Some(exact) = self.exact() {
            return Rest::Exact(exact);
        }
        if let Some(gap) = pods.gap_between(self.wait, self.window.until) {
            return Rest::Hidden(gap.shown_by);
        }
        let names = self.owned(self.wait).iter().map(|life| life.name).collect();
        let Some(status) = self.status(ended_by) else { return Rest::TooClose(names) };
        let hides = |gap: &Gap<'h>| {
            gap.from.comes_before(self.window.until)
                && gap.until.is_none_or(|until| !self.is_long_before(until, status))
        };
        if let Some(gap) = pods.gaps().into_iter().find(hides) {
            return Rest::Hidden(gap.shown_by);
        }
        // A status tells how many pods there are, and not which: one that is left over may stand for one that is missing.
        let controlled = pods.iter().filter(|life| life.last_before(self.wait).controller().is_some());
        let (mut certain, mut possible) = (Vec::new(), 0);
        for life in controlled {
            certain.extend(self.was_there(life, status).then_some(life));
            possible += usize::from(self.may_have_been_there(life, status));
        }
        let surplus = certain.iter().find(|life| !self.wanted.iter().any(|name| name == life.name));
        match surplus {
            Some(life) if certain.len() > self.wanted.len() => {
                Rest::Other(names, life.last_seen_before(self.window.until))
            }
            _ if possible < self.wanted.len() && self.is_complete(status) => Rest::Other(names, status),
            _ => Rest::TooClose(names),
        }
    }

    /// The first event in the window by which the pods were exactly those that they should be.
    fn exact(&self) -> Option<&'h Event> {
        let is_exact = |event: &Event| {
            let there = self.owned(event);
            let are_wanted = there.iter().all(|life| self.wanted.iter().any(|name| name == life.name));
            there.len() == self.wanted.len() && are_wanted && self.set.pods().gap_at(event).is_none()
        };
        if is_exact(self.wait) {
            return Some(self.wait);
        }
        let lives = self.set.pods().iter();
        let changes = lives.flat_map(|life| [Some(life.birth()), life.gone()]).flatten();
        let mut changes: Vec<&Event> = changes.filter(|event| self.window.has(event)).collect();
        changes.sort_unstable_by_key(|event| event.seq);
        // A pod is there after the event of its birth.
        let history = self.view.history();
        let after = |event: &Event| history.event((event.seq + 1).min(history.last().seq));
        changes.into_iter().find(|event| is_exact(after(event)))
    }

    /// The pods that the set controls.
    fn owned(&self, event: &Event) -> Vec<&PodLife<'h>> {
        let mut there = self.set.pods().at(event);
        there.retain(|life| life.last_before(event).controller().is_some());
        there
    }

    /// The version of the set that settled the wait, if it certainly tells of what was asked for last.
    fn status(&self, ended_by: Option<u64>) -> Option<&'h Event> {
        let ended_by = ended_by.map(|seq| self.view.history().event(seq));
        let version: Seen<'h, _> = self.set.at(ended_by.unwrap_or(self.wait))?;
        self.set.is_settled_in(&version, self.wait).then_some(version.event)
    }

    /// Whether all that was there when the status was written has been delivered.
    fn is_complete(&self, status: &Event) -> bool {
        let history = self.view.history();
        history.is_completed() && order::certainly_before(history, status, history.ended())
    }

    /// Whether a pod was there, long before the status was written and after it. That one never went is known from the list at
    /// the end of a scenario.
    fn was_there(&self, life: &PodLife<'h>, status: &Event) -> bool {
        let history = self.view.history();
        let outlived = match life.gone() {
            Some(gone) => order::certainly_before(history, status, gone),
            None => self.is_complete(status),
        };
        outlived && self.is_long_before(life.birth(), status)
    }

    /// Whether a pod may have been there when the status was written. One that never came may still be delivered, unless a list at
    /// the end of the scenario says that there is none.
    fn may_have_been_there(&self, life: &PodLife<'h>, status: &Event) -> bool {
        let was_gone = life.gone().is_some_and(|gone| self.is_long_before(gone, status));
        !was_gone && !order::certainly_before(self.view.history(), status, life.birth())
    }

    /// Whether something was so long before the status that the controller knew it when it wrote that. It had seen what was
    /// asked for last.
    fn is_long_before(&self, event: &Event, status: &Event) -> bool {
        let request = self.set.asked_at(self.wait).map(|asked| asked.event);
        order::certainly_before(self.view.history(), event, status)
            && controller::had_seen(self.set, event, request, status.span.from_us)
    }
}

/// The names of the pods that the driver itself made in a namespace.
pub fn made_by_driver<'h>(view: &View<'h>, namespace: &str) -> BTreeSet<&'h str> {
    let requests = view.doings().iter().filter_map(super::Doing::request).map(|request| request.what);
    let makes = requests.filter(|request| {
        request.is_of(Resource::Pods)
            && matches!(request.verb, Verb::Apply | Verb::Create)
            && request.namespace.as_deref().is_none_or(|of| of == namespace)
    });
    makes.filter_map(|request| request.name.as_deref()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, views::dimension::rests};

    const TWO: &str =
        "scale 2; set replicas=2 generation=1; web-0 created; web-0 ready; web-1 created; web-1 ready;";
    const TOLD: &str = "set observed=1 pods=2 ready=2;";

    /// What the pods were at the first rest.
    fn at(statements: &str) -> String {
        let history = history(statements);
        let view = View::of(&history);
        let (_, event) = rests(&view)[0];
        match at_rest(&view, &view.sets()[0], event) {
            None => "another number".to_owned(),
            Some(Rest::Exact(_)) => "exact".to_owned(),
            Some(Rest::Other(names, _)) => names.join(" "),
            Some(Rest::TooClose(names)) => format!("too close: {}", names.join(" ")),
            Some(Rest::Hidden(_)) => "hidden".to_owned(),
            Some(Rest::NotSettled) => "not settled".to_owned(),
        }
    }

    #[test]
    fn pods_are_exact_at_once_or_when_the_watch_has_caught_up() {
        assert!(at(&format!("{TWO} {TOLD} waited status-settled 2; completed")).starts_with("exact"));
        let late =
            "set observed=1 pods=2 ready=2; waited status-settled 2; web-1 created; web-1 ready; completed";
        assert!(
            at(&format!("{} {late}", TWO.replace("web-1 created; web-1 ready;", ""))).starts_with("exact")
        );
    }

    #[test]
    fn only_a_wait_for_what_was_asked_for_is_a_rest() {
        assert_eq!(at(&format!("{TWO} waited status-settled 1; completed")), "another number");
        assert_eq!(at(&format!("{TWO} timed-out status-settled 2; completed")), "not settled");
    }

    const MISSING: &str =
        "scale 2; set replicas=2 generation=1; web-0 created; web-0 ready; wait 6s; bookmark statefulsets;";

    #[test]
    fn a_pod_that_never_was_is_missing() {
        let rest = "waited status-settled 2; wait 6s; completed";
        assert_eq!(at(&format!("{MISSING} {TOLD} {rest}")), "web-0");
        let soon = "waited status-settled 2; wait 2s; web-1 created; completed";
        assert_eq!(at(&format!("{MISSING} {TOLD} {soon}")), "exact");
        let unobserved = format!("{MISSING} set pods=2 ready=2; {rest}");
        assert_eq!(at(&unobserved), "too close: web-0");
    }

    #[test]
    fn a_status_that_does_not_know_of_the_loss_yet_proves_nothing() {
        let lost = "delete web-1; web-1 terminating; web-1 deleted; waited status-settled 2; wait 60s; web-1 created; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {lost}")), "exact");
        let given_up =
            "delete web-1; web-1 terminating; web-1 deleted; waited status-settled 2; wait 60s; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {given_up}")), "too close: web-0");
    }

    #[test]
    fn a_pod_that_is_left_over_long_after_the_status_was_written() {
        let down = "wait 6s; scale 1; set replicas=1 generation=2; bookmark statefulsets; set observed=2 pods=1 ready=1;";
        let rest = "waited status-settled 1;";
        assert_eq!(at(&format!("{TWO} {TOLD} {down} {rest} wait 6s; completed")), "web-0 web-1");
        let soon = "web-1 terminating; web-1 deleted; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {down} {rest} {soon}")), "exact");
        let disturbed = "delete web-0; web-1 deleted; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {down} {rest} {disturbed}")), "too close: web-0 web-1");
    }

    #[test]
    fn a_status_counts_pods_and_does_not_say_which() {
        let lost = "wait 6s; scale 1; set replicas=1 generation=2; delete web-0; web-0 deleted; wait 31s; bookmark statefulsets; \
            set observed=2 pods=1 ready=1; waited status-settled 1; wait 20s; web-0 created; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {lost}")), "too close: web-1");
    }

    #[test]
    fn what_was_never_delivered_may_have_been_there_in_a_gap() {
        let hidden = "scale 1; set replicas=1 generation=1; gap pods; wait 20s; set observed=1 pods=1 ready=1; opened pods; \
            waited status-settled 1; wait 60s; completed";
        assert_eq!(at(hidden), "hidden");
    }

    #[test]
    fn a_gap_hides_the_pods() {
        assert_eq!(
            at(&format!("{TWO} {TOLD} scale 1; gap pods; waited status-settled 1; completed")),
            "hidden"
        );
        let listed = "gap pods; web-0 listed-again; web-1 listed-again; opened pods; waited status-settled 2; completed";
        assert_eq!(at(&format!("{TWO} {TOLD} {listed}")), "exact");
    }

    #[test]
    fn the_driver_makes_pods_too() {
        let mut notes = crate::checks::notation::Notes::new();
        for (verb, name) in [(Verb::Create, "web-7"), (Verb::Patch, "web-8")] {
            notes.request(verb, Resource::Pods, Some(name), None, serde_json::json!({}));
        }
        let history = notes.history();
        assert_eq!(made_by_driver(&View::of(&history), "ns"), ["web-7"].into());
        assert!(made_by_driver(&View::of(&history), "other").is_empty());
    }
}
