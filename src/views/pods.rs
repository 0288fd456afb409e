//! The watch of pods, folded into lives: one for each incarnation (uid) of each pod of a set.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Deref,
};

use crate::history::{Change, Event, Gap, History, Json, ObjectSeen, Phase, Seen, Watch, pod};

/// One incarnation of a pod, from its first version to its removal.
#[derive(Debug, Clone)]
pub struct PodLife<'h> {
    /// The pod's name.
    pub name: &'h str,
    /// The ordinal in the name; none where the name is not one that the set gives.
    pub ordinal: Option<u32>,
    /// The incarnation.
    pub uid: &'h str,
    /// Every version that the watch delivered, the first being its birth and the last, if it is gone, its removal.
    pub versions: Vec<Seen<'h, ObjectSeen>>,
    /// The event from which on another incarnation has its name, where nothing told of its own removal.
    replaced: Option<&'h Event>,
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

    /// When its termination began: the first version with a deletionTimestamp, or its end if none had one.
    pub fn terminating(&self) -> Option<&'h Event> {
        self.first(ObjectSeen::is_terminating).map(|v| v.event).or(self.gone())
    }

    /// When the watch saw it being removed.
    pub fn deleted(&self) -> Option<&'h Event> {
        self.versions.last().filter(|v| v.change == Change::Deleted).map(|v| v.event)
    }

    /// From when on it is certainly gone: its removal, the list that did not have it any more, or the appearance of its
    /// successor.
    pub fn gone(&self) -> Option<&'h Event> {
        let removed = self.versions.last().filter(|v| v.change.is_removal()).map(|v| v.event);
        removed.or(self.replaced)
    }

    /// Its version after an event; none before its birth and after its end.
    pub fn at(&self, event: &Event) -> Option<Seen<'h, ObjectSeen>> {
        let version = *self.between(None, event).last()?;
        let is_gone = self.gone().is_some_and(|gone| gone.seq <= event.seq);
        (!is_gone).then_some(version)
    }

    /// Its versions that came after event `after`, or from its birth on, up to and with event `until`.
    pub fn between(&self, after: Option<&Event>, until: &Event) -> &[Seen<'h, ObjectSeen>] {
        let begin = after.map_or(0, |after| self.versions.partition_point(|v| v.event.seq <= after.seq));
        let end = self.versions.partition_point(|v| v.event.seq <= until.seq);
        &self.versions[begin..end.max(begin)]
    }

    /// The newest version before an event, or with it; its first one, where there is none.
    pub fn last_before(&self, event: &Event) -> &'h ObjectSeen {
        self.between(None, event).last().unwrap_or(&self.versions[0]).what
    }

    /// The event of its newest version before an event, or with it; its birth, where there is none.
    pub fn last_seen_before(&self, event: &Event) -> &'h Event {
        self.between(None, event).last().unwrap_or(&self.versions[0]).event
    }

    /// Its phase after an event; none when it did not exist.
    pub fn phase_at(&self, event: &Event) -> Option<Phase> {
        Some(Phase::of(self.at(event)?.what))
    }

    /// The last event before that one at which it stopped being ready, having been ready until then.
    pub fn stopped_being_ready_before(&self, event: &Event) -> Option<&'h Event> {
        let before = &self.versions[..self.versions.partition_point(|v| v.event.seq < event.seq)];
        let last_ready = before.iter().rposition(|v| is_ready(v.what))?;
        let replaced = self.replaced.filter(|replaced| replaced.seq < event.seq);
        before.get(last_ready + 1).map(|v| v.event).or(replaced)
    }

    /// The event at which it became ready, if it has been so from then until that event.
    pub fn ready_since(&self, event: &Event) -> Option<&'h Event> {
        self.at(event)?;
        let before = self.between(None, event).iter().rev();
        before.take_while(|v| is_ready(v.what)).last().map(|v| v.event)
    }

    /// Its newest version.
    pub fn last(&self) -> Seen<'h, ObjectSeen> {
        *self.versions.last().expect("a life begins with a version")
    }

    /// The addresses that it had, in the order in which it got them.
    pub fn addresses(&self) -> Vec<&'h str> {
        let mut all = Vec::new();
        for address in self.versions.iter().flat_map(|v| pod::addresses(v.what)) {
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

    /// The version in which it says that something other than its set took it away, if it does.
    pub fn evicted(&self) -> Option<Seen<'h, ObjectSeen>> {
        self.first(pod::is_evicted)
    }

    /// The version that tells that a container of it ended and is waiting to be started again, or failed.
    pub fn container_trouble(&self) -> Option<(Seen<'h, ObjectSeen>, String)> {
        self.versions.iter().find_map(|version| Some((*version, container_trouble(version.what)?)))
    }
}

