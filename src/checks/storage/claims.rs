//! The watch of claims, folded into lives: one for each incarnation (uid) of each claim. What the checks of this area share.

use std::collections::{BTreeMap, HashMap};

use crate::history::{
    CLAIM_TEMPLATE, Change, Event, History, ObjectSeen, Observation, Observer, PodLife, Resource, Seen, lives,
};

/// One incarnation of a claim.
#[derive(Debug)]
pub(super) struct ClaimLife<'h> {
    /// Its name.
    pub(super) name: &'h str,
    /// Every version that the watch delivered.
    pub(super) versions: Vec<Seen<'h, ObjectSeen>>,
}

impl<'h> ClaimLife<'h> {
    /// The version of its creation, or of its listing where a gap hid the creation.
    pub(super) fn first(&self) -> Seen<'h, ObjectSeen> {
        self.versions[0]
    }

    /// The newest version.
    pub(super) fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    /// The first version in which it was on its way out, or its removal.
    pub(super) fn ended(&self) -> Option<&'h Event> {
        let end = |v: &&Seen<'h, ObjectSeen>| v.change == Change::Deleted || v.is_terminating();
        self.versions.iter().find(end).map(|version| version.event)
    }

    /// Its removal.
    pub(super) fn removed(&self) -> Option<&'h Event> {
        Some(self.last()).filter(|last| last.change == Change::Deleted).map(|last| last.event)
    }

    /// The first version in which it was bound.
    pub(super) fn bound(&self) -> Option<Seen<'h, ObjectSeen>> {
        self.versions.iter().copied().find(|claim| claim.text("/status/phase") == Some("Bound"))
    }

    /// The volume that it was first bound to.
    pub(super) fn volume(&self) -> Option<&'h str> {
        self.bound()?.what.text("/spec/volumeName")
    }

    /// The first version in which it was bound to another volume than at first.
    pub(super) fn rebound(&self) -> Option<Seen<'h, ObjectSeen>> {
        let volume = self.volume()?;
        let other = |claim: &Seen<'h, ObjectSeen>| {
            claim.text("/spec/volumeName").is_some_and(|now| !now.is_empty() && now != volume)
        };
        self.versions.iter().copied().find(other)
    }

    /// Where the watch lost events after the newest version: what became of the claim is not known.
    pub(super) fn lost_sight(&self, history: &'h History) -> Option<&'h Event> {
        let last = self.last();
        let gone = last.change == Change::Deleted;
        history.gaps(Resource::PersistentVolumeClaims).find(|gap| !gone && gap.seq > last.event.seq)
    }
}

/// Where the watch of claims lost events, or fell silent until the end of the record: what is not seen may still be there.
pub(super) fn unseen(history: &History) -> Option<&Event> {
    let watch = Observer::Watch(Resource::PersistentVolumeClaims);
    let silent = history.events.iter().rfind(|event| event.observer == watch);
    let silent = silent.filter(|event| matches!(event.seen, Observation::ApiError(_)));
    history.gaps(Resource::PersistentVolumeClaims).next().or(silent)
}

/// Every claim's lives by its name, in the order of their births.
pub(super) fn fold(history: &History) -> BTreeMap<&str, Vec<ClaimLife<'_>>> {
    let mut by_name: BTreeMap<&str, Vec<ClaimLife<'_>>> = BTreeMap::new();
    let mut index = HashMap::new();
    for version in history.objects(Resource::PersistentVolumeClaims) {
        let name = version.what.name.as_str();
        let of_name = by_name.entry(name).or_default();
        match index.get(version.what.uid.as_str()) {
            Some(at) => {
                let life: &mut ClaimLife<'_> = &mut of_name[*at];
                life.versions.push(version);
            }
            None => {
                index.insert(version.what.uid.as_str(), of_name.len());
                of_name.push(ClaimLife { name, versions: vec![version] });
            }
        }
    }
    by_name
}

/// The ordinal in a claim's name, if the set gives such names.
pub(super) fn ordinal(claim: &str) -> Option<u32> {
    lives::ordinal(claim.strip_prefix(CLAIM_TEMPLATE)?.strip_prefix('-')?)
}

/// The name that the claim of that pod must have.
pub(super) fn name_for(pod: &str) -> String {
    format!("{CLAIM_TEMPLATE}-{pod}")
}

/// Whether the set was run with its claims; where the cluster has no storage it is run without.
pub(super) fn are_used(pod: &PodLife<'_>) -> bool {
    pod.claims().iter().any(|(volume, _)| *volume == CLAIM_TEMPLATE)
}

/// The set's first version that has a volume claim template.
pub(super) fn template(history: &History) -> Option<Seen<'_, ObjectSeen>> {
    history.set().find(|set| !set.list("/spec/volumeClaimTemplates").is_empty())
}

/// The labels that the set selects by, as far as they are plain labels.
pub(super) fn selector<'h>(set: &Seen<'h, ObjectSeen>) -> Vec<(&'h str, &'h str)> {
    let labels = set.what.at("/spec/selector/matchLabels").and_then(serde_json::Value::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}
