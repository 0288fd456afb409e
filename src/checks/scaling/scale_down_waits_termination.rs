//! `scale-down-waits-termination`: scaling down takes one pod at a time, the next only when the last one is gone.

use crate::{
    checks::{Cause, Check, Findings},
    history::Event,
    views::{
        Dimension, PodLife, ScaleDown, Set, View,
        ends::{self, Excuse, Whose},
    },
};

/// Judges `specs/scaling/scale-down-waits-termination.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-down-waits-termination", judge };

/// Each pod that had to go began to terminate when every higher one was gone.
const ONE_AT_A_TIME: &str = "one-at-a-time";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets().iter().filter(|set| !set.is_parallel()) {
        for down in set.scale_downs(view) {
            one_at_a_time(view, set, &down, findings);
        }
    }
}

fn one_at_a_time<'h>(view: &View<'h>, set: &Set<'h>, down: &ScaleDown<'h>, findings: &mut Findings) {
    if let Some((gap, what)) = super::hidden(set, down) {
        return findings.on(ONE_AT_A_TIME).blind(Cause::Gap, what, &[down.request, gap]);
    }
    for (place, lower) in down.condemned.iter().enumerate() {
        let is_higher = |life: &&PodLife<'h>| life.ordinal > lower.ordinal;
        let higher = down.condemned[..place].iter().chain(down.leaving.iter().filter(is_higher));
        let last = higher.fold(None, |last, life| super::latest(last, life, PodLife::gone));
        let (Some(last), Some(begins)) = (last, down.terminating(lower)) else { continue };
        let turn = Turn { view, set, down, lower, begins, last };
        let neighbour = place.checked_sub(1).map(|above| &down.condemned[above]);
        turn.judge(findings, neighbour, ends::excuse(view, set, lower, false));
    }
}

/// The turn of a pod that had to go.
struct Turn<'d, 'h> {
    view: &'d View<'h>,
    set: &'d Set<'h>,
    down: &'d ScaleDown<'h>,
    lower: &'d PodLife<'h>,
    begins: &'h Event,
    /// The higher pod that was gone last, or is not yet.
    last: &'d PodLife<'h>,
}

