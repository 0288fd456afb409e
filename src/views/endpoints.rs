//! What EndpointSlices and Endpoints list, in one form: both API versions of the one, and the older other.
//!
//! EndpointSlices of discovery.k8s.io/v1beta1 and v1 agree in all that is read here (Kubernetes API reference,
//! EndpointSlice v1). A Service with two address families has slices of its own for each family.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, History, Json, ObjectSeen, Resource, Watch};

/// One endpoint of a Service, as one EndpointSlice or Endpoints object lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed<'h> {
    /// The pod that it refers to; empty where it refers to none.
    pub pod: &'h str,
    /// Its uid.
    pub uid: &'h str,
    /// The host name under which DNS serves it; empty where there is none.
    pub hostname: &'h str,
    /// Its addresses, all of one family.
    pub addresses: BTreeSet<&'h str>,
    /// Whether traffic and DNS may use it.
    pub ready: bool,
}

/// The Service that an EndpointSlice or an Endpoints object is of.
pub fn service_of(object: &ObjectSeen) -> Option<&str> {
    match object.resource {
        Resource::EndpointSlices => object.label("kubernetes.io/service-name"),
        Resource::Endpoints => Some(&object.name),
        _ => None,
    }
}

/// What one EndpointSlice or Endpoints object lists.
pub fn listed(object: &ObjectSeen) -> Vec<Listed<'_>> {
    match object.resource {
        Resource::EndpointSlices => object.list("/endpoints").iter().map(of_slice).collect(),
        _ => object.list("/subsets").iter().flat_map(of_subset).collect(),
    }
}

/// What all objects of a Service list together, from an event on.
#[derive(Debug, Clone)]
pub struct ListVersion<'h> {
    /// The event.
    pub event: &'h Event,
    /// The endpoints of all of them, the addresses of each family by themselves.
    pub listed: Vec<Listed<'h>>,
}

/// What the EndpointSlices, or the Endpoints, of a Service list over time, as one watch delivered them.
pub fn versions<'h>(history: &'h History, watch: impl Into<Watch>, service: &str) -> Vec<ListVersion<'h>> {
    let mut objects: BTreeMap<&str, Vec<Listed<'_>>> = BTreeMap::new();
    let mut versions = Vec::new();
    for object in history.objects(watch).filter(|object| service_of(object.what) == Some(service)) {
        if object.change.is_removal() {
            objects.remove(object.what.name.as_str());
        } else {
            objects.insert(&object.what.name, listed(object.what));
        }
        let listed = objects.values().flatten().cloned().collect();
        versions.push(ListVersion { event: object.event, listed });
    }
    versions
}

fn of_slice(endpoint: &Json) -> Listed<'_> {
    let addresses = endpoint["addresses"].as_array().unwrap_or_default();
    // Unknown readiness is to be taken for ready, says the API.
    let ready = endpoint.pointer("/conditions/ready").and_then(Json::as_bool).unwrap_or(true);
    of(endpoint, addresses.iter().filter_map(Json::as_str).collect(), ready)
}

fn of_subset(subset: &Json) -> impl Iterator<Item = Listed<'_>> {
    let all = |key: &str, ready| {
        let addresses = subset[key].as_array().unwrap_or_default();
        addresses.iter().map(move |address| of(address, address["ip"].as_str().into_iter().collect(), ready))
    };
    all("addresses", true).chain(all("notReadyAddresses", false))
}

