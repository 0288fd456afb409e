//! The history of a set's template.
//!
//! Follows `getStatefulSetRevisions` and `truncateHistory` of `stateful_set_control.go`, and
//! `pkg/controller/history/controller_history.go`.

use super::{Sync, identity};
use crate::controllers::adoption::controller_reference;
use crate::fault::Fault;
use crate::json::{self, has, integer, list, map, text};
use crate::kind::Kind;
use crate::registry::DeleteOptions;
use crate::rng;
use crate::selector::label_selector_matches;
use crate::status::Status;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// The revision that a set comes from, the one that it goes to, and all that are kept.
pub(super) struct Revisions {
    pub(super) current: Arc<Value>,
    pub(super) update: Arc<Value>,
    all: Vec<Arc<Value>>,
}

/// The revisions of a set; a template that is new becomes one.
pub(super) fn of(world: &mut World, key: &Key, set: &Value) -> Result<Revisions, Status> {
    let mut all = adopted(world, key, set);
    all.sort_by_key(|revision| integer(revision, "/revision"));
    let data = data(world, set);
    let next = all.last().and_then(|last| integer(last, "/revision")).unwrap_or(0) + 1;
    let equal = all.iter().rev().find(|revision| revision["data"] == data).cloned();
    let newest = all.last().cloned();
    let update = match equal {
        Some(equal) if newest.is_some_and(|newest| json::uid(&newest) == json::uid(&equal)) => equal,
        Some(equal) if world.tells(Fault::RollbackKeepsNumber) => equal,
        Some(equal) if !world.tells(Fault::RollbackMakesNewRevision) => renumbered(world, &equal, next),
        found => create(world, key, set, data, next, found.is_some())?,
    };
    let name = text(set, "/status/currentRevision");
    let current = all.iter().find(|revision| json::name(revision) == name).cloned();
    Ok(Revisions { current: current.unwrap_or_else(|| update.clone()), update, all })
}

/// What a revision keeps: the template, and a mark that it replaces another as a whole.
fn data(world: &mut World, set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    if !world.tells(Fault::StoredTemplateMerges) {
        template["$patch"] = "replace".into();
    }
    let mut data = json!({"spec": {"template": template}});
    let annotations = &set["metadata"]["annotations"];
    if annotations.is_object() && world.tells(Fault::MetadataChangeRolls) {
        data["metadata"]["annotations"] = annotations.clone();
    }
    if integer(set, "/metadata/generation").unwrap_or(1) > 1 && world.tells(Fault::EveryChangeRolls) {
        data["spec"]["generation"] = set["metadata"]["generation"].clone();
    }
    data
}

/// The revisions that the set owns, and orphans with its labels, which become its own.
fn adopted(world: &mut World, key: &Key, set: &Value) -> Vec<Arc<Value>> {
    let concerns = |revision: &Value| match json::controller(revision) {
        Some(owner) => text(owner, "/uid") == json::uid(set),
        None => label_selector_matches(&set["spec"]["selector"], &revision["metadata"]["labels"]),
    };
    let found: Vec<_> = world
        .store
        .list(Kind::ControllerRevision, &key.namespace)
        .filter(|(_, revision)| concerns(revision))
        .map(|(key, revision)| (key.clone(), revision.clone()))
        .collect();
    let adopt = |(key, revision): (Key, Arc<Value>)| {
        if json::controller(&revision).is_some() || json::terminating(set) {
            return Some(revision);
        }
        let reference = controller_reference(set);
        world.modify(&key, |revision| list(map(revision, "metadata"), "ownerReferences").push(reference))
    };
    found.into_iter().filter_map(adopt).collect()
}

fn renumbered(world: &mut World, revision: &Value, number: i64) -> Arc<Value> {
    let key = Key::new(Kind::ControllerRevision, json::namespace(revision), json::name(revision));
    let changed = world.modify(&key, |revision| revision["revision"] = number.into());
    changed.unwrap_or_else(|| Arc::new(revision.clone()))
}

fn create(
    world: &mut World,
    key: &Key,
    set: &Value,
    data: Value,
    number: i64,
    again: bool,
) -> Result<Arc<Value>, Status> {
    let salt = if again { number.to_string() } else { String::new() };
    let hash = rng::safe_encode(rng::hash(&format!("{data}{salt}")));
    let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
    labels["controller.kubernetes.io/hash"] = hash.clone().into();
    let mut revision = json!({
        "metadata": {
            "name": format!("{}-{hash}", json::name(set)), "labels": labels,
            "ownerReferences": [controller_reference(set)],
        },
        "data": data, "revision": number,
    });
    if has(set, "/metadata/annotations") {
        revision["metadata"]["annotations"] = set["metadata"]["annotations"].clone();
    }
    let name = json::name(&revision).to_owned();
    match world.create(Kind::ControllerRevision, &key.namespace, revision, false) {
        Err(error) if error.reason == "AlreadyExists" => {
            let present = world.get(&Key::new(Kind::ControllerRevision, &key.namespace, &name));
            present.ok_or(error)
        }
        created => created,
    }
}

impl Sync<'_> {
    /// Deletes the oldest revisions that nobody uses, beyond the limit.
    pub(super) fn truncate_history(&mut self, pods: &[Arc<Value>]) {
        // A negative limit keeps everything.
        let limit = usize::try_from(self.number("/spec/revisionHistoryLimit", 10)).unwrap_or(usize::MAX);
        let rolling = self.is_rolling();
        let forgets = rolling && self.world.tells(Fault::LiveRevisionDeleted);
        let used = |revision: &Value| {
            if forgets {
                return json::name(revision) == json::name(&self.revisions.update);
            }
            let name = json::name(revision);
            name == json::name(&self.revisions.current)
                || name == json::name(&self.revisions.update)
                || pods.iter().any(|pod| json::label(pod, identity::REVISION_LABEL) == Some(name))
        };
        let unused: Vec<_> = self.revisions.all.iter().filter(|revision| !used(revision)).cloned().collect();
        let surplus = unused.len().saturating_sub(limit);
        if surplus == 0 || self.world.tells(Fault::HistoryUnbounded) {
            return;
        }
        for revision in &unused[..surplus] {
            let key = Key::new(Kind::ControllerRevision, &self.key.namespace, json::name(revision));
            // A revision that is gone already is as wanted.
            let _ = self.world.delete(&key, &DeleteOptions::default());
        }
    }
}
