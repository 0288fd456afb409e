//! `end-to-end-identity`: whoever connects to a pod's name reaches that pod.

use std::collections::BTreeMap;

use crate::{
    checks::{Check, Findings},
    history::{Event, ExecSeen, History, PodLife, Purpose, Resource, Seen},
    limits,
};

/// Judges `specs/dns/end-to-end-identity.yaml`.
pub(super) const CHECK: Check = Check { id: "end-to-end-identity", judge };

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let by_uid: BTreeMap<&str, &PodLife<'_>> = pods.iter().map(|life| (life.uid, life)).collect();
    let mut unanswered: BTreeMap<(&str, &str), Vec<(&Event, String)>> = BTreeMap::new();
    for exec in history.execs() {
        let Some(pod) = asked_for(exec) else { continue };
        let attempts = unanswered.entry((exec.what.pod.as_str(), pod));
        match exec.printed().filter(|said| !said.is_empty()) {
            None => attempts.or_default().push((exec.event, outcome(exec.what))),
            Some(said) => {
                reached(history, exec, pod, said, &by_uid, findings);
                // What failed before has been asked again, and answered.
                attempts.or_default().clear();
            }
        }
    }
    for ((from, pod), attempts) in unanswered {
        if let Some((event, why)) = attempts.last() {
            findings.blind(format!("{from} could not connect to {pod}: {why}"), &[event]);
        }
    }
}

/// The pod whose name was connected to.
fn asked_for<'h>(exec: Seen<'h, ExecSeen>) -> Option<&'h str> {
    match &exec.what.purpose {
        Purpose::Connect { host } => host.split('.').next(),
        _ => None,
    }
}

fn outcome(exec: &ExecSeen) -> String {
    use crate::history::ExecOutcome::{Ended, Failed};
    match &exec.outcome {
        Failed { reason } => reason.clone(),
        Ended { exit_code: 0, .. } => "nothing was said".to_owned(),
        Ended { exit_code, stderr, .. } => format!("exit code {exit_code}: {}", stderr.trim()),
    }
}

fn reached(
    history: &History,
    exec: Seen<'_, ExecSeen>,
    pod: &str,
    said: &str,
    by_uid: &BTreeMap<&str, &PodLife<'_>>,
    findings: &mut Findings,
) {
    let from = &exec.pod;
    let (hostname, uid) = said.split_once(' ').unwrap_or((said, ""));
    let life = by_uid.get(uid.trim());
    let right = hostname == pod && life.is_some_and(|life| life.name == pod && lived(life, exec.event));
    if right {
        return findings.held(format!("{from} connected to {pod} and reached {said}"), &[exec.event]);
    }
    let gap = history.gaps(Resource::Pods).next().filter(|_| life.is_none());
    if let (Some(gap), true) = (gap, hostname == pod) {
        let what = format!(
            "{from} connected to {pod} and reached {said}, and a gap in the watch of pods hides who that is"
        );
        return findings.blind(what, &[gap, exec.event]);
    }
    let gone = life.filter(|life| life.name == hostname).and_then(|life| life.deleted());
    match gone.filter(|gone| gone.comes_before(exec.event)) {
        Some(gone) => findings.broken(
            format!("{from} connected to {pod} and reached {said}, which was gone"),
            &[gone, exec.event],
        ),
        None => findings.broken(format!("{from} connected to {pod} and reached {said}"), &[exec.event]),
    }
}

/// Whether the incarnation can have answered at that time.
fn lived(life: &PodLife<'_>, asked: &Event) -> bool {
    let slack_us = limits::OBSERVER_SLACK.wait_us();
    let born = life.birth().span.until_us.saturating_sub(slack_us) <= asked.span.until_us;
    let gone = life.deleted().is_some_and(|gone| gone.span.until_us < asked.span.from_us);
    born && !gone
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::{
        Kind,
        notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge},
    };

    const TWO: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready";

    #[test]
    fn each_name_reaches_its_pod_before_and_after_recreation() {
        let again =
            "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; connect web-0 -> web-0 UID";
        let statements = format!("{TWO}; connect web-0 -> web-0 UID; connect web-1 -> web-1 UID; {again}");
        assert_held(&CHECK, &statements, 3);
    }

    #[test]
    fn a_sibling_answers() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; connect web-0 -> web-1 UID"),
            "connected to web-0 and reached web-1",
        );
    }

    #[test]
    fn a_stranger_answers() {
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> squatter uid-77"), "reached squatter uid-77");
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> <html>Welcome</html>"), "reached <html>");
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> web-0 uid-77"), "reached web-0 uid-77");
    }

    #[test]
    fn the_right_host_name_with_anothers_uid() {
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> web-0 uid-2"), "reached web-0 uid-2");
    }

    #[test]
    fn the_former_incarnation_answers() {
        let former =
            "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; connect web-0 -> web-0 uid-1";
        assert_broken(&CHECK, &format!("{TWO}; {former}"), "which was gone");
    }

    #[test]
    fn only_what_had_gone_by_then_is_called_gone() {
        let gone = |statements: &str| {
            let findings = judge(&CHECK, &history(&format!("{TWO}; {statements}")));
            findings.of_kind(Kind::Broken).map(|finding| finding.what.contains("gone")).collect::<Vec<_>>()
        };
        assert_eq!(gone("web-1 deleted; wait 1s; connect web-0 -> web-1 uid-2"), [true]);
        assert_eq!(gone("connect web-0 -> web-1 uid-2; web-1 deleted"), [false]);
    }

    #[test]
    fn one_that_is_removed_may_answer_until_that_moment() {
        assert_held(
            &CHECK,
            &format!("{TWO}; web-0 terminating; web-0 deleted; connect web-0 -> web-0 uid-1"),
            1,
        );
    }

    #[test]
    fn no_connection_is_not_judged_unless_it_came_about_later() {
        assert_blind(
            &CHECK,
            &format!("{TWO}; connect web-0 -> fails"),
            "could not connect to web-0: the stream broke",
        );
        assert_held(&CHECK, &format!("{TWO}; connect web-0 -> fails; connect web-0 -> web-0 UID"), 1);
    }

    #[test]
    fn a_gap_hides_who_answered() {
        assert_blind(
            &CHECK,
            &format!("{TWO}; gap pods; connect web-0 -> web-0 uid-9"),
            "a gap in the watch of pods",
        );
    }

    #[test]
    fn without_a_connection_nothing_is_said() {
        assert_silent(&CHECK, TWO);
    }
}
