//! How the pods of lower ordinals were when a pod was created.

use super::{PodLife, Pods, Set, View, controller, ends};
use crate::history::{Event, ObjectSeen, Phase, Seen};

/// What the watch of pods had told of a pod of a lower ordinal when another one was created.
#[derive(Debug)]
pub enum Lower<'p, 'h> {
    /// It was ready.
    Ready(&'p PodLife<'h>, Seen<'h, ObjectSeen>),
    /// It was not, and the controller may not have known: all lower pods were ready until this event.
    LostLately(&'h Event),
    /// It was there and not ready.
    NotReady(&'p PodLife<'h>, Seen<'h, ObjectSeen>),
    /// It was gone.
    Gone,
    /// It had never been there.
    Never,
}

impl Lower<'_, '_> {
    /// How it was, as the rest of the sentence "the pod …".
    pub fn words(&self) -> String {
        match self {
            Lower::Never => "did not exist yet".to_owned(),
            Lower::Gone | Lower::LostLately(_) => format!("was {}", Phase::words(None)),
            Lower::Ready(_, version) | Lower::NotReady(_, version) => {
                format!("was {}", Phase::words(Some(Phase::of(version.what))))
            }
        }
    }
}

/// The pods of lower ordinals that had to be there before that one: their names, the lowest first.
pub fn names_below<'h>(set: &Set<'h>, born: &PodLife<'h>) -> Vec<String> {
    let ordinals = born.ordinal.map_or(0..0, |ordinal| set.lowest_below(ordinal)..ordinal);
    ordinals.map(|ordinal| format!("{}-{ordinal}", set.name)).collect()
}

/// How the pod of that name was at the birth of another one.
pub fn at_birth<'p, 'h>(view: &View<'h>, set: &'p Set<'h>, born: &PodLife<'h>, lower: &str) -> Lower<'p, 'h> {
    let birth = born.birth();
    let life = set.pods().before(lower, birth).next();
    let present = life.and_then(|life| Some((life, life.at(birth)?)));
    if let Some((life, version)) = present.filter(|(_, version)| Phase::of(version.what) == Phase::Ready) {
        return Lower::Ready(life, version);
    }
    if let Some(stopped) = lost_lately(view, set, born) {
        return Lower::LostLately(stopped);
    }
    match (life, present) {
        (_, Some((life, version))) => Lower::NotReady(life, version),
        (Some(_), None) => Lower::Gone,
        (None, None) => Lower::Never,
    }
}

/// The event until which all lower pods were ready, or may have been in a gap, if the controller may still have acted on that
/// when it created a pod.
///
/// It creates a pod when its cache shows that all lower ones are ready and that the pod itself is not there. What its cache
/// shows was true at one time: since the last incarnation of the pod was gone, or before that one, if it did not know of it.
fn lost_lately<'h>(view: &View<'h>, set: &Set<'h>, born: &PodLife<'h>) -> Option<&'h Event> {
    let birth = born.birth();
    let until = last_chance(view, set, born, birth)?;
    let request = set.asked_at(birth).map(|asked| asked.event).filter(|asked| is_asked_by(set, born, asked));
    let had_seen = controller::had_seen(set, until, request, birth.span.until_us);
    (!had_seen).then_some(until)
}

/// The number of the event at which the last incarnation of a pod was gone; 0 where there is none or that was not seen.
fn gone_before<'h>(pods: &Pods<'h>, born: &PodLife<'h>) -> u64 {
    pods.predecessor(born).and_then(PodLife::deleted).map_or(0, |gone| gone.seq)
}

