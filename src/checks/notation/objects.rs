//! Statements about objects: what a watch delivers.

use serde_json::{Value, json};

use super::{CLAIM_TEMPLATE, Notes, SERVICE, SET, SET_UID};
use crate::history::{Change, Resource};

impl Notes {
    fn new_pod(&mut self, name: &str) -> Value {
        self.births += 1;
        let claim = format!("{CLAIM_TEMPLATE}-{name}");
        self.dated(json!({
            "metadata": {
                "name": name, "namespace": self.namespace_name(), "uid": format!("uid-{}", self.births),
                "labels": {
                    "app": "nginx", "statefulset.kubernetes.io/pod-name": name, "controller-revision-hash": "web-1"
                },
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": SET, "uid": SET_UID,
                    "controller": true, "blockOwnerDeletion": true
                }],
            },
            "spec": {
                "hostname": name, "subdomain": SERVICE,
                "volumes": [{"name": CLAIM_TEMPLATE, "persistentVolumeClaim": {"claimName": claim}}],
                "containers": [{"name": "nginx", "image": "nginx"}],
            },
            "status": {"phase": "Pending"},
        }))
    }

    fn new_claim(&mut self, name: &str) -> Value {
        self.births += 1;
        self.dated(json!({
            "metadata": {
                "name": name, "namespace": self.namespace_name(), "uid": format!("uid-{}", self.births),
                "labels": {"app": "nginx"},
            },
            "spec": claim_spec(),
            "status": {"phase": "Pending"},
        }))
    }

    /// A new object with the date of its creation, where the history has dates.
    fn dated(&self, mut raw: Value) -> Value {
        if self.dates {
            let secs = self.clock_us / 1_000_000;
            let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
            raw["metadata"]["creationTimestamp"] =
                json!(format!("2026-01-01T{hours:02}:{minutes:02}:{secs:02}Z"));
        }
        raw
    }

    pub(super) fn pod(&mut self, name: &str, what: &str, rest: &[&str]) -> bool {
        match (what, rest) {
            ("created", []) => {
                let pod = self.new_pod(name);
                self.object(Resource::Pods, Change::Added, pod);
            }
            ("listed" | "listed-again", rest) => {
                let is_new = what == "listed";
                let mut pod = if is_new { self.new_pod(name) } else { self.present(Resource::Pods, name) };
                if let [what, rest @ ..] = rest
                    && !change_pod(&mut pod, name, what, rest)
                {
                    return false;
                }
                self.object(Resource::Pods, Change::Listed, pod);
            }
            ("deleted" | "unlisted", []) => {
                let pod = self.present(Resource::Pods, name);
                let change = if what == "deleted" { Change::Deleted } else { Change::Unlisted };
                self.object(Resource::Pods, change, pod);
            }
            _ => {
                let mut pod = self.present(Resource::Pods, name);
                if !change_pod(&mut pod, name, what, rest) {
                    return false;
                }
                self.object(Resource::Pods, Change::Modified, pod);
            }
        }
        true
    }

    pub(super) fn claim(&mut self, name: &str, what: &str, rest: &[&str]) -> bool {
        let claims = Resource::PersistentVolumeClaims;
        match (what, rest) {
            ("claimed" | "listed", []) => {
                let raw = self.new_claim(name);
                self.object(claims, if what == "claimed" { Change::Added } else { Change::Listed }, raw);
            }
            ("listed-again", []) => {
                let raw = self.present(claims, name);
                self.object(claims, Change::Listed, raw);
            }
            ("bound", volume) => {
                let volume = volume.first().map_or_else(|| format!("pv-{name}"), ToString::to_string);
                self.modify(claims, name, |claim| {
                    claim["spec"]["volumeName"] = json!(volume);
                    claim["status"]["phase"] = json!("Bound");
                });
            }
            ("claim-terminating", []) => {
                self.modify(claims, name, |claim| {
                    claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                });
            }
            ("unclaimed" | "unlisted", []) => {
                let raw = self.present(claims, name);
                self.object(
                    claims,
                    if what == "unclaimed" { Change::Deleted } else { Change::Unlisted },
                    raw,
                );
            }
            _ => return false,
        }
        true
    }

    pub(super) fn set(&mut self, fields: &[&str]) {
        let (change, mut raw) = match self.find(Resource::StatefulSets, SET) {
            Some(raw) => (Change::Modified, raw.clone()),
            None => (Change::Added, new_set(&self.namespace_name())),
        };
        for field in fields {
            let (name, value) = field.split_once('=').expect("a field is name=value");
            if name == "revision" {
                raw["status"]["currentRevision"] = json!(value);
                raw["status"]["updateRevision"] = json!(value);
                continue;
            }
            let value: i64 = value.parse().expect("a field's value is a number");
            match name {
                "generation" => raw["metadata"]["generation"] = json!(value),
                "replicas" => raw["spec"]["replicas"] = json!(value),
                "observed" => raw["status"]["observedGeneration"] = json!(value),
                "pods" => raw["status"]["replicas"] = json!(value),
                "start" => raw["spec"]["ordinals"]["start"] = json!(value),
                counter => raw["status"][format!("{counter}Replicas")] = json!(value),
            }
        }
        self.object(Resource::StatefulSets, change, raw);
    }

    pub(super) fn service(&mut self, what: &[&str]) {
        let known = self.find(Resource::Services, SERVICE).is_some();
        let (mut publishes, mut addresses, mut families) = (false, json!(["None"]), json!(["IPv4"]));
        for word in what {
            match *word {
                "publish" => publishes = true,
                "vip" => addresses = json!(["10.96.3.4"]),
                "ipv6" => families = json!(["IPv6"]),
                "dual" => families = json!(["IPv4", "IPv6"]),
                other => panic!("the notation does not know `service {other}`"),
            }
        }
        let raw = json!({
            "metadata": {"name": SERVICE, "namespace": self.namespace_name(), "uid": "uid-service"},
            "spec": {
                "clusterIP": addresses[0], "clusterIPs": addresses, "ipFamilies": families,
                "selector": {"app": "nginx"}, "publishNotReadyAddresses": publishes,
                "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}],
            },
        });
        self.object(Resource::Services, if known { Change::Modified } else { Change::Added }, raw);
    }

    pub(super) fn slice(&mut self, family: &str, endpoints: &[&str]) {
        let name = if family == "IPv4" { "nginx-abcde" } else { "nginx-fghij" };
        let known = self.find(Resource::EndpointSlices, name).is_some();
        let endpoint = |text: &&str| {
            let (pod, address) = text.split_once('=').expect("an endpoint is pod=address");
            let ready = !address.ends_with('!');
            let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].clone();
            json!({
                "addresses": [address.trim_end_matches('!')], "hostname": pod,
                "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": pod, "namespace": self.namespace_name(), "uid": uid},
            })
        };
        let raw = json!({
            "metadata": {
                "name": name, "namespace": self.namespace_name(), "uid": format!("uid-{name}"),
                "labels": {"kubernetes.io/service-name": SERVICE},
            },
            "addressType": family,
            "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "ports": [{"name": "web", "port": 80, "protocol": "TCP"}],
        });
        self.object(Resource::EndpointSlices, if known { Change::Modified } else { Change::Added }, raw);
    }

    pub(super) fn endpoints(&mut self, addresses: &[&str]) {
        let known = self.find(Resource::Endpoints, SERVICE).is_some();
        let mut subset = json!({"addresses": [], "notReadyAddresses": []});
        for text in addresses {
            let (pod, address) = text.split_once('=').expect("an endpoint is pod=address");
            let uid = self.present(Resource::Pods, pod)["metadata"]["uid"].clone();
            let place = if address.ends_with('!') { "notReadyAddresses" } else { "addresses" };
            subset[place].as_array_mut().expect("a list").push(json!({
                "ip": address.trim_end_matches('!'), "hostname": pod,
                "targetRef": {"kind": "Pod", "name": pod, "namespace": self.namespace_name(), "uid": uid},
            }));
        }
        let raw = json!({"metadata": {"name": SERVICE, "namespace": self.namespace_name(), "uid": "uid-endpoints"}, "subsets": [subset]});
        self.object(Resource::Endpoints, if known { Change::Modified } else { Change::Added }, raw);
    }
}

