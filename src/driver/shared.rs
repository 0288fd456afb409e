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
    cluster::{Connection, NAME_LETTERS, NAME_RANDOM, Namespaces, Surroundings, dns::Asker},
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
    /// Every namespace that the run has made, or was about to make.
    pub namespaces: Namespaces,
    /// Becomes true when the run is to end.
    pub stop: watch::Receiver<bool>,
    slowest_start_us: AtomicU64,
    random: Mutex<StdRng>,
    names: Mutex<StdRng>,
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
        // Two runs with one seed, side by side on one cluster, need names of their own.
        let names = Mutex::new(StdRng::seed_from_u64(header.seed ^ fingerprint(&header.run_id)));
        let namespaces = Namespaces::of_run(&header.run_id, format!("{:016x}", rand::random::<u64>()));
        Self {
            connection,
            catalogue,
            options,
            run_id,
            found: Mutex::new((found, Vec::new())),
            facts,
            namespaces,
            stop,
            slowest_start_us: AtomicU64::new(0),
            random,
            names,
        }
    }

    /// A limit, stretched as the user has asked.
    pub fn bound(&self, limit: Limit) -> Duration {
        limit.duration().mul_f64(self.options.timeout_scale)
    }

    /// A random word of that many letters and digits.
    pub fn random_word(&self, length: usize) -> String {
        word(&self.random, length)
    }

    /// A name for the namespace of a scenario, which no other run has.
    pub fn namespace_name(&self, scenario: &str) -> String {
        format!("{}{scenario}-{}", self.options.namespace_prefix, word(&self.names, NAME_RANDOM))
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

fn word(random: &Mutex<StdRng>, length: usize) -> String {
    let mut random = random.lock().expect("no holder panics");
    (0..length).map(|_| char::from(NAME_LETTERS[random.random_range(0..NAME_LETTERS.len())])).collect()
}

/// A number that differs where texts do (FNV-1a).
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
