//! The records of the cluster's zone, made from Services and EndpointSlices as they are asked for.
//!
//! Follows `plugin/kubernetes/kubernetes.go` (`findServices`, `endpointHostname`), `reverse.go` and
//! `plugin/backend_lookup.go` of CoreDNS.

use super::backend::{Answer, View};
use crate::fault::Fault;
use crate::json::{self, has, items, text};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, PTR, SOA, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::Value;
use std::net::{IpAddr, Ipv6Addr};

/// Something with a name and an address.
#[derive(Clone, Debug)]
struct Endpoint {
    label: String,
    address: IpAddr,
    ports: Vec<(String, String, u16)>,
}

/// Answers a question from what a backend knows.
pub(super) fn answer(world: &mut World, view: &View, question: &(String, RecordType)) -> Answer {
    let (name, kind) = question;
    let zone = world.dns.zone.clone();
    if let Some(address) = reverse_address(name) {
        return reverse(world, view, name, *kind, address);
    }
    let Some(relative) = name.strip_suffix(&zone).filter(|rest| rest.is_empty() || rest.ends_with('.'))
    else {
        return empty(ResponseCode::ServFail);
    };
    let labels: Vec<&str> =
        relative.trim_end_matches('.').split('.').filter(|label| !label.is_empty()).collect();
    match find(world, view, &labels) {
        Some(found) => positive(world, name, *kind, &found),
        None => negative(world, ResponseCode::NXDomain),
    }
}

/// What a name stands for: addresses to give as A or AAAA, or targets of SRV records.
struct Found {
    endpoints: Vec<Endpoint>,
    /// The Service's own name, under which the endpoints have theirs; only for SRV.
    service: Option<String>,
    targets_are_service: bool,
}

fn find(world: &mut World, view: &View, labels: &[&str]) -> Option<Found> {
    let zone = world.dns.zone.clone();
    let elsewhere = other_namespace(world, view, labels);
    let mut moved = labels.to_vec();
    if let (Some(other), [.., namespace, _]) = (&elsewhere, &mut moved[..]) {
        *namespace = other;
    }
    match *moved {
        [] | ["svc"] | ["pod"] => Some(nothing()),
        ["dns-version"] => Some(nothing()),
        [namespace, "svc"] => view.keys().any(|key| key.namespace == namespace).then(nothing),
        [dashed, _, "pod"] => {
            let address = dashed.replace('-', ".").parse().ok()?;
            Some(addresses(vec![Endpoint { label: dashed.to_owned(), address, ports: Vec::new() }]))
        }
        [service, namespace, "svc"] => service_addresses(world, view, namespace, service).map(addresses),
        [port, protocol, service, namespace, "svc"] if port.starts_with('_') && protocol.starts_with('_') => {
            let (port, protocol) = (&port[1..], protocol[1..].to_uppercase());
            let mut endpoints = service_addresses(world, view, namespace, service)?;
            for endpoint in &mut endpoints {
                endpoint.ports.retain(|(name, proto, _)| name == port && *proto == protocol);
            }
            endpoints.retain(|endpoint| !endpoint.ports.is_empty());
            let service = format!("{service}.{namespace}.svc.{zone}");
            let virtual_ip = endpoints.first().is_some_and(|endpoint| endpoint.label.is_empty());
            let found = Found { endpoints, service: Some(service), targets_are_service: virtual_ip };
            (!found.endpoints.is_empty()).then_some(found)
        }
        [pod, service, namespace, "svc"] => pod_address(world, view, namespace, service, pod).map(addresses),
        _ => None,
    }
}

/// Another namespace that has a Service of the name that is asked for, if that is told instead.
fn other_namespace(world: &mut World, view: &View, labels: &[&str]) -> Option<String> {
    let [.., service, namespace, "svc"] = *labels else { return None };
    let is_other =
        |key: &&Key| key.kind == Kind::Service && key.name == service && key.namespace != namespace;
    let other = view.keys().find(is_other)?.namespace.clone();
    world.tells(Fault::DnsIgnoresNamespace).then_some(other)
}

fn nothing() -> Found {
    addresses(Vec::new())
}

fn addresses(endpoints: Vec<Endpoint>) -> Found {
    Found { endpoints, service: None, targets_are_service: false }
}

