//! What the driver waited for, as a value: checks ask for the kind of a wait, never for its text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A condition that was waited for. Pods and sets are meant by name in the scenario's own namespace; in another one they
/// are written `<namespace>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// These pods run, ready or not.
    PodsRunning(Vec<String>),
    /// These pods are ready, and none of them is an incarnation that the driver asked to be deleted.
    PodsReady(Vec<String>),
    /// These pods run and are not ready.
    PodsUnready(Vec<String>),
    /// These pods do not exist.
    PodsGone(Vec<String>),
    /// This pod, which is no set's, is ready.
    PodReady(String),
    /// The set's status has caught up: it counts this many pods, all ready and of one revision, and has observed the
    /// set's generation.
    StatusSettled {
        /// The set.
        set: String,
        /// How many.
        replicas: u32,
    },
    /// The endpoints of this Service list exactly the ready pods that it selects.
    EndpointsSettled(String),
    /// Every DNS backend's last answer to every name that is followed agrees with the endpoints.
    DnsSettled,
    /// This claim is bound.
    ClaimBound(String),
}

impl Wait {
    /// Whether it is a wait for pods of a set.
    pub const fn is_for_members(&self) -> bool {
        matches!(self, Wait::PodsRunning(_) | Wait::PodsReady(_) | Wait::PodsUnready(_) | Wait::PodsGone(_))
    }

    /// Whether it is a wait for pods of a set to be there.
    pub const fn is_for_members_to_come(&self) -> bool {
        self.is_for_members() && !matches!(self, Wait::PodsGone(_))
    }
}

/// As messages have it: `pods-ready web-0 web-1`.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::PodsRunning(pods) => write!(f, "pods-running {}", pods.join(" ")),
            Wait::PodsReady(pods) => write!(f, "pods-ready {}", pods.join(" ")),
            Wait::PodsUnready(pods) => write!(f, "pods-unready {}", pods.join(" ")),
            Wait::PodsGone(pods) => write!(f, "pods-gone {}", pods.join(" ")),
            Wait::PodReady(pod) => write!(f, "pod-ready {pod}"),
            Wait::StatusSettled { set, replicas } => write!(f, "status-settled {set} {replicas}"),
            Wait::EndpointsSettled(service) => write!(f, "endpoints-settled {service}"),
            Wait::DnsSettled => f.write_str("dns-settled"),
            Wait::ClaimBound(claim) => write!(f, "claim-bound {claim}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_apart_by_what_they_are_for() {
        let pods = || vec!["web-0".to_owned(), "web-1".to_owned()];
        assert!(Wait::PodsGone(pods()).is_for_members() && !Wait::PodsGone(pods()).is_for_members_to_come());
        assert!(Wait::PodsUnready(pods()).is_for_members_to_come());
        assert!(!Wait::PodReady("probe-0".to_owned()).is_for_members());
        assert_eq!(Wait::PodsReady(pods()).to_string(), "pods-ready web-0 web-1");
    }
}
