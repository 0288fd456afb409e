//! Variants of a history: the same things happened, and less of them was seen, or later.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::history::{Change, Event, History, ObjectSeen, Observation, Observer, Span, Step, Watch};

/// The places, in the record, of what a watch delivered.
pub(super) fn deliveries(history: &History, watch: Watch) -> Vec<usize> {
    let is_delivery = |event: &Event| {
        event.observer == Observer::Watch(watch) && matches!(event.seen, Observation::Object(_))
    };
    (0..history.events.len()).filter(|place| is_delivery(&history.events[*place])).collect()
}

/// The history in which the watch lost some of its deliveries, those of the numbers `hidden` in their order, and then listed what
/// there was.
pub(super) fn with_gap(history: &History, watch: Watch, hidden: std::ops::Range<usize>) -> History {
    let places = deliveries(history, watch);
    let (first, last) = (places[hidden.start], places[hidden.end - 1]);
    let mut told = Told::default();
    let mut variant = Variant::default();
    for (place, event) in history.events.iter().enumerate() {
        if place == first {
            variant.see(watch, event, gap(watch));
        }
        let is_hidden = (first..=last).contains(&place) && places.binary_search(&place).is_ok();
        if !is_hidden {
            told.deliver(watch, event);
            variant.keep(event);
            continue;
        }
        variant.forget(event);
        if place == last {
            for object in told.list(history, watch, last) {
                told.deliver_object(&object);
                variant.see(watch, event, Observation::Object(object));
            }
            let opened = Observation::WatchOpened { resource: watch.resource, revision: "0".to_owned() };
            variant.see(watch, event, opened);
        }
    }
    variant.history(history)
}

/// The history in which the watch lost all that it had delivered from that number on.
pub(super) fn cut_off(history: &History, watch: Watch, from: usize) -> History {
    let places = deliveries(history, watch);
    let mut variant = Variant::default();
    for (place, event) in history.events.iter().enumerate() {
        if place == places[from] {
            variant.see(watch, event, gap(watch));
        }
        let is_hidden = place >= places[from] && places.binary_search(&place).is_ok();
        if is_hidden { variant.forget(event) } else { variant.keep(event) }
    }
    variant.history(history)
}

/// The history in which the watch delivered everything later by as many microseconds. The driver waits for nothing in it,
/// because it would have waited longer.
pub(super) fn late(history: &History, watch: Watch, by_us: u64) -> History {
    let is_late = |event: &Event| {
        event.observer == Observer::Watch(watch) && !matches!(event.seen, Observation::WatchOpened { .. })
    };
    let is_wait =
        |event: &Event| matches!(event.seen, Observation::Step(Step::Waited { .. } | Step::TimedOut { .. }));
    let mut delivered_us = None;
    let mut events: Vec<(u64, Event)> = Vec::new();
    for event in history.events.iter().filter(|event| !is_wait(event)) {
        let mut event = event.clone();
        if is_late(&event) {
            event.span.until_us += by_us;
            event.span.from_us = delivered_us.unwrap_or(event.span.from_us);
            delivered_us = Some(event.span.until_us);
        }
        events.push((event.span.until_us, event));
    }
    events.sort_by_key(|(until_us, _)| *until_us);
    let mut variant = Variant::default();
    events.iter().for_each(|(_, event)| variant.keep(event));
    variant.history(history)
}

fn gap(watch: Watch) -> Observation {
    Observation::WatchGap { resource: watch.resource, reason: "410 Gone".to_owned() }
}

/// What a watch has told of what exists, by uid.
#[derive(Default)]
struct Told(BTreeMap<String, ObjectSeen>);

impl Told {
    fn deliver(&mut self, watch: Watch, event: &Event) {
        if let (Observation::Object(object), Observer::Watch(of)) = (&event.seen, event.observer)
            && of == watch
        {
            self.deliver_object(object);
        }
    }

    fn deliver_object(&mut self, object: &ObjectSeen) {
        if object.change.is_removal() {
            self.0.remove(&object.uid);
        } else {
            self.0.insert(object.uid.clone(), object.clone());
        }
    }

