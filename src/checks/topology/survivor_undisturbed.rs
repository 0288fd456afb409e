//! `survivor-undisturbed`: when one pod is lost, only that one is recreated; the others are left alone.

use std::collections::BTreeSet;

use crate::{
    checks::{Cause, Check, Findings},
    history::Purpose,
    views::{
        Dimension, Set, View,
        containers::{self, What},
        controller, ends,
        losses::{Loss, Place, Survivor, losses},
        revisions::{self, Kept},
        stays::{Stay, stay},
    },
};

/// Judges `specs/topology/survivor-undisturbed.yaml`.
pub(super) const CHECK: Check = Check { id: "survivor-undisturbed", judge };

/// The pods that were deleted came back and were ready.
const RECREATED: &str = "recreated";
/// Each other pod kept its uid, its containers and its addresses.
const SURVIVORS: &str = "survivors";
/// The set's revision stayed what it was.
const REVISION: &str = "revision";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        for loss in losses(view, set) {
            LossOf { view, set, loss: &loss }.judge(findings);
        }
    }
}

/// One request that took pods of a set away.
struct LossOf<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    loss: &'v Loss<'v, 'h>,
}

impl<'h> LossOf<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let request = self.loss.doing.event;
        let gap = self.set.pods().gap_at(request).map(|gap| gap.shown_by);
        if let Some(gap) = gap.or_else(|| self.set.spec_hidden()) {
            let what = "a pod was deleted in a gap of a watch, so it is not known which others were there or had to stay";
            let say = findings.on(RECREATED).of(Dimension::Deletion, self.key());
            return say.blind(Cause::Gap, what, &[request, gap]);
        }
        for survivor in &self.loss.survivors {
            self.survivor(findings, survivor);
        }
        self.recreated(findings);
        self.revision(findings);
    }

    fn key(&self) -> String {
        self.set.key(&self.loss.key)
    }

    /// The names of the pods that were deleted, for a person to read.
    fn lost(&self) -> String {
        let names: Vec<String> = self.loss.lost.iter().map(|lost| self.set.key(lost.life.name)).collect();
        names.join(", ")
    }

    fn survivor(&self, findings: &mut Findings, survivor: &Survivor<'_, 'h>) {
        let request = self.loss.doing.event;
        let (life, name, lost) = (survivor.life, self.set.key(survivor.life.name), self.lost());
        let say = findings.on(SURVIVORS).of(Dimension::Survivor, self.set.key(&survivor.key));
        let before = *life.between(None, request).last().expect("it was there");
        let stay = stay(self.set, life, &survivor.window);
        if let Stay::Ended(end) = stay {
            let how = if life.gone().is_some_and(|gone| gone.seq == end.seq) {
                "was removed"
            } else {
                "began to terminate"
            };
            let what = format!("{name} {how} after {lost} was deleted");
            return match ends::excuse(self.view, self.set, life, true) {
                Some(excuse) => say.blind(
                    excuse.whose.into(),
                    format!("{what}; it {}, which is not the set's doing", excuse.what),
                    &[request, excuse.event, end],
                ),
                None => say.broken(what, &[request, before.event, end]),
            };
        }
        let after = life.between(Some(request), survivor.window.until);
        if let Some(change) = containers::first_change(before.what, after) {
            let what = format!("{name} {} after {lost} was deleted", change.what.words());
            let events = [request, before.event, change.version.event];
            return if self.is_the_loss(survivor, &change) {
                say.broken(what, &events)
            } else {
                say.blind(
                    Cause::Surroundings,
                    format!("{what}; that is its own or its node's doing"),
                    &events,
                )
            };
        }
        match stay {
            Stay::Hidden(gap) => {
                let what = format!(
                    "a gap of the watch of pods may hide what became of {name} after {lost} was deleted"
                );
                say.blind(Cause::Gap, what, &[request, gap]);
            }
            _ if !containers::are_started(before.what) => {
                let what = format!("{name} was not running when {lost} was deleted");
                say.blind(Cause::NotReached, what, &[request, before.event]);
            }
            Stay::Stayed(last) => {
                let back = self.loss.made_good().filter(|back| survivor.window.has(back));
                let Some(back) = back else { return };
                let what = format!("{name} was left alone when {lost} was deleted and came back");
                say.held(what, &[request, last.event, back]);
            }
            Stay::Ended(_) => unreachable!("said above"),
        }
    }

    /// Whether the containers of all survivors were killed while the lost pod was away, on more than one node: no node and no
    /// container explains that, and neither does chance.
    fn is_the_loss(&self, survivor: &Survivor<'_, 'h>, change: &containers::Changed<'h>) -> bool {
        if matches!(change.what, What::Replaced { .. }) {
            return !was_crashed(self.view, survivor);
        }
        let Some(back) = self.loss.made_good() else { return false };
        let request = self.loss.doing.event;
        let mut nodes = BTreeSet::new();
        let all_killed = self.loss.survivors.iter().all(|survivor| {
            let Some(before) = survivor.life.between(None, request).last() else { return false };
            let after = survivor.life.between(Some(request), survivor.window.until);
            nodes.insert(before.what.text("/spec/nodeName"));
            let change = containers::first_change(before.what, after);
            change.is_some_and(|change| change.what.is_kill() && change.version.event.comes_before(back))
                && !was_crashed(self.view, survivor)
        });
        all_killed && nodes.len() > 1
    }

    /// The pods that were deleted came back.
    fn recreated(&self, findings: &mut Findings) {
        let (request, lost) = (self.loss.doing.event, self.lost());
        let say = findings.on(RECREATED).of(Dimension::Deletion, self.key());
        if let Some(back) = self.loss.made_good() {
            return say.held(format!("{lost} came back after its deletion"), &[request, back]);
        }
        if self.loss.is_cut_short() {
            let what = format!("the driver disturbed {lost} again before it had come back");
            return say.blind(Cause::NotReached, what, &[request]);
        }
        let open = self.loss.lost.iter().filter(|lost| lost.place == Place::Open);
        let mut undone = open
            .filter_map(|lost| controller::not_created_in(self.view, self.set, &lost.window, lost.life.name));
        if let Some((wait, undone)) = undone.next() {
            let what = format!("{} was not recreated for {:.0} s", self.set.key(&undone.pod), undone.secs);
            return match undone.excuse {
                None => {
                    let what = format!("{what}, and nothing stood in its way");
                    say.broken(what, &[request, undone.since, wait]);
                }
                Some((why, event)) => {
                    say.blind(Cause::ControllerLag, format!("{what}: {why}"), &[request, event, wait]);
                }
            };
        }
        let gap = self.set.pods().gap_between(request, self.view.ended());
        let cause = gap.map_or(Cause::Surroundings, |_| Cause::Gap);
        say.blind(
            cause,
            format!("{lost} was not seen to be ready again after its deletion{}", self.trouble()),
            &[request],
        );
    }

    /// What keeps the pods that came back from being ready, as far as they say so.
    fn trouble(&self) -> String {
        let next = self.loss.lost.iter().filter_map(|lost| self.set.pods().successor(lost.life));
        let troubles =
            next.filter_map(|life| Some(format!("; {}: {}", life.name, life.container_trouble()?.1)));
        troubles.collect()
    }

    fn revision(&self, findings: &mut Findings) {
        let (request, lost) = (self.loss.doing.event, self.lost());
        let window = self.view.window_until(request, |next| next.remakes(self.set));
        let say = findings.on(REVISION).of(Dimension::Deletion, self.key());
        match revisions::kept(self.set, request, window.until) {
            Kept::Changed((before, first), (now, event)) => {
                let what = format!(
                    "the set's revision became {} (update {}) after {lost} was deleted, from {} (update {})",
                    now.current, now.update, before.current, before.update
                );
                let mut earlier =
                    self.view.doings().iter().take_while(|doing| doing.event.comes_before(event));
                if earlier.any(|doing| doing.remakes(self.set)) {
                    say.blind(
                        Cause::NotReached,
                        format!("{what}; the driver had changed the set"),
                        &[first, event],
                    );
                } else {
                    say.broken(what, &[first, request, event]);
                }
            }
            Kept::Hidden(gap) => {
                let what = format!(
                    "a gap of the watch of statefulsets may hide the set's revision after {lost} was deleted"
                );
                say.blind(Cause::Gap, what, &[request, gap]);
            }
            Kept::Untold => {
                say.blind(Cause::NotTold, "the set's revision before the deletion is not known", &[request]);
            }
            Kept::Kept(before, event) => {
                let Some(back) = self.loss.made_good().filter(|back| window.has(back)) else { return };
                let what = format!("the set's revision stayed {} when {lost} was recreated", before.current);
                say.held(what, &[event, back]);
            }
        }
    }
}

