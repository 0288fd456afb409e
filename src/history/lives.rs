//! The watch of pods, folded into lives: one for each incarnation (uid) of each pod of the set.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Deref,
};

use super::{Change, Event, History, Json, ObjectSeen, Resource, SET, Seen};

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
        *pod.phase.get(|| Self::read(pod))
    }

    fn read(pod: &ObjectSeen) -> Self {
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
        let version = *self.between(None, seq).last()?;
        (version.change != Change::Deleted).then_some(version)
    }

    /// Its versions that came after event `after`, or from its birth on, up to and with event `until`.
    pub fn between(&self, after: Option<u64>, until: u64) -> &[Seen<'h, ObjectSeen>] {
        let begin = after.map_or(0, |after| self.versions.partition_point(|v| v.event.seq <= after));
        let end = self.versions.partition_point(|v| v.event.seq <= until);
        &self.versions[begin..end.max(begin)]
    }

    /// Its phase after event `seq`; none when it did not exist.
    pub fn phase_at(&self, seq: u64) -> Option<Phase> {
        Some(Phase::of(self.at(seq)?.what))
    }

    /// The last event before `seq` at which it stopped being ready, and that it was ready until then.
    pub fn stopped_being_ready_before(&self, seq: u64) -> Option<&'h Event> {
        let before = &self.versions[..self.versions.partition_point(|v| v.event.seq < seq)];
        let last_ready = before.iter().rposition(|v| Phase::of(v.what) == Phase::Ready)?;
        before.get(last_ready + 1).map(|v| v.event)
    }

    /// The event at which it became ready, if it has been so from then until event `seq`.
    pub fn ready_since(&self, seq: u64) -> Option<&'h Event> {
        let before = self.between(None, seq).iter().rev();
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
        let claim = |volume: &'h Json| {
            Some((volume["name"].as_str()?, volume.pointer("/persistentVolumeClaim/claimName")?.as_str()?))
        };
        self.versions[0].what.list("/spec/volumes").iter().filter_map(claim).collect()
    }
}

/// The lives of all pods of the set, in the order of their births.
#[derive(Debug)]
pub struct Pods<'h> {
    lives: Vec<PodLife<'h>>,
    /// The places of the incarnations of each name, each with the last event at which it or an earlier one was there.
    by_name: BTreeMap<&'h str, Vec<(usize, u64)>>,
}

impl<'h> Pods<'h> {
    /// The watch of pods, folded into lives.
    pub(super) fn of(history: &'h History) -> Self {
        let lives: Vec<PodLife<'h>> =
            history.index.lives(history).iter().map(|places| life(history, places)).collect();
        let mut by_name: BTreeMap<&str, Vec<(usize, u64)>> = BTreeMap::new();
        for (place, life) in lives.iter().enumerate() {
            let end = life.deleted().map_or(u64::MAX, |event| event.seq);
            let of_name = by_name.entry(life.name).or_default();
            let latest_end = of_name.last().map_or(end, |(_, before)| end.max(*before));
            of_name.push((place, latest_end));
        }
        Self { lives, by_name }
    }

    /// The incarnations of one pod that were born before event `seq`, the latest first.
    pub fn before<'p>(&'p self, name: &str, seq: u64) -> impl Iterator<Item = &'p PodLife<'h>> + use<'p, 'h> {
        self.born_before(name, seq).iter().rev().map(|(place, _)| &self.lives[*place])
    }

    /// The last incarnation of an ordinal that was born before that event.
    pub fn latest(&self, ordinal: u32, before: &Event) -> Option<&PodLife<'h>> {
        self.before(&format!("{SET}-{ordinal}"), before.seq).next()
    }

    /// The lives that began before event `seq` and were not over after it, in the order of their births.
    pub fn at(&self, seq: u64) -> Vec<&PodLife<'h>> {
        let mut places: Vec<usize> = Vec::new();
        for name in self.by_name.keys() {
            let born = self.born_before(name, seq).iter().rev();
            places.extend(born.take_while(|(_, end)| *end >= seq).map(|(place, _)| place));
        }
        places.sort_unstable();
        places.into_iter().map(|place| &self.lives[place]).filter(|life| life.at(seq).is_some()).collect()
    }

    fn born_before(&self, name: &str, seq: u64) -> &[(usize, u64)] {
        let of_name = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        &of_name[..of_name.partition_point(|(place, _)| self.lives[*place].birth().seq < seq)]
    }
}

impl<'h> Deref for Pods<'h> {
    type Target = [PodLife<'h>];

    fn deref(&self) -> &Self::Target {
        &self.lives
    }
}

impl<'p, 'h> IntoIterator for &'p Pods<'h> {
    type Item = &'p PodLife<'h>;
    type IntoIter = std::slice::Iter<'p, PodLife<'h>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lives.iter()
    }
}

fn life<'h>(history: &'h History, places: &[u32]) -> PodLife<'h> {
    let versions: Vec<_> = places.iter().map(|place| history.object_in(*place)).collect();
    let pod = versions[0].what;
    PodLife { name: &pod.name, ordinal: ordinal(&pod.name), uid: &pod.uid, versions }
}

