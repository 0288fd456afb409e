//! One watch of one resource in one namespace, from before the first object exists to the scenario's end.
//!
//! A connection that ends is opened again after the last version seen: nothing is lost, and the record says so. A
//! version that the server has forgotten (410) is a gap: the record says so, lists what exists, and goes on. Once in a while
//! a list shows what the watch should have delivered by then: a watch that keeps something to itself is begun anew.

mod compare;

use std::{collections::BTreeMap, pin::Pin};

use futures::{Stream, StreamExt};
use http::Request;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::{
    sync::oneshot,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};

use self::compare::Comparison;
use super::Recorder;
use crate::{
    cluster::{NotRead, Server, Unanswered, answer, path},
    history::{ApiErrorSeen, Change, ObjectSeen, Observation, Observer, Resource, Span, Watch as Watched},
    limits,
};

/// What is watched, and the path of its collection.
#[derive(Debug, Clone)]
pub struct WatchedPath {
    /// What is watched, and in which of the scenario's namespaces.
    pub watch: Watched,
    /// Where.
    pub path: String,
}

/// Every resource with its path in a namespace, which is the scenario's own or, from 1 on, another. `slices` is the API
/// version that serves EndpointSlices.
pub fn watched_paths(namespace: &str, number: u8, slices: &str) -> Vec<WatchedPath> {
    let version = |resource: &Resource| match resource {
        Resource::StatefulSets | Resource::ControllerRevisions => "apps/v1".to_owned(),
        Resource::EndpointSlices => slices.to_owned(),
        _ => "v1".to_owned(),
    };
    let watched = |resource: &Resource| WatchedPath {
        watch: Watched { resource: *resource, namespace: number },
        path: path::collection(&version(resource), namespace, resource.plural()),
    };
    Resource::ALL.iter().map(watched).collect()
}

impl Recorder {
    /// Watches a resource until the task is aborted. `opened` is told once the first watch is open.
    pub async fn watch(self, server: Server, watched: WatchedPath, opened: oneshot::Sender<()>) {
        let mut watch = Watch {
            recorder: self,
            server,
            watched,
            revision: None,
            known: BTreeMap::new(),
            certain_us: None,
            opened: Some(opened),
            catching_up_until_us: None,
            failures: 0,
            comparison: None,
        };
        loop {
            let again = Instant::now() + limits::WATCH_AGAIN.duration();
            if let Err(error) = watch.session().await {
                watch.failed(&error).await;
            }
            sleep_until(again).await;
        }
    }
}

struct Watch {
    recorder: Recorder,
    server: Server,
    watched: WatchedPath,
    /// The version after which the next session begins; none before the first list and after a gap.
    revision: Option<String>,
    /// What exists, by uid: to tell what went away in a gap, and what a list has that was not delivered.
    known: BTreeMap<String, ObjectSeen>,
    /// When the last thing was delivered that is certain. Errors and reopenings are not: what comes after them may have
    /// happened before.
    certain_us: Option<u64>,
    opened: Option<oneshot::Sender<()>>,
    /// Until when the watch may deliver what happened while it was down; none where it was not.
    catching_up_until_us: Option<u64>,
    failures: u32,
    /// What a list showed and the watch has not delivered yet.
    comparison: Option<Comparison>,
}

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<Value>>> + Send>>;

impl Watch {
    /// Lists if it has to, then follows one watch to its end.
    async fn session(&mut self) -> Result<(), Unanswered> {
        if self.revision.is_none() {
            self.list().await?;
        }
        let revision = self.revision.clone().unwrap_or_default();
        let Some(stream) = self.open(&revision).await? else { return Ok(()) };
        let resource = self.watched.watch.resource;
        self.say(Observation::WatchOpened { resource, revision });
        if let Some(until_us) = &mut self.catching_up_until_us {
            *until_us = self.recorder.now_us() + limits::WATCH_CAUGHT_UP.wait_us();
        }
        self.opened.take().map(|opened| opened.send(()));
        self.follow(stream).await
    }

