//! Events: what controllers say that they did. Repeated ones are counted, similar ones combined, and too many dropped.
//!
//! Follows `k8s.io/client-go/tools/record/events_cache.go`.

use crate::fault::Fault;
use crate::json::{self, integer};
use crate::kind::Kind;
use crate::store::Key;
use crate::world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How many events one source may record about one object at once, and how long it waits for one more.
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);

/// How many events may differ only in their message before they are combined, and how long they are remembered.
const SIMILAR: usize = 10;
const SIMILAR_FOR: Duration = Duration::from_secs(600);

/// What the recorders remember.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// By source and uid: how many events are left, and since when.
    left: BTreeMap<(String, String), (f64, Instant)>,
    /// By source, uid, type and reason: the messages, and when the last one came.
    similar: BTreeMap<String, (BTreeSet<u64>, Instant)>,
}

impl Memory {
    fn may_record(&mut self, source: &str, uid: &str) -> bool {
        let now = Instant::now();
        let (left, since) = self.left.entry((source.to_owned(), uid.to_owned())).or_insert((BURST, now));
        *left = (*left + since.elapsed().as_secs_f64() / REFILL.as_secs_f64()).min(BURST);
        *since = now;
        let may = *left >= 1.0;
        *left -= f64::from(u8::from(may));
        may
    }

    /// Whether there are so many events of a kind that they become one.
    fn combines(&mut self, kind: &str, message: &str) -> bool {
        let now = Instant::now();
        let (messages, last) = self.similar.entry(kind.to_owned()).or_insert((BTreeSet::new(), now));
        if last.elapsed() > SIMILAR_FOR {
            messages.clear();
        }
        *last = now;
        messages.insert(crate::rng::hash(message));
        messages.len() >= SIMILAR
    }
}

impl World {
    /// Records an event about an object.
    pub(crate) fn event(&mut self, source: &str, about: &Value, kind: &str, reason: &str, message: &str) {
        if source == "statefulset-controller" && self.tells(Fault::NoEvents) {
            return;
        }
        let similar = format!("{source}/{}/{kind}/{reason}", json::uid(about));
        let combined = self.event_memory.combines(&similar, message);
        let (hashed, message) = if combined {
            (similar, format!("(combined from similar events): {message}"))
        } else {
            (format!("{}/{reason}/{message}", json::uid(about)), message.to_owned())
        };
        if !self.event_memory.may_record(source, json::uid(about)) {
            return;
        }
        let namespace = Some(json::namespace(about)).filter(|name| !name.is_empty()).unwrap_or("default");
        let name = format!("{}.{:x}", json::name(about), crate::rng::hash(&hashed));
        let key = Key::new(Kind::Event, namespace, &name);
        let now = self.clock.timestamp();
        if self.store.get(&key).is_some() {
            self.modify(&key, |event| {
                event["count"] = (integer(event, "/count").unwrap_or(1) + 1).into();
                event["lastTimestamp"] = now.into();
                event["message"] = message.into();
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
