//! The scale subresource: `spec.replicas` and `status.replicas` of a workload in a common shape.
//!
//! Follows `pkg/registry/apps/statefulset/storage/storage.go`.

use super::patch::{self, PatchKind};
use super::request::{Request, Target};
use super::response::{self, Response};
use crate::fault::Fault;
use crate::json::{self, integer, map, text};
use crate::kind::Kind;
use crate::registry::Part;
use crate::selector::label_selector_text;
use crate::status::{Cause, Status};
use crate::world::{Shared, World};
use serde_json::{Value, json};

pub(super) fn handle(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let key = target.key();
    let mut world = shared.lock();
    let object = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    let current = scale_of(&object);
    let wanted = match request.method.as_str() {
        "GET" => return Ok(shown(&mut world, key.kind, current)),
        "PUT" => request.json()?,
        "PATCH" => {
            let kind = PatchKind::of(request.header("content-type"))?;
            patch::patched(kind, &current, &patch::body(request)?)?
        }
        _ => return Err(Status::method_not_allowed()),
    };
    let replicas = integer(&wanted, "/spec/replicas").unwrap_or(0);
    if replicas < 0 {
        let detail = "must be greater than or equal to 0";
        let cause = Cause::invalid("spec.replicas", &json!(replicas), detail);
        return Err(Status::invalid_scale(&key.name, cause));
    }
    let changes = key.kind == Kind::StatefulSet && current["spec"]["replicas"] != replicas;
    if changes && world.tells(Fault::ScaleIgnored) {
        return Ok(shown(&mut world, key.kind, scale_of(&object)));
    }
    let mut changed = (*object).clone();
    changed["metadata"]["resourceVersion"] = wanted["metadata"]["resourceVersion"].clone();
    changed["spec"]["replicas"] = replicas.into();
    let stored = world.replace(&key, changed, Part::Main, request.dry_run()?)?;
    Ok(shown(&mut world, key.kind, scale_of(&stored)))
}

fn shown(world: &mut World, kind: Kind, mut scale: Value) -> Response {
    if kind == Kind::StatefulSet && world.tells(Fault::ScaleWithoutSelector) {
        json::remove(map(&mut scale, "status"), "selector");
    }
    response::json(200, &scale)
}

fn scale_of(object: &Value) -> Value {
    let (metadata, replicas) = (&object["metadata"], integer(object, "/spec/replicas").unwrap_or(0));
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": json::name(object), "namespace": json::namespace(object), "uid": json::uid(object),
            "resourceVersion": text(object, "/metadata/resourceVersion"),
            "creationTimestamp": metadata["creationTimestamp"],
        },
        // Zero is left out, as the API's types do.
        "spec": if replicas == 0 { json!({}) } else { json!({"replicas": replicas}) },
        "status": {
            "replicas": integer(object, "/status/replicas").unwrap_or(0),
            "selector": label_selector_text(&object["spec"]["selector"]),
        },
    })
}
