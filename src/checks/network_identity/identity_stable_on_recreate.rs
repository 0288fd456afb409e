//! `identity-stable-on-recreate`: a recreated pod is another pod with the same identity.

use std::collections::HashMap;

use super::{
    came_back,
    identity::{Identity, is_of_one_set, known, shown},
    new_names,
};
use crate::{
    checks::{Cause, Check, Findings, Say},
    history::{Change, Event, ObjectSeen, Purpose, Seen},
    views::{Dimension, PodLife, Set, View, edits::Edits, inside, recreation::requests_by_successor},
};

/// Judges `specs/network-identity/identity-stable-on-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "identity-stable-on-recreate", judge };

/// A pod that was deleted came back as another pod with the same identity.
pub(super) const IDENTITY: &str = "identity";
/// So did a pod that was scaled away and back.
const SCALED_BACK: &str = "scaled-back";
/// A pod that came back has the host name inside that it had.
const HOSTNAME: &str = "hostname";
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
            identity: Identity::of(set, &edits),
        };
        for life in set.pods().iter().filter(|life| !edits.touched(life, life.birth())) {
            recreated.is_another_pod(life, findings);
            recreated.has_the_identity(life, findings);
            recreated.has_the_host_name(life, findings);
        }
        new_names::judge(view, set, &edits, findings);
        came_back::judge(view, set, findings);
    }
}

/// What each incarnation said last was its host name, by uid.
fn hostnames<'h>(view: &View<'h>) -> HashMap<&'h str, (&'h str, &'h Event)> {
    let said = view.history().execs().filter(|exec| exec.purpose == Purpose::Hostname);
    said.filter_map(|exec| Some((exec.what.pod_uid.as_str(), (exec.what.printed()?, exec.event)))).collect()
}

/// The pods that had to go because fewer replicas were asked for: by uid, the request.
fn scaled_away<'h>(view: &View<'h>, set: &Set<'h>) -> HashMap<&'h str, &'h Event> {
    let downs = set.scale_downs(view).into_iter();
    downs.flat_map(|down| down.condemned.into_iter().map(move |life| (life.uid, down.request))).collect()
}

struct Recreated<'p, 'h> {
    set: &'p Set<'h>,
    edits: &'p Edits<'h>,
    hostnames: &'p HashMap<&'h str, (&'h str, &'h Event)>,
    by_request: HashMap<&'h str, &'h Event>,
    scaled_away: HashMap<&'h str, &'h Event>,
    identity: Identity<'p, 'h>,
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
        for (what, old, new) in self.identity.compared(before, after) {
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
        } else if self.was_scaled_back(before, after) {
            findings.on(SCALED_BACK).pod(name)
        } else {
            findings.on(IDENTITY).pod(name)
        }
    }

    /// Whether the one had to go because fewer replicas were asked for, and the other came when more were.
    fn was_scaled_back(&self, before: &PodLife<'h>, after: &PodLife<'h>) -> bool {
        let (down, up) = (self.scaled_away.get(before.uid), self.set.asked_at(after.birth()));
        let is_later = down.zip(up).is_some_and(|(down, up)| down.comes_before(up.event));
        is_later && self.set.wanted_at(after.birth()).iter().any(|name| name == after.name)
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
        let lost = "web-0 label app=other; web-0 ready; delete web-0; web-0 deleted; wait 9s; bookmark pods; \
                    web-0 created; web-0 ready";
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
