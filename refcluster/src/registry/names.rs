//! What must hold of an object before anything else is looked at: its type, its name, its namespace.
//!
//! Follows `BeforeCreate` of `k8s.io/apiserver/pkg/registry/rest/create.go`.

use crate::json::{self, map, text};
use crate::kind::Kind;
use crate::status::{Cause, Status};
use crate::store::Key;
use crate::world::World;
use serde_json::Value;

/// Checks that a body is an object of the kind that the path names, and writes kind and version into it.
pub(super) fn decode(kind: Kind, object: &mut Value) -> Result<(), Status> {
    let (api_version, name) = (kind.api_version(), kind.info().name);
    let fits = |field: &str, wanted: &str| object[field].is_null() || object[field] == *wanted;
    if !fits("kind", name) && fits("apiVersion", &api_version) {
        let (other, version, group) = (text(object, "/kind"), kind.info().version, kind.info().group);
        let group = if group.is_empty() { "core" } else { group };
        return Err(Status::bad_request(format!(
            "{other} in version {version:?} cannot be handled as a {name}: converting ({version}.{other}) to ({group}.{name}): unknown conversion"
        )));
    }
    if !object.is_object() || !fits("kind", name) || !fits("apiVersion", &api_version) {
        let message = format!(
            "the API version in the data ({}) does not match the expected API version ({api_version})",
            text(object, "/apiVersion")
        );
        return Err(Status::bad_request(message));
    }
    for field in ["metadata", "spec", "status"] {
        if object.get(field).is_some_and(|part| !part.is_object() && !part.is_null()) {
            let message = format!(
                "{name} in version {:?} cannot be handled as a {name}: {field} is no object",
                kind.info().version
            );
            return Err(Status::bad_request(message));
        }
    }
    if kind == Kind::StatefulSet {
        decode_numbers(&object["spec"])?;
    }
    object["kind"] = name.into();
    object["apiVersion"] = api_version.into();
    for pointer in ["/metadata", "/spec/template/metadata"] {
        object.pointer_mut(pointer).into_iter().for_each(drop_empty_maps);
    }
    Ok(())
}

/// What is no number where the type has one.
fn decode_numbers(spec: &Value) -> Result<(), Status> {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        let value = &spec[field];
        if !value.is_null() && !value.is_i64() {
            let found = if value.is_string() { "string" } else { "object" };
            return Err(Status::bad_request(format!(
                "StatefulSet in version \"v1\" cannot be handled as a StatefulSet: json: cannot unmarshal {found} into Go struct field StatefulSetSpec.spec.{field} of type int32"
            )));
        }
    }
    Ok(())
}

/// Maps without entries are not written out, so those who compare objects do not see them.
fn drop_empty_maps(metadata: &mut Value) {
    for field in ["labels", "annotations"] {
        if json::texts(metadata, &format!("/{field}")).next().is_none() {
            json::remove(metadata, field);
        }
    }
}

/// Gives a new object its name and its namespace, which must exist and not be going away.
pub(super) fn place(
    world: &mut World,
    kind: Kind,
    namespace: &str,
    object: &mut Value,
) -> Result<(), Status> {
    let metadata = map(object, "metadata");
    if text(metadata, "/name").is_empty() && !text(metadata, "/generateName").is_empty() {
        metadata["name"] = format!("{}{}", text(metadata, "/generateName"), world.names.suffix(5)).into();
    }
    if !kind.info().namespaced {
        json::remove(metadata, "namespace");
        return require_name(kind, object);
    }
    let given = text(metadata, "/namespace");
    if !given.is_empty() && given != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(message));
    }
    metadata["namespace"] = namespace.into();
    require_name(kind, object)?;
    require_namespace(world, kind, namespace, json::name(object))
}

fn require_name(kind: Kind, object: &Value) -> Result<(), Status> {
    if !json::name(object).is_empty() {
        return Ok(());
    }
    let cause = Cause::required("metadata.name", "name or generateName is required");
    Err(Status::invalid(kind, "", vec![cause]))
}

/// Follows `plugin/pkg/admission/namespace/lifecycle`.
fn require_namespace(world: &World, kind: Kind, namespace: &str, name: &str) -> Result<(), Status> {
    let Some(found) = world.get(&Key::new(Kind::Namespace, "", namespace)) else {
        return Err(Status::not_found(Kind::Namespace, namespace));
    };
    if json::terminating(&found) {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        return Err(Status::forbidden(kind, name, &why));
    }
    Ok(())
}
