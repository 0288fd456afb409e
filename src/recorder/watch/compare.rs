//! What exists, by a list outside of the watch, against what the watch delivered.
//!
//! A watch whose connection stays open and that tells nothing more looks like a cluster in which nothing happens. So a list is
//! asked for once in a while, and at the end of each scenario. What it shows and the watch has not delivered may still be on
//! its way; after a while it is a gap.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Watch, WatchedPath, unanswered};
use crate::{
    cluster::{List, Server, Unanswered, answer},
    history::{ListSeen, ObjectSeen, Observation, Observer, Span, Version},
    limits,
    recorder::{Missing, Recorder, World},
};

/// What a list showed and the watch has not delivered yet.
pub(super) struct Comparison {
    /// Versions, by uid and resource version.
    versions: BTreeSet<(String, String)>,
    /// The uids of objects that are gone.
    removals: BTreeSet<String>,
    until: Instant,
}

impl Comparison {
    /// Takes in that the watch delivered this. A version is also told by a later one of the same object, where the server
    /// writes numbers.
    pub(super) fn delivered(&mut self, object: &ObjectSeen) {
        if object.change.is_removal() {
            self.removals.remove(&object.uid);
            self.versions.retain(|(uid, _)| *uid != object.uid);
        } else {
            self.versions.remove(&(object.uid.clone(), object.revision.clone()));
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.versions.is_empty() && self.removals.is_empty()
    }

    /// Until when it may still come.
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}

impl Watch {
    /// Lists what exists and notes what has not been delivered. A list that is not answered shows nothing.
    pub(super) async fn compare(&mut self) {
        let Ok(list) = self.recorder.list(&self.server, &self.watched).await else { return };
        let known = |version: &Version| {
            self.known.get(&version.uid).is_some_and(|known| known.revision == version.revision)
        };
        let versions = list.objects.iter().filter(|version| !known(version));
        let versions = versions.map(|version| (version.uid.clone(), version.revision.clone())).collect();
        let listed: BTreeSet<&str> = list.objects.iter().map(|version| version.uid.as_str()).collect();
        let removals = self.known.keys().filter(|uid| !listed.contains(uid.as_str())).cloned().collect();
        let until = Instant::now() + limits::CATCH_UP.duration();
        self.comparison =
            Some(Comparison { versions, removals, until }).filter(|comparison| !comparison.is_over());
    }

    /// What the list showed did not come: the watch is begun anew, with a gap.
    pub(super) fn kept_back(&mut self) {
        let Some(Comparison { versions, removals, .. }) = self.comparison.take() else { return };
        let (count, bound) = (versions.len() + removals.len(), limits::CATCH_UP.duration());
        self.gap(&format!("the watch did not deliver {count} changes within {bound:?} that a list shows"));
    }
}

impl Recorder {
    /// Lists a collection and records which versions exist.
    async fn list(&self, server: &Server, watched: &WatchedPath) -> Result<ListSeen, Unanswered> {
        let from_us = self.now_us();
        let kind = answer::kind_of(watched.watch.resource);
        let List { items, resource_version, .. } =
            server.list(&watched.path, kind).await.map_err(unanswered)?;
        let text = |item: &serde_json::Value, key: &str| {
            item["metadata"][key].as_str().unwrap_or_default().to_owned()
        };
        let version = |item: &serde_json::Value| Version {
            name: text(item, "name"),
            uid: text(item, "uid"),
            revision: text(item, "resourceVersion"),
        };
        let objects = items.iter().map(version).collect();
        let list = ListSeen { of: watched.watch, revision: resource_version, objects };
        let span = Span { from_us, until_us: self.now_us() };
        self.record(Observer::Reader, span, Observation::List(list.clone().into()));
        Ok(list)
    }

    /// At the end of a scenario: lists everything that was watched, and waits a little for what the watches have not delivered
    /// yet. What still differs then is found in the record.
    pub async fn compare(&self, server: &Server, watched: &[WatchedPath]) {
        let asked_us = self.now_us();
        let lists = futures::future::join_all(watched.iter().map(|one| self.list(server, one))).await;
        let lists: Vec<ListSeen> = lists.into_iter().filter_map(Result::ok).collect();
        let caught_up = |world: &World| match lists.iter().all(|list| world.has_all_of(list, asked_us)) {
            true => Ok(()),
            false => Err(Missing::Still("what a list shows".to_owned())),
        };
        // A watch that does not catch up has a gap, which the record shows.
        let _ = self.wait(limits::CATCH_UP.duration(), caught_up).await;
    }
}
