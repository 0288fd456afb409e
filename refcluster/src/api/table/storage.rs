//! The cells of claims and volumes.
//!
//! Follows `printPersistentVolume` and `printPersistentVolumeClaim`.

use super::{Row, joined, text_or};
use crate::json::{self, items, text};
use serde_json::Value;

/// Terminating, or the phase.
pub(super) fn status(row: &Row<'_>) -> String {
    let phase = text(row.object, "/status/phase");
    if json::terminating(row.object) { "Terminating" } else { phase }.to_owned()
}

/// How large a volume is.
pub(super) fn volume_capacity(row: &Row<'_>) -> String {
    text(row.object, "/spec/capacity/storage").to_owned()
}

/// How large the volume of a claim is, once there is one.
pub(super) fn claim_capacity(row: &Row<'_>) -> String {
    text(row.object, "/status/capacity/storage").to_owned()
}

/// How a volume may be mounted.
pub(super) fn volume_modes(row: &Row<'_>) -> String {
    joined(items(row.object, "/spec/accessModes").iter().map(short_mode), "")
}

/// How the volume of a claim may be mounted, once there is one.
pub(super) fn claim_modes(row: &Row<'_>) -> String {
    joined(items(row.object, "/status/accessModes").iter().map(short_mode), "")
}

fn short_mode(mode: &Value) -> String {
    match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    }
    .to_owned()
}

/// The claim that has a volume.
pub(super) fn claim(row: &Row<'_>) -> String {
    let claim = &row.object["spec"]["claimRef"];
    if claim.is_object() {
        format!("{}/{}", text(claim, "/namespace"), text(claim, "/name"))
    } else {
        String::new()
    }
}

/// The class, which old objects name in an annotation.
pub(super) fn class(row: &Row<'_>) -> String {
    let annotation =
        row.object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].as_str();
    annotation.unwrap_or_else(|| text(row.object, "/spec/storageClassName")).to_owned()
}

/// The class of the attributes that can change.
pub(super) fn attributes_class(row: &Row<'_>) -> String {
    text_or(row.object, "/spec/volumeAttributesClassName", "<unset>").to_owned()
}

/// A file system, or a raw device.
pub(super) fn volume_mode(row: &Row<'_>) -> String {
    text_or(row.object, "/spec/volumeMode", "<unset>").to_owned()
}

/// A class's name, and whether claims without a class get it.
pub(super) fn class_name(row: &Row<'_>) -> String {
    let name = json::name(row.object);
    let annotation = &row.object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"];
    if annotation == "true" { format!("{name} (default)") } else { name.to_owned() }
}
