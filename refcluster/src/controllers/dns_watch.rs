//! The informers of the DNS backends: each learns of Services and EndpointSlices in its own time.
//!
//! Follows `plugin/kubernetes/controller.go` of CoreDNS.

use super::Outcome;
use crate::store::Key;
use crate::world::World;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let object = world.get(key);
    world.dns.learn(key, object);
    Ok(())
}