fn of<'h>(endpoint: &'h Json, addresses: BTreeSet<&'h str>, ready: bool) -> Listed<'h> {
    let text = |pointer: &str| endpoint.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    Listed {
        pod: text("/targetRef/name"),
        uid: text("/targetRef/uid"),
        hostname: text("/hostname"),
        addresses,
        ready,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{checks::notation::Notes, history::Change};

    fn endpoint(hostname: &str, ready: bool) -> Listed<'_> {
        Listed { pod: "web-0", uid: "u", hostname, addresses: ["10.0.0.7"].into(), ready }
    }

    #[test]
    fn slices_are_read_in_both_versions() {
        let target = json!({"kind": "Pod", "name": "web-0", "uid": "u"});
        let raw = json!({
            "metadata": {"name": "nginx-x", "labels": {"kubernetes.io/service-name": "nginx"}},
            "endpoints": [
                {"addresses": ["10.0.0.7"], "hostname": "web-0", "conditions": {"ready": true}, "targetRef": target,
                 "topology": {"kubernetes.io/hostname": "node-0"}},
                {"addresses": ["10.0.0.7"], "conditions": {"ready": false, "serving": true}, "targetRef": target},
                {"addresses": ["10.0.0.7"], "conditions": {}, "targetRef": target},
            ],
        });
        let slice = ObjectSeen::new(Change::Added, Resource::EndpointSlices, raw);
        assert_eq!(service_of(&slice), Some("nginx"));
        assert_eq!(listed(&slice), [endpoint("web-0", true), endpoint("", false), endpoint("", true)]);
    }

    #[test]
    fn the_slices_of_the_service_are_taken_together() {
        let slice = |name: &str, service: &str, pod: &str| {
            let endpoint = json!({"addresses": ["10.0.0.7"], "targetRef": {"name": pod, "uid": "u"}});
            let labels = json!({"kubernetes.io/service-name": service});
            json!({"metadata": {"name": name, "labels": labels}, "endpoints": [endpoint]})
        };
        let mut notes = Notes::new();
        let slices = Resource::EndpointSlices;
        notes.object(slices, Change::Added, slice("nginx-a", "nginx", "web-0"));
        notes.object(slices, Change::Added, slice("other-a", "other", "web-9"));
        notes.object(slices, Change::Added, slice("nginx-b", "nginx", "web-1"));
        notes.object(slices, Change::Deleted, slice("nginx-a", "nginx", "web-0"));
        let history = notes.history();
        let pods =
            |version: &ListVersion<'_>| version.listed.iter().map(|e| e.pod.to_owned()).collect::<Vec<_>>();
        let of = |service| versions(&history, slices, service).iter().map(pods).collect::<Vec<_>>();
        let versions = of("nginx");
        assert_eq!(versions, [vec!["web-0"], vec!["web-0", "web-1"], vec!["web-1"]]);
        assert_eq!(of("other"), [["web-9"]]);
        assert!(of("none").is_empty());
    }

    #[test]
    fn endpoints_are_read_with_those_that_are_not_ready() {
        let address =
            json!({"ip": "10.0.0.7", "hostname": "web-0", "targetRef": {"name": "web-0", "uid": "u"}});
        let raw = json!({
            "metadata": {"name": "nginx"},
            "subsets": [{"addresses": [address], "notReadyAddresses": [address]}, {"ports": []}],
        });
        let endpoints = ObjectSeen::new(Change::Added, Resource::Endpoints, raw);
        assert_eq!(service_of(&endpoints), Some("nginx"));
        assert_eq!(listed(&endpoints), [endpoint("web-0", true), endpoint("web-0", false)]);
    }

    #[test]
    fn a_slice_that_a_list_no_longer_has_lists_nothing() {
        let mut notes = Notes::new();
        let endpoint = json!({"addresses": ["10.0.0.7"], "targetRef": {"name": "web-0", "uid": "u"}});
        let labels = json!({"kubernetes.io/service-name": "nginx"});
        let slice = json!({"metadata": {"name": "nginx-a", "labels": labels}, "endpoints": [endpoint]});
        notes.object(Resource::EndpointSlices, Change::Added, slice.clone());
        notes.object(Resource::EndpointSlices, Change::Unlisted, slice);
        let history = notes.history();
        let counts: Vec<usize> =
            versions(&history, Resource::EndpointSlices, "nginx").iter().map(|v| v.listed.len()).collect();
        assert_eq!(counts, [1, 0]);
    }

    #[test]
    fn each_address_family_has_a_slice_of_its_own() {
        let mut notes = Notes::new();
        for (name, family, address) in [("nginx-4", "IPv4", "10.0.0.7"), ("nginx-6", "IPv6", "fd00::7")] {
            let endpoint = json!({"addresses": [address], "targetRef": {"name": "web-0", "uid": "u"}});
            let labels = json!({"kubernetes.io/service-name": "nginx"});
            let slice = json!({
                "metadata": {"name": name, "labels": labels}, "addressType": family, "endpoints": [endpoint],
            });
            notes.object(Resource::EndpointSlices, Change::Added, slice);
        }
        let history = notes.history();
        let versions = versions(&history, Resource::EndpointSlices, "nginx");
        let addresses: Vec<&str> =
            versions[1].listed.iter().flat_map(|listed| listed.addresses.iter().copied()).collect();
        assert_eq!(addresses, ["10.0.0.7", "fd00::7"]);
    }
}
