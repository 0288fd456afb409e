//! The controllers' work queues: what has to be looked at, by whom, and when.
//!
//! A controller hears of a change after a delay that the seed decides, as an informer would, and one key
//! is queued once however often it changed, as in `k8s.io/client-go/util/workqueue`. What has failed is tried again
//! later and later.

use crate::rng::Rng;
use crate::store::Key;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The first wait before a failed work is tried again, which doubles each time, and the longest.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LONGEST_RETRY: Duration = Duration::from_secs(1_000);

/// Those who work from queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    StatefulSet,
    Deployment,
    ReplicaSet,
    EndpointSlice,
    Endpoints,
    GarbageCollector,
    Namespace,
    ServiceAccount,
    VolumeBinder,
    Provisioner,
    VolumeProtection,
    Scheduler,
    Kubelet,
    Dns,
    NodeLifecycle,
    Heartbeat,
    Quota,
    Disruption,
}

/// Something for one component to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Work {
    pub(crate) component: Component,
    pub(crate) key: Key,
}

/// All queues in one, ordered by due time.
#[derive(Debug)]
pub(crate) struct Queue {
    due: BTreeMap<(Instant, u64), Work>,
    queued: BTreeMap<Work, (Instant, u64)>,
    failures: BTreeMap<Work, u32>,
    sequence: u64,
    lags: Rng,
    wake: Arc<Notify>,
}

impl Queue {
    pub(crate) fn new(seed: u64, wake: Arc<Notify>) -> Self {
        let lags = Rng::named(seed, "queue");
        Self {
            due: BTreeMap::new(),
            queued: BTreeMap::new(),
            failures: BTreeMap::new(),
            sequence: 0,
            lags,
            wake,
        }
    }

    /// Queues a key, due when the component's informer may have heard of it.
    pub(crate) fn add(&mut self, component: Component, key: &Key) {
        let lag = Duration::from_micros(self.lags.within(1_000..15_000));
        self.add_after(component, key, lag);
    }

    /// Queues a key for later. If it is queued already, the earlier time counts.
    pub(crate) fn add_after(&mut self, component: Component, key: &Key, delay: Duration) {
        let work = Work { component, key: key.clone() };
        let at = Instant::now() + delay;
        if let Some(slot) = self.queued.get(&work).copied() {
            if slot.0 <= at {
                return;
            }
            self.due.remove(&slot);
        }
        self.sequence += 1;
        self.due.insert((at, self.sequence), work.clone());
        self.queued.insert(work, (at, self.sequence));
        self.wake.notify_one();
    }

    /// Takes the next work that is due.
    pub(crate) fn pop(&mut self) -> Option<Work> {
        let slot = *self.due.first_key_value().filter(|(slot, _)| slot.0 <= Instant::now())?.0;
        let work = self.due.remove(&slot)?;
        self.queued.remove(&work);
        Some(work)
    }

    /// Queues work that has failed. Without other news it waits twice as long as after the failure before.
    pub(crate) fn retry(&mut self, work: &Work) {
        let failures = self.failures.entry(work.clone()).or_default();
        let wait = FIRST_RETRY.saturating_mul(1 << (*failures).min(20)).min(LONGEST_RETRY);
        *failures += 1;
        self.add_after(work.component, &work.key, wait);
    }

    /// The work has succeeded.
    pub(crate) fn forget(&mut self, work: &Work) {
        self.failures.remove(work);
    }

    /// When there is work again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(slot, _)| slot.0)
    }
}
