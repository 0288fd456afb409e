//! Ordinary scenarios on a cluster that does what it should, written by hand: no check may call any of them broken, also when a
//! part of what happened was lost in a gap, when a watch was cut off, or when it was late.
//!
//! They stand for what drivers do: several things at once, and the next one before the last has come to rest.

#[cfg(test)]
mod variants;

use serde_json::json;

use self::variants::{cut_off, deliveries, late, with_gap};
use super::{
    Check, Findings, Kind,
    notation::{Notes, judge},
    scaling, topology,
};
use crate::history::{Change, Event, History, Observer, Resource, Verb, Watch};

/// A name, and what happened.
type Scenario = (&'static str, fn() -> History);

const SCENARIOS: &[Scenario] = &[
    ("a pod is lost and more are asked for", lose_and_scale_up),
    ("a pod is lost and fewer are asked for", lose_and_scale_down),
    ("fewer are asked for and a pod is deleted", scale_and_delete),
    ("a pod is lost while the set starts", start_and_lose),
    ("all are deleted and one is asked for while they terminate", delete_all_and_scale),
    ("a container crashes while pods are scaled away", crash_while_scaling_down),
    ("more are asked for while a lower one is unready", scale_up_while_unready),
    ("fewer, more and fewer are asked for in a row", back_and_forth),
    ("a pod is lost in a roll", lose_in_a_roll),
    ("two pods are lost, one after the other", lose_two),
    ("a node takes a pod away and its container ends", node_misbehaves),
    ("a slow controller acts on what it knew", slow_controller),
    ("a pod is kept unready, and then another one", gated),
    ("the set is deleted and made again", made_again),
    ("two sets in two namespaces, one from another ordinal on", two_sets),
    ("a parallel set starts, loses all and shrinks", parallel),
];

/// A set of three that has come to rest, and a while later.
const THREE: &str = "scale 3; answered 200; set replicas=3 generation=1 observed=1 revision=web-7; \
    web-0 created; web-0 scheduled; web-0 running; web-0 container a0; web-0 ready; set pods=1 ready=1 available=1; \
    web-1 created; web-1 scheduled; web-1 running; web-1 container a1; web-1 ready; set pods=2 ready=2 available=2; \
    web-2 created; web-2 scheduled; web-2 running; web-2 container a2; web-2 ready; set pods=3 ready=3 available=3; \
    waited pods-ready [0, 1, 2]; waited status-settled 3; wait 8s;";

/// A set of three, and then this.
fn after_three(statements: &str) -> History {
    Notes::new().say(&format!("{THREE} {statements}; completed")).history()
}

fn lose_and_scale_up() -> History {
    after_three(
        "delete web-1; scale 4; web-1 terminating; set replicas=4 generation=2; web-1 unready; set observed=2 ready=2 available=2; \
        web-1 deleted; web-1 created; set pods=2; web-1 scheduled; web-1 running; web-1 container b1; web-1 ready; \
        set pods=3 ready=3 available=3; web-3 created; web-3 running; web-3 container b3; web-3 ready; \
        set pods=4 ready=4 available=4; waited pods-ready [0, 1, 2, 3]; waited status-settled 4",
    )
}

fn lose_and_scale_down() -> History {
    after_three(
        "delete web-0; scale 1; web-0 terminating; set replicas=1 generation=2; web-0 unready; web-0 deleted; web-0 created; \
        set observed=2 ready=2 available=2; web-0 running; web-0 container b0; web-0 ready; web-2 terminating; web-2 unready; \
        set ready=2 available=2; web-2 deleted; web-1 terminating; web-1 deleted; set pods=1 ready=1 available=1; \
        waited pods-gone [1, 2]; waited status-settled 1",
    )
}

fn scale_and_delete() -> History {
    after_three(
        "scale 1; set replicas=1 generation=2; web-2 terminating; set observed=2; delete web-0; web-0 terminating; web-2 unready; \
        web-2 deleted; web-0 deleted; web-0 created; set pods=2 ready=1 available=1; web-0 running; web-0 container b0; \
        web-0 ready; web-1 terminating; web-1 unready; web-1 deleted; set pods=1 ready=1 available=1; waited pods-gone [1, 2]; \
        waited status-settled 1",
    )
}

fn start_and_lose() -> History {
    let start = "scale 3; set replicas=3 generation=1 observed=1 revision=web-7; web-0 created; web-0 running; web-0 container a0; \
        web-0 ready; set pods=1 ready=1 available=1; web-1 created; web-1 scheduled; delete web-0; web-0 terminating; \
        set pods=2; web-1 running; web-0 unready; web-0 deleted; set ready=0 available=0; web-0 created; web-1 container a1; \
        web-1 ready; web-0 running; web-0 container b0; set ready=1 available=1; web-0 ready; set ready=2 available=2; \
        web-2 created; web-2 running; web-2 container a2; web-2 ready; set pods=3 ready=3 available=3; waited pods-ready [0, 1, 2]; \
        waited status-settled 3; completed";
    Notes::new().say(start).history()
}

fn delete_all_and_scale() -> History {
    after_three(
        "delete all; web-0 terminating; web-1 terminating; scale 1; web-2 terminating; set replicas=1 generation=2; web-2 deleted; \
        web-1 unready; set observed=2 pods=2 ready=1 available=1; web-1 deleted; web-0 deleted; web-0 created; web-0 running; \
        web-0 container b0; web-0 ready; set pods=1 ready=1 available=1; waited pods-ready [0]; waited status-settled 1",
    )
}

fn crash_while_scaling_down() -> History {
    after_three(
        "scale 1; set replicas=1 generation=2; web-2 terminating; exec web-0 crash -> ok; set observed=2; web-0 unready; \
        web-0 container b0 1; web-2 unready; web-2 deleted; set pods=2 ready=1 available=1; wait 8s; web-0 ready; \
        set ready=2 available=2; web-1 terminating; web-1 deleted; set pods=1 ready=1 available=1; waited pods-gone [1, 2]; \
        waited status-settled 1",
    )
}

fn scale_up_while_unready() -> History {
    after_three(
        "exec web-1 close-gate -> ok; web-1 unready; set ready=2 available=2; waited pods-unready [1]; scale 5; \
        set replicas=5 generation=2 observed=2; wait 8s; exec web-1 open-gate -> ok; web-1 ready; set ready=3 available=3; \
        web-3 created; web-3 running; web-3 container a3; web-3 ready; web-4 created; set pods=5 ready=4 available=4; \
        web-4 running; web-4 container a4; web-4 ready; set ready=5 available=5; waited pods-ready [0, 1, 2, 3, 4]; \
        waited status-settled 5",
    )
}

fn back_and_forth() -> History {
    after_three(
        "scale 0; scale 3; set replicas=0 generation=2; web-2 terminating; set replicas=3 generation=3 observed=2; scale 2; \
        set observed=3; web-2 deleted; web-2 created; set replicas=2 generation=4 pods=3 ready=2 available=2; web-2 running; \
        set observed=4; web-2 terminating; web-2 deleted; set pods=2 ready=2 available=2; waited pods-gone [2]; \
        waited status-settled 2; scale 0; set replicas=0 generation=5; web-1 terminating; web-1 unready; set observed=5; \
        web-1 deleted; web-0 terminating; web-0 deleted; set pods=0 ready=0 available=0; waited pods-gone [0, 1]; \
        waited status-settled 0",
    )
}

fn lose_in_a_roll() -> History {
    let mut notes = Notes::new().say(THREE);
    let template =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "other"}]}}}});
    notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, template);
    let rolled = "set generation=2; web-2 terminating; delete web-0; web-0 terminating; web-2 deleted; web-0 unready; web-0 deleted; \
        set observed=2 revision=web-8; web-0 created; web-0 running; web-0 container b0; web-0 ready; web-2 created; web-2 running; \
        web-2 container b2; web-2 ready; web-1 terminating; web-1 deleted; web-1 created; web-1 running; web-1 container b1; \
        web-1 ready; set pods=3 ready=3 available=3; waited pods-ready [0, 1, 2]; waited status-settled 3; completed";
    notes.say(rolled).history()
}

