//! JSON patch, RFC 6902.

use crate::json::{items, text};
use crate::status::Status;
use serde_json::Value;

pub(super) fn patch(target: &mut Value, patch: &Value) -> Result<(), Status> {
    items(patch, "").iter().try_for_each(|operation| {
        apply(target, operation).ok_or_else(|| {
            Status::new(422, "Invalid", "the server rejected our request due to an error in our request")
        })
    })
}

fn apply(target: &mut Value, operation: &Value) -> Option<()> {
    let (path, from) = (text(operation, "/path"), text(operation, "/from"));
    match text(operation, "/op") {
        "add" => add(target, path, operation["value"].clone()),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            *target.pointer_mut(path)? = operation["value"].clone();
            Some(())
        }
        "move" => {
            let moved = remove(target, from)?;
            add(target, path, moved)
        }
        "copy" => {
            let copied = target.pointer(from)?.clone();
            add(target, path, copied)
        }
        "test" => (target.pointer(path)? == &operation["value"]).then_some(()),
        _ => None,
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    let (parent, last) = parent(target, path)?;
    match parent {
        Value::Object(fields) => {
            fields.insert(last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = last.parse().ok().filter(|index| *index <= items.len())?;
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = parent(target, path)?;
    match parent {
        Value::Object(fields) => fields.remove(&last),
        Value::Array(items) => {
            let index: usize = last.parse().ok().filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}

fn parent<'a>(target: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((target.pointer_mut(parent)?, last.replace("~1", "/").replace("~0", "~")))
}
