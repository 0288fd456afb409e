//! Takes events out of a record as if they had never been noticed: answers are left out, and what a watch delivered is
//! hidden in a gap, with the list after it that a recorder writes then. Where that list shows it as well, the watch ends with
//! the gap, and no list was ever made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::history::{Change, Event, History, ObjectSeen, Observation, Observer, Span, Step, Watch};

/// The history without these events, and without every other answer to the same questions; none where there is nothing to take
/// out.
///
/// What the driver did stays: without its requests it would be another scenario.
pub(super) fn without(history: &History, events: &BTreeSet<u64>) -> Option<History> {
    let questions: HashSet<String> = events.iter().filter_map(|seq| question(history.event(*seq))).collect();
    let is_left_out = |event: &Event| question(event).is_some_and(|asked| questions.contains(&asked));
    let hidden = |event: &Event| events.contains(&event.seq) && is_delivery(event);
    if questions.is_empty() && !history.events.iter().any(hidden) {
        return None;
    }
    let watches: BTreeSet<Watch> = history.events.iter().filter(|e| hidden(e)).filter_map(watch).collect();
    let mut gaps: BTreeMap<Watch, Gap> = watches.into_iter().map(|watch| (watch, Gap::default())).collect();
    let mut kept = Vec::new();
    for event in &history.events {
        match watch(event).and_then(|watch| gaps.get_mut(&watch)) {
            Some(gap) if gap.is_lost => {}
            Some(gap) if is_delivery(event) => gap.take(event, hidden(event), &mut kept),
            _ if is_left_out(event) => {}
            _ => kept.push(event.clone()),
        }
    }
    let last = history.events.last().map(|event| event.span.until_us).unwrap_or_default();
    let end = kept.iter().position(is_end).unwrap_or(kept.len());
    let listed: Vec<Event> = gaps.into_values().flat_map(|gap| gap.end(last)).collect();
    kept.splice(end..end, listed);
    renumber(&mut kept);
    Some(History::new(history.scenario.clone(), kept))
}

/// A watch while it is gone through: what exists by its deliveries, and whether it is in a gap.
#[derive(Default)]
struct Gap {
    known: BTreeMap<String, ObjectSeen>,
    /// What existed when the gap began, while it lasts.
    before: Option<BTreeMap<String, ObjectSeen>>,
    watch: Option<Watch>,
    certain_us: u64,
    /// Whether the watch has told its last.
    is_lost: bool,
}

impl Gap {
    /// The next delivery: it is hidden, or it ends the gap and is kept.
    fn take(&mut self, event: &Event, is_hidden: bool, kept: &mut Vec<Event>) {
        self.watch = watch(event);
        if is_hidden && self.before.is_none() {
            self.before = Some(self.known.clone());
            kept.extend(self.gap(event));
            self.is_lost = is_listed(event);
        } else if !is_hidden {
            kept.extend(self.listed(event.span.until_us.saturating_sub(1)));
            self.certain_us = event.span.until_us;
            kept.push(event.clone());
        }
        if let Observation::Object(object) = &event.seen {
            if object.change.is_removal() {
                self.known.remove(&object.uid);
            } else {
                self.known.insert(object.uid.clone(), object.clone());
            }
        }
    }

    fn gap(&self, at: &Event) -> Option<Event> {
        let watch = self.watch?;
        let reason = "hidden on purpose".to_owned();
        let seen = Observation::WatchGap { resource: watch.resource, reason };
        Some(self.event(watch, Span::at(at.span.until_us), seen))
    }

    /// The list after a gap: what is gone, then what exists, then that the watch goes on.
    fn listed(&mut self, at_us: u64) -> Vec<Event> {
        if self.is_lost {
            return Vec::new();
        }
        let (Some(before), Some(watch)) = (self.before.take(), self.watch) else { return Vec::new() };
        let span = Span { from_us: self.certain_us, until_us: at_us };
        let gone = before.into_values().filter(|object| !self.known.contains_key(&object.uid));
        let gone = gone.map(|object| changed(object, Change::Unlisted)).collect::<Vec<_>>();
        let present = self.known.values().cloned().map(|object| changed(object, Change::Listed));
        let mut listed: Vec<Event> = gone
            .into_iter()
            .chain(present)
            .map(|object| self.event(watch, span, Observation::Object(object)))
            .collect();
        let revision = self.known.values().map(|object| object.revision.clone()).max().unwrap_or_default();
        let opened = Observation::WatchOpened { resource: watch.resource, revision };
        listed.push(self.event(watch, Span::at(at_us), opened));
        listed
    }

    /// What a gap that nothing ended is ended with.
    fn end(mut self, at_us: u64) -> Vec<Event> {
        self.listed(at_us)
    }

    fn event(&self, watch: Watch, span: Span, seen: Observation) -> Event {
        Event { seq: MADE_UP, span, observer: Observer::Watch(watch), seen }
    }
}

