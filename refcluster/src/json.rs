//! Short ways to read and write JSON objects that may lack any field.

use serde_json::{Map, Value};

/// The value at a JSON pointer without escapes, which spares the time to look for them.
pub(crate) fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(object, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The text at a JSON pointer, or "".
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The integer at a JSON pointer.
pub(crate) fn integer(object: &Value, pointer: &str) -> Option<i64> {
    at(object, pointer).and_then(Value::as_i64)
}

/// The elements of the list at a JSON pointer.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The entries of the map at a JSON pointer, of text to text.
pub(crate) fn texts<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = at(object, pointer).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// Whether a value is there and not null.
pub(crate) fn has(object: &Value, pointer: &str) -> bool {
    at(object, pointer).is_some_and(|value| !value.is_null())
}

/// The map under `field`, made if it is not one yet.
pub(crate) fn map<'a>(object: &'a mut Value, field: &str) -> &'a mut Value {
    let child = &mut fields(object)[field];
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    child
}

/// The list under `field`, made if it is not one yet.
pub(crate) fn list<'a>(object: &'a mut Value, field: &str) -> &'a mut Vec<Value> {
    let child = &mut fields(object)[field];
    if !child.is_array() {
        *child = Value::Array(Vec::new());
    }
    match child {
        Value::Array(items) => items,
        _ => unreachable!("made a list above"),
    }
}

/// Sets a field that is missing or null.
pub(crate) fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    let child = &mut fields(object)[field];
    if child.is_null() {
        *child = value.into();
    }
}

/// Removes a field.
pub(crate) fn remove(object: &mut Value, field: &str) -> Option<Value> {
    object.as_object_mut().and_then(|map| map.remove(field))
}

fn fields(object: &mut Value) -> &mut Value {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    object
}

/// Whether an object is being deleted.
pub(crate) fn terminating(object: &Value) -> bool {
    has(object, "/metadata/deletionTimestamp")
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The namespace of an object.
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// The uid of an object.
pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// A label of an object.
pub(crate) fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object["metadata"]["labels"][label].as_str()
}

/// The reference to the controller that owns an object.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true)
}

/// The status of a condition: "True", "False", "Unknown", or "" when it is missing.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let found = items(object, "/status/conditions").iter().find(|condition| condition["type"] == kind);
    found.map(|condition| text(condition, "/status")).unwrap_or_default()
}

/// A number, or a percentage of `whole`, rounded up or down, as `IntOrString` fields hold them.
pub(crate) fn scaled(value: &Value, whole: i64, round_up: bool) -> Option<i64> {
    let Some(text) = value.as_str() else { return value.as_i64() };
    let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
    let product = percent * whole;
    Some(if round_up { (product + 99) / 100 } else { product / 100 })
}
