//! JSON merge patch, RFC 7396.

use serde_json::{Map, Value};

pub(super) fn patch(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in fields {
        if value.is_null() {
            crate::json::remove(target, name);
        } else {
            self::patch(&mut target[name], value);
        }
    }
}
