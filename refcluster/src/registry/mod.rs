//! The rules of writing objects: names, namespaces, defaults, validation, generations, deletion.
//!
//! Follows `k8s.io/apiserver/pkg/registry/generic/registry/store.go` and the strategies under
//! `pkg/registry/*/*/strategy.go`. The HTTP handlers and the controllers write through here alike.

mod admission;
mod defaults;
mod delete;
mod disabled;
mod families;
mod names;
mod pod_admission;
mod quota;
mod resize;
mod validate;

pub(crate) use delete::{DeleteOptions, Deleted, Propagation};
pub(crate) use quota::used as used_of_quota;

use crate::fault::Fault;
use crate::json::{self, has, map, text};
use crate::kind::Kind;
use crate::release::Gate;
use crate::status::Status;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most bytes that a label's value may have.
const LONGEST_LABEL: usize = 63;

/// Which part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Main,
    Status,
    /// The resources of a pod's containers.
    Resize,
}

impl World {
    /// Creates an object.
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        namespace: &str,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, Status> {
        names::decode(kind, &mut object)?;
        names::place(self, kind, namespace, &mut object)?;
        disabled::drop_fields(&self.release, kind, &mut object);
        admission::admit(self, kind, &mut object)?;
        defaults::fill(self, kind, &mut object);
        self.truncate_labels(kind, &mut object);
        validate::check(self, kind, None, &object)?;
        self.check_quotas(kind, &object)?;
        let key = Key::new(kind, json::namespace(&object), json::name(&object));
        if self.store.get(&key).is_some() {
            return Err(Status::already_exists(kind, &key.name));
        }
        self.stamp_new(kind, &mut object)?;
        if dry_run {
            return Ok(Arc::new(object));
        }
        self.charge_quotas(kind, &object);
        Ok(self.put(key, object))
    }

    /// Replaces an object, or its status.
    pub(crate) fn replace(
        &mut self,
        key: &Key,
        mut object: Value,
        part: Part,
        dry_run: bool,
    ) -> Result<Arc<Value>, Status> {
        let old = self.get(key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
        names::decode(key.kind, &mut object)?;
        check_preconditions(key, &old, &object)?;
        disabled::drop_fields(&self.release, key.kind, &mut object);
        let mut new = merge_parts(key.kind, &old, object, part);
        if part == Part::Resize {
            resize::check(self, &old, &new)?;
        } else if part == Part::Status {
            validate::check_status(self, key.kind, &new)?;
        } else {
            defaults::fill(self, key.kind, &mut new);
            self.drop_immutable_changes(key.kind, &old, &mut new);
            validate::check(self, key.kind, Some(&old), &new)?;
        }
        let ignored = part == Part::Status && key.kind == Kind::StatefulSet;
        if new == *old || (ignored && self.tells(Fault::StatusUpdateIgnored)) {
            return Ok(old);
        }
        self.count_generation(key.kind, &old, &mut new);
        Ok(if dry_run { Arc::new(new) } else { self.put_or_finish(key, new) })
    }

    /// Changes an object as a controller does, without validation. Nothing is written when nothing changes.
    pub(crate) fn modify(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        let old = self.get(key)?;
        let mut new = (*old).clone();
        change(&mut new);
        if new == *old {
            return Some(old);
        }
        self.count_generation(key.kind, &old, &mut new);
        Some(self.put_or_finish(key, new))
    }

    /// Writes an object; one that was only waiting for its finalizers goes away instead.
    fn put_or_finish(&mut self, key: &Key, object: Value) -> Arc<Value> {
        if !delete::is_finished(key.kind, &object) {
            return self.put(key.clone(), object);
        }
        self.remove(key).map_or_else(|| Arc::new(object), |change| change.object.clone())
    }

    /// Fields of a set that must not change, as they were: no honest server changes them back without a word.
    fn drop_immutable_changes(&mut self, kind: Kind, old: &Value, new: &mut Value) {
        if kind != Kind::StatefulSet {
            return;
        }
        for field in ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] {
            if old["spec"][field] != new["spec"][field] && self.tells(Fault::ImmutableFieldsDropped) {
                new["spec"][field] = old["spec"][field].clone();
            }
        }
    }

    /// Label values that are too long for the API, cut.
    fn truncate_labels(&mut self, kind: Kind, object: &mut Value) {
        let labels = map(object, "metadata").get_mut("labels").and_then(Value::as_object_mut);
        for label in labels.into_iter().flat_map(|labels| labels.values_mut()) {
            let long = label.as_str().filter(|label| label.len() > LONGEST_LABEL).map(str::to_owned);
            if let Some(long) = long
                && matches!(kind, Kind::Pod | Kind::ControllerRevision)
                && self.tells(Fault::LongNamesTruncated)
            {
                *label = long[..LONGEST_LABEL].trim_end_matches(['-', '.', '_']).into();
            }
        }
    }

