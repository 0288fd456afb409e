//! The informers of the DNS backends: each learns of Services and EndpointSlices in its own time.
//!
//! Follows `plugin/kubernetes/controller.go` of CoreDNS.

use super::Outcome;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let object = world.get(key);
    if object.is_none() && is_of_deleted_service(world, key) && world.tells(Fault::DeletedServiceAnswers) {
        return Ok(());
    }
    world.dns.learn(key, object);
    Ok(())
}

/// Whether an object that is gone is a Service, or went together with one: a slice has a name that begins with its Service's.
fn is_of_deleted_service(world: &World, key: &Key) -> bool {
    let mut services = world.store.list(Kind::Service, &key.namespace);
    key.kind == Kind::Service || !services.any(|(service, _)| key.name.starts_with(&service.name))
}
