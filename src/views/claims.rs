//! The claims of a set's namespace: what the set's templates call those of its pods, and where the watch of claims cannot be
//! believed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Doubt, PodLife, Set, View,
    claim_life::{ClaimLife, fold},
    order,
};
use crate::history::{Event, Gap, History, ObjectSeen, Resource, Seen, Watch, pod};

/// The claims of a set's namespace.
#[derive(Debug)]
pub struct Claims<'h> {
    history: &'h History,
    watch: Watch,
    set: &'h str,
    /// The first version of each incarnation of the set.
    incarnations: Vec<Seen<'h, ObjectSeen>>,
    by_uid: HashMap<&'h str, Seen<'h, ObjectSeen>>,
    templates: Vec<String>,
    by_name: BTreeMap<&'h str, Vec<ClaimLife<'h>>>,
}

impl<'h> Claims<'h> {
    pub(super) fn of(set: &Set<'h>) -> Self {
        let (history, watch) = (set.history(), set.watch_of(Resource::PersistentVolumeClaims));
        let incarnations = incarnations(set);
        let templates = templates(set, &incarnations);
        let by_uid = incarnations.iter().map(|set| (set.what.uid.as_str(), *set)).collect();
        let by_name = fold(history, watch);
        Self { history, watch, set: set.name, incarnations, by_uid, templates, by_name }
    }

    /// The names of the templates of all incarnations of the set; those of the volumes that its pods mount, where neither the
    /// set nor the request for it was seen.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// The first version of each incarnation of the set.
    pub fn incarnations(&self) -> &[Seen<'h, ObjectSeen>] {
        &self.incarnations
    }

    /// The name that a template gives the claim of a pod (Kubernetes documentation, StatefulSets, "Stable Storage").
    pub fn name_for(&self, template: &str, pod: &str) -> String {
        format!("{template}-{pod}")
    }

    /// The incarnation of the set that made a pod; none where it was not seen.
    pub fn maker(&self, pod: &PodLife<'h>) -> Option<Seen<'h, ObjectSeen>> {
        match pod.versions[0].what.controller() {
            Some(owner) => self.by_uid.get(owner["uid"].as_str()?).copied(),
            None => self.incarnations.first().copied().filter(|_| self.incarnations.len() == 1),
        }
    }

    /// The claims that a pod must have: each template of the set that made it, with the claim's name. None where that set was
    /// not seen.
    pub fn expected(&self, pod: &PodLife<'h>) -> Option<Vec<(&'h str, String)>> {
        let names = template_names(self.maker(pod)?.what).into_iter();
        Some(names.map(|template| (template, self.name_for(template, pod.name))).collect())
    }

    /// The template and the ordinal in a claim's name, if it is one that the set gives.
    pub fn read(&self, claim: &str) -> Option<(&str, u32)> {
        self.templates.iter().find_map(|template| {
            let pod = claim.strip_prefix(template.as_str())?.strip_prefix('-')?;
            Some((template.as_str(), pod::ordinal(self.set, pod)?))
        })
    }

    /// The lives of the claim of that name, in the order of their births.
    pub fn named(&self, claim: &str) -> &[ClaimLife<'h>] {
        self.by_name.get(claim).map_or(&[], Vec::as_slice)
    }

    /// The life of that claim before this one.
    pub fn predecessor(&self, life: &ClaimLife<'h>) -> Option<&ClaimLife<'h>> {
        let lives = self.named(life.name);
        let before = lives.partition_point(|other| other.first().event.seq < life.first().event.seq);
        lives.get(before.checked_sub(1)?)
    }

    /// The lives of a claim that were not over at one event and had begun at another, in the order of their births.
    pub fn between(&self, claim: &str, since: &Event, until: &Event) -> &[ClaimLife<'h>] {
        let lives = self.named(claim);
        let begun = lives.partition_point(|life| life.first().event.seq <= until.seq);
        let over = lives.partition_point(|life| life.gone().is_some_and(|gone| gone.seq <= since.seq));
        &lives[over.min(begun)..begun]
    }

    /// The lives of a claim in two parts: those that were certainly gone when something else happened, and the others. A name
    /// belongs to one incarnation at a time, so where one is gone, those before it are.
    pub fn gone_and_others(&self, claim: &str, at: &Event) -> (&[ClaimLife<'h>], &[ClaimLife<'h>]) {
        let lives = self.named(claim);
        let known = lives.partition_point(|life| life.first().event.seq < at.seq);
        let is_gone = |life: &ClaimLife<'h>| {
            life.gone().is_some_and(|gone| order::certainly_before(self.history, gone, at))
        };
        lives.split_at(lives[..known].iter().rposition(is_gone).map_or(0, |place| place + 1))
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

    /// Why a claim may have existed that the record does not have, if one may: the watch lost events, or the record ends before
    /// everything that exists was listed.
    pub fn not_all_seen(&self) -> Option<(Doubt, &'static str, &'h Event)> {
        let gap = self.gaps().first().map(|gap| (Doubt::Gap, "the watch of claims has a gap", gap.shown_by));
        let is_open = !self.history.is_completed();
        gap.or_else(|| is_open.then(|| (Doubt::NotReached, "the record ends early", self.history.last())))
    }

    /// The last list of claims that the watch was compared with.
    pub fn listed(&self) -> Option<&'h Event> {
        self.history.lists(self.watch).next_back()
    }

    /// The first gap of the watch of claims of which something lies between two events.
    pub fn gap_between(&self, earlier: &Event, later: &Event) -> Option<Gap<'h>> {
        self.history.gap_between(self.watch, earlier, later)
    }

