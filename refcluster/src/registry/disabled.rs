//! Fields of features that the release does not have: they are dropped before anything else is done with an object.
//!
//! Follows `dropStatefulSetDisabledFields` of `pkg/registry/apps/statefulset/strategy.go` and the like.

use crate::json::{map, remove};
use crate::kind::Kind;
use crate::release::{Gate, Release};
use serde_json::Value;

pub(super) fn drop_fields(release: &Release, kind: Kind, object: &mut Value) {
    match kind {
        Kind::StatefulSet => stateful_set(release, map(object, "spec")),
        Kind::PodDisruptionBudget if !release.has(Gate::UnhealthyEviction) => {
            remove(map(object, "spec"), "unhealthyPodEvictionPolicy");
        }
        Kind::Pod if !release.has(Gate::ResizeInPlace) => {
            let containers = object.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(|container| drop(remove(container, "resizePolicy")));
        }
        _ => {}
    }
}

fn stateful_set(release: &Release, spec: &mut Value) {
    for (gate, field) in [
        (Gate::MinReadySeconds, "minReadySeconds"),
        (Gate::StartOrdinal, "ordinals"),
        (Gate::RetentionPolicy, "persistentVolumeClaimRetentionPolicy"),
    ] {
        if !release.has(gate) {
            remove(spec, field);
        }
    }
    let rolling = spec.pointer_mut("/updateStrategy/rollingUpdate");
    if let Some(rolling) = rolling.filter(|_| !release.has(Gate::MaxUnavailable)) {
        remove(rolling, "maxUnavailable");
    }
}
