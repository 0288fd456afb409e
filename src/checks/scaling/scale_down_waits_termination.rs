//! `scale-down-waits-termination`: scaling down takes one pod at a time, the next only when the last one is gone.

use super::scale_down::{ScaleDown, is_evicted, scale_downs};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, PodLife, Resource},
};

/// Judges `specs/scaling/scale-down-waits-termination.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-down-waits-termination", judge };

fn judge(history: &History, findings: &mut Findings) {
    for down in scale_downs(history) {
        if let Some(gap) = history.gap_between(Resource::Pods, down.request, down.until) {
            findings.blind("the watch of pods has a gap while the set was scaled down", &[gap]);
            continue;
        }
        for (higher, lower) in down.pairs() {
            one_at_a_time(findings, &down, higher, lower);
        }
    }
}

/// The lower of two condemned pods begins to terminate only when the higher one is gone.
fn one_at_a_time(findings: &mut Findings, down: &ScaleDown<'_>, higher: &PodLife<'_>, lower: &PodLife<'_>) {
    let Some(begins) = down.terminating(lower) else { return };
    if let Some(gone) = higher.deleted().filter(|gone| gone.comes_before(begins)) {
        let what = format!("{} began to terminate when {} was gone", lower.name, higher.name);
        return findings.held(what, &[gone, begins]);
    }
    let what = match higher.terminating().filter(|first| first.comes_before(begins)) {
        Some(first) => format!(
            "{} began to terminate {:.1} s after {} had, which was not gone yet",
            lower.name,
            begins.span.until_us.saturating_sub(first.span.until_us) as f64 / 1e6,
            higher.name
        ),
        None => format!("{} began to terminate when {} had not even begun", lower.name, higher.name),
    };
    let events: Vec<&Event> =
        higher.terminating().into_iter().chain([begins]).chain(higher.deleted()).collect();
    if is_evicted(lower) {
        findings.blind(format!("{what}; it was evicted, which is not the set's doing"), &events);
    } else {
        findings.broken(what, &events);
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
        web-3 created; web-3 ready; scale 1;";

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
        let history = format!("{FOUR} web-3 terminating; gap pods; web-2 terminating; completed");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn a_first_pod_that_never_goes_shows_nothing() {
        let history = format!("{FOUR} web-3 terminating; wait 90s; timed-out pods-gone [1, 2, 3]; aborted");
        assert_silent(&CHECK, &history);
    }
}
