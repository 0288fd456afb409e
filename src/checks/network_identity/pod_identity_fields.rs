//! `pod-identity-fields`: the pod itself says who it is: host name, subdomain, and the set as its one controller.

use std::collections::{BTreeMap, HashMap};

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Json, ObjectSeen, Seen},
    views::{Dimension, PodLife, Set, View, absence, edits::Edits, recreation::requests_by_successor},
};

/// Judges `specs/network-identity/pod-identity-fields.yaml`.
pub(super) const CHECK: Check = Check { id: "pod-identity-fields", judge };

/// Each version of each pod has its identity.
const FIELDS: &str = "fields";
/// So has each version of each pod that came back after a deletion.
const FIELDS_AGAIN: &str = "fields-again";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let edits = Edits::of(view, set);
        let by_request = requests_by_successor(view, set);
        let known = Known::of(set);
        for life in set.pods() {
            let is_own = !edits.touched(life, life.birth());
            if is_own && life.birth().seq <= view.ended().seq {
                Pod { view, set, life, known: &known, edits: &edits, by_request: &by_request }
                    .judge(findings);
            }
        }
    }
}

/// What is wrong with a version, and whether the record tells enough to say so.
enum Fault<'h> {
    Certain(String),
    Unsure(String, &'h Event),
}

/// What is known of the set's incarnations.
struct Known<'h> {
    /// Their uids, each with the Service that governs its pods.
    services: BTreeMap<&'h str, &'h str>,
    /// The Service that was applied.
    applied: Option<String>,
}

impl<'h> Known<'h> {
    fn of(set: &Set<'h>) -> Self {
        let applied = set.spec("/serviceName").and_then(|name| Some(name.as_str()?.to_owned()));
        Self { services: set.services(), applied }
    }
}

struct Pod<'p, 'h> {
    view: &'p View<'h>,
    set: &'p Set<'h>,
    life: &'p PodLife<'h>,
    known: &'p Known<'h>,
    edits: &'p Edits<'h>,
    by_request: &'p HashMap<&'h str, &'h Event>,
}

