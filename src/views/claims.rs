//! The watch of claims, folded into lives: one for each incarnation (uid) of each claim of a set's namespace.

use std::collections::{BTreeMap, HashMap};

use super::{PodLife, Set};
use crate::history::{Event, Gap, History, ObjectSeen, Resource, Seen, Watch};

/// One incarnation of a claim.
#[derive(Debug)]
pub struct ClaimLife<'h> {
    /// Its name.
    pub name: &'h str,
    /// Its incarnation.
    pub uid: &'h str,
    /// Every version that the watch delivered.
    pub versions: Vec<Seen<'h, ObjectSeen>>,
    /// The first version in which it was on its way out, or its removal.
    pub ended: Option<&'h Event>,
    /// The first version in which it was bound.
    pub bound: Option<Seen<'h, ObjectSeen>>,
    /// The first version in which it was bound to another volume than at first.
    pub rebound: Option<Seen<'h, ObjectSeen>>,
}

impl<'h> ClaimLife<'h> {
    fn of(name: &'h str, uid: &'h str, versions: Vec<Seen<'h, ObjectSeen>>) -> Self {
        let find = |is_it: &dyn Fn(&ObjectSeen) -> bool| versions.iter().copied().find(|v| is_it(v.what));
        let ended = find(&|claim| claim.change.is_removal() || claim.is_terminating());
        let bound = find(&|claim| claim.text("/status/phase") == Some("Bound"));
        let volume = bound.and_then(|bound| bound.what.text("/spec/volumeName"));
        let is_another = |now: &str| !now.is_empty() && volume.is_some_and(|volume| now != volume);
        let rebound = find(&|claim| claim.text("/spec/volumeName").is_some_and(is_another));
        Self { name, uid, ended: ended.map(|version| version.event), bound, rebound, versions }
    }

    /// The version of its creation, or of its listing where a gap hid the creation.
    pub fn first(&self) -> Seen<'h, ObjectSeen> {
        self.versions[0]
    }

    /// The newest version.
    pub fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    /// Its removal, or the list that did not have it any more.
    pub fn removed(&self) -> Option<&'h Event> {
        Some(self.last()).filter(|last| last.change.is_removal()).map(|last| last.event)
    }

    /// The volume that it was first bound to.
    pub fn volume(&self) -> Option<&'h str> {
        self.bound?.what.text("/spec/volumeName")
    }
}

/// The claims of a set's namespace.
#[derive(Debug)]
pub struct Claims<'h> {
    history: &'h History,
    watch: Watch,
    set: &'h str,
    templates: Vec<String>,
    by_name: BTreeMap<&'h str, Vec<ClaimLife<'h>>>,
}

impl<'h> Claims<'h> {
    pub(super) fn of(set: &Set<'h>) -> Self {
        let watch = set.watch_of(Resource::PersistentVolumeClaims);
        let mut templates = set.claim_templates();
        if templates.is_empty() {
            templates = mounted_templates(set);
        }
        let history = set.history();
        Self { history, watch, set: set.name, templates, by_name: fold(history, watch) }
    }

    /// The names of the set's templates; those of the volumes that its pods mount, where the set itself was not seen.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// The name that a template gives the claim of a pod (Kubernetes documentation, StatefulSets, "Stable Storage").
    pub fn name_for(&self, template: &str, pod: &str) -> String {
        format!("{template}-{pod}")
    }

    /// The template and the ordinal in a claim's name, if it is one that the set gives.
    pub fn read(&self, claim: &str) -> Option<(&str, u32)> {
        self.templates.iter().find_map(|template| {
            let pod = claim.strip_prefix(template.as_str())?.strip_prefix('-')?;
            Some((template.as_str(), crate::history::pod::ordinal(self.set, pod)?))
        })
    }

    /// The lives of the claim of that name, in the order of their births.
    pub fn named(&self, claim: &str) -> &[ClaimLife<'h>] {
        self.by_name.get(claim).map_or(&[], Vec::as_slice)
    }

