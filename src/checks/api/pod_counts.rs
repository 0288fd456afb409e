//! How many pods of a set there can have been, and how many of them ready, as the watch of pods told it.
//!
//! What a watch delivers happened before, by no more than the slack between two watches; and at any time since the delivery
//! before it, where the watch failed in between. Where revisions say that it happened earlier or later still, that may be so
//! as well.

use std::collections::{HashMap, HashSet};

use crate::{
    history::{Event, ObjectSeen, Observation, Observer, pod::condition},
    views::{PodLife, Set, order},
};

/// The pods of the set after one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Pods that exist, terminating or not.
    pub pods: i64,
    /// Those that run and are ready, terminating or not: the controller counts them so.
    pub ready: i64,
}

/// A count, and the time in which it can have been true.
#[derive(Debug)]
struct State {
    count: Count,
    from_us: u64,
    until_us: u64,
    /// The revisions with which it began and ended, where these are numbers.
    began: Option<u64>,
    ended: Option<u64>,
}

/// The pods of a set over time.
#[derive(Debug)]
pub(super) struct Counts {
    states: Vec<State>,
    /// The times in which the watch of pods cannot be believed, each with the event that shows it.
    gaps: Vec<(u64, u64, u64)>,
}

impl Counts {
    /// Folds the watch of pods.
    pub(super) fn of(set: &Set<'_>) -> Self {
        let (mut live, mut count) = (HashMap::new(), Count::default());
        let mut states = vec![State { count, from_us: 0, until_us: u64::MAX, began: Some(0), ended: None }];
        let after_trouble = after_trouble(set);
        for (event, uid, now) in changes(set) {
            let before = match now {
                Some(ready) => live.insert(uid, ready),
                None => live.remove(uid),
            };
            count.ready += i64::from(now == Some(true)) - i64::from(before == Some(true));
            count.pods = i64::try_from(live.len()).unwrap_or(i64::MAX);
            let last = states.last_mut().expect("there is a first");
            (last.until_us, last.ended) = (event.span.until_us, revision(event));
            let is_certain = !after_trouble.contains(&event.seq);
            let told_us = if is_certain { event.span.until_us } else { event.span.from_us };
            let from_us = told_us.saturating_sub(order::slack_us(set.history(), event));
            states.push(State { count, from_us, until_us: u64::MAX, began: revision(event), ended: None });
        }
        Self { states, gaps: gaps(set) }
    }

    /// The most of each that there can have been from one time to another, and up to so long before, for somebody who wrote
    /// what has that revision.
    pub(super) fn most(&self, from_us: u64, until_us: u64, lag_us: u64, written: Option<u64>) -> Count {
        let at_revision = |written: u64| {
            let at = self.states.partition_point(|state| state.ended.is_some_and(|ended| ended <= written));
            self.states.get(at).filter(|state| state.until_us < from_us)
        };
        let told_late = written.and_then(at_revision).map(|state| state.from_us);
        let from_us = told_late.unwrap_or(from_us).saturating_sub(lag_us);
        let begin = self.states.partition_point(|state| state.until_us < from_us);
        let is_earlier = |state: &State| state.began.zip(written).is_some_and(|(began, now)| began < now);
        let within =
            self.states[begin..].iter().take_while(|state| state.from_us <= until_us || is_earlier(state));
        within.fold(Count::default(), |most, State { count, .. }| Count {
            pods: most.pods.max(count.pods),
            ready: most.ready.max(count.ready),
        })
    }

    /// The number of the event that shows a gap of the watch of pods in that time, if there is one.
    pub(super) fn gap_in(&self, from_us: u64, until_us: u64) -> Option<u64> {
        let overlaps = |gap: &&(u64, u64, u64)| gap.0 <= until_us && from_us <= gap.1;
        self.gaps.iter().find(overlaps).map(|(_, _, shown_by)| *shown_by)
    }
}

/// The times in which the watch of pods cannot be believed. What it lost may have happened before its last certain delivery, as
/// long as a watch may be late.
fn gaps(set: &Set<'_>) -> Vec<(u64, u64, u64)> {
    let until = |event: Option<&Event>| event.map_or(u64::MAX, |event| event.span.until_us);
    let slack_us = |event: &Event| order::slack_us(set.history(), event);
    let from = |event: &Event| event.span.until_us.saturating_sub(slack_us(event));
    set.pods().gaps().iter().map(|gap| (from(gap.from), until(gap.until), gap.shown_by.seq)).collect()
}

/// The deliveries of pods that came after the watch had failed or begun anew.
fn after_trouble(set: &Set<'_>) -> HashSet<u64> {
    let mut troubled = false;
    let told = set.history().told_by(Observer::Watch(set.pods().watch()));
    let delivered = told.filter(|event| {
        let is_delivery = matches!(event.seen, Observation::Object(_) | Observation::Bookmark { .. });
        std::mem::replace(&mut troubled, !is_delivery) && is_delivery
    });
    delivered.map(|event| event.seq).collect()
}