/// The end of the last time before the birth of a pod at which the controller may have decided to create it.
fn last_chance<'h>(view: &View<'h>, set: &Set<'h>, born: &PodLife<'h>, acted: &Event) -> Option<&'h Event> {
    let pods = set.pods();
    let gone = gone_before(pods, born);
    let hidden = pods.gaps().into_iter().filter(|gap| gap.from.seq < born.birth().seq);
    let hidden = hidden.filter_map(|gap| gap.until).filter(|until| until.seq > gone).last();
    let since_gone = all_ready_until(set, born, gone).into_iter().chain(hidden);
    let before = pods.predecessor(born).filter(|before| {
        let long_ago = controller::had_seen(set, before.birth(), None, acted.span.until_us);
        !long_ago && !was_known(view, set, before, acted)
    });
    let earlier = before.and_then(|before| {
        let birth = before.birth();
        let are_ready = names_below(set, before).iter().all(|name| {
            pods.before(name, birth).next().is_some_and(|life| life.ready_since(birth).is_some())
        });
        if are_ready { Some(birth) } else { last_chance(view, set, before, acted) }
    });
    since_gone.chain(earlier).max_by_key(|event| event.seq)
}

/// Whether the controller knew of a pod before it was deleted.
fn was_known<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>, acted: &Event) -> bool {
    let end = life.terminating().unwrap_or(acted);
    let asked =
        view.window_until(life.birth(), |next| next.request().is_some() && next.deletes_pod(set, life.name));
    let asked = if asked.until.comes_before(end) { asked.until } else { end };
    ends::is_known(view, set, life, asked, acted)
}

/// The event that ended the last time before the birth of a pod, and after an event, at which all lower ones were ready.
fn all_ready_until<'h>(set: &Set<'h>, born: &PodLife<'h>, after: u64) -> Option<&'h Event> {
    let names = names_below(set, born);
    let mut until: Option<&'h Event> = None;
    loop {
        let before = until.map_or(born.birth().seq, |until| until.seq);
        let stretches = names.iter().map(|name| ready_before(set.pods(), name, before));
        let stretches = stretches.collect::<Option<Vec<_>>>()?;
        let ended = stretches.iter().filter_map(|(_, end)| *end).min_by_key(|end| end.seq);
        if ended.is_none() {
            let since = stretches.iter().map(|(start, _)| *start).max().unwrap_or(0).max(after);
            return until.filter(|until| until.seq > since);
        }
        until = ended;
    }
}

/// Whether a pod was not asked for before that request.
fn is_asked_by<'h>(set: &Set<'h>, born: &PodLife<'h>, request: &Event) -> bool {
    let earlier = set.asked().iter().take_while(|asked| asked.event.seq < request.seq);
    let most = earlier.map(|asked| asked.replicas).max().unwrap_or(0);
    born.ordinal.is_some_and(|ordinal| ordinal - set.lowest_below(ordinal) >= most)
}

/// The latest stretch in which a pod was ready that began before an event: the number of the event with which it began, and the
/// event with which it ended, where that was before the other one.
fn ready_before<'h>(pods: &Pods<'h>, name: &str, before: u64) -> Option<(u64, Option<&'h Event>)> {
    pods.named(name).rev().filter(|life| life.birth().seq < before).find_map(|life| {
        let versions = &life.versions[..life.versions.partition_point(|version| version.event.seq < before)];
        let last = versions.iter().rposition(|version| is_ready(version))?;
        let first =
            versions[..=last].iter().rposition(|version| !is_ready(version)).map_or(0, |place| place + 1);
        let replaced = life.gone().filter(|gone| gone.seq < before);
        let end = versions.get(last + 1).map(|version| version.event).or(replaced);
        Some((versions[first].event.seq, end))
    })
}

fn is_ready(version: &Seen<'_, ObjectSeen>) -> bool {
    super::pods::is_ready(version.what)
}

