//! The quota controller: what a quota limits, and how much of it is used.
//!
//! Follows `pkg/controller/resourcequota/resource_quota_controller.go`.

use super::Outcome;
use crate::json::map;
use crate::registry::used_of_quota;
use crate::store::Key;
use crate::world::World;
use serde_json::Value;

pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(quota) = world.get(key) else { return Ok(()) };
    let used = used_of_quota(world, &quota);
    let used: Value = used.into_iter().map(|(name, amount)| (name, amount.to_string())).collect();
    world.modify(key, |quota| {
        let hard = quota["spec"]["hard"].clone();
        let status = map(quota, "status");
        status["hard"] = hard;
        status["used"] = used;
    });
    Ok(())
}