fn new_set(namespace: &str) -> Value {
    json!({
        "metadata": {"name": SET, "namespace": namespace, "uid": SET_UID, "generation": 1},
        "spec": {
            "replicas": 0, "serviceName": SERVICE, "selector": {"matchLabels": {"app": "nginx"}},
            "volumeClaimTemplates": [{"metadata": {"name": CLAIM_TEMPLATE}, "spec": claim_spec()}],
        },
        "status": {},
    })
}

fn claim_spec() -> Value {
    json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
}

fn change_pod(pod: &mut Value, name: &str, what: &str, rest: &[&str]) -> bool {
    let ready = |pod: &mut Value, status: &str| {
        pod["status"]["phase"] = json!("Running");
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": status}]);
    };
    match (what, rest) {
        ("scheduled", []) => pod["spec"]["nodeName"] = json!("node-0"),
        ("running" | "unready", []) => ready(pod, "False"),
        ("ready", []) => {
            if pod["status"]["podIPs"].is_null() {
                let last = 10 + name.bytes().last().unwrap_or(b'0') - b'0';
                pod["status"]["podIPs"] = json!([{"ip": format!("10.0.0.{last}")}]);
            }
            ready(pod, "True");
        }
        ("terminating", []) => pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        ("failed", []) => pod["status"]["phase"] = json!("Failed"),
        ("address", [addresses]) => {
            let all: Vec<Value> = addresses.split(',').map(|ip| json!({"ip": ip})).collect();
            pod["status"]["podIPs"] = json!(all);
        }
        ("container", [id, restarts @ ..]) => {
            let restarts: i64 = restarts.first().map_or(0, |r| r.parse().expect("a number of restarts"));
            let started = format!("2026-01-01T00:00:{restarts:02}Z");
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "containerID": id, "restartCount": restarts,
                "state": {"running": {"startedAt": started}},
            }]);
        }
        ("label", [label]) => {
            let (key, value) = label.split_once('=').expect("a label is key=value");
            pod["metadata"]["labels"][key] = json!(value);
        }
        ("unlabel", [key]) => {
            pod["metadata"]["labels"].as_object_mut().expect("labels").remove(*key);
        }
        _ => return false,
    }
    true
}
