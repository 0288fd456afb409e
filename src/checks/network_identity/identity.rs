//! Of `identity-stable-on-recreate`: what the identity of a pod is, and how two incarnations of it are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    history::{Json, ObjectSeen, Phase, Seen},
    views::{PodLife, Set, edits::Edits, name_services::POD_NAME_LABEL},
};

/// Names the template and not the pod.
const REVISION: &str = "controller-revision-hash";
/// There from Kubernetes 1.28 on, so a controller may have begun to set it.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// Labels that the API server copies from the node (Kubernetes documentation, Admission Control, PodTopologyLabels).
const OF_THE_NODE: &str = "topology.kubernetes.io/";

/// What belongs to the identity of the pods of a set.
pub(super) struct Identity<'p, 'h> {
    set: &'p Set<'h>,
    edits: &'p Edits<'h>,
    /// The keys of the labels that the set's templates give, as far as any was seen.
    given: BTreeSet<&'h str>,
}

impl<'p, 'h> Identity<'p, 'h> {
    pub(super) fn of(set: &'p Set<'h>, edits: &'p Edits<'h>) -> Self {
        Self { set, edits, given: given_labels(set) }
    }

    /// What must be the same in both, with a word for each. A new template may give other labels and mount other claims.
    pub(super) fn compared(
        &self,
        before: &PodLife<'h>,
        after: &PodLife<'h>,
    ) -> Vec<(&'static str, Value, Value)> {
        let (old, new) = (known(before).what, known(after).what);
        let field = |what, pointer: &str| {
            let of = |pod: &ObjectSeen| pod.at(pointer).map_or(Value::Null, Value::from);
            (what, of(old), of(new))
        };
        let claims = |life: &PodLife<'h>| {
            let all: BTreeMap<&str, &str> = match is_rolled(before, after) {
                true => self.set.claims().of_pod(life).into_iter().collect(),
                false => life.claims().into_iter().collect(),
            };
            json!(all)
        };
        let is_touched = [before, after].iter().any(|life| self.edits.touched(life, known(life).event));
        let is_compared = |key: &str| self.is_identity(key, is_touched || is_rolled(before, after), old, new);
        let labels = |pod: &ObjectSeen| {
            let all = pod.at("/metadata/labels").into_iter().flat_map(Json::members);
            let own: BTreeMap<&str, Value> =
                all.filter(|(key, _)| is_compared(key)).map(|(key, value)| (key, value.into())).collect();
            json!(own)
        };
        vec![
            field("the host name", "/spec/hostname"),
            field("the subdomain", "/spec/subdomain"),
            ("the labels", labels(old), labels(new)),
            ("the claims", claims(before), claims(after)),
        ]
    }

    /// Whether a label belongs to the identity. What others add to a pod, or the API server from its node, does not.
    fn is_identity(&self, key: &str, is_another_template: bool, old: &ObjectSeen, new: &ObjectSeen) -> bool {
        if key.starts_with(OF_THE_NODE) || key == REVISION {
            return false;
        }
        if key == POD_INDEX {
            return old.label(key).is_some() && new.label(key).is_some();
        }
        let is_given = self.given.is_empty() || self.given.contains(key);
        key == POD_NAME_LABEL || (is_given && !is_another_template)
    }
}

/// The keys of the labels that the set's templates give, as far as any was seen.
fn given_labels<'h>(set: &Set<'h>) -> BTreeSet<&'h str> {
    let pointers = ["/spec/template/metadata/labels", "/spec/selector/matchLabels"];
    let stored = set.versions().iter().flat_map(|set| pointers.map(|at| set.what.at(at))).flatten();
    let applied = set.requests().iter().flat_map(|request| pointers.map(|at| request.what.body.pointer(at)));
    let applied = applied.flatten().filter_map(Value::as_object).flat_map(|labels| labels.keys());
    stored
        .flat_map(|labels| labels.members().map(|(key, _)| key))
        .chain(applied.map(String::as_str))
        .collect()
}

/// The version by which a pod is known: the first that is ready, or the last there is.
pub(super) fn known<'h>(life: &PodLife<'h>) -> Seen<'h, ObjectSeen> {
    life.first(|pod| Phase::of(pod) == Phase::Ready).unwrap_or(life.last())
}

/// Whether one incarnation of the set made both. A set that was deleted and made again may be another.
pub(super) fn is_of_one_set(before: &PodLife<'_>, after: &PodLife<'_>) -> bool {
    let owner = |life: &PodLife<'_>| Some(life.versions[0].what.controller()?["uid"].as_str()?.to_owned());
    owner(before).zip(owner(after)).is_none_or(|(old, new)| old == new)
}

/// Whether the two were made from different templates, by their revisions.
fn is_rolled(before: &PodLife<'_>, after: &PodLife<'_>) -> bool {
    let revision = |life: &PodLife<'_>| known(life).what.label(REVISION).map(str::to_owned);
    revision(before).zip(revision(after)).is_some_and(|(old, new)| old != new)
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}
