//! Changes to a manifest that scenarios have in common, so that one set has many variants and is written down once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Need;

/// One file `manifests/overlays/<id>.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// What it needs; where the cluster does not have it, the overlay is left out.
    #[serde(default)]
    pub needs: Option<Need>,
    /// What is merged into each object of its kind.
    pub merge: Value,
}

impl Overlay {
    /// Merges into an object of the overlay's kind; any other is left as it is.
    ///
    /// Maps are merged key by key, null takes a key away, lists of objects with names are merged name by name, and anything
    /// else is replaced.
    pub fn apply_to(&self, object: &mut Value) {
        if self.merge["kind"].is_null() || self.merge["kind"] == object["kind"] {
            merge(object, &self.merge);
        }
    }
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => merge_maps(into, change),
        (Value::Array(into), Value::Array(change)) if are_named(into) && are_named(change) => {
            merge_lists(into, change);
        }
        (into, change) => *into = change.clone(),
    }
}

fn merge_maps(into: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Null => {
                into.remove(key);
            }
            value => merge(into.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}

fn merge_lists(into: &mut Vec<Value>, change: &[Value]) {
    for item in change {
        match into.iter_mut().find(|known| name(known) == name(item)) {
            Some(known) => merge(known, item),
            None => into.push(item.clone()),
        }
    }
}

fn are_named(list: &[Value]) -> bool {
    list.iter().all(|item| name(item).is_some())
}

/// The name of a container, a volume, a variable or a mount; of a claim template, which has it in its metadata.
fn name(item: &Value) -> Option<&str> {
    item["name"].as_str().or_else(|| item["metadata"]["name"].as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(mut object: Value, merge: Value) -> Value {
        Overlay { needs: None, merge }.apply_to(&mut object);
        object
    }

    #[test]
    fn maps_are_merged_and_null_takes_away() {
        let object = json!({"kind": "A", "spec": {"a": 1, "b": {"c": 2}}});
        let merge = json!({"kind": "A", "spec": {"a": null, "b": {"d": 3}}});
        assert_eq!(applied(object, merge), json!({"kind": "A", "spec": {"b": {"c": 2, "d": 3}}}));
    }

    #[test]
    fn lists_are_merged_by_name() {
        let object = json!({"env": [{"name": "A", "value": "1"}], "args": ["x"]});
        let merge = json!({"env": [{"name": "A", "value": "2"}, {"name": "B"}], "args": ["y", "z"]});
        let merged = json!({"env": [{"name": "A", "value": "2"}, {"name": "B"}], "args": ["y", "z"]});
        assert_eq!(applied(object, merge), merged);
    }

    #[test]
    fn only_objects_of_its_kind_are_changed() {
        let service = json!({"kind": "Service", "spec": {}});
        assert_eq!(
            applied(service.clone(), json!({"kind": "StatefulSet", "spec": {"replicas": 1}})),
            service
        );
    }
}