fn lose_two() -> History {
    after_three(
        "delete web-2; web-2 terminating; delete web-1; web-1 terminating; web-1 deleted; web-1 created; web-2 deleted; \
        set pods=2 ready=1 available=1; web-1 running; web-1 container b1; web-1 ready; set ready=2 available=2; web-2 created; \
        web-2 running; web-2 container b2; web-2 ready; set pods=3 ready=3 available=3; waited pods-ready [0, 1, 2]; \
        waited status-settled 3; delete web-0; web-0 terminating; web-0 deleted; web-0 created; web-0 running; \
        web-0 container c0; web-0 ready; waited pods-ready [0, 1, 2]; waited status-settled 3",
    )
}

fn node_misbehaves() -> History {
    let mut notes =
        Notes::new().say(&format!("{THREE} delete web-0; web-0 terminating; web-0 deleted; web-0 created"));
    notes.modify(Resource::Pods, "web-1", |pod| {
        pod["status"]["containerStatuses"] = json!([{
            "name": "nginx", "containerID": "again", "restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T01:00:00Z"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}},
        }]);
        pod["status"]["podIPs"] = json!([{"ip": "10.0.9.9"}]);
    });
    notes.modify(Resource::Pods, "web-2", |pod| {
        let target = json!({"type": "DisruptionTarget", "status": "True"});
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}, target]);
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    let after = "web-0 running; web-0 container b0; web-0 ready; web-2 deleted; web-2 created; web-2 running; web-2 container b2; \
        web-2 ready; waited pods-ready [0, 1, 2]; waited status-settled 3; completed";
    notes.say(after).history()
}

