//! The EndpointSlice controller: where a Service's pods are, and which of them are ready.
//!
//! Follows `pkg/controller/endpointslice` and `k8s.io/endpointslice/utils.go`.

use super::{Outcome, pods};
use crate::fault::Fault;
use crate::json::{self, has, items, text};
use crate::kind::Kind;
use crate::release::Gate;
use crate::selector::map_matches;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const ENDPOINTS_PER_SLICE: usize = 100;
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let present = slices(world, key);
    let service = world.get(key).filter(|service| service["spec"]["selector"].is_object());
    let Some(service) = service else {
        present.iter().for_each(|slice| drop(world.remove(slice)));
        return Ok(());
    };
    let families = families(world, &service);
    let mut wanted = Vec::new();
    for family in &families {
        let endpoints = endpoints(world, &service, family);
        let mut chunks: Vec<_> = endpoints.chunks(ENDPOINTS_PER_SLICE).map(<[Value]>::to_vec).collect();
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
        wanted.extend(chunks.into_iter().map(|chunk| (family.clone(), chunk)));
    }
    write(world, &service, present, wanted)
}

/// The families of a Service. Before 1.21 it has none of its own, and a headless one counts for both.
fn families(world: &World, service: &Value) -> Vec<String> {
    let named =
        items(service, "/spec/ipFamilies").iter().filter_map(|family| family.as_str().map(str::to_owned));
    let named: Vec<_> = named.collect();
    if !named.is_empty() {
        return named;
    }
    let headless = service["spec"]["clusterIP"] == "None";
    let both =
        ["IPv4", "IPv6"].iter().filter(|family| headless || world.options.ip_families.names()[0] == **family);
    both.map(|family| (*family).to_owned()).collect()
}

/// The slices of a Service that this controller wrote.
pub(crate) fn slices(world: &World, service: &Key) -> Vec<Key> {
    let own = |slice: &Value| json::label(slice, SERVICE_LABEL) == Some(&service.name);
    let slices = world.store.list(Kind::EndpointSlice, &service.namespace).filter(|(_, slice)| own(slice));
    slices.map(|(key, _)| key.clone()).collect()
}

/// The pods that a Service selects and that have an address.
pub(super) fn selected_pods(world: &World, service: &Value) -> Vec<Arc<Value>> {
    let selector = &service["spec"]["selector"];
    let pods = world.store.list(Kind::Pod, json::namespace(service)).map(|(_, pod)| pod);
    pods.filter(|pod| {
        map_matches(selector, &pod["metadata"]["labels"])
            && has(pod, "/status/podIP")
            && !pods::is_terminal(pod)
    })
    .cloned()
    .collect()
}

fn endpoints(world: &mut World, service: &Value, family: &str) -> Vec<Value> {
    let pods = selected_pods(world, service);
    let of_family = |address: &&str| address.contains(':') == (family == "IPv6");
    let mut endpoints = Vec::new();
    let mut sets = BTreeSet::new();
    for pod in pods {
        let owner = json::controller(&pod).filter(|owner| owner["kind"] == "StatefulSet");
        sets.extend(owner.map(|owner| text(owner, "/name").to_owned()));
        if sets.len() > 1 && world.tells(Fault::OneSetUnpublished) {
            continue;
        }
        let gone = json::terminating(&pod) && !world.release.has(Gate::TerminatingEndpoints);
        if gone
            && service["spec"]["publishNotReadyAddresses"] != true
            && !world.tells(Fault::TerminatingStaysReady)
        {
            continue;
        }
        let older = text(&pod, "/metadata/creationTimestamp") < text(service, "/metadata/creationTimestamp");
        if older && world.tells(Fault::LateServiceIgnored) {
            continue;
        }
        let mut addresses = items(&pod, "/status/podIPs").iter().map(|entry| text(entry, "/ip"));
        let Some(address) = addresses.find(of_family) else { continue };
        if family == "IPv6" && world.tells(Fault::SecondFamilyUnpublished) {
            continue;
        }
        endpoints.push(endpoint(world, service, &pod, address));
    }
    endpoints
}

