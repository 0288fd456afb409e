//! Patches of the four kinds that the API knows.

mod apply;
mod json_patch;
mod merge;
mod strategic;

pub(super) use apply::apply;

use super::request::Request;
use crate::status::Status;
use serde_json::Value;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchKind {
    pub(super) fn of(content_type: &str) -> Result<Self, Status> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Ok(Self::Apply),
            other => {
                let message = format!("the body of the request was in an unknown format: {other}");
                Err(Status::new(415, "UnsupportedMediaType", message))
            }
        }
    }
}

/// The patch itself. An apply patch may be YAML, of which JSON is a part; clients in Rust and Go send JSON.
pub(super) fn body(request: &Request) -> Result<Value, Status> {
    request.json()
}

/// The object with the patch in it.
pub(super) fn patched(kind: PatchKind, object: &Value, patch: &Value) -> Result<Value, Status> {
    let mut patched = object.clone();
    match kind {
        PatchKind::Json => json_patch::patch(&mut patched, patch)?,
        PatchKind::Merge => merge::patch(&mut patched, patch),
        PatchKind::Strategic => strategic::patch(&mut patched, patch),
        PatchKind::Apply => return Err(Status::method_not_allowed()),
    }
    Ok(patched)
}
