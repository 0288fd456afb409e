//! How the pods of lower ordinals were when a pod was created.

use super::{PodLife, Pods, Set, controller};
use crate::history::{Event, ObjectSeen, Phase, Seen};

/// What the watch of pods had told of a pod of a lower ordinal when another one was created.
#[derive(Debug)]
pub enum Lower<'p, 'h> {
    /// It was ready.
    Ready(&'p PodLife<'h>, Seen<'h, ObjectSeen>),
    /// It was not, and the controller may not have known: it stopped being ready at this event.
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
pub fn at_birth<'p, 'h>(set: &'p Set<'h>, born: &PodLife<'h>, lower: &str) -> Lower<'p, 'h> {
    let birth = born.birth();
    let Some(life) = set.pods().before(lower, birth).next() else { return Lower::Never };
    let present = life.at(birth);
    if let Some(version) = present.filter(|version| Phase::of(version.what) == Phase::Ready) {
        return Lower::Ready(life, version);
    }
    if let Some(stopped) = controller::loss_not_known(set, born, life) {
        return Lower::LostLately(stopped);
    }
    present.map_or(Lower::Gone, |version| Lower::NotReady(life, version))
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
        match at_birth(set, born, "web-0") {
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
        let long_ago = "web-0 created; web-0 ready; web-0 terminating; web-0 deleted; wait 9s; web-1 created";
        assert_eq!(first(long_ago), "was gone");
    }

    #[test]
    fn a_controller_that_was_slow_may_know_less() {
        let slow =
            "set replicas=2; wait 9s; web-0 created; web-0 ready; web-0 unready; wait 20s; web-1 created";
        assert_eq!(first(slow), "was lost lately");
        assert_eq!(first(&slow.replace("wait 9s", "wait 1s")), "was running but not ready");
    }

    #[test]
    fn a_watch_that_was_late_leaves_less_certain() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        notes.list_ahead(Resource::Pods, "web-0 unready");
        let history = notes.say("wait 3s; web-0 unready; wait 8s; web-1 created").history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        assert!(matches!(at_birth(set, &set.pods()[1], "web-0"), Lower::LostLately(_)));
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
