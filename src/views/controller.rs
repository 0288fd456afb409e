//! What the StatefulSet controller can have known, and whether it left something undone.
//!
//! The controller acts on a cache of its own and through a rate limiter, so being late is no fault: a right controller may be
//! as slow as its client is allowed to be. What it left undone is held against it only where the set's status shows that it
//! had seen all there was to see. It writes the status at the end of each sync, after what the sync had to do (Kubernetes,
//! pkg/controller/statefulset/stateful_set_control.go, UpdateStatefulSet), so such a status is one that a right controller
//! does not write.

use super::{PodLife, Pods, Set, View, sets::counter};
use crate::{
    history::{Event, Gap, Resource, Seen},
    limits,
};

/// The loss of a lower pod's readiness, if the controller may not have known of it when it created the pod.
///
/// It acts on a cache of its own, which may be behind (kubernetes#41889). But it recreates a pod only once it knows that the
/// old one is gone, and whatever the watch of pods told before that it knows as well.
pub fn loss_not_known<'h>(
    pods: &Pods<'h>,
    born: &PodLife<'h>,
    predecessor: &PodLife<'h>,
) -> Option<&'h Event> {
    let birth = born.birth();
    let stopped = predecessor.stopped_being_ready_before(birth)?;
    let lag_us = birth.span.until_us.saturating_sub(stopped.span.until_us);
    let gone = pods.predecessor(born).and_then(PodLife::deleted);
    let was_known = gone.is_some_and(|gone| stopped.comes_before(gone));
    (!was_known && lag_us < limits::READINESS_LAG.wait_us()).then_some(stopped)
}

/// Something that was for the controller to do and that it did not do until a wait for it was given up.
#[derive(Debug)]
pub struct Undone<'h> {
    /// The pod that was to be created or deleted.
    pub pod: String,
    /// Since when nothing stood in the way, as far as the record tells.
    pub since: &'h Event,
    /// For how long it was not done, in seconds.
    pub secs: f64,
    /// What keeps it from being held against the controller, with an event that shows it; none where nothing does.
    pub excuse: Option<(String, &'h Event)>,
}

/// The lowest ordinal that had no pod when a wait was given up, if it was the controller's to create: it was asked for, all
/// lower ones were ready, and its last incarnation was gone.
pub fn not_created<'h>(view: &View<'h>, set: &Set<'h>, given_up: &'h Event) -> Option<Undone<'h>> {
    let pods = set.pods();
    let asked = set.asked_at(given_up)?;
    let mut since = later(set.made()?, asked.event);
    for name in set.wanted_at(given_up) {
        let latest = pods.before(&name, given_up).next();
        if let Some(present) = latest.filter(|life| life.at(given_up).is_some()) {
            if !set.is_parallel() {
                since = later(since, present.ready_since(given_up)?);
            }
            continue;
        }
        since = latest.and_then(PodLife::gone).map_or(since, |gone| later(since, gone));
        return Some(undone(view, set, name, since, given_up, "FailedCreate"));
    }
    None
}

/// The highest ordinal that was still there when a wait was given up, if it was the controller's to delete: fewer replicas
/// were asked for, all pods were ready and none was on its way out.
pub fn not_deleted<'h>(view: &View<'h>, set: &Set<'h>, given_up: &'h Event) -> Option<Undone<'h>> {
    let pods = set.pods();
    let asked = set.asked_at(given_up)?;
    let wanted = set.wanted_at(given_up);
    let present = pods.at(given_up);
    let condemned = present.iter().filter(|life| !wanted.iter().any(|name| name == life.name));
    let next = condemned.max_by_key(|life| life.ordinal)?;
    let mut since = asked.event;
    for life in &present {
        since = later(since, life.ready_since(given_up)?);
    }
    let gone = pods.iter().filter_map(PodLife::gone).filter(|gone| gone.seq <= given_up.seq);
    let since = gone.fold(since, later);
    Some(undone(view, set, next.name.to_owned(), since, given_up, "FailedDelete"))
}

fn undone<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    pod: String,
    since: &'h Event,
    given_up: &'h Event,
    refusal: &str,
) -> Undone<'h> {
    let idle_us = given_up.span.until_us.saturating_sub(since.span.until_us);
    let excuse = hidden(view, set, since, given_up)
        .or_else(|| refused(view, set, refusal))
        .or_else(|| not_known(set, given_up))
        .or_else(|| too_soon(set, idle_us, given_up));
    Undone { pod, since, secs: idle_us as f64 / 1e6, excuse }
}