    fn stamp_new(&mut self, kind: Kind, object: &mut Value) -> Result<(), Status> {
        let uid = self.names.uuid();
        let metadata = map(object, "metadata");
        for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            json::remove(metadata, field);
        }
        metadata["uid"] = uid.into();
        metadata["creationTimestamp"] = self.clock.timestamp().into();
        if self.counts_generations(kind) {
            metadata["generation"] = 1.into();
        }
        self.stamp_status(kind, object)
    }

    fn counts_generations(&self, kind: Kind) -> bool {
        kind.info().generation && (kind != Kind::Pod || self.release.has(Gate::PodGeneration))
    }

    fn count_generation(&self, kind: Kind, old: &Value, new: &mut Value) {
        if !self.counts_generations(kind) {
            return;
        }
        let started_terminating = json::terminating(new) && !json::terminating(old);
        // A pod that is placed on a node is the same pod.
        let placed = kind == Kind::Pod && !has(old, "/spec/nodeName") && has(new, "/spec/nodeName");
        if (old["spec"] != new["spec"] && !placed) || started_terminating {
            let generation = json::integer(old, "/metadata/generation").unwrap_or(0) + 1;
            new["metadata"]["generation"] = generation.into();
        }
    }

    /// The status that an object starts with; the one that a client sends counts for nothing.
    fn stamp_status(&mut self, kind: Kind, object: &mut Value) -> Result<(), Status> {
        if kind.info().subresources.contains(&"status") {
            json::remove(object, "status");
        }
        match kind {
            Kind::Namespace => {
                object["spec"] = json!({"finalizers": ["kubernetes"]});
                object["status"] = json!({"phase": "Active"});
            }
            Kind::Pod => {
                object["status"] = json!({"phase": "Pending", "qosClass": resize::qos_class(object)})
            }
            Kind::PersistentVolumeClaim => object["status"] = json!({"phase": "Pending"}),
            Kind::PersistentVolume => object["status"] = json!({"phase": "Pending"}),
            Kind::StatefulSet => {
                object["status"] = json!({"replicas": 0});
                if self.release.since(22) {
                    object["status"]["availableReplicas"] = 0.into();
                }
            }
            Kind::PodDisruptionBudget => {
                object["status"] = json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
            }
            Kind::ReplicaSet => object["status"] = json!({"replicas": 0}),
            Kind::Deployment => object["status"] = json!({}),
            Kind::Service => {
                object["status"] = json!({"loadBalancer": {}});
                self.allocate_cluster_ip(object)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A resourceVersion or uid in the new object must be that of the old one.
fn check_preconditions(key: &Key, old: &Value, new: &Value) -> Result<(), Status> {
    let revision = text(new, "/metadata/resourceVersion");
    if !revision.is_empty() && revision != text(old, "/metadata/resourceVersion") {
        return Err(Status::stale(key.kind, &key.name));
    }
    let uid = json::uid(new);
    if !uid.is_empty() && uid != json::uid(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            json::uid(old)
        );
        return Err(Status::conflict(key.kind, &key.name, &why));
    }
    let name = json::name(new);
    if !name.is_empty() && name != key.name {
        let why =
            format!("the name of the object ({name}) does not match the name on the URL ({})", key.name);
        return Err(Status::bad_request(why));
    }
    Ok(())
}

/// The new object, with all that this write must not touch taken from the old one.
fn merge_parts(kind: Kind, old: &Value, new: Value, part: Part) -> Value {
    const KEPT: [&str; 8] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    if part == Part::Resize {
        return resize::merged(old, &new);
    }
    if part == Part::Status {
        let mut merged = old.clone();
        merged["status"] = new.get("status").cloned().unwrap_or_else(|| json!({}));
        if has(&new, "/metadata/managedFields") {
            merged["metadata"]["managedFields"] = new["metadata"]["managedFields"].clone();
        }
        return merged;
    }
    let mut merged = new;
    for field in KEPT {
        json::remove(map(&mut merged, "metadata"), field);
        if let Some(value) = old["metadata"].get(field) {
            merged["metadata"][field] = value.clone();
        }
    }
    if kind.info().subresources.contains(&"status") {
        json::remove(&mut merged, "status");
        if let Some(status) = old.get("status") {
            merged["status"] = status.clone();
        }
    }
    merged
}
