//! `identity-stable-on-recreate`: a recreated pod is another pod with the same identity.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::came_back;
use crate::{
    checks::{Cause, Check, Findings, Say},
    history::{Change, Event, ObjectSeen, Phase, Purpose, Seen},
    views::{
        Dimension, PodLife, Set, View, absence, edits::Edits, inside, name_services::POD_NAME_LABEL,
        recreation::requests_by_successor,
    },
};

/// Judges `specs/network-identity/identity-stable-on-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "identity-stable-on-recreate", judge };

/// A pod that was deleted came back as another pod with the same identity.
pub(super) const IDENTITY: &str = "identity";
/// So did a pod that was scaled away and back.
const SCALED_BACK: &str = "scaled-back";
/// A pod that came back has the host name inside that it had.
const HOSTNAME: &str = "hostname";
/// Names the template and not the pod.
const REVISION: &str = "controller-revision-hash";
/// There from Kubernetes 1.28 on, so a controller may have begun to set it.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// Labels that the API server copies from the node (Kubernetes documentation, Admission Control, PodTopologyLabels).
const OF_THE_NODE: &str = "topology.kubernetes.io/";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let hostnames = hostnames(view);
    for set in view.sets() {
        let edits = Edits::of(view, set);
        let recreated = Recreated {
            set,
            edits: &edits,
            hostnames: &hostnames,
            by_request: requests_by_successor(view, set),
            scaled_away: scaled_away(view, set),
            given: given_labels(set),
        };
        for life in set.pods().iter().filter(|life| !edits.touched(life, life.birth())) {
            recreated.is_another_pod(life, findings);
            recreated.has_the_identity(life, findings);
            recreated.has_the_host_name(life, findings);
        }
        new_names(view, set, &edits, findings);
        came_back::judge(view, set, findings);
    }
}

/// What each incarnation said last was its host name, by uid.
fn hostnames<'h>(view: &View<'h>) -> HashMap<&'h str, (&'h str, &'h Event)> {
    let said = view.history().execs().filter(|exec| exec.purpose == Purpose::Hostname);
    said.filter_map(|exec| Some((exec.what.pod_uid.as_str(), (exec.what.printed()?, exec.event)))).collect()
}

/// The uids of the pods that had to go because fewer replicas were asked for.
fn scaled_away<'h>(view: &View<'h>, set: &Set<'h>) -> HashSet<&'h str> {
    set.scale_downs(view).iter().flat_map(|down| down.condemned.iter().map(|life| life.uid)).collect()
}

/// The keys of the labels that the set's templates give, as far as any was seen.
fn given_labels<'h>(set: &Set<'h>) -> BTreeSet<&'h str> {
    let pointers = ["/spec/template/metadata/labels", "/spec/selector/matchLabels"];
    let stored = set.versions().iter().flat_map(|set| pointers.map(|at| set.what.at(at))).flatten();
    let applied = set.requests().iter().flat_map(|request| pointers.map(|at| request.what.body.pointer(at)));
    let applied = applied.flatten().filter_map(Value::as_object).flat_map(|labels| labels.keys());
    stored
        .flat_map(|labels| labels.members().map(|(key, _)| key))
        .chain(applied.map(String::as_str))
        .collect()
}

struct Recreated<'p, 'h> {
    set: &'p Set<'h>,
    edits: &'p Edits<'h>,
    hostnames: &'p HashMap<&'h str, (&'h str, &'h Event)>,
    by_request: HashMap<&'h str, &'h Event>,
    scaled_away: HashSet<&'h str>,
    given: BTreeSet<&'h str>,
}

