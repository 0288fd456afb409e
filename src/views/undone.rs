//! Whether the StatefulSet controller left something undone.
//!
//! What it left undone is held against it only where the set's status shows that it had seen all there was to see. It writes
//! the status at the end of each sync, after what the sync had to do (Kubernetes,
//! pkg/controller/statefulset/stateful_set_control.go, UpdateStatefulSet), so when such a status is there the pod is created
//! or on its way out, even if the status does not count that yet. Who was refused something writes it too, from Kubernetes
//! 1.23 on, and an event says so; for a pod that is there already and not the set's, or a claim that is on its way out, none
//! does.

use super::{
    PodLife, Set, View, Window,
    controller::{later, patience_us},
    sets::{counter, min_ready_us},
};
use crate::{
    history::{Event, Gap, ObjectSeen, Resource, Seen, Verb, Wait, pod},
    limits,
};

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
/// lower ones were ready for as long as the set wants, and its last incarnation was gone.
pub fn not_created<'h>(view: &View<'h>, set: &Set<'h>, given_up: &'h Event) -> Option<Undone<'h>> {
    let asked = set.asked_at(given_up)?;
    if is_going(view, set, given_up) {
        return None;
    }
    let mut since = later(set.made()?, asked.event);
    for name in set.wanted_at(given_up) {
        let latest = set.pods().before(&name, given_up).next();
        if let Some(present) = latest.filter(|life| life.at(given_up).is_some()) {
            if !set.is_parallel() {
                since = later(since, available_since(set, present, given_up)?);
            }
            continue;
        }
        since = latest.and_then(PodLife::gone).map_or(since, |gone| later(since, gone));
        let excuse = |idle_us| {
            excuse(view, set, (since, given_up, idle_us), "FailedCreate")
                .or_else(|| taken(set, &name, given_up))
                .or_else(|| claim_in_the_way(set, &name, since, given_up))
        };
        return Some(undone(set, name.clone(), since, given_up, excuse));
    }
    None
}

/// The highest ordinal that was still there when a wait was given up, if it was the controller's to delete: fewer replicas
/// were asked for and, where the set keeps an order, all that were to stay were there and ready, and none was on its way out.
pub fn not_deleted<'h>(view: &View<'h>, set: &Set<'h>, given_up: &'h Event) -> Option<Undone<'h>> {
    let asked = set.asked_at(given_up)?;
    if is_going(view, set, given_up) {
        return None;
    }
    let present = set.pods().at(given_up);
    let (kept, condemned): (Vec<&PodLife<'h>>, Vec<&PodLife<'h>>) =
        present.into_iter().partition(|life| set.wants_at(life, given_up));
    let mut since = asked.event;
    let next = if set.is_parallel() {
        let stays = condemned.into_iter().filter(|life| !life.last_before(given_up).is_terminating());
        stays.max_by_key(|life| life.ordinal)?
    } else {
        if kept.len() < asked.replicas as usize {
            return None;
        }
        for life in kept.iter().chain(&condemned) {
            since = later(since, available_since(set, life, given_up)?);
        }
        condemned.into_iter().max_by_key(|life| life.ordinal)?
    };
    let gone = set.pods().iter().filter_map(PodLife::gone).filter(|gone| gone.seq <= given_up.seq);
    let since = gone.fold(since, later);
    let excuse = |idle_us| excuse(view, set, (since, given_up, idle_us), "FailedDelete");
    Some(undone(set, next.name.to_owned(), since, given_up, excuse))
}

/// The first wait in a window that was given up for want of this pod, and what was left undone then.
pub fn not_created_in<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    window: &Window<'h>,
    pod: &str,
) -> Option<(&'h Event, Undone<'h>)> {
    let mut waits = set.given_up(Wait::is_for_members_to_come).filter(|wait| window.has(wait.event));
    waits.find_map(|wait| {
        let undone = not_created(view, set, wait.event).filter(|undone| undone.pod == pod)?;
        Some((wait.event, undone))
    })
}

fn undone<'h>(
    set: &Set<'h>,
    pod: String,
    since: &'h Event,
    given_up: &'h Event,
    excuse: impl FnOnce(u64) -> Option<(String, &'h Event)>,
) -> Undone<'h> {
    let waits_us = if set.is_parallel() { 0 } else { min_ready_us(set, given_up) };
    let idle_us = given_up.span.until_us.saturating_sub(since.span.until_us).saturating_sub(waits_us);
    Undone { pod, since, secs: idle_us as f64 / 1e6, excuse: excuse(idle_us) }
}

