//! The watch of claims, folded into lives: one for each incarnation (uid) of each claim.
//!
//! What is delivered after the end of the scenario is the clean-up: it ends no life.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::history::{Change, Event, History, ObjectSeen, Seen, Watch};

/// One incarnation of a claim.
#[derive(Debug)]
pub struct ClaimLife<'h> {
    /// Its name.
    pub name: &'h str,
    /// Its incarnation.
    pub uid: &'h str,
    /// Every version that the watch delivered until the end of the scenario.
    pub versions: Vec<Seen<'h, ObjectSeen>>,
    /// The event from which on another incarnation has its name.
    replaced: Option<&'h Event>,
}

impl<'h> ClaimLife<'h> {
    /// The version of its creation, or of its listing where a gap hid the creation.
    pub fn first(&self) -> Seen<'h, ObjectSeen> {
        self.versions[0]
    }

    /// Whether the watch saw it being created.
    pub fn birth_was_seen(&self) -> bool {
        self.first().change == Change::Added
    }

    /// The newest version.
    pub fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    fn find(&self, holds: impl Fn(&ObjectSeen) -> bool) -> Option<Seen<'h, ObjectSeen>> {
        self.versions.iter().copied().find(|version| holds(version.what))
    }

    /// When its end began: the first version in which it was on its way out, or when it was gone.
    pub fn ended(&self) -> Option<&'h Event> {
        let terminating = self.find(ObjectSeen::is_terminating).map(|version| version.event);
        terminating.into_iter().chain(self.gone()).min_by_key(|event| event.seq)
    }

    /// From when on it is certainly gone: its removal, the list that did not have it any more, or the appearance of the next
    /// incarnation.
    pub fn gone(&self) -> Option<&'h Event> {
        let removed = Some(self.last()).filter(|last| last.change.is_removal()).map(|last| last.event);
        removed.into_iter().chain(self.replaced).min_by_key(|event| event.seq)
    }

    /// The first version in which it was bound.
    pub fn bound(&self) -> Option<Seen<'h, ObjectSeen>> {
        self.find(|claim| claim.text("/status/phase") == Some("Bound"))
    }

    /// The first version in which the watch told that it was bound. What a list shows after a gap is no evidence of its own: the
    /// gap may hide what led to it.
    pub fn delivered_bound(&self) -> Option<Seen<'h, ObjectSeen>> {
        self.find(|claim| !claim.change.is_listed() && claim.text("/status/phase") == Some("Bound"))
    }

    /// The volume that it was first bound to.
    pub fn volume(&self) -> Option<&'h str> {
        self.bound()?.what.text("/spec/volumeName").filter(|volume| !volume.is_empty())
    }

    /// The first version in which it names another volume than the one that it was first bound to.
    pub fn rebound(&self) -> Option<Seen<'h, ObjectSeen>> {
        let (bound, volume) = (self.bound()?, self.volume()?);
        let later = self.versions.iter().copied().filter(|version| bound.event.comes_before(version.event));
        let other = |now: &str| !now.is_empty() && now != volume;
        later.into_iter().find(|version| version.text("/spec/volumeName").is_some_and(other))
    }
}

/// The lives of each claim of a watch, by name, in the order of their births.
pub(super) fn fold<'h>(history: &'h History, watch: Watch) -> BTreeMap<&'h str, Vec<ClaimLife<'h>>> {
    let ended = history.ended().seq;
    let mut births: Vec<(&str, &str, Vec<Seen<'_, ObjectSeen>>)> = Vec::new();
    let (mut by_uid, mut delivered) = (HashMap::new(), HashSet::new());
    for version in history.objects(watch) {
        let claim = version.what;
        let is_clean_up = version.event.seq > ended && (claim.change.is_removal() || claim.is_terminating());
        if is_clean_up || !delivered.insert((&claim.uid, &claim.revision, claim.change)) {
            continue;
        }
        if let Some(place) = by_uid.get(&claim.uid) {
            let (_, _, versions): &mut (_, _, Vec<_>) = &mut births[*place];
            versions.push(version);
        } else if !claim.change.is_removal() {
            by_uid.insert(&claim.uid, births.len());
            births.push((&claim.name, &claim.uid, vec![version]));
        }
    }
    by_name(births)
}

type Birth<'h> = (&'h str, &'h str, Vec<Seen<'h, ObjectSeen>>);

/// The lives of each name, in the order of their births: where a new incarnation appears, the one before it is gone.
fn by_name(births: Vec<Birth<'_>>) -> BTreeMap<&str, Vec<ClaimLife<'_>>> {
    let mut by_name: BTreeMap<&str, Vec<ClaimLife<'_>>> = BTreeMap::new();
    for (name, uid, versions) in births {
        let lives = by_name.entry(name).or_default();
        if let Some(before) = lives.last_mut() {
            before.replaced = Some(versions[0].event);
        }
        lives.push(ClaimLife { name, uid, versions, replaced: None });
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, views::View};

    #[test]
    fn a_claim_has_a_life_for_each_uid() {
        let history = history(
            "web-0 created; www-web-0 claimed; www-web-0 bound a; www-web-0 unclaimed; www-web-0 claimed; www-web-0 bound b",
        );
        let view = View::of(&history);
        let claims = view.sets()[0].claims();
        let [first, second] = claims.named("www-web-0") else { panic!("two lives") };
        assert_eq!((first.volume(), second.volume()), (Some("a"), Some("b")));
        assert!(first.gone().is_some() && second.ended().is_none());
        assert_eq!(claims.predecessor(second).map(|life| life.uid), Some(first.uid));
        assert!(claims.predecessor(first).is_none());
    }

    #[test]
    fn a_claim_that_was_replaced_in_a_gap_is_gone() {
        let history = history(
            "web-0 created; www-web-0 claimed; gap persistentvolumeclaims; www-web-0 listed; completed",
        );
        let view = View::of(&history);
        let [first, second] = view.sets()[0].claims().named("www-web-0") else { panic!("two lives") };
        assert_eq!(first.gone().map(|event| event.seq), Some(second.first().event.seq));
        assert!(!second.birth_was_seen() && second.gone().is_none());
    }

    #[test]
    fn a_claim_names_the_volume_that_it_was_first_bound_to() {
        let history = history(
            "web-0 created; www-web-0 claimed; www-web-0 bound a; www-web-0 bound a; www-web-0 bound b; \
             www-web-0 bound a",
        );
        let view = View::of(&history);
        let life = &view.sets()[0].claims().named("www-web-0")[0];
        assert_eq!(life.volume(), Some("a"));
        assert_eq!(life.rebound().and_then(|version| version.what.text("/spec/volumeName")), Some("b"));
    }

    #[test]
    fn duplicate_deliveries_are_dropped_and_the_clean_up_ends_no_life() {
        let mut noted = history("web-0 created; www-web-0 claimed; www-web-0 bound");
        let again = Event { seq: noted.last().seq + 1, ..noted.last().clone() };
        noted.events.push(again);
        let view = View::of(&noted);
        assert_eq!(view.sets()[0].claims().named("www-web-0")[0].versions.len(), 2);
        let cleaned = history(
            "web-0 created; www-web-0 claimed; completed; www-web-0 claim-terminating; www-web-0 unclaimed",
        );
        let view = View::of(&cleaned);
        assert!(view.sets()[0].claims().named("www-web-0")[0].ended().is_none());
    }
}