/// Its client is allowed one request in five seconds.
fn slow_controller() -> History {
    let start = "scale 3; set replicas=3 generation=1 revision=web-7; wait 9s; web-0 created; set observed=1; web-0 running; \
        web-0 container a0; web-0 ready; set pods=1 ready=1 available=1; wait 10s; web-1 created; web-1 running; web-1 container a1; \
        web-1 ready; wait 2s; web-0 unready; wait 8s; web-2 created; set pods=3 ready=1 available=1; web-0 ready; web-2 running; \
        web-2 container a2; web-2 ready; set ready=3 available=3; waited pods-ready [0, 1, 2]; waited status-settled 3; \
        delete web-1; web-1 terminating; web-1 deleted; waited status-settled 3; wait 12s; timed-out pods-ready [1]; wait 1s; \
        web-1 created; web-1 running; web-1 container b1; web-1 ready; scale 1; wait 20s; timed-out pods-gone [1, 2]; \
        set replicas=1 generation=2; web-2 terminating; wait 6s; web-2 deleted; wait 12s; web-1 terminating; set observed=2; \
        web-1 deleted; set pods=1 ready=1 available=1; waited pods-gone [1, 2]; waited status-settled 1; completed";
    Notes::new().say(start).history()
}

fn gated() -> History {
    let gated = "scale 3; set replicas=3 generation=1 observed=1 revision=web-7; web-0 created; web-0 running; web-0 container a0; \
        set pods=1; waited pods-unready [0]; quiet first; wait 30s; quiet-over first; read pods/web-1 -> 404; wait 100ms; \
        exec web-0 open-gate -> ok; web-0 ready; set ready=1 available=1; web-1 created; web-1 running; web-1 container a1; \
        waited pods-unready [1]; quiet second; wait 2s; quiet-over second; exec web-1 open-gate -> ok; web-1 ready; web-2 created; \
        set pods=3 ready=2 available=2; web-2 running; exec web-2 open-gate -> ok; web-2 container a2; web-2 ready; \
        set ready=3 available=3; waited pods-ready [0, 1, 2]; waited status-settled 3; exec web-1 close-gate -> ok; \
        web-1 unready; set ready=2 available=2; completed";
    Notes::new().say(gated).history()
}

