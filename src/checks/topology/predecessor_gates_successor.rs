//! `predecessor-gates-successor`: while the first pod runs but is not ready, no other exists, however long that lasts.

use crate::{
    checks::{Check, Findings},
    history::{Event, History, Phase, PodLife, Purpose, ReadSeen, Resource, Seen},
    limits,
};

/// Judges `specs/topology/predecessor-gates-successor.yaml`.
pub(super) const CHECK: Check = Check { id: "predecessor-gates-successor", judge };

/// The quiet period in which pod 0 is kept from being ready.
const QUIET: &str = "first-unready";

/// Pod 0, kept from being ready from one event to another.
struct Kept<'h> {
    pod: &'h PodLife<'h>,
    began: &'h Event,
    ended: &'h Event,
}

fn judge(history: &History, findings: &mut Findings) {
    let lives = history.pods();
    let Some(first) = lives.iter().find(|life| life.ordinal == Some(0)) else { return };
    let early = lives.iter().filter(|life| life.ordinal > Some(0) && came_too_early(first, life));
    for life in early {
        too_early(history, findings, first, life);
    }
    let Some((began, Some(ended))) = history.quiet(QUIET) else { return };
    let kept = Kept { pod: first, began, ended };
    let read = read_of_second(history, &kept);
    if was_not_kept(findings, &kept) || read_is_not_404(history, findings, &kept, read) {
        return;
    }
    proof_of_life(history, findings, &kept, &lives, read);
}

fn came_too_early(first: &PodLife<'_>, life: &PodLife<'_>) -> bool {
    first.first_ready().is_none_or(|ready| life.birth().comes_before(ready))
}

fn too_early(history: &History, findings: &mut Findings, first: &PodLife<'_>, life: &PodLife<'_>) {
    let birth = life.birth();
    if !life.birth_was_seen() {
        let gaps: Vec<&Event> = history.gaps(Resource::Pods).take(1).chain([birth]).collect();
        return findings.blind(format!("the creation of {} fell into a gap of the watch", life.name), &gaps);
    }
    let Some(runs) = first.running().filter(|runs| runs.comes_before(birth)) else {
        return findings.broken(format!("{} was created before {} ran", life.name, first.name), &[birth]);
    };
    let after = secs(runs, birth);
    findings.broken(
        format!(
            "{} was created {after:.1} s after {} had begun to run, which was not ready yet",
            life.name, first.name
        ),
        &[runs, birth],
    );
}

/// Says so if pod 0 was not running and unready through all of a quiet period of the promised length.
fn was_not_kept(findings: &mut Findings, kept: &Kept<'_>) -> bool {
    let Kept { pod, began, ended } = kept;
    let quiet_us = ended.span.until_us.saturating_sub(began.span.until_us);
    if quiet_us < limits::QUIET.wait_us() {
        findings.blind(
            format!("{} was kept unready for {:.1} s only", pod.name, quiet_us as f64 / 1e6),
            &[began, ended],
        );
        return true;
    }
    let within = pod.versions.iter().filter(|v| v.event.is_between(began, ended));
    let other = pod.at(began.seq).into_iter().chain(within.copied());
    let strayed = other.clone().find(|version| Phase::of(version.what) != Phase::Running);
    if strayed.is_none() && pod.at(began.seq).is_some() {
        return false;
    }
    let event = strayed.map_or(*began, |version| version.event);
    findings.blind(format!("{} was not running and unready all the time", pod.name), &[event]);
    true
}

fn read_of_second<'h>(history: &'h History, kept: &Kept<'_>) -> Option<Seen<'h, ReadSeen>> {
    history.reads().find(|read| kept.ended.comes_before(read.event) && read.path.ends_with("/pods/web-1"))
}

/// Says so if the read at the end of the quiet period does not show that the successor does not exist.
fn read_is_not_404(
    history: &History,
    findings: &mut Findings,
    kept: &Kept<'_>,
    read: Option<Seen<'_, ReadSeen>>,
) -> bool {
    let Some(read) = read else {
        findings.blind("web-1 was not read at the end of the quiet period", &[kept.ended]);
        return true;
    };
    match read.code {
        404 => return false,
        200 if gate_was_shut(history, kept, read.event) => findings.broken(
            format!("web-1 existed while {} was running but not ready", kept.pod.name),
            &[kept.began, read.event],
        ),
        code => findings.blind(format!("the read of web-1 was answered with {code}"), &[read.event]),
    }
    true
}

/// Whether the read was answered before the gate of pod 0 was opened, and the pod was not ready without that.
fn gate_was_shut(history: &History, kept: &Kept<'_>, read: &Event) -> bool {
    let Some(ready) = kept.pod.first_ready() else { return true };
    let gate = history.execs_for(&Purpose::OpenGate).find(|gate| gate.pod == kept.pod.name);
    gate.is_some_and(|gate| {
        read.span.certainly_before(&gate.event.span) && !ready.span.certainly_before(&gate.event.span)
    })
}

/// The controller was alive, and it was the unready pod that it waited for: the successor came once that was ready.
fn proof_of_life(
    history: &History,
    findings: &mut Findings,
    kept: &Kept<'_>,
    lives: &[PodLife<'_>],
    read: Option<Seen<'_, ReadSeen>>,
) {
    let second = lives.iter().find(|life| life.ordinal == Some(1));
    let (Some(ready), Some(second)) = (kept.pod.first_ready(), second) else {
        return findings.blind(
            "web-1 was never created, so it is not known whether the controller was alive",
            &[kept.ended],
        );
    };
    let birth = second.birth();
    if let Some(gap) = history.gap_between(Resource::Pods, kept.pod.birth(), birth) {
        return findings.blind("the watch has a gap in which a pod may have come and gone", &[gap]);
    }
    if birth.comes_before(ready) {
        return; // Said above.
    }
    let read = read.map(|read| read.event);
    let evidence: Vec<&Event> = [kept.began, ready, birth].into_iter().chain(read).collect();
    findings.held(
        format!(
            "web-1 did not exist while {} was unready for {:.1} s, and was created {:.1} s after it was ready",
            kept.pod.name,
            secs(kept.began, ready),
            secs(ready, birth)
        ),
        &evidence,
    );
}

fn secs(from: &Event, until: &Event) -> f64 {
    until.span.until_us.saturating_sub(from.span.until_us) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, judge};

    const UNREADY: &str = "web-0 created; web-0 scheduled; web-0 running; quiet first-unready;";
    const OVER: &str = "wait 30s; quiet-over first-unready; read pods/web-1 -> 404;";

    #[test]
    fn the_second_comes_once_the_first_is_ready() {
        assert_held(&CHECK, &format!("{UNREADY} {OVER} web-0 ready; web-1 created; web-1 running"), 1);
    }

    #[test]
    fn a_container_that_restarts_meanwhile_is_still_unready() {
        let history = format!("{UNREADY} web-0 container c1 1; {OVER} web-0 ready; web-1 created");
        assert_held(&CHECK, &history, 1);
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
        assert_held(&CHECK, &format!("{} web-0 ready; web-1 created", quiet("29.9s")), 1);
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
        assert_eq!(judge(&CHECK, &crate::checks::notation::history(&history)).held, 0);
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
}
