//! `pod-identity-fields`: the pod itself says who it is: host name, subdomain, and the set as its one controller.

use crate::{
    checks::{Check, Findings},
    history::{History, ObjectSeen, SERVICE, SET},
};

/// Judges `specs/network-identity/pod-identity-fields.yaml`.
pub(super) const CHECK: Check = Check { id: "pod-identity-fields", judge };

fn judge(history: &History, findings: &mut Findings) {
    let set_uid = history.set().next().map(|set| set.what.uid.as_str());
    let pods = history.pods();
    for life in &pods {
        let wrong = life.versions.iter().find_map(|version| Some((version, fault(version.what, set_uid)?)));
        match wrong {
            Some((version, fault)) => findings.broken(format!("{} has {fault}", life.name), &[version.event]),
            None if set_uid.is_none() => {
                let what = format!("{} has an owner, and the set itself was not seen", life.name);
                findings.blind(what, &[life.birth()]);
            }
            None => findings.held(format!("{} says who it is and whose", life.name), &[life.birth()]),
        }
    }
}

/// What is wrong with the identity of this version of a pod.
fn fault(pod: &ObjectSeen, set_uid: Option<&str>) -> Option<String> {
    let field = |pointer| pod.text(pointer).unwrap_or_default();
    let (hostname, subdomain) = (field("/spec/hostname"), field("/spec/subdomain"));
    if hostname != pod.name {
        return Some(format!("the spec.hostname `{hostname}`"));
    }
    if subdomain != SERVICE {
        return Some(format!("the spec.subdomain `{subdomain}`, not the set's serviceName {SERVICE}"));
    }
    owner_fault(pod, set_uid)
}

fn owner_fault(pod: &ObjectSeen, set_uid: Option<&str>) -> Option<String> {
    let owners = pod.list("/metadata/ownerReferences");
    let controllers = owners.iter().filter(|owner| owner["controller"] == true).count();
    let Some(owner) = pod.controller().filter(|_| controllers == 1) else {
        return Some(format!("{controllers} controllers among its owners"));
    };
    let text = |key: &str| owner[key].as_str().unwrap_or_default().to_owned();
    let version_is_apps = text("apiVersion").starts_with("apps/");
    if !version_is_apps || text("kind") != "StatefulSet" || text("name") != SET {
        return Some(format!("the controller {} {} {}", text("apiVersion"), text("kind"), text("name")));
    }
    if set_uid.is_some_and(|uid| text("uid") != uid) {
        return Some(format!("a controller with the uid {}, and the set has another", text("uid")));
    }
    let blocks = owner["blockOwnerDeletion"] == true;
    (!blocks).then(|| "a controller reference that does not block the owner's deletion".to_owned())
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
        history::Resource,
    };

    /// What is broken where web-0's second version is changed so.
    fn broken(change: impl FnOnce(&mut Value)) -> String {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        notes.modify(Resource::Pods, "web-0", change);
        let findings = judge(&CHECK, &notes.say("web-0 ready").history());
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
}
