//! Creating, repairing and deleting the pods of a set.
//!
//! Follows `pkg/controller/statefulset/stateful_pod_control.go`.

use super::{Sync, identity};
use crate::controllers::Outcome;
use crate::fault::Fault;
use crate::json;
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::status::Status;
use crate::store::Key;
use serde_json::Value;
use std::time::Duration;

impl Sync<'_> {
    /// Creates a pod, its claims first.
    pub(super) fn create_pod(&mut self, pod: &Value) -> Outcome {
        if self.was_born(json::name(pod)) && self.renews_claims(pod) {
            self.look_again_in(Duration::from_secs(1));
            return Ok(());
        }
        if self.was_born(json::name(pod)) {
            self.rebind_claims(pod);
        }
        let late_claims = !json::items(&self.set, "/spec/volumeClaimTemplates").is_empty()
            && self.world.tells(Fault::PodBeforeClaim);
        if !late_claims {
            let claims = self.create_claims(pod);
            if claims.is_err() {
                self.tell("Create", pod, claims.as_ref().err());
                return claims;
            }
        }
        let created = self.world.create(Kind::Pod, &self.key.namespace, pod.clone(), false);
        let created = created.map_err(|error| self.generated_name_taken(error));
        match &created {
            Ok(created) => {
                self.tell("Create", pod, None);
                self.remember_birth(created);
                self.retain_claims(created, false);
            }
            Err(error) if error.reason == "AlreadyExists" => {}
            Err(error) => self.tell("Create", pod, Some(error)),
        }
        created.map(drop)
    }

    /// Pods of sets have a generateName too, and older API servers took a name that is taken for one that was generated.
    fn generated_name_taken(&self, error: Status) -> Status {
        if error.reason != "AlreadyExists" || self.world.release.since(26) {
            return error;
        }
        Status::plain("The POST operation against Pod could not be completed at this time, please try again.")
    }

    /// Records what was done to a pod, or why it was not.
    fn tell(&mut self, verb: &str, pod: &Value, error: Option<&Status>) {
        let (set, what) = (self.set.clone(), self.verb(verb));
        let done = format!("{what} Pod {} in StatefulSet {}", json::name(pod), self.name());
        let (kind, reason, message) = match error {
            None => ("Normal", format!("Successful{verb}"), format!("{done} successful")),
            Some(error) => {
                ("Warning", format!("Failed{verb}"), format!("{done} failed error: {}", error.message))
            }
        };
        self.world.event("statefulset-controller", &set, kind, &reason, &message);
    }

    /// `Create` in messages: since 1.35 with a capital.
    pub(super) fn verb(&self, verb: &str) -> String {
        if self.world.release.since(35) { verb.to_owned() } else { verb.to_lowercase() }
    }

    /// Deletes the claims of a lost pod once; true as long as they are on their way out.
    fn renews_claims(&mut self, pod: &Value) -> bool {
        let set = self.set.clone();
        if json::items(&set, "/spec/volumeClaimTemplates").is_empty()
            || !self.world.faults.has(Fault::ClaimRecreatedWithPod)
        {
            return false;
        }
        if !self.has_claims(pod) {
            let lost = (json::uid(&set).to_owned(), json::name(pod).to_owned());
            self.world.set_memory.born.remove(&lost);
            return false;
        }
        if self.world.tells(Fault::ClaimRecreatedWithPod) {
            self.delete_claims(pod);
        }
        true
    }

    /// Gives a pod back the identity and the claims of its ordinal.
    pub(super) fn repair_pod(&mut self, pod: &Value) -> Outcome {
        self.retain_claims(pod, false);
        if self.identity_matches(pod) || self.lies_about_identity() {
            return Ok(());
        }
        let (ordinal, name) = (identity::ordinal(pod), json::name(pod).to_owned());
        let mut repaired = pod.clone();
        self.set_labels(&mut repaired, ordinal, &name);
        self.world.modify(&Key::new(Kind::Pod, &self.key.namespace, &name), |stored| *stored = repaired);
        self.tell("Update", pod, None);
        Ok(())
    }

    /// A controller that gives wrong labels does not correct them.
    fn lies_about_identity(&mut self) -> bool {
        [Fault::PodNameLabelLostOnRecreate, Fault::PodIndexOffByOne]
            .into_iter()
            .any(|fault| self.world.tells(fault))
    }

    /// Lets a pod end with the grace that it asks for.
    pub(super) fn delete_pod(&mut self, pod: &Value) -> Outcome {
        let lies = self.world.tells(Fault::DeletesWithoutGrace);
        self.delete_pod_with(pod, lies.then_some(0))
    }

    /// Deletes a pod with another grace.
    pub(super) fn delete_pod_with(&mut self, pod: &Value, grace_secs: Option<i64>) -> Outcome {
        let key = Key::new(Kind::Pod, &self.key.namespace, json::name(pod));
        let options =
            DeleteOptions { uid: Some(json::uid(pod).to_owned()), grace_secs, ..DeleteOptions::default() };
        match self.world.delete(&key, &options) {
            Err(error) if error.code != 404 => return Err(error),
            _ => {}
        }
        self.tell("Delete", pod, None);
        Ok(())
    }
}
