//! The StatefulSet controller.
//!
//! Follows `pkg/controller/statefulset/stateful_set.go` and `stateful_set_control.go` of Kubernetes 1.20 to 1.37, and the
//! documentation's page on StatefulSets: each pod has an ordinal, a name, a claim for each template; an ordered
//! set is built from the lowest ordinal up and taken down from the highest, one pod at a time.

mod claims;
mod control;
mod ended;
pub(crate) mod identity;
mod impatience;
mod memory;
mod mischief;
mod pod_control;
mod recreate;
mod revisions;
mod roll;
mod scale_down;
mod status;
mod takeover;
mod update;

use super::{Outcome, adoption};
use crate::json;
use crate::store::Key;
use crate::world::World;
use revisions::Revisions;
use serde_json::Value;
use std::sync::Arc;

pub(crate) use memory::Memory;

/// Everything that one look at a set is about.
struct Sync<'a> {
    world: &'a mut World,
    key: Key,
    set: Arc<Value>,
    revisions: Revisions,
    /// The conditions of the status that is to be written.
    conditions: Vec<Value>,
}

/// Brings the pods of a set closer to what its spec asks for.
pub(super) fn sync(world: &mut World, key: &Key) -> Outcome {
    let Some(set) = world.get(key) else { return Ok(()) };
    takeover::take_over(world, &set);
    let name = json::name(&set).to_owned();
    let pods = adoption::claim_pods(world, &set, |pod| identity::is_member(&name, pod));
    let revisions = revisions::of(world, key, &set)?;
    let conditions = if world.release.since(37) { Sync::stored_conditions(&set) } else { Vec::new() };
    let mut sync = Sync { world, key: key.clone(), set, revisions, conditions };
    let outcome = sync.update(&pods);
    sync.truncate_history(&pods);
    outcome
}

impl Sync<'_> {
    /// A number of the spec.
    pub(super) fn number(&self, pointer: &str, default: i64) -> i64 {
        json::integer(&self.set, pointer).unwrap_or(default)
    }

    pub(super) fn name(&self) -> &str {
        json::name(&self.set)
    }

    pub(super) fn start_ordinal(&self) -> i64 {
        self.number("/spec/ordinals/start", 0)
    }

    pub(super) fn replicas(&self) -> i64 {
        self.number("/spec/replicas", 1)
    }

    pub(super) fn min_ready_secs(&self) -> u64 {
        self.number("/spec/minReadySeconds", 0).max(0) as u64
    }
}
