//! The cells of Services and of what is behind them.
//!
//! Follows `printService`, `formatEndpoints`, `formatDiscoveryPorts` and `formatDiscoveryEndpoints`.

use super::{Row, first_three, joined};
use crate::json::{integer, items, text};
use serde_json::Value;

/// The addresses that lead to a Service from outside.
pub(super) fn external_ip(row: &Row<'_>) -> String {
    let service = row.object;
    let given = items(service, "/spec/externalIPs").iter().filter_map(Value::as_str).map(str::to_owned);
    let ingress = items(service, "/status/loadBalancer/ingress").iter();
    let balanced =
        ingress.map(|ingress| super::text_or(ingress, "/ip", text(ingress, "/hostname")).to_owned());
    match text(service, "/spec/type") {
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" => joined(balanced.chain(given), "<pending>"),
        _ => joined(given, "<none>"),
    }
}

/// A Service's ports: `80/TCP`, or `80:30080/TCP` with a port on each node.
pub(super) fn service_ports(row: &Row<'_>) -> String {
    let port = |port: &Value| {
        let (number, protocol) = (integer(port, "/port").unwrap_or(0), text(port, "/protocol"));
        match integer(port, "/nodePort").filter(|node_port| *node_port > 0) {
            Some(node_port) => format!("{number}:{node_port}/{protocol}"),
            None => format!("{number}/{protocol}"),
        }
    };
    joined(items(row.object, "/spec/ports").iter().map(port), "<none>")
}

/// The addresses and ports of an `Endpoints` object.
pub(super) fn endpoints(row: &Row<'_>) -> String {
    let mut found = Vec::new();
    for subset in items(row.object, "/subsets") {
        let addresses = items(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        match items(subset, "/ports") {
            [] => found.extend(addresses.map(str::to_owned)),
            ports => {
                for port in ports.iter().filter_map(|port| integer(port, "/port")) {
                    found.extend(addresses.clone().map(|address| with_port(address, port)));
                }
            }
        }
    }
    first_three(&found, "<none>")
}

fn with_port(address: &str, port: i64) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The ports of an `EndpointSlice`.
pub(super) fn slice_ports(row: &Row<'_>) -> String {
    let port = |port: &Value| match integer(port, "/port") {
        Some(number) => number.to_string(),
        None => super::text_or(port, "/name", "*").to_owned(),
    };
    let ports: Vec<_> = items(row.object, "/ports").iter().map(port).collect();
    first_three(&ports, "<unset>")
}

/// The addresses of an `EndpointSlice`, ready or not.
pub(super) fn slice_addresses(row: &Row<'_>) -> String {
    let endpoints = items(row.object, "/endpoints").iter();
    let addresses = endpoints.flat_map(|endpoint| items(endpoint, "/addresses"));
    let addresses: Vec<_> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
    first_three(&addresses, "<unset>")
}
