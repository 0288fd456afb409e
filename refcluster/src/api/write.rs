//! Creating, updating, patching and deleting.

use super::patch::{self, PatchKind};
use super::request::{Request, Target};
use super::response::{self, Response};
use super::{managed, read, versions};
use crate::fault::Fault;
use crate::json::{self, has, map};
use crate::kind::Kind;
use crate::registry::{DeleteOptions, Deleted};
use crate::status::Status;
use crate::store::Key;
use crate::world::{Shared, World};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn create(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (mut object, dry_run) = (request.json()?, request.dry_run()?);
    let mut world = shared.lock();
    managed::track_update(&world.clock, &request.manager(), target, &json!({}), &mut object);
    versions::incoming(target, &mut object);
    let created = world.create(target.kind, &target.namespace, object, dry_run)?;
    Ok(answer(&world, 201, target, &created))
}

fn answer(world: &World, code: u16, target: &Target, object: &Value) -> Response {
    response::json(code, &versions::outgoing(&world.release, target, object))
}

pub(super) fn update(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (object, dry_run) = (request.json()?, request.dry_run()?);
    let mut world = shared.lock();
    let stored = replace(&mut world, target, request, object, dry_run)?;
    Ok(answer(&world, 200, target, &stored))
}

pub(super) fn patch(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (kind, dry_run) = (PatchKind::of(request.header("content-type"))?, request.dry_run()?);
    let body = patch::body(request)?;
    let mut world = shared.lock();
    if kind == PatchKind::Apply {
        return apply(&mut world, target, request, body, dry_run);
    }
    let key = target.key();
    let old = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    let patched = patch::patched(kind, &versions::outgoing(&world.release, target, &old), &body)?;
    let stored = replace(&mut world, target, request, patched, dry_run)?;
    Ok(answer(&world, 200, target, &stored))
}

fn replace(
    world: &mut World,
    target: &Target,
    request: &Request,
    mut object: Value,
    dry_run: bool,
) -> Result<Arc<Value>, Status> {
    let key = target.key();
    let old = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    versions::incoming(target, &mut object);
    managed::track_update(&world.clock, &request.manager(), target, &old, &mut object);
    world.replace(&key, object, target.part(), dry_run)
}

fn apply(
    world: &mut World,
    target: &Target,
    request: &Request,
    applied: Value,
    dry_run: bool,
) -> Result<Response, Status> {
    let key = target.key();
    let manager = request.parameter("fieldManager");
    if manager.is_empty() {
        return Err(Status::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let old = world.get(&key);
    let live = old.clone().unwrap_or_else(|| Arc::new(json!({"metadata": {"name": key.name}})));
    let mut merged = patch::apply(&world.clock, target, &live, &applied, manager, request.flag("force"))?;
    versions::incoming(target, &mut merged);
    if old.is_none() {
        let created = world.create(key.kind, &target.namespace, merged, dry_run)?;
        return Ok(answer(world, 201, target, &created));
    }
    let stored = world.replace(&key, merged, target.part(), dry_run)?;
    Ok(answer(world, 200, target, &stored))
}

pub(super) fn delete(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (key, options) = (target.key(), delete_options(request)?);
    let mut world = shared.lock();
    Ok(match world.delete(&key, &options)? {
        Deleted::Gone(object) if key.kind != Kind::Pod => response::json(200, &success(&key, &object)),
        Deleted::Gone(object) | Deleted::Terminating(object) => answer(&world, 200, target, &object),
    })
}

pub(super) fn delete_collection(
    shared: &Shared,
    target: &Target,
    request: &Request,
) -> Result<Response, Status> {
    let (options, selector) = (delete_options(request)?, read::selector(request)?);
    let mut world = shared.lock();
    let mut concerned: Vec<(Key, Arc<Value>)> = world
        .store
        .list(target.kind, &target.namespace)
        .map(|(key, object)| (key.clone(), object.clone()))
        .collect();
    let selective = concerned.iter().any(|(_, object)| !selector.matches(object));
    let ignored = selective && target.kind == Kind::StatefulSet;
    if !ignored || !world.tells(Fault::DeleteCollectionIgnoresSelector) {
        concerned.retain(|(_, object)| selector.matches(object));
    }
    for (key, _) in &concerned {
        world.delete(key, &options)?;
    }
    let items: Vec<_> = concerned.iter().map(|(_, object)| &**object).collect();
    let revision = world.store.revision().to_string();
    let body = json!({
        "kind": format!("{}List", target.kind.info().name), "apiVersion": target.api_version(),
        "metadata": {"resourceVersion": revision}, "items": items,
    });
    Ok(response::json(200, &body))
}

/// Assigns a pod to a node, as a scheduler does.
pub(super) fn bind(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (key, body) = (target.key(), request.json()?);
    let node = json::text(&body, "/target/name").to_owned();
    let mut world = shared.lock();
    let pod = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    if has(&pod, "/spec/nodeName") {
        return Err(Status::conflict(key.kind, &key.name, "the pod is already assigned to a node"));
    }
    world.modify(&key, |pod| map(pod, "spec")["nodeName"] = node.into());
    let body =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(response::json(201, &body))
}

/// Writes the finalizers in a namespace's spec.
pub(super) fn finalize(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let (key, body) = (target.key(), request.json()?);
    let finalizers = body["spec"]["finalizers"].clone();
    let changed = shared.lock().modify(&key, |namespace| map(namespace, "spec")["finalizers"] = finalizers);
    let namespace = changed.ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    Ok(response::json(200, &namespace))
}

fn delete_options(request: &Request) -> Result<DeleteOptions, Status> {
    let mut body = if request.has_body() { request.json()? } else { json!({}) };
    for field in ["propagationPolicy", "gracePeriodSeconds", "orphanDependents"] {
        let value = request.parameter(field);
        if !value.is_empty() {
            body[field] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        }
    }
    let mut options = DeleteOptions::parse(&body)?;
    options.dry_run |= request.dry_run()?;
    Ok(options)
}

fn success(key: &Key, object: &Value) -> Value {
    let info = key.kind.info();
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": key.name, "group": info.group, "kind": info.plural, "uid": json::uid(object)},
    })
}
