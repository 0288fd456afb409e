//! Cluster DNS: backends that each know the Services and EndpointSlices in their own time and cache by themselves.
//!
//! Follows the DNS specification of Kubernetes (`kubernetes/dns`, `docs/specification.md`) and CoreDNS with the
//! Corefile that kubeadm writes: `kubernetes` with `ttl 30`, then `cache 30`.

mod backend;
mod wire;
mod zone;

use crate::kubelet::PodId;
use crate::options::Options;
use crate::rng::Rng;
use crate::store::Key;
use crate::world::World;
use backend::Backend;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest time that a backend learns of a change later than the first one.
const LONGEST_LAG_MILLIS: u64 = 100;

/// All backends, by the uid of their pod.
#[derive(Debug)]
pub(crate) struct Dns {
    pub(crate) zone: String,
    ttl_secs: u32,
    cache: Duration,
    backends: BTreeMap<String, Backend>,
    chance: Rng,
}

impl Dns {
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        Self {
            zone: options.zone.clone(),
            ttl_secs: options.dns_ttl_secs,
            cache: Duration::from_secs(u64::from(options.dns_cache_secs)),
            backends: BTreeMap::new(),
            chance: Rng::named(seed, "dns"),
        }
    }

    /// Tells every backend about an object, each a little later.
    pub(crate) fn learn(&mut self, key: &Key, object: Option<Arc<Value>>) {
        for backend in self.backends.values_mut() {
            let lag = Duration::from_millis(self.chance.within(0..LONGEST_LAG_MILLIS));
            backend.learn_in(lag, key.clone(), object.clone());
        }
    }

    /// Whether this is the backend that was there first.
    fn is_first(&self, uid: &str) -> bool {
        self.backends.values().min_by_key(|backend| backend.born).is_some_and(|backend| backend.uid == uid)
    }
}

impl World {
    /// A CoreDNS container starts: it reads what there is.
    pub(crate) fn start_dns_backend(&mut self, pod: &PodId) {
        use crate::kind::Kind::{EndpointSlice, Service};
        let known = [Service, EndpointSlice].into_iter().flat_map(|kind| {
            let objects = self.store.list(kind, "").map(|(key, object)| (key.clone(), object.clone()));
            objects.collect::<Vec<_>>()
        });
        let backend = Backend::new(&pod.uid, self.dns.backends.len(), known.collect());
        self.dns.backends.insert(pod.uid.clone(), backend);
    }

    /// A CoreDNS container ends.
    pub(crate) fn stop_dns_backend(&mut self, uid: &str) {
        self.dns.backends.remove(uid);
    }

    /// A backend's answer to a query; none if it does not answer.
    pub(crate) fn dns_answer(&mut self, uid: &str, query: &[u8]) -> Option<Vec<u8>> {
        let query = wire::parse(query)?;
        let answer = self.dns_lookup(uid, &query)?;
        wire::write(&query, answer, &mut self.dns.chance)
    }
}
