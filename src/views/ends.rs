//! What can have ended a pod other than its set's own decision.

use super::{PodLife, Set, View, controller, order, sets::counter};
use crate::history::{Change, Event, ObjectSeen, Phase, Resource, minor_version};

/// The reasons of the events in which others than a set say that they take a pod away.
const TAKEN: &[&str] = &["TaintManagerEviction", "Preempted", "Evicted", "NodeShutdown"];

/// The minor version from which on a pod itself says that others took it away (Kubernetes documentation, Disruptions).
const SAYS_SO_SINCE: u32 = 26;

/// Why the end of a pod cannot be held against its set.
#[derive(Debug)]
pub struct Excuse<'h> {
    /// Whose doing it is, or may be.
    pub whose: Whose,
    /// For a person to read, as the rest of the sentence "the pod …".
    pub what: String,
    /// The event that shows it.
    pub event: &'h Event,
}

/// Whose doing the end of a pod is, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A gap hides it.
    Hidden,
    /// The driver's own.
    Driver,
    /// That of a node, of an eviction, or of the pod's own containers.
    Surroundings,
}

/// Why the end of a pod cannot be held against its set; none where nothing else can have ended it. Requests for fewer replicas
/// count only if they are said to.
///
/// An earlier request of the driver counts however long ago it was made, if it can have meant this incarnation: the controller
/// may be slow, and a watch may be late.
pub fn excuse<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    is_scaling_one: bool,
) -> Option<Excuse<'h>> {
    let end = life.terminating()?;
    hidden(set, life, end)
        .or_else(|| driver(view, set, life, end, is_scaling_one))
        .or_else(|| ended_by_itself(life, end))
        .or_else(|| taken(view, set, life, end))
}

/// The beginning of its termination was not delivered in its place.
fn hidden<'h>(set: &Set<'h>, life: &PodLife<'h>, end: &'h Event) -> Option<Excuse<'h>> {
    let was_delivered =
        life.versions.iter().any(|version| version.event.seq == end.seq && !version.change.is_listed());
    let gap = set.pods().gap_at(end).map(|gap| gap.shown_by);
    let event = gap.or((!was_delivered).then_some(end))?;
    Some(Excuse {
        whose: Whose::Hidden,
        what: "began to terminate in a gap of the watch of pods".to_owned(),
        event,
    })
}

fn driver<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    end: &Event,
    is_scaling_one: bool,
) -> Option<Excuse<'h>> {
    let late_us = order::slack_us(view.history(), life.birth()).max(controller::patience_us(set));
    let before = &view.doings()[..view.doings().partition_point(|doing| doing.event.seq < end.seq)];
    let can_mean_it = before
        .iter()
        .rev()
        .take_while(|doing| doing.event.span.until_us.saturating_add(late_us) >= life.birth().span.from_us);
    let mut reasons = can_mean_it
        .filter(|doing| doing.may_end(set, life) && (is_scaling_one || !doing.scales_away(set, life.name)));
    let event = reasons.next()?.event;
    Some(Excuse {
        whose: Whose::Driver,
        what: "may have been ended by the driver's own request".to_owned(),
        event,
    })
}

/// A pod that ended by itself is replaced by its set.
fn ended_by_itself<'h>(life: &PodLife<'h>, end: &Event) -> Option<Excuse<'h>> {
    let before = life.versions.iter().take_while(|version| version.event.seq < end.seq);
    let ended = before.filter(|version| Phase::of(version.what) == Phase::Terminal).last()?;
    let node = ended.what.text("/spec/nodeName").unwrap_or("no node");
    let phase = ended.what.text("/status/phase").unwrap_or_default();
    let reason = ended.what.text("/status/reason").unwrap_or("no reason is told");
    let what = format!("had ended by itself on {node}: phase {phase} ({reason})");
    Some(Excuse { whose: Whose::Surroundings, what, event: ended.event })
}