/// The places of the versions of each life, in the order of the births. What a watch tells twice happened once.
pub(super) fn fold(history: &History) -> Vec<Vec<u32>> {
    let mut lives: Vec<Vec<u32>> = Vec::new();
    let mut by_uid: HashMap<&str, usize> = HashMap::new();
    let mut told = HashSet::new();
    for place in history.places(Resource::Pods) {
        let pod = history.object_in(*place).what;
        if !told.insert((&pod.uid, &pod.revision, pod.change)) {
            continue;
        }
        match by_uid.get(pod.uid.as_str()) {
            Some(life) => lives[*life].push(*place),
            None if is_member(pod) => {
                by_uid.insert(&pod.uid, lives.len());
                lives.push(vec![*place]);
            }
            None => {}
        }
    }
    lives
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::notation::{Notes, history};

    #[test]
    fn what_a_watch_tells_twice_happened_once() {
        let mut history = history("web-0 created; web-0 ready; web-0 deleted");
        let last = history.events.last().unwrap().clone();
        history.events.push(Event { seq: last.seq + 1, ..last });
        let lives = history.pods();
        assert_eq!((lives.len(), lives[0].versions.len()), (1, 3));
    }

    fn pod(object: serde_json::Value) -> ObjectSeen {
        ObjectSeen::new(Change::Modified, Resource::Pods, object)
    }

    #[test]
    fn a_phase_is_read_from_all_that_makes_it() {
        let with = |phase: &str, ready: &str, deleted: serde_json::Value| {
            let conditions =
                json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]);
            let metadata = json!({"name": "web-0", "deletionTimestamp": deleted});
            Phase::of(&pod(
                json!({"metadata": metadata, "status": {"phase": phase, "conditions": conditions}}),
            ))
        };
        assert_eq!(with("Pending", "True", json!(null)), Phase::Pending);
        assert_eq!(with("Running", "False", json!(null)), Phase::Running);
        assert_eq!(with("Running", "True", json!(null)), Phase::Ready);
        assert_eq!(with("Running", "True", json!("2026-01-01T00:00:00Z")), Phase::Terminating);
        assert_eq!(with("Succeeded", "False", json!(null)), Phase::Terminal);
        assert_eq!(with("Failed", "True", json!(null)), Phase::Terminal);
    }

    #[test]
    fn the_list_of_addresses_comes_before_the_single_one() {
        let of = |status: serde_json::Value| {
            addresses(&pod(json!({"metadata": {"name": "web-0"}, "status": status})))
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(json!({"podIP": "1.1.1.1", "podIPs": [{"ip": "1.1.1.1"}, {"ip": "::1"}]})),
            ["1.1.1.1", "::1"]
        );
        assert_eq!(of(json!({"podIP": "1.1.1.1"})), ["1.1.1.1"]);
        assert_eq!(of(json!({"podIP": ""})), Vec::<String>::new());
    }

    #[test]
    fn only_what_the_set_owns_or_would_own_is_its_pod() {
        let is = |name: &str, owners: serde_json::Value| {
            is_member(&pod(json!({"metadata": {"name": name, "ownerReferences": owners}})))
        };
        let owner = |kind: &str, name: &str| json!([{"kind": kind, "name": name, "controller": true}]);
        assert!(is("web-0", json!([])) && !is("other", json!([])));
        assert!(is("odd", owner("StatefulSet", "web")));
        assert!(!is("web-0", owner("StatefulSet", "other")) && !is("web-0", owner("ReplicaSet", "web")));
    }

    #[test]
    fn a_life_tells_when_it_stopped_being_ready_and_since_when_it_is() {
        let notes = "web-0 created; web-0 scheduled; web-0 ready; web-0 address 10.0.0.7; web-0 unready; web-0 running; \
                     web-0 ready; web-0 address 10.0.0.8";
        let history = history(notes);
        let life = &history.pods()[0];
        let seq = |place: usize| life.versions[place].event.seq;
        assert_eq!(life.scheduled().map(|e| e.seq), Some(seq(1)));
        assert_eq!(life.stopped_being_ready_before(seq(4)).map(|e| e.seq), None);
        assert_eq!(life.stopped_being_ready_before(seq(5)).map(|e| e.seq), Some(seq(4)));
        assert_eq!(life.stopped_being_ready_before(seq(6)).map(|e| e.seq), Some(seq(4)));
        assert_eq!(life.ready_since(seq(3)).map(|e| e.seq), Some(seq(2)));
        assert_eq!(life.ready_since(seq(5)).map(|e| e.seq), None);
        assert_eq!(life.ready_since(seq(7)).map(|e| e.seq), Some(seq(6)));
    }

    #[test]
    fn the_pods_of_others_have_no_life_here() {
        let mut notes = Notes::new();
        let owner = json!([{"kind": "ReplicaSet", "name": "other", "controller": true}]);
        let other = json!({"metadata": {"name": "other-x7k", "uid": "x", "ownerReferences": owner}});
        notes.object(Resource::Pods, Change::Added, other);
        let history = notes.say("web-0 created").history();
        let names: Vec<&str> = history.pods().iter().map(|life| life.name).collect();
        assert_eq!(names, ["web-0"]);
    }

    #[test]
    fn the_versions_between_two_events() {
        let history = history("web-0 created; web-0 scheduled; web-0 running; web-0 ready");
        let life = &history.pods()[0];
        let seq = |place: usize| life.versions[place].event.seq;
        let between = |after, until| -> Vec<u64> {
            life.between(after, until).iter().map(|version| version.event.seq).collect()
        };
        assert_eq!(between(None, seq(1)), [seq(0), seq(1)]);
        assert_eq!(between(Some(seq(1)), seq(3)), [seq(2), seq(3)]);
        assert!(between(Some(seq(3)), seq(1)).is_empty());
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
