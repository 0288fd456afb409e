//! A scenario: what is done to a cluster, as a list of steps from a closed set.
//!
//! A scenario knows nothing of requirements. It runs in a namespace of its own, or in a few, and leaves one history.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::history::{Place, Verb};

/// The StatefulSet that steps mean by ordinals, unless a scenario says otherwise.
pub const DEFAULT_SET: &str = "web";

/// The headless Service that steps mean, unless a scenario says otherwise.
pub const DEFAULT_SERVICE: &str = "nginx";

/// One file `specs/scenarios/<id>.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The stem of the file. Filled in from the file's name, never written in it.
    #[serde(skip)]
    pub id: String,
    /// One line: what is done.
    pub title: String,
    /// Why it is done this way.
    pub why: String,
    /// How many pods it creates in all, for the plan; the report prints what it really was.
    pub pods: u32,
    /// What it cannot do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The namespaces that it has beside its own, by the names that steps use for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// What is done, in order.
    pub steps: Vec<Action>,
}

impl Scenario {
    /// As a file of its own has it.
    pub fn to_yaml(&self) -> String {
        super::yaml::to_text(self)
    }
}

/// A pod that a step means: by its ordinal in the scenario's set, or by its name, which in another namespace is
/// `<namespace>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodRef {
    /// The pod of `web` with that ordinal.
    Ordinal(u32),
    /// The pod of that name.
    Named(String),
}

impl PodRef {
    /// The pod's name.
    pub fn name(&self) -> String {
        match self {
            PodRef::Ordinal(ordinal) => format!("{DEFAULT_SET}-{ordinal}"),
            PodRef::Named(name) => name.clone(),
        }
    }
}

impl Serialize for PodRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PodRef::Ordinal(ordinal) => serializer.serialize_u32(*ordinal),
            PodRef::Named(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for PodRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = PodRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ordinal of the scenario's set, or a pod's name")
            }

            fn visit_u64<E: de::Error>(self, ordinal: u64) -> Result<PodRef, E> {
                let ordinal = u32::try_from(ordinal).map_err(|_| E::custom("no such ordinal"))?;
                Ok(PodRef::Ordinal(ordinal))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<PodRef, E> {
                Ok(PodRef::Named(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What a scenario, or a step of one, cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A StorageClass that binds.
    Storage,
    /// A cluster DNS that answers.
    Dns,
}

/// One step. A step that needs DNS or storage is skipped, and the record says so, where the cluster has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Action {
    /// Starts one probe pod on each schedulable node and learns the zone, the nameservers and the DNS backends from
    /// them. Only the preflight does this; the other scenarios ask through its probes.
    StartProbes,
    /// Sends a manifest by server-side apply.
    Apply(Apply),
    /// Sends a documented manifest that no present cluster runs as a server-side dry run, and records the answer.
    DryRun(DryRun),
    /// Waits for a condition on the recorded stream.
    Await(Condition),
    /// Nothing is done for a while, so that what should not happen has time to. At least this long, and at least three
    /// times the slowest creation seen in the run.
    Quiet(Quiet),
    /// Makes the gate probe of these ordinals succeed.
    OpenGate(Vec<PodRef>),
    /// Makes the gate probe of these ordinals fail.
    CloseGate(Vec<PodRef>),
    /// Deletes these pods, each by its name and uid.
    DeletePods(Vec<PodRef>),
    /// Deletes all pods of the set with one request, as `kubectl delete pod -l app=nginx` does.
    DeleteAllPods,
    /// Ends the first process in the container of each of these pods, so that the container is started again in place.
    Crash(Vec<PodRef>),
    /// Sets the number of replicas through the scale subresource.
    Scale(u32),
    /// Sends any request, and records what the server answers.
    Request(Request),
    /// Writes a new random token, and a file of 1 MiB made from it, in each of these ordinals, and flushes it to disk.
    WriteTokens(Tokens),
    /// Reads every token found in each of these ordinals.
    ReadTokens(Tokens),
    /// Runs `hostname`, `hostname -f`, `hostname -i` and prints `/etc/hosts` and `/etc/resolv.conf` in these ordinals.
    Inspect(Vec<PodRef>),
    /// From a probe pod on each node, fetches what these ordinals say of themselves over HTTP, by their DNS names.
    Connect(Vec<PodRef>),
    /// Begins to ask every DNS backend for these names, again and again until the scenario ends. Needs DNS.
    FollowDns(Names),
    /// Asks for these names once from every vantage: each backend over TCP, each node over UDP and TCP. Needs DNS.
    AskDns(Names),
    /// `nslookup` and `getent hosts` for these ordinals in the pod `dns-test`, as readers do. Needs DNS.
    LookupTools(Vec<PodRef>),
    /// Deletes this ordinal's pod and, as soon as its address is free, starts a foreign pod on its node to take it;
    /// again, until the recreated pod has another address than before, three times at most.
    Churn(PodRef),
    /// Reads a path of the API server; `{namespace}` stands for the scenario's namespace.
    Read(String),
}

/// A manifest to apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Apply {
    /// Its path under `manifests/`.
    pub manifest: String,
    /// What is changed in it: the stems of files under `manifests/overlays/`, in order. One that needs what the cluster
    /// does not have is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<String>,
    /// The namespace, where it is not the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What this step cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Need>,
    /// spec.replicas, where it is not the manifest's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// A request of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    /// What is asked for.
    pub verb: Verb,
    /// What of: `<apiVersion> <plural>`, then `/<name>` and `/<subresource>` where there is one, such as
    /// `apps/v1 statefulsets/web/scale`.
    pub target: String,
    /// The body, or the changes to make by a merge patch; the options of a delete.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// The namespace, where it is not the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What this step cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Need>,
    /// Whether the server is only to say what it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What this request is called in the record, where the scenario sends several of one kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What the scenario needs the answer to be to go on.
    #[serde(default, skip_serializing_if = "Expected::is_granted")]
    pub expect: Expected,
}

/// What the answer to a request must be for a scenario to go on. What a promise makes of it is a check's business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It is granted; a refusal ends the scenario.
    #[default]
    Granted,
    /// Whatever it is, the scenario goes on.
    Any,
}

