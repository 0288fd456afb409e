//! The sign of life of a node: its lease, and its conditions when they have to be told again.
//!
//! Follows `k8s.io/component-helpers/apimachinery/lease` and `pkg/kubelet/nodestatus`.

use crate::controllers::Outcome;
use crate::json::{list, map};
use crate::kind::Kind;
use crate::queue::Component;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(10);

const LEASE_SECS: u64 = 40;

/// The conditions of a node that is well.
const WELL: [(&str, &str, &str, &str); 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

/// The conditions of a node that is well, as they begin.
pub(crate) fn conditions(now: &str) -> Value {
    let condition = |(kind, status, reason, message): (&str, &str, &str, &str)| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        })
    };
    WELL.into_iter().map(condition).collect()
}

/// Renews the lease of a node that can, and lets its conditions say that it is well.
pub(crate) fn beat(world: &mut World, node: &Key) -> Outcome {
    world.finish_shutdown(&node.name);
    world.end_outage(&node.name);
    if world.outage(&node.name).is_some() || world.get(node).is_none() {
        return Ok(());
    }
    world.kubelets.heartbeats.insert(node.name.clone(), tokio::time::Instant::now());
    world.queue.add_after(Component::Heartbeat, node, PERIOD);
    renew(world, node)?;
    if world.kubelets.shutting_down.contains_key(&node.name) {
        return Ok(());
    }
    let now = world.clock.timestamp();
    world.modify(node, |node| {
        let stored = list(map(node, "status"), "conditions");
        for (kind, status, reason, message) in WELL {
            let Some(condition) = stored.iter_mut().find(|condition| condition["type"] == kind) else {
                continue;
            };
            if condition["status"] != status {
                *condition = json!({
                    "type": kind, "status": status, "reason": reason, "message": message,
                    "lastHeartbeatTime": now, "lastTransitionTime": now,
                });
            }
        }
    });
    Ok(())
}

fn renew(world: &mut World, node: &Key) -> Outcome {
    let key = Key::new(Kind::Lease, "kube-node-lease", &node.name);
    let now = world.clock.timestamp().replace('Z', ".000000Z");
    if world.modify(&key, |lease| map(lease, "spec")["renewTime"] = now.clone().into()).is_some() {
        return Ok(());
    }
    let uid = world.get(node).map(|node| node["metadata"]["uid"].clone());
    let lease = json!({
        "metadata": {
            "name": node.name,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": uid}],
        },
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": LEASE_SECS, "renewTime": now},
    });
    world.create(Kind::Lease, "kube-node-lease", lease, false).map(drop)
}
