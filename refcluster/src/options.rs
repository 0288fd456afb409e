//! What one can choose about a cluster.

use crate::{ApiFault, Fault};
use std::collections::BTreeMap;

/// Describes the cluster to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every delay, every interleaving and every generated name.
    pub seed: u64,
    /// How many nodes there are.
    pub nodes: usize,
    /// The version that the API server tells, 1.20 to 1.37; the cluster does what Kubernetes does in that version.
    pub version: String,
    /// Feature gates of Kubernetes that are not as the version has them, by name.
    pub feature_gates: BTreeMap<String, bool>,
    /// How many CoreDNS pods there are; with 0 the cluster has no DNS.
    pub dns_backends: usize,
    /// How long an answer may be cached by its receiver.
    pub dns_ttl_secs: u32,
    /// How long a DNS backend itself keeps answers, right or negative.
    pub dns_cache_secs: u32,
    /// The DNS zone.
    pub zone: String,
    /// The default StorageClass.
    pub storage: Storage,
    /// The address space that pods know: with `Ipv4Ipv6` they have two addresses.
    pub ip_families: IpFamilies,
    /// Images that can be pulled, with or without a digest behind; any other gives ErrImagePull. Empty means every image.
    pub images: Vec<String>,
    /// What the SelfSubjectAccessReview API denies, as `verb/resource`, such as `create/pods`.
    pub denied: Vec<String>,
    /// The wall clock's first second, in seconds since 1970.
    pub epoch_secs: u64,
    /// The lies that this cluster tells.
    pub faults: Vec<Fault>,
    /// What goes wrong between the client and the API server.
    pub api_faults: Vec<ApiFault>,
}

/// How the default StorageClass binds claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A claim is bound when a pod that uses it is scheduled; volumes are tied to their node.
    WaitForFirstConsumer,
    /// A claim is bound at once, to a volume that every node can reach.
    Immediate,
    /// There is no StorageClass.
    None,
}

/// The address families of a cluster: of its pods, nodes and Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamilies {
    /// IPv4 only.
    Ipv4,
    /// IPv4 first, IPv6 second.
    Ipv4Ipv6,
    /// IPv6 only.
    Ipv6,
}

/// The images that can be pulled unless the options name others.
const IMAGES: [&str; 16] = [
    "registry.k8s.io/coredns/coredns:v1.15.0",
    "registry.k8s.io/nginx-slim:0.8",
    "registry.k8s.io/nginx-slim:0.24",
    "registry.k8s.io/nginx-slim:0.26",
    "registry.k8s.io/nginx-slim:0.27",
    "k8s.gcr.io/nginx-slim:0.8",
    "nginx:latest",
    "nginx",
    "nginx:1.9.1",
    "busybox:1.28.4",
    "busybox:1.36",
    "busybox:1.37",
    "busybox:latest",
    "busybox",
    "registry.k8s.io/pause:3.9",
    "registry.k8s.io/pause:3.10.1",
];

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            nodes: 3,
            version: "v1.37.0-embedded".to_owned(),
            feature_gates: BTreeMap::new(),
            dns_backends: 2,
            dns_ttl_secs: 30,
            dns_cache_secs: 30,
            zone: "cluster.local".to_owned(),
            storage: Storage::WaitForFirstConsumer,
            ip_families: IpFamilies::Ipv4,
            images: IMAGES.iter().map(|image| (*image).to_owned()).collect(),
            denied: Vec::new(),
            epoch_secs: 1_767_225_600,
            faults: Vec::new(),
            api_faults: Vec::new(),
        }
    }
}
