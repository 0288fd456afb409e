//! The values of fields that a client leaves out.
//!
//! Follows `pkg/apis/core/v1/defaults.go`, `pkg/apis/apps/v1/defaults.go`.

use crate::fault::Fault;
use crate::json::{default, has, list, map, text};
use crate::kind::Kind;
use crate::release::{Gate, Release};
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn fill(world: &mut World, kind: Kind, object: &mut Value) {
    if kind == Kind::StatefulSet {
        lie(world, map(object, "spec"));
    }
    match kind {
        Kind::Pod => {
            pod_spec(map(object, "spec"));
            let containers = object.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(requests_from_limits);
        }
        Kind::StatefulSet => stateful_set(&world.release, map(object, "spec")),
        Kind::Deployment => deployment(map(object, "spec")),
        Kind::ReplicaSet => {
            let spec = map(object, "spec");
            default(spec, "replicas", 1);
            template(spec);
        }
        Kind::Service => service(&world.release, map(object, "spec")),
        Kind::PersistentVolumeClaim => default(map(object, "spec"), "volumeMode", "Filesystem"),
        Kind::PersistentVolume => {
            let spec = map(object, "spec");
            default(spec, "persistentVolumeReclaimPolicy", "Retain");
            default(spec, "volumeMode", "Filesystem");
        }
        Kind::StorageClass => {
            default(object, "reclaimPolicy", "Delete");
            default(object, "volumeBindingMode", "Immediate");
        }
        _ => {}
    }
}

/// Fills in wrong values before the right ones are.
fn lie(world: &mut World, spec: &mut Value) {
    let lies = [
        (Fault::DefaultReplicasZero, "replicas", json!(0)),
        (Fault::DefaultPolicyParallel, "podManagementPolicy", json!("Parallel")),
        (Fault::DefaultHistoryLimitTwo, "revisionHistoryLimit", json!(2)),
    ];
    for (fault, field, value) in lies {
        if !has(spec, &format!("/{field}")) && world.tells(fault) {
            spec[field] = value;
        }
    }
}

fn stateful_set(release: &Release, spec: &mut Value) {
    default(spec, "replicas", 1);
    if text(spec, "/podManagementPolicy").is_empty() {
        spec["podManagementPolicy"] = "OrderedReady".into();
    }
    default(spec, "revisionHistoryLimit", 10);
    update_strategy(release, map(spec, "updateStrategy"));
    if release.has(Gate::RetentionPolicy) {
        let retention = map(spec, "persistentVolumeClaimRetentionPolicy");
        default(retention, "whenDeleted", "Retain");
        default(retention, "whenScaled", "Retain");
    }
    template(spec);
    if has(spec, "/volumeClaimTemplates") {
        list(spec, "volumeClaimTemplates").iter_mut().for_each(claim_template);
    }
}

/// A strategy whose type is given and whose block is not keeps no block: then ordinals below the number of
/// current replicas come back at the current revision.
fn update_strategy(release: &Release, strategy: &mut Value) {
    if text(strategy, "/type").is_empty() {
        strategy["type"] = "RollingUpdate".into();
        map(strategy, "rollingUpdate");
    }
    if strategy["type"] == "RollingUpdate" && has(strategy, "/rollingUpdate") {
        default(&mut strategy["rollingUpdate"], "partition", 0);
        if release.has(Gate::MaxUnavailable) {
            default(&mut strategy["rollingUpdate"], "maxUnavailable", 1);
        }
    }
}

fn claim_template(claim: &mut Value) {
    claim["kind"] = "PersistentVolumeClaim".into();
    claim["apiVersion"] = "v1".into();
    default(map(claim, "spec"), "volumeMode", "Filesystem");
    claim["status"] = json!({"phase": "Pending"});
}

fn deployment(spec: &mut Value) {
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    let strategy = map(spec, "strategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = map(strategy, "rollingUpdate");
        default(rolling, "maxSurge", "25%");
        default(rolling, "maxUnavailable", "25%");
    }
    template(spec);
}

fn template(spec: &mut Value) {
    pod_spec(map(map(spec, "template"), "spec"));
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", "Always");
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "enableServiceLinks", true);
    default(spec, "securityContext", json!({}));
    for group in ["initContainers", "containers"] {
        if spec[group].is_array() {
            list(spec, group).iter_mut().for_each(container);
        }
    }
    if spec["volumes"].is_array() {
        list(spec, "volumes").iter_mut().for_each(volume);
    }
}

fn container(container: &mut Value) {
    let image = text(container, "/image");
    let latest = !image.rsplit('/').next().unwrap_or_default().contains(':') || image.ends_with(":latest");
    default(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "resources", json!({}));
    if container["ports"].is_array() {
        list(container, "ports").iter_mut().for_each(|port| default(port, "protocol", "TCP"));
    }
    for kind in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if container[kind].is_object() {
            probe(&mut container[kind]);
        }
    }
    if container["env"].is_array() {
        list(container, "env").iter_mut().for_each(|env| {
            if env["valueFrom"]["fieldRef"].is_object() {
                default(&mut env["valueFrom"]["fieldRef"], "apiVersion", "v1");
            }
        });
    }
}

/// What a container may use and does not ask for, it asks for.
fn requests_from_limits(container: &mut Value) {
    let limits = container["resources"]["limits"].clone();
    for (resource, limit) in limits.as_object().into_iter().flatten() {
        default(map(&mut container["resources"], "requests"), resource, limit.clone());
    }
}

fn probe(probe: &mut Value) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        default(probe, field, value);
    }
    if probe["httpGet"].is_object() {
        default(&mut probe["httpGet"], "path", "/");
        default(&mut probe["httpGet"], "scheme", "HTTP");
    }
}

fn volume(volume: &mut Value) {
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if volume[source].is_object() {
            default(&mut volume[source], "defaultMode", 420);
        }
    }
}

fn service(release: &Release, spec: &mut Value) {
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["type"] == "ExternalName" {
        return;
    }
    if release.since(22) {
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    if spec["ports"].is_array() {
        list(spec, "ports").iter_mut().for_each(|port| {
            default(port, "protocol", "TCP");
            let number = port["port"].clone();
            default(port, "targetPort", number);
        });
    }
}