impl<'h> Turn<'_, 'h> {
    fn judge(&self, findings: &mut Findings, neighbour: Option<&PodLife<'h>>, excuse: Option<Excuse<'h>>) {
        let say = findings.on(ONE_AT_A_TIME);
        let say = match neighbour {
            Some(above) => {
                let key = self.set.key(&self.down.pair_key(above, self.lower));
                say.of(Dimension::ScaledAway, key)
            }
            None => say.of(Dimension::ScaleDown, self.set.key(&self.down.key())),
        };
        let (lower, begins) = (self.set.key(self.lower.name), self.begins);
        let gone = self.last.gone().filter(|gone| gone.comes_before(begins));
        match (gone, excuse) {
            (_, Some(excuse)) if excuse.whose == Whose::Driver => {}
            (Some(_), Some(excuse)) if excuse.whose != Whose::Hidden => {}
            (_, Some(excuse)) => {
                let what = format!("{lower} {}, so its turn is not known", excuse.what);
                say.blind(excuse.whose.into(), what, &[self.down.request, excuse.event, begins]);
            }
            (Some(gone), None) => {
                let what =
                    format!("{lower} began to terminate when {} was gone", self.set.key(self.last.name));
                say.held(what, &[gone, begins]);
            }
            (None, None)
                if ends::is_unknown_at(self.view, self.set, self.last, self.down.request, begins) =>
            {
                let what = format!(
                    "{}, which was so young that the controller may not have known it",
                    self.too_early()
                );
                say.blind(Cause::ControllerLag, what, &[self.last.birth(), begins]);
            }
            (None, None) => {
                let events = self.last.terminating().into_iter().chain([begins]).chain(self.last.gone());
                say.broken(self.too_early(), &events.collect::<Vec<_>>());
            }
        }
    }

    fn too_early(&self) -> String {
        let (lower, higher) = (self.set.key(self.lower.name), self.set.key(self.last.name));
        match self.last.terminating().filter(|first| first.comes_before(self.begins)) {
            Some(first) => {
                let secs = self.begins.span.until_us.saturating_sub(first.span.until_us) as f64 / 1e6;
                format!("{lower} began to terminate {secs:.1} s after {higher} had, which was not gone yet")
            }
            None => format!("{lower} began to terminate when {higher} had not even begun"),
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
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::Resource,
    };

    const FOUR: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; \
        web-3 created; web-3 ready; wait 6s; scale 1;";

    #[test]
    fn one_after_the_other() {
        let history = "web-3 terminating; wait 4s; web-3 unready; web-3 deleted; web-2 terminating; wait 4s; \
            web-2 deleted; web-1 terminating; wait 4s; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{FOUR} {history}"), 2);
    }

    #[test]
    fn updates_on_the_way_out_are_not_the_beginning_of_it() {
        let history = "web-3 terminating; web-3 unready; web-3 failed; web-3 deleted; web-2 unready; \
            web-2 terminating; web-2 unready; web-2 deleted; web-1 terminating";
        assert_held(&CHECK, &format!("{FOUR} {history}"), 2);
    }

    #[test]
    fn overlapping_terminations_that_end_in_the_right_order() {
        let history = "web-3 terminating; web-2 terminating; web-1 terminating; wait 4s; web-3 deleted; \
            web-2 deleted; web-1 deleted; completed";
        assert_broken(
            &CHECK,
            &format!("{FOUR} {history}"),
            "web-2 began to terminate 0.1 s after web-3 had, which was not gone yet",
        );
    }

    #[test]
    fn an_overlap_of_the_last_two_only() {
        let history =
            "web-3 terminating; web-3 deleted; web-2 terminating; wait 3s; web-1 terminating; web-2 deleted";
        assert_broken(&CHECK, &format!("{FOUR} {history}"), "web-1 began to terminate 3.1 s after web-2");
    }

    #[test]
    fn the_wrong_one_first() {
        let history = format!("{FOUR} web-1 terminating; web-1 deleted; web-2 terminating");
        assert_broken(&CHECK, &history, "web-1 began to terminate when web-2 had not even begun");
    }

    #[test]
    fn an_eviction_is_not_the_sets_doing() {
        let mut notes = Notes::new().say(&format!("{FOUR} web-3 terminating"));
        notes.modify(Resource::Pods, "web-2", |pod| {
            pod["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        });
        let findings = judge(&CHECK, &notes.history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
        assert_eq!(findings.of_kind(Kind::Blind).count(), 1, "{:#?}", findings.findings);
    }

    #[test]
    fn a_gap_hides_the_end_of_a_pod() {
        let relisted = "gap pods; web-3 unlisted; web-0 listed-again; web-1 listed-again; web-2 listed-again terminating;";
        let history = format!("{FOUR} web-3 terminating; {relisted} opened pods; completed");
        assert_blind(&CHECK, &history, "web-2 began to terminate in a gap of the watch of pods");
    }

    #[test]
    fn a_first_pod_that_never_goes_shows_nothing() {
        let history = format!("{FOUR} web-3 terminating; wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_silent(&CHECK, &history);
    }

    #[test]
    fn a_list_that_has_a_pod_no_more_shows_that_it_was_gone() {
        let relisted = "gap pods; web-3 unlisted; web-0 listed-again; web-1 listed-again; web-2 listed-again; opened pods;";
        let rest = "web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{FOUR} web-3 terminating; {relisted} {rest}"), 2);
    }

    #[test]
    fn what_happened_in_a_gap_fails_nothing() {
        let relisted = "gap pods; scale 1; web-2 unlisted; web-0 listed-again; web-1 listed-again terminating; opened pods;";
        let three = "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready; wait 6s;";
        assert_blind(&CHECK, &format!("{three} {relisted} web-1 deleted; completed"), "which pods had to go");
    }

    #[test]
    fn a_pod_that_was_on_its_way_out_before_is_waited_for() {
        let lost = FOUR.replace("scale 1;", "delete web-3; web-3 terminating; scale 1;");
        assert_broken(
            &CHECK,
            &format!("{lost} web-2 terminating; web-3 deleted"),
            "web-2 began to terminate",
        );
        let waits =
            "web-3 deleted; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{lost} {waits}"), 2);
    }

    #[test]
    fn what_the_driver_deletes_need_not_wait() {
        let early = format!(
            "{FOUR} delete web-1; web-3 terminating; web-1 terminating; web-1 deleted; web-3 deleted; web-2 terminating"
        );
        assert_held(&CHECK, &early, 1);
        let later = "web-3 terminating; scale 4; delete web-2; web-2 terminating; web-3 deleted; completed";
        assert_silent(&CHECK, &format!("{FOUR} {later}"));
    }

    #[test]
    fn an_overlap_before_the_driver_asked_for_something_else_is_found() {
        let history =
            format!("{FOUR} web-3 terminating; web-2 terminating; scale 4; web-3 deleted; completed");
        assert_broken(&CHECK, &history, "web-2 began to terminate 0.1 s after web-3 had");
    }

    #[test]
    fn a_parallel_set_takes_all_at_once() {
        let mut notes = Notes::new().say(&format!("set replicas=4; {}", FOUR.replace("scale 1;", "")));
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["podManagementPolicy"] = json!("Parallel");
        });
        let history = notes.say("scale 1; web-3 terminating; web-2 terminating; completed").history();
        assert!(judge(&CHECK, &history).findings.is_empty());
    }

    #[test]
    fn a_set_in_another_namespace_with_another_lowest_ordinal() {
        let there = "in other; set start=5 replicas=3; web-5 created; web-5 ready; web-6 created; web-6 ready; web-7 created; \
            web-7 ready; wait 6s; scale 1; web-7 terminating;";
        assert_held(&CHECK, &format!("web-7 created; {there} web-7 deleted; web-6 terminating"), 1);
        assert_broken(
            &CHECK,
            &format!("web-7 created; {there} web-6 terminating"),
            "other/web-6 began to terminate 0.1 s",
        );
    }
}
