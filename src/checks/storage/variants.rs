//! Variants of a hand-written history: with a gap in one of its watches, with one watch that is late or falls silent, without
//! an answer of a command. What happened is the same in each; what the record tells of it is not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::{
    Change, Event, ExecOutcome, History, ObjectSeen, Observation, Observer, Span, Step, Watch,
};

/// How much of a watch is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// So many deliveries, and then a list of what exists.
    Deliveries(usize),
    /// All that follow; the watch says that it lost events and never lists.
    TheRest,
    /// All that follow; the watch says nothing.
    Mute,
}

/// The places of what a watch delivered.
fn deliveries(history: &History, watch: Watch) -> Vec<usize> {
    let is_delivery = |event: &&Event| {
        event.observer == Observer::Watch(watch) && matches!(event.seen, Observation::Object(_))
    };
    history.events.iter().filter(is_delivery).map(|event| event.seq as usize).collect()
}

/// The watches that delivered something.
pub(super) fn watches(history: &History) -> Vec<Watch> {
    let mut watches: Vec<Watch> = history.events.iter().filter_map(watch_of).collect();
    watches.sort_unstable();
    watches.dedup();
    watches
}

fn watch_of(event: &Event) -> Option<Watch> {
    match (event.observer, &event.seen) {
        (Observer::Watch(watch), Observation::Object(_)) => Some(watch),
        _ => None,
    }
}

/// The history with a gap in a watch from each of its deliveries on, for each of these losses.
pub(super) fn with_gaps(history: &History, watch: Watch, losses: &[Loss]) -> Vec<(String, History)> {
    let places = deliveries(history, watch);
    let mut all = Vec::new();
    for first in 0..places.len() {
        for loss in losses {
            let name = format!("a gap of {watch} from delivery {first} on, {loss:?}");
            all.push((name, with_gap(history, watch, &places[first..], *loss)));
        }
    }
    all
}

fn with_gap(history: &History, watch: Watch, rest: &[usize], loss: Loss) -> History {
    let last = match loss {
        Loss::Deliveries(count) => rest[count.min(rest.len()) - 1],
        Loss::TheRest | Loss::Mute => history.events.len(),
    };
    let before = present(history, watch, rest[0]);
    let mut kept: Vec<Kept> = Vec::new();
    for event in &history.events {
        let place = event.seq as usize;
        if place == rest[0] && loss != Loss::Mute {
            let reason = "410 Gone".to_owned();
            let gap = Observation::WatchGap { resource: watch.resource, reason };
            kept.push(Kept::new(watch, event.span.from_us.max(time_before(history, place)), gap));
        }
        let is_lost = event.observer == Observer::Watch(watch) && (rest[0]..=last).contains(&place);
        if !is_lost {
            kept.push(Kept { old: Some(event.seq), event: event.clone() });
        }
        if place == last {
            let listed = relist(&before, &present(history, watch, place + 1));
            let opened = Observation::WatchOpened { resource: watch.resource, revision: "0".to_owned() };
            kept.extend(
                listed.into_iter().chain([opened]).map(|seen| Kept::new(watch, event.span.until_us, seen)),
            );
        }
    }
    as_the_record_knew(history, watch, &mut kept);
    renumbered(history, kept)
}

/// A command is recorded with the uid that the record had for its pod, which may be that of an earlier incarnation.
fn as_the_record_knew(history: &History, watch: Watch, kept: &mut [Kept]) {
    let own: BTreeSet<&str> = history.objects(watch).map(|object| object.what.uid.as_str()).collect();
    let mut known: HashMap<String, String> = HashMap::new();
    for kept in kept {
        let is_own = kept.event.observer == Observer::Watch(watch);
        match &mut kept.event.seen {
            Observation::Object(object) if is_own => match object.change.is_removal() {
                true => known.retain(|_, uid| *uid != object.uid),
                false => drop(known.insert(object.name.clone(), object.uid.clone())),
            },
            Observation::Exec(exec) if own.contains(exec.pod_uid.as_str()) => {
                if let Some(uid) = known.get(&exec.pod) {
                    exec.pod_uid.clone_from(uid);
                }
            }
            _ => {}
        }
    }
}

fn time_before(history: &History, place: usize) -> u64 {
    history.events[..place].last().map_or(0, |event| event.span.until_us)
}

type Present = BTreeMap<String, ObjectSeen>;