/// The event that shows a gap of the watch of pods which hides how the others were when a pod was created.
pub fn hidden<'h>(pods: &Pods<'h>, born: &PodLife<'h>) -> Option<&'h Event> {
    pods.hidden_birth(born).or_else(|| Some(pods.gap_at(born.birth())?.shown_by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{History, Resource},
        views::View,
    };

    /// How web-0 was when the last pod was created.
    fn first(statements: &str) -> String {
        let history = history(statements);
        let view = View::of(&history);
        let set = &view.sets()[0];
        let born = set.pods().last().expect("a pod");
        assert_eq!(names_below(set, born)[0], "web-0");
        match at_birth(&view, set, born, "web-0") {
            Lower::LostLately(_) => "was lost lately".to_owned(),
            lower => lower.words(),
        }
    }

    #[test]
    fn a_lower_pod_is_ready_or_is_not() {
        assert_eq!(first("web-1 created"), "did not exist yet");
        assert_eq!(first("web-0 created; web-1 created"), "was not running yet");
        assert_eq!(first("web-0 created; web-0 ready; web-1 created"), "was ready");
        assert_eq!(first("web-0 created; web-0 ready; web-0 terminating; web-1 created"), "was lost lately");
        let long_ago =
            "web-0 created; web-0 ready; web-0 terminating; web-0 deleted; wait 30s; web-1 created";
        assert_eq!(first(long_ago), "was gone");
    }

    #[test]
    fn a_controller_may_be_slow_to_do_what_it_decided() {
        let lost =
            |wait: &str| format!("web-0 created; web-0 ready; web-0 unready; wait {wait}; web-1 created");
        assert_eq!(first(&lost("29.8s")), "was lost lately");
        assert_eq!(first(&lost("29.9s")), "was running but not ready");
        let slow = format!("set replicas=2; wait 20s; {}", lost("40s"));
        assert_eq!(first(&slow), "was lost lately");
    }

    #[test]
    fn it_decides_after_it_was_asked() {
        let asked = |wait: &str, then: &str| {
            format!(
                "scale 1; web-0 created; web-0 ready; web-0 unready; wait {wait}; scale 2; wait {then}; web-1 created"
            )
        };
        assert_eq!(first(&asked("4.8s", "1s")), "was lost lately");
        assert_eq!(first(&asked("4.9s", "1s")), "was running but not ready");
        let before = "scale 2; scale 1; scale 2; web-0 created; web-0 ready; web-0 unready; wait 6s; scale 1; scale 2; web-1 created";
        assert_eq!(first(before), "was lost lately", "it was asked for it before");
    }

    #[test]
    fn all_lower_ones_must_have_been_ready_at_one_time() {
        let never = "web-0 created; web-0 ready; web-1 created; web-0 unready; web-1 ready; web-2 created";
        assert_eq!(first(never), "was running but not ready");
        let once = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 unready; web-2 created";
        assert_eq!(first(once), "was lost lately");
        let earlier = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-1 unready; web-0 unready; web-1 ready; web-2 created";
        assert_eq!(first(earlier), "was lost lately", "at the time before web-1 was unready");
        let known = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 unready; web-1 deleted; web-1 created";
        assert_eq!(first(known), "was running but not ready", "web-1 was there as long as web-0 was ready");
        let renewed = "web-0 created; web-0 ready; web-0 deleted; web-0 created; web-1 created";
        assert_eq!(first(renewed), "was lost lately", "another incarnation was ready");
    }

    #[test]
    fn all_may_have_been_ready_in_a_gap() {
        let hidden = |wait: &str| {
            format!(
                "web-0 created; web-0 running; gap pods; web-0 listed-again unready; opened pods; wait {wait}; web-1 created"
            )
        };
        assert_eq!(first(&hidden("1s")), "was lost lately");
        assert_eq!(first(&hidden("31s")), "was running but not ready");
    }

    #[test]
    fn a_watch_that_was_late_leaves_less_certain() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        notes.list_ahead(Resource::Pods, "web-0 unready");
        let history = notes.say("wait 3s; web-0 unready; wait 32s; web-1 created").history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        assert!(matches!(at_birth(&view, set, &set.pods()[1], "web-0"), Lower::LostLately(_)));
    }

    #[test]
    fn a_gap_hides_how_others_were() {
        let is_hidden = |history: &History| {
            let view = View::of(history);
            let pods = view.sets()[0].pods();
            hidden(pods, pods.last().expect("a pod")).is_some()
        };
        assert!(is_hidden(&history("web-0 created; gap pods; web-1 listed; opened pods")));
        assert!(!is_hidden(&history("web-0 created; gap pods; web-0 listed-again; web-1 created")));
        // The watch goes on after it has left something out.
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        notes.list_ahead(Resource::Pods, "web-0 unready");
        assert!(is_hidden(&notes.say("wait 1s; web-1 created").history()));
    }
}
