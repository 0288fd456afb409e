//! The shape of a manifest's objects, as far as the harness reaches into them: what it changes and what it names in a path.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What lies outside of any namespace: it would not go with the run's.
const OF_THE_CLUSTER: &[&str] = &["Namespace", "PersistentVolume", "StorageClass"];

/// Whether an object is one of the cluster's, and in no namespace.
pub(super) fn is_of_the_cluster(object: &Value) -> bool {
    OF_THE_CLUSTER.iter().any(|kind| object["kind"] == *kind)
}

/// The objects of a manifest, if each of them is one.
pub(super) fn checked(path: &str, text: &str, objects: Vec<Value>) -> Result<Vec<Value>> {
    ensure!(!objects.is_empty(), "{path}: there is no object in it");
    let lines = document_lines(text);
    for (index, object) in objects.iter().enumerate() {
        let line = lines.get(index).copied().unwrap_or(1);
        check(object).with_context(|| format!("{path}:{line}"))?;
    }
    Ok(objects)
}

/// The line that each document begins at, those left out that have nothing in them.
fn document_lines(text: &str) -> Vec<usize> {
    let (mut lines, mut waiting) = (Vec::new(), true);
    for (index, line) in text.lines().enumerate() {
        let has_something = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        if line.starts_with("---") {
            waiting = true;
        } else if has_something && waiting {
            lines.push(index + 1);
            waiting = false;
        }
    }
    lines
}

fn check(object: &Value) -> Result<()> {
    ensure!(
        object.is_object(),
        "the document is {}; expected an object with apiVersion, kind and metadata.name",
        kind_of(object)
    );
    for pointer in ["/apiVersion", "/kind", "/metadata/name"] {
        let name = pointer[1..].replace('/', ".");
        let text = object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
        ensure!(!text.is_empty(), "{name} is missing, or no text");
        ensure!(text.chars().all(allowed), "{name} is `{text}`; expected letters, digits, -, . and _");
    }
    for pointer in ["/metadata/labels", "/spec", "/spec/template", "/spec/template/spec"] {
        is_map(object.pointer(pointer), pointer)?;
    }
    for pointer in ["/spec", "/spec/template/spec"] {
        for list in ["containers", "initContainers"] {
            check_containers(object, &format!("{pointer}/{list}"))?;
        }
    }
    for claim in items(object, "/spec/volumeClaimTemplates")? {
        is_map(claim.pointer("/spec"), "/spec/volumeClaimTemplates/spec")?;
    }
    Ok(())
}

fn check_containers(object: &Value, pointer: &str) -> Result<()> {
    for container in items(object, pointer)? {
        let image = &container["image"];
        ensure!(image.is_string(), "{} has a container whose image is {}", shown(pointer), kind_of(image));
    }
    Ok(())
}

/// The items of a list of objects, if it is there.
fn items<'o>(object: &'o Value, pointer: &str) -> Result<&'o [Value]> {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items),
        Some(other) => bail!("{} is {}; expected a list of objects", shown(pointer), kind_of(other)),
    }
}

fn is_map(value: Option<&Value>, pointer: &str) -> Result<()> {
    match value {
        None | Some(Value::Object(_)) => Ok(()),
        Some(other) => bail!("{} is {}; expected an object", shown(pointer), kind_of(other)),
    }
}

fn shown(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::manifest_objects;

    fn refused(text: &str) -> String {
        let objects = manifest_objects("manifests/a.yaml", text).unwrap();
        format!("{:#}", checked("manifests/a.yaml", text, objects).unwrap_err())
    }

    const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        for (text, said) in [
            ("hello", "manifests/a.yaml:1: the document is a text"),
            ("- a", "the document is a list"),
            ("", "there is no object in it"),
            ("# nothing\n---\n", "there is no object in it"),
            ("kind: Pod\n", "apiVersion is missing"),
            ("apiVersion: v1\nkind: [Pod]\n", "kind is missing, or no text"),
            ("apiVersion: v1\nkind: Pod\nmetadata: a\n", "metadata.name is missing"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: ../../x?y}\n", "metadata.name is `../../x?y`"),
        ] {
            assert!(refused(text).contains(said), "{text}: {}", refused(text));
        }
        assert!(
            refused(&format!("{GOOD}---\n\nhello\n")).starts_with("manifests/a.yaml:6: "),
            "the second document"
        );
    }

    #[test]
    fn what_the_harness_reaches_into_has_the_shape_that_it_expects() {
        for (text, said) in [
            ("metadata: {name: a, labels: b}", "metadata.labels is a text"),
            ("metadata: {name: a}\nspec: 3", "spec is a number"),
            (
                "metadata: {name: a}\nspec: {containers: a}",
                "spec.containers is a text; expected a list of objects",
            ),
            (
                "metadata: {name: a}\nspec: {containers: [a]}",
                "spec.containers is a list; expected a list of objects",
            ),
            (
                "metadata: {name: a}\nspec: {containers: [{name: a}]}",
                "has a container whose image is nothing",
            ),
            ("metadata: {name: a}\nspec: {template: {spec: []}}", "spec.template.spec is a list"),
            ("metadata: {name: a}\nspec: {volumeClaimTemplates: [{spec: a}]}", "expected an object"),
        ] {
            let text = format!("apiVersion: v1\nkind: Pod\n{text}\n");
            assert!(refused(&text).contains(said), "{text}: {}", refused(&text));
        }
    }
}
