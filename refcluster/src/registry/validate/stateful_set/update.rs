//! What may change of a set, after `ValidateStatefulSetUpdate`.

use crate::json::{map, remove};
use crate::release::Release;
use crate::status::Cause;
use serde_json::Value;

/// The fields of the spec that an update may change, as messages list them.
fn mutable(release: &Release) -> Vec<&'static str> {
    let mut fields = vec!["replicas"];
    fields.extend(release.since(26).then_some("ordinals"));
    fields.extend(["template", "updateStrategy"]);
    fields.extend(release.since(33).then_some("revisionHistoryLimit"));
    fields.extend(release.since(23).then_some("persistentVolumeClaimRetentionPolicy"));
    fields.extend(release.since(22).then_some("minReadySeconds"));
    fields
}

pub(super) fn check(release: &Release, old: &Value, new: &Value) -> Vec<Cause> {
    if release.since(37) {
        return each_immutable(old, new);
    }
    let mutable = mutable(release);
    let fixed = |set: &Value| {
        let mut spec = set["spec"].clone();
        mutable.iter().for_each(|field| drop(remove(&mut spec, field)));
        map(&mut spec, "template");
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    let detail =
        format!("updates to statefulset spec for fields other than {} are forbidden", listed(&mutable));
    vec![Cause::forbidden("spec", &detail)]
}

/// `'a', 'b' and 'c'`; the oldest releases have a comma before the "and".
fn listed(fields: &[&str]) -> String {
    let quoted: Vec<_> = fields.iter().map(|field| format!("'{field}'")).collect();
    let (last, first) = quoted.split_last().expect("replicas at least");
    let comma = if fields.len() == 3 { "," } else { "" };
    format!("{}{comma} and {last}", first.join(", "))
}

fn each_immutable(old: &Value, new: &Value) -> Vec<Cause> {
    ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"]
        .into_iter()
        .filter(|field| old["spec"][*field] != new["spec"][*field])
        .map(|field| Cause::invalid(format!("spec.{field}"), &new["spec"][field], "field is immutable"))
        .collect()
}
