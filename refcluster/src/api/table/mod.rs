//! Tables: the rows that `kubectl get` prints are made by the server.
//!
//! Follows `pkg/printers/internalversion/printers.go` of Kubernetes for columns and cells, and
//! `k8s.io/apiserver/pkg/endpoints/handlers/{response.go,negotiation}` for who is sent a table. Columns have no
//! descriptions: nothing prints them.

mod age;
mod cells;
mod columns;
mod network;
mod pod;
mod storage;

use super::request::Request;
use crate::clock::Clock;
use crate::json::text;
use crate::kind::Kind;
use crate::status::Status;
use columns::Column;
use serde_json::{Value, json};

/// A client's wish to be sent a table.
#[derive(Debug)]
pub(super) struct Table {
    kind: Kind,
    version: &'static str,
    included: Included,
    clock: Clock,
    /// The columns have been told, as the first event of a watch does for all that follow.
    told: bool,
}

/// What a row has of its object, besides the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Included {
    Nothing,
    Metadata,
    Object,
}

/// An object to make cells of.
struct Row<'a> {
    object: &'a Value,
    now_secs: u64,
}

impl Table {
    /// The table that a request asks for; none where it asks for the objects themselves.
    pub(super) fn asked(request: &Request, kind: Kind, clock: Clock) -> Result<Option<Self>, Status> {
        let Some(version) = negotiated(request.header("accept")) else { return Ok(None) };
        let included = match request.parameter("includeObject") {
            "" | "Metadata" => Included::Metadata,
            "None" => Included::Nothing,
            "Object" => Included::Object,
            other => return Err(Status::bad_request(format!("unrecognized includeObject value: {other:?}"))),
        };
        Ok(Some(Self { kind, version, included, clock, told: false }))
    }

    /// One object as a table.
    pub(super) fn of_one(&mut self, object: &Value) -> Value {
        let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
        self.of(metadata, &[object])
    }

    /// Some objects as a table, under the metadata of their list.
    pub(super) fn of(&mut self, metadata: Value, objects: &[&Value]) -> Value {
        let columns = columns::of(self.kind);
        let now_secs = self.clock.unix_secs();
        let rows = objects.iter().map(|object| self.row(columns, &Row { object, now_secs }));
        let rows: Vec<_> = rows.collect();
        let told = std::mem::replace(&mut self.told, true);
        let definitions = (!told).then(|| columns.iter().map(Column::definition).collect::<Vec<_>>());
        json!({
            "kind": "Table", "apiVersion": format!("meta.k8s.io/{}", self.version), "metadata": metadata,
            "columnDefinitions": definitions, "rows": rows,
        })
    }

    fn row(&self, columns: &[Column], row: &Row<'_>) -> Value {
        let cells: Vec<_> = columns.iter().map(|column| column.cell(row)).collect();
        match self.included {
            Included::Nothing => json!({"cells": cells}),
            Included::Metadata => json!({"cells": cells, "object": self.metadata(row.object)}),
            Included::Object => json!({"cells": cells, "object": row.object}),
        }
    }

    fn metadata(&self, object: &Value) -> Value {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{}", self.version),
            "metadata": object["metadata"],
        })
    }
}

/// The version of the table that is asked for, if the first form that can be served is one.
fn negotiated(accept: &str) -> Option<&'static str> {
    accept.split(',').find_map(form).flatten()
}

/// What one clause of an Accept header asks for: a table, or the plain object; nothing if neither can be served.
fn form(clause: &str) -> Option<Option<&'static str>> {
    let mut parts = clause.split(';').map(str::trim);
    if !matches!(parts.next(), Some("application/json" | "application/*" | "*/*")) {
        return None;
    }
    let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
    let value = |name: &str| parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match (value("as"), value("g"), value("v")) {
        (None, _, _) => Some(None),
        (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Some("v1")),
        (Some("Table"), Some("meta.k8s.io"), Some("v1beta1")) => Some(Some("v1beta1")),
        _ => None,
    }
}

/// The text at a JSON pointer, or what stands for its absence.
fn text_or<'a>(object: &'a Value, pointer: &str, absent: &'a str) -> &'a str {
    Some(text(object, pointer)).filter(|text| !text.is_empty()).unwrap_or(absent)
}

/// Texts with commas between, or what stands for none.
fn joined(texts: impl IntoIterator<Item = String>, absent: &str) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    if texts.is_empty() { absent.to_owned() } else { texts.join(",") }
}

/// The first three texts, and how many more there are.
fn first_three(texts: &[String], absent: &str) -> String {
    match texts.len() {
        0 => absent.to_owned(),
        1..=3 => texts.join(","),
        all => format!("{} + {} more...", texts[..3].join(","), all - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_served_counts() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(negotiated(kubectl), Some("v1"));
        assert_eq!(negotiated("application/json"), None);
        assert_eq!(negotiated("application/json, application/json;as=Table;v=v1;g=meta.k8s.io"), None);
        assert_eq!(negotiated("application/vnd.kubernetes.protobuf, */*"), None);
        assert_eq!(
            negotiated(
                "application/json;as=Chart;v=v1;g=meta.k8s.io,application/json;g=meta.k8s.io;v=v1beta1;as=Table"
            ),
            Some("v1beta1")
        );
    }
}
