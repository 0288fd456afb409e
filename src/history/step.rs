//! What the driver itself did: its requests, its waits and its quiet periods, recorded like everything else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::observation::Resource;

/// One step of the driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The scenario began; always the first event.
    Started(Box<Started>),
    /// A request is about to be put on the wire. Whatever it causes comes after this event.
    Requested(Box<Requested>),
    /// The answer to the request recorded as event `request`; the span is sent..answered.
    Answered {
        /// The seq of the `Requested` event.
        request: u64,
        /// The HTTP status.
        code: u16,
        /// The server's message, where it refused.
        message: Option<String>,
    },
    /// A wait ended because its condition came true.
    Waited {
        /// The condition, such as `pods-ready [0, 1]`.
        wait: String,
        /// The seq of the event that made it true; none when it was true already.
        ended_by: Option<u64>,
    },
    /// A wait was given up. The scenario goes on or is aborted; the next event says which.
    TimedOut {
        /// The condition, such as `pods-ready [0, 1]`.
        wait: String,
        /// How long it was waited for.
        bound_secs: f64,
        /// What was still missing, for a person to read.
        missing: String,
    },
    /// The first thing sent after a wait, and how long after the event that ended the wait it was on the wire.
    Reacted {
        /// The seq of the event that ended the wait.
        to: u64,
        /// Microseconds from that event's delivery to the request being handed to the transport.
        reaction_us: u64,
    },
    /// A quiet period begins: a stretch in which a promise says that nothing happens.
    QuietBegan {
        /// Its name in the scenario.
        name: String,
        /// How long it will be.
        wait_secs: f64,
    },
    /// The quiet period is over.
    QuietEnded {
        /// Its name in the scenario.
        name: String,
    },
    /// A step of the scenario was not done.
    Skipped {
        /// Which one.
        action: String,
        /// Why not.
        reason: String,
    },
    /// A documented manifest that no present cluster runs was sent as a dry run.
    DryRun {
        /// Its path under `manifests/`.
        manifest: String,
        /// The manifest that is used in its place.
        instead: String,
        /// What the server answered: an HTTP status, 0 when there was no answer.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The scenario was never begun; the only event of its history.
    NotStarted {
        /// Why not.
        reason: String,
        /// Whether that is because the run was interrupted.
        interrupted: bool,
    },
    /// The scenario could not go on; always the last event but for what the watches still deliver.
    Aborted {
        /// Why.
        reason: String,
        /// Whose doing it is.
        cause: AbortCause,
    },
    /// Every step was done.
    Completed,
}

/// Whose doing it is that a scenario could not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortCause {
    /// Something around the StatefulSet: an image that cannot be pulled, an admission plugin, a quota. What was to be
    /// judged is *not run*.
    Environment,
    /// The run was interrupted. What was to be judged is *not run*.
    Interrupted,
    /// Somebody else began to delete the namespace: nothing that the record shows is certainly the cluster's doing. What
    /// was to be judged is *inconclusive*.
    Disturbed,
    /// What the scenario waited for did not happen, or the API server stopped answering. The record is judged as it is.
    Cluster,
}

/// What the driver knew when the scenario began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The scenario's own namespace.
    pub namespace: String,
    /// The server's version, such as `v1.37.1`.
    pub server_version: String,
    /// The cluster's DNS zone with neither leading nor trailing dot, such as `cluster.local`; none before it is known.
    pub zone: Option<String>,
    /// The DNS backends, in the order of their names.
    pub backends: Vec<Endpoint>,
    /// One probe pod on each schedulable node: `name` is the node's name.
    pub probes: Vec<Endpoint>,
    /// The StorageClass that class-less claims get, or the one named by flag; none when there is none.
    pub storage_class: Option<String>,
    /// How long an old DNS answer may be served before it breaks the promise.
    pub dns_stale_secs: f64,
}

/// A named address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Whose it is.
    pub name: String,
    /// The address.
    pub address: String,
}

/// A request that changes something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// The verb.
    pub verb: Verb,
    /// The plural name of the resource.
    pub resource: String,
    /// The object's name; none for a collection.
    pub name: Option<String>,
    /// The uid that the request means; always there for a delete.
    pub uid: Option<String>,
    /// The body that was sent, or the collection's selector.
    pub body: Value,
}

impl Requested {
    /// Whether this asks for that pod to be deleted, by itself or with all pods of the set.
    pub fn deletes_pod(&self, pod: &str) -> bool {
        self.resource == Resource::Pods.plural()
            && match self.verb {
                Verb::Delete => self.name.as_deref() == Some(pod),
                Verb::DeleteCollection => true,
                _ => false,
            }
    }

    /// The number of replicas that this asks for, if it is a scaling request.
    pub fn scales_to(&self) -> Option<i64> {
        (self.verb == Verb::Scale).then(|| self.body.pointer("/spec/replicas")?.as_i64()).flatten()
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum Verb {
    Apply,
    Create,
    Patch,
    Scale,
    Delete,
    DeleteCollection,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(verb: Verb, resource: Resource, name: &str) -> Requested {
        let (resource, name) = (resource.plural().to_owned(), Some(name.to_owned()));
        Requested { verb, resource, name, uid: None, body: json!({"spec": {"replicas": 3}}) }
    }

    #[test]
    fn a_pod_is_deleted_by_its_name_or_with_all() {
        assert!(request(Verb::Delete, Resource::Pods, "web-0").deletes_pod("web-0"));
        assert!(request(Verb::DeleteCollection, Resource::Pods, "").deletes_pod("web-0"));
        assert!(!request(Verb::Delete, Resource::Pods, "web-1").deletes_pod("web-0"));
        assert!(!request(Verb::Patch, Resource::Pods, "web-0").deletes_pod("web-0"));
        assert!(!request(Verb::Delete, Resource::Services, "web-0").deletes_pod("web-0"));
    }

    #[test]
    fn only_scaling_asks_for_replicas() {
        assert_eq!(request(Verb::Scale, Resource::StatefulSets, "web").scales_to(), Some(3));
        assert_eq!(request(Verb::Apply, Resource::StatefulSets, "web").scales_to(), None);
    }
}