impl Expected {
    fn is_granted(&self) -> bool {
        *self == Self::Granted
    }
}

/// A manifest that is only asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DryRun {
    /// Its path under `manifests/`.
    pub manifest: String,
    /// The manifest that is used in its place.
    pub instead: String,
}

/// What a step waits for. Each is bounded by the limit of its name in `limits.rs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Condition {
    /// These pods run, ready or not.
    PodsRunning(Vec<PodRef>),
    /// These pods are ready, and none of them is the incarnation that a step of ours asked to be deleted.
    PodsReady(Vec<PodRef>),
    /// These pods run and are not ready.
    PodsUnready(Vec<PodRef>),
    /// These pods do not exist.
    PodsGone(Vec<PodRef>),
    /// The pod of that name, which is not the set's, is ready.
    PodReady(String),
    /// The pod of that name, which is not the set's and mounts a claim, is ready. Needs storage.
    PodWithClaimReady(String),
    /// The status of `web` has caught up: replicas, ready, current and updated are all this many, and the generation is
    /// observed.
    StatusSettled(u32),
    /// Likewise of the set of that name.
    StatusOf {
        /// The set's name, which in another namespace is `<namespace>/<name>`.
        set: String,
        /// How many.
        replicas: u32,
    },
    /// EndpointSlices and Endpoints of `nginx` list exactly the ready pods that it selects, each with its present address.
    EndpointsSettled,
    /// Likewise of the Service of that name.
    EndpointsOf(String),
    /// Every backend's last answer to every name that is followed agrees with the endpoints. Needs DNS.
    DnsSettled,
    /// The claim of that name is bound. Needs storage.
    ClaimBound(String),
}

/// A quiet period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Quiet {
    /// The name by which checks find it.
    pub name: String,
    /// The name of the limit that says how long: `quiet` or `order-visible`.
    pub limit: String,
}

/// Where tokens are written or read, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tokens {
    /// Where. On a volume it needs storage.
    pub place: Place,
    /// Which ordinals.
    pub pods: Vec<PodRef>,
}

/// Names to ask DNS for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Names {
    /// The names of these ordinals: A.
    #[serde(default)]
    pub pods: Vec<PodRef>,
    /// The headless Service: A, and the SRV records of its port `web`.
    #[serde(default)]
    pub service: bool,
    /// Each pod name in every form that the pod's search path offers as well: `web-0.nginx`, `web-0.nginx.<namespace>`, ….
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub search_path: bool,
    /// Any other names: A. `{namespace}` and `{zone}` stand for the scenario's namespace and the cluster's zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_meant_by_ordinal_or_by_name() {
        let read = |text: &str| serde_json::from_str::<Vec<PodRef>>(text);
        let pods = read(r#"[0, "db-1", "other/web-2"]"#).unwrap();
        assert_eq!(pods.iter().map(PodRef::name).collect::<Vec<_>>(), ["web-0", "db-1", "other/web-2"]);
        assert_eq!(serde_json::to_string(&pods).unwrap(), r#"[0,"db-1","other/web-2"]"#);
        let error = read("[true]").unwrap_err().to_string();
        assert!(error.contains("an ordinal of the scenario's set, or a pod's name"), "{error}");
    }
}
