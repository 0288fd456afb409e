//! Pods whose containers have ended for good, which the controller replaces.

use super::Sync;
use crate::fault::Fault;
use crate::json::{self, text};
use serde_json::Value;

impl Sync<'_> {
    /// Failed, and since 1.27 Succeeded too.
    pub(super) fn has_ended(&self, pod: &Value) -> bool {
        match text(pod, "/status/phase") {
            "Failed" => true,
            "Succeeded" => self.world.release.since(27),
            _ => false,
        }
    }

    pub(super) fn keeps_ended(&mut self, pod: &Value) -> bool {
        let succeeded = text(pod, "/status/phase") == "Succeeded";
        self.world.tells(if succeeded { Fault::SucceededPodsKept } else { Fault::FailedPodsKept })
    }

    /// Before 1.28 there was an event about it.
    pub(super) fn tell_of_end(&mut self, pod: &Value) {
        if self.world.release.since(28) {
            return;
        }
        let (set, namespace, name) = (self.set.clone(), &self.key.namespace, json::name(pod));
        let (kind, reason, what) = match text(pod, "/status/phase") {
            "Failed" => ("Warning", "RecreatingFailedPod", "failed"),
            _ => ("Normal", "RecreatingTerminatedPod", "terminated"),
        };
        let message = format!("StatefulSet {namespace}/{} is recreating {what} Pod {name}", self.name());
        self.world.event("statefulset-controller", &set, kind, reason, &message);
    }
}
