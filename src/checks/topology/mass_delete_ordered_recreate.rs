//! `mass-delete-ordered-recreate`: pods that were deleted all together come back in the order of their ordinals.

use super::{knowledge::unknown_loss, neglect::neglected};
use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, Phase, PodLife, Pods, Resource, SET, Verb},
};

/// Judges `specs/topology/mass-delete-ordered-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "mass-delete-ordered-recreate", judge };

fn judge(history: &History, findings: &mut Findings) {
    let mut all = history.requests().filter(|request| {
        request.verb == Verb::DeleteCollection && request.resource == Resource::Pods.plural()
    });
    let Some(request) = all.next_back().map(|request| request.event) else { return };
    let lives = history.pods();
    let recreation = Recreation { history, lives: &lives, request };
    let old = lives.at(request.seq);
    for life in &old {
        recreation.same_uid(findings, life);
    }
    for born in lives.iter().filter(|life| request.comes_before(life.birth())) {
        for lower in 0..born.ordinal.unwrap_or(0) {
            recreation.after(findings, born, lower);
        }
    }
    recreation.not_recreated(findings, u32::try_from(old.len()).unwrap_or(u32::MAX));
}

/// What came after the request that deleted all pods.
struct Recreation<'f, 'h> {
    history: &'h History,
    lives: &'f Pods<'h>,
    request: &'h Event,
}

impl<'h> Recreation<'_, 'h> {
    /// A pod that comes back is a new one.
    fn same_uid(&self, findings: &mut Findings, life: &PodLife<'h>) {
        let mut removed = life.versions.iter().skip_while(|version| version.change != Change::Deleted);
        if let (Some(removed), Some(again)) = (removed.next(), removed.next()) {
            let what =
                format!("{} came back with the uid {} of the one that was removed", life.name, life.uid);
            findings.broken(what, &[removed.event, again.event]);
        }
    }

    /// At the birth of a recreated pod, one lower ordinal must have come back and be ready.
    fn after(&self, findings: &mut Findings, born: &PodLife<'h>, lower: u32) {
        let birth = born.birth();
        if !born.birth_was_seen() {
            let gaps: Vec<&Event> = self.history.gaps(Resource::Pods).take(1).chain([birth]).collect();
            return findings
                .blind(format!("the creation of {} fell into a gap of the watch", born.name), &gaps);
        }
        let Some(predecessor) = self.lives.latest(lower, birth).filter(|life| life.at(birth.seq).is_some())
        else {
            return findings
                .broken(format!("{} was recreated before {SET}-{lower} was", born.name), &[birth]);
        };
        let state = predecessor.at(birth.seq).expect("it exists").event;
        let is_new = self.request.comes_before(predecessor.birth());
        match (predecessor.phase_at(birth.seq), is_new) {
            (Some(Phase::Ready), true) => {
                let what = format!("{} was recreated when the new {SET}-{lower} was ready", born.name);
                findings.held(what, &[state, birth]);
            }
            (Some(Phase::Ready), false) => findings.blind(
                format!("{} was recreated before the deletion had reached {SET}-{lower}", born.name),
                &[state, birth],
            ),
            (phase, _) => self.not_ready(findings, born, predecessor, phase),
        }
    }

    fn not_ready(
        &self,
        findings: &mut Findings,
        born: &PodLife<'h>,
        predecessor: &PodLife<'h>,
        phase: Option<Phase>,
    ) {
        let birth = born.birth();
        if let Some(stopped) = unknown_loss(self.lives, born, predecessor) {
            let what = format!(
                "{} was recreated a moment after {} stopped being ready",
                born.name, predecessor.name
            );
            return findings.blind(what, &[stopped, birth]);
        }
        let state = predecessor.at(birth.seq).expect("it exists").event;
        let which = if self.request.comes_before(predecessor.birth()) { "new" } else { "old" };
        let what = format!(
            "{} was recreated while the {which} {} was {}",
            born.name,
            predecessor.name,
            describe(phase)
        );
        findings.broken(what, &[state, birth]);
    }

    /// A wait for the pods to come back was given up although nothing kept the next one from being created.
    fn not_recreated(&self, findings: &mut Findings, replicas: u32) {
        let given_up = self.history.timed_out("pods-").find(|(event, ..)| self.request.comes_before(event));
        let Some((event, ..)) = given_up else { return };
        if let Some(neglected) = neglected(self.history, self.lives, replicas, event) {
            let (ordinal, secs) = (neglected.ordinal, neglected.secs);
            let what =
                format!("{SET}-{ordinal} was not recreated for {secs:.0} s, and nothing stood in its way");
            findings.broken(what, &[self.request, neglected.since, event]);
        }
    }
}