fn endpoint(world: &mut World, service: &Value, pod: &Value, address: &str) -> Value {
    let publishes = service["spec"]["publishNotReadyAddresses"] == true;
    let published = publishes && (pods::serves(pod) || !world.tells(Fault::PublishNotReadyIgnored));
    let mut ready = published || pods::serves(pod);
    if !ready && !json::terminating(pod) && world.tells(Fault::EndpointsIgnoreReadiness) {
        ready = true;
    }
    if !ready && json::terminating(pod) && pods::is_ready(pod) && world.tells(Fault::TerminatingStaysReady) {
        ready = true;
    }
    let mut uid = json::uid(pod).to_owned();
    if world.tells(Fault::EndpointOfAnotherUid) {
        uid = json::uid(service).to_owned();
    }
    let address = recorded_address(world, pod, address);
    let mut endpoint = json!({
        "addresses": [address],
        "conditions": {
            "ready": ready, "serving": pods::is_ready(pod), "terminating": json::terminating(pod),
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod", "namespace": json::namespace(pod), "name": json::name(pod), "uid": uid,
        },
    });
    let foreign = has(pod, "/spec/hostname") && !names_pods(service, pod);
    if foreign && world.tells(Fault::OtherServiceNamesPods) {
        endpoint["hostname"] = pod["spec"]["hostname"].clone();
    }
    if names_pods(service, pod) && !world.tells(Fault::EndpointHostnameMissing) {
        endpoint["hostname"] = pod["spec"]["hostname"].clone();
    }
    endpoint
}

/// Whether a Service gives a pod its name: it is the pod's subdomain.
pub(super) fn names_pods(service: &Value, pod: &Value) -> bool {
    has(pod, "/spec/hostname") && text(pod, "/spec/subdomain") == json::name(service)
}

/// The address of a pod: a liar keeps the one that a pod of that name had first.
fn recorded_address(world: &mut World, pod: &Value, address: &str) -> String {
    let name = format!("{}/{}", json::namespace(pod), json::name(pod));
    let first = world.network.first_address(&name, address);
    if first != address && world.tells(Fault::EndpointsKeepOldAddress) { first } else { address.to_owned() }
}

fn write(
    world: &mut World,
    service: &Value,
    mut present: Vec<Key>,
    wanted: Vec<(String, Vec<Value>)>,
) -> Outcome {
    for (family, endpoints) in wanted {
        let ports = ports(service, world);
        let reusable = present
            .iter()
            .position(|key| world.get(key).is_some_and(|slice| text(&slice, "/addressType") == family));
        if let Some(index) = reusable {
            let key = present.remove(index);
            world.modify(&key, |slice| {
                slice["endpoints"] = endpoints.into();
                slice["ports"] = ports;
            });
            continue;
        }
        let slice = slice(service, &family, endpoints, ports);
        world.create(Kind::EndpointSlice, json::namespace(service), slice, false)?;
    }
    present.iter().for_each(|key| drop(world.remove(key)));
    Ok(())
}

fn slice(service: &Value, family: &str, endpoints: Vec<Value>, ports: Value) -> Value {
    let name = json::name(service);
    let mut labels = service["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels[SERVICE_LABEL] = name.into();
    labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io".into();
    if service["spec"]["clusterIP"] == "None" {
        labels["service.kubernetes.io/headless"] = "".into();
    }
    json!({
        "metadata": {
            "generateName": format!("{name}-"), "labels": labels,
            "ownerReferences": [super::adoption::controller_reference(service)],
        },
        "addressType": family, "endpoints": endpoints, "ports": ports,
    })
}

/// The ports of a Service as its pods have them; a named target port is looked up in the pods.
pub(super) fn ports(service: &Value, world: &World) -> Value {
    let pods = selected_pods(world, service);
    let resolve = |port: &Value| match &port["targetPort"] {
        Value::String(name) => pods.iter().find_map(|pod| named_port(pod, name)).unwrap_or(Value::Null),
        number => number.clone(),
    };
    items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let name = text(port, "/name");
            json!({"name": name, "port": resolve(port), "protocol": port["protocol"]})
        })
        .collect()
}

fn named_port(pod: &Value, name: &str) -> Option<Value> {
    let containers = items(pod, "/spec/containers").iter();
    let mut ports = containers.flat_map(|container| items(container, "/ports"));
    ports.find(|port| port["name"] == name).map(|port| port["containerPort"].clone())
}
