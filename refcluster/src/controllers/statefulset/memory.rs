//! What the controller remembers only in order to lie: an honest one reads everything again each time.

use std::collections::{BTreeMap, BTreeSet};

/// Memory across syncs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Sets that were complete once, by uid.
    pub(super) complete: BTreeSet<String>,
    /// The pods that a set has had: its uid with the pod's name.
    pub(super) born: BTreeSet<(String, String)>,
    /// The second at which the controller began to wait for a pod, by the pod's uid.
    pub(super) waiting_since: BTreeMap<String, u64>,
}
