//! The objects, their history, and those who watch them.
//!
//! One counter numbers every write, as etcd's revision does. Changes stay readable for a while, so that a
//! watch can start in the past; older ones are compacted away, and a watch from there is told 410.

use crate::kind::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many changes stay readable.
const HISTORY_CHANGES: usize = 20_000;

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Added,
    Modified,
    Deleted,
}

/// One write.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) action: Action,
    pub(crate) key: Key,
    pub(crate) revision: u64,
    /// The object after the write; for a deletion its last state, under the deletion's revision.
    pub(crate) object: Arc<Value>,
    pub(crate) previous: Option<Arc<Value>>,
}

#[derive(Debug)]
struct Watcher {
    kind: Kind,
    namespace: String,
    changes: mpsc::UnboundedSender<Arc<Change>>,
}

/// All objects of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    by_uid: BTreeMap<String, Key>,
    dependents: BTreeMap<String, BTreeSet<Key>>,
    revision: u64,
    history: VecDeque<Arc<Change>>,
    compacted: u64,
    watchers: BTreeMap<u64, Watcher>,
    next_watcher: u64,
}

impl Store {
    /// The revision of the last write.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The newest revision that is no longer readable.
    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets the changes so far, as etcd's compaction does.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
        self.history.clear();
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The key of the object with this uid, while it lives.
    pub(crate) fn key_of_uid(&self, uid: &str) -> Option<&Key> {
        self.by_uid.get(uid)
    }

    /// The objects whose owner references name this uid.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Key> {
        self.dependents.get(uid).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }

    /// The objects of a kind; of one namespace, unless that is empty.
    pub(crate) fn list<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let first = Key::new(kind, namespace, "");
        self.objects.range((Bound::Included(first), Bound::Unbounded)).take_while(move |(key, _)| {
            key.kind == kind && (namespace.is_empty() || key.namespace == namespace)
        })
    }

    /// Writes an object, stamps it with the new revision and tells the watchers.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Arc<Change> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        let object = Arc::new(object);
        let previous = self.objects.insert(key.clone(), object.clone());
        self.reindex(&key, previous.as_deref(), Some(&object));
        let action = if previous.is_some() { Action::Modified } else { Action::Added };
        self.publish(Change { action, key, revision: self.revision, object, previous })
    }

    /// Removes an object and tells the watchers.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Change>> {
        let previous = self.objects.remove(key)?;
        self.reindex(key, Some(&previous), None);
        self.revision += 1;
        let mut object = (*previous).clone();
        object["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        let (key, object) = (key.clone(), Arc::new(object));
        let change = Change {
            action: Action::Deleted,
            key,
            revision: self.revision,
            object,
            previous: Some(previous),
        };
        Some(self.publish(change))
    }

    /// Opens a stream of the changes to a kind from now on.
    pub(crate) fn subscribe(&mut self, kind: Kind, namespace: &str) -> mpsc::UnboundedReceiver<Arc<Change>> {
        let (changes, receiver) = mpsc::unbounded_channel();
        self.next_watcher += 1;
        self.watchers.insert(self.next_watcher, Watcher { kind, namespace: namespace.to_owned(), changes });
        receiver
    }

    /// The changes to a kind after `revision`, or nothing when some of them are compacted.
    pub(crate) fn since(&self, revision: u64, kind: Kind, namespace: &str) -> Option<Vec<Arc<Change>>> {
        let concerns =
            |change: &&Arc<Change>| change.revision > revision && covers(kind, namespace, &change.key);
        (revision >= self.compacted).then(|| self.history.iter().filter(concerns).cloned().collect())
    }

    fn publish(&mut self, change: Change) -> Arc<Change> {
        let change = Arc::new(change);
        self.history.push_back(change.clone());
        if self.history.len() > HISTORY_CHANGES
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.revision;
        }
        self.watchers.retain(|_, watcher| {
            let concerned = covers(watcher.kind, &watcher.namespace, &change.key);
            if concerned {
                watcher.changes.send(change.clone()).is_ok()
            } else {
                !watcher.changes.is_closed()
            }
        });
        change
    }

    fn reindex(&mut self, key: &Key, before: Option<&Value>, after: Option<&Value>) {
        if let Some(before) = before {
            self.by_uid.remove(uid_of(before));
            for owner in owner_uids(before) {
                let orphaned = self.dependents.get_mut(owner).is_some_and(|keys| {
                    keys.remove(key);
                    keys.is_empty()
                });
                if orphaned {
                    self.dependents.remove(owner);
                }
            }
        }
        if let Some(after) = after {
            self.by_uid.insert(uid_of(after).to_owned(), key.clone());
            for owner in owner_uids(after) {
                self.dependents.entry(owner.to_owned()).or_default().insert(key.clone());
            }
        }
    }
}

fn covers(kind: Kind, namespace: &str, key: &Key) -> bool {
    kind == key.kind && (namespace.is_empty() || namespace == key.namespace)
}

fn uid_of(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().filter_map(|owner| owner["uid"].as_str())
}
