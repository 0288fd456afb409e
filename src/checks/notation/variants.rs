//! The same history as others might have recorded it: a watch that lost something, a watch that was late.
//!
//! A verdict on a variant may be less certain than the one on the history itself, and never the opposite.

use std::collections::BTreeMap;

use crate::history::{Change, Event, History, ObjectSeen, Observation, Observer, Span, Step, Watch};

/// The history in which a watch lost its next `lost` deliveries after the first `kept`, and then listed what existed. Where it
/// loses more than there are, it never lists anything.
pub fn with_gap(history: &History, watch: Watch, kept: usize, lost: usize) -> History {
    let mut rewriting = Rewriting::of(history);
    let (mut delivered, mut told, mut known) = (0, Objects::new(), Objects::new());
    for event in &history.events {
        let is_opening = event.observer == Observer::Watch(watch)
            && matches!(event.seen, Observation::WatchOpened { .. })
            && delivered == 0;
        let Some(object) = delivery(event, watch) else {
            rewriting.keep(event, event.span);
            if is_opening && kept == 0 {
                rewriting.add(event.span.until_us, gap(watch));
                rewriting.list_unless(lost > 0, event.span, watch, &told, &known);
            }
            continue;
        };
        delivered += 1;
        apply(&mut told, object);
        if delivered <= kept || delivered > kept.saturating_add(lost) {
            rewriting.keep(event, event.span);
            apply(&mut known, object);
        } else {
            rewriting.drop(event);
        }
        if delivered == kept && kept > 0 {
            rewriting.add(event.span.until_us, gap(watch));
        }
        let is_over = lost > 0 || kept > 0;
        if is_over && delivered == kept.saturating_add(lost) {
            rewriting.list_unless(false, event.span, watch, &told, &known);
            known.clone_from(&told);
        }
    }
    rewriting.history()
}

/// The history in which a watch delivered everything so much later, in the same order.
pub fn late(history: &History, watch: Watch, by_us: u64) -> History {
    let mut shifted: Vec<(Span, &Event)> = Vec::new();
    let mut before_us = None;
    for event in &history.events {
        let is_late = event.observer == Observer::Watch(watch)
            && !matches!(event.seen, Observation::WatchOpened { .. } if before_us.is_none());
        let mut span = event.span;
        if is_late {
            span.until_us += by_us;
            span.from_us = before_us.unwrap_or(span.from_us);
            before_us = Some(span.until_us);
        }
        shifted.push((span, event));
    }
    shifted.sort_by_key(|(span, _)| span.until_us);
    let mut rewriting = Rewriting::of(history);
    shifted.into_iter().for_each(|(span, event)| rewriting.keep(event, span));
    rewriting.history()
}

/// How many objects a watch delivered.
pub fn deliveries(history: &History, watch: Watch) -> usize {
    history.events.iter().filter(|event| delivery(event, watch).is_some()).count()
}

fn delivery(event: &Event, watch: Watch) -> Option<&ObjectSeen> {
    match &event.seen {
        Observation::Object(object) if event.observer == Observer::Watch(watch) => Some(object),
        _ => None,
    }
}

fn gap(watch: Watch) -> (Observer, Observation) {
    let seen = Observation::WatchGap { resource: watch.resource, reason: "410 Gone".to_owned() };
    (Observer::Watch(watch), seen)
}

/// What exists, by name.
type Objects = BTreeMap<String, ObjectSeen>;

fn apply(objects: &mut Objects, object: &ObjectSeen) {
    if object.change.is_removal() {
        objects.remove(&object.name);
    } else {
        objects.insert(object.name.clone(), object.clone());
    }
}

/// Events that are put together anew, with the numbers that others refer to them by.
struct Rewriting {
    scenario: String,
    events: Vec<Event>,
    /// The new numbers, by the old ones.
    numbers: BTreeMap<u64, Option<u64>>,
}

impl Rewriting {
    fn of(history: &History) -> Self {
        Self { scenario: history.scenario.clone(), events: Vec::new(), numbers: BTreeMap::new() }
    }

    fn keep(&mut self, event: &Event, span: Span) {
        let seq = self.events.len() as u64;
        self.numbers.insert(event.seq, Some(seq));
        self.events.push(Event { seq, span, ..event.clone() });
    }

    fn drop(&mut self, event: &Event) {
        self.numbers.insert(event.seq, None);
    }