fn changed(mut object: ObjectSeen, change: Change) -> ObjectSeen {
    object.change = change;
    object
}

fn watch(event: &Event) -> Option<Watch> {
    match event.observer {
        Observer::Watch(watch) => Some(watch),
        _ => None,
    }
}

fn is_delivery(event: &Event) -> bool {
    matches!(event.seen, Observation::Object(_) | Observation::Bookmark { .. })
}

/// Whether that was found by a list, which shows what is, whatever was lost before.
fn is_listed(event: &Event) -> bool {
    matches!(&event.seen, Observation::Object(object) if object.change.is_listed())
}

/// What was asked, and of whom, if that is an answer.
fn question(event: &Event) -> Option<String> {
    match &event.seen {
        Observation::Dns(asked) => {
            Some(format!("{:?} {:?} {} {}", asked.vantage, asked.transport, asked.name, asked.record_type))
        }
        Observation::Exec(asked) => Some(format!("{} {} {:?}", asked.pod, asked.pod_uid, asked.purpose)),
        Observation::Read(asked) => Some(asked.path.clone()),
        _ => None,
    }
}

/// Where the record of a scenario ends, or where everything is listed before it does.
fn is_end(event: &Event) -> bool {
    let is_last = matches!(&event.seen, Observation::Step(Step::Completed | Step::Aborted { .. }));
    is_last || matches!(event.seen, Observation::List(_))
}

/// The number of an event that was not in the record, until it gets its own.
const MADE_UP: u64 = u64::MAX;

/// Gives the events their new numbers. References from one event to another keep their meaning.
fn renumber(events: &mut [Event]) {
    let moved: HashMap<u64, u64> = (0..)
        .zip(events.iter())
        .map(|(now, event)| (event.seq, now))
        .filter(|(old, _)| *old != MADE_UP)
        .collect();
    for (seq, event) in (0..).zip(events) {
        event.seq = seq;
        match &mut event.seen {
            Observation::Step(Step::Answered(answered)) => {
                answered.request = moved.get(&answered.request).copied().unwrap_or(answered.request);
            }
            Observation::Step(Step::Waited { ended_by, .. }) => {
                *ended_by = ended_by.and_then(|by| moved.get(&by).copied());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Resource, views::View};

    fn hidden(statements: &str, is_hidden: impl Fn(&Event) -> bool) -> History {
        let history = history(statements);
        let events = history.events.iter().filter(|event| is_hidden(event)).map(|event| event.seq).collect();
        without(&history, &events).expect("there is something to hide")
    }

    fn pod(event: &Event, name: &str, change: Change) -> bool {
        matches!(&event.seen, Observation::Object(object)
            if object.resource == Resource::Pods && object.name == name && object.change == change)
    }

    #[test]
    fn answers_are_left_out() {
        let asked = "web-0 created; dns a A web-0 -> 10.0.0.10; exec web-0 hostname -> web-0; completed";
        let without = hidden(asked, |event| matches!(event.seen, Observation::Dns(_)));
        assert_eq!((without.dns().count(), without.execs().count()), (0, 1));
        assert!((0..).zip(&without.events).all(|(seq, event)| event.seq == seq));
    }

    #[test]
    fn a_creation_is_hidden_in_a_gap_and_listed_after_it() {
        let two = "web-0 created; web-0 ready; web-1 created; web-1 ready; completed";
        let without = hidden(two, |event| pod(event, "web-1", Change::Added));
        let view = View::of(&without);
        let pods = view.sets()[0].pods();
        assert_eq!(pods.len(), 2);
        assert!(pods[0].birth_was_seen() && !pods[1].birth_was_seen());
        assert_eq!(without.gaps(Resource::Pods).len(), 1);
        assert!(without.gaps(Resource::Pods)[0].until.is_some());
    }

    #[test]
    fn a_pod_that_was_replaced_in_the_gap_is_gone() {
        let replaced = "web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready; completed";
        let without = hidden(replaced, |event| {
            pod(event, "web-0", Change::Deleted) || (pod(event, "web-0", Change::Added) && event.seq > 12)
        });
        let view = View::of(&without);
        let pods = view.sets()[0].pods();
        assert_eq!(pods.len(), 2);
        assert!(pods[0].gone().is_some() && pods[0].deleted().is_none());
    }

    #[test]
    fn what_is_hidden_at_the_end_is_listed_before_the_end() {
        let last = "web-0 created; web-0 ready; completed";
        let without = hidden(last, |event| pod(event, "web-0", Change::Modified));
        assert!(without.is_completed());
        assert_eq!(without.gaps(Resource::Pods).len(), 1);
        assert!(without.gaps(Resource::Pods)[0].until.is_some(), "the list came before the end");
    }
}