impl<'h> Pod<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let (life, name) = (self.life, self.set.key(self.life.name));
        let mut versions = life.between(None, self.view.ended()).iter();
        let say = findings.on(FIELDS).pod(name.as_str());
        match versions.find_map(|version| Some((version.event, self.fault(*version)?))) {
            Some((event, Fault::Certain(fault))) => {
                return say.broken(format!("{name} has {fault}"), &[event]);
            }
            Some((event, Fault::Unsure(fault, why))) => {
                return say.blind(Cause::Gap, format!("{name} has {fault}"), &[why, event]);
            }
            None => {}
        }
        if let Some(gap) = self.set.pods().hidden_version(life) {
            let what = format!("a gap in the watch of pods hides some of {name}");
            return say.blind(Cause::Gap, what, &[gap, life.birth()]);
        }
        let what = format!("{name} has its host name, its subdomain and its controller");
        match self.by_request.get(life.uid) {
            Some(request) => {
                findings.on(FIELDS_AGAIN).of(Dimension::Recreated, name).held(what, &[*request, life.birth()])
            }
            None => say.held(what, &[life.birth()]),
        }
    }

    /// What is wrong with the identity of this version.
    fn fault(&self, pod: Seen<'h, ObjectSeen>) -> Option<Fault<'h>> {
        let field = |pointer| pod.what.text(pointer).unwrap_or_default();
        let (hostname, subdomain) = (field("/spec/hostname"), field("/spec/subdomain"));
        if hostname != pod.name {
            return Some(Fault::Certain(format!("the spec.hostname `{hostname}`")));
        }
        let owner = pod.what.controller();
        match self.service(owner) {
            None => {
                let fault = "a subdomain and an owner, and the set itself was not seen".to_owned();
                return Some(Fault::Unsure(fault, pod.event));
            }
            Some(service) if service != subdomain => {
                let fault = format!("the spec.subdomain `{subdomain}`, not the set's serviceName {service}");
                return Some(Fault::Certain(fault));
            }
            Some(_) => {}
        }
        // A pod that the driver changed, or whose set it took away, may be given up by its controller.
        let may_be_given_up =
            self.edits.set_was_removed(pod.event) || self.edits.touched(self.life, pod.event);
        (!may_be_given_up).then(|| self.owner_fault(pod, owner)).flatten()
    }

    /// The governing Service of the incarnation of the set that is the owner; the one that was applied, where that incarnation
    /// was not seen.
    fn service(&self, owner: Option<&Json>) -> Option<&str> {
        let uid = owner.and_then(|owner| owner["uid"].as_str()).unwrap_or_default();
        self.known.services.get(uid).copied().or(self.known.applied.as_deref())
    }

    fn owner_fault(&self, pod: Seen<'h, ObjectSeen>, owner: Option<&Json>) -> Option<Fault<'h>> {
        let owners = pod.what.list("/metadata/ownerReferences");
        let controllers = owners.iter().filter(|owner| owner["controller"] == true).count();
        let Some(owner) = owner.filter(|_| controllers == 1) else {
            return Some(Fault::Certain(format!("{controllers} controllers among its owners")));
        };
        let text = |key: &str| owner[key].as_str().unwrap_or_default().to_owned();
        if !text("apiVersion").starts_with("apps/")
            || text("kind") != "StatefulSet"
            || text("name") != self.set.name
        {
            let owner = format!("the controller {} {} {}", text("apiVersion"), text("kind"), text("name"));
            return Some(Fault::Certain(owner));
        }
        if !self.known.services.contains_key(text("uid").as_str()) {
            return Some(self.unknown_uid(pod.event, &text("uid")));
        }
        let blocks = owner["blockOwnerDeletion"] == true;
        let fault = "a controller reference that does not block the owner's deletion";
        (!blocks).then(|| Fault::Certain(fault.to_owned()))
    }

    fn unknown_uid(&self, seen: &'h Event, uid: &str) -> Fault<'h> {
        if self.known.services.is_empty() {
            return Fault::Unsure("an owner, and the set itself was not seen".to_owned(), seen);
        }
        let fault = format!("a controller with the uid {uid}, and the set has another");
        match absence::unsure(self.view, self.set.watch(), seen) {
            Some(unsure) => Fault::Unsure(fault, unsure.event()),
            None => Fault::Certain(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_held, assert_silent, judge},
        },
        history::{Change, Resource, Verb},
    };

    /// What is broken where web-0's second version is changed so.
    fn broken(change: impl FnOnce(&mut Value)) -> String {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        notes.modify(Resource::Pods, "web-0", change);
        let findings = judge(&CHECK, &notes.say("web-0 ready; completed").history());
        findings.of_kind(Kind::Broken).map(|finding| finding.what.clone()).collect()
    }

    fn owner(pod: &mut Value) -> &mut Value {
        &mut pod["metadata"]["ownerReferences"][0]
    }

    #[test]
    fn every_incarnation_says_who_it_is() {
        let lives = "set replicas=2; web-0 created; web-1 created; web-0 ready; web-0 deleted; web-0 created";
        assert_held(&CHECK, lives, 3);
    }

    #[test]
    fn the_host_name_or_the_subdomain_is_missing_or_anothers() {
        assert_eq!(broken(|pod| pod["spec"]["hostname"] = json!(null)), "web-0 has the spec.hostname ``");
        assert_eq!(
            broken(|pod| pod["spec"]["hostname"] = json!("web-1")),
            "web-0 has the spec.hostname `web-1`"
        );
        assert!(broken(|pod| pod["spec"]["subdomain"] = json!(null)).contains("spec.subdomain ``"));
        assert!(
            broken(|pod| pod["spec"]["subdomain"] = json!("web")).contains("not the set's serviceName nginx")
        );
    }

    #[test]
    fn the_owner_is_missing_or_not_the_set() {
        assert_eq!(
            broken(|pod| pod["metadata"]["ownerReferences"] = json!([])),
            "web-0 has 0 controllers among its owners"
        );
        assert!(broken(|pod| owner(pod)["controller"] = json!(false)).contains("0 controllers"));
        assert!(broken(|pod| owner(pod)["kind"] = json!("ReplicaSet")).contains("ReplicaSet web"));
        assert!(broken(|pod| owner(pod)["uid"] = json!("uid-old-set")).contains("uid-old-set"));
        assert!(broken(|pod| owner(pod)["blockOwnerDeletion"] = json!(null)).contains("does not block"));
    }

    #[test]
    fn two_controllers() {
        let twice = broken(|pod| {
            let again = owner(pod).clone();
            pod["metadata"]["ownerReferences"].as_array_mut().unwrap().push(again);
        });
        assert_eq!(twice, "web-0 has 2 controllers among its owners");
    }

    #[test]
    fn without_the_set_its_uid_cannot_be_compared() {
        assert_blind(&CHECK, "web-0 created", "the set itself was not seen");
        assert_silent(&CHECK, "set replicas=1");
    }

    #[test]
    fn each_version_up_to_the_removal_counts() {
        let lost = |then: &str| {
            let mut notes = Notes::new().say("set replicas=1; web-0 created; web-0 ready");
            notes.modify(Resource::Pods, "web-0", |pod| pod["metadata"]["ownerReferences"] = json!([]));
            judge(&CHECK, &notes.say(then).history()).of_kind(Kind::Broken).count()
        };
        assert_eq!(lost("web-0 deleted; completed"), 1);
    }

    #[test]
    fn a_gap_hides_versions_of_the_pods_that_live_in_it() {
        let hidden = "set replicas=2; web-0 created; web-0 deleted; web-1 created; gap pods; web-1 listed-again; opened pods";
        let findings = judge(&CHECK, &Notes::new().say(&format!("{hidden}; completed")).history());
        let blind: Vec<_> = findings.of_kind(Kind::Blind).map(|finding| finding.what.as_str()).collect();
        assert_eq!(blind, ["a gap in the watch of pods hides some of web-1"]);
        assert_eq!(findings.held, 1, "web-0 was gone before");
        assert_blind(&CHECK, "set replicas=1; gap pods; web-0 listed; completed", "hides some of web-0");
    }

    #[test]
    fn a_late_watch_of_the_set_is_waited_for() {
        assert_held(&CHECK, "web-0 created; web-0 ready; wait 4s; set replicas=1; completed", 1);
        let other = |then: &str| {
            let mut notes = Notes::new().say("set replicas=1");
            let mut pod = notes.clone().say("web-0 created").present(Resource::Pods, "web-0");
            owner(&mut pod)["uid"] = json!("uid-new-set");
            notes.object(Resource::Pods, Change::Added, pod);
            judge(&CHECK, &notes.say(then).history()).of_kind(Kind::Broken).count()
        };
        assert_eq!(
            other("wait 1s; aborted"),
            0,
            "the watch of the set may still tell of another incarnation"
        );
        assert_eq!(other("gap statefulsets; completed"), 0);
        assert_eq!(other("completed"), 1);
    }

    #[test]
    fn pods_are_given_up_when_the_driver_takes_their_set_away_or_relabels_them() {
        for (verb, resource, name) in
            [(Verb::Delete, Resource::StatefulSets, "web"), (Verb::Patch, Resource::Pods, "web-0")]
        {
            let given_up = |before: bool| {
                let mut notes = Notes::new().say("set replicas=1; web-0 created; web-0 ready");
                let orphan = |pod: &mut Value| pod["metadata"]["ownerReferences"] = json!([]);
                if before {
                    notes.request(verb, resource, Some(name), None, json!({}));
                }
                notes.modify(Resource::Pods, "web-0", orphan);
                if !before {
                    notes.request(verb, resource, Some(name), None, json!({}));
                }
                judge(&CHECK, &notes.say("completed").history()).of_kind(Kind::Broken).count()
            };
            assert_eq!((given_up(true), given_up(false)), (0, 1), "{verb:?} {name}");
        }
    }

    #[test]
    fn a_pod_that_the_driver_makes_itself_is_not_the_sets() {
        let mut notes = Notes::new().say("set replicas=1");
        notes.request(Verb::Create, Resource::Pods, Some("web-0"), None, json!({}));
        notes.object(Resource::Pods, Change::Added, json!({"metadata": {"name": "web-0", "uid": "naked"}}));
        assert!(judge(&CHECK, &notes.say("completed").history()).findings.is_empty());
    }

    #[test]
    fn a_set_that_is_made_again_may_have_another_service() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
        let mut set = notes.present(Resource::StatefulSets, "web");
        notes = notes.say("web-0 deleted");
        set["metadata"]["uid"] = json!("uid-set-2");
        set["spec"]["serviceName"] = json!("peers");
        notes.object(Resource::StatefulSets, Change::Added, set);
        let mut pod = notes.clone().say("web-0 created").present(Resource::Pods, "web-0");
        (owner(&mut pod)["uid"], pod["metadata"]["uid"]) = (json!("uid-set-2"), json!("uid-again"));
        pod["spec"]["subdomain"] = json!("peers");
        notes.object(Resource::Pods, Change::Added, pod);
        let findings = judge(&CHECK, &notes.say("completed").history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{:#?}", findings.findings);
    }

    #[test]
    fn sets_of_several_namespaces_have_pods_of_their_own() {
        let both = "set replicas=1; web-0 created; in other; set replicas=1; web-0 created; completed";
        let findings = judge(&CHECK, &Notes::new().say(both).history());
        let pods: Vec<&String> = findings.evidence.iter().flat_map(|e| e.of.values()).collect();
        assert_eq!(pods, ["web-0", "other/web-0"]);
    }

    #[test]
    fn a_pod_that_came_back_is_evidence_of_its_own() {
        let lost = "set replicas=1; web-0 created; delete web-0; web-0 deleted; web-0 created";
        let findings = judge(&CHECK, &Notes::new().say(lost).history());
        let clauses: Vec<&str> = findings.evidence.iter().map(|e| e.clause).collect();
        assert_eq!(clauses, ["fields", "fields-again"]);
    }
}