/// What a watch had told to exist before a place, by uid.
fn present(history: &History, watch: Watch, before: usize) -> Present {
    let mut present = Present::new();
    for event in &history.events[..before] {
        if let (Observation::Object(object), Some(true)) =
            (&event.seen, watch_of(event).map(|of| of == watch))
        {
            match object.change.is_removal() {
                true => present.remove(&object.uid),
                false => present.insert(object.uid.clone(), object.clone()),
            };
        }
    }
    present
}

/// What the list after a gap is recorded as.
fn relist(before: &Present, after: &Present) -> Vec<Observation> {
    let as_seen = |object: &ObjectSeen, change| {
        let mut seen = object.clone();
        seen.change = change;
        Observation::Object(seen)
    };
    let gone = before.iter().filter(|(uid, _)| !after.contains_key(*uid));
    let gone = gone.map(|(_, object)| as_seen(object, Change::Unlisted));
    gone.chain(after.values().map(|object| as_seen(object, Change::Listed))).collect()
}

/// The history as it is recorded where a watch delivers everything so much later. What the driver does it does once it has
/// seen what it waited for; what follows from that comes later as well. The last lists are not waited with.
pub(super) fn late(history: &History, watch: Watch, delay_us: u64) -> History {
    let (mut offset_us, mut delivered_us) = (0, 0);
    let mut certain: HashMap<Observer, u64> = HashMap::new();
    let mut kept: Vec<Kept> = Vec::new();
    for event in &history.events {
        let is_late = event.observer == Observer::Watch(watch)
            && !matches!(event.seen, Observation::WatchOpened { .. });
        let waits = matches!(event.observer, Observer::Driver | Observer::Probe);
        if waits {
            offset_us += u64::saturating_sub(delivered_us, event.span.until_us + offset_us);
        }
        let until_us = event.span.until_us + offset_us + if is_late { delay_us } else { 0 };
        let from_us = match event.observer {
            Observer::Watch(_) => certain.get(&event.observer).copied().unwrap_or(event.span.from_us),
            _ => event.span.from_us + offset_us,
        };
        if is_late {
            delivered_us = until_us;
        }
        certain.insert(event.observer, until_us);
        let span = Span { from_us: from_us.min(until_us), until_us };
        kept.push(Kept { old: Some(event.seq), event: Event { span, ..event.clone() } });
    }
    kept.sort_by_key(|kept| kept.event.span.until_us);
    renumbered(history, kept)
}

/// The history without the events for which something holds.
pub(super) fn without(history: &History, is_meant: impl Fn(&Event) -> bool) -> History {
    renumbered(history, history.events.iter().filter(|event| !is_meant(event)).map(Kept::of).collect())
}

/// The history without each command, and with each command failed; with the pod and the purpose of the command.
pub(super) fn without_answers(history: &History) -> Vec<(String, History)> {
    let execs: Vec<u64> = history.execs().map(|exec| exec.event.seq).collect();
    let mut all = Vec::new();
    for seq in execs {
        let Observation::Exec(exec) = &history.event(seq).seen else { unreachable!("a command") };
        let name = format!("{:?} in {}", exec.purpose, exec.pod);
        let events = history.events.iter();
        all.push((format!("without {name}"), without(history, |event| event.seq == seq)));
        all.push((
            format!("with a failed {name}"),
            renumbered(history, events.map(Kept::of).map(|it| it.failed(seq)).collect()),
        ));
    }
    all
}

/// An event, with the number that it had in the history that is varied.
struct Kept {
    old: Option<u64>,
    event: Event,
}

impl Kept {
    fn of(event: &Event) -> Self {
        Self { old: Some(event.seq), event: event.clone() }
    }

    fn new(watch: Watch, at_us: u64, seen: Observation) -> Self {
        let event = Event { seq: 0, span: Span::at(at_us), observer: Observer::Watch(watch), seen };
        Self { old: None, event }
    }

    fn failed(mut self, seq: u64) -> Self {
        if let (Observation::Exec(exec), true) = (&mut self.event.seen, self.old == Some(seq)) {
            exec.outcome = ExecOutcome::Failed { reason: "the stream broke".to_owned() };
        }
        self
    }
}

/// A history of these events, numbered anew, with what refers to events by their numbers.
fn renumbered(history: &History, kept: Vec<Kept>) -> History {
    let new: HashMap<u64, u64> = (0..).zip(&kept).filter_map(|(new, kept)| Some((kept.old?, new))).collect();
    let events = (0..).zip(kept).map(|(seq, kept)| {
        let mut event = Event { seq, ..kept.event };
        match &mut event.seen {
            Observation::Step(Step::Answered(answered)) => {
                answered.request = new.get(&answered.request).copied().unwrap_or(seq);
            }
            Observation::Step(Step::Waited { ended_by, .. }) => {
                *ended_by = ended_by.and_then(|by| new.get(&by).copied());
            }
            _ => {}
        }
        event
    });
    History::new(history.scenario.clone(), events.collect())
}

