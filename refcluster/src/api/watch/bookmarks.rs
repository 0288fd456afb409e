//! Bookmarks: up to which revision a watch has told everything.
//!
//! Follows `nextBookmarkTime` in `k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go`: about once a minute, and two
//! seconds before the watch's time is over.

use super::{Watch, line};
use crate::rng::Rng;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const PERIOD: Duration = Duration::from_secs(60);

/// How long before its end a watch gets its last bookmark.
const BEFORE_END: Duration = Duration::from_secs(2);

/// The server looks about once a second which watches are due.
const JITTER_MILLIS: u64 = 1_250;

/// When a watch gets its bookmarks.
pub(super) struct Bookmarks {
    due: Option<Instant>,
}

impl Bookmarks {
    pub(super) fn new(jitter: &mut Rng, ends_at: Instant) -> Self {
        let mut bookmarks = Self { due: None };
        bookmarks.schedule(jitter, ends_at);
        bookmarks
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sets the time of the next one; after the last there is none.
    pub(super) fn schedule(&mut self, jitter: &mut Rng, ends_at: Instant) {
        let (now, last) = (Instant::now(), ends_at - BEFORE_END);
        let next = now + PERIOD + Duration::from_millis(jitter.within(0..JITTER_MILLIS));
        self.due = Some(next.min(last)).filter(|due| *due > now);
    }
}

impl Watch {
    /// A bookmark; the one that ends the initial events says so.
    pub(super) fn bookmark(&mut self, revision: u64, initial_events_end: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (name, version) = (self.scope.0.info().name, self.target.api_version());
        let object = json!({"kind": name, "apiVersion": version, "metadata": metadata});
        match &mut self.table {
            Some(table) => line("BOOKMARK", &table.of_one(&object)),
            None => line("BOOKMARK", &object),
        }
    }
}
