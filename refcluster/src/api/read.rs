//! Getting one object and listing many, as they are or as tables.

use super::request::{Request, Target};
use super::response::{self, Response};
use super::table::Table;
use super::versions;
use crate::selector::Selector;
use crate::status::Status;
use crate::store::Key;
use crate::world::Shared;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn get(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let key = target.key();
    let world = shared.lock();
    let table = Table::asked(request, key.kind, world.clock)?;
    let object = world.get(&key).ok_or_else(|| Status::not_found(key.kind, &key.name))?;
    Ok(match table {
        Some(mut table) => response::json(200, &table.of_one(&object)),
        None => response::json(200, &versions::outgoing(&world.release, target, &object)),
    })
}

/// Answers with a page: `continue` is the key after which the next one starts.
pub(super) fn list(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let selector = selector(request)?;
    let after = page_start(target, request);
    let world = shared.lock();
    let table = Table::asked(request, target.kind, world.clock)?;
    check_revision(request, world.store.revision())?;
    let limit = request.number("limit").filter(|limit| *limit > 0).unwrap_or(u64::MAX) as usize;
    let mut found = world
        .store
        .list(target.kind, &target.namespace)
        .filter(|(key, object)| after.as_ref().is_none_or(|after| *key > after) && selector.matches(object));
    let page: Vec<(&Key, &Arc<Value>)> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let mut metadata = json!({"resourceVersion": world.store.revision().to_string()});
    if let (true, Some((last, _))) = (more, page.last()) {
        metadata["continue"] = format!("{}/{}", last.namespace, last.name).into();
    }
    let items: Vec<&Value> = page.iter().map(|(_, object)| &***object).collect();
    let body = match table {
        Some(mut table) => table.of(metadata, &items),
        None => {
            let outgoing = |object: &&Value| versions::outgoing(&world.release, target, object).into_owned();
            json!({
                "kind": format!("{}List", target.kind.info().name), "apiVersion": target.api_version(),
                "metadata": metadata, "items": items.iter().map(outgoing).collect::<Vec<_>>(),
            })
        }
    };
    Ok(response::json(200, &body))
}

/// The selectors of a list, a watch or a deletion of many.
pub(super) fn selector(request: &Request) -> Result<Selector, Status> {
    Selector::parse(request.parameter("labelSelector"), request.parameter("fieldSelector"))
}

fn page_start(target: &Target, request: &Request) -> Option<Key> {
    let (namespace, name) = request.parameter("continue").split_once('/')?;
    Some(Key::new(target.kind, namespace, name))
}

fn check_revision(request: &Request, newest: u64) -> Result<(), Status> {
    let asked = request.number("resourceVersion").unwrap_or(0);
    if asked <= newest {
        return Ok(());
    }
    let message = format!("Too large resource version: {asked}, current: {newest}");
    Err(Status::new(504, "Timeout", message).retry_after(1))
}
