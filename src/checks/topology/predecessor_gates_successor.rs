//! `predecessor-gates-successor`: while a pod runs but is not ready, the next one does not exist, however long that lasts.

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Phase, ReadSeen, Seen},
    limits,
    views::{
        PodLife, Set, View, controller,
        held_back::{HeldBack, held_back},
        lower::{self, Lower},
    },
};

/// Judges `specs/topology/predecessor-gates-successor.yaml`.
pub(super) const CHECK: Check = Check { id: "predecessor-gates-successor", judge };

/// While a pod ran and was not ready for half a minute, no pod of a higher ordinal was created.
const KEPT: &str = "kept";
/// At the end of that time the next pod was not found.
const NOT_FOUND: &str = "not-found";
/// Once the pod was ready, the next one was created.
const FOLLOWS: &str = "follows";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let mut doubts = Doubts::default();
    for set in view.sets().iter().filter(|set| !set.is_parallel()) {
        for born in set.pods().iter().filter(|life| set.pods().made_by_set(life)) {
            not_too_early(view, set, findings, born);
        }
        for held in held_back(view, set) {
            Kept { view, set, held: &held }.judge(findings, &mut doubts);
        }
    }
    doubts.say(findings);
}

/// No pod below one that is created runs without being ready.
fn not_too_early<'h>(view: &View<'h>, set: &Set<'h>, findings: &mut Findings, born: &PodLife<'h>) {
    let (birth, name) = (born.birth(), set.key(born.name));
    for lower in lower::names_below(set, born) {
        let state = lower::at_birth(view, set, born, &lower);
        if matches!(state, Lower::Ready(..)) {
            continue;
        }
        let say = findings.on(KEPT).pod(set.key(&lower));
        if let Some(gap) = lower::hidden(set.pods(), born).or_else(|| set.spec_hidden()) {
            let what = format!("the creation of {name} fell into a gap of the watch");
            return say.blind(Cause::Gap, what, &[gap, birth]);
        }
        let Lower::NotReady(life, version) = state else { continue };
        let runs = life.running().filter(|runs| runs.comes_before(birth));
        let what = match (Phase::of(version.what), runs) {
            (Phase::Pending, _) | (Phase::Running, None) => {
                format!("{name} was created before {} ran", set.key(&lower))
            }
            (Phase::Running, Some(_))
                if life.first_ready().is_some_and(|ready| ready.comes_before(birth)) =>
            {
                format!("{name} was created while {} ran and was not ready any more", set.key(&lower))
            }
            (Phase::Running, Some(runs)) => format!(
                "{name} was created {:.1} s after {} had begun to run, which was not ready yet",
                secs(runs, birth),
                set.key(&lower)
            ),
            _ => continue,
        };
        return say.broken(what, &[version.event, birth]);
    }
}

/// What keeps a record from being evidence, if nothing else in it is.
#[derive(Default)]
struct Doubts<'h> {
    too_short: Option<(String, &'h Event, &'h Event)>,
    not_read: Option<(String, &'h Event)>,
}

impl Doubts<'_> {
    fn say(self, findings: &mut Findings) {
        let has = |findings: &Findings, clause| findings.evidence.iter().any(|held| held.clause == clause);
        if let Some((what, began, ended)) = self.too_short.filter(|_| !has(findings, KEPT)) {
            findings.on(KEPT).blind(Cause::NotReached, what, &[began, ended]);
        }
        if let Some((what, ended)) = self.not_read.filter(|_| !has(findings, NOT_FOUND)) {
            findings.on(NOT_FOUND).blind(Cause::NotReached, what, &[ended]);
        }
    }
}

/// A pod that was kept from being ready for a time.
struct Kept<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    held: &'v HeldBack<'v, 'h>,
}