/// Whether the set, or its namespace, is on its way out: the controller does nothing for it then.
fn is_going<'h>(view: &View<'h>, set: &Set<'h>, event: &Event) -> bool {
    let terminating = set.at(event).is_some_and(|version| version.what.is_terminating());
    let before = view.doings().iter().take_while(|doing| doing.event.comes_before(event));
    let mut removed = false;
    for request in before.filter(|doing| doing.disturbs(Resource::StatefulSets, set.namespace, set.name)) {
        let Some(request) = request.request() else { continue };
        removed = matches!(request.what.verb, Verb::Delete | Verb::DeleteCollection);
    }
    terminating || removed
}

/// Since when a pod is ready, if it has been for as long as the set wants before it goes on.
fn available_since<'h>(set: &Set<'h>, life: &PodLife<'h>, event: &Event) -> Option<&'h Event> {
    let ready = life.ready_since(event)?;
    let ready_us = event.span.until_us.saturating_sub(ready.span.until_us);
    (ready_us >= min_ready_us(set, event)).then_some(ready)
}

/// What keeps it from being held against the controller that it did not create or delete a pod for a time.
fn excuse<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    (since, given_up, idle_us): (&'h Event, &'h Event, u64),
    refusal: &str,
) -> Option<(String, &'h Event)> {
    hidden(view, set, since, given_up)
        .or_else(|| refused(set, refusal))
        .or_else(|| too_soon(set, idle_us, given_up))
        .or_else(|| not_known(set, given_up))
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
fn refused<'h>(set: &Set<'h>, reason: &str) -> Option<(String, &'h Event)> {
    let mut events = set.history().objects(set.watch_of(Resource::Events));
    let is_of_set =
        |event: &ObjectSeen| event.text("/involvedObject/name").is_none_or(|name| name == set.name);
    let refusal = events.find(|event| event.text("/reason") == Some(reason) && is_of_set(event.what))?;
    let message = refusal.what.text("/message").unwrap_or_default();
    Some((format!("the server refused it: {message}"), refusal.event))
}

/// Less time than a controller as slow as this one was seen to be may take.
fn too_soon<'h>(set: &Set<'h>, idle_us: u64, given_up: &'h Event) -> Option<(String, &'h Event)> {
    let bound_us = patience_us(set);
    let secs = bound_us as f64 / 1e6;
    (idle_us < bound_us).then(|| (format!("this controller may take {secs:.0} s"), given_up))
}

/// The set's status does not show that the controller had seen what was asked for and how the pods were, or the watch of pods
/// may still tell what the controller did when it wrote it.
fn not_known<'h>(set: &Set<'h>, given_up: &'h Event) -> Option<(String, &'h Event)> {
    let Some(status) = set.at(given_up) else {
        return Some(("the set itself was not seen".to_owned(), given_up));
    };
    if !shows_all(set, &status, given_up) {
        let what = "the set's status does not show that the controller had seen this, so it may be slow";
        return Some((what.to_owned(), status.event));
    }
    let history = set.history();
    let late_us = history.lag_us(set.pods().watch()).max(history.lag_us(set.watch())).saturating_mul(2);
    let told_us = status.event.span.until_us + limits::OBSERVER_SLACK.wait_us() + late_us;
    let what = "the set's status came so late that the watch of pods may not have told all yet";
    (told_us >= given_up.span.from_us).then(|| (what.to_owned(), status.event))
}

/// Whether a status counts what the watch of pods shows, under the spec that was asked for last.
fn shows_all<'h>(set: &Set<'h>, status: &Seen<'h, ObjectSeen>, event: &Event) -> bool {
    let present = set.pods().at(event);
    let good = present.iter().filter(|life| is_counted_good(set, life, event)).count();
    let counted = status.what.number("/status/availableReplicas");
    let counted = counted.unwrap_or_else(|| counter(status.what, "readyReplicas"));
    let asked = set.asked_at(event).map(|asked| i64::from(asked.replicas));
    status.what.number("/spec/replicas") == asked
        && status.what.number("/metadata/generation") == status.what.number("/status/observedGeneration")
        && usize::try_from(counter(status.what, "replicas")) == Ok(present.len())
        && usize::try_from(counted) == Ok(good)
}