/// Whether the driver itself had crashed a container of the pod.
fn was_crashed(view: &View<'_>, survivor: &Survivor<'_, '_>) -> bool {
    let mut crashes = view.execs_for(&Purpose::Crash);
    crashes.any(|crash| crash.pod == survivor.life.name && crash.event.seq <= survivor.window.until.seq)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::{Resource, Verb},
    };

    const THREE: &str = "set replicas=3 revision=web-7; web-0 created; web-0 container c0; web-0 ready; \
        web-1 created; web-1 container c1; web-1 ready; web-2 created; web-2 container c2; web-2 ready; set ready=3;";
    const LOST: &str = "delete web-0; web-0 terminating; set ready=2; web-0 deleted; web-0 created;";
    const TWO_LEFT: &str = "set generation=1 observed=1 pods=2 ready=2 available=2;";
    const BACK: &str = "web-0 container c3; web-0 ready; set ready=3;";

    #[test]
    fn only_the_deleted_one_is_recreated() {
        assert_held(&CHECK, &format!("{THREE} {LOST} {BACK} completed"), 4);
    }

    #[test]
    fn the_lowest_and_then_the_highest() {
        let highest = "delete web-2; web-2 terminating; web-2 deleted; web-2 created; web-2 ready; completed";
        assert_held(&CHECK, &format!("{THREE} {LOST} {BACK} {highest}"), 8);
    }

    #[test]
    fn a_request_that_was_sent_again_is_one_deletion() {
        let history = format!("{THREE} {LOST} again; {BACK} completed");
        assert_held(&CHECK, &history, 4);
    }

    #[test]
    fn other_updates_of_a_survivor_are_no_disturbance() {
        let updates = "web-1 unready; web-1 ready; web-1 label a=b; web-2 label a=b;";
        assert_held(&CHECK, &format!("{THREE} {LOST} {updates} {BACK} completed"), 4);
    }

    #[test]
    fn the_whole_set_is_recreated() {
        let history = format!("{THREE} {LOST} {BACK} web-1 terminating; web-1 deleted; web-1 created");
        assert_broken(&CHECK, &history, "web-1 began to terminate after web-0 was deleted");
    }

    #[test]
    fn a_survivor_is_removed_without_notice() {
        assert_broken(&CHECK, &format!("{THREE} {LOST} {BACK} web-2 deleted"), "web-2 was removed");
    }

    #[test]
    fn a_survivor_is_restarted_in_place() {
        let history = format!("{THREE} {LOST} web-1 container c9 1; {BACK} completed");
        assert_broken(
            &CHECK,
            &history,
            "web-1 had a container stopped or restarted (nginx: restart count 1)",
        );
    }

    #[test]
    fn a_container_that_has_not_started_was_not_restarted() {
        let mut notes = Notes::new().say(&format!("{THREE} {LOST}"));
        notes.modify(Resource::Pods, "web-1", |pod| {
            let statuses = pod["status"]["containerStatuses"].as_array_mut().expect("statuses");
            statuses.push(json!({"name": "sidecar", "restartCount": 0, "state": {"waiting": {}}}));
        });
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        assert_eq!((findings.held, findings.findings.len()), (4, 4), "{:#?}", findings.findings);
    }

    #[test]
    fn an_address_that_the_node_changes_in_place_is_not_the_sets_doing() {
        let history = format!("{THREE} {LOST} web-1 address 10.0.0.99; {BACK} completed");
        assert_blind(&CHECK, &history, "web-1 changed its address from 10.0.0.11 to 10.0.0.99 on no node");
    }

    #[test]
    fn the_loss_makes_a_new_revision() {
        let history = format!("{THREE} {LOST} set revision=web-8; {BACK} completed");
        assert_broken(&CHECK, &history, "the set's revision became web-8");
    }

    #[test]
    fn the_lost_one_never_comes_back() {
        let lost = format!("delete web-0; web-0 terminating; web-0 deleted; {TWO_LEFT} wait 120s;");
        let history = format!("{THREE} {lost} timed-out pods-ready [0, 1, 2]; aborted");
        assert_broken(&CHECK, &history, "web-0 was not recreated for 120 s");
    }

    #[test]
    fn the_highest_never_comes_back() {
        let history = format!(
            "delete web-2; web-2 terminating; web-2 deleted; {TWO_LEFT} wait 120s; timed-out pods-ready [2]"
        );
        assert_broken(&CHECK, &format!("{THREE} {history}; aborted"), "web-2 was not recreated for 120 s");
    }

    #[test]
    fn other_requests_are_no_loss() {
        for (verb, resource) in [(Verb::Delete, Resource::Services), (Verb::Patch, Resource::Pods)] {
            let mut notes = Notes::new().say(THREE);
            notes.request(verb, resource, Some("web-0"), None, json!({}));
            let findings = judge(&CHECK, &notes.say("completed").history());
            assert!(findings.findings.is_empty(), "{verb:?}: {:#?}", findings.findings);
        }
    }

    #[test]
    fn one_that_cannot_start_is_not_held_against_the_set() {
        let history = format!("{THREE} {LOST} wait 120s; timed-out pods-ready [0, 1, 2]; aborted");
        assert_blind(&CHECK, &history, "not seen to be ready again");
    }

    #[test]
    fn nothing_is_known_across_a_gap() {
        assert_blind(&CHECK, &format!("{THREE} {LOST} gap pods; {BACK} completed"), "gap");
    }

    #[test]
    fn a_survivor_that_did_not_run_shows_nothing() {
        let history = "set replicas=2 revision=web-7; web-0 created; web-0 ready; web-1 created; delete web-0; \
            web-0 deleted; web-0 created; web-0 ready; completed";
        assert_blind(&CHECK, history, "web-1 was not running when web-0 was deleted");
    }

    #[test]
    fn an_eviction_is_not_the_sets_doing() {
        let mut notes = Notes::new().say(&format!("{THREE} {LOST}"));
        notes.modify(Resource::Pods, "web-1", |pod| {
            let conditions = pod["status"]["conditions"].as_array_mut().expect("conditions");
            conditions.push(json!({"type": "DisruptionTarget", "status": "True"}));
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        });
        let findings = judge(&CHECK, &notes.say(BACK).history());
        let said: Vec<_> = findings.findings.iter().map(|finding| finding.what.as_str()).collect();
        assert!(said.iter().any(|what| what.contains("it was evicted")), "{said:?}");
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{said:?}");
    }

    #[test]
    fn without_a_deletion_nothing_is_said() {
        assert_silent(&CHECK, THREE);
    }

    /// A survivor whose container ended with that exit code and was started again, on that node.
    fn ended(notes: &mut Notes, pod: &str, node: &str, code: i64) {
        notes.modify(Resource::Pods, pod, |pod| {
            pod["spec"]["nodeName"] = json!(node);
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "containerID": "again", "restartCount": 1,
                "state": {"running": {"startedAt": "2026-01-01T01:00:00Z"}},
                "lastState": {"terminated": {"exitCode": code, "reason": "Error"}},
            }]);
        });
    }

    fn on_nodes() -> Notes {
        let mut notes = Notes::new().say(THREE);
        for (pod, node) in [("web-1", "a"), ("web-2", "b")] {
            notes.modify(Resource::Pods, pod, |pod| pod["spec"]["nodeName"] = json!(node));
        }
        notes.say(LOST)
    }

    #[test]
    fn a_container_that_ends_by_its_own_fault_is_named_with_exit_code_and_node() {
        let mut notes = on_nodes();
        ended(&mut notes, "web-1", "a", 1);
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        let blind = findings.of_kind(Kind::Blind).next().expect("blind");
        assert_eq!((findings.held, blind.cause), (3, Some(Cause::Surroundings)));
        assert!(
            blind.what.contains("its container nginx end with exit code 1 (Error) on a"),
            "{}",
            blind.what
        );
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn a_node_that_kills_its_containers_is_not_held_against_the_set() {
        let mut notes = on_nodes();
        ended(&mut notes, "web-1", "a", 137);
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
    }

    #[test]
    fn a_loss_that_kills_all_survivors_wherever_they_are_is_no_nodes_doing() {
        let mut notes = on_nodes();
        ended(&mut notes, "web-1", "a", 137);
        ended(&mut notes, "web-2", "b", 137);
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 2, "{:#?}", findings.findings);
    }

    #[test]
    fn all_on_one_node_may_be_that_nodes_doing() {
        let mut notes = Notes::new().say(&format!("{THREE} {LOST}"));
        ended(&mut notes, "web-1", "a", 137);
        ended(&mut notes, "web-2", "a", 137);
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
    }

    #[test]
    fn a_gap_hides_who_was_there_when_a_pod_was_deleted() {
        let replaced = "gap pods; delete web-0; web-0 listed; web-1 listed; web-2 listed-again; opened pods;";
        let after = "web-0 container c3; web-0 ready; completed";
        assert_blind(&CHECK, &format!("{THREE} {replaced} {after}"), "in a gap of a watch");
        let findings = judge(&CHECK, &history(&format!("{THREE} {replaced} {after}")));
        assert_eq!(findings.evidence.iter().filter(|held| held.clause == super::SURVIVORS).count(), 0);
    }

    #[test]
    fn a_survivor_that_is_another_one_after_a_gap_is_not_held_against_the_set() {
        let replaced = "gap pods; web-0 listed-again; web-1 listed; web-2 listed-again; opened pods;";
        assert_blind(
            &CHECK,
            &format!("{THREE} {LOST} {replaced} {BACK} completed"),
            "web-1 was removed after web-0",
        );
    }

    #[test]
    fn one_that_is_the_same_after_a_gap_was_left_alone() {
        let same = "gap pods; web-0 listed-again; web-1 listed-again; web-2 listed-again; opened pods;";
        assert_held(&CHECK, &format!("{THREE} {LOST} {same} {BACK} completed"), 4);
    }

    #[test]
    fn a_later_scale_or_deletion_is_the_drivers_own() {
        let down = "scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{THREE} {LOST} {BACK} {down}"), 4);
        let all =
            "delete all; web-2 terminating; web-1 terminating; web-0 terminating; web-2 deleted; completed";
        let findings = judge(&CHECK, &history(&format!("{THREE} {LOST} {BACK} {all}")));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
        let evidence: Vec<_> = findings.evidence.iter().map(|held| held.clause).collect();
        assert_eq!(evidence, [super::SURVIVORS, super::SURVIVORS, super::RECREATED, super::REVISION]);
    }

    #[test]
    fn a_violation_before_a_later_scale_is_still_found() {
        let early = "web-1 terminating; scale 1; web-2 terminating; completed";
        assert_broken(&CHECK, &format!("{THREE} {LOST} {early}"), "web-1 began to terminate after web-0");
    }

    #[test]
    fn lost_and_scaled_at_once() {
        let up = "scale 4; web-0 terminating; web-0 deleted; web-0 created; web-0 container c3; web-0 ready; web-3 created; completed";
        assert_held(&CHECK, &format!("{THREE} delete web-0; {up}"), 4);
        let down = "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; web-2 terminating; web-2 deleted; completed";
        assert_held(&CHECK, &format!("{THREE} delete web-0; scale 2; {down}"), 3);
        assert_held(&CHECK, &format!("{THREE} scale 2; delete web-0; {down}"), 3);
    }

    #[test]
    fn a_pod_that_was_deleted_a_moment_before_is_no_survivor() {
        let both = "delete web-1; delete web-0; web-1 terminating; web-0 terminating; web-1 deleted; web-0 deleted; \
            web-0 created; web-0 ready; web-1 created; web-1 ready; completed";
        assert_held(&CHECK, &format!("{THREE} {both}"), 6);
    }

    #[test]
    fn a_survivor_that_was_not_ready_keeps_what_it_has() {
        let unready = "web-1 unready;";
        assert_held(&CHECK, &format!("{THREE} {unready} {LOST} {BACK} completed"), 4);
        let ended = format!("{THREE} {unready} {LOST} web-1 terminating; {BACK} completed");
        assert_broken(&CHECK, &ended, "web-1 began to terminate");
        let starting = "set replicas=2 revision=web-7; web-0 created; web-0 ready; web-1 created; delete web-0; web-1 deleted; completed";
        assert_broken(&CHECK, starting, "web-1 was removed after web-0 was deleted");
    }

    #[test]
    fn a_survivor_that_ended_by_itself_may_be_replaced() {
        let failed =
            format!("{THREE} {LOST} web-1 failed; web-1 terminating; web-1 deleted; {BACK} completed");
        assert_blind(&CHECK, &failed, "it had ended by itself on no node: phase Failed");
    }

    #[test]
    fn a_survivor_that_the_driver_crashed_is_not_held_against_the_set() {
        let crashed = "exec web-1 crash -> ok; delete web-0; web-1 container c9 1; web-0 terminating; web-0 deleted; web-0 created;";
        let findings = judge(&CHECK, &history(&format!("{THREE} {crashed} {BACK} completed")));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
    }

    #[test]
    fn a_roll_of_the_driver_is_no_disturbance() {
        let mut notes = Notes::new().say(THREE);
        let template = json!({"spec": {"template": {"spec": {"image": "b"}}}});
        notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, template);
        let rolled =
            "delete web-0; web-2 terminating; web-2 deleted; set revision=web-8; web-0 deleted; completed";
        let findings = judge(&CHECK, &notes.say(rolled).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
        assert_eq!(findings.held, 0);
    }

    #[test]
    fn a_set_in_another_namespace_with_another_lowest_ordinal() {
        let there = "in other; set start=5 replicas=2 revision=web-7; web-5 created; web-5 container a; web-5 ready; \
            web-6 created; web-6 container b; web-6 ready; delete web-5; web-5 deleted; web-5 created; web-5 ready;";
        assert_held(&CHECK, &format!("web-0 created; {there} completed"), 3);
        let broken = format!("web-0 created; {there} web-6 deleted; completed");
        assert_broken(&CHECK, &broken, "other/web-6 was removed after other/web-5 was deleted");
    }

    #[test]
    fn a_watch_of_the_set_that_is_late_shows_the_same_revision() {
        let late = "delete web-0; web-0 terminating; web-0 deleted; web-0 created; web-0 container c3; web-0 ready; wait 4s; \
            set ready=2; set ready=3; completed";
        assert_held(&CHECK, &format!("{THREE} {late}"), 4);
    }
}
