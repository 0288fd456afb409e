//! Of `identity-stable-on-recreate`: a pod that was deleted goes, and another one takes its place.

use super::identity_stable_on_recreate::IDENTITY;
use crate::{
    checks::{Cause, Findings},
    history::{Event, GivenUp, Wait},
    views::{
        Dimension, Set, View, Window, controller, order,
        recreation::{Recreation, recreations},
    },
};

pub(super) fn judge<'h>(view: &View<'h>, set: &Set<'h>, findings: &mut Findings) {
    let given_up: Vec<GivenUp<'h>> = view.history().given_up(Wait::is_for_members_to_come).collect();
    for deleted in recreations(view, set).iter().filter(|deleted| deleted.next.is_none()) {
        let window = view.window(deleted.request, set, deleted.lost.name);
        let until_then = view.history().event(window.until.seq.saturating_sub(1));
        let wanted = set.wanted_at(until_then);
        if wanted.iter().any(|name| name == deleted.lost.name) {
            let name = set.key(deleted.lost.name);
            let is_for_it = |wait: &Wait| pods_of(wait).contains(&name);
            let given_up =
                given_up.iter().find(|wait| is_for_it(wait.wait) && window.has(wait.event)).copied();
            Deleted { view, set, deleted, name, window, given_up }.judge(findings);
        }
    }
}

fn pods_of(wait: &Wait) -> &[String] {
    match wait {
        Wait::PodsRunning(pods) | Wait::PodsReady(pods) | Wait::PodsUnready(pods) => pods,
        _ => &[],
    }
}

/// A pod that a request took away, that was still asked for when it was next disturbed, and that had no successor.
struct Deleted<'p, 'h> {
    view: &'p View<'h>,
    set: &'p Set<'h>,
    deleted: &'p Recreation<'p, 'h>,
    name: String,
    /// Up to the next disturbance of the pod.
    window: Window<'h>,
    /// The first wait for the pod that was given up in the window.
    given_up: Option<GivenUp<'h>>,
}