fn made_again() -> History {
    let mut notes = Notes::new().say(THREE);
    notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
    let mut old = notes.present(Resource::StatefulSets, "web");
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    notes.object(Resource::StatefulSets, Change::Deleted, old);
    notes = notes.say("web-0 terminating; web-1 terminating; web-2 terminating; web-1 deleted; web-0 deleted; web-2 deleted");
    let body = json!({"spec": {"replicas": 2}});
    notes.request(Verb::Apply, Resource::StatefulSets, Some("web"), None, body);
    let again = "set replicas=2 generation=1 observed=1 revision=web-9; web-0 created; web-0 running; web-0 container b0; web-0 ready; \
        web-1 created; web-1 running; web-1 container b1; web-1 ready; set pods=2 ready=2 available=2; waited pods-ready [0, 1]; \
        waited status-settled 2; delete web-1; web-1 terminating; web-1 deleted; web-1 created; web-1 running; web-1 container c1; \
        web-1 ready; waited pods-ready [0, 1]; completed";
    notes.say(again).history()
}

fn two_sets() -> History {
    after_three(
        "in other; set start=5 replicas=2 generation=1 observed=1 revision=web-1; web-5 created; web-5 running; web-5 container x5; \
        web-5 ready; in ns; delete web-1; in other; web-6 created; in ns; web-1 terminating; web-1 deleted; in other; \
        web-6 running; web-6 container x6; web-6 ready; set pods=2 ready=2 available=2; in ns; web-1 created; web-1 running; \
        web-1 container b1; web-1 ready; in other; delete web-5; web-5 terminating; web-5 deleted; web-5 created; web-5 running; \
        web-5 container y5; web-5 ready; scale 1; set replicas=1 generation=2 observed=2; web-6 terminating; web-6 deleted; \
        set pods=1 ready=1 available=1; in ns; waited pods-ready [0, 1, 2]; waited status-settled 3",
    )
}

fn parallel() -> History {
    let mut notes = Notes::new().say("scale 3");
    let metadata = json!({"name": "web", "namespace": "ns", "uid": "uid-set", "generation": 1});
    let spec = json!({"replicas": 3, "podManagementPolicy": "Parallel", "serviceName": "nginx"});
    let set = json!({"metadata": metadata, "spec": spec, "status": {"observedGeneration": 1}});
    notes.object(Resource::StatefulSets, Change::Added, set);
    let all = "web-2 created; web-0 created; web-1 created; web-1 running; web-1 container a1; web-1 ready; web-0 running; \
        web-0 container a0; web-0 ready; web-2 running; web-2 container a2; web-2 ready; set pods=3 ready=3 available=3; \
        waited pods-ready [0, 1, 2]; waited status-settled 3; delete all; web-0 terminating; web-1 terminating; web-2 terminating; \
        web-1 deleted; web-1 created; web-0 deleted; web-2 deleted; web-2 created; web-0 created; web-1 ready; scale 1; \
        set replicas=1 generation=2 observed=2; web-1 terminating; web-2 terminating; web-2 deleted; web-1 deleted; web-0 ready; \
        set pods=1 ready=1 available=1; waited pods-gone [1, 2]; waited status-settled 1; completed";
    notes.say(all).history()
}

fn checks() -> impl Iterator<Item = &'static Check> {
    topology::CHECKS.iter().chain(scaling::CHECKS)
}

fn not_broken(name: &str, variant: &str, check: &Check, history: &History) -> Findings {
    let findings = judge(check, history);
    let broken: Vec<_> = findings.of_kind(Kind::Broken).collect();
    assert!(broken.is_empty(), "{name}, {variant}: {} finds {broken:#?}", check.id);
    findings
}

fn watches(history: &History) -> Vec<Watch> {
    let resources = [Resource::Pods, Resource::StatefulSets];
    resources.into_iter().flat_map(|resource| history.watches_of(resource)).collect()
}

#[test]
fn no_healthy_history_is_broken_and_each_shows_something() {
    for (name, history) in SCENARIOS {
        let history = history();
        let held: u64 = checks().map(|check| not_broken(name, "as it was", check, &history).held).sum();
        assert!(held > 1, "{name} shows nothing");
    }
}

