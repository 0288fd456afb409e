//! Whether the revision of a set stayed what it was.

use super::Set;
use crate::history::{Event, ObjectSeen};

/// The revisions in the status of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions<'h> {
    /// That of the pods that are not updated yet.
    pub current: &'h str,
    /// That of new pods.
    pub update: &'h str,
}

/// What became of the revisions between two events.
#[derive(Debug)]
pub enum Kept<'h> {
    /// They stayed, but for a roll that came to its end; this version told them before.
    Kept(Revisions<'h>, &'h Event),
    /// They changed: before and after, each with the event that told it.
    Changed((Revisions<'h>, &'h Event), (Revisions<'h>, &'h Event)),
    /// A gap of the watch of the set hides them.
    Hidden(&'h Event),
    /// They were not told before.
    Untold,
}

/// What became of the revisions in the status of a set between two events.
pub fn kept<'h>(set: &Set<'h>, from: &Event, until: &Event) -> Kept<'h> {
    let known = set.versions().partition_point(|version| version.event.seq <= from.seq);
    let told = |version: &crate::history::Seen<'h, ObjectSeen>| Some((of(version.what)?, version.event));
    let Some(before) = set.versions()[..known].iter().rev().find_map(told) else { return Kept::Untold };
    let mut after = set.versions_between(from, until).iter().filter_map(told);
    let changed = after.find(|(now, _)| !follows(now, &before.0));
    let end = changed.map_or(until, |(_, event)| event);
    let gap = set.history().gap_between(set.watch(), before.1, end);
    match (gap, changed) {
        (Some(gap), _) => Kept::Hidden(gap.shown_by),
        (None, Some(after)) => Kept::Changed(before, after),
        (None, None) => Kept::Kept(before.0, before.1),
    }
}

/// Whether nothing but the end of a roll lies between them: then the current revision becomes that of new pods.
fn follows(now: &Revisions<'_>, before: &Revisions<'_>) -> bool {
    now.update == before.update && (now.current == before.current || now.current == now.update)
}

fn of(set: &ObjectSeen) -> Option<Revisions<'_>> {
    Some(Revisions {
        current: set.text("/status/currentRevision")?,
        update: set.text("/status/updateRevision")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, views::View};

    fn told(statements: &str) -> String {
        let history = history(statements);
        let view = View::of(&history);
        match kept(&view.sets()[0], view.doings()[0].event, history.last()) {
            Kept::Kept(revisions, _) => format!("kept {}", revisions.current),
            Kept::Changed((before, _), (now, _)) => format!("{} to {}", before.update, now.update),
            Kept::Hidden(_) => "hidden".to_owned(),
            Kept::Untold => "untold".to_owned(),
        }
    }

    #[test]
    fn revisions_stay_or_change() {
        assert_eq!(told("set revision=web-7; web-0 created; delete web-0; set ready=1"), "kept web-7");
        assert_eq!(
            told("set revision=web-7; web-0 created; delete web-0; set revision=web-8"),
            "web-7 to web-8"
        );
        assert_eq!(told("set replicas=1; web-0 created; delete web-0; set revision=web-8"), "untold");
    }

    #[test]
    fn a_gap_hides_what_they_were() {
        let gap = "set revision=web-7; web-0 created; gap statefulsets; delete web-0; set revision=web-8";
        assert_eq!(told(gap), "hidden");
        assert_eq!(told("set revision=web-7; web-0 created; delete web-0; gap statefulsets"), "hidden");
        let later = "set revision=web-7; web-0 created; delete web-0; set revision=web-8; gap statefulsets";
        assert_eq!(told(later), "web-7 to web-8");
    }

    #[test]
    fn a_roll_that_ends_changes_nothing() {
        let of = |current, update| Revisions { current, update };
        assert!(follows(&of("b", "b"), &of("a", "b")) && follows(&of("a", "b"), &of("a", "b")));
        assert!(!follows(&of("a", "c"), &of("a", "b")) && !follows(&of("x", "b"), &of("a", "b")));
    }
}
