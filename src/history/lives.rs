//! The watch of pods, folded into lives: one for each incarnation (uid) of each pod of the set.

use serde_json::Value;

use super::{Change, Event, History, ObjectSeen, Resource, SET, Seen};

/// What a pod was at one version, reduced to what ordering is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It exists and does not run yet.
    Pending,
    /// phase=Running, and its Ready condition is not True.
    Running,
    /// phase=Running, Ready=True, no deletionTimestamp.
    Ready,
    /// deletionTimestamp is set.
    Terminating,
    /// phase=Succeeded or Failed.
    Terminal,
}

impl Phase {
    /// Reads a version of a pod.
    pub fn of(pod: &ObjectSeen) -> Self {
        match pod.text("/status/phase") {
            _ if pod.is_terminating() => Phase::Terminating,
            Some("Succeeded" | "Failed") => Phase::Terminal,
            Some("Running") if condition(pod, "Ready") == Some("True") => Phase::Ready,
            Some("Running") => Phase::Running,
            _ => Phase::Pending,
        }
    }
}

/// A pod condition's status: `True`, `False` or `Unknown`.
pub fn condition<'p>(pod: &'p ObjectSeen, name: &str) -> Option<&'p str> {
    pod.list("/status/conditions").iter().find(|c| c["type"] == name)?["status"].as_str()
}

/// The pod's addresses: status.podIPs, or status.podIP where the server has no podIPs yet.
pub fn addresses(pod: &ObjectSeen) -> Vec<&str> {
    let many: Vec<&str> = pod.list("/status/podIPs").iter().filter_map(|ip| ip["ip"].as_str()).collect();
    if many.is_empty() {
        pod.text("/status/podIP").filter(|ip| !ip.is_empty()).into_iter().collect()
    } else {
        many
    }
}

/// The ordinal in a pod's name, if the name is `<set>-<ordinal>` with no sign and no leading zero.
pub fn ordinal(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(SET)?.strip_prefix('-')?;
    let ordinal: u32 = digits.parse().ok()?;
    (ordinal.to_string() == digits).then_some(ordinal)
}

/// Whether this pod belongs to the set: its controller is the set, or its name is one that the set gives.
fn is_member(pod: &ObjectSeen) -> bool {
    match pod.controller() {
        Some(owner) => owner["kind"] == "StatefulSet" && owner["name"] == SET,
        None => ordinal(&pod.name).is_some(),
    }
}

/// One incarnation of a pod, from its first version to its removal.
#[derive(Debug, Clone)]
pub struct PodLife<'h> {
    /// The pod's name.
    pub name: &'h str,
    /// The ordinal in the name; none where the name is not one that a StatefulSet gives.
    pub ordinal: Option<u32>,
    /// The incarnation.
    pub uid: &'h str,
    /// Every version that the watch delivered, the first being its birth and the last, if it is gone, its removal.
    pub versions: Vec<Seen<'h, ObjectSeen>>,
}

