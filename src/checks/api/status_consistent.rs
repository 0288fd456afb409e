//! `status-consistent`: the set's status never contradicts its pods, and catches up with them.

use std::collections::BTreeSet;

use super::pod_counts::Counts;
use crate::{
    checks::{Check, Findings},
    history::{Event, History, ObjectSeen, Pods, Requested, Resource, Seen, Step, Verb},
    limits,
};

/// Judges `specs/api/status-consistent.yaml`.
pub(super) const CHECK: Check = Check { id: "status-consistent", judge };

fn judge(history: &History, findings: &mut Findings) {
    let lives = history.pods();
    let versions: Vec<Seen<'_, ObjectSeen>> = history.set().collect();
    contradictions(findings, &versions);
    if history.gaps(Resource::Pods).next().is_none() {
        counted_too_many(findings, &versions, &Counts::of(history, &lives));
    }
    let mut deletion: Option<&Event> = None;
    for step in history.steps() {
        match step.what {
            Step::Requested(request) if deletes_pods(request) => deletion = deletion.or(Some(step.event)),
            Step::Waited { wait, .. } => {
                let Some(replicas) = settled(wait) else { continue };
                let rest = Rest { history, lives: &lives, versions: &versions, waited: step.event, replicas };
                rest.judge(findings, deletion.take());
            }
            Step::TimedOut { wait, missing, .. } => {
                let Some(replicas) = settled(wait) else { continue };
                never_settled(findings, &lives, step.event, replicas, missing);
                deletion = None;
            }
            _ => {}
        }
    }
}

fn deletes_pods(request: &Requested) -> bool {
    matches!(request.verb, Verb::Delete | Verb::DeleteCollection)
        && request.resource == Resource::Pods.plural()
}

/// The number of replicas in `status-settled 3`.
fn settled(wait: &str) -> Option<i64> {
    wait.strip_prefix("status-settled ")?.parse().ok()
}

/// A counter of the status. One that is 0 may be left out.
fn counter(set: &ObjectSeen, name: &str) -> i64 {
    set.number(&format!("/status/{name}")).unwrap_or(0)
}

/// Versions in which the counters contradict one another. Each contradiction is told once.
fn contradictions(findings: &mut Findings, versions: &[Seen<'_, ObjectSeen>]) {
    let mut told = BTreeSet::new();
    for set in versions {
        let replicas = counter(set, "replicas");
        for name in ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] {
            let count = counter(set, name);
            let wrong = if count < 0 {
                format!("status.{name} was {count}")
            } else if count > replicas {
                format!("status.{name} was {count} of {replicas} replicas")
            } else {
                continue;
            };
            if told.insert(name) {
                findings.broken(wrong, &[set.event]);
            }
        }
        let generation = set.number("/metadata/generation").unwrap_or(0);
        let observed = counter(set, "observedGeneration");
        if observed > generation && told.insert("observedGeneration") {
            let what =
                format!("status.observedGeneration was {observed} before generation {generation} was over");
            findings.broken(what, &[set.event]);
        }
    }
}

/// Versions that count more pods, or more ready ones, than there can have been. Each counter is told once.
fn counted_too_many(findings: &mut Findings, versions: &[Seen<'_, ObjectSeen>], counts: &Counts) {
    let lag_us = limits::READINESS_LAG.wait_us();
    let mut told = BTreeSet::new();
    for set in versions {
        let span = set.event.span;
        let most = counts.most(span.from_us.saturating_sub(lag_us), span.until_us + lag_us);
        let (replicas, ready) = (counter(set, "replicas"), counter(set, "readyReplicas"));
        if replicas > most.pods && told.insert("replicas") {
            let what = format!("status.replicas was {replicas} when there were {} pods at most", most.pods);
            findings.broken(what, &[set.event]);
        }
        if ready > most.ready && told.insert("ready") {
            let what =
                format!("status.readyReplicas was {ready} when {} pods were ready at most", most.ready);
            findings.broken(what, &[set.event]);
        }
    }
}

/// The end of a wait for the status.
struct Rest<'f, 'h> {
    history: &'h History,
    lives: &'f Pods<'h>,
    versions: &'f [Seen<'h, ObjectSeen>],
    waited: &'h Event,
    replicas: i64,
}

