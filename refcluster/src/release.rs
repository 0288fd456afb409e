//! The release of Kubernetes that a cluster is of, and the features that are on in it.
//!
//! Follows `pkg/features/kube_features.go` of the releases 1.20 to 1.37. What changed without a feature gate is asked by
//! the minor version, where it makes the difference.

use std::collections::{BTreeMap, BTreeSet};

/// A version: `1.<minor>.<patch>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads `v1.37.1`, with or without something behind it.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("v1.")?.split(|c: char| !c.is_ascii_digit());
        Some(Self {
            minor: numbers.next()?.parse().ok()?,
            patch: numbers.next().unwrap_or("0").parse().ok()?,
        })
    }
}

macro_rules! gates {
    ($(#[doc = $sentence:literal] $gate:ident $name:literal $since:literal $on:expr;)*) => {
        /// A feature gate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Gate {
            $(#[doc = $sentence] $gate,)*
        }

        impl Gate {
            const ALL: &'static [Gate] = &[$(Gate::$gate),*];

            /// Kubernetes' name of it.
            fn name(self) -> &'static str {
                match self { $(Gate::$gate => $name,)* }
            }

            /// The minor version that has it first.
            fn since(self) -> u32 {
                match self { $(Gate::$gate => $since,)* }
            }

            /// Whether it is on where nobody says anything.
            fn is_on(self, version: Version) -> bool {
                match self { $(Gate::$gate => $on(version),)* }
            }
        }
    };
}

/// On by default from a minor version on.
fn from(minor: u32) -> impl Fn(Version) -> bool {
    move |version| version.minor >= minor
}

/// On in the first patches of 1.35, off after a regression was found, and on again in 1.37.
fn max_unavailable(version: Version) -> bool {
    version.minor >= 37 || (version.minor == 35 && version.patch < 4)
}

gates! {
    /// `minReadySeconds` of sets.
    MinReadySeconds "StatefulSetMinReadySeconds" 22 from(23);
    /// `maxUnavailable` of rolling updates.
    MaxUnavailable "MaxUnavailableStatefulSet" 24 max_unavailable;
    /// `persistentVolumeClaimRetentionPolicy` of sets.
    RetentionPolicy "StatefulSetAutoDeletePVC" 23 from(27);
    /// `ordinals` of sets.
    StartOrdinal "StatefulSetStartOrdinal" 26 from(27);
    /// The pod-index label.
    PodIndexLabel "PodIndexLabel" 28 from(28);
    /// The update strategy `Recreate`.
    RecreateStrategy "StatefulSetRecreateStrategy" 37 |_| false;
    /// The `resize` subresource of pods.
    ResizeInPlace "InPlacePodVerticalScaling" 33 from(33);
    /// `serving` and `terminating` in EndpointSlices.
    TerminatingEndpoints "EndpointSliceTerminatingCondition" 20 from(22);
    /// Pods of nodes that are out of service are deleted by force.
    OutOfService "NodeOutOfServiceVolumeDetach" 24 from(26);
    /// `unhealthyPodEvictionPolicy` of disruption budgets.
    UnhealthyEviction "PDBUnhealthyPodEvictionPolicy" 26 from(27);
    /// The condition PodReadyToStartContainers.
    SandboxCondition "PodReadyToStartContainersCondition" 28 from(29);
    /// The generation of pods, and the one that the kubelet has seen.
    PodGeneration "PodObservedGenerationTracking" 33 from(34);
}

/// A release, with its features.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    version: Version,
    on: BTreeSet<Gate>,
}

impl Release {
    /// The release of a version, some of its gates set.
    pub(crate) fn new(version: &str, gates: &BTreeMap<String, bool>) -> Result<Self, String> {
        let parsed = Version::parse(version).filter(|version| (20..=37).contains(&version.minor));
        let version =
            parsed.ok_or(format!("the model knows the releases v1.20 to v1.37, not {version:?}"))?;
        let known = |gate: &&Gate| version.minor >= gate.since();
        if let Some(name) =
            gates.keys().find(|name| !Gate::ALL.iter().filter(known).any(|gate| gate.name() == **name))
        {
            return Err(format!("unrecognized feature gate: {name}"));
        }
        let is_on = |gate: &&Gate| gates.get(gate.name()).copied().unwrap_or_else(|| gate.is_on(version));
        Ok(Self { version, on: Gate::ALL.iter().filter(known).filter(is_on).copied().collect() })
    }

    /// Whether it is 1.`minor` or later.
    pub(crate) fn since(&self, minor: u32) -> bool {
        self.version.minor >= minor
    }

    /// Whether a feature is on.
    pub(crate) fn has(&self, gate: Gate) -> bool {
        self.on.contains(&gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str) -> Release {
        Release::new(version, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn features_come_with_their_release() {
        let with = |gate: Gate| {
            let versions =
                ["v1.20.2", "v1.23.0", "v1.27.16", "v1.35.3", "v1.35.4", "v1.36.0", "v1.37.1-embedded"];
            versions.map(|version| release(version).has(gate))
        };
        assert_eq!(with(Gate::MinReadySeconds), [false, true, true, true, true, true, true]);
        assert_eq!(with(Gate::StartOrdinal), [false, false, true, true, true, true, true]);
        assert_eq!(with(Gate::MaxUnavailable), [false, false, false, true, false, false, true]);
        assert_eq!(with(Gate::RecreateStrategy), [false; 7]);
    }

    #[test]
    fn gates_can_be_set_where_they_exist() {
        let set = |version: &str, gate: &str, on| Release::new(version, &[(gate.to_owned(), on)].into());
        assert!(set("v1.37.1", "StatefulSetRecreateStrategy", true).unwrap().has(Gate::RecreateStrategy));
        assert!(!set("v1.37.1", "MaxUnavailableStatefulSet", false).unwrap().has(Gate::MaxUnavailable));
        assert!(set("v1.36.0", "StatefulSetRecreateStrategy", true).is_err());
        assert!(set("v1.37.1", "NoSuchGate", true).is_err());
        assert!(Release::new("v2.0.0", &BTreeMap::new()).is_err());
    }
}