impl<'h> Kept<'_, 'h> {
    fn judge(&self, findings: &mut Findings, doubts: &mut Doubts<'h>) {
        let HeldBack { began, ended, .. } = *self.held;
        let (gate, successor) = self.names();
        let secs = self.held.length_us() as f64 / 1e6;
        if self.held.length_us() < limits::QUIET.wait_us() {
            let what = format!("{gate} was kept unready for {secs:.1} s only");
            doubts.too_short.get_or_insert((what, began, ended));
            return;
        }
        if let Some(released) = self.held.released.filter(|_| !self.held.lasted()) {
            let what = format!("{gate} was not running and unready all the time");
            return findings.on(KEPT).pod(gate).blind(Cause::Surroundings, what, &[released.event]);
        }
        let read = self.read();
        match read {
            None => {
                let what = format!("{successor} was not read at the end of the quiet period");
                doubts.not_read.get_or_insert((what, ended));
            }
            Some(read) if read.code == 404 => {
                let what = format!("{successor} was not found after {gate} had been unready for {secs:.1} s");
                findings.on(NOT_FOUND).pod(gate).held(what, &[began, read.event]);
            }
            Some(read) => return self.was_found(findings, read),
        }
        self.proof_of_life(findings);
    }

    fn names(&self) -> (String, String) {
        (self.set.key(self.held.gate.name), self.set.key(&self.held.successor))
    }

    /// The read of the next pod after the quiet period.
    fn read(&self) -> Option<Seen<'h, ReadSeen>> {
        let path = format!("/api/v1/namespaces/{}/pods/{}", self.set.namespace, self.held.successor);
        let mut reads = self.view.history().reads();
        reads.find(|read| self.held.ended.comes_before(read.event) && read.path == path)
    }

    /// The read at the end of the quiet period does not show that the next pod does not exist.
    fn was_found(&self, findings: &mut Findings, read: Seen<'h, ReadSeen>) {
        let (gate, successor) = self.names();
        let say = findings.on(NOT_FOUND).pod(gate.as_str());
        if read.code == 200 && self.held.was_shut(self.view, read.event) && self.is_first_start() {
            let what = format!("{successor} existed while {gate} was running but not ready");
            return say.broken(what, &[self.held.began, read.event]);
        }
        let cause = if read.code == 200 { Cause::NoOrder } else { Cause::NoAnswer };
        say.blind(cause, format!("the read of {successor} was answered with {}", read.code), &[read.event]);
    }

    /// Whether no pod of a higher ordinal can have been there before the gate began to run.
    fn is_first_start(&self) -> bool {
        let (pods, unready) = (self.set.pods(), self.held.unready);
        let above = pods.iter().filter(|life| life.ordinal > self.held.gate.ordinal);
        above.filter(|life| life.birth().comes_before(unready)).count() == 0
            && pods.gap_between(&self.view.history().events[0], unready).is_none()
            && self.set.uids().len() < 2
    }

    /// The controller was alive, and it was the unready pod that it waited for: the next one came once that was ready.
    fn proof_of_life(&self, findings: &mut Findings) {
        let HeldBack { unready, ended, .. } = *self.held;
        let (gate, successor) = self.names();
        let pods = self.set.pods();
        let next = pods.named(&self.held.successor).find(|life| unready.comes_before(life.birth()));
        let known_until = next.map_or(self.view.history().ended(), |next| next.birth());
        let gap = pods.gap_between(unready, known_until).map(|gap| gap.shown_by);
        if let Some(gap) = gap.or_else(|| self.set.spec_hidden()) {
            let what = "a gap of the watch may hide a pod that came and went";
            return findings.on(KEPT).pod(gate).blind(Cause::Gap, what, &[gap]);
        }
        let (Some(ready), Some(next)) = (self.held.ready(), next) else {
            return self.never_came(findings, ended);
        };
        let until = next.birth();
        let is_early = |life: &PodLife<'h>| {
            life.ordinal > self.held.gate.ordinal && life.birth().is_between(unready, ready)
        };
        if until.comes_before(ready) || pods.iter().any(is_early) {
            return; // Said above.
        }
        let what = format!(
            "no pod of a higher ordinal was created while {gate} was unready for {:.1} s",
            secs(unready, ready)
        );
        findings.on(KEPT).pod(gate.as_str()).held(what, &[self.held.began, ended, ready, until]);
        let what = format!("{successor} was created {:.1} s after {gate} was ready", secs(ready, until));
        findings.on(FOLLOWS).pod(gate).held(what, &[ready, until]);
    }

    fn never_came(&self, findings: &mut Findings, ended: &'h Event) {
        let (gate, successor) = self.names();
        let say = findings.on(FOLLOWS).pod(gate);
        let window = self.view.window(self.held.ended, self.set, &self.held.successor);
        let undone = controller::not_created_in(self.view, self.set, &window, &self.held.successor);
        if let Some((wait, undone)) = undone.filter(|(_, undone)| undone.excuse.is_none()) {
            let what =
                format!("{successor} was not created for {:.0} s, and nothing stood in its way", undone.secs);
            return say.broken(what, &[undone.since, wait]);
        }
        let what =
            format!("{successor} was never created, so it is not known whether the controller was alive");
        say.blind(Cause::NotReached, what, &[ended]);
    }
}

