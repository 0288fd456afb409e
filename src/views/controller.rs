//! What the StatefulSet controller can have known, and how slow it may be.
//!
//! The controller decides by a cache of its own, which may be behind by seconds (kubernetes#41889), and sends its requests through
//! a rate limiter, so what it decided may be done much later: a right controller may be as slow as its client is allowed to be.
//! How slow this one is, is seen from the pods that it created in time.

use super::{PodLife, Set, sets::min_ready_us};
use crate::{history::Event, limits};

pub use super::undone::{Undone, not_created, not_created_in, not_deleted};

/// Whether the controller had certainly seen what the watch of pods told, when it did something that was there at a time in
/// microseconds.
///
/// It had, if that was long before; or if it was longer before the request that it followed than a cache is behind, because it
/// decided after that.
pub fn had_seen(set: &Set<'_>, told: &Event, request: Option<&Event>, acted_us: u64) -> bool {
    let late_us = set.history().lag_us(set.pods().watch()).saturating_mul(2);
    let told_us = told.span.until_us.saturating_add(late_us);
    let before_request =
        |request: &Event| told_us.saturating_add(limits::READINESS_LAG.wait_us()) <= request.span.from_us;
    request.is_some_and(before_request) || told_us.saturating_add(patience_us(set)) <= acted_us
}

/// How old what a controller knows may be when its request arrives, in microseconds: it acts on a cache of its own, and
/// sends its requests as fast as its client is allowed to.
pub fn lag_us(set: &Set<'_>) -> u64 {
    limits::READINESS_LAG.wait_us().max(3 * slowest_creation_us(set))
}

/// For how long a controller as slow as this one was seen to be may leave something undone, in microseconds.
pub fn patience_us(set: &Set<'_>) -> u64 {
    limits::CONTROLLER_ACTS.wait_us().max(3 * slowest_creation_us(set))
}

/// The longest that the controller took to create a pod once nothing stood in its way, in microseconds.
fn slowest_creation_us(set: &Set<'_>) -> u64 {
    set.slowest_creation_us(|| set.pods().iter().filter_map(|life| took_us(set, life)).max().unwrap_or(0))
}

/// How long it took until a pod was created; none where that was not seen, or where it was created before its time.
fn took_us<'h>(set: &Set<'h>, life: &PodLife<'h>) -> Option<u64> {
    let (pods, birth) = (set.pods(), life.birth());
    if !life.birth_was_seen() || !pods.made_by_set(life) || pods.gap_at(birth).is_some() {
        return None;
    }
    let requests = &set.requests()[..set.requests().partition_point(|request| request.event.seq < birth.seq)];
    let mut free = later(set.made()?, set.asked_at(birth)?.event);
    free = requests.last().map_or(free, |request| later(free, request.event));
    free = pods.predecessor(life).and_then(PodLife::gone).map_or(free, |gone| later(free, gone));
    let mut wait_us = 0;
    if !set.is_parallel_for(life) {
        let ordinal = life.ordinal?;
        for lower in set.lowest_below(ordinal)..ordinal {
            let lower = pods.before(&format!("{}-{lower}", set.name), birth).next()?;
            free = later(free, lower.ready_since(birth)?);
            wait_us = min_ready_us(set, birth);
        }
    }
    Some(birth.span.until_us.saturating_sub(free.span.until_us).saturating_sub(wait_us))
}

/// The later of two events.
pub(super) fn later<'h>(one: &'h Event, other: &'h Event) -> &'h Event {
    if one.comes_before(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, views::View};

    /// How old what the controller knows may be, and for how long it may do nothing, in seconds.
    fn slow(statements: &str) -> (u64, u64) {
        let history = history(statements);
        let view = View::of(&history);
        (lag_us(&view.sets()[0]) / 1_000_000, patience_us(&view.sets()[0]) / 1_000_000)
    }

    #[test]
    fn what_was_long_before_was_seen_and_what_was_before_the_request_too() {
        let seen = |statements: &str| {
            let history = history(&format!("set replicas=2; web-0 created; web-0 ready; {statements}"));
            let view = View::of(&history);
            let set = &view.sets()[0];
            let request = history.requests().next().map(|request| request.event);
            had_seen(set, set.pods()[0].versions[1].event, request, history.last().span.until_us)
        };
        assert!(!seen("wait 29.8s; web-0 unready") && seen("wait 29.9s; web-0 unready"));
        assert!(!seen("wait 4.8s; scale 3; web-1 created") && seen("wait 4.9s; scale 3; web-1 created"));
    }

    #[test]
    fn what_a_slow_controller_knows_is_older() {
        assert_eq!(slow("set replicas=1; web-0 created"), (5, 30));
        assert_eq!(slow("set replicas=1; wait 9.9s; web-0 created"), (30, 30));
        assert_eq!(slow("set replicas=1; wait 19.9s; web-0 created"), (60, 60));
    }

    #[test]
    fn a_pod_that_came_before_its_time_does_not_show_how_slow_the_controller_is() {
        let early = "set replicas=2; web-0 created; web-0 ready; web-0 unready; wait 60s; web-1 created";
        assert_eq!(slow(early), (5, 30));
    }

    #[test]
    fn only_time_in_which_nothing_stood_in_the_way_counts() {
        let scaled = "set replicas=1; web-0 created; web-0 ready; wait 60s; scale 2; web-1 created";
        assert_eq!(slow(scaled), (5, 30));
        let gone = "set replicas=1; web-0 created; web-0 ready; wait 60s; web-0 terminating; web-0 deleted; web-0 created";
        assert_eq!(slow(gone), (5, 30));
        let applied = "set replicas=1; web-0 created; web-0 deleted; wait 60s; scale 1; web-0 created";
        assert_eq!(slow(applied), (5, 30), "asked for again");
    }
}