    /// The gap that hides what became of a claim that was not seen to go.
    pub fn lost_sight(&self, claim: &ClaimLife<'h>) -> Option<Gap<'h>> {
        let is_gone = claim.gone().is_some();
        (!is_gone).then(|| self.hidden_after(claim.last(), self.history.last())).flatten()
    }

    /// The gap that hides whether another incarnation had a claim's name before it, since the one before was gone or since an
    /// event at which there must have been one.
    pub fn hidden_before(&self, claim: &ClaimLife<'h>, since: &Event) -> Option<Gap<'h>> {
        let before = self.predecessor(claim).and_then(ClaimLife::gone);
        self.gap_between(before.unwrap_or(since), claim.first().event)
    }

    /// The gap that hides which volume a claim was bound to before an event, where it was not seen to be bound before that.
    pub fn hidden_binding(&self, claim: &ClaimLife<'h>, before: &Event) -> Option<Gap<'h>> {
        let bound = claim.bound()?.event;
        let all_seen = claim.birth_was_seen() && self.gap_between(claim.first().event, bound).is_none();
        let gap = || self.gaps().into_iter().find(|gap| gap.from.comes_before(bound));
        if all_seen || bound.comes_before(before) { None } else { gap() }
    }

    /// The gap that hides what became of a claim between one version of it and an event. A gap after which it was found again,
    /// with the uid that it had, hides nothing: a uid does not come back.
    pub fn hidden_after(&self, version: Seen<'h, ObjectSeen>, until: &Event) -> Option<Gap<'h>> {
        let ends_with =
            |gap: &Gap<'h>| gap.until.is_some() && version.change.is_listed() && gap.holds(version.event);
        let hides = |gap: &Gap<'h>| {
            let is_open = gap.until.is_none_or(|end| version.event.comes_before(end));
            is_open && gap.from.seq <= until.seq
        };
        self.gaps().into_iter().find(|gap| hides(gap) && !ends_with(gap))
    }
}

/// The pods that a set made itself until the end of the scenario, in the order of their births. What the driver made under
/// such a name is not the set's doing, even where the set adopts it.
pub fn users<'v, 'h>(
    view: &'v View<'h>,
    set: &'v Set<'h>,
) -> impl Iterator<Item = &'v PodLife<'h>> + use<'v, 'h> {
    let ended = view.ended().seq;
    let pods = set.pods();
    let is_drivers = move |life: &PodLife<'h>| {
        let before = pods.predecessor(life).map(PodLife::birth);
        view.is_drivers_own(Resource::Pods, set.namespace, life.name, before, life.birth())
    };
    let own = pods.iter().filter(move |life| life.ordinal.is_some() && life.birth().seq <= ended);
    own.filter(move |life| !is_drivers(life))
}

/// Whether somebody else may have made a claim: the driver asked for one of that name, or another set of the namespace gives
/// that name too.
pub fn may_be_others<'h>(view: &View<'h>, set: &Set<'h>, claim: &ClaimLife<'h>) -> bool {
    let before = set.claims().predecessor(claim).map(|before| before.first().event);
    let born = claim.first().event;
    let is_other = |other: &&Set<'h>| other.namespace == set.namespace && other.name != set.name;
    view.is_drivers_own(Resource::PersistentVolumeClaims, set.namespace, claim.name, before, born)
        || view.sets().iter().filter(is_other).any(|other| other.claims().read(claim.name).is_some())
}

fn incarnations<'h>(set: &Set<'h>) -> Vec<Seen<'h, ObjectSeen>> {
    let mut known = HashSet::new();
    set.versions().iter().copied().filter(|version| known.insert(version.what.uid.as_str())).collect()
}

