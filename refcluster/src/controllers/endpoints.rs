//! The Endpoints controller: the older form of what EndpointSlices tell.
//!
//! Follows `pkg/controller/endpoint/endpoints_controller.go`.

use super::endpoint_slice::{names_pods, ports, selected_pods};
use super::{Outcome, pods};
use crate::json::{self, items, text};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn sync(world: &mut World, service_key: &Key) -> Outcome {
    let key = Key::new(Kind::Endpoints, &service_key.namespace, &service_key.name);
    let service = world.get(service_key);
    let Some(service) = service.filter(|service| service["spec"]["selector"].is_object()) else {
        world.remove(&key);
        return Ok(());
    };
    let subsets = subsets(world, &service);
    if world.get(&key).is_some() {
        world.modify(&key, |endpoints| endpoints["subsets"] = subsets);
        return Ok(());
    }
    let endpoints = json!({
        "metadata": {"name": key.name, "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}},
        "subsets": subsets,
    });
    world.create(Kind::Endpoints, &key.namespace, endpoints, false).map(drop)
}

fn subsets(world: &World, service: &Value) -> Value {
    let publishes = service["spec"]["publishNotReadyAddresses"] == true;
    let (mut ready, mut unready) = (Vec::new(), Vec::new());
    for pod in selected_pods(world, service) {
        let serves = publishes || pods::serves(&pod);
        let list = if serves { &mut ready } else { &mut unready };
        if serves || !json::terminating(&pod) {
            list.push(address(service, &pod));
        }
    }
    if ready.is_empty() && unready.is_empty() {
        return json!([]);
    }
    let mut subset = json!({"ports": ports(service, world)});
    for (field, addresses) in [("addresses", ready), ("notReadyAddresses", unready)] {
        if !addresses.is_empty() {
            subset[field] = addresses.into();
        }
    }
    if items(&subset, "/ports").is_empty() {
        json::remove(&mut subset, "ports");
    }
    json!([subset])
}

fn address(service: &Value, pod: &Value) -> Value {
    let mut address = json!({
        "ip": text(pod, "/status/podIP"), "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod", "namespace": json::namespace(pod), "name": json::name(pod), "uid": json::uid(pod),
        },
    });
    if names_pods(service, pod) {
        address["hostname"] = pod["spec"]["hostname"].clone();
    }
    address
}
