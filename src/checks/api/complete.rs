//! Of `status-consistent`: what a set's status says at rest.

use crate::{
    history::{ObjectSeen, Seen},
    views::{Set, sets::counter},
};

/// What this server's statuses hold, and what the spec makes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Whether available pods are counted: servers before 1.22 do not.
    counts_available: bool,
    /// The most seconds for which a pod must have been ready to be available.
    pub(super) min_ready_secs: i64,
}

impl Reading {
    pub(super) fn of(set: &Set<'_>) -> Self {
        let counts = |set: &Seen<'_, ObjectSeen>| set.at("/status/availableReplicas").is_some();
        let stored = set.versions().iter().filter_map(|set| set.number("/spec/minReadySeconds"));
        let asked =
            set.requests().iter().filter_map(|r| r.what.body.pointer("/spec/minReadySeconds")?.as_i64());
        Self {
            counts_available: set.versions().iter().any(counts),
            min_ready_secs: stored.chain(asked).max().unwrap_or(0),
        }
    }

    /// What is not as it should be at rest; none where all is.
    pub(super) fn incomplete(&self, set: &ObjectSeen, replicas: i64) -> Option<String> {
        unsettled(set, replicas).or_else(|| self.unavailable(set, replicas))
    }

    /// The number of available pods, if it is another one.
    pub(super) fn unavailable(&self, set: &ObjectSeen, replicas: i64) -> Option<String> {
        let available = counter(set, "availableReplicas");
        (self.counts_available && available != replicas)
            .then(|| format!("status.availableReplicas was {available}"))
    }

    /// Whether it counts fewer than that, of whatever it counts.
    pub(super) fn counts_fewer(&self, set: &ObjectSeen, replicas: i64) -> bool {
        let available = self.counts_available.then_some("availableReplicas");
        COUNTERS.into_iter().chain(available).any(|name| counter(set, name) < replicas)
    }
}

const COUNTERS: [&str; 4] = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"];

/// What keeps a status from being settled at a number of pods, all ready and of one revision; none where nothing does.
pub(super) fn unsettled(set: &ObjectSeen, replicas: i64) -> Option<String> {
    let generation = set.number("/metadata/generation").unwrap_or(0);
    let observed = counter(set, "observedGeneration");
    if observed < generation {
        return Some(format!("status.observedGeneration was {observed}, and the generation {generation}"));
    }
    let wrong = COUNTERS.into_iter().find(|name| counter(set, name) != replicas);
    wrong.map(|name| format!("status.{name} was {}", counter(set, name)))
}

/// Whether its pods are of two revisions: it rolls, or is kept from going on.
pub(super) fn is_between_revisions(set: &ObjectSeen) -> bool {
    set.text("/status/currentRevision") != set.text("/status/updateRevision")
}