/// The names of a StatefulSet's volume claim templates.
fn template_names(set: &ObjectSeen) -> Vec<&str> {
    let templates = set.list("/spec/volumeClaimTemplates").iter();
    templates.filter_map(|template| template["metadata"]["name"].as_str()).collect()
}

fn templates(set: &Set<'_>, incarnations: &[Seen<'_, ObjectSeen>]) -> Vec<String> {
    let mut templates: Vec<String> = Vec::new();
    for name in incarnations.iter().flat_map(|version| template_names(version.what)) {
        if !templates.iter().any(|known| known == name) {
            templates.push(name.to_owned());
        }
    }
    if incarnations.is_empty() {
        templates = set.claim_templates();
    }
    if incarnations.is_empty() && templates.is_empty() {
        templates = mounted_templates(set);
    }
    templates
}

/// The volumes that pods mount under a claim's name that is their own and the pod's.
fn mounted_templates(set: &Set<'_>) -> Vec<String> {
    let mut templates = Vec::new();
    for life in set.pods() {
        for (volume, claim) in life.claims() {
            let is_of_template = claim.strip_prefix(volume).is_some_and(|rest| rest.starts_with('-'));
            if is_of_template && !templates.iter().any(|known| known == volume) {
                templates.push(volume.to_owned());
            }
        }
    }
    templates
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Change, Verb},
    };

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
        assert!(claims.expected(&view.sets()[0].pods()[0]).is_none(), "the set was not seen");
    }

    #[test]
    fn a_set_without_templates_gives_no_names_to_what_its_pods_mount() {
        let mut notes = Notes::new();
        let set = json!({"metadata": {"name": "web", "uid": "uid-set"}, "spec": {"replicas": 1}});
        notes.object(Resource::StatefulSets, Change::Added, set);
        let history = notes.say("web-0 created").history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        assert!(set.claims().templates().is_empty());
        assert_eq!(set.claims().expected(&set.pods()[0]), Some(Vec::new()));
    }

    #[test]
    fn a_pod_has_the_claims_of_the_set_that_made_it() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        let templates = |names: &[&str]| {
            json!(names.iter().map(|name| json!({"metadata": {"name": name}})).collect::<Vec<_>>())
        };
        let mut set = notes.present(Resource::StatefulSets, "web");
        notes.object(Resource::StatefulSets, Change::Deleted, set.clone());
        set["metadata"]["uid"] = json!("uid-second");
        set["spec"]["volumeClaimTemplates"] = templates(&["data", "log"]);
        notes.object(Resource::StatefulSets, Change::Added, set);
        let mut pod = notes.present(Resource::Pods, "web-0");
        pod["metadata"]["uid"] = json!("uid-pod");
        pod["metadata"]["ownerReferences"][0]["uid"] = json!("uid-second");
        notes.object(Resource::Pods, Change::Added, pod);
        let history = notes.history();
        let view = View::of(&history);
        let (set, claims) = (&view.sets()[0], view.sets()[0].claims());
        let expected = |place: usize| {
            let all = claims.expected(&set.pods()[place]).unwrap_or_default();
            all.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(expected(0), ["www-web-0"]);
        assert_eq!(expected(1), ["data-web-0", "log-web-0"]);
        assert_eq!(claims.templates(), ["www", "data", "log"]);
    }

    /// Whether what became of www-web-0 is hidden.
    fn is_hidden(statements: &str) -> bool {
        let history = history(&format!("web-0 created; www-web-0 claimed; www-web-1 claimed; {statements}"));
        let view = View::of(&history);
        let claims = view.sets()[0].claims();
        claims.lost_sight(&claims.named("www-web-0")[0]).is_some()
    }

    #[test]
    fn what_became_of_a_claim_may_have_fallen_into_a_gap() {
        assert!(is_hidden("gap persistentvolumeclaims"));
        assert!(is_hidden("error persistentvolumeclaims; set replicas=1"));
        assert!(!is_hidden("gap pods; completed") && !is_hidden("completed"));
        let again = "gap persistentvolumeclaims; www-web-0 listed-again; www-web-1 listed-again;";
        assert!(!is_hidden(again) && !is_hidden(&format!("{again} www-web-1 bound; completed")));
        assert!(is_hidden(&format!("{again} gap persistentvolumeclaims")));
        assert!(!is_hidden("gap persistentvolumeclaims; www-web-0 unlisted"), "it is gone for certain");
    }

    #[test]
    fn another_claim_of_that_name_may_have_come_and_gone_in_a_gap() {
        let hidden = |claim: &str| {
            let history = history(&format!("web-0 created; {claim}; completed"));
            let view = View::of(&history);
            let (claims, pod) = (view.sets()[0].claims(), view.sets()[0].pods()[0].birth());
            claims.hidden_before(&claims.named("www-web-0")[0], pod).is_some()
        };
        assert!(!hidden("www-web-0 claimed; gap persistentvolumeclaims; www-web-0 listed-again"));
        assert!(hidden("gap persistentvolumeclaims; www-web-1 listed; www-web-0 claimed"));
        assert!(hidden("gap persistentvolumeclaims; www-web-0 listed"));
    }

    #[test]
    fn which_volume_a_claim_was_bound_to_first_may_have_fallen_into_a_gap() {
        let hidden = |binding: &str| {
            let history = history(&format!(
                "web-0 created; www-web-0 claimed; {binding}; delete web-0; www-web-0 bound; completed"
            ));
            let view = View::of(&history);
            let claims = view.sets()[0].claims();
            let request = history.requests().next().expect("the request").event;
            claims.hidden_binding(&claims.named("www-web-0")[0], request).is_some()
        };
        assert!(!hidden("www-web-0 bound") && !hidden("set replicas=1"));
        assert!(hidden("gap persistentvolumeclaims; www-web-0 listed-again"));
        assert!(!hidden("gap persistentvolumeclaims; www-web-0 listed-again; www-web-0 bound"));
    }

    #[test]
    fn pods_of_the_driver_are_not_the_sets() {
        let mut notes = Notes::new().say("web-0 created");
        notes.request(Verb::Create, Resource::Pods, Some("web-7"), None, json!({}));
        let history = notes.say("web-7 created; completed; web-1 created").history();
        let view = View::of(&history);
        let names: Vec<&str> = users(&view, &view.sets()[0]).map(|life| life.name).collect();
        assert_eq!(names, ["web-0"]);
    }
}
