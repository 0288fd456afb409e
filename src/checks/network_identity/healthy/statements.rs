//! The statements that these scenarios have beside those of the notation.

use serde_json::{Value, json};

use super::Healthy;
use crate::{
    checks::notation::Notes,
    history::{Change, History, Requested, Resource, Verb},
};

impl Healthy {
    pub(super) fn history(&self) -> History {
        let mut notes = Notes::new();
        if !self.told.starts_with("in other") {
            notes = self.made(notes);
        }
        for statement in self.told.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            notes = self.statement(notes, &words, statement);
        }
        History { scenario: self.name.to_owned(), ..notes.history() }
    }

    /// The statements that these scenarios have beside those of the notation.
    fn statement(&self, mut notes: Notes, words: &[&str], statement: &str) -> Notes {
        match words {
            ["in", "other"] => {
                notes = self.made(notes.say(statement));
            }
            ["service", pod] => {
                let selector = json!({"statefulset.kubernetes.io/pod-name": pod});
                let raw =
                    json!({"metadata": {"name": "one", "uid": "uid-one"}, "spec": {"selector": selector}});
                notes.object(Resource::Services, Change::Added, raw);
            }
            ["lists", pods @ ..] => lists(&mut notes, pods),
            ["revision", name] => revision(&mut notes, name),
            ["revision-gone", name] => {
                let raw = notes.present(Resource::ControllerRevisions, name);
                notes.object(Resource::ControllerRevisions, Change::Deleted, raw);
            }
            ["update", name] => {
                notes.modify(Resource::StatefulSets, "web", |set| {
                    set["status"]["updateRevision"] = json!(name)
                });
            }
            ["roll"] => {
                let labels = json!({"app": "nginx", "tier": "b"});
                let body = json!({"spec": {"template": {"metadata": {"labels": labels}}}});
                notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, body);
            }
            ["move", ordinal] => {
                let start: i64 = ordinal.parse().expect("an ordinal");
                let body = json!({"spec": {"ordinals": {"start": start}}});
                notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, body);
            }
            [pod, "created-rolled"] => {
                let mut raw = notes.clone().say(&format!("{pod} created")).present(Resource::Pods, pod);
                let number = notes.clone().history().events.len();
                raw["metadata"]["uid"] = json!(format!("uid-{pod}-{number}"));
                raw["metadata"]["labels"]["controller-revision-hash"] = json!("web-2");
                raw["metadata"]["labels"]["tier"] = json!("b");
                notes.object(Resource::Pods, Change::Added, raw);
            }
            ["squatter-1", "running"] => {
                let raw = json!({"metadata": {"name": "squatter-1", "uid": "uid-squatter"}, "status": {"phase": "Running"}});
                notes.object(Resource::Pods, Change::Added, raw);
            }
            ["trouble", pod] => {
                notes.modify(Resource::Pods, pod, |pod| {
                    pod["status"]["containerStatuses"] =
                        json!([{"name": "nginx", "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}}}]);
                });
            }
            ["evict", pod] => {
                notes.modify(Resource::Pods, pod, |pod| {
                    pod["status"]["conditions"] = json!([
                        {"type": "Ready", "status": "True"}, {"type": "DisruptionTarget", "status": "True"},
                    ]);
                });
            }
            ["remove-set"] => {
                let body = json!({"propagationPolicy": "Orphan"});
                notes.request(
                    Verb::Delete,
                    Resource::StatefulSets,
                    Some("web"),
                    Some("uid-set".to_owned()),
                    body,
                );
            }
            ["gone-set"] => {
                let raw = notes.present(Resource::StatefulSets, "web");
                notes.object(Resource::StatefulSets, Change::Deleted, raw);
            }
            ["apply-again"] => self.apply(&mut notes),
            ["set-again"] => self.store(&mut notes, "uid-set-again"),
            ["orphan", pod] => {
                notes.modify(Resource::Pods, pod, |pod| pod["metadata"]["ownerReferences"] = json!([]));
            }
            ["adopt", pod] => {
                let owner = json!([{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "uid-set-again",
                    "controller": true, "blockOwnerDeletion": true,
                }]);
                notes.modify(Resource::Pods, pod, |pod| pod["metadata"]["ownerReferences"] = owner);
            }
            _ => notes = notes.say(statement),
        }
        notes
    }

    /// The set is applied and stored, and its first revision made.
    fn made(&self, mut notes: Notes) -> Notes {
        self.apply(&mut notes);
        notes = notes.say("answered 201");
        revision(&mut notes, "web-1");
        self.store(&mut notes, "uid-set");
        notes
    }

    /// What is sent: the documented set with the spec of this scenario.
    fn spec(&self) -> Value {
        let mut spec = json!({
            "serviceName": "nginx", "selector": {"matchLabels": {"app": "nginx"}},
            "template": {"metadata": {"labels": {"app": "nginx"}}},
        });
        let own = self.set.as_object().expect("a spec").iter();
        own.for_each(|(key, value)| spec[key] = value.clone());
        spec
    }

    fn apply(&self, notes: &mut Notes) {
        let request =
            Requested::new(Verb::Apply, "statefulsets", Some("web".to_owned()), json!({"spec": self.spec()}));
        notes.requested(request);
    }

    /// What the server makes of it.
    fn store(&self, notes: &mut Notes, uid: &str) {
        let mut spec = self.spec();
        let defaults = [
            ("podManagementPolicy", json!("OrderedReady")),
            ("updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
            ("revisionHistoryLimit", json!(10)),
        ];
        for (key, value) in defaults {
            if spec[key].is_null() {
                spec[key] = value;
            }
        }
        let metadata = json!({"name": "web", "namespace": "ns", "uid": uid, "generation": 1});
        let raw = json!({"metadata": metadata, "spec": spec, "status": {}});
        notes.object(Resource::StatefulSets, Change::Added, raw);
    }
}

fn revision(notes: &mut Notes, name: &str) {
    let owner = json!([{"kind": "StatefulSet", "name": "web", "controller": true}]);
    let uid = format!("uid-{name}");
    let raw = json!({"metadata": {"name": name, "uid": uid, "ownerReferences": owner}});
    notes.object(Resource::ControllerRevisions, Change::Added, raw);
}

/// What the Service `one` lists.
fn lists(notes: &mut Notes, pods: &[&str]) {
    let endpoint = |pod: &&str| {
        let raw = notes.present(Resource::Pods, pod);
        let addresses: Vec<&Value> =
            raw["status"]["podIPs"].as_array().into_iter().flatten().map(|ip| &ip["ip"]).collect();
        let target = json!({"name": pod, "uid": raw["metadata"]["uid"]});
        json!({"addresses": addresses, "conditions": {"ready": true}, "targetRef": target})
    };
    let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
    let labels = json!({"kubernetes.io/service-name": "one"});
    let raw =
        json!({"metadata": {"name": "one-x", "uid": "uid-slice", "labels": labels}, "endpoints": endpoints});
    notes.object(Resource::EndpointSlices, Change::Modified, raw);
}