    /// Opens the watch after a version; none where the server has forgotten it.
    async fn open(&mut self, revision: &str) -> Result<Option<Events>, Unanswered> {
        let query = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={revision}",
            self.watched.path
        );
        let unanswered = |reason: String| Unanswered { reason };
        let request = Request::get(query).body(Vec::new()).map_err(|e| unanswered(e.to_string()))?;
        let bound = limits::WATCH_OPEN.duration();
        let opening = self.server.client.request_events::<Value>(request);
        match timeout(bound, opening).await {
            Ok(Ok(stream)) => Ok(Some(stream.boxed())),
            Ok(Err(kube::Error::Api(status))) if status.code == 410 => {
                self.gap(&status.message);
                Ok(None)
            }
            Ok(Err(error)) => Err(unanswered(error.to_string())),
            Err(_) => Err(unanswered(format!("the watch was not opened within {bound:?}"))),
        }
    }

    async fn follow(&mut self, mut stream: Events) -> Result<(), Unanswered> {
        let mut ticks = ticks();
        loop {
            let overdue = self.comparison.as_ref().map_or_else(far_off, Comparison::until);
            tokio::select! {
                biased;
                event = stream.next() => match event {
                    None => return Ok(()),
                    Some(event) => if self.take(event)? { return Ok(()) },
                },
                () = sleep_until(overdue) => {
                    self.kept_back();
                    return Ok(());
                }
                _ = ticks.tick() => self.compare().await,
            }
        }
    }

    /// Takes in an event. Says whether the watch is over.
    fn take(&mut self, event: kube::Result<WatchEvent<Value>>) -> Result<bool, Unanswered> {
        match event {
            Ok(WatchEvent::Added(object)) => self.object(Change::Added, object)?,
            Ok(WatchEvent::Modified(object)) => self.object(Change::Modified, object)?,
            Ok(WatchEvent::Deleted(object)) => self.object(Change::Deleted, object)?,
            Ok(WatchEvent::Bookmark(bookmark)) => self.bookmark(bookmark.metadata.resource_version),
            Ok(WatchEvent::Error(status)) if status.code == 410 => {
                self.gap(&status.message);
                return Ok(true);
            }
            Ok(WatchEvent::Error(status)) => return Err(Unanswered { reason: status.message.clone() }),
            Err(error) => return Err(Unanswered { reason: error.to_string() }),
        }
        self.failures = 0;
        Ok(false)
    }

    /// Reads what exists, and tells what came and went since the last delivery. Objects are told apart by their uids: one that
    /// was replaced is gone.
    async fn list(&mut self) -> Result<(), Unanswered> {
        let asked_us = self.recorder.now_us();
        let kind = answer::kind_of(self.watched.watch.resource);
        let list = self.server.list(&self.watched.path, kind).await.map_err(unanswered)?;
        let listed: Vec<ObjectSeen> = list
            .items
            .into_iter()
            .map(|item| ObjectSeen::new(Change::Listed, self.watched.watch.resource, item))
            .collect();
        let gone = std::mem::take(&mut self.known).into_values();
        for mut object in gone.filter(|known| listed.iter().all(|listed| listed.uid != known.uid)) {
            object.change = Change::Unlisted;
            self.delivered(object);
        }
        for object in listed {
            self.delivered(object);
        }
        // What happens from now on can have happened since the list was asked for.
        self.certain_us = Some(asked_us);
        self.catching_up_until_us = None;
        self.comparison = None;
        self.revision = Some(list.resource_version);
        Ok(())
    }

    fn gap(&mut self, reason: &str) {
        self.revision = None;
        self.comparison = None;
        let resource = self.watched.watch.resource;
        self.say(Observation::WatchGap { resource, reason: reason.to_owned() });
    }

    /// Something that the watch delivers is an object of the kind that is watched, or it is no answer of the API.
    fn object(&mut self, change: Change, object: Value) -> Result<(), Unanswered> {
        let kind = answer::kind_of(self.watched.watch.resource);
        answer::object(&object, &self.watched.path, kind).map_err(|reason| Unanswered { reason })?;
        let object = ObjectSeen::new(change, self.watched.watch.resource, object);
        if let Some(comparison) = &mut self.comparison {
            comparison.delivered(&object);
            if comparison.is_over() {
                self.comparison = None;
            }
        }
        let now_us = self.recorder.now_us();
        self.delivered(object);
        if self.catching_up_until_us.is_none_or(|until_us| until_us < now_us) {
            self.is_current_at(now_us);
        }
        Ok(())
    }

    fn bookmark(&mut self, revision: String) {
        self.revision = Some(revision.clone());
        let now_us = self.recorder.now_us();
        let resource = self.watched.watch.resource;
        self.see(Observation::Bookmark { resource, revision });
        self.is_current_at(now_us);
    }

    /// What is delivered next cannot have happened before.
    fn is_current_at(&mut self, now_us: u64) {
        self.certain_us = Some(now_us);
        self.catching_up_until_us = None;
    }

    /// Records a version: it came to be at some time since the last delivery that is certain.
    fn delivered(&mut self, seen: ObjectSeen) {
        self.revision = Some(seen.revision.clone());
        match seen.change.is_removal() {
            true => self.known.remove(&seen.uid),
            false => self.known.insert(seen.uid.clone(), seen.clone()),
        };
        self.see(Observation::Object(seen));
    }

    fn see(&self, seen: Observation) {
        let now_us = self.recorder.now_us();
        let span = Span { from_us: self.certain_us.unwrap_or(now_us), until_us: now_us };
        self.recorder.record(Observer::Watch(self.watched.watch), span, seen);
    }

    /// Records something about the watch itself.
    fn say(&self, seen: Observation) {
        let span = Span::at(self.recorder.now_us());
        self.recorder.record(Observer::Watch(self.watched.watch), span, seen);
    }

    async fn failed(&mut self, error: &Unanswered) {
        self.failures += 1;
        self.catching_up_until_us = Some(u64::MAX);
        self.say(Observation::ApiError(ApiErrorSeen {
            request: format!("WATCH {}", self.watched.path),
            code: 0,
            reason: error.reason.clone(),
            attempt: self.failures,
        }));
        sleep(limits::WATCH_AGAIN.duration() * self.failures.min(20)).await;
    }
}

