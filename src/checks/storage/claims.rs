//! The watch of claims, folded into lives: one for each incarnation (uid) of each claim. What the checks of this area share.

use std::collections::{BTreeMap, HashMap};

use crate::history::{
    CLAIM_TEMPLATE, Change, Event, History, Json, ObjectSeen, PodLife, Resource, Seen, lives,
};

/// One incarnation of a claim.
#[derive(Debug)]
pub(super) struct ClaimLife<'h> {
    /// Its name.
    pub(super) name: &'h str,
    /// Every version that the watch delivered.
    pub(super) versions: Vec<Seen<'h, ObjectSeen>>,
    /// The first version in which it was on its way out, or its removal.
    pub(super) ended: Option<&'h Event>,
    /// The first version in which it was bound.
    pub(super) bound: Option<Seen<'h, ObjectSeen>>,
    /// The first version in which it was bound to another volume than at first.
    pub(super) rebound: Option<Seen<'h, ObjectSeen>>,
}

impl<'h> ClaimLife<'h> {
    fn of(name: &'h str, versions: Vec<Seen<'h, ObjectSeen>>) -> Self {
        let find = |is_it: &dyn Fn(&ObjectSeen) -> bool| versions.iter().copied().find(|v| is_it(v.what));
        let ended = find(&|claim| claim.change == Change::Deleted || claim.is_terminating());
        let bound = find(&|claim| claim.text("/status/phase") == Some("Bound"));
        let volume = bound.and_then(|bound| bound.what.text("/spec/volumeName"));
        let is_another = |now: &str| !now.is_empty() && volume.is_some_and(|volume| now != volume);
        let rebound = find(&|claim| claim.text("/spec/volumeName").is_some_and(is_another));
        Self { name, ended: ended.map(|version| version.event), bound, rebound, versions }
    }

    /// The version of its creation, or of its listing where a gap hid the creation.
    pub(super) fn first(&self) -> Seen<'h, ObjectSeen> {
        self.versions[0]
    }

    /// The newest version.
    pub(super) fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    /// Its removal.
    pub(super) fn removed(&self) -> Option<&'h Event> {
        Some(self.last()).filter(|last| last.change == Change::Deleted).map(|last| last.event)
    }

    /// The volume that it was first bound to.
    pub(super) fn volume(&self) -> Option<&'h str> {
        self.bound?.what.text("/spec/volumeName")
    }

    /// Where the watch lost events after the newest version: what became of the claim is not known.
    pub(super) fn lost_sight(&self, history: &'h History) -> Option<&'h Event> {
        let last = self.last();
        let gone = last.change == Change::Deleted;
        history.gaps(Resource::PersistentVolumeClaims).find(|gap| !gone && last.event.comes_before(gap))
    }
}

/// Where the watch of claims lost events, or fell silent until the end of the record: what is not seen may still be there.
pub(super) fn unseen(history: &History) -> Option<&Event> {
    history.gaps(Resource::PersistentVolumeClaims).next()
}

/// Every claim's lives by its name, in the order of their births.
pub(super) fn fold(history: &History) -> BTreeMap<&str, Vec<ClaimLife<'_>>> {
    let mut births: Vec<(&str, Vec<Seen<'_, ObjectSeen>>)> = Vec::new();
    let mut by_uid = HashMap::new();
    for version in history.objects(Resource::PersistentVolumeClaims) {
        let claim = version.what;
        let at = *by_uid.entry((&claim.name, &claim.uid)).or_insert(births.len());
        if at == births.len() {
            births.push((&claim.name, Vec::new()));
        }
        births[at].1.push(version);
    }
    let mut by_name: BTreeMap<&str, Vec<ClaimLife<'_>>> = BTreeMap::new();
    for (name, versions) in births {
        by_name.entry(name).or_default().push(ClaimLife::of(name, versions));
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
    let labels = set.what.at("/spec/selector/matchLabels").into_iter().flat_map(Json::members);
    labels.filter_map(|(key, value)| Some((key, value.as_str()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::notation::Notes;

    #[test]
    fn claims_are_used_where_a_volume_of_the_template_is_one() {
        let used = |volumes: Value| {
            let mut notes = Notes::new();
            let pod = json!({"metadata": {"name": "web-0", "uid": "u"}, "spec": {"volumes": volumes}});
            notes.object(Resource::Pods, Change::Added, pod);
            are_used(&notes.history().pods()[0])
        };
        let claim = json!({"claimName": "www-web-0"});
        assert!(used(json!([{"name": "www", "persistentVolumeClaim": claim}])));
        assert!(!used(json!([{"name": "www", "emptyDir": {}}])));
        assert!(!used(json!([{"name": "other", "persistentVolumeClaim": claim}])));
    }
}