#[test]
fn no_healthy_history_is_broken_when_a_part_of_it_is_hidden_and_what_is_hidden_is_not_held() {
    for (name, history) in SCENARIOS {
        let history = history();
        let whole = Whole::of(name, &history);
        for watch in watches(&history) {
            let count = deliveries(&history, watch).len();
            for first in 0..count {
                for last in
                    [first + 1, first + 2, first + 3, first + 8].into_iter().filter(|last| *last <= count)
                {
                    let variant = with_gap(&history, watch, first..last);
                    let hidden = &deliveries(&history, watch)[first..last];
                    whole.compare(&format!("{watch} {first}..{last} in a gap"), &variant, hidden);
                }
            }
        }
    }
}

#[test]
fn no_healthy_history_is_broken_when_a_watch_is_cut_off_and_what_came_later_is_not_held() {
    for (name, history) in SCENARIOS {
        let history = history();
        let whole = Whole::of(name, &history);
        for watch in watches(&history) {
            let places = deliveries(&history, watch);
            for from in 0..places.len() {
                let variant = cut_off(&history, watch, from);
                whole.compare(&format!("{watch} cut off at {from}"), &variant, &places[from..]);
            }
        }
    }
}

#[test]
fn no_healthy_history_is_broken_when_a_watch_is_late() {
    for (name, history) in SCENARIOS {
        let history = history();
        for watch in watches(&history) {
            for millis in [50, 150, 450, 950, 2_050, 4_050, 9_050] {
                let variant = late(&history, watch, millis * 1_000);
                for check in checks() {
                    not_broken(name, &format!("{watch} late by {millis} ms"), check, &variant);
                }
            }
        }
    }
}

/// A history with what each check says about it.
struct Whole<'h> {
    name: &'h str,
    history: &'h History,
    findings: Vec<(&'static Check, Findings)>,
}

impl<'h> Whole<'h> {
    fn of(name: &'h str, history: &'h History) -> Self {
        Self { name, history, findings: checks().map(|check| (check, judge(check, history))).collect() }
    }

    /// Nothing is broken in the variant, and what is held in it is not more than what was held without what is hidden.
    fn compare(&self, variant: &str, less: &History, hidden: &[usize]) {
        for (check, before) in &self.findings {
            let findings = not_broken(self.name, variant, check, less);
            for clause in ["order", "one-at-a-time", "new-pod", "follows", "kept", "no-others"] {
                let held = |findings: &Findings| {
                    findings.of_kind(Kind::Held).filter(|finding| finding.clause == clause).count()
                };
                let rests = |events: &[u64]| rests_on(self.history, check, clause, events, hidden);
                let of_clause = before.of_kind(Kind::Held).filter(|finding| finding.clause == clause);
                let most = held(before) - of_clause.filter(|finding| rests(&finding.events)).count();
                assert!(
                    held(&findings) <= most,
                    "{}, {variant}: {} holds {clause} {} times, and {most} of it was seen: {:#?}",
                    self.name,
                    check.id,
                    held(&findings),
                    findings.findings
                );
            }
        }
    }
}

/// Whether what was held cannot be known without what is hidden: the last thing that a watch of pods delivered of it, or, where
/// it is that nothing happened, anything of that watch.
fn rests_on(history: &History, check: &Check, clause: &str, events: &[u64], hidden: &[usize]) -> bool {
    let is_of_pods =
        |event: &Event| matches!(event.observer, Observer::Watch(Watch { resource: Resource::Pods, .. }));
    let pods: Vec<usize> =
        hidden.iter().copied().filter(|place| is_of_pods(&history.events[*place])).collect();
    let own: Vec<&Event> =
        events.iter().map(|seq| history.event(*seq)).filter(|event| is_of_pods(event)).collect();
    let of_its_watch =
        |place: &&usize| own.iter().any(|event| event.observer == history.events[**place].observer);
    match (clause, check.id) {
        ("no-others", _) => pods.iter().any(|place| of_its_watch(&place)),
        // That one stayed is known from any later version of it; that it came back as another one from its own.
        ("new-pod", _) | ("kept", "scale-down-reverse") => false,
        ("kept", _) => {
            let (Some(first), Some(last)) = (own.first(), own.last()) else { return false };
            pods.iter().any(|place| (first.seq..=last.seq).contains(&(*place as u64)))
        }
        _ => own.last().is_some_and(|last| pods.contains(&(last.seq as usize))),
    }
}