/// Others took it away and say so, or may have and cannot be heard.
fn taken<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>, end: &'h Event) -> Option<Excuse<'h>> {
    let excuse = |whose, what: String, event| Some(Excuse { whose, what, event });
    if let Some(evicted) = life.evicted() {
        return excuse(Whose::Surroundings, "was evicted".to_owned(), evicted.event);
    }
    let history = view.history();
    let events = set.watch_of(Resource::Events);
    let is_of_it = |event: &ObjectSeen| event.text("/involvedObject/uid") == Some(life.uid);
    let says_so = |event: &ObjectSeen| event.text("/reason").is_some_and(|reason| TAKEN.contains(&reason));
    let mut told = history.objects(events).filter(|event| event.change != Change::Deleted);
    if let Some(event) = told.find(|event| is_of_it(event.what) && says_so(event.what)) {
        let reason = event.what.text("/reason").unwrap_or_default();
        return excuse(Whose::Surroundings, format!("was taken away by others ({reason})"), event.event);
    }
    let says_itself =
        minor_version(&view.started().server_version).is_some_and(|minor| minor >= SAYS_SO_SINCE);
    let gap = history.gap_between(events, life.birth(), end).filter(|_| !says_itself)?;
    excuse(
        Whose::Hidden,
        "may have been evicted, which a gap of the watch of events hides".to_owned(),
        gap.shown_by,
    )
}

/// Whether the controller may not have known of a pod when it did something that a request asked for.
pub fn is_unknown_at<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    request: &Event,
    event: &Event,
) -> bool {
    let had_seen = controller::had_seen(set, life.birth(), Some(request), event.span.until_us);
    !had_seen && !is_known(view, set, life, request, event)
}

