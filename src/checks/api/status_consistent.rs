//! `status-consistent`: the set's status never contradicts its pods, and catches up with them.

use super::{counted, losses, rest};
use crate::{
    checks::{Check, Findings},
    views::View,
};

/// Judges `specs/api/status-consistent.yaml`.
pub(super) const CHECK: Check = Check { id: "status-consistent", judge };

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let rests = rest::rests_of(view, set);
        counted::judge(set, &rests, findings);
        rest::judge(view, set, &rests, findings);
        losses::judge(view, set, findings);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_silent, history, judge},
        },
        history::{History, Observation, Resource, Step, Verb, Version, Wait},
    };

    const APPLIED: &str = "set replicas=2; web-0 created; set observed=1 pods=1 current=1 updated=1; web-0 ready; \
        set ready=1 available=1; web-1 created; set pods=2 current=2 updated=2; web-1 ready;";
    const SETTLED: &str = "set ready=2 available=2; waited status-settled 2;";
    const LOST: &str = "delete web-0; web-0 terminating; set current=1 updated=1; web-0 unready; \
        set ready=1 available=1; web-0 deleted; set pods=1; web-0 created; set pods=2 current=2 updated=2; \
        web-0 ready;";

    /// What held, clause by clause, where nothing else is said.
    fn held(history: &History) -> String {
        let findings = judge(&CHECK, history);
        let others: Vec<_> = findings.findings.iter().filter(|f| f.kind != Kind::Held).collect();
        assert!(others.is_empty(), "expected nothing but held, found {others:#?}");
        clauses(&findings)
    }

    /// How often each clause was seen to hold for something else.
    fn clauses(findings: &Findings) -> String {
        let count = |clause| (clause, findings.evidence.iter().filter(|e| e.clause == clause).count());
        let counts = ["rest", "counters", "counts", "loss"].map(count);
        let some: Vec<String> =
            counts.iter().filter(|(_, n)| *n > 0).map(|(clause, n)| format!("{clause} {n}")).collect();
        some.join(", ")
    }

    fn said(findings: &Findings, kind: Kind) -> Vec<&str> {
        findings.of_kind(kind).map(|finding| finding.what.as_str()).collect()
    }

    #[test]
    fn created_lost_and_recreated() {
        let all = held(&history(&format!("{APPLIED} {SETTLED} {LOST} {SETTLED} completed")));
        assert_eq!(all, "rest 2, counters 2, counts 2, loss 1");
    }

    #[test]
    fn old_servers_do_not_count_the_available_ones() {
        let history = format!("{APPLIED} {SETTLED} {LOST} {SETTLED}");
        let old = history.replace(" available=1", "").replace(" available=2", "");
        assert_eq!(held(&self::history(&old)), "rest 2, counters 2, counts 2, loss 1");
    }

    const UP: &str = "scale 3; set replicas=3 generation=2; web-2 created; set observed=2 pods=3 current=3 updated=3; \
        web-2 ready; set ready=3 available=3; waited status-settled 3;";
    const DOWN: &str = "scale 2; set replicas=2 generation=3; web-2 terminating; set observed=3 current=2 updated=2; \
        web-2 deleted; set pods=2 ready=2 available=2; waited status-settled 2;";

    #[test]
    fn scaled_up_and_down() {
        let scaled = history(&format!("{APPLIED} {SETTLED} {UP} {DOWN}"));
        assert_eq!(held(&scaled), "rest 3, counters 3, counts 3");
    }

    #[test]
    fn a_status_that_is_told_a_moment_before_its_pod() {
        let ahead = "set replicas=1; web-0 created; set observed=1 pods=1 ready=1 current=1 updated=1; web-0 ready; \
            waited status-settled 1";
        assert_eq!(held(&history(ahead)), "rest 1, counters 1, counts 1");
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

    const UNREADY: &str =
        "set replicas=2; web-0 created; web-0 running; set observed=1 pods=1 ready=1; wait 30s; web-0 ready";

    #[test]
    fn a_pod_that_only_exists_is_counted_as_ready() {
        assert_broken(&CHECK, UNREADY, "readyReplicas was 1 when 0 pods were ready at most");
    }

    #[test]
    fn a_watch_of_pods_that_is_down_and_loses_nothing_breaks_nothing() {
        let down = UNREADY.replace("wait 30s;", "error pods; wait 30s; opened pods;");
        assert_silent(&CHECK, &down);
    }

    #[test]
    fn a_gap_hides_how_many_pods_there_were() {
        assert_silent(&CHECK, &UNREADY.replace("wait 30s;", "gap pods; wait 30s; opened pods;"));
        let rest = format!(
            "{APPLIED} gap pods; web-0 listed-again; web-1 listed-again; opened pods; {SETTLED} completed"
        );
        let findings = judge(&CHECK, &history(&rest));
        assert_eq!(clauses(&findings), "rest 1, counters 1");
        assert_eq!(said(&findings, Kind::Blind), ["a gap in the watch of pods hides how many there were"]);
    }

    #[test]
    fn a_slow_controller_counts_what_was_true_when_it_looked() {
        let slow = "set replicas=2; wait 20s; web-0 created; web-0 ready; wait 30s; web-0 unready; wait 20s; \
            bookmark statefulsets; set observed=1 pods=1; wait 1s; set ready=1";
        assert_silent(&CHECK, slow);
        assert_broken(
            &CHECK,
            &slow.replace("wait 20s; web-0 created", "web-0 created"),
            "readyReplicas was 1 when 0",
        );
    }

    #[test]
    fn the_number_asked_for_is_given_as_the_number_there_is() {
        let history =
            "set replicas=2; web-0 created; set observed=1 pods=2; wait 30s; web-0 ready; web-1 created";
        assert_broken(&CHECK, history, "status.replicas was 2 when there were 1 pods at most");
    }

    #[test]
    fn a_status_that_was_not_written_anew_is_judged_only_once() {
        let kept = "web-1 unready; wait 60s; bookmark statefulsets; scale 3; set replicas=3 generation=2";
        assert_silent(&CHECK, &format!("{APPLIED} set ready=2 available=2; {kept}"));
    }

    #[test]
    fn the_available_ones_are_not_counted() {
        let history = format!("{APPLIED} set ready=2; waited status-settled 2");
        assert_broken(&CHECK, &history, "with 2 replicas at rest status.availableReplicas was 1");
    }

    /// The history, with minReadySeconds in the set's spec.
    fn with_min_ready(before: &str, after: &str) -> History {
        let mut notes = Notes::new().say(before);
        notes.modify(Resource::StatefulSets, "web", |set| set["spec"]["minReadySeconds"] = json!(9));
        notes.say(after).history()
    }

    #[test]
    fn pods_have_to_be_ready_for_a_while_to_be_available() {
        let ready = format!("{APPLIED} set ready=2; waited status-settled 2;");
        let later =
            with_min_ready("set replicas=2;", &format!("{ready} wait 9s; set available=2; completed"));
        assert_eq!(held(&later), "rest 1, counters 1, counts 1");
        let findings = judge(&CHECK, &with_min_ready("set replicas=2;", &format!("{ready} completed")));
        assert!(said(&findings, Kind::Blind)[0].contains("have to be ready for 9 s first"), "{findings:#?}");
        assert!(said(&findings, Kind::Broken).is_empty());
    }

    #[test]
    fn a_status_at_rest_that_is_of_an_older_generation_may_be_a_slow_controllers() {
        let history = format!("{APPLIED} {SETTLED} set generation=2; waited status-settled 2");
        assert_blind(&CHECK, &history, "status.observedGeneration was 1, and the generation 2");
    }

    const FROZEN: &str = "delete all; web-0 terminating; web-0 deleted; web-0 created; web-0 ready;";

    #[test]
    fn a_status_that_never_moves() {
        let frozen = format!("{APPLIED} {SETTLED} {FROZEN} waited status-settled 2; wait 40s; completed");
        assert_broken(&CHECK, &frozen, "went on saying 2 of 2 while web-0 was gone");
        let went_on = format!(
            "{APPLIED} {SETTLED} delete all; web-1 deleted; web-0 deleted; web-0 created; web-0 ready; web-1 created; \
             web-1 ready; waited status-settled 2; completed"
        );
        assert_broken(&CHECK, &went_on, "went on saying 2 of 2 while web-0 was gone");
    }

    #[test]
    fn a_status_that_has_had_no_time_to_move_is_not_blamed() {
        let soon = format!("{APPLIED} {SETTLED} {FROZEN} waited status-settled 2; wait 20s; completed");
        assert_blind(&CHECK, &soon, "does not show that the controller had written the status again");
        let cut = soon.replace("wait 20s; completed", "wait 60s; aborted");
        assert_blind(&CHECK, &cut, "does not show that the controller had written the status again");
    }

    #[test]
    fn a_late_watch_of_the_set_tells_of_the_loss_after_the_wait() {
        let late = "delete web-0; web-0 terminating; web-0 deleted; web-0 created; web-0 ready; waited status-settled 2; \
            wait 2s; set ready=1 available=1 current=1 updated=1; set pods=1; set pods=2 current=2 updated=2; \
            set ready=2 available=2; completed";
        assert_eq!(
            held(&history(&format!("{APPLIED} {SETTLED} {late}"))),
            "rest 2, counters 1, counts 1, loss 1"
        );
        let after_the_next =
            late.replace("waited status-settled 2; wait 2s;", "waited status-settled 2; delete web-1;");
        let findings = judge(&CHECK, &history(&format!("{APPLIED} {SETTLED} {after_the_next}")));
        assert!(said(&findings, Kind::Broken).is_empty(), "{findings:#?}");
        let causes: Vec<_> = findings.of_kind(Kind::Blind).map(|f| f.cause).collect();
        assert_eq!(causes, [Some(Cause::ControllerLag), Some(Cause::NoOrder)]);
    }

    #[test]
    fn a_version_from_before_the_request_shows_nothing_of_what_followed() {
        let answered = |revision: u64| {
            let mut notes = Notes::new().say(&format!("{APPLIED} {SETTLED} delete web-0"));
            let request = notes.clone().history().last().seq;
            let version =
                Version { name: "web-0".to_owned(), uid: "uid-1".to_owned(), revision: revision.to_string() };
            let answer = crate::history::Answered {
                request,
                code: 200,
                message: None,
                version: Some(version),
                body: None,
            };
            notes.step(Step::Answered(answer.into()));
            clauses(&judge(&CHECK, &notes.say(&LOST.replace("delete web-0;", "")).say(SETTLED).history()))
        };
        assert_eq!(answered(100), "rest 2, counters 2, counts 2, loss 1");
        assert_eq!(answered(900), "rest 1, counters 2, counts 2");
    }

    #[test]
    fn only_where_pods_were_to_be_deleted_must_the_status_have_moved() {
        for (verb, resource) in [(Verb::Delete, Resource::Services), (Verb::Patch, Resource::Pods)] {
            let mut notes = Notes::new().say(&format!("{APPLIED} {SETTLED}"));
            notes.request(verb, resource, Some("web-0"), None, json!({}));
            let lost =
                "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; waited status-settled 2";
            assert_eq!(held(&notes.say(lost).history()), "rest 2, counters 1, counts 1");
        }
    }

    #[test]
    fn a_status_that_does_not_catch_up() {
        let late =
            "wait 40s; bookmark statefulsets; set current=1; wait 20s; timed-out status-settled 2; completed";
        assert_broken(&CHECK, &format!("{APPLIED} {late}"), "yet all 2 pods had long been ready");
    }

    #[test]
    fn a_status_that_nobody_wrote_again_may_be_a_slow_controllers() {
        let late = format!("{APPLIED} wait 60s; timed-out status-settled 2; completed");
        assert_blind(&CHECK, &late, "nothing shows that the controller had seen it, so it may be slow");
    }

    #[test]
    fn a_status_that_counts_pods_of_a_generation_that_it_never_observed() {
        let stuck = "scale 3; set replicas=3 generation=2; web-2 created; set pods=3 current=3 updated=3; web-2 ready; \
            set ready=3 available=3; wait 60s; timed-out status-settled 3; completed";
        let all = format!("{APPLIED} {SETTLED} {stuck}");
        assert_broken(
            &CHECK,
            &all,
            "status.replicas was 3, and generation 1, the last one observed, asked for 2",
        );
        assert_blind(&CHECK, &all.replace("scale 3;", "scale 3; gap statefulsets;"), "gap");
        let not_yet =
            all.replace("set pods=3 current=3 updated=3;", "").replace("set ready=3 available=3;", "");
        assert_blind(&CHECK, &not_yet, "it may be slow");
    }

    #[test]
    fn a_set_between_two_revisions_does_not_settle() {
        let mut notes = Notes::new().say(&format!("{APPLIED} set ready=2 available=2 current=1 updated=1"));
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["status"]["currentRevision"] = json!("web-1");
            set["status"]["updateRevision"] = json!("web-2");
        });
        let findings = judge(&CHECK, &notes.say("wait 60s; timed-out status-settled 2; completed").history());
        assert!(said(&findings, Kind::Blind)[0].contains("between two revisions"), "{findings:#?}");
        assert!(said(&findings, Kind::Broken).is_empty());
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

    #[test]
    fn each_set_is_judged_by_its_own_pods_and_waits() {
        let mut notes =
            Notes::new().say(&format!("{APPLIED} {SETTLED} in other; {APPLIED} set ready=2 available=2"));
        let wait = Wait::StatusSettled { set: "other/web".to_owned(), replicas: 2 };
        notes.step(Step::Waited { wait, ended_by: None });
        assert_eq!(held(&notes.clone().history()), "rest 2, counters 2, counts 2");
        let findings = judge(&CHECK, &notes.say("set ready=3").history());
        assert!(said(&findings, Kind::Broken)[0].contains("readyReplicas was 3 of 2 replicas of other/web"));
    }

    #[test]
    fn a_wait_that_ended_is_judged_by_what_ended_it() {
        let mut notes = Notes::new().say(&format!("{APPLIED} set ready=2 available=2"));
        let ended_by = Some(notes.clone().history().last().seq);
        notes = notes.say("set ready=1 available=1");
        let wait = Wait::StatusSettled { set: "web".to_owned(), replicas: 2 };
        let seq = notes.step(Step::Waited { wait, ended_by });
        let history = notes.say("completed").history();
        assert!(matches!(history.event(seq).seen, Observation::Step(Step::Waited { .. })));
        assert_eq!(held(&history), "rest 1, counters 1, counts 1");
    }
}