impl<'h> Recreated<'_, 'h> {
    /// A pod that is removed does not go on under the same uid. What a list repeats, or a watch from before, is older.
    fn is_another_pod(&self, life: &PodLife<'h>, findings: &mut Findings) {
        let Some(removed) = life.versions.iter().find(|version| version.change == Change::Deleted) else {
            return;
        };
        let number = |version: &Seen<'h, ObjectSeen>| version.revision.parse::<u64>().ok();
        let is_newer = |version: &Seen<'h, ObjectSeen>| {
            number(version).zip(number(removed)).is_none_or(|(this, that)| this > that)
        };
        let goes_on = |version: &&Seen<'h, ObjectSeen>| {
            removed.event.comes_before(version.event)
                && matches!(version.change, Change::Added | Change::Modified)
                && is_newer(version)
        };
        if let Some(after) = life.versions.iter().find(goes_on) {
            let name = self.set.key(life.name);
            let what = format!("{name} came back with the same uid {}", life.uid);
            findings.on(IDENTITY).pod(name).broken(what, &[removed.event, after.event]);
        }
    }

    /// It is compared with the incarnation before it, as both were when they were first ready.
    fn has_the_identity(&self, after: &PodLife<'h>, findings: &mut Findings) {
        let is_comparable = |before: &&PodLife<'h>| {
            is_of_one_set(before, after) && !self.edits.touched(before, before.birth())
        };
        let Some(before) = self.set.pods().predecessor(after).filter(is_comparable) else { return };
        let (old, new) = (known(before), known(after));
        let (name, events) = (self.set.key(after.name), [old.event, new.event]);
        for (what, old, new) in self.identity(before, after) {
            if old != new {
                let (old, new) = (shown(&old), shown(&new));
                let what = format!("{name} had {what} {old} and came back with {new}");
                return findings.on(IDENTITY).pod(name).broken(what, &events);
            }
        }
        let say = self.about(before, after, findings);
        if let Some(gap) = self.set.pods().hidden_birth(after) {
            let what = format!("the creation of {name} fell into a gap of the watch of pods");
            return say.blind(Cause::Gap, what, &[gap, new.event]);
        }
        say.held(format!("{name} came back as another pod with the same identity"), &events);
    }

    /// A statement about a pod that came back, by what took the incarnation before it away.
    fn about<'f>(&self, before: &PodLife<'h>, after: &PodLife<'h>, findings: &'f mut Findings) -> Say<'f> {
        let name = self.set.key(after.name);
        if self.by_request.contains_key(after.uid) {
            findings.on(IDENTITY).of(Dimension::Recreated, name)
        } else if self.scaled_away.contains(before.uid) {
            findings.on(SCALED_BACK).pod(name)
        } else {
            findings.on(IDENTITY).pod(name)
        }
    }

    /// What must be the same in both, with a word for each. A new template may give other labels and mount other claims.
    fn identity(&self, before: &PodLife<'h>, after: &PodLife<'h>) -> Vec<(&'static str, Value, Value)> {
        let (old, new) = (known(before).what, known(after).what);
        let field = |what, pointer: &str| {
            let of = |pod: &ObjectSeen| pod.at(pointer).map_or(Value::Null, Value::from);
            (what, of(old), of(new))
        };
        let claims = |life: &PodLife<'h>| {
            let all: BTreeMap<&str, &str> = match is_rolled(before, after) {
                true => self.set.claims().of_pod(life).into_iter().collect(),
                false => life.claims().into_iter().collect(),
            };
            json!(all)
        };
        let is_touched = [before, after].iter().any(|life| self.edits.touched(life, known(life).event));
        let is_compared = |key: &str| self.is_identity(key, is_touched || is_rolled(before, after), old, new);
        let labels = |pod: &ObjectSeen| {
            let all = pod.at("/metadata/labels").into_iter().flat_map(crate::history::Json::members);
            let own: BTreeMap<&str, Value> =
                all.filter(|(key, _)| is_compared(key)).map(|(key, value)| (key, value.into())).collect();
            json!(own)
        };
        vec![
            field("the host name", "/spec/hostname"),
            field("the subdomain", "/spec/subdomain"),
            ("the labels", labels(old), labels(new)),
            ("the claims", claims(before), claims(after)),
        ]
    }

    /// Whether a label belongs to the identity. What others add to a pod, or the API server from its node, does not.
    fn is_identity(&self, key: &str, is_another_template: bool, old: &ObjectSeen, new: &ObjectSeen) -> bool {
        if key.starts_with(OF_THE_NODE) || key == REVISION {
            return false;
        }
        if key == POD_INDEX {
            return old.label(key).is_some() && new.label(key).is_some();
        }
        let is_given = self.given.is_empty() || self.given.contains(key);
        key == POD_NAME_LABEL || (is_given && !is_another_template)
    }

    /// Where both were looked into, the host name inside is the same.
    fn has_the_host_name(&self, after: &PodLife<'h>, findings: &mut Findings) {
        let Some((new, then)) = self.hostnames.get(after.uid).copied() else { return };
        let mut earlier = self.set.pods().before(after.name, after.birth());
        let said = earlier.find_map(|life| Some((life, *self.hostnames.get(life.uid)?)));
        let Some((before, (old, at))) = said else { return };
        let template = [before, after].iter().find_map(|life| inside::other_hostname(life.last().what));
        if template.is_some() || !is_of_one_set(before, after) {
            return;
        }
        let name = self.set.key(after.name);
        if old != new {
            let what = format!("{name} had the host name {old} and came back with {new}");
            return findings.on(HOSTNAME).pod(name).broken(what, &[at, then]);
        }
        let dimension =
            if self.by_request.contains_key(after.uid) { Dimension::Recreated } else { Dimension::Pod };
        let what = format!("{name} came back with the host name {new}");
        findings.on(HOSTNAME).of(dimension, name).held(what, &[at, then]);
    }
}