/// The revision that an event told, where that is a number.
pub(super) fn revision(event: &Event) -> Option<u64> {
    match &event.seen {
        Observation::Object(object) => object.revision.parse().ok(),
        _ => None,
    }
}

/// Every change of every pod in the order of the watch: whether the pod is ready then, or none where it is gone.
fn changes<'h>(set: &Set<'h>) -> Vec<(&'h Event, &'h str, Option<bool>)> {
    let of_life = |life: &PodLife<'h>| {
        let uid = life.uid;
        let versions = life.versions.iter();
        let versions =
            versions.map(move |v| (v.event, uid, (!v.change.is_removal()).then(|| is_ready(v.what))));
        // A successor takes the place of one whose removal nobody told of.
        let replaced = life.gone().filter(|gone| gone.seq != life.last().event.seq);
        replaced.map(|gone| (gone, uid, None)).into_iter().chain(versions).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = set.pods().iter().flat_map(of_life).collect();
    all.sort_by_key(|(event, _, now)| (event.seq, now.is_some()));
    all
}

fn is_ready(pod: &ObjectSeen) -> bool {
    pod.text("/status/phase") == Some("Running") && condition(pod, "Ready") == Some("True")
}

#[cfg(test)]
mod tests {
    use super::{Count, Counts};
    use crate::{checks::notation::history, history::History, views::View};

    const SECS: u64 = 1_000_000;

    fn most(history: &History, from_secs: u64, until_secs: u64, written: Option<u64>) -> Count {
        let view = View::of(history);
        Counts::of(&view.sets()[0]).most(from_secs * SECS, until_secs * SECS, 0, written)
    }

    #[test]
    fn the_most_in_a_stretch_of_time() {
        let history = history(
            "web-0 created; web-0 ready; wait 30s; web-1 created; web-0 terminating; web-0 deleted; wait 30s; \
             web-1 ready; wait 30s; web-1 unready",
        );
        let at = |from, until| most(&history, from, until, None);
        assert_eq!(at(6, 20), Count { pods: 1, ready: 1 });
        assert_eq!(at(6, 40), Count { pods: 2, ready: 1 });
        assert_eq!(at(40, 50), Count { pods: 1, ready: 0 });
        assert_eq!(at(64, 70), Count { pods: 1, ready: 1 });
        assert_eq!(at(95, 120), Count { pods: 1, ready: 0 });
    }

    #[test]
    fn what_happened_while_the_watch_was_down_may_have_happened_at_any_time_of_it() {
        let down = "web-0 created; web-0 running; error pods; wait 20s; opened pods; web-0 ready; wait 9s; web-0 unready";
        assert_eq!(most(&history(down), 3, 4, None).ready, 1);
        let prompt = down.replace("error pods; ", "").replace("opened pods; ", "");
        assert_eq!(most(&history(&prompt), 3, 4, None).ready, 0);
    }

    #[test]
    fn a_watch_that_stalls_is_known_by_the_revisions() {
        let stalled = history("web-0 created; web-0 running; wait 20s; web-0 ready");
        assert_eq!(most(&stalled, 3, 4, Some(104)).ready, 1);
        assert_eq!(most(&stalled, 3, 4, Some(103)).ready, 0);
    }

    #[test]
    fn a_status_that_comes_late_is_known_by_its_revision_as_well() {
        let lost = history("web-0 created; web-0 ready; wait 20s; web-0 unready; wait 60s; web-0 deleted");
        assert_eq!(most(&lost, 50, 55, None).ready, 0);
        assert_eq!(most(&lost, 50, 55, Some(102)).ready, 1, "it was written when web-0 was still ready");
        assert_eq!(most(&lost, 50, 55, Some(103)).ready, 0);
        let view = View::of(&lost);
        let counts = Counts::of(&view.sets()[0]);
        assert_eq!(
            counts.most(50 * SECS, 55 * SECS, 40 * SECS, Some(103)).ready,
            1,
            "by a controller that is so slow"
        );
    }

    #[test]
    fn a_pod_that_was_replaced_in_a_gap_is_not_counted_beside_its_successor() {
        let history =
            history("web-0 created; web-0 ready; gap pods; web-0 listed; opened pods; wait 60s; web-0 ready");
        assert_eq!(most(&history, 20, 40, None).pods, 1);
        let view = View::of(&history);
        let counts = Counts::of(&view.sets()[0]);
        assert!(counts.gap_in(0, 2 * SECS).is_some() && counts.gap_in(20 * SECS, 40 * SECS).is_none());
    }

    #[test]
    fn what_a_late_watch_lost_may_have_happened_before_its_last_word() {
        let history = history("wait 60s; web-0 created; gap pods; wait 9s; web-0 listed-again; opened pods");
        let view = View::of(&history);
        let counts = Counts::of(&view.sets()[0]);
        assert!(
            counts.gap_in(40 * SECS, 50 * SECS).is_none() && counts.gap_in(40 * SECS, 57 * SECS).is_some()
        );
    }
}