/// A list that was not read, for whatever reason, is one that did not come.
fn unanswered(error: NotRead) -> Unanswered {
    match error {
        NotRead::Unanswered(unanswered) => unanswered,
        NotRead::Refused(reply) => Unanswered { reason: reply.message() },
    }
}

/// When a list shows what the watch should have delivered.
fn ticks() -> Interval {
    let every = limits::WATCH_COMPARED.duration();
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Later than anything that is waited for.
fn far_off() -> Instant {
    Instant::now() + limits::RUN.duration() * 10
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    use http::Response;
    use kube::{Client, client::Body};
    use tokio::time::timeout;

    use super::*;
    use crate::{
        history::file::{self, ClusterFacts, Header},
        recorder::{Clock, Disk},
    };

    /// A server on which there is nothing, and which ends each watch at once and counts it.
    fn hasty(watches: Arc<AtomicU32>) -> Server {
        let answer = tower::service_fn(move |request: Request<Body>| {
            let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            watches.fetch_add(is_watch.into(), Ordering::Relaxed);
            let list = r#"{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}"#;
            let body = if is_watch { "" } else { list };
            async move { Ok::<_, std::io::Error>(Response::new(Body::from(body.as_bytes().to_vec()))) }
        });
        Server::new(Client::new(answer, "default"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_ends_watches_at_once_is_not_flooded() {
        let folder = tempfile::tempdir().unwrap();
        let header = Header {
            format: file::FORMAT,
            run_id: "run".to_owned(),
            started_at: String::new(),
            recorded_by: String::new(),
            cluster: ClusterFacts::default(),
            seed: 0,
            selected: Vec::new(),
        };
        let disk = Disk::create(folder.path(), &header).unwrap();
        let recorder = Recorder::new("first-start", Clock::start(), disk);
        let watches = Arc::new(AtomicU32::new(0));
        let (opened, mut opening) = oneshot::channel();
        let pods = watched_paths("ns", 0, "discovery.k8s.io/v1").remove(0);
        let watching = recorder.clone().watch(hasty(watches.clone()), pods, opened);
        assert!(timeout(Duration::from_secs(10), watching).await.is_err(), "a watch does not end by itself");
        assert_eq!(opening.try_recv(), Ok(()));
        let watches = watches.load(Ordering::Relaxed);
        assert!((90..=101).contains(&watches), "{watches} watches in ten seconds");
    }
}
