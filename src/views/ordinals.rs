//! The ordinals that a set was asked to have, as far as its controller can have known, and the order that it keeps between
//! them.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use super::{PodLife, Set, order, sets::counter};
use crate::history::{Event, GivenUp, ObjectSeen, Observation, Seen, Step, Verb, Wait, pod};

/// The field of the lowest ordinal, since Kubernetes 1.27.
const START: &str = "/spec/ordinals/start";

/// What of a set's ordinals is found out once.
#[derive(Debug)]
pub(super) struct Ordinals<'h> {
    starts: BTreeSet<u32>,
    parallel: HashMap<&'h str, bool>,
}

impl<'h> Ordinals<'h> {
    pub(super) fn of(set: &Set<'h>) -> Self {
        let parallel = set.versions().iter().filter_map(|version| {
            let policy = version.what.text("/spec/podManagementPolicy")?;
            Some((version.what.uid.as_str(), policy == "Parallel"))
        });
        Self { starts: starts(set), parallel: parallel.collect() }
    }
}

/// Every lowest ordinal that the set ever had. What was asked for counts where it is not known what the server stored.
fn starts(set: &Set<'_>) -> BTreeSet<u32> {
    let mut starts: BTreeSet<u32> = set.versions().iter().map(|version| start(version.what)).collect();
    if starts.is_empty() || !set.history().gaps(set.watch()).is_empty() {
        let requested =
            set.requests().iter().filter_map(|request| request.what.body.pointer(START)?.as_u64());
        starts.extend(requested.filter_map(|start| u32::try_from(start).ok()));
    }
    if starts.is_empty() {
        starts.insert(0);
    }
    starts
}

fn start(set: &ObjectSeen) -> u32 {
    set.number(START).and_then(|start| u32::try_from(start).ok()).unwrap_or(0)
}

impl<'h> Set<'h> {
    /// The lowest ordinal, as the newest version before an event has it; the first version or, where there is none, the
    /// request for the set, where none was delivered before.
    pub fn start_at(&self, event: &Event) -> u32 {
        let known = self.at(event).map(|version| version.what);
        let first = || self.versions().first().map(|version| version.what);
        let requested = || self.ordinals().starts.first().copied();
        known.or_else(first).map(start).or_else(requested).unwrap_or(0)
    }

    /// Whether a pod has an ordinal that was asked for last before an event.
    pub fn wants_at(&self, life: &PodLife<'_>, event: &Event) -> bool {
        let start = self.start_at(event);
        let replicas = self.asked_at(event).map_or(0, |asked| asked.replicas);
        life.ordinal.is_some_and(|ordinal| (start..start.saturating_add(replicas)).contains(&ordinal))
    }

    /// From which ordinal on the pods below that one had to be there before it, whatever the lowest ordinal was: where it was
    /// changed, the highest that it had.
    pub fn lowest_below(&self, ordinal: u32) -> u32 {
        self.ordinals().starts.range(..=ordinal).next_back().copied().unwrap_or(ordinal)
    }

    /// Every range of ordinals that the controller may have taken for the one asked for in the time from one event to another.
    /// None where it is not known what was asked for.
    ///
    /// The controller learns of a request when its cache does, so what was asked for before counts as well, unless a status
    /// that was certainly written earlier shows that the controller had seen what came after it.
    pub fn ranges_between(&self, earliest: &Event, latest: &Event) -> Vec<Range<u32>> {
        if self.spec_hidden().is_some() {
            return Vec::new();
        }
        let asked = &self.asked()[..self.asked().partition_point(|asked| asked.event.seq <= latest.seq)];
        let known = asked.len().min(self.observed_before(earliest));
        let mut replicas: BTreeSet<u32> = asked[known..].iter().map(|asked| asked.replicas).collect();
        if !replicas.is_empty() {
            // Others than the driver may ask for a number too.
            let newest = self.at(latest).and_then(|version| version.what.number("/spec/replicas"));
            replicas.extend(newest.and_then(|newest| u32::try_from(newest).ok()));
        }
        let starts = &self.ordinals().starts;
        let range = |start: u32, replicas: u32| start..start.saturating_add(replicas);
        replicas.into_iter().flat_map(|count| starts.iter().map(move |start| range(*start, count))).collect()
    }

