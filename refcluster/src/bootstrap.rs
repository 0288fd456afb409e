//! What is in a cluster before anyone has used it: namespaces, nodes, the API's own Service, storage, DNS.

use crate::kind::Kind;
use crate::kubelet::{node_conditions, node_name};
use crate::options::Storage;
use crate::queue::Component;
use crate::status::Status;
use crate::world::World;
use serde_json::{Value, json};

/// Makes the objects of a new cluster.
pub(crate) fn fill(world: &mut World) -> Result<(), Status> {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        world.create(Kind::Namespace, "", json!({"metadata": {"name": name}}), false)?;
    }
    for index in 0..world.options.nodes {
        let node = node(world, index);
        let created = world.create(Kind::Node, "", node.clone(), false)?;
        let key = crate::store::Key::new(Kind::Node, "", crate::json::name(&created));
        world.modify(&key, |stored| stored["status"] = node["status"].clone());
        world.queue.add(Component::Heartbeat, &key);
    }
    world.create(Kind::Service, "default", api_service(world), false)?;
    if let Some(class) = storage_class(world) {
        world.create(Kind::StorageClass, "", class, false)?;
    }
    if world.options.dns_backends > 0 {
        world.create(Kind::Deployment, "kube-system", dns_deployment(world.options.dns_backends), false)?;
        world.create(Kind::Service, "kube-system", dns_service(world), false)?;
    }
    Ok(())
}

fn node(world: &World, index: usize) -> Value {
    let (name, families) = (node_name(index), world.options.ip_families);
    let now = world.clock.timestamp();
    let resources = json!({"cpu": "2", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    json!({
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
            },
        },
        "spec": {"podCIDR": families.pod_ranges(index)[0], "podCIDRs": families.pod_ranges(index)},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": families.of_node(index)},
                {"type": "Hostname", "address": name},
            ],
            "capacity": resources, "allocatable": resources,
            "conditions": node_conditions(&now),
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "embedded://0",
                "kernelVersion": "0", "kubeProxyVersion": "", "kubeletVersion": world.options.version,
                "machineID": name, "operatingSystem": "linux", "osImage": "embedded", "systemUUID": name,
            },
        },
    })
}

fn api_service(world: &World) -> Value {
    json!({
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "clusterIP": world.options.ip_families.of_service(1),
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
    })
}

fn storage_class(world: &World) -> Option<Value> {
    let mode = match world.options.storage {
        Storage::None => return None,
        Storage::Immediate => "Immediate",
        Storage::WaitForFirstConsumer => "WaitForFirstConsumer",
    };
    Some(json!({
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "embedded/volumes", "reclaimPolicy": "Delete", "volumeBindingMode": mode,
    }))
}

fn dns_deployment(replicas: usize) -> Value {
    let near = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}}});
    json!({
        "metadata": {"name": "coredns", "labels": {"k8s-app": "kube-dns"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "kube-dns"}},
                "spec": {
                    "dnsPolicy": "Default",
                    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 100, "podAffinityTerm": near},
                    ]}},
                    "containers": [{
                        "name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.15.0",
                        "ports": [
                            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                        ],
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
                    }],
                },
            },
        },
    })
}

fn dns_service(world: &World) -> Value {
    json!({
        "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}},
        "spec": {
            "clusterIP": world.options.ip_families.of_service(10), "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            ],
        },
    })
}
