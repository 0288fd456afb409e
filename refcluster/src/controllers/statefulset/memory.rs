//! What the controller remembers only in order to lie: an honest one reads everything again each time.

use std::collections::{BTreeMap, BTreeSet};

/// A set's uid, with a pod's name.
type PodOfSet = (String, String);

/// Memory across syncs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Sets that were complete once, by uid.
    pub(super) complete: BTreeSet<String>,
    /// The pods that a set has had.
    pub(super) born: BTreeSet<PodOfSet>,
    /// The second at which the controller began to wait for a pod, by the pod's uid.
    pub(super) waiting_since: BTreeMap<String, u64>,
    /// Sets of which it was told that an update is complete while it is not, by uid.
    pub(super) told_complete: BTreeSet<String>,
    /// The pods that were evicted and have not been looked at since, by namespace and name.
    pub(crate) evicted: BTreeSet<(String, String)>,
    /// The revision that a pod was last created at.
    pub(super) last_revision: BTreeMap<PodOfSet, String>,
    /// The pods that an update has taken away, and that are not there again.
    pub(super) rolled: BTreeSet<PodOfSet>,
    /// The pods that were replaced twice, with the revision that it was for.
    pub(super) twice: BTreeSet<(String, String)>,
    /// The pod that a set has taken and that is not its own: uid by uid.
    pub(crate) taken: BTreeMap<String, String>,
}