    /// All lives, name by name.
    pub fn all(&self) -> impl Iterator<Item = &ClaimLife<'h>> {
        self.by_name.values().flatten()
    }

    /// The lives of the claims that the set's templates name.
    pub fn own(&self) -> impl Iterator<Item = &ClaimLife<'h>> {
        self.all().filter(|claim| self.read(claim.name).is_some())
    }

    /// The claims that a pod mounts where a template says so: the template and the claim's name.
    pub fn of_pod(&self, pod: &PodLife<'h>) -> Vec<(&str, &'h str)> {
        let mounted = pod.claims();
        let claim_of = |template: &str| mounted.iter().find(|(volume, _)| *volume == template);
        let named = self.templates.iter().map(String::as_str);
        named.filter_map(|template| Some((template, claim_of(template)?.1))).collect()
    }

    /// Where the watch of claims cannot be believed: what is not seen may still be there.
    pub fn gaps(&self) -> Vec<Gap<'h>> {
        self.history.gaps(self.watch)
    }

    /// The first gap of the watch of claims of which something lies between two events.
    pub fn gap_between(&self, earlier: &Event, later: &Event) -> Option<Gap<'h>> {
        self.history.gap_between(self.watch, earlier, later)
    }

    /// The gap in which it may have become of a claim what nobody saw: one after its newest version.
    pub fn lost_sight(&self, claim: &ClaimLife<'h>) -> Option<Gap<'h>> {
        let last = claim.last();
        let after = |gap: &Gap<'h>| gap.until.is_none_or(|until| last.event.comes_before(until));
        self.gaps().into_iter().find(|gap| !last.change.is_removal() && after(gap))
    }
}

/// The volumes that are mounted under a claim's name that begins with their own.
fn mounted_templates(set: &Set<'_>) -> Vec<String> {
    let mut templates = Vec::new();
    for pod in set.pods() {
        for (volume, claim) in pod.claims() {
            let is_of_template = claim.strip_prefix(volume).is_some_and(|rest| rest.starts_with('-'));
            if is_of_template && !templates.iter().any(|known| known == volume) {
                templates.push(volume.to_owned());
            }
        }
    }
    templates
}

fn fold<'h>(history: &'h History, watch: Watch) -> BTreeMap<&'h str, Vec<ClaimLife<'h>>> {
    let mut births: Vec<(&str, &str, Vec<Seen<'_, ObjectSeen>>)> = Vec::new();
    let mut by_uid = HashMap::new();
    for version in history.objects(watch) {
        let claim = version.what;
        let at = *by_uid.entry((&claim.name, &claim.uid)).or_insert(births.len());
        if at == births.len() {
            births.push((&claim.name, &claim.uid, Vec::new()));
        }
        births[at].2.push(version);
    }
    let mut by_name: BTreeMap<&str, Vec<ClaimLife<'_>>> = BTreeMap::new();
    for (name, uid, versions) in births {
        by_name.entry(name).or_default().push(ClaimLife::of(name, uid, versions));
    }
    by_name
}

#[cfg(test)]
mod tests {
    use crate::{checks::notation::history, views::View};

    #[test]
    fn claims_are_read_by_the_sets_own_templates() {
        let history = history("web-0 created; www-web-0 claimed; other-web-0 claimed");
        let view = View::of(&history);
        let claims = view.sets()[0].claims();
        assert_eq!(claims.templates(), ["www"]);
        assert_eq!(claims.read("www-web-0"), Some(("www", 0)));
        assert_eq!(claims.read("other-web-0"), None);
        assert_eq!(claims.name_for("www", "web-3"), "www-web-3");
        assert_eq!((claims.own().count(), claims.all().count()), (1, 2));
        assert_eq!(claims.of_pod(&view.sets()[0].pods()[0]), [("www", "www-web-0")]);
    }

    #[test]
    fn a_claim_has_a_life_for_each_uid() {
        let history = history(
            "web-0 created; www-web-0 claimed; www-web-0 bound a; www-web-0 unclaimed; www-web-0 claimed; www-web-0 bound b",
        );
        let view = View::of(&history);
        let claims = view.sets()[0].claims();
        let [first, second] = claims.named("www-web-0") else { panic!("two lives") };
        assert_eq!((first.volume(), second.volume()), (Some("a"), Some("b")));
        assert!(first.removed().is_some() && second.ended.is_none());
    }

    #[test]
    fn what_became_of_a_claim_may_have_fallen_into_a_gap() {
        let history =
            history("web-0 created; www-web-0 claimed; www-web-1 claimed; gap persistentvolumeclaims");
        let view = View::of(&history);
        let claims = view.sets()[0].claims();
        assert!(claims.lost_sight(&claims.named("www-web-0")[0]).is_some());
    }
}
