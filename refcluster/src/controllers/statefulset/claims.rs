//! The claims of pods: their names, their creation, and whom they belong to.
//!
//! Follows `pkg/controller/statefulset/stateful_pod_control.go` and `getPersistentVolumeClaims`,
//! `updateClaimOwnerRefForSetAndPod` in `stateful_set_utils.go`.

use super::{Sync, identity};
use crate::controllers::Outcome;
use crate::controllers::adoption::controller_reference;
use crate::fault::Fault;
use crate::json::{self, items, list, map, text, texts};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::release::Gate;
use crate::status::Status;
use crate::store::Key;
use serde_json::{Value, json};

impl Sync<'_> {
    /// `<template>-<set>-<ordinal>`.
    pub(super) fn claim_name(&mut self, template: &Value, ordinal: i64) -> String {
        let (template, set) = (json::name(template), self.name().to_owned());
        if self.world.tells(Fault::ClaimNameSwapped) {
            return format!("{set}-{template}-{ordinal}");
        }
        format!("{template}-{set}-{ordinal}")
    }

    fn claim_key(&mut self, template: &Value, ordinal: i64) -> Key {
        let name = self.claim_name(template, ordinal);
        Key::new(Kind::PersistentVolumeClaim, &self.key.namespace, &name)
    }

    /// Creates the claims that a pod lacks. A claim that is going away is an error, which stops the pod.
    pub(super) fn create_claims(&mut self, pod: &Value) -> Outcome {
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        let mut errors = Vec::new();
        for (index, template) in items(&set, "/spec/volumeClaimTemplates").iter().enumerate() {
            if index > 0 && self.world.tells(Fault::FirstClaimTemplateOnly) {
                continue;
            }
            let key = self.claim_key(template, ordinal);
            match self.world.get(&key) {
                None => {
                    let created = self.create_claim(&key, template, pod);
                    errors.extend(
                        created
                            .err()
                            .map(|error| format!("failed to create PVC {}: {}", key.name, error.message)),
                    );
                }
                Some(claim) if json::terminating(&claim) => {
                    if !self.world.tells(Fault::PodAgainstDyingClaim) {
                        errors.push(format!("pvc {} is being deleted", key.name));
                    }
                }
                Some(claim) if is_foreign(&claim) && self.world.tells(Fault::PresentClaimRefused) => {
                    errors.push(Status::already_exists(key.kind, &key.name).message);
                }
                Some(claim) => self.lie_about_present_claim(&key, &claim),
            }
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(Status::plain(errors.concat())),
            _ => Err(Status::plain(format!("[{}]", errors.join(", ")))),
        }
    }

    fn lie_about_present_claim(&mut self, key: &Key, claim: &Value) {
        if is_foreign(claim) && self.world.tells(Fault::PresentClaimOverwritten) {
            self.world.modify(key, |claim| drop(json::remove(map(claim, "metadata"), "labels")));
        }
    }

    fn create_claim(&mut self, key: &Key, template: &Value, pod: &Value) -> Outcome {
        let mut claim = template.clone();
        json::remove(&mut claim, "status");
        claim["metadata"]["name"] = key.name.clone().into();
        claim["metadata"]["namespace"] = key.namespace.clone().into();
        let selector: Vec<_> = texts(&self.set["spec"]["selector"], "/matchLabels").collect();
        for (label, value) in selector {
            map(map(&mut claim, "metadata"), "labels")[label] = value.into();
        }
        if self.world.tells(Fault::ClaimLabelsMissing) {
            json::remove(map(&mut claim, "metadata"), "labels");
        }
        if self.world.tells(Fault::ClaimSizeChanged) {
            claim["spec"]["resources"]["requests"]["storage"] = "1Mi".into();
        }
        let created = self.world.create(key.kind, &key.namespace, claim, false);
        let (set, pod, create) = (self.set.clone(), json::name(pod), self.verb("Create"));
        let (claim, name) = (&key.name, self.name());
        let (kind, reason, message) = match &created {
            Ok(_) => (
                "Normal",
                "SuccessfulCreate",
                format!("{create} Claim {claim} Pod {pod} in StatefulSet {name} success"),
            ),
            Err(error) => (
                "Warning",
                "FailedCreate",
                format!(
                    "{create} Claim {claim} for Pod {pod} in StatefulSet {name} failed error: {}",
                    error.message
                ),
            ),
        };
        self.world.event("statefulset-controller", &set, kind, reason, &message);
        created.map(drop)
    }

    /// Whether a claim of a pod that is to be created still belongs to a pod of that name that is gone.
    pub(super) fn has_stale_claim(&mut self, pod: &Value) -> bool {
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        if text(&set, "/spec/persistentVolumeClaimRetentionPolicy/whenScaled") != "Delete" {
            return false;
        }
        items(&set, "/spec/volumeClaimTemplates").iter().any(|template| {
            let key = self.claim_key(template, ordinal);
            let owned_by_pod = |claim: &Value| {
                let owners = items(claim, "/metadata/ownerReferences");
                owners.iter().any(|owner| owner["kind"] == "Pod" && text(owner, "/name") == json::name(pod))
            };
            self.world.get(&key).is_some_and(|claim| owned_by_pod(&claim))
        })
    }

    /// Makes the owners of a pod's claims what the retention policy asks for.
    pub(super) fn retain_claims(&mut self, pod: &Value, condemned: bool) {
        if !self.world.release.has(Gate::RetentionPolicy) {
            return;
        }
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        for template in items(&set, "/spec/volumeClaimTemplates") {
            let key = self.claim_key(template, ordinal);
            let Some(claim) = self.world.get(&key) else { continue };
            let owners = self.claim_owners(&claim, pod, condemned);
            if owners != items(&claim, "/metadata/ownerReferences") {
                self.world.modify(&key, |claim| *list(map(claim, "metadata"), "ownerReferences") = owners);
            }
        }
    }

    /// The set controls its claims if they go with it, and a condemned pod those that go with it. What something
    /// else controls is left to it.
    fn claim_owners(&mut self, claim: &Value, pod: &Value, condemned: bool) -> Vec<Value> {
        let set = self.set.clone();
        let mut owners = items(claim, "/metadata/ownerReferences").to_vec();
        owners.retain(|owner| owner["uid"] != *json::uid(&set) && owner["uid"] != *json::uid(pod));
        if owners.iter().any(|owner| owner["controller"] == true) {
            if !self.world.tells(Fault::ForeignOwnedClaimsTaken) {
                return owners;
            }
            owners.clear();
        }
        let policy = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
        let (deleted, scaled) = (policy["whenDeleted"] == "Delete", policy["whenScaled"] == "Delete");
        let ignored = (deleted || scaled) && self.world.tells(Fault::RetentionIgnored);
        let kept = scaled && condemned && self.world.tells(Fault::ScaledClaimsKept);
        if scaled && !ignored && !kept && (condemned || self.world.tells(Fault::PodLossTakesClaim)) {
            owners.push(controller_reference(pod));
        } else if (deleted && !ignored) || (!deleted && self.world.tells(Fault::SetDeletionTakesClaims)) {
            owners.push(controller_reference(&set));
        }
        owners
    }

    /// Gives the claims of a pod other volumes: no honest controller does.
    pub(super) fn rebind_claims(&mut self, pod: &Value) {
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        for template in items(&set, "/spec/volumeClaimTemplates") {
            let key = self.claim_key(template, ordinal);
            let claim = self.world.get(&key).filter(|claim| text(claim, "/status/phase") == "Bound");
            let volume = claim.and_then(|claim| {
                self.world.get(&Key::new(Kind::PersistentVolume, "", text(&claim, "/spec/volumeName")))
            });
            if let Some(volume) = volume
                && self.world.tells(Fault::ClaimReboundOnRecreate)
            {
                self.rebind(&key, &volume);
            }
        }
    }

    fn rebind(&mut self, claim: &Key, volume: &Value) {
        let name = format!("pvc-{}", self.world.names.uuid());
        let mut spec = volume["spec"].clone();
        for source in ["local", "nfs"] {
            if spec[source].is_object() {
                spec[source]["path"] = format!("/opt/volumes/{name}").into();
            }
        }
        let metadata = json!({"name": name, "annotations": volume["metadata"]["annotations"]});
        let other = json!({"metadata": metadata, "spec": spec});
        if self.world.create(Kind::PersistentVolume, "", other, false).is_ok() {
            let key = Key::new(Kind::PersistentVolume, "", &name);
            self.world.modify(&key, |volume| map(volume, "status")["phase"] = "Bound".into());
            self.world.modify(claim, |claim| claim["spec"]["volumeName"] = name.into());
        }
    }

    /// Whether one of a pod's claims is still there.
    pub(super) fn has_claims(&mut self, pod: &Value) -> bool {
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        let mut templates = items(&set, "/spec/volumeClaimTemplates").iter();
        templates.any(|template| {
            let key = self.claim_key(template, ordinal);
            self.world.get(&key).is_some()
        })
    }

    /// Deletes the claims of a pod: no honest controller does.
    pub(super) fn delete_claims(&mut self, pod: &Value) {
        let (set, ordinal) = (self.set.clone(), identity::ordinal(pod));
        for template in items(&set, "/spec/volumeClaimTemplates") {
            let key = self.claim_key(template, ordinal);
            // A claim that is gone already is as wanted.
            let _ = self.world.delete(&key, &DeleteOptions::default());
        }
    }
}

/// Whether somebody else made a claim: only writes that come through the API leave their mark in the managed fields.
fn is_foreign(claim: &Value) -> bool {
    !items(claim, "/metadata/managedFields").is_empty()
}
