//! The address families of a Service, and its virtual addresses, one for each.
//!
//! Follows `pkg/registry/core/service/storage/alloc.go` (`initIPFamilyFields`, `allocClusterIPs`).

use crate::families::service_address;
use crate::fault::Fault;
use crate::json::{self, default, items, list, map, text};
use crate::kind::Kind;
use crate::status::{Cause, Status};
use crate::world::World;
use serde_json::{Value, json};

impl World {
    /// Fills in what a Service leaves open about families. Before 1.21 a Service has none.
    pub(super) fn choose_families(&self, service: &mut Value) -> Result<(), Status> {
        let name = json::name(service).to_owned();
        let spec = map(service, "spec");
        if !self.release.since(21) || spec["type"] == "ExternalName" {
            ["ipFamilies", "ipFamilyPolicy"].iter().for_each(|field| drop(json::remove(spec, field)));
            return Ok(());
        }
        let cluster = self.options.ip_families.names();
        let refuse = |cause| Err(Status::invalid(Kind::Service, &name, vec![cause]));
        for (index, family) in items(spec, "/ipFamilies").iter().enumerate() {
            if !cluster.iter().any(|known| family == known) {
                let field = format!("spec.ipFamilies[{index}]");
                return refuse(Cause::invalid(field, family, "not configured on this cluster"));
            }
        }
        let several = items(spec, "/ipFamilies").len() > 1;
        default(spec, "ipFamilyPolicy", if several { "RequireDualStack" } else { "SingleStack" });
        let policy = spec["ipFamilyPolicy"].clone();
        if policy == "RequireDualStack" && cluster.len() < 2 {
            let detail = "this cluster is not configured for dual-stack services";
            return refuse(Cause::invalid("spec.ipFamilyPolicy", &policy, detail));
        }
        let wanted = if policy == "SingleStack" { 1 } else { cluster.len() };
        let families = list(spec, "ipFamilies");
        let missing = cluster.iter().filter(|family| !families.iter().any(|present| present == **family));
        let missing: Vec<Value> = missing.map(|family| (*family).into()).collect();
        let room = wanted.saturating_sub(families.len());
        families.extend(missing.into_iter().take(room));
        families.truncate(wanted.max(1));
        Ok(())
    }

    /// Gives a Service its virtual addresses, unless it is headless or only another name.
    pub(super) fn allocate_cluster_ip(&mut self, service: &mut Value) -> Result<(), Status> {
        let name = json::name(service).to_owned();
        let spec = map(service, "spec");
        let asked = text(spec, "/clusterIP").to_owned();
        if spec["type"] == "ExternalName" {
            return Ok(());
        }
        let lies = asked == "None" && self.tells(Fault::HeadlessGetsClusterIp);
        if asked == "None" && !lies {
            spec["clusterIPs"] = json!(["None"]);
            return Ok(());
        }
        let mut addresses: Vec<String> = items(spec, "/clusterIPs")
            .iter()
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect();
        addresses.retain(|address| address != "None" && *address != asked);
        if !asked.is_empty() && !lies {
            addresses.insert(0, asked);
        }
        if let Some(taken) = addresses.iter().find(|address| self.cluster_ip_taken(address)) {
            let cause =
                Cause::invalid("spec.clusterIPs", &json!([taken]), "provided IP is already allocated");
            return Err(Status::invalid(Kind::Service, &name, vec![cause]));
        }
        for family in families(spec, self.options.ip_families.names()[0]).iter().skip(addresses.len()) {
            addresses.push(self.free_cluster_ip(family));
        }
        spec["clusterIP"] = addresses[0].clone().into();
        spec["clusterIPs"] = addresses.into();
        self.allocate_node_ports(service);
        Ok(())
    }

    fn cluster_ip_taken(&self, address: &str) -> bool {
        let has = |service: &Value| items(service, "/spec/clusterIPs").iter().any(|taken| taken == address);
        self.store.list(Kind::Service, "").any(|(_, service)| has(service))
    }

    fn free_cluster_ip(&mut self, family: &str) -> String {
        loop {
            let address = service_address(family, self.names.within(256..65_000));
            if !self.cluster_ip_taken(&address) {
                return address;
            }
        }
    }

    fn allocate_node_ports(&mut self, service: &mut Value) {
        let spec = map(service, "spec");
        if !matches!(text(spec, "/type"), "NodePort" | "LoadBalancer") {
            return;
        }
        for port in list(spec, "ports") {
            let free = self.names.within(30_000..32_768);
            default(port, "nodePort", free);
        }
    }
}

fn families(spec: &Value, first: &str) -> Vec<String> {
    let named: Vec<_> =
        items(spec, "/ipFamilies").iter().filter_map(|family| family.as_str().map(str::to_owned)).collect();
    if named.is_empty() { vec![first.to_owned()] } else { named }
}