/// A gap in a watch that would have told of the pod, or of what stood in its way.
fn hidden<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    since: &Event,
    given_up: &Event,
) -> Option<(String, &'h Event)> {
    let told: Option<(Resource, Gap<'h>)> = [Resource::Pods, Resource::StatefulSets, Resource::Events]
        .into_iter()
        .find_map(|resource| Some((resource, view.gap_in(resource, set.namespace, since, given_up)?)));
    told.map(|(resource, gap)| (format!("the watch of {} has a gap", resource.plural()), gap.shown_by))
}

/// The server refused what the controller asked for.
fn refused<'h>(view: &View<'h>, set: &Set<'h>, reason: &str) -> Option<(String, &'h Event)> {
    let mut events = view.history().objects(set.watch_of(Resource::Events));
    let refusal = events.find(|event| event.text("/reason") == Some(reason))?;
    let message = refusal.what.text("/message").unwrap_or_default();
    Some((format!("the server refused it: {message}"), refusal.event))
}

/// The set's status does not show that the controller had seen what was asked for and how the pods were.
fn not_known<'h>(set: &Set<'h>, given_up: &'h Event) -> Option<(String, &'h Event)> {
    let Some(status) = set.at(given_up) else {
        return Some(("the set itself was not seen".to_owned(), given_up));
    };
    let present = set.pods().at(given_up);
    let ready = present.iter().filter(|life| life.ready_since(given_up).is_some()).count();
    let asked = set.asked_at(given_up).map(|asked| i64::from(asked.replicas));
    let knows = status.what.number("/spec/replicas") == asked
        && status.what.number("/metadata/generation") == status.what.number("/status/observedGeneration")
        && usize::try_from(counter(status.what, "replicas")) == Ok(present.len())
        && usize::try_from(counted_ready(&status)) == Ok(ready);
    let what = "the set's status does not show that the controller had seen this, so it may be slow";
    (!knows).then(|| (what.to_owned(), status.event))
}

/// The pods that the controller takes for good enough to go on: the available ones where the server counts these.
fn counted_ready(status: &Seen<'_, crate::history::ObjectSeen>) -> i64 {
    let available = status.what.number("/status/availableReplicas");
    available.unwrap_or_else(|| counter(status.what, "readyReplicas"))
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

/// Less time than a controller as slow as this one was seen to be may take.
fn too_soon<'h>(set: &Set<'h>, idle_us: u64, given_up: &'h Event) -> Option<(String, &'h Event)> {
    let bound_us = patience_us(set);
    let secs = bound_us as f64 / 1e6;
    (idle_us < bound_us).then(|| (format!("this controller may take {secs:.0} s"), given_up))
}

/// The longest that the controller took to create a pod once nothing stood in its way, in microseconds.
fn slowest_creation_us(set: &Set<'_>) -> u64 {
    let pods = set.pods();
    let created = pods.iter().filter(|life| life.birth_was_seen());
    let took = created.filter_map(|life| {
        let birth = life.birth();
        let asked = set.asked_at(birth)?.event;
        let mut free = later(set.made()?, asked);
        free = pods.predecessor(life).and_then(PodLife::gone).map_or(free, |gone| later(free, gone));
        let lower = pods.at(birth).into_iter().filter(|other| other.ordinal < life.ordinal);
        for lower in lower.filter(|_| !set.is_parallel()) {
            free = lower.ready_since(birth).map_or(free, |ready| later(free, ready));
        }
        Some(birth.span.until_us.saturating_sub(free.span.until_us))
    });
    took.max().unwrap_or(0)
}

