//! `scale-down-reverse`: scaling down takes the pods away from the highest ordinal downwards.

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Wait},
    views::{
        Dimension, PodLife, ScaleDown, Set, View, Window, controller,
        ends::{self, Whose},
        scale_down::Turn,
        stays::{Stay, stay},
    },
};

/// Judges `specs/scaling/scale-down-reverse.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-down-reverse", judge };

/// Each pod that had to go began to terminate after every higher one.
const ORDER: &str = "order";
/// Each pod that had to stay did not begin to terminate.
const KEPT: &str = "kept";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets().iter().filter(|set| !set.is_parallel()) {
        for down in set.scale_downs(view) {
            Down { view, set, down: &down }.judge(findings);
        }
    }
}

/// One request for fewer replicas.
struct Down<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    down: &'v ScaleDown<'h>,
}

impl<'h> Down<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        if let Some((gap, what)) = super::hidden(self.set, self.down) {
            return findings.on(ORDER).blind(Cause::Gap, what, &[self.down.request, gap]);
        }
        for kept in &self.down.kept {
            self.must_stay(findings, kept);
        }
        let mut last = self.down.condemned.first();
        for turn in self.down.turns(self.view, self.set) {
            if let Some(latest) = last {
                self.in_order(findings, &turn, latest);
            }
            last = super::latest(last, turn.lower, |life| self.down.terminating(life));
        }
        self.not_deleted(findings);
    }

    fn must_stay(&self, findings: &mut Findings, kept: &PodLife<'h>) {
        let window = self.down.window_of(self.view, self.set, kept);
        let (name, replicas, request) = (self.set.key(kept.name), self.down.replicas, self.down.request);
        let say = findings.on(KEPT).of(Dimension::Kept, self.set.key(&self.down.kept_key(kept)));
        match stay(self.set, kept, &window) {
            Stay::Ended(end) => {
                let what = format!("{name} began to terminate, although replicas: {replicas} was asked for");
                match ends::excuse(self.view, self.set, kept, true) {
                    None => say.broken(what, &[request, end]),
                    Some(excuse) if excuse.whose == Whose::Driver => {}
                    Some(excuse) => {
                        let what = format!("{what}; it {}, which is not the set's doing", excuse.what);
                        say.blind(excuse.whose.into(), what, &[request, excuse.event, end]);
                    }
                }
            }
            Stay::Hidden(gap) => {
                let what = format!("a gap of the watch of pods may hide what became of {name}");
                say.blind(Cause::Gap, what, &[request, gap]);
            }
            Stay::Stayed(last) => {
                let Some(done) = self.down.done().filter(|done| window.has(done)) else { return };
                let what = format!("{name} stayed when replicas: {replicas} was asked for");
                say.held(what, &[request, last.event, done]);
            }
        }
    }

    /// A pod that had to go began to terminate after all higher ones, of which `latest` was the last.
    fn in_order(&self, findings: &mut Findings, turn: &Turn<'_, 'h>, latest: &PodLife<'h>) {
        let Some(second) = turn.begins.filter(|_| !turn.is_the_drivers()) else { return };
        let (lower, request) = (self.set.key(turn.lower.name), self.down.request);
        let key = self.set.key(&self.down.pair_key(turn.higher, turn.lower));
        let is_before = |life| self.down.terminating(life).is_some_and(|first| first.comes_before(second));
        let latest = if is_before(turn.higher) { latest } else { turn.higher };
        let higher = self.set.key(latest.name);
        let say = findings.on(ORDER).of(Dimension::ScaledAway, key);
        let first = self.down.terminating(latest);
        let is_in_order = is_before(latest);
        if let Some(excuse) =
            turn.excuse.as_ref().filter(|excuse| !is_in_order || excuse.whose == Whose::Hidden)
        {
            let what = format!("{lower} {}, so its turn is not known", excuse.what);
            return say.blind(excuse.whose.into(), what, &[request, excuse.event, second]);
        }
        if turn.excuse.is_some() {
            return;
        }
        let what = format!("{lower} began to terminate before {higher} did");
        let events: Vec<&Event> = [request, second].into_iter().chain(first).collect();
        if is_in_order {
            say.held(format!("{lower} began to terminate after {higher} had"), &events);
        } else if ends::is_unknown_at(self.view, self.set, latest, request, second) {
            let what = format!("{what}, which was so young that the controller may not have known it");
            say.blind(Cause::ControllerLag, what, &[latest.birth(), second]);
        } else {
            say.broken(what, &events);
        }
    }

    /// The wait for the pods to go was given up, and nothing kept the next one from being deleted.
    fn not_deleted(&self, findings: &mut Findings) {
        let window = Window { from: self.down.request, until: self.down.until };
        let mut waits = self.set.given_up(|wait| matches!(wait, Wait::PodsGone(_)));
        let Some(wait) = waits.find(|wait| window.has(wait.event)) else { return };
        let Some(undone) = controller::not_deleted(self.view, self.set, wait.event) else { return };
        let what = format!(
            "{} was not deleted for {:.0} s, although replicas: {} was asked for and all pods were ready",
            self.set.key(&undone.pod),
            undone.secs,
            self.down.replicas
        );
        let say = findings.on(ORDER).of(Dimension::ScaleDown, self.set.key(&self.down.key()));
        match undone.excuse {
            None => say.broken(what, &[self.down.request, undone.since, wait.event]),
            Some((why, event)) => {
                say.blind(
                    Cause::ControllerLag,
                    format!("{what}: {why}"),
                    &[self.down.request, event, wait.event],
                );
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
        history::{Change, Resource, Verb},
        views::Dimension,
    };

    const KNOWN: &str = "set replicas=1 generation=2 observed=2 pods=4 ready=4 available=4;";
    const FOUR: &str = "set replicas=4 generation=1 observed=1; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; \
        web-3 created; web-3 ready; wait 6s; scale 1;";

    #[test]
    fn the_highest_goes_first() {
        let history = "web-3 terminating; web-3 unready; web-3 deleted; web-2 terminating; web-2 deleted; \
            web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{FOUR} {history}"), 3);
    }

    #[test]
    fn pods_that_are_removed_without_notice_have_an_order_too() {
        assert_held(&CHECK, &format!("{FOUR} web-3 deleted; web-2 deleted; web-1 deleted"), 3);
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
        let history = format!("{FOUR} {KNOWN} wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_broken(&CHECK, &history, "web-3 was not deleted for 90 s");
        let one_gone = KNOWN.replace('4', "3");
        let stops = format!(
            "web-3 terminating; web-3 deleted; {one_gone} wait 80s; timed-out pods-gone [1, 2, 3]; aborted"
        );
        assert_broken(&CHECK, &format!("{FOUR} {stops}"), "web-2 was not deleted for 80 s");
    }

    #[test]
    fn the_controller_has_its_time_to_act() {
        let given_up =
            |idle: &str| format!("{FOUR} {KNOWN} wait {idle}; timed-out pods-gone [1, 2, 3]; aborted");
        assert_broken(&CHECK, &given_up("29.8s"), "web-3 was not deleted for 30 s");
        assert_blind(&CHECK, &given_up("29.7s"), "this controller may take 30 s");
    }

    #[test]
    fn a_controller_whose_status_does_not_show_the_request_may_be_slow() {
        let slow = format!("{FOUR} wait 600s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_blind(&CHECK, &slow, "so it may be slow");
    }

    #[test]
    fn a_wait_that_was_given_up_belongs_to_the_last_request() {
        let known = KNOWN.replace("replicas=1 generation=2 observed=2", "replicas=0 generation=3 observed=3");
        let again = format!("{FOUR} scale 0; {known} wait 90s; timed-out pods-gone [0, 1, 2, 3]; aborted");
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
            let history =
                notes.say(&format!("{KNOWN} wait 90s; timed-out pods-gone [1, 2, 3]; aborted")).history();
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
        let relisted =
            "gap pods; web-3 unlisted; web-2 unlisted; web-0 listed-again; web-1 listed-again; opened pods;";
        let history = format!("{FOUR} web-3 terminating; {relisted} completed");
        assert_blind(&CHECK, &history, "web-2 began to terminate in a gap of the watch of pods");
    }

    #[test]
    fn scaling_up_says_nothing() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; scale 2; web-1 created; web-1 ready; completed");
    }

    #[test]
    fn what_happened_in_a_gap_fails_nothing() {
        // As it is when web-2 went in order: the list has web-1 on its way out, and web-3 no more.
        let relisted = "gap pods; scale 1; web-2 unlisted; web-0 listed-again; web-1 listed-again terminating; opened pods;";
        let three = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; wait 6s;";
        assert_blind(&CHECK, &format!("{three} {relisted} web-1 deleted; completed"), "which pods had to go");
    }

    #[test]
    fn what_a_list_shows_before_a_pod_goes_is_in_order() {
        let relisted = "gap pods; web-3 unlisted; web-0 listed-again; web-1 listed-again; web-2 listed-again; opened pods;";
        let rest = "web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{FOUR} web-3 terminating; {relisted} {rest}"), 3);
    }

    const DOWN: &str = "web-3 terminating; web-3 deleted; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted;";

    #[test]
    fn a_later_step_of_the_driver_is_no_violation() {
        for later in [
            "scale 0; web-0 terminating; web-0 deleted",
            "delete web-0; web-0 terminating; web-0 deleted",
            "delete all; web-0 deleted",
        ] {
            assert_held(&CHECK, &format!("{FOUR} {DOWN} {later}; completed"), 3);
        }
        let early = format!("{FOUR} web-0 terminating; delete web-0; {DOWN} completed");
        assert_broken(&CHECK, &early, "web-0 began to terminate, although replicas: 1");
    }

    #[test]
    fn an_earlier_step_of_the_driver_is_no_violation_either() {
        let lost = FOUR.replace("scale 1;", "delete web-0; delete web-2; scale 1;");
        let goes = "web-2 terminating; web-0 terminating; web-2 deleted; web-0 deleted; web-0 created; web-0 ready; \
            web-3 terminating; web-3 deleted; web-1 terminating; web-1 deleted; completed";
        let findings = judge(&CHECK, &history(&format!("{lost} {goes}")));
        assert!(
            findings.findings.iter().all(|finding| finding.kind == Kind::Held),
            "{:#?}",
            findings.findings
        );
        assert_eq!(findings.evidence[0].of[&Dimension::ScaledAway], "web-1 after web-2 in scale-down 1 to 1");
    }

    #[test]
    fn a_pod_that_a_roll_replaces_is_not_scaled_away() {
        let mut notes = Notes::new().say(&FOUR.replace("scale 1;", ""));
        let template = json!({"spec": {"template": {"spec": {"image": "b"}}, "replicas": 3}});
        notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, template);
        let goes =
            "web-3 terminating; web-3 deleted; web-2 terminating; web-2 deleted; web-2 created; completed";
        assert_eq!(judge(&CHECK, &notes.say(goes).history()).of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn a_lower_one_before_two_higher_ones_of_which_the_driver_took_one() {
        let history = "delete web-2; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; web-3 terminating";
        assert_broken(&CHECK, &format!("{FOUR} {history}"), "web-1 began to terminate before web-3 did");
    }

    #[test]
    fn a_young_pod_may_not_be_known_yet() {
        let young = FOUR.replace("wait 6s;", "");
        assert_blind(
            &CHECK,
            &format!("{young} web-2 terminating; web-3 terminating"),
            "may not have known it",
        );
    }

    #[test]
    fn a_parallel_set_promises_no_order() {
        let mut notes = Notes::new().say(&FOUR.replace("scale 1;", ""));
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["podManagementPolicy"] = json!("Parallel")
        });
        assert!(
            judge(&CHECK, &notes.say("scale 1; web-1 terminating; completed").history()).findings.is_empty()
        );
    }

    #[test]
    fn a_set_in_another_namespace_with_another_lowest_ordinal() {
        let there = "in other; set start=5 replicas=3; web-5 created; web-5 ready; web-6 created; web-6 ready; web-7 created; \
            web-7 ready; wait 6s; scale 1;";
        let down = "web-7 terminating; web-7 deleted; web-6 terminating; web-6 deleted; completed";
        assert_held(&CHECK, &format!("web-0 created; {there} {down}"), 2);
        assert_broken(
            &CHECK,
            &format!("web-0 created; {there} web-6 terminating"),
            "other/web-6 began to terminate before other/web-7",
        );
    }
}
