//! Deletion: preconditions, grace, propagation, finalizers.
//!
//! Follows `k8s.io/apiserver/pkg/registry/rest/delete.go`, the finalizer half of
//! `.../generic/registry/store.go`, and `pkg/registry/core/pod/strategy.go` for the grace of pods.

use crate::fault::Fault;
use crate::json::{self, integer, items, list, map, text};
use crate::kind::Kind;
use crate::status::Status;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;
use std::sync::Arc;

/// What becomes of the objects that an object owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Propagation {
    #[default]
    Background,
    Foreground,
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) grace_secs: Option<i64>,
    pub(crate) propagation: Propagation,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// Removes at once, if it is still this object.
    pub(crate) fn immediately(uid: &str) -> Self {
        Self { uid: Some(uid.to_owned()), grace_secs: Some(0), ..Self::default() }
    }

    /// Reads a `DeleteOptions` object.
    pub(crate) fn parse(body: &Value) -> Result<Self, Status> {
        let optional = |pointer: &str| Some(text(body, pointer).to_owned()).filter(|text| !text.is_empty());
        let propagation = match text(body, "/propagationPolicy") {
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            "" if body["orphanDependents"] == true => Propagation::Orphan,
            "" | "Background" => Propagation::Background,
            other => return Err(Status::bad_request(format!("unknown propagationPolicy {other:?}"))),
        };
        Ok(Self {
            uid: optional("/preconditions/uid"),
            revision: optional("/preconditions/resourceVersion"),
            grace_secs: integer(body, "/gracePeriodSeconds"),
            propagation,
            dry_run: !items(body, "/dryRun").is_empty(),
        })
    }
}

/// What a deletion led to.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object is gone.
    Gone(Arc<Value>),
    /// The object is on its way, and looks so.
    Terminating(Arc<Value>),
}

impl World {
    /// Deletes an object, or lets its termination begin.
    pub(crate) fn delete(&mut self, key: &Key, options: &DeleteOptions) -> Result<Deleted, Status> {
        let old = self.get(key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
        check(key, &old, options)?;
        let mut object = (*old).clone();
        add_finalizer(&mut object, options.propagation);
        let grace = grace_secs(key.kind, &old, options);
        let finished = items(&object, "/metadata/finalizers").is_empty() && key.kind != Kind::Namespace;
        if options.dry_run || self.keeps_pod(key, options) {
            return Ok(Deleted::Terminating(old));
        }
        if finished && grace.unwrap_or(0) == 0 {
            let gone = self.remove(key).map_or(old, |change| change.object.clone());
            return Ok(Deleted::Gone(gone));
        }
        self.mark_terminating(&mut object, grace);
        let changed = self.modify(key, |stored| *stored = object).unwrap_or(old);
        Ok(Deleted::Terminating(changed))
    }

    /// Whether a client's deletion of a pod leads to nothing. Controllers and kubelets name the uid.
    fn keeps_pod(&mut self, key: &Key, options: &DeleteOptions) -> bool {
        let deleted_by_client =
            key.kind == Kind::Pod && key.namespace != "kube-system" && options.uid.is_none();
        deleted_by_client && self.tells(Fault::PodDeletionIgnored)
    }

    fn mark_terminating(&self, object: &mut Value, grace: Option<i64>) {
        let earlier = integer(object, "/metadata/deletionGracePeriodSeconds");
        let shortened = grace.is_some_and(|grace| earlier.is_some_and(|earlier| grace < earlier));
        if json::terminating(object) && !shortened {
            return;
        }
        let secs = grace.unwrap_or(0).max(0);
        let metadata = map(object, "metadata");
        metadata["deletionTimestamp"] = self.clock.timestamp_in(secs as u64).into();
        metadata["deletionGracePeriodSeconds"] = secs.into();
        if object["kind"] == "Namespace" {
            map(object, "status")["phase"] = "Terminating".into();
        }
    }
}

/// Whether a terminating object has nothing left to wait for.
pub(super) fn is_finished(kind: Kind, object: &Value) -> bool {
    let waits_for_kubelet =
        kind == Kind::Pod && integer(object, "/metadata/deletionGracePeriodSeconds").unwrap_or(0) > 0;
    let waits_for_content = kind == Kind::Namespace && !items(object, "/spec/finalizers").is_empty();
    json::terminating(object)
        && items(object, "/metadata/finalizers").is_empty()
        && !waits_for_kubelet
        && !waits_for_content
}

fn check(key: &Key, old: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let differs =
        |wanted: &Option<String>, actual: &str| wanted.as_deref().is_some_and(|wanted| wanted != actual);
    let (uid, revision) = (json::uid(old), text(old, "/metadata/resourceVersion"));
    if differs(&options.uid, uid) {
        return Err(Status::other_uid(key.kind, &key.name, options.uid.as_deref().unwrap_or_default(), uid));
    }
    if differs(&options.revision, revision) {
        let why = "Precondition failed: the ResourceVersion in the precondition does not match the object's";
        return Err(Status::conflict(key.kind, &key.name, why));
    }
    Ok(())
}

/// A pod keeps its grace unless nothing of it runs; other objects have none.
fn grace_secs(kind: Kind, pod: &Value, options: &DeleteOptions) -> Option<i64> {
    if kind != Kind::Pod {
        return None;
    }
    let idle = text(pod, "/spec/nodeName").is_empty()
        || matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
    let own = integer(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    Some(if idle { 0 } else { options.grace_secs.unwrap_or(own).max(0) })
}

fn add_finalizer(object: &mut Value, propagation: Propagation) {
    let finalizer = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => "foregroundDeletion",
        Propagation::Orphan => "orphan",
    };
    let finalizers = list(map(object, "metadata"), "finalizers");
    if !finalizers.iter().any(|present| present == finalizer) {
        finalizers.push(finalizer.into());
    }
}
