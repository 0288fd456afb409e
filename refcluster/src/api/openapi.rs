//! As much OpenAPI as `kubectl` needs to see that the server validates fields itself.
//!
//! Schemas are left out: nothing here reads them.

use crate::kind::Kind;
use serde_json::{Map, Value, json};

/// Where the document of each group and version is.
pub(super) fn index() -> Value {
    let entry = |kind: &Kind| {
        let path = prefix(kind.info().group, kind.info().version);
        (path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}")}))
    };
    json!({"paths": Kind::ALL.iter().map(entry).collect::<Map<_, _>>()})
}

/// The operations of a group and version that take a `fieldValidation` parameter.
pub(super) fn paths(group: &str, version: &str) -> Value {
    let kinds = Kind::ALL.iter().filter(|kind| kind.info().group == group && kind.info().version == version);
    json!({
        "openapi": "3.0.0", "info": {"title": "embedded", "version": version}, "components": {"schemas": {}},
        "paths": kinds.map(|kind| operations(*kind)).collect::<Map<_, _>>(),
    })
}

fn operations(kind: Kind) -> (String, Value) {
    let info = kind.info();
    let namespaced = if info.namespaced { "namespaces/{namespace}/" } else { "" };
    let path = format!("/{}/{namespaced}{}/{{name}}", prefix(info.group, info.version), info.plural);
    let parameters = json!([
        {"name": "dryRun", "in": "query", "schema": {"type": "string"}},
        {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
    ]);
    let operation = json!({
        "parameters": parameters, "responses": {},
        "x-kubernetes-group-version-kind": {"group": info.group, "version": info.version, "kind": info.name},
    });
    (path, json!({"patch": operation, "put": operation}))
}

fn prefix(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}
