//! PersistentVolumeClaims and PersistentVolumes.

use crate::json::{has, items};
use crate::status::Cause;
use serde_json::Value;

pub(super) fn check_claim_spec(spec: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if items(spec, "/accessModes").is_empty() {
        causes.push(Cause::required(format!("{field}.accessModes"), "at least 1 access mode is required"));
    }
    if !has(spec, "/resources/requests/storage") {
        causes.push(Cause::required(format!("{field}.resources[storage]"), ""));
    }
    causes
}

pub(super) fn check_claim_update(old: &Value, new: &Value) -> Vec<Cause> {
    let fixed = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        crate::json::remove(&mut spec, "resources");
        if old["spec"]["volumeName"].is_null() {
            crate::json::remove(&mut spec, "volumeName");
        }
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    vec![Cause::forbidden("spec", detail)]
}

pub(super) fn check_volume(volume: &Value) -> Vec<Cause> {
    const SOURCES: [&str; 8] =
        ["hostPath", "local", "nfs", "csi", "rbd", "iscsi", "fc", "awsElasticBlockStore"];
    let spec = &volume["spec"];
    let mut causes = Vec::new();
    if items(spec, "/accessModes").is_empty() {
        causes.push(Cause::required("spec.accessModes", ""));
    }
    if !has(spec, "/capacity/storage") {
        causes.push(Cause::required("spec.capacity", ""));
    }
    if !SOURCES.iter().any(|source| spec[*source].is_object()) {
        causes.push(Cause::required("spec", "must specify a volume type"));
    }
    causes
}