    /// The first number of replicas, by its place in what was asked for, that the controller may still have acted on: the one
    /// that it had certainly seen before an event.
    fn observed_before(&self, event: &Event) -> usize {
        let is_certain = |version: &&Seen<'h, ObjectSeen>| {
            is_observed(version.what) && order::certainly_before(self.history(), version.event, event)
        };
        let until = self.versions().partition_point(|version| version.event.seq < event.seq);
        let newest = self.versions()[..until].iter().rev().find(is_certain);
        newest.map_or(0, |newest| self.place_of(newest.event))
    }

    /// The place, in what was asked for, of the number of replicas in the set's spec when a version was delivered: the earliest
    /// that fits, because a number may have been asked for more than once.
    fn place_of(&self, version: &Event) -> usize {
        let until = self.versions().partition_point(|other| other.event.seq <= version.seq);
        let mut place = 0;
        for replicas in
            self.versions()[..until].iter().filter_map(|version| version.what.number("/spec/replicas"))
        {
            let later = self.asked()[place..].iter().position(|asked| i64::from(asked.replicas) == replicas);
            place += later.unwrap_or(0);
        }
        place
    }

    /// Whether the status in that version shows that the controller had seen what was asked for last before an event, and counts
    /// as many pods.
    pub fn is_settled_in(&self, version: &Seen<'h, ObjectSeen>, event: &Event) -> bool {
        let asked = self.asked().partition_point(|asked| asked.event.seq <= event.seq);
        let replicas = version.what.number("/spec/replicas");
        is_observed(version.what)
            && replicas == Some(counter(version.what, "replicas"))
            && replicas == Some(counter(version.what, "readyReplicas"))
            && self.place_of(version.event) + 1 == asked
    }

    /// Whether the pods of the incarnation of the set that owns this pod are created and deleted without waiting for one
    /// another.
    pub fn is_parallel_for(&self, life: &PodLife<'h>) -> bool {
        let owner = life.versions[0].what.controller().and_then(|owner| owner["uid"].as_str());
        let of_owner = owner.and_then(|uid| self.ordinals().parallel.get(uid));
        of_owner.copied().unwrap_or_else(|| self.is_parallel())
    }

    /// The event that shows why the set's spec is not known, if it is not: neither the set nor a request that made it was seen,
    /// and its watch has a gap.
    pub fn spec_hidden(&self) -> Option<&'h Event> {
        let mut requests = self.requests().iter().map(|request| request.what.verb);
        let is_unseen =
            self.versions().is_empty() && !requests.any(|verb| matches!(verb, Verb::Apply | Verb::Create));
        let gap = || Some(self.history().gaps(self.watch()).first()?.shown_by);
        is_unseen.then(gap).flatten()
    }

    /// Whether a wait is for this set or for pods of it.
    pub fn is_meant_by(&self, wait: &Wait) -> bool {
        match wait {
            Wait::PodsRunning(pods)
            | Wait::PodsReady(pods)
            | Wait::PodsUnready(pods)
            | Wait::PodsGone(pods) => pods
                .iter()
                .any(|name| self.own_name(name).is_some_and(|pod| pod::ordinal(self.name, pod).is_some())),
            Wait::StatusSettled { set, .. } => self.own_name(set) == Some(self.name),
            _ => false,
        }
    }

    /// Whether an event is the end of a wait for this set or for pods of it.
    pub fn is_meant_by_event(&self, event: &Event) -> bool {
        match &event.seen {
            Observation::Step(Step::Waited { wait, .. } | Step::TimedOut { wait, .. }) => {
                self.is_meant_by(wait)
            }
            _ => false,
        }
    }

    /// The waits for this set or its pods that were given up, of those that are meant.
    pub fn given_up(&self, is_meant: fn(&Wait) -> bool) -> impl Iterator<Item = GivenUp<'h>> {
        self.history().given_up(is_meant).filter(|given_up| self.is_meant_by(given_up.wait))
    }

    /// A name as waits have it, without its namespace; none where it is of another namespace.
    fn own_name<'n>(&self, name: &'n str) -> Option<&'n str> {
        let own = self.history().started().namespace.as_str();
        let (namespace, name) = name.split_once('/').unwrap_or((own, name));
        (namespace == self.namespace).then_some(name)
    }
}

