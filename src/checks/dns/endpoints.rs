//! What EndpointSlices and Endpoints list, in one form: both API versions of the one, and the older other.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Change, Event, History, Json, ObjectSeen, Resource, SERVICE};

/// One endpoint of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::checks) struct Listed<'h> {
    /// The pod that it refers to.
    pub(in crate::checks) pod: &'h str,
    /// Its uid.
    pub(in crate::checks) uid: &'h str,
    /// The host name under which DNS serves it; empty where there is none.
    pub(in crate::checks) hostname: &'h str,
    /// Its addresses.
    pub(in crate::checks) addresses: BTreeSet<&'h str>,
    /// Whether traffic and DNS may use it.
    pub(in crate::checks) ready: bool,
}

/// The Service that an EndpointSlice or an Endpoints object is of.
pub(in crate::checks) fn service_of(object: &ObjectSeen) -> Option<&str> {
    match object.resource {
        Resource::EndpointSlices => object.label("kubernetes.io/service-name"),
        Resource::Endpoints => Some(&object.name),
        _ => None,
    }
}

/// What one EndpointSlice or Endpoints object lists.
pub(in crate::checks) fn listed(object: &ObjectSeen) -> Vec<Listed<'_>> {
    match object.resource {
        Resource::EndpointSlices => object.list("/endpoints").iter().map(of_slice).collect(),
        _ => object.list("/subsets").iter().flat_map(of_subset).collect(),
    }
}

/// What the objects of the Service list together, from an event on.
pub(super) struct Version<'h> {
    /// The event.
    pub(super) event: &'h Event,
    /// The endpoints of all of them.
    pub(super) listed: Vec<Listed<'h>>,
}

/// What the EndpointSlices, or the Endpoints, of the headless Service list over time.
pub(super) fn versions(history: &History, resource: Resource) -> Vec<Version<'_>> {
    let mut objects: BTreeMap<&str, Vec<Listed<'_>>> = BTreeMap::new();
    let mut versions = Vec::new();
    for object in history.objects(resource).filter(|object| service_of(object.what) == Some(SERVICE)) {
        match object.change {
            Change::Deleted => objects.remove(object.what.name.as_str()),
            _ => objects.insert(&object.what.name, listed(object.what)),
        };
        versions.push(Version { event: object.event, listed: objects.values().flatten().cloned().collect() });
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
    use crate::checks::notation::Notes;

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
            |version: &Version<'_>| version.listed.iter().map(|e| e.pod.to_owned()).collect::<Vec<_>>();
        let versions: Vec<_> = versions(&history, slices).iter().map(pods).collect();
        assert_eq!(versions, [vec!["web-0"], vec!["web-0", "web-1"], vec!["web-1"]]);
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
}