/// The history with others in place of each event; what referred to it refers to the first of them.
pub(super) fn mapped(history: &History, others: impl Fn(&Event) -> Vec<Event>) -> History {
    let kept = history.events.iter().flat_map(|event| {
        let old = (0..).map(|place| (place == 0).then_some(event.seq));
        old.zip(others(event)).map(|(old, event)| Kept { old, event }).collect::<Vec<_>>()
    });
    renumbered(history, kept.collect())
}

/// The history with other names in place of these, wherever they stand.
pub(super) fn renamed(history: &History, names: &[(&str, &str)]) -> History {
    let renamed = |event: &Event| {
        let mut text = serde_json::to_string(event).expect("an event is plain data");
        for (old, new) in names {
            text = text.replace(old, new);
        }
        vec![serde_json::from_str(&text).expect("an event")]
    };
    mapped(history, renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Resource};

    const PODS: Resource = Resource::Pods;

    fn statements(history: &History) -> Vec<String> {
        let objects = history.events.iter().filter_map(|event| match &event.seen {
            Observation::Object(object) => Some(format!("{} {:?}", object.name, object.change)),
            Observation::WatchGap { .. } => Some("gap".to_owned()),
            Observation::Step(Step::Requested(_)) => Some("request".to_owned()),
            _ => None,
        });
        objects.collect()
    }

    #[test]
    fn a_gap_is_listed_from_what_was_there_at_its_end() {
        let whole = history(
            "web-0 created; web-1 created; delete web-0; web-0 deleted; web-0 created; web-1 ready; completed",
        );
        let variants = with_gaps(&whole, PODS.into(), &[Loss::Deliveries(2), Loss::TheRest, Loss::Mute]);
        assert_eq!(variants.len(), 5 * 3);
        let of = |place: usize| statements(&variants[place].1).join(", ");
        assert_eq!(
            of(6),
            "web-0 Added, web-1 Added, request, gap, web-0 Unlisted, web-1 Listed, web-0 Listed, web-1 Modified"
        );
        assert_eq!(of(7), "web-0 Added, web-1 Added, request, gap");
        assert_eq!(of(8), "web-0 Added, web-1 Added, request");
        assert!(variants.iter().all(|(_, it)| !it.gaps(PODS).is_empty()), "each has a gap");
        assert!(variants.iter().all(|(_, it)| it.events.is_sorted_by_key(|event| event.span.until_us)));
    }

    #[test]
    fn a_late_watch_delivers_everything_and_the_driver_waits_for_it() {
        let whole =
            history("web-0 created; set replicas=1; web-0 ready; delete web-0; web-0 deleted; completed");
        let late = late(&whole, PODS.into(), 2_000_000);
        assert_eq!(
            statements(&late),
            ["web Added", "web-0 Added", "web-0 Modified", "request", "web-0 Deleted"]
        );
        assert_eq!(late.events.len(), whole.events.len());
        assert!(late.gaps(PODS).is_empty(), "late is not lost");
        assert!(late.lag_us(Watch::from(PODS)) >= 1_900_000, "{}", late.lag_us(Watch::from(PODS)));
    }

    #[test]
    fn answers_are_left_out_or_failed_one_by_one() {
        let whole = history(
            "web-0 created; exec web-0 hostname -> web-0; delete web-0; answered 200; exec web-0 fqdn -> x",
        );
        let variants = without_answers(&whole);
        let count = |history: &History| history.execs().filter(|exec| exec.printed().is_some()).count();
        assert_eq!(variants.len(), 4);
        assert!(
            variants
                .iter()
                .all(|(_, it)| count(it) == 1 && it.answer_to(it.requests().next().unwrap().event).is_some())
        );
    }

    #[test]
    fn names_are_replaced_everywhere() {
        let whole = history("www-web-0 claimed; web-0 created; delete web-0");
        let other = renamed(&whole, &[("web", "db")]);
        assert_eq!(statements(&other), ["www-db-0 Added", "db-0 Added", "request"]);
        assert_eq!(other.requests().next().and_then(|request| request.what.name.as_deref()), Some("db-0"));
    }
}