fn secs(from: &Event, until: &Event) -> f64 {
    until.span.until_us.saturating_sub(from.span.until_us) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        history::Resource,
    };

    const UNREADY: &str =
        "set replicas=3; web-0 created; web-0 scheduled; web-0 running; quiet first-unready;";
    const OVER: &str = "wait 30s; quiet-over first-unready; read pods/web-1 -> 404;";

    #[test]
    fn the_second_comes_once_the_first_is_ready() {
        assert_held(&CHECK, &format!("{UNREADY} {OVER} web-0 ready; web-1 created; web-1 running"), 3);
    }

    #[test]
    fn a_container_that_restarts_meanwhile_is_still_unready() {
        let history = format!("{UNREADY} web-0 container c1 1; {OVER} web-0 ready; web-1 created");
        assert_held(&CHECK, &history, 3);
    }

    #[test]
    fn a_controller_that_goes_on_after_eleven_seconds() {
        let history = format!("{UNREADY} wait 11s; web-1 created; {OVER} web-0 ready");
        assert_broken(&CHECK, &history, "web-1 was created 11.");
    }

    #[test]
    fn a_successor_that_is_created_pending_at_once() {
        assert_broken(&CHECK, "web-0 created; web-1 created", "web-1 was created before web-0 ran");
        let removed = format!("{UNREADY} web-1 created; web-1 deleted; {OVER} web-0 ready; web-1 created");
        assert_broken(&CHECK, &removed, "was not ready yet");
    }

    #[test]
    fn the_one_after_the_next_is_no_exception() {
        assert_broken(&CHECK, &format!("{UNREADY} wait 11s; web-2 created"), "web-2 was created");
    }

    #[test]
    fn a_pod_that_only_a_read_shows() {
        let history = format!("{UNREADY} wait 30s; quiet-over first-unready; read pods/web-1 -> 200;");
        let opened = "wait 1s; exec web-0 open-gate -> done; web-0 ready; web-1 listed";
        assert_broken(&CHECK, &format!("{history} {opened}"), "web-1 existed");
        assert_blind(&CHECK, &format!("{history} web-0 ready; web-1 created"), "answered with 200");
    }

    #[test]
    fn an_answer_that_is_no_answer() {
        let history = format!("{UNREADY} wait 30s; quiet-over first-unready;");
        let after = "web-0 ready; web-1 created";
        assert_blind(&CHECK, &format!("{history} read pods/web-1 -> 503; {after}"), "answered with 503");
        assert_blind(&CHECK, &format!("{history} {after}"), "was not read");
    }

    #[test]
    fn a_controller_that_may_be_dead_proves_nothing() {
        let history = format!("{UNREADY} {OVER} web-0 ready; timed-out pods-unready [1]; aborted");
        assert_blind(&CHECK, &history, "never created");
    }

    #[test]
    fn a_quiet_period_that_was_too_short_proves_nothing() {
        let short = "wait 10s; quiet-over first-unready; read pods/web-1 -> 404;";
        assert_blind(&CHECK, &format!("{UNREADY} {short} web-0 ready; web-1 created"), "10.1 s only");
    }

    #[test]
    fn half_a_minute_is_long_enough() {
        let quiet =
            |wait: &str| format!("{UNREADY} wait {wait}; quiet-over first-unready; read pods/web-1 -> 404;");
        assert_held(&CHECK, &format!("{} web-0 ready; web-1 created", quiet("29.9s")), 3);
        assert_blind(&CHECK, &format!("{} web-0 ready; web-1 created", quiet("29.8s")), "29.9 s only");
    }

    #[test]
    fn only_a_read_of_the_second_after_the_quiet_period_counts() {
        let early = "wait 30s; read pods/web-1 -> 404; quiet-over first-unready; web-0 ready; web-1 created";
        assert_blind(&CHECK, &format!("{UNREADY} {early}"), "was not read");
        let other = "wait 30s; quiet-over first-unready; read pods/web-2 -> 404; web-0 ready; web-1 created";
        assert_blind(&CHECK, &format!("{UNREADY} {other}"), "was not read");
    }

    #[test]
    fn a_read_that_came_after_the_gate_was_opened_proves_nothing() {
        let late = "exec web-0 open-gate -> done; read pods/web-1 -> 200; web-0 ready; web-1 created";
        let history = format!("{UNREADY} wait 30s; quiet-over first-unready; {late}");
        assert_blind(&CHECK, &history, "answered with 200");
    }

    #[test]
    fn one_that_came_too_early_does_not_show_that_the_controller_waits() {
        let history = format!("{UNREADY} {OVER} web-1 created; web-0 ready");
        assert_broken(&CHECK, &history, "was not ready yet");
        let findings = judge(&CHECK, &crate::checks::notation::history(&history));
        let held: Vec<_> = findings.evidence.iter().map(|held| held.clause).collect();
        assert_eq!(held, [super::NOT_FOUND]);
    }

    #[test]
    fn a_first_pod_that_was_ready_in_between_proves_nothing() {
        let history = format!("{UNREADY} web-0 ready; web-0 unready; {OVER} web-0 ready; web-1 created");
        assert_blind(&CHECK, &history, "not running and unready all the time");
    }

    #[test]
    fn a_gap_may_hide_a_pod() {
        let history = format!("{UNREADY} gap pods; {OVER} web-0 ready; web-1 created");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn without_the_quiet_period_nothing_is_said() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; web-1 created");
    }

    #[test]
    fn any_pod_can_be_the_gate_and_any_name_the_period_have() {
        let second = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 running; quiet whatever; wait 30s; \
            quiet-over whatever; read pods/web-2 -> 404; web-1 ready; web-2 created";
        assert_held(&CHECK, second, 3);
        let shifted = "in other; set start=5 replicas=2; web-5 created; web-5 running; quiet x; wait 30s; quiet-over x; \
            read pods/web-6 -> 404; web-5 ready; web-6 created";
        assert_held(&CHECK, shifted, 3);
        assert_broken(
            &CHECK,
            &shifted
                .replace("wait 30s;", "wait 30s; web-6 created;")
                .replace("ready; web-6 created", "ready"),
            "other/web-6 was created 30.",
        );
    }

    #[test]
    fn a_lower_pod_that_was_lost_holds_back_what_is_missing_and_not_what_is_there() {
        let lost = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 running; delete web-0; web-0 terminating; \
            web-0 deleted; web-0 created; web-0 running; web-1 ready; quiet x; wait 30s; quiet-over x;";
        let after = "exec web-0 open-gate -> ok; web-0 ready; web-2 created";
        assert_held(&CHECK, &format!("{lost} read pods/web-2 -> 404; {after}"), 3);
        assert_blind(
            &CHECK,
            &format!("{lost} read pods/web-2 -> 200; wait 1s; {after}"),
            "answered with 200",
        );
        assert_broken(&CHECK, &format!("{lost} web-2 created; {after}"), "web-2 was created 30.");
    }

    #[test]
    fn a_period_of_a_pod_that_holds_nothing_back_says_nothing() {
        let complete = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; web-1 unready; quiet x; wait 30s; quiet-over x;";
        assert_silent(&CHECK, &format!("{complete} web-1 ready; completed"));
    }

    #[test]
    fn a_short_period_beside_a_long_one_takes_nothing_away() {
        let second = "web-1 running; quiet second-unready; wait 2s; quiet-over second-unready; web-1 ready; web-2 created";
        assert_held(&CHECK, &format!("{UNREADY} {OVER} web-0 ready; web-1 created; {second}"), 3);
    }

    #[test]
    fn readiness_lost_a_moment_ago_says_nothing() {
        assert_silent(
            &CHECK,
            "set replicas=2; web-0 created; web-0 ready; web-0 unready; web-1 created; completed",
        );
        let long_ago =
            "set replicas=2; web-0 created; web-0 ready; web-0 unready; wait 30s; web-1 created; completed";
        assert_broken(&CHECK, long_ago, "web-1 was created while web-0 ran and was not ready any more");
    }

    #[test]
    fn a_successor_that_a_controller_which_knows_does_not_create() {
        let never = "set replicas=2 generation=1 observed=1; web-0 created; web-0 running; quiet x; wait 30s; quiet-over x; \
            read pods/web-1 -> 404; web-0 ready; set pods=1 ready=1 available=1; wait 60s; timed-out pods-ready web-1; aborted";
        assert_broken(&CHECK, never, "web-1 was not created for 60 s");
    }

    #[test]
    fn one_that_the_driver_scaled_away_need_not_come() {
        let away = format!("{UNREADY} {OVER} scale 1; web-0 ready; completed");
        assert_blind(&CHECK, &away, "never created");
    }

    #[test]
    fn a_gap_hides_whether_a_pod_was_created_too_early() {
        let listed = "set replicas=2; web-0 created; web-0 running; gap pods; web-0 listed-again; web-1 listed; opened pods; completed";
        assert_blind(&CHECK, listed, "fell into a gap");
    }

    #[test]
    fn a_parallel_set_waits_for_nothing() {
        let mut notes = Notes::new().say("set replicas=2");
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["podManagementPolicy"] = json!("Parallel")
        });
        let history = notes.say("web-0 created; web-1 created; completed").history();
        assert!(judge(&CHECK, &history).findings.is_empty());
    }
}
