//! What the driver itself did: its requests, its waits and its quiet periods, recorded like everything else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    observation::{Resource, Version},
    wait::Wait,
};

/// One step of the driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The scenario began; always the first event.
    Started(Box<Started>),
    /// What this scenario found out about the cluster's DNS itself; later ones know it when they start.
    Discovered(Box<Discovered>),
    /// A request is about to be put on the wire. Whatever it causes comes after this event.
    Requested(Box<Requested>),
    /// The answer to the request recorded as event `request`; the span is sent..answered.
    Answered(Box<Answered>),
    /// A wait ended because its condition came true.
    Waited {
        /// The condition.
        wait: Wait,
        /// The seq of the event that made it true; none when it was true already.
        ended_by: Option<u64>,
    },
    /// A wait was given up. The scenario goes on or is aborted; the next event says which.
    TimedOut {
        /// The condition.
        wait: Wait,
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
    /// Its other namespaces, in the order in which watches count them, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_namespaces: Vec<String>,
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

/// What was found out about the cluster's DNS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Discovered {
    /// The cluster's DNS zone with neither leading nor trailing dot; none where there is none.
    pub zone: Option<String>,
    /// The DNS backends that can be asked by themselves, in the order of their names.
    pub backends: Vec<Endpoint>,
    /// The probe pods that run: `name` is the node's name.
    pub probes: Vec<Endpoint>,
}

/// A named address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Whose it is.
    pub name: String,
    /// The address.
    pub address: String,
}

/// A request that changes something, or that would if it were no dry run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// The verb.
    pub verb: Verb,
    /// The plural name of the resource.
    pub resource: String,
    /// The subresource, such as `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The namespace; none for what has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The object's name; none for a collection.
    pub name: Option<String>,
    /// The uid that the request means; always there for a delete.
    pub uid: Option<String>,
    /// Whether the server was asked only what it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Which attempt this is, from 1. A later attempt is the same request, sent again because the server was too busy or
    /// did not answer.
    #[serde(default = "first")]
    pub attempt: u32,
    /// What the scenario calls this request, where it asks several of one kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The body that was sent, or the collection's selector.
    pub body: Value,
}

fn first() -> u32 {
    1
}

impl Requested {
    /// A first attempt at something in no namespace, with nothing else said.
    pub fn new(verb: Verb, resource: impl Into<String>, name: Option<String>, body: Value) -> Self {
        Self {
            verb,
            resource: resource.into(),
            subresource: None,
            namespace: None,
            name,
            uid: None,
            dry_run: false,
            attempt: 1,
            case: None,
            body,
        }
    }

    /// Whether it is of that resource itself, and not of a subresource of it.
    pub fn is_of(&self, resource: Resource) -> bool {
        self.resource == resource.plural() && self.subresource.is_none()
    }

    /// The number of replicas that it asks a StatefulSet to have, if it says one.
    pub fn replicas(&self) -> Option<i64> {
        let of_set = self.resource == Resource::StatefulSets.plural();
        let changes = matches!(self.verb, Verb::Apply | Verb::Create | Verb::Patch | Verb::Update);
        let said = || self.body.pointer("/spec/replicas")?.as_i64();
        (of_set && changes && !self.dry_run).then(said).flatten()
    }

    /// The number of replicas that it asks for by the scale subresource.
    pub fn scales_to(&self) -> Option<i64> {
        self.replicas().filter(|_| self.subresource.as_deref() == Some("scale"))
    }
}

/// The server's answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The seq of the `Requested` event.
    pub request: u64,
    /// The HTTP status.
    pub code: u16,
    /// The server's message, where it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The version of the object in the answer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The whole answer, of a dry run and of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum Verb {
    Apply,
    Create,
    Patch,
    Update,
    Delete,
    DeleteCollection,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(verb: Verb, resource: Resource) -> Requested {
        Requested::new(verb, resource.plural(), Some("web".to_owned()), json!({"spec": {"replicas": 3}}))
    }

    #[test]
    fn replicas_are_asked_for_by_scaling_and_by_what_is_applied() {
        let apply = request(Verb::Apply, Resource::StatefulSets);
        assert_eq!((apply.replicas(), apply.scales_to()), (Some(3), None));
        let scale = Requested {
            subresource: Some("scale".to_owned()),
            ..request(Verb::Patch, Resource::StatefulSets)
        };
        assert_eq!((scale.replicas(), scale.scales_to()), (Some(3), Some(3)));
        assert_eq!(Requested { dry_run: true, ..scale }.replicas(), None);
        assert_eq!(request(Verb::Delete, Resource::StatefulSets).replicas(), None);
        assert_eq!(request(Verb::Apply, Resource::Services).replicas(), None);
    }

    #[test]
    fn what_is_not_said_of_a_request_is_not_written() {
        let plain = request(Verb::Delete, Resource::Pods);
        let text = serde_json::to_string(&plain).unwrap();
        for left_out in ["subresource", "namespace", "dry_run", "case"] {
            assert!(!text.contains(left_out), "{text}");
        }
        assert_eq!(serde_json::from_str::<Requested>(&text).unwrap(), plain);
    }
}