impl<'h> Rest<'_, 'h> {
    fn judge(&self, findings: &mut Findings, deletion: Option<&'h Event>) {
        let known = self.versions.partition_point(|set| set.event.comes_before(self.waited));
        let Some(set) = self.versions[..known].last() else { return };
        if let Some(wrong) = incomplete(set, self.replicas) {
            let what = format!("with {} replicas at rest {wrong}", self.replicas);
            return findings.broken(what, &[set.event, self.waited]);
        }
        if let Some(deletion) = deletion
            && self.never_moved(findings, deletion)
        {
            return;
        }
        let what = format!("with {0} replicas at rest the status said {0} of {0}", self.replicas);
        findings.held(what, &[set.event, self.waited]);
    }

    /// Says so if pods were deleted and recreated, and no version of the status ever showed fewer.
    fn never_moved(&self, findings: &mut Findings, deletion: &'h Event) -> bool {
        let within = |event: &Event| event.is_between(deletion, self.waited);
        let next = self.lives.partition_point(|life| !deletion.comes_before(life.birth()));
        let Some(born) = self.lives.get(next).filter(|life| within(life.birth())) else { return false };
        let showed_fewer = |set: &Seen<'_, ObjectSeen>| incomplete(set, self.replicas).is_some();
        let next = self.versions.partition_point(|set| !deletion.comes_before(set.event));
        if self.versions[next..].iter().take_while(|set| within(set.event)).any(showed_fewer) {
            return false;
        }
        if let Some(gap) = self.history.gap_between(Resource::StatefulSets, deletion, self.waited) {
            findings.blind("the watch of the set has a gap while pods were recreated", &[gap]);
            return true;
        }
        let what = format!(
            "the status went on saying {0} of {0} while {1} was gone and recreated",
            self.replicas, born.name
        );
        findings.broken(what, &[deletion, born.birth(), self.waited]);
        true
    }
}

/// What is not as it should be at rest; none where all is. Servers before 1.22 do not count the available ones.
fn incomplete(set: &ObjectSeen, replicas: i64) -> Option<String> {
    let (generation, observed) = (set.number("/metadata/generation")?, counter(set, "observedGeneration"));
    if observed < generation {
        return Some(format!("status.observedGeneration was {observed}, and the generation {generation}"));
    }
    let counters = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"].into_iter();
    let available = set.at("/status/availableReplicas").map(|_| "availableReplicas");
    let wrong = counters.chain(available).find(|name| counter(set, name) != replicas);
    wrong.map(|name| format!("status.{name} was {}", counter(set, name)))
}