/// Whether the controller counts a pod as available, or as ready where the server does not count available ones. One that is on
/// its way out is counted as long as it says that it is ready.
fn is_counted_good<'h>(set: &Set<'h>, life: &PodLife<'h>, event: &Event) -> bool {
    let pod = life.last_before(event);
    let is_ready =
        pod.text("/status/phase") == Some("Running") && pod::condition(pod, "Ready") == Some("True");
    is_ready && (pod.is_terminating() || available_since(set, life, event).is_some())
}

/// Another's pod has the name.
fn taken<'h>(set: &Set<'h>, name: &str, given_up: &Event) -> Option<(String, &'h Event)> {
    let mut pods = set.history().objects(set.pods().watch()).rev();
    let last = pods.find(|pod| pod.event.seq <= given_up.seq && pod.what.name == name)?;
    let last = Some(last).filter(|pod| !pod.change.is_removal())?;
    Some((format!("a pod that is not the set's has the name {name}"), last.event))
}

/// A claim that the pod would mount is on its way out, or still another incarnation's.
fn claim_in_the_way<'h>(
    set: &Set<'h>,
    pod: &str,
    since: &Event,
    given_up: &Event,
) -> Option<(String, &'h Event)> {
    let claims = set.claims();
    if claims.templates().is_empty() {
        return None;
    }
    if let Some(gap) = claims.gap_between(since, given_up) {
        return Some(("the watch of persistentvolumeclaims has a gap".to_owned(), gap.shown_by));
    }
    let names = claims.templates().iter().map(|template| claims.name_for(template, pod));
    let stale = names.filter_map(|name| {
        let mut lives = claims.named(&name).iter().flat_map(|claim| &claim.versions);
        let last = lives.rfind(|version| version.event.seq <= given_up.seq)?;
        let owners = last.what.list("/metadata/ownerReferences");
        let is_stale = last.what.is_terminating() || owners.iter().any(|owner| owner["kind"] == "Pod");
        (is_stale && !last.change.is_removal()).then_some((name, last.event))
    });
    let (name, event) = stale.into_iter().next()?;
    Some((format!("its claim {name} is on its way out"), event))
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

    fn left(history: &History) -> Option<(String, Option<String>)> {
        let view = View::of(history);
        let undone = not_deleted(&view, &view.sets()[0], history.last())?;
        Some((undone.pod, undone.excuse.map(|(excuse, _)| excuse)))
    }

    const THREE: &str = "set replicas=3 generation=1 observed=1; web-0 created; web-0 ready; web-1 created; web-1 ready; \
        web-2 created; web-2 ready;";
    const GIVEN_UP: &str = "wait 60s; timed-out pods-gone web-1 web-2";

    #[test]
    fn a_pod_that_is_to_stay_and_is_missing_comes_before_a_deletion() {
        let lost = "scale 1; web-0 terminating; web-0 deleted; set replicas=1 generation=2 observed=2 pods=2 ready=2 available=2";
        let history = history(&format!("{THREE} {lost}; {GIVEN_UP}"));
        assert_eq!(left(&history), None);
        assert_eq!(missing(&history), blamed("web-0"));
    }

    #[test]
    fn a_pod_on_its_way_out_is_counted_as_long_as_it_is_ready() {
        let leaving =
            "scale 2; web-2 terminating; set replicas=2 generation=2 observed=2 pods=3 ready=3 available=3;";
        let lost = "web-1 terminating; web-1 deleted; set pods=2 ready=2 available=2; wait 60s; timed-out pods-ready web-1";
        assert_eq!(missing(&history(&format!("{THREE} {leaving} {lost}"))), blamed("web-1"));
        let stopped = lost.replace("set pods=2", "web-2 unready; set pods=2");
        excused(&history(&format!("{THREE} {leaving} {stopped}")), "may be slow");
    }

    #[test]
    fn pods_must_be_ready_for_as_long_as_the_set_wants() {
        let wants = |wait: &str| {
            let mut notes = Notes::new().say("set replicas=2 generation=1 observed=1");
            notes.modify(Resource::StatefulSets, "web", |set| set["spec"]["minReadySeconds"] = json!(60));
            let ready = "web-0 created; web-0 ready; set pods=1 ready=1 available=0;";
            notes
                .say(&format!("{ready} wait {wait}; set available=1; wait 20s; timed-out pods-ready web-1"))
                .history()
        };
        assert_eq!(missing(&wants("30s")), None);
        excused(&wants("60s"), "may take 30 s");
        assert_eq!(missing(&wants("75s")), blamed("web-1"));
    }

    #[test]
    fn nothing_is_done_for_a_set_that_is_going() {
        let wait = "wait 60s; timed-out pods-ready web-1";
        let mut notes = Notes::new().say(GONE);
        notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
        assert_eq!(missing(&notes.clone().say(wait).history()), None);
        notes.request(
            Verb::Apply,
            Resource::StatefulSets,
            Some("web"),
            None,
            json!({"spec": {"replicas": 2}}),
        );
        let again = notes.say(&format!("set replicas=2; {wait}")).history();
        assert_eq!(missing(&again), blamed("web-1"), "it was made again");
        let mut notes = Notes::new().say(GONE);
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")
        });
        assert_eq!(missing(&notes.say(wait).history()), None);
    }

    #[test]
    fn another_pod_of_that_name_explains_it() {
        let mut notes = Notes::new().say(GONE);
        let owner =
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": true}]);
        let other = json!({"metadata": {"name": "web-1", "uid": "x", "ownerReferences": owner}});
        notes.object(Resource::Pods, Change::Added, other);
        let given_up = "wait 120s; timed-out pods-ready web-1";
        excused(&notes.clone().say(given_up).history(), "a pod that is not the set's has the name web-1");
        let gone = notes.say(&format!("web-1 deleted; {given_up}")).history();
        assert_eq!(missing(&gone), blamed("web-1"));
    }

    #[test]
    fn a_claim_that_is_on_its_way_out_explains_it() {
        let given_up = "wait 120s; timed-out pods-ready web-1";
        let claim = |what: &str| history(&format!("{GONE} www-web-1 claimed; {what} {given_up}"));
        excused(&claim("www-web-1 claim-terminating;"), "its claim www-web-1 is on its way out");
        assert_eq!(missing(&claim("www-web-1 claim-terminating; www-web-1 unclaimed;")), blamed("web-1"));
        assert_eq!(missing(&claim("")), blamed("web-1"));
        excused(&claim("gap persistentvolumeclaims;"), "the watch of persistentvolumeclaims has a gap");
    }

    #[test]
    fn a_refusal_of_another_set_explains_nothing() {
        let mut notes = Notes::new().say(GONE);
        let of = json!({"kind": "StatefulSet", "name": "other"});
        let event = json!({"metadata": {"name": "x"}, "reason": "FailedCreate", "involvedObject": of});
        notes.object(Resource::Events, Change::Added, event);
        assert_eq!(missing(&notes.say("wait 120s; timed-out pods-ready web-1").history()), blamed("web-1"));
    }

    #[test]
    fn a_status_of_a_moment_ago_may_be_ahead_of_the_watch_of_pods() {
        let late = GONE.replace(
            "set pods=1 ready=1 available=1;",
            "wait 120s; set pods=1 ready=1 available=1; wait 4s;",
        );
        excused(&history(&format!("{late} timed-out pods-ready web-1")), "may not have told all yet");
        assert_eq!(
            missing(&history(&format!("{late} wait 2s; timed-out pods-ready web-1"))),
            blamed("web-1")
        );
    }

    #[test]
    fn a_parallel_set_deletes_without_waiting_for_others() {
        let parallel = |statements: &str| {
            let mut notes = Notes::new().say(THREE);
            notes.modify(Resource::StatefulSets, "web", |set| {
                set["spec"]["podManagementPolicy"] = json!("Parallel")
            });
            left(&notes.say(statements).history())
        };
        let asked = "scale 1; web-0 unready; web-2 terminating; set replicas=1 generation=2 observed=2 pods=3 ready=2 available=2;";
        assert_eq!(parallel(&format!("{asked} {GIVEN_UP}")), blamed("web-1"));
        assert_eq!(parallel(&format!("{asked} web-1 terminating; {GIVEN_UP}")), None);
        assert_eq!(left(&history(&format!("{THREE} {asked} {GIVEN_UP}"))), None, "an ordered one waits");
    }
}