/// Whether a version is of a pod that exists and is ready.
pub(super) fn is_ready(pod: &ObjectSeen) -> bool {
    !pod.change.is_removal() && Phase::of(pod) == Phase::Ready
}

/// How a container of a pod ended or why it cannot run, with its name and the pod's node; none where all is well.
///
/// A container that ends is its own fault or the node's, and not the set's.
pub(super) fn container_trouble(pod: &ObjectSeen) -> Option<String> {
    let node = pod.text("/spec/nodeName").unwrap_or("no node");
    pod.list("/status/containerStatuses").iter().find_map(|status| {
        let name = status["name"].as_str().unwrap_or_default();
        let waiting = status["state"]["waiting"]["reason"].as_str();
        let ended =
            [&status["state"]["terminated"], &status["lastState"]["terminated"]].into_iter().find_map(
                |ended| Some((ended["exitCode"].as_i64()?, ended["reason"].as_str().unwrap_or_default())),
            );
        match (waiting, ended) {
            (_, Some((code, reason))) if !pod.is_terminating() => {
                Some(format!("its container {name} ended with exit code {code} ({reason}) on {node}"))
            }
            (Some("CrashLoopBackOff"), _) => Some(format!("its container {name} is in back-off on {node}")),
            _ => None,
        }
    })
}

/// The lives of all pods of a set, in the order of their births.
#[derive(Debug)]
pub struct Pods<'h> {
    history: &'h History,
    watch: Watch,
    lives: Vec<PodLife<'h>>,
    /// The places of the incarnations of each name, each with the last event at which it or an earlier one was there.
    by_name: BTreeMap<&'h str, Vec<(usize, u64)>>,
    by_uid: HashMap<&'h str, usize>,
}

impl<'h> Pods<'h> {
    /// The watch of pods in a namespace, folded into the lives of the pods of one set.
    ///
    /// Pods without a controller are the set's only if they have the labels that it selects by.
    pub(super) fn of(history: &'h History, watch: Watch, set: &str, selector: &[(String, String)]) -> Self {
        let lives = fold(history, watch, |pod| is_member(pod, set, selector), set);
        let mut by_name: BTreeMap<&str, Vec<(usize, u64)>> = BTreeMap::new();
        for (place, life) in lives.iter().enumerate() {
            let end = life.gone().map_or(u64::MAX, |event| event.seq);
            let of_name = by_name.entry(life.name).or_default();
            let latest_end = of_name.last().map_or(end, |(_, before)| end.max(*before));
            of_name.push((place, latest_end));
        }
        let by_uid = lives.iter().enumerate().map(|(place, life)| (life.uid, place)).collect();
        Self { history, watch, lives, by_name, by_uid }
    }

    /// The watch that delivered them.
    pub fn watch(&self) -> Watch {
        self.watch
    }

