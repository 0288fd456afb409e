//! What the API server refuses to store, and the words it has for it.
//!
//! Follows `pkg/apis/core/validation/validation.go` and `pkg/apis/apps/validation/validation.go`.

mod meta;
mod pod;
mod service;
mod stateful_set;
mod storage;

use crate::kind::Kind;
use crate::status::{Cause, Status};
use crate::json;
use serde_json::Value;

/// Checks an object by itself.
pub(super) fn created(kind: Kind, object: &Value) -> Result<(), Status> {
    let mut causes = meta::check(kind, object);
    causes.extend(match kind {
        Kind::StatefulSet => stateful_set::check(object),
        Kind::Pod => pod::check_spec(&object["spec"], "spec"),
        Kind::Deployment | Kind::ReplicaSet => pod::check_template(&object["spec"], "spec"),
        Kind::Service => service::check(object),
        Kind::PersistentVolumeClaim => storage::check_claim_spec(&object["spec"], "spec"),
        Kind::PersistentVolume => storage::check_volume(object),
        _ => Vec::new(),
    });
    refuse(kind, object, causes)
}

/// Checks what may not change.
pub(super) fn updated(kind: Kind, old: &Value, new: &Value) -> Result<(), Status> {
    let causes = match kind {
        Kind::StatefulSet => stateful_set::check_update(old, new),
        Kind::Pod => pod::check_update(old, new),
        Kind::Service => service::check_update(old, new),
        Kind::PersistentVolumeClaim => storage::check_claim_update(old, new),
        Kind::Deployment | Kind::ReplicaSet if old["spec"]["selector"] != new["spec"]["selector"] => {
            vec![Cause::invalid("spec.selector", &new["spec"]["selector"], "field is immutable")]
        }
        Kind::ControllerRevision if old["data"] != new["data"] => {
            vec![Cause::invalid("data", &new["data"], "field is immutable")]
        }
        _ => Vec::new(),
    };
    refuse(kind, new, causes)
}

fn refuse(kind: Kind, object: &Value, causes: Vec<Cause>) -> Result<(), Status> {
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(kind, json::name(object), causes)) }
}

/// A cause for a number below `least`.
fn at_least(object: &Value, pointer: &str, prefix: &str, least: i64) -> Option<Cause> {
    let value = object.pointer(pointer).filter(|value| !value.is_null())?;
    let field = format!("{prefix}{}", pointer.replace('/', "."));
    let Some(number) = value.as_i64() else {
        return Some(Cause::invalid(field, value, "must be an integer"));
    };
    let detail = format!("must be greater than or equal to {least}");
    (number < least).then(|| Cause::invalid(field, value, &detail))
}
