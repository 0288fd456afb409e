//! Whether a pod stayed, in the same incarnation, for as long as a window lasts.

use super::{PodLife, Set, Window};
use crate::history::{Event, Gap, ObjectSeen, Seen};

/// What became of a pod in a window.
#[derive(Debug)]
pub enum Stay<'h> {
    /// It stayed: this is its newest version in the window.
    Stayed(Seen<'h, ObjectSeen>),
    /// It began to terminate, or was gone.
    Ended(&'h Event),
    /// A gap of the watch of pods hides it.
    Hidden(&'h Event),
}

/// Whether a pod that was there at the beginning of a window was there to its end.
///
/// An incarnation that a list shows after a gap has lived through the gap: a uid is given once.
pub fn stay<'h>(set: &Set<'h>, life: &PodLife<'h>, window: &Window<'h>) -> Stay<'h> {
    if let Some(end) = life.terminating().filter(|end| end.seq <= window.until.seq) {
        return Stay::Ended(end);
    }
    let last = life.between(None, window.until).last().copied().unwrap_or(life.versions[0]);
    let hides = |gap: &Gap<'h>| gap.overlaps(last.event, window.until) && !is_closed_by(gap, &last);
    set.pods().gaps().into_iter().find(hides).map_or(Stay::Stayed(last), |gap| Stay::Hidden(gap.shown_by))
}

/// Whether a version is of the list that ends a gap: what it says was true when the gap was over.
fn is_closed_by(gap: &Gap<'_>, version: &Seen<'_, ObjectSeen>) -> bool {
    version.change.is_listed() && gap.holds(version.event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{History, Resource},
        views::View,
    };

    /// What became of web-1 from the request to the end.
    fn second(history: &History) -> &'static str {
        let view = View::of(history);
        let set = &view.sets()[0];
        let life = set.pods().named("web-1").next().expect("web-1");
        match stay(set, life, &view.window(view.doings()[0].event, set, "web-1")) {
            Stay::Stayed(_) => "stayed",
            Stay::Ended(_) => "ended",
            Stay::Hidden(_) => "hidden",
        }
    }

    fn told(after: &str) -> &'static str {
        second(&history(&format!("web-0 created; web-1 created; delete web-0; web-0 deleted; {after}")))
    }

    #[test]
    fn a_pod_stays_until_it_terminates() {
        assert_eq!(told("web-0 created; completed"), "stayed");
        assert_eq!(told("web-1 ready; completed"), "stayed");
        assert_eq!(told("web-1 terminating; completed"), "ended");
        assert_eq!(told("web-1 deleted; completed"), "ended");
        assert_eq!(told("delete web-1; web-1 terminating; completed"), "stayed", "that is another window");
    }

    #[test]
    fn a_gap_hides_it_unless_the_same_incarnation_is_listed_afterwards() {
        assert_eq!(told("gap pods; completed"), "hidden");
        assert_eq!(told("gap pods; web-0 listed; completed"), "hidden");
        assert_eq!(told("gap pods; web-1 listed-again; opened pods; completed"), "stayed");
        assert_eq!(told("gap pods; web-1 listed; opened pods; completed"), "ended", "replaced");
        assert_eq!(told("gap pods; web-1 listed-again; gap pods; completed"), "hidden");
    }

    #[test]
    fn a_watch_that_left_something_out_hides_the_rest() {
        let mut notes = Notes::new().say("web-0 created; web-1 created; delete web-0; web-0 deleted");
        notes.list_ahead(Resource::Pods, "web-1 terminating");
        assert_eq!(second(&notes.say("web-2 created; completed").history()), "hidden");
    }
}
