//! `scale-down-reverse`: scaling down takes the pods away from the highest ordinal downwards.

use super::scale_down::{ScaleDown, is_evicted, scale_downs};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, PodLife, Resource},
    limits,
};

/// Judges `specs/scaling/scale-down-reverse.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-down-reverse", judge };

fn judge(history: &History, findings: &mut Findings) {
    for down in scale_downs(history) {
        if let Some(gap) = history.gap_between(Resource::Pods, down.request, down.until) {
            findings.blind("the watch of pods has a gap while the set was scaled down", &[gap]);
            continue;
        }
        for kept in &down.kept {
            must_stay(findings, &down, kept);
        }
        for (higher, lower) in down.pairs() {
            in_order(findings, &down, higher, lower);
        }
        not_deleted(history, findings, &down);
    }
}

fn must_stay(findings: &mut Findings, down: &ScaleDown<'_>, kept: &PodLife<'_>) {
    let Some(terminating) = down.terminating(kept) else { return };
    let what =
        format!("{} began to terminate, although replicas: {} was asked for", kept.name, down.replicas);
    accuse(findings, kept, what, &[down.request, terminating]);
}

/// Of two condemned pods the higher one goes first.
fn in_order(findings: &mut Findings, down: &ScaleDown<'_>, higher: &PodLife<'_>, lower: &PodLife<'_>) {
    let Some(second) = down.terminating(lower) else { return };
    match down.terminating(higher) {
        Some(first) if first.comes_before(second) => findings.held(
            format!("{} began to terminate after {} had", lower.name, higher.name),
            &[down.request, first, second],
        ),
        first => {
            let what = format!("{} began to terminate before {} did", lower.name, higher.name);
            let events: Vec<&Event> = [down.request, second].into_iter().chain(first).collect();
            accuse(findings, lower, what, &events);
        }
    }
}

fn accuse(findings: &mut Findings, gone: &PodLife<'_>, what: String, events: &[&Event]) {
    if is_evicted(gone) {
        findings.blind(format!("{what}; it was evicted, which is not the set's doing"), events);
    } else {
        findings.broken(what, events);
    }
}