    fn add(&mut self, at_us: u64, (observer, seen): (Observer, Observation)) {
        let seq = self.events.len() as u64;
        self.events.push(Event { seq, span: Span::at(at_us), observer, seen });
    }

    /// The list that ends a gap: what exists, and what is not there any more.
    fn list_unless(&mut self, not_yet: bool, span: Span, watch: Watch, exists: &Objects, known: &Objects) {
        if not_yet {
            return;
        }
        let is_gone = |object: &&ObjectSeen| exists.get(&object.name).is_none_or(|now| now.uid != object.uid);
        let gone = known.values().filter(is_gone).map(|object| (Change::Unlisted, object));
        let all = exists.values().map(|object| (Change::Listed, object)).chain(gone);
        for (change, object) in all {
            let seq = self.events.len() as u64;
            let mut object = object.clone();
            object.change = change;
            let seen = Observation::Object(object);
            self.events.push(Event { seq, span, observer: Observer::Watch(watch), seen });
        }
        let opened = Observation::WatchOpened { resource: watch.resource, revision: "0".to_owned() };
        self.add(span.until_us, (Observer::Watch(watch), opened));
    }

    fn history(mut self) -> History {
        let new = |old: u64| self.numbers.get(&old).copied().flatten();
        for event in &mut self.events {
            match &mut event.seen {
                Observation::Step(Step::Answered(answered)) => {
                    answered.request = new(answered.request).unwrap_or(answered.request);
                }
                Observation::Step(Step::Waited { ended_by, .. }) => *ended_by = ended_by.and_then(new),
                Observation::Step(Step::Reacted { to, .. }) => *to = new(*to).unwrap_or(*to),
                _ => {}
            }
        }
        History::new(self.scenario, self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Resource};

    const PODS: Watch = Watch { resource: Resource::Pods, namespace: 0 };

    /// What the watch of pods told, and the waits, in words.
    fn words(history: &History) -> Vec<String> {
        let word = |event: &Event| match &event.seen {
            Observation::Object(object) => Some(format!("{} {:?}", object.name, object.change)),
            Observation::WatchGap { .. } => Some("gap".to_owned()),
            Observation::Step(Step::Waited { wait, .. }) => Some(wait.to_string()),
            _ => None,
        };
        assert!((0..).zip(&history.events).all(|(seq, event)| event.seq == seq));
        history.events.iter().filter_map(word).collect()
    }

    const TWO: &str =
        "web-0 created; web-1 created; web-0 deleted; web-2 created; waited dns-settled; completed";

    #[test]
    fn what_is_lost_is_told_by_the_list() {
        let lost = with_gap(&history(TWO), PODS, 1, 2);
        let told = ["web-0 Added", "gap", "web-1 Listed", "web-0 Unlisted", "web-2 Added", "dns-settled"];
        assert_eq!(words(&lost), told);
        assert_eq!(lost.gaps(PODS).len(), 1);
        let none = with_gap(&history(TWO), PODS, 2, 0);
        assert_eq!(words(&none)[..5], ["web-0 Added", "web-1 Added", "gap", "web-0 Listed", "web-1 Listed"]);
    }

    #[test]
    fn a_watch_that_loses_everything_lists_nothing() {
        assert_eq!(
            words(&with_gap(&history(TWO), PODS, 2, usize::MAX)),
            ["web-0 Added", "web-1 Added", "gap", "dns-settled"]
        );
        assert_eq!(words(&with_gap(&history(TWO), PODS, 0, 1))[..2], ["gap", "web-0 Listed"]);
        assert_eq!(words(&with_gap(&history(TWO), PODS, 0, 0))[..2], ["gap", "web-0 Added"]);
    }

    #[test]
    fn a_late_watch_keeps_its_order_and_loses_nothing() {
        let late = late(&history(TWO), PODS, 250_000);
        assert_eq!(words(&late)[..3], ["web-0 Added", "web-1 Added", "dns-settled"]);
        assert_eq!(words(&late).len(), words(&history(TWO)).len());
        assert!(late.gaps(PODS).is_empty(), "late is not lost");
        assert_eq!(deliveries(&late, PODS), 4);
    }

    #[test]
    fn answers_stay_with_their_requests() {
        let asked = history("web-0 created; delete web-0; web-0 deleted; answered 200");
        for variant in [with_gap(&asked, PODS, 1, 1), late(&asked, PODS, 2_000_000)] {
            let request = variant.requests().next().expect("a request");
            assert_eq!(variant.answer_to(request.event).map(|answer| answer.code), Some(200));
        }
    }
}
