//! `mass-delete-ordered-recreate`: pods that were deleted all together come back in the order of their ordinals.

use crate::{
    checks::{Cause, Check, Findings, Say},
    history::Change,
    views::{
        Dimension, PodLife, Set, View, controller,
        losses::{Loss, Lost, Place, mass_losses},
        lower::{self, Lower},
    },
};

/// Judges `specs/topology/mass-delete-ordered-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "mass-delete-ordered-recreate", judge };

/// Each pod came back when every lower one had come back and was ready.
const ORDER: &str = "order";
/// Each pod came back as another one.
const NEW_POD: &str = "new-pod";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        for loss in mass_losses(view, set) {
            Recreation { view, set, loss: &loss }.judge(findings);
        }
    }
}

/// What came after a request that deleted all pods of a set.
struct Recreation<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    loss: &'v Loss<'v, 'h>,
}

impl<'h> Recreation<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let request = self.loss.doing.event;
        let gap = self.set.pods().gap_at(request).map(|gap| gap.shown_by);
        if let Some(gap) = gap.or_else(|| self.set.spec_hidden()) {
            let what = "all pods were deleted in a gap of a watch, so it is not known who was there";
            return findings.on(ORDER).blind(Cause::Gap, what, &[request, gap]);
        }
        for lost in &self.loss.lost {
            self.is_another(findings, lost);
            if let Some(next) = lost.next(self.set) {
                self.in_order(findings, lost, next);
            }
        }
        self.not_recreated(findings);
    }

    fn say<'f>(&self, findings: &'f mut Findings, clause: &'static str, lost: &Lost<'_, 'h>) -> Say<'f> {
        findings.on(clause).of(Dimension::MassRecreated, self.set.key(&self.loss.lost_key(lost.life)))
    }

    /// A pod that comes back is a new one.
    fn is_another(&self, findings: &mut Findings, lost: &Lost<'_, 'h>) {
        let say = self.say(findings, NEW_POD, lost);
        let (name, uid) = (self.set.key(lost.life.name), lost.life.uid);
        let mut removed = lost.life.versions.iter().skip_while(|version| version.change != Change::Deleted);
        if let (Some(removed), Some(again)) = (removed.next(), removed.next()) {
            let what = format!("{name} came back with the uid {uid} of the one that was removed");
            say.broken(what, &[removed.event, again.event]);
        } else if let Some(next) = lost.next(self.set) {
            let what = format!("{name} came back with the uid {}, and not with {uid}", next.uid);
            say.held(what, &[self.loss.doing.event, next.birth()]);
        }
    }

    /// At the birth of a pod that came back, every lower ordinal must have come back and be ready.
    fn in_order(&self, findings: &mut Findings, lost: &Lost<'_, 'h>, born: &PodLife<'h>) {
        let (birth, name) = (born.birth(), self.set.key(born.name));
        if let Some(gap) = lower::hidden(self.set.pods(), born) {
            let what = format!("the creation of {name} fell into a gap of the watch of pods");
            return self.say(findings, ORDER, lost).blind(Cause::Gap, what, &[gap, birth]);
        }
        let names = lower::names_below(self.set, born);
        if names.is_empty() {
            let what = format!("{name} was recreated, and no lower ordinal was to come before it");
            return self.say(findings, ORDER, lost).held(what, &[self.loss.doing.event, birth]);
        }
        for lower in names {
            self.after(self.say(findings, ORDER, lost), born, &lower);
        }
    }

    fn after(&self, say: Say<'_>, born: &PodLife<'h>, lower: &str) {
        let (birth, name) = (born.birth(), self.set.key(born.name));
        let state = lower::at_birth(self.view, self.set, born, lower);
        let lower = self.set.key(lower);
        let is_old = |life: &PodLife<'h>| self.loss.lost.iter().any(|lost| lost.life.uid == life.uid);
        match &state {
            Lower::Ready(life, version) if is_old(life) => {
                let what = format!("{name} was recreated before the deletion had reached {lower}");
                say.blind(Cause::NotReached, what, &[version.event, birth]);
            }
            Lower::Ready(_, version) => {
                say.held(
                    format!("{name} was recreated when the new {lower} was ready"),
                    &[version.event, birth],
                );
            }
            Lower::LostLately(stopped) => {
                let what = format!(
                    "{name} was recreated a moment after {lower} stopped being ready, which the controller may not have known"
                );
                say.blind(Cause::ControllerLag, what, &[stopped, birth]);
            }
            Lower::NotReady(life, version) => {
                let which = if is_old(life) { "old" } else { "new" };
                let what = format!("{name} was recreated while the {which} {lower} {}", state.words());
                say.broken(what, &[version.event, birth]);
            }
            Lower::Gone | Lower::Never => {
                say.broken(format!("{name} was recreated before {lower} was"), &[birth]);
            }
        }
    }

    /// A wait for the pods to come back was given up although nothing kept the next one from being created.
    fn not_recreated(&self, findings: &mut Findings) {
        let request = self.loss.doing.event;
        for lost in self.loss.lost.iter().filter(|lost| lost.place == Place::Open) {
            let undone = controller::not_created_in(self.view, self.set, &lost.window, lost.life.name);
            let Some((wait, undone)) = undone else { continue };
            let what = format!("{} was not recreated for {:.0} s", self.set.key(&undone.pod), undone.secs);
            let say = self.say(findings, ORDER, lost);
            match undone.excuse {
                None => {
                    let what = format!("{what}, and nothing stood in its way");
                    say.broken(what, &[request, undone.since, wait]);
                }
                Some((why, event)) => {
                    say.blind(Cause::ControllerLag, format!("{what}: {why}"), &[request, event, wait]);
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
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::{Change, Resource},
    };

    const KNOWN: &str = "set generation=1 observed=1 pods=0 ready=0 available=0;";
    const THREE: &str = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; \
        web-2 ready; set pods=3 ready=3 available=3; delete all; web-2 terminating; web-1 terminating; web-0 terminating;";
    const GONE: &str = "web-1 deleted; web-2 deleted; wait 5s; web-0 deleted;";

    #[test]
    fn recreated_in_order_though_the_first_was_the_last_to_go() {
        let back = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready";
        assert_held(&CHECK, &format!("{THREE} {GONE} {back}"), 7);
    }

    #[test]
    fn the_second_gone_before_the_first_even_terminates() {
        let history = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; delete all; web-1 terminating; \
            web-1 deleted; web-0 terminating; web-0 deleted; web-0 created; web-0 ready; web-1 created";
        assert_held(&CHECK, history, 4);
    }

    #[test]
    fn updates_of_a_pod_that_is_on_its_way_out_change_nothing() {
        let back = "web-0 unready; web-0 failed; web-0 deleted; web-0 created; web-0 ready; web-1 created";
        assert_held(&CHECK, &format!("{THREE} web-1 deleted; {back}"), 4);
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
        assert_broken(&CHECK, &history, "web-1 was recreated while the old web-0 was terminating");
    }

    #[test]
    fn only_running_was_waited_for() {
        let history = format!("{THREE} {GONE} web-0 created; web-0 running; web-1 created; web-0 ready");
        assert_broken(&CHECK, &history, "while the new web-0 was running but not ready");
    }

    #[test]
    fn only_the_nearest_was_waited_for() {
        let back = "web-0 created; web-0 ready; web-1 created; web-0 unready; web-1 ready; web-2 created";
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
        let history = format!("{THREE} {GONE} {KNOWN} wait 120s; timed-out pods-unready [0]; aborted");
        assert_broken(&CHECK, &history, "web-0 was not recreated for 120 s");
    }

    #[test]
    fn a_pod_that_cannot_run_is_not_held_against_the_set() {
        let history = format!("{THREE} {GONE} web-0 created; wait 120s; timed-out pods-unready [0]; aborted");
        assert_held(&CHECK, &history, 2);
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
        let history = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; delete all; web-1 terminating; \
            web-1 deleted; web-1 created; web-0 terminating";
        assert_blind(&CHECK, history, "before the deletion had reached web-0");
    }

    #[test]
    fn readiness_lost_a_moment_before() {
        let back = "web-0 created; web-0 ready; web-0 unready; web-1 created";
        assert_blind(&CHECK, &format!("{THREE} {GONE} {back}"), "a moment after web-0 stopped being ready");
        let longer = "web-0 created; web-0 ready; web-0 unready; wait 29.9s; web-1 created";
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

    const BACK: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready;";

    #[test]
    fn a_pod_that_is_stuck_is_not_blamed_for_its_neighbours() {
        let stuck = format!(
            "{THREE} {GONE} web-0 created; {KNOWN} wait 600s; timed-out pods-ready [0, 1, 2]; aborted"
        );
        assert_held(&CHECK, &stuck, 2);
    }

    #[test]
    fn a_slow_controller_whose_status_does_not_show_the_loss_is_not_broken() {
        let slow = format!("{THREE} {GONE} wait 600s; timed-out pods-ready [0]; aborted");
        let observed = slow.replace("set replicas=3;", "set replicas=3 generation=1 observed=1;");
        assert_blind(&CHECK, &observed, "web-0 was not recreated for 600 s: the set's status does not show");
    }

    #[test]
    fn a_later_step_of_the_driver_is_no_violation() {
        for later in [
            "scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted",
            "delete web-0; web-0 terminating; web-0 deleted; web-0 created",
            "scale 4; web-3 created",
        ] {
            assert_held(&CHECK, &format!("{THREE} {GONE} {BACK} {later}; completed"), 7);
        }
        let scaled = "scale 1; web-0 created; web-0 ready; completed";
        assert_held(&CHECK, &format!("{THREE} {GONE} {scaled}"), 2);
    }

    #[test]
    fn each_of_two_mass_deletions_is_judged() {
        let again = "delete all; web-0 terminating; web-2 deleted; web-1 deleted; web-0 deleted; web-0 created; web-1 created; completed";
        assert_broken(
            &CHECK,
            &format!("{THREE} {GONE} {BACK} {again}"),
            "while the new web-0 was not running yet",
        );
        let right =
            "delete all; web-2 deleted; web-1 deleted; web-0 deleted; web-0 created; web-0 ready; completed";
        assert_held(&CHECK, &format!("{THREE} {GONE} {BACK} {right}"), 9);
    }

    #[test]
    fn a_deletion_in_a_gap_is_not_judged() {
        let gap = THREE
            .replace("delete all;", "gap pods; delete all;")
            .replace("web-2 terminating;", "web-0 listed; web-1 listed-again;");
        let gap = gap.replace("web-1 terminating; web-0 terminating;", "web-2 listed-again; opened pods;");
        assert_blind(
            &CHECK,
            &format!("{gap} web-1 deleted; web-1 created; completed"),
            "in a gap of a watch",
        );
    }

    #[test]
    fn what_came_back_in_a_gap_came_back_as_another_pod() {
        let relisted = "gap pods; web-0 listed ready; web-1 listed; opened pods;";
        let findings = judge(
            &CHECK,
            &history(&format!("{THREE} {GONE} {relisted} web-1 ready; web-2 created; completed")),
        );
        let held = |clause| findings.evidence.iter().filter(|held| held.clause == clause).count();
        assert_eq!((held(super::ORDER), held(super::NEW_POD)), (1, 3));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn a_set_in_another_namespace_with_another_lowest_ordinal() {
        let there = "in other; set start=5 replicas=2; web-5 created; web-5 ready; web-6 created; web-6 ready; set pods=2; delete all; \
            web-5 terminating; web-6 deleted; web-5 deleted; web-5 created;";
        assert_held(
            &CHECK,
            &format!("web-0 created; web-0 ready; {there} web-5 ready; web-6 created; completed"),
            4,
        );
        assert_broken(
            &CHECK,
            &format!("web-0 created; {there} web-6 created"),
            "while the new other/web-5 was not running yet",
        );
    }

    #[test]
    fn a_parallel_set_recreates_in_any_order() {
        let mut notes =
            Notes::new().say("set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready");
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["podManagementPolicy"] = json!("Parallel");
        });
        let history =
            notes.say("delete all; web-0 deleted; web-1 deleted; web-1 created; completed").history();
        assert!(judge(&CHECK, &history).findings.is_empty());
    }

    #[test]
    fn a_controller_that_did_not_know_the_old_pod_may_have_decided_before_that_was_there() {
        let young = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; delete all; web-0 terminating; \
            web-1 terminating; web-1 deleted; web-1 created; web-0 deleted; completed";
        assert_blind(&CHECK, young, "may not have known");
        assert_broken(
            &CHECK,
            &young.replace("delete all", "set pods=2; delete all"),
            "while the old web-0 was terminating",
        );
        assert_broken(
            &CHECK,
            &young.replace("delete all", "wait 31s; delete all"),
            "while the old web-0 was terminating",
        );
    }
}
