//! A scenario: what is done to a cluster, as a list of steps from a closed set.
//!
//! A scenario knows nothing of requirements. It runs in a namespace of its own with one StatefulSet `web`, and leaves
//! one history.

use serde::{Deserialize, Serialize};

use crate::history::Place;

/// One file `specs/scenarios/<id>.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The stem of the file. Filled in from the file's name, never written in it.
    #[serde(skip_deserializing)]
    pub id: String,
    /// One line: what is done.
    pub title: String,
    /// Why it is done this way.
    pub why: String,
    /// How many pods it creates in all, for the plan; the report prints what it really was.
    pub pods: u32,
    /// What it cannot do without.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What is done, in order.
    pub steps: Vec<Action>,
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
    OpenGate(Vec<u32>),
    /// Makes the gate probe of these ordinals fail.
    CloseGate(Vec<u32>),
    /// Deletes these pods, each by its name and uid.
    DeletePods(Vec<u32>),
    /// Deletes all pods of the set with one request, as `kubectl delete pod -l app=nginx` does.
    DeleteAllPods,
    /// Sets the number of replicas through the scale subresource.
    Scale(u32),
    /// Writes a new random token, and a file of 1 MiB made from it, in each of these ordinals, and flushes it to disk.
    WriteTokens(Tokens),
    /// Reads every token found in each of these ordinals.
    ReadTokens(Tokens),
    /// Runs `hostname`, `hostname -f`, `hostname -i` and prints `/etc/hosts` and `/etc/resolv.conf` in these ordinals.
    Inspect(Vec<u32>),
    /// From a probe pod on each node, fetches what these ordinals say of themselves over HTTP, by their DNS names.
    Connect(Vec<u32>),
    /// Begins to ask every DNS backend for these names, again and again until the scenario ends. Needs DNS.
    FollowDns(Names),
    /// Asks for these names once from every vantage: each backend over TCP, each node over UDP and TCP. Needs DNS.
    AskDns(Names),
    /// `nslookup` and `getent hosts` for these ordinals in the pod `dns-test`, as readers do. Needs DNS.
    LookupTools(Vec<u32>),
    /// Deletes this ordinal's pod and, as soon as its address is free, starts a foreign pod on its node to take it;
    /// again, until the recreated pod has another address than before, three times at most.
    Churn(u32),
    /// Reads a path of the API server; `{namespace}` stands for the scenario's namespace.
    Read(String),
}

/// A manifest to apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Apply {
    /// Its path under `manifests/`.
    pub manifest: String,
    /// The manifest to apply instead where there is no storage; without it the step is skipped there if `needs` says so.
    #[serde(default)]
    pub without_storage: Option<String>,
    /// What this step cannot do without.
    #[serde(default)]
    pub needs: Option<Need>,
    /// spec.replicas, where it is not the manifest's own.
    #[serde(default)]
    pub replicas: Option<u32>,
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
    /// These ordinals run, ready or not.
    PodsRunning(Vec<u32>),
    /// These ordinals are ready, and none of them is the incarnation that a step of ours asked to be deleted.
    PodsReady(Vec<u32>),
    /// These ordinals run and are not ready.
    PodsUnready(Vec<u32>),
    /// These ordinals do not exist.
    PodsGone(Vec<u32>),
    /// The pod of that name, which is not the set's, is ready.
    PodReady(String),
    /// The pod of that name, which is not the set's and mounts a claim, is ready. Needs storage.
    PodWithClaimReady(String),
    /// The set's status has caught up: replicas, ready, current and updated are all this many, and the generation is observed.
    StatusSettled(u32),
    /// EndpointSlices and Endpoints of `nginx` list exactly the set's pods, each with its present address and readiness.
    EndpointsSettled,
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
    pub pods: Vec<u32>,
}

/// Names to ask DNS for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Names {
    /// The names of these ordinals: A.
    #[serde(default)]
    pub pods: Vec<u32>,
    /// The headless Service: A, and the SRV records of its port `web`.
    #[serde(default)]
    pub service: bool,
    /// Each pod name in every form that the pod's search path offers as well: `web-0.nginx`, `web-0.nginx.<namespace>`, ….
    #[serde(default)]
    pub search_path: bool,
    /// Any other names: A. `{namespace}` and `{zone}` stand for the scenario's namespace and the cluster's zone.
    #[serde(default)]
    pub others: Vec<String>,
}
