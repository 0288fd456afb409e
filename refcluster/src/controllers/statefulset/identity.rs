//! Names, ordinals, and the pod that belongs to an ordinal.
//!
//! Follows `pkg/controller/statefulset/stateful_set_utils.go` (`newStatefulSetPod`, `initIdentity`,
//! `updateIdentity`, `updateStorage`).

use super::Sync;
use crate::controllers::adoption::controller_reference;
use crate::fault::Fault;
use crate::json::{self, items, list, map, text};
use crate::release::Gate;
use serde_json::{Value, json};

pub(super) const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
pub(super) const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

/// Splits `web-0` into `web` and 0.
pub(crate) fn parent_and_ordinal(pod_name: &str) -> Option<(&str, i64)> {
    let (parent, ordinal) = pod_name.rsplit_once('-')?;
    let digits = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    Some((parent, ordinal.parse().ok().filter(|_| digits)?))
}

/// Whether a pod has a name that a set of this name gives.
pub(super) fn is_member(set: &str, pod: &Value) -> bool {
    parent_and_ordinal(json::name(pod)).is_some_and(|(parent, _)| parent == set)
}

/// The ordinal of a pod; -1 for a name without one.
pub(super) fn ordinal(pod: &Value) -> i64 {
    parent_and_ordinal(json::name(pod)).map_or(-1, |(_, ordinal)| ordinal)
}

