//! `ordered-creation`: ascending ordinals, and each pod only after every lower one is running and ready.

use crate::{
    checks::{Cause, Check, Findings},
    views::{
        Dimension, PodLife, Set, View,
        lower::{self, Lower},
    },
};

/// Judges `specs/topology/ordered-creation.yaml`.
pub(super) const CHECK: Check = Check { id: "ordered-creation", judge };

/// Each pod was created when all pods of lower ordinals were ready.
const ORDER: &str = "order";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let created = set.pods().iter().filter(|life| set.pods().made_by_set(life));
        for born in created.filter(|life| !set.is_parallel_for(life)) {
            in_order(view, set, findings, born);
        }
    }
}

/// At the birth of a pod, every lower ordinal must have been ready in its present incarnation.
fn in_order<'h>(view: &View<'h>, set: &Set<'h>, findings: &mut Findings, born: &PodLife<'h>) {
    let names = lower::names_below(set, born);
    if names.is_empty() {
        return;
    }
    let name = set.key(born.name);
    let hidden = |watch: &str| format!("the creation of {name} fell into a gap of the watch of {watch}");
    let gap = lower::hidden(set.pods(), born).map(|gap| (gap, hidden("pods")));
    if let Some((gap, what)) = gap.or_else(|| Some((set.spec_hidden()?, hidden("statefulsets")))) {
        let say = findings.on(ORDER).of(Dimension::Successor, name.as_str());
        return say.blind(Cause::Gap, what, &[gap, born.birth()]);
    }
    for lower in names {
        lower_was_ready(view, set, findings, born, &lower);
    }
}

fn lower_was_ready<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    findings: &mut Findings,
    born: &PodLife<'h>,
    lower: &str,
) {
    let (birth, name) = (born.birth(), set.key(born.name));
    let say = findings.on(ORDER).of(Dimension::Successor, name.as_str());
    let state = lower::at_birth(view, set, born, lower);
    let lower = set.key(lower);
    match state {
        Lower::Ready(_, version) => {
            say.held(format!("{name} was created when {lower} was ready"), &[version.event, birth]);
        }
        Lower::LostLately(stopped) => {
            let secs = birth.span.until_us.saturating_sub(stopped.span.until_us) as f64 / 1e6;
            let what = format!(
                "{name} was created {secs:.1} s after {lower} stopped being ready, which the controller may not have known"
            );
            say.blind(Cause::ControllerLag, what, &[stopped, birth]);
        }
        Lower::NotReady(_, version) => {
            say.broken(
                format!("{name} was created while {lower} {}", state.words()),
                &[version.event, birth],
            );
        }
        Lower::Gone | Lower::Never => {
            say.broken(format!("{name} was created while {lower} {}", state.words()), &[birth]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause,
            notation::{Notes, assert_blind, assert_broken, assert_held, judge},
        },
        history::{Change, Resource},
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
        let history = "web-0 created; web-0 ready; web-1 created; web-0 unready; web-1 ready; web-2 created";
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
        let longer = "web-0 created; web-0 ready; web-0 unready; wait 29.9s; web-1 created";
        assert_broken(&CHECK, longer, "web-1 was created while web-0 was running but not ready");
    }

    #[test]
    fn a_pod_that_went_without_notice_a_moment_ago_cannot_be_judged_either() {
        let gone =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; scale 3; web-0 deleted; web-2 created";
        assert_blind(&CHECK, gone, "0.1 s after web-0 stopped being ready");
        let long_gone = gone.replace("web-2 created", "wait 30s; web-2 created");
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

    #[test]
    fn a_set_that_is_told_late_has_its_own_lowest_ordinal() {
        assert_held(&CHECK, "web-5 created; web-5 ready; web-6 created; set start=5 replicas=2", 1);
    }

    #[test]
    fn a_watch_that_left_something_out_hides_the_state_of_the_others() {
        let mut notes = Notes::new().say("web-0 created; web-0 running");
        notes.list_ahead(Resource::Pods, "web-0 ready");
        let findings = judge(&CHECK, &notes.say("web-1 created; list pods").history());
        assert_eq!((findings.held, findings.findings.len()), (0, 1));
        assert_eq!(findings.findings[0].cause, Some(Cause::Gap));
    }

    #[test]
    fn a_slow_controller_acts_on_what_it_knew() {
        let slow = "set replicas=2; wait 10s; web-0 created; web-0 ready; wait 10s; web-0 unready; wait 9s; web-1 created";
        assert_blind(&CHECK, slow, "9.1 s after web-0 stopped being ready");
    }

    #[test]
    fn a_pod_that_the_set_took_over_was_not_created_by_it() {
        let mut notes = Notes::new().say("set replicas=2; web-0 created");
        let orphan = json!({"metadata": {"name": "web-1", "uid": "x", "labels": {"app": "nginx"}}});
        notes.object(Resource::Pods, Change::Added, orphan);
        assert!(judge(&CHECK, &notes.history()).findings.is_empty());
    }

    #[test]
    fn without_the_set_its_policy_is_not_known() {
        assert_blind(
            &CHECK,
            "gap statefulsets; web-1 created; web-0 created",
            "gap of the watch of statefulsets",
        );
    }
}