/// Whether what the controller did before an event shows that it knew of a pod: it had created the next higher one, for which
/// that one had to be ready; it had ended it; or the set's status had counted it before a request that came before the event.
///
/// It does one thing after the other for a set, so what it knew once it knows from then on.
pub fn is_known<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    request: &Event,
    event: &Event,
) -> bool {
    let Some(ordinal) = life.ordinal else { return false };
    let next = format!("{}-{}", set.name, ordinal + 1);
    let has_next = set.pods().named(&next).any(|next| next.birth().is_between(life.birth(), event));
    let is_ended = || life.terminating().is_some_and(|end| end.comes_before(event));
    let is_first = set.pods().predecessor(life).is_none();
    let counted = set.at(request).map_or(0, |status| counter(status.what, "replicas"));
    let is_counted = is_first && counted > i64::from(ordinal - set.lowest_below(ordinal));
    has_next || is_counted || (is_ended() && excuse(view, set, life, false).is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{History, Observation, Step},
    };

    const ONE: &str = "set replicas=1; web-0 created; web-0 scheduled; web-0 ready;";
    const ENDS: &str = "web-0 terminating; web-0 deleted";

    fn of(history: &History, is_scaling_one: bool) -> Option<(Whose, String)> {
        let view = View::of(history);
        let set = &view.sets()[0];
        excuse(&view, set, &set.pods()[0], is_scaling_one).map(|excuse| (excuse.whose, excuse.what))
    }

    fn whose(statements: &str) -> Option<Whose> {
        of(&history(&format!("{ONE} {statements}")), true).map(|(whose, _)| whose)
    }

    #[test]
    fn an_end_that_nothing_explains_has_no_excuse() {
        assert_eq!(whose(ENDS), None);
        assert_eq!(whose("web-0 deleted"), None);
        assert_eq!(whose(&format!("delete web-0; answered 409; {ENDS}")), None);
    }

    #[test]
    fn the_driver_ends_pods_by_deletions_and_by_what_they_are_made_from() {
        assert_eq!(whose(&format!("delete web-0; wait 600s; {ENDS}")), Some(Whose::Driver));
        assert_eq!(whose(&format!("delete all; {ENDS}")), Some(Whose::Driver));
        let mut notes = Notes::new().say(ONE);
        let template = json!({"spec": {"template": {"spec": {"image": "b"}}}});
        notes.request(crate::history::Verb::Patch, Resource::StatefulSets, Some("web"), None, template);
        assert_eq!(of(&notes.say(ENDS).history(), false).map(|(whose, _)| whose), Some(Whose::Driver));
    }

    #[test]
    fn scaling_counts_only_where_it_is_said_to() {
        let history = history(&format!("{ONE} scale 0; {ENDS}"));
        assert_eq!(of(&history, true).map(|(whose, _)| whose), Some(Whose::Driver));
        assert_eq!(of(&history, false), None);
    }

    #[test]
    fn what_was_asked_for_long_before_its_birth_did_not_mean_it() {
        let second = |deletion: &str| {
            let history = history(&format!("{ONE} {deletion} web-0 created; web-0 ready; web-0 deleted"));
            let view = View::of(&history);
            let set = &view.sets()[0];
            excuse(&view, set, &set.pods()[1], true).map(|excuse| excuse.whose)
        };
        assert_eq!(second("delete all; web-0 deleted;"), Some(Whose::Driver), "it may have been born before");
        assert_eq!(second("delete all; wait 31s; web-0 deleted;"), None);
    }

    #[test]
    fn a_pod_that_ended_by_itself_is_named_with_its_node() {
        let failed = history(&format!("{ONE} web-0 failed; {ENDS}"));
        let (whose, what) = of(&failed, true).expect("an excuse");
        assert_eq!(whose, Whose::Surroundings);
        assert_eq!(what, "had ended by itself on node-0: phase Failed (no reason is told)");
    }

    fn event(reason: &str, uid: &str) -> Value {
        json!({"metadata": {"name": "e"}, "reason": reason, "involvedObject": {"uid": uid}})
    }

    #[test]
    fn others_take_pods_away_and_say_so() {
        let mut notes = Notes::new().say(ONE);
        notes.modify(Resource::Pods, "web-0", |pod| pod["status"]["reason"] = json!("Evicted"));
        assert_eq!(
            of(&notes.say(ENDS).history(), true),
            Some((Whose::Surroundings, "was evicted".to_owned()))
        );
        for (reason, uid, excused) in [
            ("TaintManagerEviction", "uid-1", true),
            ("Preempted", "uid-9", false),
            ("Scheduled", "uid-1", false),
        ] {
            let mut notes = Notes::new().say(&format!("{ONE} {ENDS}"));
            notes.object(Resource::Events, Change::Added, event(reason, uid));
            assert_eq!(of(&notes.history(), true).is_some(), excused, "{reason} {uid}");
        }
    }

    #[test]
    fn an_old_server_tells_of_evictions_in_events_only() {
        let hidden = format!("{ONE} gap events; {ENDS}");
        assert_eq!(of(&history(&hidden), true), None);
        let mut old = history(&hidden);
        if let Observation::Step(Step::Started(started)) = &mut old.events[0].seen {
            started.server_version = "v1.20.2".to_owned();
        }
        assert_eq!(of(&old, true).map(|(whose, _)| whose), Some(Whose::Hidden));
    }

    #[test]
    fn a_young_pod_may_not_be_known_unless_the_controller_acted_on_it() {
        let unknown = |statements: &str| {
            let history = history(&format!("set replicas=3; web-0 created; web-0 ready; {statements}"));
            let view = View::of(&history);
            let set = &view.sets()[0];
            let request = history.requests().last().expect("a request").event;
            is_unknown_at(&view, set, &set.pods()[0], request, history.last())
        };
        assert!(unknown("scale 0; web-0 unready"));
        assert!(unknown("scale 0; wait 20s; web-0 unready") && !unknown("scale 0; wait 30s; web-0 unready"));
        assert!(!unknown("wait 5s; scale 0; web-0 unready"), "the controller decided after the request");
        assert!(!unknown("web-1 created; scale 0; web-0 unready"), "it had to be ready for that one");
        assert!(!unknown("set pods=1; scale 0; web-0 unready"), "it was counted");
        assert!(unknown("scale 0; set pods=1; web-0 unready"), "not before the request");
        assert!(!unknown("scale 0; web-0 terminating; web-0 unready"), "the set ended it");
        assert!(unknown("scale 0; delete web-0; web-0 terminating; web-0 unready"), "the driver ended it");
    }

    #[test]
    fn a_gap_hides_who_ended_it() {
        assert_eq!(whose("gap pods; web-0 unlisted; opened pods"), Some(Whose::Hidden));
        assert_eq!(whose("gap pods; web-0 listed; opened pods"), Some(Whose::Hidden), "replaced");
        let mut notes = Notes::new().say(&format!("{ONE} web-1 created"));
        notes.forget(Resource::Pods, "web-1");
        let mute = notes.say(&format!("{ENDS}; list pods; web-2 created")).history();
        assert_eq!(
            of(&mute, true).map(|(whose, _)| whose),
            Some(Whose::Hidden),
            "the watch left something out"
        );
    }
}
