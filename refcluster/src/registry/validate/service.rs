//! Services.

use crate::json::{items, text};
use crate::status::Cause;
use serde_json::Value;

pub(super) fn check(service: &Value) -> Vec<Cause> {
    let spec = &service["spec"];
    let kind = text(spec, "/type");
    let mut causes = Vec::new();
    if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
        let supported = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        causes.push(Cause::unsupported("spec.type", &spec["type"], &supported));
    }
    let headless = spec["clusterIP"] == "None";
    if headless && matches!(kind, "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {kind} services");
        causes.push(Cause::invalid("spec.clusterIPs[0]", &spec["clusterIP"], &detail));
    }
    let ports = items(spec, "/ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        causes.extend(check_port(port, index, ports.len() > 1));
    }
    causes
}

pub(super) fn check_update(old: &Value, new: &Value) -> Vec<Cause> {
    let (before, after) = (&old["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
    if before == after || new["spec"]["type"] == "ExternalName" {
        return Vec::new();
    }
    vec![Cause::invalid("spec.clusterIPs[0]", after, "may not change once set")]
}

fn check_port(port: &Value, index: usize, named: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    if named && text(port, "/name").is_empty() {
        causes.push(Cause::required(format!("spec.ports[{index}].name"), ""));
    }
    if !port["port"].as_i64().is_some_and(|number| (1..65_536).contains(&number)) {
        let detail = "must be between 1 and 65535, inclusive";
        causes.push(Cause::invalid(format!("spec.ports[{index}].port"), &port["port"], detail));
    }
    causes
}
