//! `ordinals-exact`: the set's pods are those of the ordinals that were asked for, at no time others, and at rest all of them.

use std::collections::BTreeSet;

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Wait},
    views::{
        Dimension, PodLife, Set, View, controller, dimension,
        rests::{self, Rest},
    },
};

/// Judges `specs/topology/ordinals-exact.yaml`.
pub(super) const CHECK: Check = Check { id: "ordinals-exact", judge };

/// The set never created a pod with another name or ordinal.
const NO_OTHERS: &str = "no-others";
/// At rest the pods were exactly those that were asked for.
const REST: &str = "rest";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let exact = Exact { view, set };
        exact.no_others(findings);
        for (key, event) in dimension::rests(view) {
            exact.at_rest(findings, &key, event);
        }
        exact.given_up(findings);
    }
}

struct Exact<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
}

impl<'h> Exact<'_, 'h> {
    /// Every pod that the set ever made has a name and an ordinal that were asked for.
    fn no_others(&self, findings: &mut Findings) {
        let by_driver = rests::made_by_driver(self.view, self.set.namespace);
        let pods = self.set.pods();
        let made = |life: &&PodLife<'h>| pods.made_by_set(life) && !by_driver.contains(life.name);
        let mut all_asked = true;
        for life in pods.iter().filter(made) {
            all_asked &= self.was_asked_for(findings, life);
        }
        let (Some(first), ended) = (pods.first().filter(|_| all_asked), self.view.history().ended()) else {
            return;
        };
        let name = self.set.key(self.set.name);
        let say = findings.on(NO_OTHERS);
        match pods.gap_between(&self.view.history().events[0], ended) {
            Some(gap) => {
                let what = format!("a pod of {name} may have come and gone in a gap of the watch of pods");
                say.blind(Cause::Gap, what, &[gap.shown_by]);
            }
            None => {
                let what = format!("{name} never had a pod with another name or ordinal than was asked for");
                say.held(what, &[first.birth(), ended]);
            }
        }
    }

    /// Whether the set was asked for a pod that it made; says so if it was not.
    fn was_asked_for(&self, findings: &mut Findings, life: &PodLife<'h>) -> bool {
        let (name, birth) = (self.set.key(life.name), life.birth());
        let say = findings.on(NO_OTHERS).pod(name.as_str());
        let Some(ordinal) = life.ordinal else {
            let set = self.set.key(self.set.name);
            say.broken(format!("{name} belongs to the set {set}, which gives no such name"), &[birth]);
            return false;
        };
        if self.set.wants_at(life, birth) {
            return true;
        }
        let ranges = self.set.ranges_between(birth, birth);
        if ranges.is_empty() || ranges.iter().any(|range| range.contains(&ordinal)) {
            return !ranges.is_empty();
        }
        let asked = self.set.asked_at(birth).map_or(0, |asked| asked.replicas);
        let what = format!("{name} was created in a set of {asked} replicas");
        match self.set.pods().hidden_birth(life) {
            Some(gap) => {
                say.blind(Cause::Gap, format!("{what}, or before that: a gap hides when"), &[gap, birth])
            }
            None => say.broken(what, &[birth]),
        }
        false
    }

    fn at_rest(&self, findings: &mut Findings, key: &str, wait: &'h Event) {
        if !self.set.is_meant_by_event(wait) {
            return;
        }
        let Some(rest) = rests::at_rest(self.view, self.set, wait) else { return };
        let replicas = self.set.asked_at(wait).map_or(0, |asked| asked.replicas);
        let shown = |names: &[&str]| {
            let names: BTreeSet<String> = names.iter().map(|name| self.set.key(name)).collect();
            let names: Vec<String> = names.into_iter().collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("with {replicas} replicas the pods at rest were {names}")
        };
        let say = findings.on(REST).of(Dimension::Rest, key);
        match rest {
            Rest::Exact(event) => {
                let wanted = self.set.wanted_at(wait);
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                let pods = self.set.pods().at(event);
                let versions = pods.iter().map(|life| life.last_seen_before(event));
                let shows: Vec<&Event> = [wait, event].into_iter().chain(versions).collect();
                say.held(format!("{}, exactly", shown(&wanted)), &shows);
            }
            Rest::Other(names, event) => say.broken(shown(&names), &[wait, event]),
            Rest::TooClose(names) => {
                let what = format!("{} by the watch of pods, which may have been late", shown(&names));
                say.blind(Cause::NoOrder, what, &[wait]);
            }
            Rest::Hidden(gap) => {
                say.blind(
                    Cause::Gap,
                    "a gap of the watch of pods hides which pods there were at rest",
                    &[wait, gap],
                );
            }
            Rest::NotSettled => {
                say.blind(Cause::NotReached, "the set's status never said that it had come to rest", &[wait]);
            }
        }
    }

    /// Pods did not come. That is the set's doing only where one was not created that could have been.
    fn given_up(&self, findings: &mut Findings) {
        for wait in self.set.given_up(Wait::is_for_members_to_come) {
            let Some(undone) = controller::not_created(self.view, self.set, wait.event) else { continue };
            let replicas = self.set.asked_at(wait.event).map_or(0, |asked| asked.replicas);
            let pod = self.set.key(&undone.pod);
            let what =
                format!("{pod} did not exist for {:.0} s in a set of {replicas} replicas", undone.secs);
            let say = findings.on(REST).pod(pod);
            match undone.excuse {
                None => {
                    let what = format!("{what}, and nothing stood in its way");
                    say.broken(what, &[undone.since, wait.event]);
                }
                Some((why, event)) => {
                    say.blind(Cause::ControllerLag, format!("{what}: {why}"), &[event, wait.event]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Change, Resource, Verb},
    };

    const TWO: &str = "scale 2; set replicas=2 generation=1 observed=1; web-0 created; web-0 ready; web-1 created; \
        web-1 ready; set pods=2 ready=2 available=2;";
    const RESTED: &str = "waited pods-ready [0, 1]; waited status-settled 2;";

    #[test]
    fn all_there_and_no_other() {
        assert_held(&CHECK, &format!("{TWO} {RESTED}"), 2);
    }

    #[test]
    fn a_wait_for_pods_is_no_state_of_rest() {
        assert_held(&CHECK, &format!("{TWO} waited pods-ready [0]; {RESTED}"), 2);
        let down =
            "scale 1; waited pods-ready [0]; delete web-0; web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{TWO} {down}"), 1);
    }

    #[test]
    fn scaled_up_and_down_and_up_again() {
        let up = "scale 3; web-2 created; web-2 ready; waited pods-ready [0, 1, 2]; waited status-settled 3;";
        let down = "scale 1; web-2 terminating; web-2 deleted; web-1 deleted; waited status-settled 1;";
        let again = "scale 2; web-1 created; waited pods-ready [0, 1]; waited status-settled 2";
        assert_held(&CHECK, &format!("{TWO} {RESTED} {up} {down} {again}"), 5);
    }

    #[test]
    fn a_controller_that_has_not_heard_of_the_scaling_yet_may_recreate() {
        let history = "web-1 deleted; scale 1; web-1 created; web-1 deleted; waited status-settled 1";
        assert_held(&CHECK, &format!("{TWO} {history}"), 2);
    }

    #[test]
    fn one_that_has_heard_of_it_may_not() {
        let known = "web-1 deleted; scale 1; set replicas=1 generation=2 observed=2 pods=1 ready=1; wait 6s; web-0 label a=b;";
        assert_broken(
            &CHECK,
            &format!("{TWO} {known} web-1 created; completed"),
            "web-1 was created in a set of 1 replicas",
        );
    }

    #[test]
    fn one_too_many() {
        let off_by_one = format!("{TWO} web-2 created; {RESTED}");
        assert_broken(&CHECK, &off_by_one, "web-2 was created in a set of 2 replicas");
        let surge = format!("{TWO} {RESTED} delete web-0; web-2 created; web-2 deleted");
        assert_broken(&CHECK, &surge, "web-2 was created in a set of 2 replicas");
    }

    #[test]
    fn a_name_that_is_not_an_ordinal() {
        assert_broken(&CHECK, &format!("{TWO} web-x7k2p created"), "web-x7k2p belongs to the set");
        assert_broken(&CHECK, &format!("{TWO} web-01 created"), "web-01 belongs to the set");
    }

    #[test]
    fn counting_from_one() {
        let history =
            "scale 2; set replicas=2; web-1 created; web-1 ready; web-2 created; waited status-settled 2";
        assert_broken(&CHECK, history, "web-2 was created in a set of 2 replicas");
    }

    #[test]
    fn one_is_missing_though_the_status_has_settled() {
        let missing = "scale 2; set replicas=2 generation=1 observed=1; web-0 created; web-0 ready; wait 6s; \
            bookmark statefulsets; set pods=2 ready=2; waited status-settled 2; wait 6s; completed";
        assert_broken(&CHECK, missing, "with 2 replicas the pods at rest were web-0");
    }

    #[test]
    fn only_what_is_asked_of_the_set_itself_counts() {
        let asked = |verb, resource, name: &str| {
            let mut notes = Notes::new().say("scale 1; set replicas=1");
            notes.request(verb, resource, Some(name), None, json!({"spec": {"replicas": 3}}));
            judge(&CHECK, &notes.say("web-2 created; completed").history()).of_kind(Kind::Broken).count()
        };
        assert_eq!(asked(Verb::Apply, Resource::StatefulSets, "web"), 0);
        assert_eq!(asked(Verb::Patch, Resource::StatefulSets, "web"), 0);
        assert_eq!(asked(Verb::Apply, Resource::StatefulSets, "other"), 1);
        assert_eq!(asked(Verb::Apply, Resource::Services, "web"), 1);
        assert_eq!(asked(Verb::Delete, Resource::Services, "web"), 1);
    }

    const DOWN: &str = "wait 6s; scale 1; set replicas=1 generation=2; bookmark statefulsets; set observed=2 pods=1 ready=1;";

    #[test]
    fn one_left_over_after_scaling_down() {
        let history = format!("{TWO} {RESTED} {DOWN} waited status-settled 1; wait 6s; completed");
        assert_broken(&CHECK, &history, "with 1 replicas the pods at rest were web-0, web-1");
    }

    #[test]
    fn a_watch_of_pods_that_is_a_moment_behind_the_status() {
        let history = "scale 1; web-1 terminating; waited status-settled 1; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{TWO} {history}"), 2);
    }

    #[test]
    fn two_watches_are_not_ordered_by_a_request() {
        let history = "waited status-settled 1; delete web-0; web-1 deleted; web-0 terminating; completed";
        let findings = judge(&CHECK, &crate::checks::notation::history(&format!("{TWO} {DOWN} {history}")));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
        assert_eq!(findings.evidence.iter().filter(|held| held.clause == super::REST).count(), 0);
    }

    #[test]
    fn one_that_is_never_created() {
        let given_up = "timed-out pods-ready [0, 1]; aborted";
        let history = "scale 2; set replicas=2 generation=1 observed=1; web-0 created; web-0 ready;";
        let known = format!("{history} set pods=1 ready=1 available=1; wait 120s; {given_up}");
        assert_broken(&CHECK, &known, "web-1 did not exist for 120 s");
        let waits = "scale 2; set replicas=2; web-0 created; web-0 running; wait 120s;";
        assert_held(&CHECK, &format!("{waits} {given_up}"), 1);
        assert_held(&CHECK, &format!("{history} wait 120s; timed-out dns-settled; aborted"), 1);
    }

    #[test]
    fn a_slow_controller_is_not_held_to_its_slowness() {
        let slow = "scale 1; set replicas=1 generation=1 observed=1; web-0 created; web-0 ready; set pods=1 ready=1 available=1; \
            wait 60s; scale 2; wait 6s; timed-out pods-ready [0, 1]; aborted";
        assert_blind(
            &CHECK,
            slow,
            "web-1 did not exist for 6 s in a set of 2 replicas: this controller may take 30 s",
        );
        let slower = slow.replace("wait 6s", "wait 600s");
        assert_blind(&CHECK, &slower, "so it may be slow");
    }

    #[test]
    fn a_gap_may_hide_a_removal() {
        let history = format!("{TWO} scale 1; gap pods; waited status-settled 1; completed");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn a_gap_may_hide_a_pod_that_came_and_went() {
        let gap = "gap pods; web-0 listed-again; web-1 listed-again; opened pods;";
        assert_blind(&CHECK, &format!("{TWO} {gap} {RESTED} completed"), "may have come and gone in a gap");
        let listed = "gap pods; web-0 listed-again; web-1 listed-again; web-2 listed; opened pods; completed";
        assert_blind(&CHECK, &format!("{TWO} {listed}"), "a gap hides when");
    }

    #[test]
    fn a_pod_that_is_stuck_is_not_blamed_on_its_neighbours() {
        let stuck = "scale 3; web-2 created; set replicas=3 generation=2 observed=2 pods=3; wait 600s; timed-out pods-ready [0, 1, 2]; aborted";
        assert_held(&CHECK, &format!("{TWO} {stuck}"), 1);
    }

    #[test]
    fn pods_of_others_are_none_of_the_sets() {
        let mut notes = Notes::new().say(TWO);
        let owner =
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": true}]);
        let labels = json!({"app": "nginx"});
        let pods = [
            json!({"name": "web-7", "uid": "a", "labels": labels, "ownerReferences": owner}),
            json!({"name": "web-8", "uid": "b", "labels": {"app": "other"}}),
            json!({"name": "web-9", "uid": "c", "labels": labels}),
        ];
        for metadata in pods {
            notes.object(Resource::Pods, Change::Added, json!({"metadata": metadata}));
        }
        let findings = judge(&CHECK, &notes.say(&format!("{RESTED} completed")).history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{:#?}", findings.findings);
    }

    #[test]
    fn a_pod_that_the_driver_makes_itself_is_not_the_sets() {
        let mut notes = Notes::new().say(TWO);
        notes.request(Verb::Create, Resource::Pods, Some("web-5"), None, json!({}));
        let findings = judge(&CHECK, &notes.say("web-5 created; web-5 deleted; completed").history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
    }

    #[test]
    fn several_sets_with_their_own_lowest_ordinals() {
        let there = "in other; set start=5 replicas=2 generation=1 observed=1 pods=2 ready=2; web-5 created; web-5 ready; web-6 created; web-6 ready;";
        let rested = "in ns; waited status-settled 2; completed";
        assert_held(&CHECK, &format!("{TWO} {there} {rested}"), 3);
        let low = format!("{TWO} {there} web-0 created; completed");
        assert_broken(&CHECK, &low, "other/web-0 was created in a set of 2 replicas");
        assert_broken(&CHECK, &format!("{TWO} {there} web-7 created; completed"), "other/web-7 was created");
    }

    #[test]
    fn all_deleted_and_scaled_while_they_terminate() {
        let history = "delete all; web-0 terminating; web-1 terminating; scale 1; web-1 deleted; web-0 deleted; web-0 created; \
            web-0 ready; set replicas=1 generation=2 observed=2 pods=1 ready=1; waited status-settled 1; completed";
        assert_held(&CHECK, &format!("{TWO} {history}"), 2);
        let unaware = history.replace(
            "web-0 deleted; web-0 created",
            "web-0 deleted; web-1 created; web-1 deleted; web-0 created",
        );
        assert_held(&CHECK, &format!("{TWO} {unaware}"), 2);
    }

    #[test]
    fn a_set_that_nobody_asked_for_is_not_judged() {
        assert_silent(&CHECK, "web-0 created; web-3 created; completed");
        assert_silent(&CHECK, "set replicas=2; completed");
    }
}