/// The ready pods of a headless Service, or the address of another one.
fn service_addresses(
    world: &mut World,
    view: &View,
    namespace: &str,
    service: &str,
) -> Option<Vec<Endpoint>> {
    let object = view.get(&Key::new(Kind::Service, namespace, service))?;
    let virtual_ips = items(object, "/spec/clusterIPs").iter().filter_map(Value::as_str);
    if text(object, "/spec/clusterIP") == "None" {
        let mut ready = ready_endpoints(world, view, namespace, service);
        if ready.len() > 1 && world.tells(Fault::HeadlessOneAddress) {
            ready.truncate(1);
        }
        return (!ready.is_empty()).then_some(ready);
    }
    let is_api = namespace == "default" && service == "kubernetes";
    if !is_api && world.tells(Fault::ServiceNameTellsPods) {
        return Some(ready_endpoints(world, view, namespace, service));
    }
    let ports: Vec<_> = items(object, "/spec/ports").iter().map(port).collect();
    let endpoint = |address: IpAddr| Endpoint { label: String::new(), address, ports: ports.clone() };
    Some(virtual_ips.filter_map(|address| address.parse().ok()).map(endpoint).collect())
}

fn pod_address(
    world: &mut World,
    view: &View,
    namespace: &str,
    service: &str,
    pod: &str,
) -> Option<Vec<Endpoint>> {
    view.get(&Key::new(Kind::Service, namespace, service))?;
    let ready = ready_endpoints(world, view, namespace, service);
    let own: Vec<_> = ready.iter().filter(|endpoint| endpoint.label == pod).cloned().collect();
    let first = ready.first()?;
    if own.is_empty() {
        let wild = world.tells(Fault::WildcardAnswers);
        return wild.then(|| vec![first.clone()]);
    }
    if let Some(sibling) = ready.iter().find(|endpoint| endpoint.label != pod)
        && world.tells(Fault::PodNameGivesSibling)
    {
        return Some(vec![Endpoint { label: pod.to_owned(), ..sibling.clone() }]);
    }
    let known = format!("dns/{namespace}/{service}/{pod}");
    let address = own[0].address.to_string();
    let old = world.network.first_address(&known, &address);
    if old != address && world.tells(Fault::DnsNeverUpdated) {
        return Some(vec![Endpoint { address: old.parse().ok()?, ..own[0].clone() }]);
    }
    Some(own)
}

fn ready_endpoints(world: &mut World, view: &View, namespace: &str, service: &str) -> Vec<Endpoint> {
    let slices = view.range(Key::new(Kind::EndpointSlice, namespace, "")..).map_while(|(key, slice)| {
        (key.kind == Kind::EndpointSlice && key.namespace == namespace).then_some(slice)
    });
    let own = slices.filter(|slice| json::label(slice, "kubernetes.io/service-name") == Some(service));
    let mut found: Vec<_> = own.flat_map(|slice| endpoints_of(slice)).collect();
    if found.iter().any(|endpoint| endpoint.label.contains(|c: char| c.is_alphabetic()))
        && world.tells(Fault::DnsIgnoresHostnames)
    {
        found.iter_mut().for_each(|endpoint| endpoint.label = dashed(endpoint.address));
    }
    found
}

fn endpoints_of(slice: &Value) -> Vec<Endpoint> {
    let ports: Vec<_> = items(slice, "/ports").iter().map(port).collect();
    let ready = items(slice, "/endpoints").iter().filter(|endpoint| endpoint["conditions"]["ready"] != false);
    let named = ready.filter_map(|endpoint| {
        let address: IpAddr = text(endpoint, "/addresses/0").parse().ok()?;
        let label =
            if has(endpoint, "/hostname") { text(endpoint, "/hostname").to_owned() } else { dashed(address) };
        Some(Endpoint { label, address, ports: ports.clone() })
    });
    named.collect()
}

fn port(port: &Value) -> (String, String, u16) {
    let number = port["port"].as_u64().unwrap_or(0) as u16;
    (text(port, "/name").to_owned(), text(port, "/protocol").to_owned(), number)
}

fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