fn describe(phase: Option<Phase>) -> &'static str {
    match phase {
        None => "gone",
        Some(Phase::Pending) => "not running yet",
        Some(Phase::Running) => "running but not ready",
        Some(Phase::Ready) => "ready",
        Some(Phase::Terminating) => "still terminating",
        Some(Phase::Terminal) => "ended",
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
        history::{Change, Resource},
    };

    const THREE: &str = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; \
        web-2 ready; delete all; web-2 terminating; web-1 terminating; web-0 terminating;";
    const GONE: &str = "web-1 deleted; web-2 deleted; wait 5s; web-0 deleted;";

    #[test]
    fn recreated_in_order_though_the_first_was_the_last_to_go() {
        let back = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready";
        assert_held(&CHECK, &format!("{THREE} {GONE} {back}"), 3);
    }

    #[test]
    fn the_second_gone_before_the_first_even_terminates() {
        let history = "web-0 created; web-0 ready; web-1 created; web-1 ready; delete all; web-1 terminating; \
            web-1 deleted; web-0 terminating; web-0 deleted; web-0 created; web-0 ready; web-1 created";
        assert_held(&CHECK, history, 1);
    }

    #[test]
    fn updates_of_a_pod_that_is_on_its_way_out_change_nothing() {
        let back = "web-0 unready; web-0 failed; web-0 deleted; web-0 created; web-0 ready; web-1 created";
        assert_held(&CHECK, &format!("{THREE} web-1 deleted; {back}"), 1);
    }

    #[test]
    fn the_loss_of_one_pod_is_another_promise() {
        assert_silent(
            &CHECK,
            "web-0 created; web-0 ready; web-1 created; web-1 ready; delete web-1; web-1 deleted; web-1 created",
        );
    }

    #[test]
    fn each_recreated_as_soon_as_it_is_gone() {
        let history = format!("{THREE} web-1 deleted; web-1 created; web-2 deleted; web-2 created");
        assert_broken(&CHECK, &history, "web-1 was recreated while the old web-0 was still terminating");
    }

    #[test]
    fn only_running_was_waited_for() {
        let history = format!("{THREE} {GONE} web-0 created; web-0 running; web-1 created; web-0 ready");
        assert_broken(&CHECK, &history, "while the new web-0 was running but not ready");
    }

    #[test]
    fn only_the_nearest_was_waited_for() {
        let back =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 unready; wait 6s; web-2 created";
        assert_broken(&CHECK, &format!("{THREE} {GONE} {back}"), "web-2 was recreated while the new web-0");
    }

    #[test]
    fn recreated_from_the_highest_down_or_all_at_once() {
        let down = format!("{THREE} {GONE} web-2 created; web-1 created; web-0 created");
        assert_broken(&CHECK, &down, "web-2 was recreated before web-0 was");
        let burst = format!("{THREE} {GONE} web-0 created; web-1 created; web-2 created");
        assert_broken(&CHECK, &burst, "web-1 was recreated while the new web-0 was not running yet");
    }

    #[test]
    fn never_recreated() {
        let history = format!("{THREE} {GONE} wait 120s; timed-out pods-unready [0]; aborted");
        assert_broken(&CHECK, &history, "web-0 was not recreated for 120 s");
    }

    #[test]
    fn a_pod_that_cannot_run_is_not_held_against_the_set() {
        let history = format!("{THREE} {GONE} web-0 created; wait 120s; timed-out pods-unready [0]; aborted");
        assert_silent(&CHECK, &history);
    }

    #[test]
    fn the_old_uid_comes_back() {
        let mut notes = Notes::new().say(&format!("{THREE} web-1 deleted"));
        let mut pod = notes.present(Resource::Pods, "web-0");
        notes = notes.say("web-0 deleted");
        pod["metadata"]["deletionTimestamp"] = json!(null);
        notes.object(Resource::Pods, Change::Added, pod);
        let findings = judge(&CHECK, &notes.history());
        assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains("with the uid uid-1")));
    }

    #[test]
    fn recreated_before_the_deletion_reached_a_lower_one() {
        let history = "web-0 created; web-0 ready; web-1 created; web-1 ready; delete all; web-1 terminating; \
            web-1 deleted; web-1 created; web-0 terminating";
        assert_blind(&CHECK, history, "before the deletion had reached web-0");
    }

    #[test]
    fn readiness_lost_a_moment_before() {
        let back = "web-0 created; web-0 ready; web-0 unready; web-1 created";
        assert_blind(&CHECK, &format!("{THREE} {GONE} {back}"), "a moment after web-0 stopped being ready");
        let longer = "web-0 created; web-0 ready; web-0 unready; wait 4.9s; web-1 created";
        assert_broken(&CHECK, &format!("{THREE} {GONE} {longer}"), "web-1 was recreated while the new web-0");
    }

    #[test]
    fn a_gap_hides_the_birth() {
        let history = format!("{THREE} {GONE} web-0 created; web-0 ready; gap pods; web-1 listed");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn without_the_request_nothing_is_said() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; web-1 created; web-1 ready");
    }
}