impl<'h> Deleted<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let (request, until) = (self.deleted.request, self.window.until);
        if let Some(gap) = self.set.pods().gap_between(request, until) {
            let what =
                format!("{} was deleted, and a gap in the watch of pods hides what followed", self.name);
            return self.blind(Cause::Gap, what, &[gap.shown_by, request], findings);
        }
        let before = |event: &&'h Event| event.seq <= until.seq;
        let lost = self.deleted.lost;
        match (lost.terminating().filter(before), lost.gone().filter(before)) {
            (None, _) => self.had_no_effect(findings),
            (Some(terminating), None) => {
                let trouble =
                    lost.container_trouble().map(|(_, what)| format!(": {what}")).unwrap_or_default();
                let what = format!("{} was deleted and had not stopped yet{trouble}", self.name);
                self.blind(Cause::Surroundings, what, &[request, terminating], findings);
            }
            (_, Some(gone)) => self.did_not_come_back(gone, findings),
        }
    }

    /// The server granted the deletion, so the pod has a deletionTimestamp from then on, or is gone.
    fn had_no_effect(&self, findings: &mut Findings) {
        let request = self.deleted.request;
        let answer = self.view.history().answer_to(request);
        let Some(answer) = answer.filter(|answer| (200..300).contains(&answer.code)) else {
            let what = format!("{} was deleted, and the request was not answered", self.name);
            return self.blind(Cause::NoAnswer, what, &[request], findings);
        };
        let last = self.deleted.lost.last().event;
        let slack_us = order::slack_us(self.view.history(), last);
        let waited_us = |event: &Event| event.span.until_us.saturating_sub(answer.event.span.until_us);
        match self.given_up.filter(|wait| waited_us(wait.event) > slack_us) {
            Some(wait) => {
                let what = format!(
                    "{} was deleted and was still there when the wait for {} was given up",
                    self.name, wait.wait
                );
                self.say(findings).broken(what, &[request, answer.event, wait.event]);
            }
            None => {
                let what = format!("{} was deleted, and was not seen to go", self.name);
                self.blind(Cause::NotReached, what, &[request, self.window.until], findings);
            }
        }
    }

    fn did_not_come_back(&self, gone: &'h Event, findings: &mut Findings) {
        let Some(wait) = self.given_up else {
            let what = format!("{} was deleted, and was not seen to come back", self.name);
            return self.blind(Cause::NotReached, what, &[self.deleted.request, gone], findings);
        };
        let what = format!("{} had not come back when the wait for {} was given up", self.name, wait.wait);
        let undone = controller::not_created(self.view, self.set, wait.event);
        match undone.filter(|undone| undone.pod == self.deleted.lost.name) {
            Some(controller::Undone { excuse: None, secs, .. }) => {
                let what = format!("{what}, and nothing had stood in its way for {secs:.0} s");
                self.say(findings).broken(what, &[gone, wait.event]);
            }
            Some(controller::Undone { excuse: Some((excuse, shows)), .. }) => {
                let what = format!("{what}: {excuse}");
                self.blind(Cause::ControllerLag, what, &[gone, wait.event, shows], findings);
            }
            None => {
                let what = format!("{what}: it was not the next to be created");
                self.blind(Cause::NotReached, what, &[gone, wait.event], findings);
            }
        }
    }

    fn say<'f>(&self, findings: &'f mut Findings) -> crate::checks::Say<'f> {
        findings.on(IDENTITY).of(Dimension::Recreated, self.name.as_str())
    }

    fn blind(&self, cause: Cause, what: String, events: &[&Event], findings: &mut Findings) {
        self.say(findings).blind(cause, what, events);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::identity_stable_on_recreate::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        checks::{Cause, Kind},
        history::Resource,
    };

    const ONE: &str = "set replicas=1 generation=1 observed=1 pods=1 ready=1; web-0 created; web-0 ready";
    const GONE: &str = "delete web-0; answered 200; web-0 terminating; web-0 deleted; set pods=0 ready=0";
    const GIVEN_UP: &str = "wait 120s; timed-out pods-ready web-0; aborted";

    #[test]
    fn the_deletion_did_nothing() {
        let stays = format!("{ONE}; delete web-0; answered 200; {GIVEN_UP}");
        assert_broken(&CHECK, &stays, "web-0 was deleted and was still there");
        let all = stays.replace("delete web-0", "delete all");
        assert_broken(&CHECK, &all, "when the wait for pods-ready web-0 was given up");
    }

    #[test]
    fn a_deletion_that_was_not_answered_or_not_waited_for_proves_nothing() {
        let unanswered = format!("{ONE}; delete web-0; {GIVEN_UP}");
        assert_blind(&CHECK, &unanswered, "was not answered");
        let soon = format!("{ONE}; delete web-0; answered 200; wait 4s; timed-out pods-ready web-0; aborted");
        assert_blind(&CHECK, &soon, "was not seen to go");
        assert_blind(
            &CHECK,
            &format!("{ONE}; delete web-0; answered 200; wait 60s; completed"),
            "was not seen to go",
        );
        let hidden = format!("{ONE}; delete web-0; answered 200; gap pods; {GIVEN_UP}");
        assert_blind(&CHECK, &hidden, "a gap in the watch of pods");
    }

    #[test]
    fn a_pod_that_takes_its_time_to_stop_is_no_fault_of_the_set() {
        let slow = format!("{ONE}; delete web-0; answered 200; web-0 terminating; {GIVEN_UP}");
        assert_blind(&CHECK, &slow, "web-0 was deleted and had not stopped yet");
    }

    #[test]
    fn nothing_came_back_although_the_controller_knew() {
        assert_broken(&CHECK, &format!("{ONE}; {GONE}; {GIVEN_UP}"), "web-0 had not come back");
    }

    #[test]
    fn a_controller_that_may_not_know_is_slow() {
        let unknown = GONE.replace("; set pods=0 ready=0", "");
        assert_blind(&CHECK, &format!("{ONE}; {unknown}; {GIVEN_UP}"), "it may be slow");
        let soon = GIVEN_UP.replace("120s", "6s");
        assert_blind(&CHECK, &format!("{ONE}; {GONE}; {soon}"), "this controller may take 30 s");
    }

    #[test]
    fn what_was_not_waited_for_was_not_seen_to_come_back() {
        assert_blind(&CHECK, &format!("{ONE}; {GONE}; completed"), "was not seen to come back");
        let another =
            format!("{ONE}; {GONE}; wait 120s; timed-out pods-gone web-0; timed-out dns-settled; completed");
        assert_blind(&CHECK, &another, "was not seen to come back");
    }

    #[test]
    fn a_pod_that_is_scaled_away_has_not_to_come_back() {
        let later = format!("{ONE}; {GONE}; scale 0; {GIVEN_UP}");
        assert_blind(&CHECK, &later, "was not seen to come back");
        assert_silent(&CHECK, &format!("{ONE}; scale 0; {GONE}; {GIVEN_UP}"));
    }

    #[test]
    fn a_pod_is_not_blamed_for_its_neighbours() {
        let two =
            "set replicas=2 generation=1 observed=1; web-0 created; web-0 ready; web-1 created; web-1 ready";
        let stuck = format!(
            "{two}; delete all; answered 200; web-0 terminating; web-1 terminating; web-1 deleted; web-0 deleted; \
             web-0 created; set pods=1; wait 120s; timed-out pods-ready web-0 web-1; aborted"
        );
        let findings = judge(&CHECK, &history(&stuck));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        let blind: Vec<_> = findings.of_kind(Kind::Blind).map(|f| (f.cause, f.what.as_str())).collect();
        let what = "web-1 had not come back when the wait for pods-ready web-0 web-1 was given up: it was not the next to \
                    be created";
        assert_eq!(blind, [(Some(Cause::NotReached), what)]);
    }

    #[test]
    fn a_pod_that_is_lost_while_a_higher_one_never_gets_ready_comes_back() {
        let lower = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 running; delete web-0; \
                     answered 200; web-0 terminating; web-0 deleted; web-0 created; web-0 ready; \
                     wait 120s; timed-out pods-ready web-1; aborted";
        assert_held(&CHECK, lower, 1);
    }

    #[test]
    fn a_pod_that_others_took_away_is_not_asked_about() {
        assert_silent(
            &CHECK,
            &format!("{ONE}; web-0 terminating; web-0 deleted; set pods=0 ready=0; {GIVEN_UP}"),
        );
    }

    #[test]
    fn a_creation_that_the_server_refuses_explains_it() {
        let mut notes = Notes::new().say(&format!("{ONE}; {GONE}"));
        let event = json!({"metadata": {"name": "web.1"}, "reason": "FailedCreate", "message": "no quota"});
        notes.object(Resource::Events, crate::history::Change::Added, event);
        let findings = judge(&CHECK, &notes.say(GIVEN_UP).history());
        assert!(findings.findings.iter().all(|f| f.kind == Kind::Blind && f.what.contains("no quota")));
    }
}
