//! Of `identity-stable-on-recreate`: a pod that was deleted does not go on under a new name.

use std::collections::BTreeSet;

use super::identity_stable_on_recreate::IDENTITY;
use crate::{
    checks::{Cause, Findings},
    views::{PodLife, Set, View, absence, edits::Edits},
};

/// After pods were deleted, no pod may come to be under a name that was never asked for.
pub(super) fn judge<'h>(view: &View<'h>, set: &Set<'h>, edits: &Edits<'h>, findings: &mut Findings) {
    let Some((first, _)) = view.pod_deletions(set).into_iter().next() else { return };
    let mut known = BTreeSet::new();
    for life in set.pods() {
        let is_new = known.insert(life.name) && first.event.comes_before(life.birth());
        if !is_new || edits.touched(life, life.birth()) || may_be_asked_for(set, life) {
            continue;
        }
        let name = set.key(life.name);
        let what = format!("{name} came to be after pods were deleted, and no such name was asked for");
        let say = findings.on(IDENTITY).pod(name);
        match absence::unsure(view, set.watch(), life.birth()) {
            Some(unsure) => say.blind(Cause::Gap, what, &[unsure.event(), life.birth()]),
            None => say.broken(what, &[first.event, life.birth()]),
        }
    }
}

/// Whether the ordinal may have been asked for before the pod was created: by a request, or by what was stored at any time,
/// because the watch of the set may be late.
fn may_be_asked_for(set: &Set<'_>, life: &PodLife<'_>) -> bool {
    let Some(ordinal) = life.ordinal else { return false };
    let stored =
        |pointer: &'static str| set.versions().iter().filter_map(move |version| version.what.number(pointer));
    let requested = set.requests().iter().filter(|request| request.event.comes_before(life.birth()));
    let started = requested.filter_map(|request| request.what.body.pointer("/spec/ordinals/start")?.as_i64());
    let starts: Vec<i64> = stored("/spec/ordinals/start").chain(started).chain([0]).collect();
    let asked = set.asked().iter().take_while(|asked| asked.event.comes_before(life.birth()));
    let replicas = stored("/spec/replicas").chain(asked.map(|asked| i64::from(asked.replicas))).max();
    let end = starts.iter().max().copied().unwrap_or(0).saturating_add(replicas.unwrap_or(i64::MAX));
    i64::from(ordinal) < end
}
