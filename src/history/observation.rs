//! What can be seen: the closed list of things that a history holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{event::Watch, json::Json, memo::Memo, pod::Phase, step::Step};

/// One observation. Failures of the harness's own senses (a gap, an error, no answer) are observations too: nothing is
/// passed over in silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Observation {
    /// A version of an object, as a watch delivered it.
    Object(ObjectSeen),
    /// A watch began, or went on without loss, after this resource version.
    WatchOpened {
        /// What is watched.
        resource: Resource,
        /// The resource version that the watch starts after.
        revision: String,
    },
    /// A watch lost events: what happened between its last delivery and the end of the list that follows is unknown.
    WatchGap {
        /// What was watched.
        resource: Resource,
        /// Why events were lost.
        reason: String,
    },
    /// A watch said how far it is: nothing has happened up to this resource version that it has not delivered.
    Bookmark {
        /// What is watched.
        resource: Resource,
        /// The resource version.
        revision: String,
    },
    /// What existed, by a list outside of the watch: what the watch had to deliver.
    List(Box<ListSeen>),
    /// The API server's answer to a read.
    Read(ReadSeen),
    /// A DNS question and what came back.
    Dns(Arc<DnsSeen>),
    /// A command in a container and what it printed.
    Exec(Box<ExecSeen>),
    /// A request that failed, whether or not it was tried again.
    ApiError(ApiErrorSeen),
    /// What the driver itself did.
    Step(Step),
}

/// The resources that the harness watches, by their plural names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Resource {
    Pods,
    StatefulSets,
    PersistentVolumeClaims,
    Services,
    EndpointSlices,
    Endpoints,
    ControllerRevisions,
    ServiceAccounts,
    Events,
}

impl Resource {
    /// Every resource, in the order in which the watches are opened.
    pub const ALL: &[Resource] = &[
        Resource::Pods,
        Resource::StatefulSets,
        Resource::PersistentVolumeClaims,
        Resource::Services,
        Resource::EndpointSlices,
        Resource::Endpoints,
        Resource::ControllerRevisions,
        Resource::ServiceAccounts,
        Resource::Events,
    ];

    /// The plural name, as the API has it.
    pub const fn plural(self) -> &'static str {
        match self {
            Resource::Pods => "pods",
            Resource::StatefulSets => "statefulsets",
            Resource::PersistentVolumeClaims => "persistentvolumeclaims",
            Resource::Services => "services",
            Resource::EndpointSlices => "endpointslices",
            Resource::Endpoints => "endpoints",
            Resource::ControllerRevisions => "controllerrevisions",
            Resource::ServiceAccounts => "serviceaccounts",
            Resource::Events => "events",
        }
    }
}

/// What a watch said had happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// ADDED.
    Added,
    /// MODIFIED.
    Modified,
    /// DELETED.
    Deleted,
    /// Found by the list after a gap: it exists, and when it came to be is unknown.
    Listed,
    /// Not found by the list after a gap: it is gone, and when it went is unknown.
    Unlisted,
}

impl Change {
    /// Whether the object does not exist any more.
    pub const fn is_removal(self) -> bool {
        matches!(self, Change::Deleted | Change::Unlisted)
    }

    /// Whether it was found out by the list after a gap, and so may have happened at any time in it.
    pub const fn is_listed(self) -> bool {
        matches!(self, Change::Listed | Change::Unlisted)
    }
}

/// One version of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectSeen {
    /// What happened.
    pub change: Change,
    /// Which kind of object.
    pub resource: Resource,
    /// metadata.name.
    pub name: String,
    /// metadata.uid.
    pub uid: String,
    /// metadata.resourceVersion.
    pub revision: String,
    /// The object as the server sent it, without managedFields. Raw, because typed structs drop what other versions have.
    pub(super) raw: Json,
    /// Of a pod: asked for so often that it is worth remembering.
    #[serde(skip)]
    pub(super) phase: Memo<Phase>,
}

