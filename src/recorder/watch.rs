//! One watch of one resource in one namespace, from before the first object exists to the scenario's end.
//!
//! A connection that ends is opened again after the last version seen: nothing is lost, and the record says so. A
//! version that the server has forgotten (410) is a gap: the record says so, lists what exists, and goes on.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt, pin_mut};
use http::Request;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, sleep_until},
};

use super::Recorder;
use crate::{
    cluster::{Server, Unanswered, path},
    history::{ApiErrorSeen, Change, ObjectSeen, Observation, Observer, Resource, Span},
    limits,
};

/// A resource and the path of its collection in the scenario's namespace.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What is watched.
    pub resource: Resource,
    /// Where.
    pub path: String,
}

/// Every resource with its path in a namespace. `slices` is the API version that serves EndpointSlices.
pub fn watched_paths(namespace: &str, slices: &str) -> Vec<Watched> {
    let version = |resource: &Resource| match resource {
        Resource::StatefulSets | Resource::ControllerRevisions => "apps/v1".to_owned(),
        Resource::EndpointSlices => slices.to_owned(),
        _ => "v1".to_owned(),
    };
    let watched = |resource: &Resource| Watched {
        resource: *resource,
        path: path::collection(&version(resource), namespace, resource.plural()),
    };
    Resource::ALL.iter().map(watched).collect()
}

impl Recorder {
    /// Watches a resource until the task is aborted. `opened` is told once the first watch is open.
    pub async fn watch(self, server: Server, watched: Watched, opened: oneshot::Sender<()>) {
        let mut watch = Watch {
            recorder: self,
            server,
            watched,
            revision: None,
            known: BTreeMap::new(),
            delivered_us: 0,
            opened: Some(opened),
            failures: 0,
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
    watched: Watched,
    /// The version after which the next session begins; none before the first listing and after a gap.
    revision: Option<String>,
    /// What exists, to tell what went away in a gap.
    known: BTreeMap<String, ObjectSeen>,
    /// When the last event was delivered.
    delivered_us: u64,
    opened: Option<oneshot::Sender<()>>,
    failures: u32,
}

impl Watch {
    /// Lists if it has to, then follows one watch to its end.
    async fn session(&mut self) -> Result<(), Unanswered> {
        if self.revision.is_none() {
            self.list().await?;
        }
        let revision = self.revision.clone().unwrap_or_default();
        let query = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={revision}",
            self.watched.path
        );
        let request =
            Request::get(query).body(Vec::new()).map_err(|e| Unanswered { reason: e.to_string() })?;
        let stream = match self.server.client.request_events::<Value>(request).await {
            Ok(stream) => stream,
            Err(kube::Error::Api(status)) if status.code == 410 => {
                self.gap(&status.message);
                return Ok(());
            }
            Err(error) => return Err(Unanswered { reason: error.to_string() }),
        };
        self.see(Observation::WatchOpened { resource: self.watched.resource, revision });
        self.opened.take().map(|opened| opened.send(()));
        self.follow(stream).await
    }

    async fn follow(
        &mut self,
        stream: impl Stream<Item = kube::Result<WatchEvent<Value>>>,
    ) -> Result<(), Unanswered> {
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            self.failures = 0;
            match event {
                Ok(WatchEvent::Added(object)) => self.object(Change::Added, object),
                Ok(WatchEvent::Modified(object)) => self.object(Change::Modified, object),
                Ok(WatchEvent::Deleted(object)) => self.object(Change::Deleted, object),
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    self.revision = Some(bookmark.metadata.resource_version)
                }
                Ok(WatchEvent::Error(status)) if status.code == 410 => {
                    self.gap(&status.message);
                    return Ok(());
                }
                Ok(WatchEvent::Error(status)) => return Err(Unanswered { reason: status.message.clone() }),
                Err(error) => return Err(Unanswered { reason: error.to_string() }),
            }
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<(), Unanswered> {
        let reply = self.server.get(&self.watched.path).await?;
        if !reply.is_ok() {
            return Err(Unanswered { reason: reply.message() });
        }
        let mut gone = std::mem::take(&mut self.known);
        for item in reply.body["items"].as_array().into_iter().flatten() {
            gone.remove(item["metadata"]["name"].as_str().unwrap_or_default());
            self.object(Change::Listed, item.clone());
        }
        for mut object in gone.into_values() {
            object.change = Change::Deleted;
            self.delivered(object);
        }
        self.revision = reply.body["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        Ok(())
    }

    fn gap(&mut self, reason: &str) {
        self.revision = None;
        self.see(Observation::WatchGap { resource: self.watched.resource, reason: reason.to_owned() });
    }

    fn object(&mut self, change: Change, object: Value) {
        self.delivered(ObjectSeen::new(change, self.watched.resource, object));
    }

    fn delivered(&mut self, seen: ObjectSeen) {
        self.revision = Some(seen.revision.clone());
        match seen.change {
            Change::Deleted => self.known.remove(&seen.name),
            _ => self.known.insert(seen.name.clone(), seen.clone()),
        };
        self.see(Observation::Object(seen));
    }

    /// Records a delivery: true some time between the one before and now.
    fn see(&mut self, seen: Observation) {
        let now_us = self.recorder.now_us();
        let span = Span { from_us: self.delivered_us, until_us: now_us };
        self.delivered_us = now_us;
        self.recorder.record(Observer::Watch(self.watched.resource), span, seen);
    }

    async fn failed(&mut self, error: &Unanswered) {
        self.failures += 1;
        self.see(Observation::ApiError(ApiErrorSeen {
            request: format!("WATCH {}", self.watched.path),
            code: 0,
            reason: error.reason.clone(),
            attempt: self.failures,
        }));
        sleep(limits::WATCH_AGAIN.duration() * self.failures.min(20)).await;
    }
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
        let pods = watched_paths("ns", "discovery.k8s.io/v1").remove(0);
        let watching = recorder.clone().watch(hasty(watches.clone()), pods, opened);
        assert!(timeout(Duration::from_secs(10), watching).await.is_err(), "a watch does not end by itself");
        assert_eq!(opening.try_recv(), Ok(()));
        let watches = watches.load(Ordering::Relaxed);
        assert!((90..=101).contains(&watches), "{watches} watches in ten seconds");
    }
}