fn positive(world: &mut World, name: &str, kind: RecordType, found: &Found) -> Answer {
    let mut answer = empty(ResponseCode::NoError);
    if kind == RecordType::SRV && found.service.is_some() {
        srv(world, name, found, &mut answer);
    } else if found.service.is_none() {
        let records =
            found.endpoints.iter().filter_map(|endpoint| address_record(world, name, endpoint.address));
        answer.records = records.filter(|record| record.record_type() == kind).collect();
    }
    if answer.records.is_empty() { negative(world, ResponseCode::NoError) } else { answer }
}

fn srv(world: &mut World, name: &str, found: &Found, answer: &mut Answer) {
    let service = found.service.clone().unwrap_or_default();
    let weight = 100 / found.endpoints.len().max(1) as u16;
    for endpoint in &found.endpoints {
        let mut label = endpoint.label.clone();
        if !found.targets_are_service && world.tells(Fault::SrvTargetsDashed) {
            label = dashed(endpoint.address);
        }
        let target = if found.targets_are_service { service.clone() } else { format!("{label}.{service}") };
        for (_, _, port) in &endpoint.ports {
            let port = if world.tells(Fault::SrvPortWrong) { port + 1 } else { *port };
            let data = RData::SRV(SRV::new(0, weight, port, fqdn(&target)));
            answer.records.push(Record::from_rdata(fqdn(name), world.dns.ttl_secs, data));
        }
        answer.additionals.extend(address_record(world, &target, endpoint.address));
    }
}

fn reverse(world: &mut World, view: &View, name: &str, kind: RecordType, address: IpAddr) -> Answer {
    let zone = world.dns.zone.clone();
    let mut targets: Vec<String> = Vec::new();
    for (key, object) in view {
        let mut own = items(object, "/spec/clusterIPs").iter().filter_map(Value::as_str);
        if key.kind == Kind::Service && own.any(|own| own.parse() == Ok(address)) {
            targets.push(format!("{}.{}.svc.{zone}", key.name, key.namespace));
        }
        if key.kind == Kind::EndpointSlice {
            let service = json::label(object, "kubernetes.io/service-name").unwrap_or_default();
            let own = endpoints_of(object).into_iter().filter(|endpoint| endpoint.address == address);
            let named = own.filter(|endpoint| endpoint.label != dashed(address));
            for endpoint in named {
                let lies = world.tells(Fault::PtrNamesDashed);
                let label = if lies { dashed(address) } else { endpoint.label };
                targets.push(format!("{label}.{service}.{}.svc.{zone}", key.namespace));
            }
        }
    }
    if targets.is_empty() || world.tells(Fault::PtrMissing) {
        return empty(ResponseCode::ServFail);
    }
    let mut answer = empty(ResponseCode::NoError);
    if kind == RecordType::PTR {
        let data = |target: &String| RData::PTR(PTR(fqdn(target)));
        let records =
            targets.iter().map(|target| Record::from_rdata(fqdn(name), world.dns.ttl_secs, data(target)));
        answer.records = records.collect();
    }
    answer
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
fn reverse_address(name: &str) -> Option<IpAddr> {
    if let Some(reversed) = name.strip_suffix(".ip6.arpa") {
        let digits: String = reversed.split('.').rev().collect();
        let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
        return Some(Ipv6Addr::from(number).into());
    }
    let reversed = name.strip_suffix(".in-addr.arpa")?;
    let octets: Vec<&str> = reversed.split('.').rev().collect();
    octets.join(".").parse().ok()
}

fn address_record(world: &World, name: &str, address: IpAddr) -> Option<Record> {
    let data = match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    Some(Record::from_rdata(fqdn(name), world.dns.ttl_secs, data))
}

fn negative(world: &World, code: ResponseCode) -> Answer {
    let zone = &world.dns.zone;
    let (server, mailbox) = (fqdn(&format!("ns.dns.{zone}")), fqdn(&format!("hostmaster.{zone}")));
    let serial = world.clock.unix_secs() as u32;
    let soa = SOA::new(server, mailbox, serial, 7_200, 1_800, 86_400, world.dns.ttl_secs);
    let mut answer = empty(code);
    answer.authorities.push(Record::from_rdata(fqdn(zone), world.dns.ttl_secs, RData::SOA(soa)));
    answer
}

fn empty(code: ResponseCode) -> Answer {
    let authoritative = code != ResponseCode::ServFail;
    Answer { code, authoritative, records: Vec::new(), authorities: Vec::new(), additionals: Vec::new() }
}

fn fqdn(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap_or_else(|_| Name::root())
}