    /// The incarnation with that uid.
    pub fn with_uid(&self, uid: &str) -> Option<&PodLife<'h>> {
        Some(&self.lives[*self.by_uid.get(uid)?])
    }

    /// The incarnations of one pod that were born before an event, the latest first.
    pub fn before<'p>(
        &'p self,
        name: &str,
        event: &Event,
    ) -> impl Iterator<Item = &'p PodLife<'h>> + use<'p, 'h> {
        self.born_before(name, event.seq).iter().rev().map(|(place, _)| &self.lives[*place])
    }

    /// The incarnations of one pod, the first one first.
    pub fn named<'p>(&'p self, name: &str) -> impl DoubleEndedIterator<Item = &'p PodLife<'h>> + use<'p, 'h> {
        self.by_name.get(name).into_iter().flatten().map(|(place, _)| &self.lives[*place])
    }

    /// The names of all pods that the set ever had.
    pub fn names(&self) -> impl Iterator<Item = &'h str> {
        self.by_name.keys().copied()
    }

    /// The incarnation that had that one's name before it.
    pub fn predecessor(&self, life: &PodLife<'h>) -> Option<&PodLife<'h>> {
        self.before(life.name, life.birth()).next()
    }

    /// The incarnation that has that one's name after it.
    pub fn successor(&self, life: &PodLife<'h>) -> Option<&PodLife<'h>> {
        let (of_name, own) = (self.by_name.get(life.name)?, *self.by_uid.get(life.uid)?);
        let next = of_name.partition_point(|(place, _)| *place <= own);
        Some(&self.lives[of_name.get(next)?.0])
    }

    /// The lives that began before an event and were not over after it, in the order of their births.
    pub fn at(&self, event: &Event) -> Vec<&PodLife<'h>> {
        let mut places: Vec<usize> = Vec::new();
        for name in self.by_name.keys() {
            let born = self.born_before(name, event.seq).iter().rev();
            places.extend(born.take_while(|(_, end)| *end >= event.seq).map(|(place, _)| place));
        }
        places.sort_unstable();
        places.into_iter().map(|place| &self.lives[place]).filter(|life| life.at(event).is_some()).collect()
    }

    fn born_before(&self, name: &str, seq: u64) -> &[(usize, u64)] {
        let of_name = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        &of_name[..of_name.partition_point(|(place, _)| self.lives[*place].birth().seq < seq)]
    }

    /// Where the watch of pods cannot be believed.
    pub fn gaps(&self) -> Vec<Gap<'h>> {
        self.history.gaps(self.watch)
    }

    /// The first gap of the watch of pods of which something lies between two events.
    pub fn gap_between(&self, earlier: &Event, later: &Event) -> Option<Gap<'h>> {
        self.history.gap_between(self.watch, earlier, later)
    }

    /// The gap that hides what was true at an event, if there is one.
    pub fn gap_at(&self, event: &Event) -> Option<Gap<'h>> {
        self.gaps().into_iter().find(|gap| gap.holds(event))
    }

    /// The gap that may hide a version of a pod between its creation and its end, or the end of the scenario.
    pub fn hidden_version(&self, life: &PodLife<'h>) -> Option<&'h Event> {
        let ended = self.history.ended();
        let end = life.gone().filter(|gone| gone.comes_before(ended)).unwrap_or(ended);
        let gap = || Some(self.gap_between(life.birth(), end)?.shown_by);
        self.hidden_birth(life).or_else(gap)
    }

    /// Whether the set itself made the pod. It may also have taken over one that others had made.
    pub fn made_by_set(&self, life: &PodLife<'h>) -> bool {
        let first = life.versions[0];
        first.what.controller().is_some()
            && (first.change != Change::Modified || self.gap_at(first.event).is_some())
    }

    /// The gap that may hide the creation of a pod, for one whose creation was not seen.
    pub fn hidden_birth(&self, life: &PodLife<'h>) -> Option<&'h Event> {
        let hides = |gap: &Gap<'h>| gap.from.comes_before(life.birth());
        (!life.birth_was_seen())
            .then(|| self.gaps().into_iter().rfind(hides).map_or(life.birth(), |gap| gap.shown_by))
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

/// Whether an owner reference names a StatefulSet of Kubernetes, and not a kind of that name of another API group.
pub(super) fn is_stateful_set(owner: &Json) -> bool {
    let group =
        owner["apiVersion"].as_str().map(|version| version.split_once('/').map_or("", |(group, _)| group));
    owner["kind"] == "StatefulSet" && group.is_none_or(|group| group == "apps")
}

/// Whether this pod belongs to the set: its controller is the set, or it has none, and its name is one that the set gives
/// and its labels are those that the set selects by.
fn is_member(pod: &ObjectSeen, set: &str, selector: &[(String, String)]) -> bool {
    let is_selected = || selector.iter().all(|(key, value)| pod.label(key) == Some(value));
    match pod.controller() {
        Some(owner) => is_stateful_set(owner) && owner["name"] == *set,
        None => pod::ordinal(set, &pod.name).is_some() && is_selected(),
    }
}

/// The lives of the set's pods, in the order of the births. What a watch delivers twice happened once, but a list says anew
/// what is true; and a name belongs to one pod at a time: where a new incarnation appears, the one before it is gone.
fn fold<'h>(
    history: &'h History,
    watch: Watch,
    is_member: impl Fn(&ObjectSeen) -> bool,
    set: &str,
) -> Vec<PodLife<'h>> {
    let mut lives: Vec<PodLife<'h>> = Vec::new();
    let mut by_uid: HashMap<&str, usize> = HashMap::new();
    let mut present: HashMap<&str, usize> = HashMap::new();
    let mut delivered = HashSet::new();
    for seen in history.objects(watch) {
        let pod = seen.what;
        if !delivered.insert((&pod.uid, &pod.revision, pod.change)) && !pod.change.is_listed() {
            continue;
        }
        if let Some(life) = by_uid.get(pod.uid.as_str()) {
            lives[*life].versions.push(seen);
        } else if is_member(pod) && !pod.change.is_removal() {
            by_uid.insert(&pod.uid, lives.len());
            if let Some(before) = present.insert(&pod.name, lives.len()) {
                lives[before].replaced = Some(seen.event);
            }
            lives.push(PodLife {
                name: &pod.name,
                ordinal: pod::ordinal(set, &pod.name),
                uid: &pod.uid,
                versions: vec![seen],
                replaced: None,
            });
        }
    }
    lives
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::Resource,
        views::View,
    };

    fn lives(history: &History) -> Pods<'_> {
        Pods::of(history, Resource::Pods.into(), "web", &[])
    }

    #[test]
    fn what_a_watch_delivers_twice_happened_once() {
        let mut history = history("web-0 created; web-0 ready; web-0 deleted");
        let last = history.events.last().unwrap().clone();
        history.events.push(Event { seq: last.seq + 1, ..last });
        let lives = lives(&history);
        assert_eq!((lives.len(), lives[0].versions.len()), (1, 3));
    }

    #[test]
    fn only_what_the_set_owns_or_would_own_is_its_pod() {
        let is = |name: &str, owners: serde_json::Value| {
            let raw =
                json!({"metadata": {"name": name, "ownerReferences": owners, "labels": {"app": "nginx"}}});
            let pod = ObjectSeen::new(Change::Modified, Resource::Pods, raw);
            let selects = |app: &str| is_member(&pod, "web", &[("app".to_owned(), app.to_owned())]);
            (selects("nginx"), selects("other"))
        };
        let owner = |version: &str, kind: &str, name: &str| json!([{"apiVersion": version, "kind": kind, "name": name, "controller": true}]);
        assert_eq!(is("web-0", json!([])), (true, false));
        assert_eq!(is("other", json!([])), (false, false));
        assert_eq!(is("odd", owner("apps/v1", "StatefulSet", "web")), (true, true));
        for (version, kind, name) in [
            ("apps/v1", "StatefulSet", "other"),
            ("apps/v1", "ReplicaSet", "web"),
            ("apps.kruise.io/v1beta1", "StatefulSet", "web"),
        ] {
            assert_eq!(is("web-0", owner(version, kind, name)), (false, false), "{version} {kind} {name}");
        }
    }

    #[test]
    fn what_two_lists_tell_alike_is_told_twice() {
        let mut notes = Notes::new().say("web-0 created; gap pods; web-0 listed-again; gap pods");
        let same = notes.present(Resource::Pods, "web-0");
        notes.object_as_it_is(Resource::Pods, Change::Listed, same);
        let history = notes.history();
        assert_eq!(lives(&history)[0].versions.len(), 3);
    }

    #[test]
    fn a_set_makes_some_pods_and_takes_over_others() {
        let mut notes = Notes::new().say("web-0 created; gap pods; web-1 listed; opened pods");
        let labels = json!({"app": "nginx"});
        let orphan = json!({"metadata": {"name": "web-2", "uid": "x", "labels": labels}});
        notes.object(Resource::Pods, Change::Added, orphan);
        let owner =
            json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": true}]);
        let labels = json!({"app": "other"});
        let other = json!({"metadata": {"name": "web-3", "uid": "y", "labels": labels}});
        notes.object(Resource::Pods, Change::Added, other);
        notes.modify(Resource::Pods, "web-3", |pod| pod["metadata"]["ownerReferences"] = owner);
        let history = notes.history();
        let lives =
            Pods::of(&history, Resource::Pods.into(), "web", &[("app".to_owned(), "nginx".to_owned())]);
        let made: Vec<_> = lives.iter().map(|life| (life.name, lives.made_by_set(life))).collect();
        assert_eq!(made, [("web-0", true), ("web-1", true), ("web-2", false), ("web-3", false)]);
    }

    #[test]
    fn a_pod_that_was_replaced_in_a_gap_does_not_live_on_beside_its_successor() {
        let history = history("web-0 created; web-0 ready; gap pods; web-0 listed; set replicas=1");
        let lives = lives(&history);
        assert_eq!(lives.len(), 2);
        assert_eq!(lives[0].gone().map(|event| event.seq), Some(lives[1].birth().seq));
        assert!(lives[0].deleted().is_none(), "nobody saw it go");
        let present: Vec<&str> = lives.at(history.last()).iter().map(|life| life.uid).collect();
        assert_eq!(present, [lives[1].uid]);
    }

    #[test]
    fn one_that_a_list_no_longer_has_is_gone() {
        let history = history("web-0 created; web-1 created; gap pods; web-0 unlisted; web-1 listed-again");
        let lives = lives(&history);
        assert_eq!(lives.len(), 2);
        assert!(lives[0].gone().is_some() && lives[0].deleted().is_none());
        assert!(lives[1].gone().is_none() && lives[1].versions.len() == 2);
    }

    #[test]
    fn a_life_tells_when_it_stopped_being_ready_and_since_when_it_is() {
        let notes = "web-0 created; web-0 scheduled; web-0 ready; web-0 address 10.0.0.7; web-0 unready; web-0 running; \
                     web-0 ready; web-0 address 10.0.0.8";
        let history = history(notes);
        let lives = lives(&history);
        let life = &lives[0];
        let event = |place: usize| life.versions[place].event;
        let seq = |event: Option<&Event>| event.map(|event| event.seq);
        assert_eq!(seq(life.scheduled()), Some(event(1).seq));
        assert_eq!(seq(life.stopped_being_ready_before(event(4))), None);
        assert_eq!(seq(life.stopped_being_ready_before(event(5))), Some(event(4).seq));
        assert_eq!(seq(life.stopped_being_ready_before(event(6))), Some(event(4).seq));
        assert_eq!(seq(life.ready_since(event(3))), Some(event(2).seq));
        assert_eq!(seq(life.ready_since(event(5))), None);
        assert_eq!(seq(life.ready_since(event(7))), Some(event(6).seq));
    }

    #[test]
    fn the_pods_of_others_have_no_life_here() {
        let mut notes = Notes::new();
        let owner = json!([{"kind": "ReplicaSet", "name": "other", "controller": true}]);
        let other = json!({"metadata": {"name": "other-x7k", "uid": "x", "ownerReferences": owner}});
        notes.object(Resource::Pods, Change::Added, other);
        let history = notes.say("web-0 created").history();
        assert_eq!(lives(&history).names().collect::<Vec<_>>(), ["web-0"]);
    }

    #[test]
    fn the_versions_between_two_events() {
        let history = history("web-0 created; web-0 scheduled; web-0 running; web-0 ready");
        let lives = lives(&history);
        let life = &lives[0];
        let event = |place: usize| life.versions[place].event;
        let between = |after, until| -> Vec<u64> {
            life.between(after, until).iter().map(|version| version.event.seq).collect()
        };
        assert_eq!(between(None, event(1)), [event(0).seq, event(1).seq]);
        assert_eq!(between(Some(event(1)), event(3)), [event(2).seq, event(3).seq]);
        assert!(between(Some(event(3)), event(1)).is_empty());
    }

    #[test]
    fn incarnations_follow_one_another() {
        let history = history("web-0 created; web-0 deleted; web-0 created; web-0 ready");
        let view = View::of(&history);
        let pods = view.sets()[0].pods();
        let [first, second] = &pods[..] else { panic!("two lives") };
        assert_eq!(pods.predecessor(second).map(|life| life.uid), Some(first.uid));
        assert_eq!(pods.successor(first).map(|life| life.uid), Some(second.uid));
        assert!(pods.predecessor(first).is_none() && pods.successor(second).is_none());
        assert_eq!(pods.with_uid(second.uid).map(|life| life.uid), Some(second.uid));
    }

    #[test]
    fn a_gap_hides_versions_of_the_pods_that_live_in_it() {
        let history = history(
            "web-0 created; web-0 deleted; web-1 created; gap pods; web-1 listed-again; opened pods; web-2 created; completed",
        );
        let lives = lives(&history);
        let hidden: Vec<bool> = lives.iter().map(|life| lives.hidden_version(life).is_some()).collect();
        assert_eq!(hidden, [false, true, false]);
    }

    #[test]
    fn a_container_that_ended_is_named_with_its_exit_code_and_node() {
        let mut notes = Notes::new().say("web-0 created; web-0 scheduled; web-0 ready");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}},
            }]);
        });
        let history = notes.history();
        let lives = lives(&history);
        let (_, trouble) = lives[0].container_trouble().expect("it ended");
        assert_eq!(trouble, "its container nginx ended with exit code 137 (Error) on node-0");
    }
}