fn later<'h>(one: &'h Event, other: &'h Event) -> &'h Event {
    if one.comes_before(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Change, History},
    };

    const GONE: &str = "set replicas=2 generation=1 observed=1; web-0 created; web-0 ready; web-1 created; web-1 ready; \
        web-1 terminating; web-1 deleted; set pods=1 ready=1 available=1;";

    /// The pod that was not created, and the excuse for it.
    fn missing(history: &History) -> Option<(String, Option<String>)> {
        let view = View::of(history);
        let undone = not_created(&view, &view.sets()[0], history.last())?;
        Some((undone.pod, undone.excuse.map(|(excuse, _)| excuse)))
    }

    fn blamed(pod: &str) -> Option<(String, Option<String>)> {
        Some((pod.to_owned(), None))
    }

    fn excused(history: &History, words: &str) {
        let excuse = missing(history).and_then(|(_, excuse)| excuse).unwrap_or_default();
        assert!(excuse.contains(words), "`{excuse}` does not say `{words}`");
    }

    #[test]
    fn a_pod_that_a_controller_which_knows_does_not_create_for_half_a_minute() {
        let given_up = "timed-out pods-ready web-0 web-1";
        assert_eq!(missing(&history(&format!("{GONE} wait 120s; {given_up}"))), blamed("web-1"));
        let never = format!("set replicas=2 generation=1 observed=1; wait 120s; {given_up}");
        assert_eq!(missing(&history(&never)), blamed("web-0"));
    }

    #[test]
    fn one_that_went_a_moment_ago_may_still_come() {
        excused(&history(&format!("{GONE} wait 3s; timed-out pods-ready web-1")), "may take 30 s");
    }

    #[test]
    fn a_controller_that_has_not_seen_the_loss_may_be_slow() {
        let unseen = GONE.replace("set pods=1 ready=1 available=1;", "");
        excused(&history(&format!("{unseen} wait 600s; timed-out pods-ready web-1")), "may be slow");
        let unobserved = "set replicas=2 generation=2 observed=1; wait 600s; timed-out pods-ready web-0";
        excused(&history(unobserved), "may be slow");
        let scaled =
            format!("{GONE} web-1 created; web-1 ready; scale 3; wait 600s; timed-out pods-ready web-2");
        excused(&history(&scaled), "may be slow");
    }

    #[test]
    fn a_controller_that_was_seen_to_be_slow_is_given_three_times_as_long() {
        let slow = "set replicas=2 generation=1 observed=1; wait 40s; web-0 created; web-0 ready; \
            set pods=1 ready=1 available=1; wait 100s; timed-out pods-ready web-1";
        excused(&history(slow), "may take 120 s");
    }

    #[test]
    fn what_a_slow_controller_knows_is_older() {
        let lag = |statements: &str| {
            let history = history(statements);
            let view = View::of(&history);
            (lag_us(&view.sets()[0]), patience_us(&view.sets()[0]))
        };
        assert_eq!(lag("set replicas=1; web-0 created"), (5_000_000, 30_000_000));
        assert_eq!(lag("set replicas=1; wait 9.9s; web-0 created"), (30_000_000, 30_000_000));
        assert_eq!(lag("set replicas=1; wait 19.9s; web-0 created"), (60_000_000, 60_000_000));
    }

    #[test]
    fn a_request_for_more_begins_the_time_anew() {
        let scaled =
            format!("{GONE} wait 60s; scale 3; set replicas=3 generation=2 observed=2; timed-out pods-ready");
        let history = history(&scaled);
        let view = View::of(&history);
        let undone = not_created(&view, &view.sets()[0], history.last()).expect("web-1");
        assert!(undone.secs < 1.0, "{}", undone.secs);
    }

    #[test]
    fn a_lower_one_that_is_not_ready_stands_in_its_way() {
        let pending = "set replicas=2; web-0 created; wait 120s; timed-out pods-ready web-0";
        assert_eq!(missing(&history(pending)), None);
    }

    #[test]
    fn a_creation_that_the_server_refuses_explains_it() {
        let mut notes = Notes::new().say(GONE);
        let event = json!({"metadata": {"name": "web.1"}, "reason": "FailedCreate", "message": "no quota"});
        notes.object(Resource::Events, Change::Added, event);
        excused(&notes.say("wait 120s; timed-out pods-ready web-1").history(), "refused it: no quota");
    }

    #[test]
    fn a_gap_may_hide_the_pod_or_what_stood_in_its_way() {
        for resource in ["pods", "events", "statefulsets"] {
            let gap = format!("{GONE} gap {resource}; wait 120s; timed-out pods-ready web-1");
            excused(&history(&gap), &format!("the watch of {resource} has a gap"));
        }
    }

    #[test]
    fn a_pod_that_is_not_deleted_although_fewer_were_asked_for() {
        let undone = |statements: &str| {
            let history = history(statements);
            let view = View::of(&history);
            let undone = not_deleted(&view, &view.sets()[0], history.last())?;
            Some((undone.pod, undone.excuse.map(|(excuse, _)| excuse)))
        };
        let two = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; scale 1;";
        let knows = "set replicas=1 generation=2 observed=2 pods=2 ready=2 available=2; wait 60s; timed-out pods-gone web-1";
        assert_eq!(undone(&format!("{two} {knows}")), blamed("web-1"));
        let slow = undone(&format!("{two} wait 600s; timed-out pods-gone web-1")).expect("web-1 is there");
        assert!(slow.1.is_some_and(|excuse| excuse.contains("may be slow")));
        assert_eq!(undone(&format!("{two} web-0 unready; {knows}")), None);
        assert_eq!(undone(&format!("{two} web-1 terminating; {knows}")), None);
        assert_eq!(undone(&format!("{two} web-1 deleted; {knows}")), None);
    }
}