impl<'h> PodLife<'h> {
    /// The event of its creation, or of its listing where a gap hid the creation (see [`PodLife::birth_was_seen`]).
    pub fn birth(&self) -> &'h Event {
        self.versions[0].event
    }

    /// Whether the watch saw it being created.
    pub fn birth_was_seen(&self) -> bool {
        self.versions[0].change == Change::Added
    }

    /// The first version for which the predicate holds.
    pub fn first(&self, holds: impl Fn(&ObjectSeen) -> bool) -> Option<Seen<'h, ObjectSeen>> {
        self.versions.iter().copied().find(|version| holds(version.what))
    }

    /// When it was bound to a node.
    pub fn scheduled(&self) -> Option<&'h Event> {
        self.first(|pod| pod.text("/spec/nodeName").is_some_and(|node| !node.is_empty())).map(|v| v.event)
    }

    /// When it first ran, ready or not.
    pub fn running(&self) -> Option<&'h Event> {
        self.first(|pod| matches!(Phase::of(pod), Phase::Running | Phase::Ready)).map(|v| v.event)
    }

    /// When it was first ready.
    pub fn first_ready(&self) -> Option<&'h Event> {
        self.first(|pod| Phase::of(pod) == Phase::Ready).map(|v| v.event)
    }

    /// When its termination began: the first version with a deletionTimestamp, or its removal if none had one.
    pub fn terminating(&self) -> Option<&'h Event> {
        self.first(ObjectSeen::is_terminating).map(|v| v.event).or(self.deleted())
    }

    /// When it was removed.
    pub fn deleted(&self) -> Option<&'h Event> {
        self.versions.last().filter(|v| v.change == Change::Deleted).map(|v| v.event)
    }

    /// Its version after event `seq`; none before its birth and after its removal.
    pub fn at(&self, seq: u64) -> Option<Seen<'h, ObjectSeen>> {
        let version = *self.versions.iter().rfind(|v| v.event.seq <= seq)?;
        (version.change != Change::Deleted).then_some(version)
    }

    /// Its phase after event `seq`; none when it did not exist.
    pub fn phase_at(&self, seq: u64) -> Option<Phase> {
        Some(Phase::of(self.at(seq)?.what))
    }

    /// The last event before `seq` at which it stopped being ready, and that it was ready until then.
    pub fn stopped_being_ready_before(&self, seq: u64) -> Option<&'h Event> {
        let before: Vec<_> = self.versions.iter().take_while(|v| v.event.seq < seq).collect();
        let last_ready = before.iter().rposition(|v| Phase::of(v.what) == Phase::Ready)?;
        before.get(last_ready + 1).map(|v| v.event)
    }

    /// The event at which it became ready, if it has been so from then until event `seq`.
    pub fn ready_since(&self, seq: u64) -> Option<&'h Event> {
        let before = self.versions.iter().rev().skip_while(|v| v.event.seq > seq);
        before.take_while(|v| Phase::of(v.what) == Phase::Ready).last().map(|v| v.event)
    }

    /// Its newest version.
    pub fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    /// The addresses that it had, in the order in which it got them.
    pub fn addresses(&self) -> Vec<&'h str> {
        let mut all = Vec::new();
        for address in self.versions.iter().flat_map(|v| addresses(v.what)) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }

    /// The names of the claims that it mounts, by volume name.
    pub fn claims(&self) -> Vec<(&'h str, &'h str)> {
        let claim = |volume: &'h Value| {
            Some((volume["name"].as_str()?, volume.pointer("/persistentVolumeClaim/claimName")?.as_str()?))
        };
        self.versions[0].what.list("/spec/volumes").iter().filter_map(claim).collect()
    }
}

/// Folds the watch of pods into lives, in the order of their births. What a watch tells twice happened once.
pub fn fold(history: &History) -> Vec<PodLife<'_>> {
    let mut lives: Vec<PodLife<'_>> = Vec::new();
    let mut by_uid = std::collections::HashMap::new();
    let mut told = std::collections::BTreeSet::new();
    for version in history.objects(Resource::Pods) {
        if !told.insert((version.what.uid.as_str(), version.what.revision.as_str(), version.what.change)) {
            continue;
        }
        let known = by_uid.get(version.what.uid.as_str()).copied();
        match known {
            Some(index) => {
                let life: &mut PodLife<'_> = &mut lives[index];
                life.versions.push(version);
            }
            None if is_member(version.what) => {
                by_uid.insert(version.what.uid.as_str(), lives.len());
                lives.push(PodLife {
                    name: &version.what.name,
                    ordinal: ordinal(&version.what.name),
                    uid: &version.what.uid,
                    versions: vec![version],
                });
            }
            None => {}
        }
    }
    lives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_watch_tells_twice_happened_once() {
        let mut history = crate::checks::notation::history("web-0 created; web-0 ready; web-0 deleted");
        let last = history.events.last().unwrap().clone();
        history.events.push(Event { seq: last.seq + 1, ..last });
        let lives = fold(&history);
        assert_eq!((lives.len(), lives[0].versions.len()), (1, 3));
    }

    #[test]
    fn ordinals_are_plain_numbers() {
        assert_eq!(ordinal("web-0"), Some(0));
        assert_eq!(ordinal("web-12"), Some(12));
        for other in ["web-01", "web--1", "web-+1", "web", "web-x", "other-0", "web-0-1"] {
            assert_eq!(ordinal(other), None, "{other}");
        }
    }
}
