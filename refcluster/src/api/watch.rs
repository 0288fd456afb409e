//! Watches: the past from a revision on, then what happens, as one JSON object a line.
//!
//! Follows `k8s.io/apiserver/pkg/storage/cacher`: an object that begins or ceases to match the selector is
//! told as added or deleted; a revision that is compacted is told as an ERROR event with code 410.

use super::read;
use super::request::{Request, Target};
use super::response::{self, Response};
use super::table::Table;
use crate::api_fault::ApiFault;
use crate::kind::Kind;
use crate::selector::Selector;
use crate::status::Status;
use crate::store::{Action, Change};
use crate::world::{Shared, World};
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How often a watch that allows bookmarks gets one.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);

struct Watch {
    shared: Shared,
    kind: Kind,
    selector: Selector,
    table: Option<Table>,
    ready: VecDeque<Bytes>,
    changes: mpsc::UnboundedReceiver<Arc<Change>>,
    revision: u64,
    bookmarks: bool,
    next_bookmark: Instant,
    ends_at: Instant,
    cut_after: Option<u64>,
    expires_after: Option<u64>,
    breaks: bool,
    over: bool,
}

pub(super) fn watch(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let selector = read::selector(request)?;
    let mut world = shared.lock();
    let table = Table::asked(request, target.kind, world.clock)?;
    let (changes, revision) = (world.store.subscribe(target.kind, &target.namespace), world.store.revision());
    let secs = request.number("timeoutSeconds").filter(|secs| *secs > 0);
    let secs = secs.unwrap_or_else(|| world.chance.within(1_800..3_600));
    let mut watch = Watch {
        shared: shared.clone(),
        kind: target.kind,
        selector,
        table,
        ready: VecDeque::new(),
        changes,
        revision,
        bookmarks: request.flag("allowWatchBookmarks"),
        next_bookmark: Instant::now() + BOOKMARK_PERIOD,
        ends_at: Instant::now() + Duration::from_secs(secs),
        cut_after: world.api_faults.after(ApiFault::WatchReset, 2..16),
        expires_after: world.api_faults.after(ApiFault::WatchExpired, 3..14),
        breaks: false,
        over: false,
    };
    watch.begin(&world, target, request);
    drop(world);
    Ok(response::streaming(stream::unfold(watch, Watch::next)))
}

impl Watch {
    /// Queues what the watch has missed.
    fn begin(&mut self, world: &World, target: &Target, request: &Request) {
        let asked = request.parameter("resourceVersion");
        let initial = request.flag("sendInitialEvents");
        if initial || matches!(asked, "" | "0") {
            for (_, object) in world.store.list(target.kind, &target.namespace) {
                if self.selector.matches(object) {
                    let line = self.line("ADDED", object);
                    self.ready.push_back(line);
                }
            }
            if initial {
                self.push_bookmark(true);
            }
            return;
        }
        let asked = asked.parse().unwrap_or(0);
        match world.store.since(asked, target.kind, &target.namespace) {
            Some(missed) => missed.iter().for_each(|change| self.push(change, false)),
            None => self.expire(asked, world.store.compacted() + 1),
        }
    }

    fn push(&mut self, change: &Change, repeated: bool) {
        self.revision = change.revision;
        if let Some((kind, object)) = event(change, &self.selector) {
            let line = self.line(kind, object);
            if repeated {
                self.ready.push_back(line.clone());
            }
            self.ready.push_back(line);
        }
    }

    fn push_live(&mut self, change: &Change) {
        let repeated = self.shared.lock().api_faults.strikes(ApiFault::RepeatedEvents, 9);
        self.push(change, repeated);
    }

    fn expire(&mut self, asked: u64, oldest: u64) {
        self.ready.push_back(line("ERROR", &Status::expired(asked, oldest).body()));
        self.over = true;
    }

    fn push_bookmark(&mut self, initial_events_end: bool) {
        let mut metadata = json!({"resourceVersion": self.revision.to_string(), "creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": self.kind.info().name, "apiVersion": self.kind.api_version(), "metadata": metadata});
        let line = self.line("BOOKMARK", &object);
        self.ready.push_back(line);
    }

    fn line(&mut self, kind: &str, object: &Value) -> Bytes {
        match &mut self.table {
            Some(table) => line(kind, &table.of_one(object)),
            None => line(kind, object),
        }
    }

    /// The next piece of the answer, or its end.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some((Ok(self.disturb(piece)), self));
            }
            if std::mem::take(&mut self.breaks) {
                self.over = true;
                return Some((Err(super::reset()), self));
            }
            if self.over {
                return None;
            }
            let wake_at = if self.bookmarks { self.next_bookmark.min(self.ends_at) } else { self.ends_at };
            tokio::select! {
                biased;
                change = self.changes.recv() => self.push_live(&*change?),
                () = sleep_until(wake_at) => self.tick(),
            }
        }
    }

    fn tick(&mut self) {
        if Instant::now() >= self.ends_at {
            self.over = true;
        } else {
            self.next_bookmark += BOOKMARK_PERIOD;
            self.push_bookmark(false);
        }
    }

    /// Lets a watch break off, half a line told, or expire, when the options ask for it.
    fn disturb(&mut self, piece: Bytes) -> Bytes {
        if count_down(&mut self.cut_after) {
            self.shared.lock().api_faults.count(ApiFault::WatchReset);
            self.ready.clear();
            self.breaks = true;
            return piece.slice(..piece.len() / 2);
        }
        if count_down(&mut self.expires_after) {
            let mut world = self.shared.lock();
            world.api_faults.count(ApiFault::WatchExpired);
            world.store.compact();
            let oldest = world.store.revision() + 1;
            drop(world);
            self.ready.clear();
            self.over = true;
            return line("ERROR", &Status::expired(self.revision, oldest).body());
        }
        piece
    }
}

fn count_down(left: &mut Option<u64>) -> bool {
    if let Some(left) = left {
        *left = left.saturating_sub(1);
    }
    *left == Some(0)
}

/// How a change looks to a watch with a selector.
fn event<'a>(change: &'a Change, selector: &Selector) -> Option<(&'static str, &'a Value)> {
    let matched = change.previous.as_ref().is_some_and(|previous| selector.matches(previous));
    match (change.action, matched, selector.matches(&change.object)) {
        (Action::Deleted, true, _) => Some(("DELETED", &change.object)),
        (Action::Deleted, false, _) | (_, false, false) => None,
        (_, false, true) => Some(("ADDED", &change.object)),
        (_, true, true) => Some(("MODIFIED", &change.object)),
        (_, true, false) => Some(("DELETED", &change.object)),
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}
