//! Records as a watch would have left them that lost events, or that was late.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::history::{
    Change, Event, History, ObjectSeen, Observation, Observer, Resource, Span, Step, Watch,
};

/// The same scenario with other events: their numbers, and what refers to these, made right.
pub(super) fn renumbered(history: &History, mut events: Vec<Event>) -> History {
    let places: BTreeMap<u64, u64> =
        events.iter().zip(0..).map(|(event, place)| (event.seq, place)).collect();
    for (place, event) in (0..).zip(&mut events) {
        event.seq = place;
        if let Observation::Step(Step::Answered(answered)) = &mut event.seen {
            answered.request = places.get(&answered.request).copied().unwrap_or_default();
        }
    }
    History::new(history.scenario.clone(), events)
}

fn is_delivery(event: &Event, watch: Watch) -> bool {
    event.observer == Observer::Watch(watch)
        && matches!(event.seen, Observation::Object(_) | Observation::Bookmark { .. })
}

/// What existed of a resource before an event, as its watch told: the last version of each object, by name.
fn present(history: &History, watch: Watch, before: usize) -> BTreeMap<String, ObjectSeen> {
    let mut present = BTreeMap::new();
    for event in &history.events[..before] {
        let Observation::Object(object) = &event.seen else { continue };
        if event.observer != Observer::Watch(watch) {
            continue;
        }
        if object.change.is_removal() {
            present.remove(&object.name);
        } else {
            present.insert(object.name.clone(), object.clone());
        }
    }
    present
}

/// The same record with a gap of a watch at a place, in which as many deliveries were lost: a list then tells what exists.
pub(super) fn with_loss(history: &History, resource: Resource, place: usize, lost: usize) -> History {
    let watch = Watch::from(resource);
    let later = history.events.iter().enumerate().skip(place);
    let ends = later.clone().find(|(_, event)| matches!(event.seen, Observation::List(_))).map(|(at, _)| at);
    let missed: Vec<usize> =
        later.filter(|(_, event)| is_delivery(event, watch)).map(|(at, _)| at).take(lost).collect();
    let resumed = missed.last().map_or(place, |last| last + 1);
    if ends.is_some_and(|ends| resumed > ends) {
        return history.clone();
    }
    let (before, after) = (present(history, watch, place), present(history, watch, resumed));
    let mut events: Vec<Event> = history.events[..place].to_vec();
    let us = history.events[place.saturating_sub(1)].span.until_us;
    let said = |seen: Observation, us: u64| Event {
        seq: u64::MAX,
        span: Span::at(us),
        observer: Observer::Watch(watch),
        seen,
    };
    events.push(said(Observation::WatchGap { resource, reason: "410 Gone".to_owned() }, us));
    let between = history.events[place..resumed].iter().enumerate();
    events.extend(between.filter(|(at, _)| !missed.contains(&(place + at))).map(|(_, event)| event.clone()));
    let us = events.last().expect("a gap").span.until_us.max(us);
    let since =
        events.iter().rev().find(|event| is_delivery(event, watch)).map_or(0, |event| event.span.until_us);
    let listed = |change: Change, object: &ObjectSeen| {
        let raw = object.at("").map(Value::from).expect("an object is itself");
        let seen = Observation::Object(ObjectSeen::new(change, object.resource, raw));
        Event { span: Span { from_us: since, until_us: us }, ..said(seen, us) }
    };
    let gone = before.values().filter(|old| after.get(&old.name).is_none_or(|new| new.uid != old.uid));
    events.extend(gone.map(|object| listed(Change::Unlisted, object)));
    events.extend(after.values().map(|object| listed(Change::Listed, object)));
    events.push(said(Observation::WatchOpened { resource, revision: "1".to_owned() }, us));
    events.extend(history.events[resumed..].iter().cloned());
    renumbered(history, events)
}

/// The same record with every delivery of a watch from an event on as much later; the first one is held up, and what comes
/// after it is not late if it is delivered after that anyway (a stall), where `since` is not 0.
pub(super) fn delayed(history: &History, resource: Resource, delay_us: u64, since: usize) -> History {
    let watch = Watch::from(resource);
    let mut events = history.events.clone();
    let stalled_until_us = history.events[since].span.until_us + delay_us;
    let mut before_us = None;
    for (place, event) in events.iter_mut().enumerate() {
        if !is_delivery(event, watch) {
            continue;
        }
        let us = event.span.until_us;
        let until_us = match since {
            0 => us + delay_us,
            _ if place >= since => us.max(stalled_until_us),
            _ => us,
        };
        event.span = Span { from_us: before_us.unwrap_or(event.span.from_us), until_us };
        before_us = Some(until_us);
    }
    // Each waits for its own time; what stands in the record first stays first.
    let mut order: Vec<(u64, usize)> = Vec::new();
    let mut latest_us = 0;
    for (place, event) in events.iter().enumerate() {
        let own_us =
            if is_delivery(event, watch) { event.span.until_us } else { latest_us.max(event.span.until_us) };
        latest_us = if is_delivery(event, watch) { latest_us } else { own_us };
        order.push((own_us, place));
    }
    order.sort_by_key(|(us, place)| (*us, *place));
    renumbered(history, order.into_iter().map(|(_, place)| events[place].clone()).collect())
}