/// The wait for the pods to go was given up, and nothing kept the next one from being deleted.
fn not_deleted(history: &History, findings: &mut Findings, down: &ScaleDown<'_>) {
    let within = |event: &Event| down.request.comes_before(event) && event.seq <= down.until.seq;
    let Some((given_up, ..)) = history.timed_out("pods-gone").find(|(event, ..)| within(event)) else {
        return;
    };
    let left = || down.condemned.iter().filter(|life| life.at(given_up.seq).is_some());
    let Some(next) = left().next() else { return };
    let ready = left().chain(&down.kept).map(|life| life.ready_since(given_up.seq));
    let Some(ready) = ready.collect::<Option<Vec<&Event>>>() else { return };
    let gone = down.condemned.iter().filter_map(PodLife::deleted);
    let since = ready.into_iter().chain(gone).chain([down.request]).max_by_key(|event| event.seq);
    let since = since.unwrap_or(down.request);
    let idle_us = given_up.span.until_us.saturating_sub(since.span.until_us);
    let refused =
        history.objects(Resource::Events).any(|event| event.text("/reason") == Some("FailedDelete"));
    if idle_us < limits::CONTROLLER_ACTS.wait_us() || refused {
        return;
    }
    let what = format!(
        "{} was not deleted for {:.0} s, although replicas: {} was asked for and all pods were ready",
        next.name,
        idle_us as f64 / 1e6,
        down.replicas
    );
    findings.broken(what, &[down.request, since, given_up]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::{Change, Resource},
    };

    const FOUR: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; \
        web-3 created; web-3 ready; scale 1;";

    #[test]
    fn the_highest_goes_first() {
        let history = "web-3 terminating; web-3 unready; web-3 deleted; web-2 terminating; web-2 deleted; \
            web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{FOUR} {history}"), 2);
    }

    #[test]
    fn pods_that_are_removed_without_notice_have_an_order_too() {
        assert_held(&CHECK, &format!("{FOUR} web-3 deleted; web-2 deleted; web-1 deleted"), 2);
        let history = format!("{FOUR} web-1 deleted; web-2 deleted; web-3 deleted");
        assert_broken(&CHECK, &history, "web-1 began to terminate before web-2 did");
    }

    #[test]
    fn overlapping_terminations_may_still_be_in_order() {
        let history = "web-3 terminating; web-2 terminating; web-1 terminating; web-1 deleted; web-3 deleted";
        assert_held(&CHECK, &format!("{FOUR} {history}"), 2);
    }

    #[test]
    fn the_lowest_goes_first() {
        let history = "web-1 terminating; web-1 deleted; web-2 terminating; web-2 deleted; web-3 terminating";
        assert_broken(&CHECK, &format!("{FOUR} {history}"), "web-1 began to terminate before web-2 did");
    }

    #[test]
    fn the_removals_are_in_order_and_the_terminations_are_not() {
        let history = "web-2 terminating; web-3 terminating; web-3 deleted; web-2 deleted; web-1 terminating";
        assert_broken(&CHECK, &format!("{FOUR} {history}"), "web-2 began to terminate before web-3 did");
    }

    #[test]
    fn the_wrong_end_is_cut_off() {
        let history = format!("{FOUR} web-0 terminating; web-0 deleted; web-1 terminating");
        assert_broken(&CHECK, &history, "web-0 began to terminate, although replicas: 1 was asked for");
    }

    #[test]
    fn nothing_is_deleted() {
        let history = format!("{FOUR} wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_broken(&CHECK, &history, "web-3 was not deleted for 90 s");
        let stops = "web-3 terminating; web-3 deleted; wait 80s; timed-out pods-gone [1, 2, 3]; aborted";
        assert_broken(&CHECK, &format!("{FOUR} {stops}"), "web-2 was not deleted for 80 s");
    }

    #[test]
    fn the_controller_has_its_time_to_act() {
        let given_up = |idle: &str| format!("{FOUR} wait {idle}; timed-out pods-gone [1, 2, 3]; aborted");
        assert_broken(&CHECK, &given_up("29.9s"), "web-3 was not deleted for 30 s");
        assert_silent(&CHECK, &given_up("29.8s"));
    }

    #[test]
    fn a_wait_that_was_given_up_belongs_to_the_last_request() {
        let again = format!("{FOUR} scale 0; wait 90s; timed-out pods-gone [0, 1, 2, 3]; aborted");
        let findings = judge(&CHECK, &history(&again));
        let broken: Vec<_> = findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect();
        assert!(broken.len() == 1 && broken[0].contains("replicas: 0 was asked for"), "{broken:?}");
    }

    #[test]
    fn a_deletion_that_the_server_refuses_is_not_held_against_the_set() {
        for (reason, broken) in [("FailedDelete", 0), ("Scheduled", 1)] {
            let mut notes = Notes::new().say(FOUR);
            let event = json!({"metadata": {"name": "web.1"}, "reason": reason});
            notes.object(Resource::Events, Change::Added, event);
            let history = notes.say("wait 90s; timed-out pods-gone [1, 2, 3]; aborted").history();
            assert_eq!(judge(&CHECK, &history).of_kind(Kind::Broken).count(), broken, "{reason}");
        }
    }

    #[test]
    fn a_pod_that_takes_its_time_to_stop_is_not_held_against_the_set() {
        let history = format!("{FOUR} web-3 terminating; wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_silent(&CHECK, &history);
        let unready = format!("{FOUR} web-0 unready; wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_silent(&CHECK, &unready);
    }

    #[test]
    fn an_eviction_is_not_the_sets_doing() {
        let mut notes = Notes::new().say(FOUR);
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        });
        let findings = judge(&CHECK, &notes.history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
        assert_eq!(findings.of_kind(Kind::Blind).count(), 1, "{:#?}", findings.findings);
    }

    #[test]
    fn a_gap_hides_the_order() {
        let history = format!("{FOUR} web-3 terminating; gap pods; web-3 deleted; web-2 deleted; completed");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn scaling_up_says_nothing() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; scale 2; web-1 created; web-1 ready; completed");
    }
}
