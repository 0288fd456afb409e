//! `ordered-creation`: ascending ordinals, and each pod only after every lower one is running and ready.

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Phase},
    views::{Dimension, PodLife, Set, View, controller},
};

/// Judges `specs/topology/ordered-creation.yaml`.
pub(super) const CHECK: Check = Check { id: "ordered-creation", judge };

/// Each pod was created when all pods of lower ordinals were ready.
const ORDER: &str = "order";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets().iter().filter(|set| !set.is_parallel()) {
        for born in set.pods() {
            let Some(ordinal) = born.ordinal else { continue };
            for lower in set.start_at(born.birth())..ordinal {
                predecessor_was_ready(set, findings, born, lower);
            }
        }
    }
}

/// At the birth of a pod, one lower ordinal must have been ready in its present incarnation.
fn predecessor_was_ready<'h>(set: &Set<'h>, findings: &mut Findings, born: &PodLife<'h>, lower: u32) {
    let (pods, birth, name) = (set.pods(), born.birth(), set.key(born.name));
    let say = findings.on(ORDER).of(Dimension::Successor, name.as_str());
    if let Some(gap) = pods.hidden_birth(born) {
        let what = format!("the creation of {name} fell into a gap of the watch of pods");
        return say.blind(Cause::Gap, what, &[gap, birth]);
    }
    let lower = format!("{}-{lower}", set.name);
    let predecessor = pods.before(&lower, birth).next();
    let present = predecessor.and_then(|life| life.at(birth));
    let phase = present.map(|version| Phase::of(version.what));
    let events: Vec<&Event> = present.map(|version| version.event).into_iter().chain([birth]).collect();
    let lower = set.key(&lower);
    if phase == Some(Phase::Ready) {
        return say.held(format!("{name} was created when {lower} was ready"), &events);
    }
    if let Some(stopped) = predecessor.and_then(|life| controller::loss_not_known(set, born, life)) {
        let secs = birth.span.until_us.saturating_sub(stopped.span.until_us) as f64 / 1e6;
        let what = format!(
            "{name} was created {secs:.1} s after {lower} stopped being ready, which the controller may not have known"
        );
        return say.blind(Cause::ControllerLag, what, &[stopped, birth]);
    }
    let state = if predecessor.is_none() {
        "did not exist yet".to_owned()
    } else {
        format!("was {}", Phase::words(phase))
    };
    say.broken(format!("{name} was created while {lower} {state}"), &events);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, judge},
        history::Resource,
    };

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
        assert_broken(&CHECK, "web-1 created; web-0 created", "while web-0 did not exist yet");
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
    fn a_pod_that_went_without_notice_a_moment_ago_cannot_be_judged_either() {
        let gone =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; scale 3; web-0 deleted; web-2 created";
        assert_blind(&CHECK, gone, "0.1 s after web-0 stopped being ready");
        let long_gone = gone.replace("web-2 created", "wait 6s; web-2 created");
        assert_broken(&CHECK, &long_gone, "web-2 was created while web-0 was gone");
    }

    #[test]
    fn a_parallel_set_promises_no_order() {
        let mut notes = Notes::new().say("set replicas=2");
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["podManagementPolicy"] = json!("Parallel")
        });
        assert!(judge(&CHECK, &notes.say("web-1 created; web-0 created").history()).findings.is_empty());
    }

    #[test]
    fn the_lowest_ordinal_is_the_sets_own() {
        let shifted = "set start=5 replicas=2; web-5 created; web-5 ready; web-6 created";
        assert_held(&CHECK, shifted, 1);
        assert_broken(&CHECK, &shifted.replace("web-5 ready;", ""), "web-6 was created while web-5 was");
    }

    #[test]
    fn a_set_in_another_namespace_is_judged_by_its_own_pods() {
        let both = "web-0 created; in other; web-0 created; web-0 ready; in ns; web-0 ready; web-1 created; in other;";
        assert_held(&CHECK, &format!("{both} web-1 created"), 2);
        assert_broken(
            &CHECK,
            &format!("{both} web-1 created; web-2 created"),
            "other/web-2 was created while other/web-1",
        );
    }

    #[test]
    fn a_gap_hides_the_birth() {
        assert_blind(&CHECK, "web-0 created; web-0 ready; gap pods; web-1 listed", "gap");
    }
}