impl ObjectSeen {
    /// Takes an object off the wire: its key is read from its metadata; its managedFields are dropped, and so is an
    /// Event's reportingInstance, in which a scheduler tells the name of the machine that it runs on.
    pub fn new(change: Change, resource: Resource, mut raw: Value) -> Self {
        if let (Resource::Events, Some(event)) = (resource, raw.as_object_mut()) {
            event.remove("reportingInstance");
        }
        if let Some(metadata) = raw.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let of = |key: &str| raw["metadata"][key].as_str().unwrap_or_default().to_owned();
        let (name, uid, revision) = (of("name"), of("uid"), of("resourceVersion"));
        Self { change, resource, name, uid, revision, raw: raw.into(), phase: Memo::default() }
    }

    /// The value at a JSON pointer such as `/status/phase`.
    pub fn at(&self, pointer: &str) -> Option<&Json> {
        self.raw.pointer(pointer)
    }

    /// The text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    /// The whole number at a JSON pointer.
    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer)?.as_i64()
    }

    /// The elements of the array at a JSON pointer; none where there is no array.
    pub fn list(&self, pointer: &str) -> &[Json] {
        self.at(pointer).and_then(Json::as_array).unwrap_or_default()
    }

    /// metadata.namespace; empty where there is none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace").unwrap_or_default()
    }

    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.raw.get("metadata")?.get("labels")?.get(key)?.as_str()
    }

    /// Whether the object is on its way out (metadata.deletionTimestamp is set).
    pub fn is_terminating(&self) -> bool {
        self.at("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
    }

    /// The owner reference that is the controller, if there is one.
    pub fn controller(&self) -> Option<&Json> {
        self.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true)
    }
}

/// What existed, by a list outside of the watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSeen {
    /// The watch that had to deliver it.
    pub of: Watch,
    /// The list's own resource version.
    pub revision: String,
    /// What existed.
    pub objects: Vec<Version>,
}

/// One version of an object, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// metadata.name.
    pub name: String,
    /// metadata.uid.
    pub uid: String,
    /// metadata.resourceVersion.
    pub revision: String,
}

/// The API server's answer to a read outside of a watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadSeen {
    /// The path that was read, such as `/apis/apps/v1`.
    pub path: String,
    /// The HTTP status.
    pub code: u16,
    /// The body; for an error, the server's Status object.
    pub body: Value,
}

/// A DNS question and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DnsSeen {
    /// Whom, and from where.
    pub vantage: Vantage,
    /// How.
    pub transport: Transport,
    /// The absolute name that was asked, with its trailing dot.
    pub name: String,
    /// The record type that was asked: `A`, `AAAA`, `SRV`, `PTR`.
    pub record_type: String,
    /// What came back.
    pub outcome: DnsOutcome,
}

/// Whom a DNS question went to, and from where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// One DNS backend pod by itself, over a port-forward.
    Backend {
        /// The backend pod's name.
        pod: String,
    },
    /// The pod's own nameserver, as a pod on that node sees it.
    Node {
        /// The node's name.
        node: String,
        /// The nameserver's address, from the probe pod's resolv.conf.
        nameserver: String,
    },
}

impl std::fmt::Display for Vantage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Vantage::Backend { pod } => write!(f, "{pod}"),
            Vantage::Node { node, nameserver } => write!(f, "{nameserver} from {node}"),
        }
    }
}

/// The transport of a DNS exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Udp,
    Tcp,
}

/// What came back to a DNS question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsOutcome {
    /// A response, whatever it said.
    Answer {
        /// The response code as the standards spell it: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, …
        code: String,
        /// Whether the answer was marked authoritative, where the response shows it.
        authoritative: Option<bool>,
        /// The answer section, in the order received.
        records: Vec<DnsRecord>,
    },
    /// No response: the transport failed or the time was over.
    NoAnswer {
        /// What went wrong.
        reason: String,
    },
    /// The way to whoever was to ask could not be opened, or broke: it says nothing of the DNS.
    NotAsked {
        /// What went wrong.
        reason: String,
    },
}

