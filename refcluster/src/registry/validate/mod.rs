//! What the API server refuses to store, and the words it has for it.
//!
//! Follows `pkg/apis/core/validation/validation.go` and `pkg/apis/apps/validation/validation.go`.

mod budget;
mod meta;
mod pod;
mod service;
mod stateful_set;
mod storage;
mod values;

use crate::fault::Fault;
use crate::json;
use crate::kind::Kind;
use crate::release::Release;
use crate::status::{Cause, Status};
use crate::world::World;
use serde_json::Value;

/// Checks an object, and what of it may not change.
pub(super) fn check(
    world: &mut World,
    kind: Kind,
    old: Option<&Value>,
    object: &Value,
) -> Result<(), Status> {
    let release = &world.release;
    let mut causes = meta::check(release, kind, old, object);
    causes.extend(check_alone(release, kind, old, object));
    let changes = old.map(|old| check_change(release, kind, old, object)).unwrap_or_default();
    if kind == Kind::StatefulSet {
        overlook(world, &mut causes);
    }
    let accepted =
        kind == Kind::StatefulSet && !changes.is_empty() && world.tells(Fault::ImmutableFieldsAccepted);
    causes.extend(if accepted { Vec::new() } else { changes });
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(kind, json::name(object), causes)) }
}

/// Checks a status that somebody writes.
pub(super) fn check_status(world: &World, kind: Kind, object: &Value) -> Result<(), Status> {
    let causes = match kind {
        Kind::StatefulSet => stateful_set::check_status(&world.release, &object["status"]),
        _ => Vec::new(),
    };
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(kind, json::name(object), causes)) }
}

fn check_alone(release: &Release, kind: Kind, old: Option<&Value>, object: &Value) -> Vec<Cause> {
    match kind {
        Kind::StatefulSet => stateful_set::check(release, object, old),
        Kind::Pod => pod::check_spec(release, &object["spec"], Vec::new(), "spec"),
        Kind::Deployment | Kind::ReplicaSet => pod::check_template(release, &object["spec"], "spec"),
        Kind::Service => service::check(object),
        Kind::PersistentVolumeClaim => storage::check_claim_spec(&object["spec"], "spec"),
        Kind::PersistentVolume => storage::check_volume(object),
        Kind::PodDisruptionBudget => budget::check(release, object),
        _ => Vec::new(),
    }
}

fn check_change(release: &Release, kind: Kind, old: &Value, new: &Value) -> Vec<Cause> {
    match kind {
        Kind::StatefulSet => stateful_set::check_update(release, old, new),
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
    }
}

/// Accepts what should be refused, one kind of mistake at a time.
fn overlook(world: &mut World, causes: &mut Vec<Cause>) {
    causes.retain(|cause| {
        let field = cause.field();
        let lie = match field {
            "spec.selector" | "spec.template.metadata.labels" => Fault::EmptySelectorAccepted,
            "spec.template.spec.restartPolicy" => Fault::RestartPolicyAccepted,
            field if is_number_or_policy(field) => Fault::InvalidValuesAccepted,
            _ => return true,
        };
        !world.tells(lie)
    });
}

fn is_number_or_policy(field: &str) -> bool {
    const FIELDS: [&str; 9] = [
        "spec.replicas",
        "spec.minReadySeconds",
        "spec.ordinals.start",
        "spec.revisionHistoryLimit",
        "spec.podManagementPolicy",
        "spec.updateStrategy",
        "spec.updateStrategy.rollingUpdate.partition",
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled",
    ];
    FIELDS.contains(&field)
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
