//! Events: what controllers say that they did. Repeated ones are counted, not repeated.
//!
//! Follows `k8s.io/client-go/tools/record`.

use crate::fault::Fault;
use crate::json::{self, integer};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};

impl World {
    /// Records an event about an object.
    pub(crate) fn event(&mut self, source: &str, about: &Value, kind: &str, reason: &str, message: &str) {
        if source == "statefulset-controller" && self.tells(Fault::NoEvents) {
            return;
        }
        let namespace = Some(json::namespace(about)).filter(|name| !name.is_empty()).unwrap_or("default");
        let name = format!("{}.{:x}", json::name(about), event_hash(about, reason, message));
        let key = Key::new(Kind::Event, namespace, &name);
        let now = self.clock.timestamp();
        if self.store.get(&key).is_some() {
            self.modify(&key, |event| {
                event["count"] = (integer(event, "/count").unwrap_or(1) + 1).into();
                event["lastTimestamp"] = now.into();
            });
            return;
        }
        let event = json!({
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "kind": about["kind"], "apiVersion": about["apiVersion"], "namespace": namespace,
                "name": about["metadata"]["name"], "uid": about["metadata"]["uid"],
                "resourceVersion": about["metadata"]["resourceVersion"],
            },
            "reason": reason, "message": message, "type": kind, "source": {"component": source},
            "reportingComponent": source, "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": null,
        });
        // A namespace that is going away takes no more events, and nobody misses them.
        let _ = self.create(Kind::Event, namespace, event, false);
    }
}

fn event_hash(about: &Value, reason: &str, message: &str) -> u64 {
    crate::rng::hash(&format!("{}/{reason}/{message}", json::uid(about)))
}
