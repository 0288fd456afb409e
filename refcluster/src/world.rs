//! Everything there is in the cluster, behind one lock, and the task that lets the controllers work.

use crate::api_fault::ApiFaults;
use crate::clock::Clock;
use crate::controllers;
use crate::dns::Dns;
use crate::fault::{Fault, Faults};
use crate::kubelet::Kubelets;
use crate::net::Network;
use crate::options::Options;
use crate::queue::Queue;
use crate::release::Release;
use crate::rng::Rng;
use crate::store::{Change, Key, Store};
use serde_json::Value;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// The state of the whole cluster.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) release: Release,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) faults: Faults,
    pub(crate) api_faults: ApiFaults,
    pub(crate) names: Rng,
    pub(crate) chance: Rng,
    pub(crate) jitter: Rng,
    pub(crate) network: Network,
    pub(crate) kubelets: Kubelets,
    pub(crate) dns: Dns,
    pub(crate) set_memory: controllers::SetMemory,
    pub(crate) event_memory: controllers::EventMemory,
    me: Weak<Mutex<World>>,
    closing: watch::Receiver<()>,
}

/// A handle to the world that tasks hold.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Makes an empty world. It ends when `closing`'s sender is dropped.
    pub(crate) fn new(
        options: Options,
        release: Release,
        wake: Arc<Notify>,
        closing: watch::Receiver<()>,
    ) -> Self {
        let seed = options.seed;
        Self(Arc::new_cyclic(|me| {
            Mutex::new(World {
                clock: Clock::starting_at(options.epoch_secs),
                store: Store::default(),
                queue: Queue::new(seed, wake),
                faults: Faults::new(&options.faults),
                api_faults: ApiFaults::new(seed, &options.api_faults),
                names: Rng::named(seed, "names"),
                chance: Rng::named(seed, "chance"),
                jitter: Rng::named(seed, "jitter"),
                network: Network::new(seed),
                kubelets: Kubelets::new(seed, options.nodes, options.ip_families),
                dns: Dns::new(seed, &options),
                set_memory: controllers::SetMemory::default(),
                event_memory: controllers::EventMemory::default(),
                me: me.clone(),
                closing,
                release,
                options,
            })
        }))
    }

    /// The world. Nobody holds the lock across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the controllers work, for as long as the cluster lives.
    pub(crate) async fn drive(self, wake: Arc<Notify>) {
        loop {
            let next = self.work_off();
            let timer = sleep_until(next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600)));
            tokio::select! {
                biased;
                () = wake.notified() => {}
                () = timer => {}
            }
        }
    }

    fn work_off(&self) -> Option<Instant> {
        let mut world = self.lock();
        while let Some(work) = world.queue.pop() {
            controllers::sync(&mut world, &work);
        }
        world.queue.next_due()
    }
}

impl World {
    /// Whether the cluster tells this lie; counts it, so ask only where the answer changes what happens.
    pub(crate) fn tells(&mut self, fault: Fault) -> bool {
        self.faults.tells(fault)
    }

    /// A handle to give to a task.
    pub(crate) fn shared(&self) -> Option<Shared> {
        self.me.upgrade().map(Shared)
    }

    /// Starts a task that ends with the cluster.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut closing = self.closing.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = closing.changed() => {}
                () = task => {}
            }
        });
    }

    /// Writes an object and lets the controllers know.
    pub(crate) fn put(&mut self, key: Key, object: Value) -> Arc<Value> {
        let change = self.store.put(key, object);
        controllers::route(self, &change);
        change.object.clone()
    }

    /// Removes an object and lets the controllers know.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Change>> {
        let change = self.store.remove(key)?;
        controllers::route(self, &change);
        Some(change)
    }

    /// An object, shared.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.store.get(key).cloned()
    }

    /// A delay in milliseconds that the seed decides.
    pub(crate) fn delay(&mut self, millis: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.chance.within(millis))
    }
}