impl Sync<'_> {
    pub(super) fn pod_name(&self, ordinal: i64) -> String {
        format!("{}-{ordinal}", self.name())
    }

    /// The pod of an ordinal, from a template, as it is to be created.
    pub(super) fn new_pod(&mut self, ordinal: i64, template: &Value, revision: &str) -> Value {
        let name = self.pod_name(ordinal);
        let again = self.was_born(&name);
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template["spec"]});
        for field in ["labels", "annotations", "finalizers"] {
            if json::has(template, &format!("/metadata/{field}")) {
                pod["metadata"][field] = template["metadata"][field].clone();
            }
        }
        pod["metadata"]["generateName"] = format!("{}-", self.name()).into();
        pod["metadata"]["ownerReferences"] = json!([controller_reference(&self.set)]);
        self.set_identity(&mut pod, ordinal, &name);
        self.set_storage(&mut pod, ordinal, again);
        map(map(&mut pod, "metadata"), "labels")[REVISION_LABEL] = revision.into();
        self.lie_about(&mut pod, ordinal, again);
        pod
    }

    /// Name, hostname, subdomain and labels.
    pub(super) fn set_identity(&self, pod: &mut Value, ordinal: i64, name: &str) {
        let metadata = map(pod, "metadata");
        metadata["name"] = name.into();
        metadata["namespace"] = self.key.namespace.clone().into();
        self.set_labels(pod, ordinal, name);
        pod["spec"]["hostname"] = name.into();
        let service = text(&self.set, "/spec/serviceName");
        if !service.is_empty() {
            pod["spec"]["subdomain"] = service.into();
        }
    }

    pub(super) fn set_labels(&self, pod: &mut Value, ordinal: i64, name: &str) {
        let labels = map(map(pod, "metadata"), "labels");
        labels[POD_NAME_LABEL] = name.into();
        if self.world.release.has(Gate::PodIndexLabel) {
            labels[POD_INDEX_LABEL] = ordinal.to_string().into();
        }
    }

    /// One volume for each claim template; it takes the place of a volume of the same name in the template.
    fn set_storage(&mut self, pod: &mut Value, ordinal: i64, again: bool) {
        let set = self.set.clone();
        let mut volumes = Vec::new();
        for template in items(&set, "/spec/volumeClaimTemplates") {
            let claim = self.claim_name(template, ordinal);
            let name = template["metadata"]["name"].clone();
            volumes.push(json!({"name": name, "persistentVolumeClaim": {"claimName": claim}}));
        }
        if volumes.is_empty() {
            return;
        }
        if volumes.len() > 1 {
            self.lie_about_several_claims(&mut volumes, again);
        }
        let present = list(map(pod, "spec"), "volumes");
        let collides = |volume: &Value| volumes.iter().any(|claim| claim["name"] == volume["name"]);
        if present.iter().any(collides) && self.world.tells(Fault::TemplateVolumeWins) {
            volumes.retain(|claim| !present.iter().any(|volume| volume["name"] == claim["name"]));
        }
        present.retain(|volume| !volumes.iter().any(|claim| claim["name"] == volume["name"]));
        present.extend(volumes);
    }

    fn lie_about_several_claims(&mut self, volumes: &mut [Value], again: bool) {
        let names: Vec<_> = volumes.iter().map(|volume| volume["name"].clone()).collect();
        if self.world.tells(Fault::FirstClaimTemplateOnly) {
            for (volume, name) in volumes.iter_mut().zip(&names).skip(1) {
                *volume = json!({"name": name, "emptyDir": {}});
            }
        }
        if self.world.tells(Fault::ClaimTemplatesShareClaim) {
            let claim = volumes[0]["persistentVolumeClaim"].clone();
            volumes.iter_mut().skip(1).for_each(|volume| volume["persistentVolumeClaim"] = claim.clone());
        }
        if again && self.world.tells(Fault::ClaimsExchangedOnRecreate) {
            volumes.swap(0, 1);
            volumes[0]["name"] = names[0].clone();
            volumes[1]["name"] = names[1].clone();
        }
    }

    /// Where a pod's identity is told wrong.
    fn lie_about(&mut self, pod: &mut Value, ordinal: i64, again: bool) {
        if self.world.tells(Fault::SubdomainMissing) {
            json::remove(map(pod, "spec"), "subdomain");
        }
        if self.world.tells(Fault::OwnerDoesNotBlock) {
            json::remove(&mut pod["metadata"]["ownerReferences"][0], "blockOwnerDeletion");
        }
        if self.world.tells(Fault::HostnameFieldMissing) {
            json::remove(map(pod, "spec"), "hostname");
        }
        let labels = map(map(pod, "metadata"), "labels");
        if again && self.world.tells(Fault::PodNameLabelLostOnRecreate) {
            json::remove(labels, POD_NAME_LABEL);
        }
        if again && self.world.tells(Fault::LabelsLostOnRecreate) {
            let own = [POD_NAME_LABEL, POD_INDEX_LABEL];
            let keys: Vec<String> =
                labels.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
            let selected = json::texts(&self.set["spec"]["selector"], "/matchLabels");
            let kept: Vec<_> = selected.map(|(key, _)| key).chain(own).collect();
            keys.iter()
                .filter(|key| !kept.contains(&key.as_str()))
                .for_each(|key| drop(json::remove(labels, key)));
        }
        if self.world.tells(Fault::RevisionLabelUnknown) {
            labels[REVISION_LABEL] = format!("{}-none", json::name(&self.set)).into();
        }
        if self.world.tells(Fault::PodIndexOffByOne) {
            labels[POD_INDEX_LABEL] = (ordinal + 1).to_string().into();
        }
        if again && self.world.tells(Fault::HostnameChangesOnRecreate) {
            pod["spec"]["hostname"] = format!("{}-r", self.pod_name(ordinal)).into();
        }
        if ordinal > self.start_ordinal() && self.world.tells(Fault::TemplateDrifts) {
            let env = json!({"name": "DRIFT", "value": ordinal.to_string()});
            list(&mut pod["spec"]["containers"][0], "env").push(env);
        }
    }

    pub(super) fn was_born(&self, pod_name: &str) -> bool {
        let born = &self.world.set_memory.born;
        born.contains(&(json::uid(&self.set).to_owned(), pod_name.to_owned()))
    }

    /// Whether a pod still has the identity of its ordinal.
    pub(super) fn identity_matches(&self, pod: &Value) -> bool {
        json::name(pod) == self.pod_name(ordinal(pod))
            && json::label(pod, POD_NAME_LABEL) == Some(json::name(pod))
    }
}
