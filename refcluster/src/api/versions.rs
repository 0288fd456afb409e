//! Objects in the version that a request speaks. They are stored as `v1`; some releases serve `v1beta1` of two kinds.
//!
//! Follows `pkg/apis/discovery/v1beta1/conversion.go` and `pkg/apis/policy/v1beta1/conversion.go`.

use super::request::Target;
use crate::json::{self, has, items, map, text};
use crate::kind::Kind;
use crate::release::{Gate, Release};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The label by which an empty selector of `policy/v1beta1`, which selects nothing, is stored.
const NOTHING: &str = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

/// The versions in which a release serves a kind, the preferred one first.
pub(super) fn served(release: &Release, kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::EndpointSlice | Kind::PodDisruptionBudget => {
            let (new, old) = (release.since(21), !release.since(25));
            new.then_some("v1").into_iter().chain(old.then_some("v1beta1")).collect()
        }
        _ => vec![kind.info().version],
    }
}

/// A stored object as a request gets it.
pub(super) fn outgoing<'o>(release: &Release, target: &Target, object: &'o Value) -> Cow<'o, Value> {
    let old_slice = target.kind == Kind::EndpointSlice && !release.has(Gate::TerminatingEndpoints);
    if target.version == target.kind.info().version && !old_slice {
        return Cow::Borrowed(object);
    }
    let mut object = object.clone();
    object["apiVersion"] = target.api_version().into();
    match target.kind {
        Kind::EndpointSlice => slice(release, &target.version, &mut object),
        Kind::PodDisruptionBudget if has_no_selection(&object) => object["spec"]["selector"] = json!({}),
        _ => {}
    }
    Cow::Owned(object)
}

/// What a request sends, as it is to be stored.
pub(super) fn incoming(target: &Target, object: &mut Value) {
    if target.version == target.kind.info().version || object["apiVersion"] != target.api_version() {
        return;
    }
    object["apiVersion"] = target.kind.api_version().into();
    if target.kind == Kind::PodDisruptionBudget && object["spec"]["selector"] == json!({}) {
        object["spec"]["selector"] = json!({"matchExpressions": [{"key": NOTHING, "operator": "Exists"}]});
    }
}

fn has_no_selection(budget: &Value) -> bool {
    items(budget, "/spec/selector/matchExpressions").iter().any(|term| term["key"] == NOTHING)
}

fn slice(release: &Release, version: &str, slice: &mut Value) {
    for endpoint in json::list(slice, "endpoints") {
        if version == "v1beta1" && has(endpoint, "/nodeName") {
            let node = text(endpoint, "/nodeName").to_owned();
            map(endpoint, "topology")["kubernetes.io/hostname"] = node.into();
            json::remove(endpoint, "nodeName");
        }
        if !release.has(Gate::TerminatingEndpoints) {
            ["serving", "terminating"].iter().for_each(|field| {
                json::remove(map(endpoint, "conditions"), field);
            });
        }
    }
}
