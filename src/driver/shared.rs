//! What the scenarios of one run have in common.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use crate::{
    cluster::{Connection, Namespace, Surroundings, dns::Asker},
    history::file::{ClusterFacts, Header},
    limits::Limit,
    options::Options,
    spec::{Catalogue, Need},
};

/// The run, as its scenarios see it.
pub struct Shared {
    /// The way to the cluster.
    pub connection: Connection,
    /// The manifests.
    pub catalogue: Catalogue,
    /// What the run was told.
    pub options: Options,
    /// The run's id.
    pub run_id: String,
    /// What is known of the cluster.
    pub facts: ClusterFacts,
    /// What the preflight found out, and those who ask the DNS from each vantage.
    pub found: Mutex<(Surroundings, Vec<Asker>)>,
    /// Every namespace that the run has made.
    pub namespaces: Mutex<Vec<Namespace>>,
    /// Becomes true when the run is to end.
    pub stop: watch::Receiver<bool>,
    slowest_start_us: AtomicU64,
    random: Mutex<StdRng>,
}

/// What a scenario's steps can count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Available {
    /// The cluster's DNS answers.
    pub dns: bool,
    /// Claims are bound.
    pub storage: bool,
}

impl Available {
    /// Whether this is available.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Dns => self.dns,
            Need::Storage => self.storage,
        }
    }
}

impl Shared {
    /// A run in which nothing has been found out yet.
    pub fn new(
        connection: Connection,
        catalogue: Catalogue,
        options: Options,
        header: &Header,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (facts, run_id) = (header.cluster.clone(), header.run_id.clone());
        let found = Surroundings { storage_class: facts.storage_class.clone(), ..Surroundings::default() };
        let random = Mutex::new(StdRng::seed_from_u64(header.seed));
        Self {
            connection,
            catalogue,
            options,
            run_id,
            found: Mutex::new((found, Vec::new())),
            facts,
            namespaces: Mutex::default(),
            stop,
            slowest_start_us: AtomicU64::new(0),
            random,
        }
    }

    /// A limit, stretched as the user has asked.
    pub fn bound(&self, limit: Limit) -> Duration {
        limit.duration().mul_f64(self.options.timeout_scale)
    }

    /// A random word of that many letters and digits.
    pub fn random_word(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut random = self.random.lock().expect("no holder panics");
        (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
    }

    /// What the preflight found out so far.
    pub fn surroundings(&self) -> Surroundings {
        self.found.lock().expect("no holder panics").0.clone()
    }

    /// Those who ask the DNS, one for each vantage and transport.
    pub fn askers(&self) -> Vec<Asker> {
        self.found.lock().expect("no holder panics").1.clone()
    }

    /// Notes how long a pod took from its creation to being ready.
    pub fn started_in(&self, start_us: u64) {
        self.slowest_start_us.fetch_max(start_us, Ordering::Relaxed);
    }

    /// The slowest start of a pod so far.
    pub fn slowest_start_us(&self) -> u64 {
        self.slowest_start_us.load(Ordering::Relaxed)
    }
}