/// Whether the status says that the controller had seen the spec beside it.
fn is_observed(set: &ObjectSeen) -> bool {
    let generation = set.number("/metadata/generation");
    generation.is_some() && set.number("/status/observedGeneration") >= generation
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Change, History, Requested, Resource},
        views::View,
    };

    /// Where the ranges at the end begin and end.
    fn ranges(history: &History) -> Vec<(u32, u32)> {
        let ranges = View::of(history).sets()[0].ranges_between(history.last(), history.last());
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn what_was_asked_for_before_counts_until_the_controller_has_certainly_seen_the_next() {
        let scaled = "set replicas=3 generation=1 observed=1; web-0 created; scale 1;";
        let seen = "set replicas=1 generation=2 observed=2;";
        let born = "web-1 created";
        assert_eq!(ranges(&history(&format!("{scaled} {born}"))), [(0, 1), (0, 3)]);
        assert_eq!(ranges(&history(&format!("{scaled} {seen} {born}"))), [(0, 1), (0, 3)], "two watches");
        let long_ago = format!("{scaled} {seen} wait 6s; bookmark pods; {born}");
        assert_eq!(ranges(&history(&long_ago)), [(0, 1)]);
        let unobserved = long_ago.replace("observed=2", "observed=1");
        assert_eq!(ranges(&history(&unobserved)), [(0, 1), (0, 3)]);
    }

    #[test]
    fn a_number_that_was_asked_for_twice_counts_from_the_first_time_on() {
        let twice =
            "set replicas=3 generation=1 observed=1; scale 0; scale 3; wait 6s; bookmark pods; web-0 created";
        assert_eq!(ranges(&history(twice)), [(0, 0), (0, 3)]);
        assert!(ranges(&history("web-0 created")).is_empty());
    }

    #[test]
    fn a_status_that_was_there_before_the_request_does_not_settle_it() {
        let settled = |statements: &str| {
            let history = history(statements);
            let view = View::of(&history);
            let set = &view.sets()[0];
            set.is_settled_in(set.versions().last().expect("a version"), history.last())
        };
        let one = "set replicas=1 generation=1 observed=1 pods=1 ready=1";
        assert!(settled(one));
        assert!(!settled(&format!("{one}; scale 3; scale 1")));
        let three = "set replicas=3 generation=2";
        assert!(settled(&format!(
            "{one}; scale 3; {three}; scale 1; set replicas=1 generation=3 observed=3"
        )));
        assert!(!settled(&format!("{one}; scale 3; {three}; scale 1; set replicas=1 generation=3")));
        assert!(!settled(&format!("{one}; set ready=0")) && !settled(&format!("{one}; set pods=2")));
    }

    #[test]
    fn the_lowest_ordinal_is_known_although_the_set_is_told_late() {
        let late = history("web-5 created; web-6 created; set start=5 replicas=2");
        let view = View::of(&late);
        let set = &view.sets()[0];
        assert_eq!(
            (set.start_at(set.pods()[0].birth()), set.lowest_below(6), set.lowest_below(4)),
            (5, 5, 4)
        );
        let mut notes = Notes::new();
        let body = json!({"spec": {"replicas": 2, "ordinals": {"start": 7}}});
        notes.requested(Requested::new(Verb::Apply, "statefulsets", Some("web".to_owned()), body));
        let requested = notes.say("web-7 created").history();
        assert_eq!(View::of(&requested).sets()[0].start_at(requested.last()), 7);
    }

    #[test]
    fn a_lowest_ordinal_that_changed_leaves_the_higher_one() {
        let changed = history("set start=0 replicas=2; web-0 created; set start=4; web-4 created");
        let view = View::of(&changed);
        let set = &view.sets()[0];
        assert_eq!((set.lowest_below(5), set.lowest_below(3)), (4, 0));
        assert_eq!(ranges(&changed), [(0, 2), (4, 6)]);
    }

    #[test]
    fn an_incarnation_of_the_set_has_its_own_policy() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        let policy = json!({"podManagementPolicy": "Parallel", "replicas": 1});
        notes.object(
            Resource::StatefulSets,
            Change::Added,
            json!({"metadata": {"name": "web", "uid": "p"}, "spec": policy}),
        );
        let owner = json!([{"kind": "StatefulSet", "name": "web", "uid": "p", "controller": true}]);
        let pod = json!({"metadata": {"name": "web-1", "uid": "x", "ownerReferences": owner}});
        notes.object(Resource::Pods, Change::Added, pod);
        let history = notes.history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        let parallel: Vec<bool> = set.pods().iter().map(|life| set.is_parallel_for(life)).collect();
        assert_eq!(parallel, [true, true], "what is not said of the first is said of the second");
        let unseen = history_without_set("web-0 created");
        assert!(View::of(&unseen).sets()[0].spec_hidden().is_some());
        let known = crate::checks::notation::history("web-0 created");
        assert!(View::of(&known).sets()[0].spec_hidden().is_none());
    }

    fn history_without_set(statements: &str) -> History {
        history(&format!("gap statefulsets; {statements}"))
    }

    #[test]
    fn a_wait_means_a_set_by_its_name_and_namespace() {
        let both = history("web-0 created; in other; web-0 created; in ns");
        let view = View::of(&both);
        let meant = |wait: &Wait| -> Vec<&str> {
            view.sets().iter().filter(|set| set.is_meant_by(wait)).map(|set| set.namespace).collect()
        };
        let ready = |name: &str| Wait::PodsReady(vec![name.to_owned()]);
        assert_eq!(meant(&ready("web-1")), ["ns"]);
        assert_eq!(meant(&ready("other/web-1")), ["other"]);
        assert!(meant(&ready("db-1")).is_empty() && meant(&Wait::DnsSettled).is_empty());
        assert_eq!(meant(&Wait::StatusSettled { set: "other/web".to_owned(), replicas: 1 }), ["other"]);
    }
}
