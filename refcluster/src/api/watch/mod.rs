//! Watches: the past from a revision on, then what happens, as one JSON object a line.
//!
//! Follows `k8s.io/apiserver/pkg/storage/cacher`: an object that begins or ceases to match the selector is
//! told as added or deleted; a revision that is compacted is told as an ERROR event with code 410.

mod bookmarks;
mod trouble;

use super::read;
use super::request::{Request, Target};
use super::response::{self, Response};
use super::table::Table;
use super::versions;
use crate::api_fault::{ApiFault, Scope};
use crate::release::Release;
use crate::selector::Selector;
use crate::status::Status;
use crate::store::{Action, Change};
use crate::world::{Shared, World};
use bookmarks::Bookmarks;
use bytes::Bytes;
use futures::stream;
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use trouble::{Trouble, Turn};

struct Watch {
    shared: Shared,
    target: Target,
    scope: Scope,
    selector: Selector,
    table: Option<Table>,
    queue: VecDeque<Piece>,
    changes: mpsc::UnboundedReceiver<Arc<Change>>,
    /// The revision up to which everything has been delivered.
    delivered: u64,
    bookmarks: Option<Bookmarks>,
    ends_at: Instant,
    trouble: Trouble,
    end: Option<End>,
}

/// A line on its way to the client.
struct Piece {
    line: Bytes,
    revision: u64,
    due: Instant,
}

/// How a watch ends, once what is queued is told.
enum End {
    Cleanly,
    Reset,
}

pub(super) fn watch(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    let selector = read::selector(request)?;
    let mut world = shared.lock();
    let table = Table::asked(request, target.kind, world.clock)?;
    let secs = request.number("timeoutSeconds").filter(|secs| *secs > 0);
    let secs = secs.unwrap_or_else(|| world.chance.within(1_800..3_600));
    let ends_at = Instant::now() + Duration::from_secs(secs);
    let allowed = request.flag("allowWatchBookmarks");
    let mut watch = Watch {
        shared: shared.clone(),
        target: target.clone(),
        scope: (target.kind, target.namespace.clone()),
        selector,
        table,
        queue: VecDeque::new(),
        changes: world.store.subscribe(target.kind, &target.namespace),
        delivered: world.store.revision(),
        bookmarks: allowed.then(|| Bookmarks::new(&mut world.jitter, ends_at)),
        ends_at,
        trouble: Trouble::new(&mut world.api_faults),
        end: None,
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
                    let line = self.line("ADDED", object, &world.release);
                    self.queue(line, self.delivered, Duration::ZERO);
                }
            }
            if initial {
                let line = self.bookmark(self.delivered, true);
                self.queue(line, self.delivered, Duration::ZERO);
            }
            return;
        }
        self.delivered = asked.parse().unwrap_or(0);
        match world.store.since(self.delivered, target.kind, &target.namespace) {
            Some(missed) => {
                missed.iter().for_each(|change| self.push(change, Duration::ZERO, false, &world.release));
            }
            None => self.expire(world.store.compacted() + 1),
        }
    }

    fn push(&mut self, change: &Change, lag: Duration, repeated: bool, release: &Release) {
        if let Some((kind, object)) = event(change, &self.selector) {
            let line = self.line(kind, object, release);
            if repeated {
                self.queue(line.clone(), change.revision, lag);
            }
            self.queue(line, change.revision, lag);
        }
    }

    fn push_live(&mut self, change: &Change) {
        let shared = self.shared.clone();
        let mut world = shared.lock();
        let repeated = world.api_faults.strikes(ApiFault::RepeatedEvents, 9);
        let lag = self.trouble.lag(&mut world.api_faults);
        self.push(change, lag, repeated, &world.release);
    }

    fn queue(&mut self, line: Bytes, revision: u64, lag: Duration) {
        self.queue.push_back(Piece { line, revision, due: Instant::now() + lag });
    }

    fn expire(&mut self, oldest: u64) {
        let status = Status::expired(self.delivered, oldest).body();
        self.queue(line("ERROR", &status), self.delivered, Duration::ZERO);
        self.end = Some(End::Cleanly);
    }

    fn line(&mut self, kind: &str, object: &Value, release: &Release) -> Bytes {
        match &mut self.table {
            Some(table) => line(kind, &table.of_one(object)),
            None => line(kind, &versions::outgoing(release, &self.target, object)),
        }
    }

    /// The next piece of the answer, or its end.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            let due = self.queue.front().map(|piece| piece.due);
            if due.is_some_and(|due| due <= Instant::now())
                && let Some(piece) = self.queue.pop_front()
            {
                if let Some(line) = self.deliver(piece).await {
                    return Some((Ok(line), self));
                }
                continue;
            }
            match self.end.take() {
                Some(End::Cleanly) => return None,
                Some(End::Reset) => {
                    self.end = Some(End::Cleanly);
                    return Some((Err(super::reset()), self));
                }
                None => {}
            }
            let bookmark = self.bookmarks.as_ref().and_then(Bookmarks::due);
            let wake_at = [due, bookmark].into_iter().flatten().fold(self.ends_at, Instant::min);
            tokio::select! {
                biased;
                change = self.changes.recv() => self.push_live(&*change?),
                () = sleep_until(wake_at) => self.tick(),
            }
        }
    }

    /// What goes to the client in a piece's place: the piece, unless the options ask for trouble.
    async fn deliver(&mut self, piece: Piece) -> Option<Bytes> {
        let turn = self.trouble.turn(&mut self.shared.lock(), &self.scope);
        match turn {
            Turn::Deliver => {
                self.delivered = piece.revision;
                return Some(piece.line);
            }
            Turn::Stall(lasting) => {
                self.queue.push_front(piece);
                tokio::time::sleep(lasting).await;
            }
            Turn::Mute => while self.changes.recv().await.is_some() {},
            Turn::End => self.close(End::Cleanly),
            Turn::Fail(status) => {
                self.close(End::Cleanly);
                return Some(line("ERROR", &status.body()));
            }
            Turn::Cut => {
                self.close(End::Reset);
                return Some(piece.line.slice(..piece.line.len() / 2));
            }
            Turn::Expire(oldest) => {
                self.queue.clear();
                self.expire(oldest);
                return self.queue.pop_front().map(|piece| piece.line);
            }
        }
        None
    }

    fn close(&mut self, end: End) {
        self.queue.clear();
        self.end = Some(end);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.ends_at {
            self.close(End::Cleanly);
        } else if let Some(bookmarks) = &mut self.bookmarks
            && bookmarks.due().is_some_and(|due| due <= now)
        {
            let mut world = self.shared.lock();
            bookmarks.schedule(&mut world.jitter, self.ends_at);
            // Everything up to now has been delivered, unless something is still on its way.
            let all = self.queue.is_empty() && self.changes.is_empty();
            let revision = if all { world.store.revision() } else { self.delivered };
            drop(world);
            let line = self.bookmark(revision, false);
            self.queue.push_front(Piece { line, revision, due: now });
        }
    }
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
