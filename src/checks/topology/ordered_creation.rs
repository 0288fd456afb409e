//! `ordered-creation`: ascending ordinals, and each pod only after every lower one is running and ready.

use super::knowledge::unknown_loss;
use crate::{
    checks::{Check, Findings},
    history::{Event, History, Phase, PodLife, Pods, Resource},
};

/// Judges `specs/topology/ordered-creation.yaml`.
pub(super) const CHECK: Check = Check { id: "ordered-creation", judge };

fn judge(history: &History, findings: &mut Findings) {
    let lives = history.pods();
    for born in &lives {
        let Some(ordinal) = born.ordinal else { continue };
        for lower in 0..ordinal {
            predecessor_was_ready(history, findings, &lives, born, lower);
        }
    }
}

/// At the birth of a pod, one lower ordinal must have been ready in its present incarnation.
fn predecessor_was_ready(
    history: &History,
    findings: &mut Findings,
    lives: &Pods<'_>,
    born: &PodLife<'_>,
    lower: u32,
) {
    let birth = born.birth();
    if !born.birth_was_seen() {
        let gaps: Vec<&Event> = history.gaps(Resource::Pods).take(1).collect();
        return findings.blind(format!("the creation of {} fell into a gap of the watch", born.name), &gaps);
    }
    let Some(predecessor) = lives.latest(lower, birth).filter(|life| life.at(birth.seq).is_some()) else {
        return findings
            .broken(format!("{} was created while web-{lower} did not exist", born.name), &[birth]);
    };
    let name = predecessor.name;
    match (predecessor.phase_at(birth.seq), unknown_loss(lives, born, predecessor)) {
        (Some(Phase::Ready), _) => findings.held(
            format!("{} was created when {name} was ready", born.name),
            &[predecessor.at(birth.seq).expect("it has a phase, so it exists").event, birth],
        ),
        (_, Some(stopped)) => findings.blind(
            format!(
                "{} was created {:.1} s after {name} stopped being ready, which the controller may not have known",
                born.name,
                birth.span.until_us.saturating_sub(stopped.span.until_us) as f64 / 1e6
            ),
            &[stopped, birth],
        ),
        (phase, _) => findings.broken(
            format!("{} was created while {name} was {}", born.name, describe(phase)),
            &[predecessor.at(birth.seq).expect("checked above").event, birth],
        ),
    }
}

fn describe(phase: Option<Phase>) -> &'static str {
    match phase {
        None => "gone",
        Some(Phase::Pending) => "not running",
        Some(Phase::Running) => "running but not ready",
        Some(Phase::Ready) => "ready",
        Some(Phase::Terminating) => "terminating",
        Some(Phase::Terminal) => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held};

    #[test]
    fn each_pod_after_its_predecessors_are_ready() {
        assert_held(
            &CHECK,
            "web-0 created; web-0 running; web-0 ready; web-1 created; web-1 ready; web-2 created",
            3,
        );
    }

    #[test]
    fn second_pod_before_first_is_ready() {
        assert_broken(
            &CHECK,
            "web-0 created; web-0 running; web-1 created; web-0 ready",
            "running but not ready",
        );
    }

    #[test]
    fn only_the_nearest_predecessor_was_looked_at() {
        let history =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 unready; wait 6s; web-2 created";
        assert_broken(&CHECK, history, "web-2 was created while web-0 was running but not ready");
    }

    #[test]
    fn second_pod_before_first_exists() {
        assert_broken(&CHECK, "web-1 created; web-0 created", "web-0 did not exist");
    }

    #[test]
    fn readiness_lost_a_moment_ago_cannot_be_judged() {
        assert_blind(
            &CHECK,
            "web-0 created; web-0 ready; web-0 unready; wait 1s; web-1 created",
            "stopped being ready",
        );
        // The controller saw web-1 go after web-0 had begun to.
        let known = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 terminating; web-1 deleted; web-1 created";
        assert_broken(&CHECK, known, "web-1 was created while web-0 was terminating");
        let longer = "web-0 created; web-0 ready; web-0 unready; wait 4.9s; web-1 created";
        assert_broken(&CHECK, longer, "web-1 was created while web-0 was running but not ready");
    }

    #[test]
    fn a_gap_hides_the_birth() {
        assert_blind(&CHECK, "web-0 created; web-0 ready; gap pods; web-1 listed", "gap");
    }
}
