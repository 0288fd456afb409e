//! What the API server's admission plugins add to new objects.
//!
//! Follows `plugin/pkg/admission/storage/persistentvolume`, `.../storage/storageobjectinuseprotection`,
//! `.../storage/storageclass/setdefault` and `.../serviceaccount`. Tokens are not projected into pods.

use crate::fault::Fault;
use crate::json::{default, has, list, map, text};
use crate::kind::Kind;
use crate::status::{Cause, Status};
use crate::world::World;
use serde_json::{Value, json};

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

pub(super) fn admit(world: &mut World, kind: Kind, object: &mut Value) -> Result<(), Status> {
    match kind {
        Kind::Pod => {
            let spec = map(object, "spec");
            default(spec, "serviceAccountName", "default");
            let account = spec["serviceAccountName"].clone();
            default(spec, "serviceAccount", account);
        }
        Kind::PersistentVolumeClaim => {
            protect(object, "kubernetes.io/pvc-protection");
            choose_class(world, object);
        }
        Kind::PersistentVolume => protect(object, "kubernetes.io/pv-protection"),
        Kind::Namespace => {
            let name = object["metadata"]["name"].clone();
            map(map(object, "metadata"), "labels")["kubernetes.io/metadata.name"] = name;
        }
        _ => {}
    }
    Ok(())
}

fn protect(object: &mut Value, finalizer: &str) {
    let finalizers = list(map(object, "metadata"), "finalizers");
    if !finalizers.iter().any(|present| present == finalizer) {
        finalizers.push(finalizer.into());
    }
}

fn choose_class(world: &World, claim: &mut Value) {
    if has(claim, "/spec/storageClassName") {
        return;
    }
    let is_default = |class: &&Value| class["metadata"]["annotations"][DEFAULT_CLASS] == "true";
    let class = world.store.list(Kind::StorageClass, "").map(|(_, class)| &**class).find(is_default);
    if let Some(class) = class {
        map(claim, "spec")["storageClassName"] = class["metadata"]["name"].clone();
    }
}

impl World {
    /// Gives a Service its virtual address, unless it is headless or only another name.
    pub(super) fn allocate_cluster_ip(&mut self, service: &mut Value) -> Result<(), Status> {
        let spec = map(service, "spec");
        let asked = text(spec, "/clusterIP").to_owned();
        if spec["type"] == "ExternalName" {
            return Ok(());
        }
        let lies = asked == "None" && self.tells(Fault::HeadlessGetsClusterIp);
        let address = if asked.is_empty() || lies { self.free_cluster_ip() } else { asked };
        if address != "None" && self.cluster_ip_taken(&address) {
            let cause =
                Cause::invalid("spec.clusterIPs", &json!([address]), "provided IP is already allocated");
            return Err(Status::invalid(Kind::Service, crate::json::name(service), vec![cause]));
        }
        spec["clusterIP"] = address.clone().into();
        spec["clusterIPs"] = json!([address]);
        self.allocate_node_ports(service);
        Ok(())
    }

    fn cluster_ip_taken(&self, address: &str) -> bool {
        self.store.list(Kind::Service, "").any(|(_, service)| service["spec"]["clusterIP"] == address)
    }

    fn free_cluster_ip(&mut self) -> String {
        loop {
            let number = self.names.within(256..65_000);
            let address = format!("10.96.{}.{}", number >> 8, number & 0xff);
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