/// One resource record of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsRecord {
    /// The owner name, with its trailing dot.
    pub name: String,
    /// The record type.
    pub record_type: String,
    /// Remaining time to live.
    pub ttl_secs: u32,
    /// The data as text: an address; for SRV `priority weight port target.`; for PTR a name.
    pub data: String,
}

impl DnsSeen {
    /// The data of the answer's records of the type asked, sorted and distinct; none when nothing came back.
    pub fn data(&self) -> Option<std::collections::BTreeSet<&str>> {
        let DnsOutcome::Answer { records, .. } = &self.outcome else { return None };
        Some(records.iter().filter(|r| r.record_type == self.record_type).map(|r| r.data.as_str()).collect())
    }

    /// The response code, if there was a response.
    pub fn code(&self) -> Option<&str> {
        match &self.outcome {
            DnsOutcome::Answer { code, .. } => Some(code),
            DnsOutcome::NoAnswer { .. } | DnsOutcome::NotAsked { .. } => None,
        }
    }
}

/// A command in a container and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecSeen {
    /// The pod's name.
    pub pod: String,
    /// The uid of the pod as the record had it when the command was sent.
    pub pod_uid: String,
    /// What the command is for; checks match on this, never on the command's text.
    pub purpose: Purpose,
    /// The command as it was sent.
    pub command: Vec<String>,
    /// What became of it.
    pub outcome: ExecOutcome,
}

impl ExecSeen {
    /// What the command printed, trimmed, if it ended with exit code 0.
    pub fn printed(&self) -> Option<&str> {
        match &self.outcome {
            ExecOutcome::Ended { exit_code: 0, stdout, .. } => Some(stdout.trim()),
            _ => None,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecOutcome {
    /// It ran to its end.
    Ended {
        /// Its exit code.
        exit_code: i32,
        /// What it printed.
        stdout: String,
        /// What it complained of.
        stderr: String,
    },
    /// It could not be run, or its stream broke.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// What a command in a container is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Purpose {
    /// `hostname`, in the container.
    Hostname,
    /// What `hostname` printed in the init container, where the manifest has one.
    InitHostname,
    /// `hostname -f`, in the container.
    Fqdn,
    /// `hostname -i`, in the container.
    OwnAddresses,
    /// `/etc/hosts`.
    HostsFile,
    /// `/etc/resolv.conf`.
    ResolverConfig,
    /// Makes the gate probe succeed.
    OpenGate,
    /// Makes the gate probe fail.
    CloseGate,
    /// Ends the container's first process.
    Crash,
    /// Writes this ordinal's token and flushes it to disk.
    WriteToken {
        /// Where to.
        place: Place,
        /// The random token. The command prints the checksum of the random file of 1 MiB that it writes beside it.
        token: String,
    },
    /// Prints every token found there, one line each: `<pod that wrote it> <token> <checksum of the file beside it>`.
    ReadTokens {
        /// Where from.
        place: Place,
    },
    /// Fetches `http://<host>/identity` from a probe pod; the answer is `<hostname> <pod uid>`.
    Connect {
        /// The host part of the URL: a pod's DNS name.
        host: String,
    },
    /// `nslookup`, as readers of the documents do. Recorded beside our own answers; it never decides.
    Nslookup {
        /// The name as typed.
        name: String,
    },
    /// `getent hosts`, likewise.
    Getent {
        /// The name as typed.
        name: String,
    },
}

/// Where a token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On the volume of the claim `www`.
    Volume,
    /// In the container's own file system.
    Container,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiErrorSeen {
    /// What was asked: verb and path.
    pub request: String,
    /// The HTTP status, or 0 when there was no answer.
    pub code: u16,
    /// The server's reason, or the transport's.
    pub reason: String,
    /// Which attempt this was, from 1.
    pub attempt: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_of_a_schedulers_machine_is_not_kept() {
        let event = json!({"metadata": {"name": "web-0.1"}, "reportingInstance": "default-scheduler-host-7"});
        let seen = ObjectSeen::new(Change::Added, Resource::Events, event);
        assert_eq!((seen.name.as_str(), seen.at("/reportingInstance")), ("web-0.1", None));
    }
}