    /// What a list says after the event of that place: what is gone, and what there is.
    fn list(&self, history: &History, watch: Watch, until: usize) -> Vec<ObjectSeen> {
        let mut now = Told::default();
        history.events[..=until].iter().for_each(|event| now.deliver(watch, event));
        let gone = self.0.iter().filter(|(uid, _)| !now.0.contains_key(*uid));
        let gone = gone.map(|(_, object)| changed(object, Change::Unlisted));
        gone.chain(now.0.values().map(|object| changed(object, Change::Listed))).collect()
    }
}

fn changed(object: &ObjectSeen, change: Change) -> ObjectSeen {
    let raw = object.at("").map(Value::from).unwrap_or_default();
    ObjectSeen::new(change, object.resource, raw)
}

/// A history that is being made from another one.
#[derive(Default)]
struct Variant {
    events: Vec<Event>,
    /// The new numbers of the events, by the old ones.
    numbers: HashMap<u64, u64>,
}

impl Variant {
    fn keep(&mut self, event: &Event) {
        let seq = self.events.len() as u64;
        self.numbers.insert(event.seq, seq);
        self.events.push(Event { seq, ..event.clone() });
    }

    /// Leaves an event out: who refers to it means what comes in its place.
    fn forget(&mut self, event: &Event) {
        self.numbers.insert(event.seq, self.events.len() as u64);
    }

    /// Adds something that the watch says at the time of another event.
    fn see(&mut self, watch: Watch, at: &Event, seen: Observation) {
        let observer = Observer::Watch(watch);
        let before = self.events.iter().rev().find(|event| event.observer == observer);
        let from_us = before.map_or(0, |event| event.span.until_us);
        let span = Span { from_us, until_us: at.span.until_us };
        self.events.push(Event { seq: self.events.len() as u64, span, observer, seen });
    }

    fn history(mut self, of: &History) -> History {
        let last = self.events.len() as u64 - 1;
        let number = |seq: u64| self.numbers.get(&seq).map_or(last, |seq| *seq).min(last);
        for event in &mut self.events {
            match &mut event.seen {
                Observation::Step(Step::Answered(answered)) => answered.request = number(answered.request),
                Observation::Step(Step::Waited { ended_by: Some(seq), .. }) => *seq = number(*seq),
                Observation::Step(Step::Reacted { to, .. }) => *to = number(*to),
                _ => {}
            }
        }
        History::new(of.scenario.clone(), self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Resource};

    const PODS: Resource = Resource::Pods;

    /// What the watch of pods says, in order.
    fn told(history: &History) -> Vec<String> {
        let of_pods = history.events.iter().filter(|event| event.observer == Observer::Watch(PODS.into()));
        let word = |event: &Event| match &event.seen {
            Observation::Object(object) => Some(format!("{} {:?}", object.name, object.change)),
            Observation::WatchGap { .. } => Some("gap".to_owned()),
            _ => None,
        };
        of_pods.filter_map(word).collect()
    }

    #[test]
    fn what_is_hidden_is_listed_afterwards() {
        let whole = history("web-0 created; web-1 created; scale 1; web-1 deleted; web-0 ready; completed");
        let hidden = with_gap(&whole, PODS.into(), 1..3);
        assert_eq!(told(&hidden), ["web-0 Added", "gap", "web-0 Listed", "web-0 Modified"]);
        let hidden = with_gap(&whole, PODS.into(), 2..4);
        assert_eq!(told(&hidden), ["web-0 Added", "web-1 Added", "gap", "web-1 Unlisted", "web-0 Listed"]);
        assert_eq!(hidden.gaps(PODS).len(), 1);
        assert!((0..).zip(&hidden.events).all(|(seq, event)| event.seq == seq));
    }

    #[test]
    fn what_is_cut_off_is_never_listed() {
        let whole = history("web-0 created; web-0 ready; completed");
        let cut = cut_off(&whole, PODS.into(), 1);
        assert_eq!(told(&cut), ["web-0 Added", "gap"]);
        assert!(cut.gaps(PODS)[0].until.is_none());
    }

    #[test]
    fn a_late_watch_delivers_everything_after_what_others_say() {
        let whole = history("web-0 created; set replicas=1; waited pods-ready 0; completed");
        let late = late(&whole, PODS.into(), 1_000_000);
        assert_eq!(late.events.len(), whole.events.len() - 1);
        assert!(matches!(late.last().observer, Observer::Watch(_)));
        assert!(late.gaps(PODS).is_empty());
        assert!(late.lag_us(PODS) >= 600_000);
    }
}