/// A wait for the status was given up.
fn never_settled(findings: &mut Findings, lives: &Pods<'_>, given_up: &Event, replicas: i64, missing: &str) {
    let present = lives.at(given_up.seq);
    let long_ready = present.iter().all(|life| {
        life.ready_since(given_up.seq).is_some_and(|ready| {
            given_up.span.until_us.saturating_sub(ready.span.until_us) >= limits::CONTROLLER_ACTS.wait_us()
        })
    });
    if long_ready && i64::try_from(present.len()) == Ok(replicas) {
        let what = format!("{missing}; yet all {replicas} pods had long been ready when it was given up");
        findings.broken(what, &[given_up]);
    } else {
        let what = format!("the status did not settle, and neither had the {replicas} pods: {missing}");
        findings.blind(what, &[given_up]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        history::{Resource, Verb},
    };

    const APPLIED: &str = "set replicas=2; web-0 created; set observed=1 pods=1 current=1 updated=1; web-0 ready; \
        set ready=1 available=1; web-1 created; set pods=2 current=2 updated=2; web-1 ready;";
    const SETTLED: &str = "set ready=2 available=2; waited status-settled 2;";
    const LOST: &str = "delete web-0; web-0 terminating; set current=1 updated=1; web-0 unready; \
        set ready=1 available=1; web-0 deleted; set pods=1; web-0 created; set pods=2 current=2 updated=2; \
        web-0 ready;";

    #[test]
    fn created_lost_and_recreated() {
        assert_held(&CHECK, &format!("{APPLIED} {SETTLED} {LOST} {SETTLED} completed"), 2);
    }

    #[test]
    fn old_servers_do_not_count_the_available_ones() {
        let history = format!("{APPLIED} {SETTLED} {LOST} {SETTLED}");
        let old = history.replace(" available=1", "").replace(" available=2", "");
        assert_held(&CHECK, &old, 2);
    }

    #[test]
    fn scaled_up_and_down() {
        let up = "scale 3; set replicas=3 generation=2; web-2 created; set observed=2 pods=3 current=3 updated=3; \
            web-2 ready; set ready=3 available=3; waited status-settled 3;";
        let down = "scale 2; set replicas=2 generation=3; web-2 terminating; set observed=3 current=2 updated=2; \
            web-2 deleted; set pods=2 ready=2 available=2; waited status-settled 2;";
        assert_held(&CHECK, &format!("{APPLIED} {SETTLED} {up} {down}"), 3);
    }

    #[test]
    fn a_status_that_is_told_a_moment_before_its_pod() {
        let history = "set replicas=1; web-0 created; set observed=1 pods=1 ready=1 current=1 updated=1; web-0 ready; \
            waited status-settled 1";
        assert_held(&CHECK, history, 1);
    }

    #[test]
    fn a_terminating_pod_that_is_still_ready_is_counted() {
        let history =
            "web-1 terminating; set current=1 updated=1; wait 20s; set ready=2; web-1 deleted; set pods=1";
        assert_silent(&CHECK, &format!("{APPLIED} set ready=2 available=2; {history} ready=1 available=1"));
    }

    #[test]
    fn counters_that_contradict_one_another() {
        assert_broken(&CHECK, &format!("{APPLIED} set ready=3"), "readyReplicas was 3 of 2 replicas");
        assert_broken(&CHECK, &format!("{APPLIED} set current=-1"), "status.currentReplicas was -1");
        assert_broken(&CHECK, &format!("{APPLIED} set observed=9"), "status.observedGeneration was 9");
    }

    #[test]
    fn a_pod_that_only_exists_is_counted_as_ready() {
        let history = "set replicas=2; web-0 created; web-0 running; set observed=1 pods=1 ready=1; wait 30s; \
            web-0 ready";
        assert_broken(&CHECK, history, "readyReplicas was 1 when 0 pods were ready at most");
    }

    #[test]
    fn the_number_asked_for_is_given_as_the_number_there_is() {
        let history =
            "set replicas=2; web-0 created; set observed=1 pods=2; wait 30s; web-0 ready; web-1 created";
        assert_broken(&CHECK, history, "status.replicas was 2 when there were 1 pods at most");
    }

    #[test]
    fn the_available_ones_are_not_counted() {
        let history = format!("{APPLIED} set ready=2; waited status-settled 2");
        assert_broken(&CHECK, &history, "with 2 replicas at rest status.availableReplicas was 1");
    }

    #[test]
    fn a_status_at_rest_that_is_of_an_older_generation() {
        let history = format!("{APPLIED} {SETTLED} set generation=2; waited status-settled 2");
        assert_broken(&CHECK, &history, "status.observedGeneration was 1, and the generation 2");
    }

    #[test]
    fn a_status_that_never_moves() {
        let lost = "delete all; web-0 terminating; web-0 deleted; web-0 created; web-0 ready;";
        let history = format!("{APPLIED} {SETTLED} {lost} waited status-settled 2");
        assert_broken(&CHECK, &history, "went on saying 2 of 2 while web-0 was gone");
    }

    #[test]
    fn only_where_pods_were_to_be_deleted_must_the_status_have_moved() {
        for (verb, resource) in [(Verb::Delete, Resource::Services), (Verb::Patch, Resource::Pods)] {
            let mut notes = Notes::new().say(&format!("{APPLIED} {SETTLED}"));
            notes.request(verb, resource, Some("web-0"), None, json!({}));
            let lost =
                "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; waited status-settled 2";
            let findings = judge(&CHECK, &notes.say(lost).history());
            assert_eq!((findings.held, findings.findings.len()), (2, 2), "{:#?}", findings.findings);
        }
    }

    #[test]
    fn a_status_that_does_not_catch_up() {
        let history = format!("{APPLIED} wait 60s; timed-out status-settled 2; completed");
        assert_broken(&CHECK, &history, "yet all 2 pods had long been ready");
    }

    #[test]
    fn pods_that_do_not_settle_are_not_held_against_the_status() {
        let flapping = format!("{APPLIED} wait 60s; web-1 unready; timed-out status-settled 2; completed");
        assert_blind(&CHECK, &flapping, "neither had the 2 pods");
        let late = format!("{APPLIED} timed-out status-settled 2; completed");
        assert_blind(&CHECK, &late, "neither had the 2 pods");
    }

    #[test]
    fn a_gap_may_hide_that_it_moved() {
        let lost = "delete web-0; gap statefulsets; web-0 deleted; web-0 created; web-0 ready;";
        assert_blind(&CHECK, &format!("{APPLIED} {SETTLED} {lost} {SETTLED}"), "gap");
    }

    #[test]
    fn without_a_wait_for_the_status_nothing_is_said() {
        assert_silent(&CHECK, APPLIED);
    }
}
