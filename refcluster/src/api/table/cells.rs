//! The cells of kinds that have few of their own.
//!
//! Follows `printNode`, `printEvent`, `printControllerRevision` and `layoutContainerCells`.

use super::age::since;
use super::{Row, joined, text_or};
use crate::json::{self, integer, items, text, texts};
use crate::selector::label_selector_text;
use serde_json::Value;

/// A number, 0 where there is none.
pub(super) fn count(row: &Row<'_>, pointer: &str) -> i64 {
    integer(row.object, pointer).unwrap_or(0)
}

/// A text, `<none>` where there is none.
pub(super) fn or_none(row: &Row<'_>, pointer: &str) -> String {
    text_or(row.object, pointer, "<none>").to_owned()
}

/// What each container of a template has at a JSON pointer.
pub(super) fn of_containers(row: &Row<'_>, pointer: &str) -> String {
    let containers = items(row.object, "/spec/template/spec/containers").iter();
    joined(containers.map(|container| text(container, pointer).to_owned()), "")
}

/// A map of labels.
pub(super) fn labels(labels: &Value) -> String {
    joined(texts(labels, "").map(|(key, value)| format!("{key}={value}")), "<none>")
}

/// A `LabelSelector`.
pub(super) fn selector(selector: &Value) -> String {
    Some(label_selector_text(selector)).filter(|text| !text.is_empty()).unwrap_or_else(|| "<none>".to_owned())
}

/// Whether a node is ready, and whether it takes new pods.
pub(super) fn node_status(row: &Row<'_>) -> String {
    let ready = match json::condition(row.object, "Ready") {
        "True" => "Ready",
        "" => "Unknown",
        _ => "NotReady",
    };
    let closed = row.object["spec"]["unschedulable"] == true;
    format!("{ready}{}", if closed { ",SchedulingDisabled" } else { "" })
}

/// The roles that a node's labels name.
pub(super) fn node_roles(row: &Row<'_>) -> String {
    let labels = texts(row.object, "/metadata/labels");
    let roles = labels.filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"));
    joined(roles.filter(|role| !role.is_empty()).map(str::to_owned), "<none>")
}

/// A node's address of a kind.
pub(super) fn node_address(row: &Row<'_>, kind: &str) -> String {
    let found = items(row.object, "/status/addresses").iter().find(|address| address["type"] == *kind);
    found.map_or("<none>", |address| text(address, "/address")).to_owned()
}

/// What a node tells of its software.
pub(super) fn node_info(row: &Row<'_>, field: &str) -> String {
    text_or(&row.object["status"]["nodeInfo"], &format!("/{field}"), "<unknown>").to_owned()
}

/// How long ago an event came first.
pub(super) fn first_seen(row: &Row<'_>) -> String {
    let first = text_or(row.object, "/eventTime", text(row.object, "/firstTimestamp"));
    since(first, row.now_secs)
}

/// How long ago an event came last, and how often it came.
pub(super) fn last_seen(row: &Row<'_>) -> String {
    let (first, times) = (first_seen(row), count(row, "/count"));
    let last = since(text(row.object, "/lastTimestamp"), row.now_secs);
    if times > 1 { format!("{last} (x{times} over {first})") } else { first }
}

/// Those of a kind whom a binding gives its role.
pub(super) fn subjects(row: &Row<'_>, kind: &str) -> String {
    let of_kind = items(row.object, "/subjects").iter().filter(|subject| subject["kind"] == *kind);
    let names = of_kind.map(|subject| match text(subject, "/namespace") {
        "" => text(subject, "/name").to_owned(),
        namespace => format!("{namespace}/{}", text(subject, "/name")),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// A number or a percentage.
pub(super) fn int_or_text(value: &Value) -> String {
    match value {
        Value::Null => "N/A".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What an event is about.
pub(super) fn event_object(row: &Row<'_>) -> String {
    let kind = text(row.object, "/involvedObject/kind").to_lowercase();
    format!("{kind}/{}", text(row.object, "/involvedObject/name"))
}

/// Who told an event.
pub(super) fn event_source(row: &Row<'_>) -> String {
    let parts = ["/source/component", "/source/host"].map(|part| text(row.object, part));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The controller that owns an object, as `statefulset.apps/web`.
pub(super) fn owner(row: &Row<'_>) -> String {
    let Some(owner) = json::controller(row.object) else { return "<none>".to_owned() };
    let group = text(owner, "/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
    let kind = text(owner, "/kind").to_lowercase();
    format!("{kind}{}/{}", group.unwrap_or_default(), text(owner, "/name"))
}

/// How many entries the data of a ConfigMap or a Secret has.
pub(super) fn entries(row: &Row<'_>) -> i64 {
    let entries = |field: &str| row.object[field].as_object().map_or(0, |entries| entries.len() as i64);
    entries("data") + entries("binaryData")
}