/// The version by which a pod is known: the first that is ready, or the last there is.
fn known<'h>(life: &PodLife<'h>) -> Seen<'h, ObjectSeen> {
    life.first(|pod| Phase::of(pod) == Phase::Ready).unwrap_or(life.last())
}

/// Whether one incarnation of the set made both. A set that was deleted and made again may be another.
fn is_of_one_set(before: &PodLife<'_>, after: &PodLife<'_>) -> bool {
    let owner = |life: &PodLife<'_>| Some(life.versions[0].what.controller()?["uid"].as_str()?.to_owned());
    owner(before).zip(owner(after)).is_none_or(|(old, new)| old == new)
}

/// Whether the two were made from different templates, by their revisions.
fn is_rolled(before: &PodLife<'_>, after: &PodLife<'_>) -> bool {
    let revision = |life: &PodLife<'_>| known(life).what.label(REVISION).map(str::to_owned);
    revision(before).zip(revision(after)).is_some_and(|(old, new)| old != new)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

/// After pods were deleted, no pod may come to be under a name that was never asked for.
fn new_names<'h>(view: &View<'h>, set: &Set<'h>, edits: &Edits<'h>, findings: &mut Findings) {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::{Change, Resource, Verb},
    };

    const GONE: &str =
        "set replicas=1; web-0 created; web-0 ready; delete web-0; web-0 terminating; web-0 deleted";

    /// What is broken where the template has the label `app`, and web-0 has these labels as well, before and after.
    fn broken(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
        let mut notes = Notes::new();
        let template = json!({"metadata": {"labels": {"app": "nginx", "tier": "a"}}});
        let spec = json!({"replicas": 1, "serviceName": "nginx", "template": template});
        let set = json!({"metadata": {"name": "web", "uid": "uid-set"}, "spec": spec});
        notes.object(Resource::StatefulSets, Change::Added, set);
        for (labels, then) in [(before, "delete web-0; web-0 deleted"), (after, "web-0 ready; completed")] {
            notes = notes.say("web-0 created");
            notes.modify(Resource::Pods, "web-0", |pod| {
                labels.iter().for_each(|(key, value)| pod["metadata"]["labels"][key] = json!(value));
            });
            notes = notes.say(then);
        }
        let findings = judge(&CHECK, &notes.history());
        findings.of_kind(Kind::Broken).map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn another_pod_with_the_same_identity() {
        assert_held(&CHECK, &format!("{GONE}; web-0 created; web-0 address 10.0.0.77; web-0 ready"), 1);
        let looked = "web-0 created; web-0 ready; exec web-0 hostname -> web-0; delete all; web-0 deleted; \
                      web-0 created; web-0 ready; exec web-0 hostname -> web-0";
        assert_held(&CHECK, looked, 2);
    }

    #[test]
    fn a_pod_under_a_new_name() {
        let named = |name: &str| format!("{GONE}; {name} created; web-0 created; completed");
        assert_broken(&CHECK, &named("web-3"), "web-3 came to be");
        assert_broken(&CHECK, &named("web-7f9cd"), "no such name was asked for");
        assert_blind(&CHECK, &named("gap statefulsets; web-3"), "web-3 came to be");
    }

    #[test]
    fn scaling_up_makes_new_names() {
        assert_held(
            &CHECK,
            &format!("{GONE}; scale 2; web-0 created; web-0 ready; web-1 created; completed"),
            1,
        );
    }

    #[test]
    fn a_set_that_is_still_starting_makes_new_names_after_a_deletion() {
        let starting = "set replicas=2; web-0 created; delete web-0; web-0 deleted; web-0 created; web-0 ready; \
                        web-1 created; completed";
        assert_held(&CHECK, starting, 1);
    }

    #[test]
    fn the_lowest_ordinal_may_be_asked_for_anew() {
        let moved = "set replicas=2; web-0 created; web-1 created; delete web-0; web-0 deleted; web-0 created; \
                     web-2 created; wait 4s; set start=2; completed";
        assert_held(&CHECK, moved, 1);
    }

    #[test]
    fn a_label_is_lost_or_another() {
        let lost = format!("{GONE}; web-0 created; web-0 unlabel app; web-0 ready");
        assert_broken(&CHECK, &lost, "web-0 had the labels");
        assert_eq!(broken(&[("tier", "a")], &[("tier", "b")]).len(), 1);
        assert_eq!(broken(&[("tier", "a")], &[]).len(), 1);
    }

    #[test]
    fn labels_that_others_add_are_no_identity() {
        let zone = "topology.kubernetes.io/zone";
        assert!(broken(&[(zone, "a")], &[(zone, "b")]).is_empty());
        assert!(broken(&[(zone, "a")], &[]).is_empty());
        assert!(broken(&[], &[("security.istio.io/tlsMode", "istio")]).is_empty());
        let index = "apps.kubernetes.io/pod-index";
        assert!(broken(&[], &[(index, "0")]).is_empty(), "a newer controller sets it");
        assert_eq!(broken(&[(index, "0")], &[(index, "1")]).len(), 1);
    }

    #[test]
    fn a_new_template_may_give_other_labels_and_the_name_stays() {
        let revision = "controller-revision-hash";
        assert!(broken(&[("tier", "a")], &[("tier", "b"), (revision, "web-2")]).is_empty());
        let name = "statefulset.kubernetes.io/pod-name";
        assert_eq!(broken(&[], &[(name, "web-9"), (revision, "web-2")]).len(), 1);
    }

    #[test]
    fn a_label_that_the_scenario_writes_is_no_identity() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        notes.request(Verb::Patch, Resource::Pods, Some("web-0"), None, json!({}));
        let lost =
            "web-0 label app=other; web-0 ready; delete web-0; web-0 deleted; web-0 created; web-0 ready";
        let findings = judge(&CHECK, &notes.say(lost).history());
        assert_eq!((findings.held, findings.findings.len()), (1, 1), "{:#?}", findings.findings);
    }

    #[test]
    fn the_host_name_the_subdomain_or_the_claim_is_another() {
        let changes: [(&str, &str, &str); 3] = [
            ("/spec/hostname", "web-1", "the host name `web-0` and came back with `web-1`"),
            ("/spec/subdomain", "other", "the subdomain `nginx`"),
            (
                "/spec/volumes/0/persistentVolumeClaim/claimName",
                "www-web-1",
                "the claims {\"www\":\"www-web-0\"}",
            ),
        ];
        for (pointer, value, words) in changes {
            let mut notes = Notes::new().say(&format!("{GONE}; web-0 created"));
            let mut pod = notes.present(Resource::Pods, "web-0");
            *pod.pointer_mut(pointer).unwrap() = json!(value);
            pod["metadata"]["uid"] = json!("uid-late");
            notes.object(Resource::Pods, Change::Added, pod);
            let findings = judge(&CHECK, &notes.say("web-0 ready").history());
            assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains(words)), "{words}: {findings:#?}");
        }
    }

    #[test]
    fn a_set_that_is_made_again_may_give_another_identity() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created; web-0 ready");
        notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
        let mut pod = notes.present(Resource::Pods, "web-0");
        notes = notes.say("web-0 deleted");
        pod["metadata"]["uid"] = json!("uid-again");
        pod["metadata"]["ownerReferences"][0]["uid"] = json!("uid-set-2");
        pod["spec"]["subdomain"] = json!("peers");
        notes.object(Resource::Pods, Change::Added, pod);
        assert!(judge(&CHECK, &notes.say("completed").history()).findings.is_empty());
    }

    #[test]
    fn inside_it_has_another_host_name() {
        let other = "web-0 created; web-0 ready; exec web-0 hostname -> web-0; web-0 deleted; \
                     web-0 created; web-0 ready; exec web-0 hostname -> localhost";
        assert_broken(&CHECK, other, "had the host name web-0 and came back with localhost");
        let twice = "web-0 created; exec web-0 hostname -> web-0; web-0 deleted; web-0 created; web-0 deleted; \
                     web-0 created; exec web-0 hostname -> localhost";
        assert_broken(&CHECK, twice, "had the host name web-0 and came back with localhost");
    }

    #[test]
    fn the_same_pod_again() {
        let again = |change: Change, is_older: bool| {
            let mut notes = Notes::new().say("web-0 created; web-0 ready; delete web-0");
            let pod = notes.present(Resource::Pods, "web-0");
            notes.object(Resource::Pods, Change::Deleted, pod.clone());
            match is_older {
                true => notes.object_as_it_is(Resource::Pods, change, pod),
                false => notes.object(Resource::Pods, change, pod),
            };
            let findings = judge(&CHECK, &notes.history());
            findings.of_kind(Kind::Broken).any(|f| f.what.contains("came back with the same uid uid-1"))
        };
        assert!(again(Change::Added, false));
        assert!(!again(Change::Added, true), "a watch that began from before the removal");
        assert!(!again(Change::Listed, false), "a list from a cache that is behind");
    }

    #[test]
    fn a_pod_that_was_scaled_away_and_back_or_rolled_is_evidence_of_something_else() {
        let evidence = |statements: &str| {
            let findings = judge(&CHECK, &history(statements));
            findings.evidence.iter().map(|e| format!("{} {:?}", e.clause, e.of)).collect::<Vec<_>>()
        };
        let two = "set replicas=2; web-0 created; web-1 created;";
        let scaled = format!("{two} scale 1; web-1 terminating; web-1 deleted; scale 2; web-1 created");
        assert_eq!(evidence(&scaled), ["scaled-back {Pod: \"web-1\"}"]);
        let rolled = format!("{two} web-1 terminating; web-1 deleted; web-1 created");
        assert_eq!(evidence(&rolled), ["identity {Pod: \"web-1\"}"]);
        let deleted = format!("{two} delete web-1; web-1 terminating; web-1 deleted; web-1 created");
        assert_eq!(evidence(&deleted), ["identity {Recreated: \"web-1\"}"]);
    }

    #[test]
    fn a_creation_that_a_gap_hides_is_no_evidence() {
        let hidden =
            "set replicas=1; web-0 created; delete web-0; gap pods; web-0 listed; opened pods; completed";
        assert_blind(&CHECK, hidden, "the creation of web-0 fell into a gap");
    }

    #[test]
    fn sets_of_several_namespaces_are_told_apart() {
        let other =
            format!("{GONE}; in other; {GONE}; web-0 created; in ns; web-0 created; web-0 unlabel app");
        assert_broken(&CHECK, &other, "web-0 had the labels");
        let mut notes = Notes::new().say(&other);
        let own = |pod: &mut Value| pod["metadata"]["labels"]["app"] = json!("nginx");
        notes.modify(Resource::Pods, "web-0", own);
        let findings = judge(&CHECK, &notes.say("web-0 ready").history());
        let pods: Vec<&String> = findings.evidence.iter().flat_map(|e| e.of.values()).collect();
        assert_eq!(pods, ["web-0", "other/web-0"]);
    }

    #[test]
    fn without_a_recreation_there_is_nothing_to_say() {
        assert_silent(&CHECK, "web-0 created; web-0 ready");
    }
}
