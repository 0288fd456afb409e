//! `dns-unready-excluded`: a pod that is not ready leaves its own name and the Service's.

use std::collections::BTreeSet;

use super::{
    asked::{Asked, Subject, last_of_each},
    telling::say_broken,
    truth::{Fit, Truth},
};
use crate::{
    checks::{Check, Findings, Kind},
    history::{Event, History, Phase, PodLife},
};

/// Judges `specs/dns/dns-unready-excluded.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-unready-excluded", judge };

fn judge(history: &History, findings: &mut Findings) {
    let truth = Truth::of(history);
    let asked = truth.asked(history, |_, _| true);
    let pods = history.pods();
    let waits =
        history.timed_out("endpoints-settled").chain(history.timed_out("dns-settled")).collect::<Vec<_>>();
    for period in pods.iter().flat_map(periods) {
        answers(&truth, &asked, &period, findings);
        gave_up(&waits, &truth, &asked, &period, findings);
    }
}

/// A stretch in which a pod that had been ready runs, or ends, without being ready.
struct Period<'h> {
    pod: &'h str,
    from: &'h Event,
    until: Option<&'h Event>,
    addresses: BTreeSet<&'h str>,
}

impl Period<'_> {
    fn holds(&self, event: &Event) -> bool {
        let ended = self.until.is_some_and(|until| until.span.until_us <= event.span.from_us);
        self.from.span.until_us <= event.span.from_us && !ended
    }
}

fn periods<'h>(life: &PodLife<'h>) -> Vec<Period<'h>> {
    let mut periods: Vec<Period<'h>> = Vec::new();
    let mut was_ready = false;
    let addresses: BTreeSet<&str> = life.addresses().into_iter().collect();
    for version in &life.versions {
        let is_out = matches!(Phase::of(version.what), Phase::Running | Phase::Terminating);
        let gone = version.change == crate::history::Change::Deleted;
        let open = periods.last_mut().filter(|period| period.until.is_none());
        match open {
            Some(period) if !is_out || gone => period.until = Some(version.event),
            None if is_out && was_ready && !gone => periods.push(Period {
                pod: life.name,
                from: version.event,
                until: None,
                addresses: addresses.clone(),
            }),
            _ => {}
        }
        was_ready = Phase::of(version.what) == Phase::Ready;
    }
    periods
}

/// Whether the answer names the pod: by its own name, or among the Service's.
fn names(one: &Asked<'_>, period: &Period<'_>) -> bool {
    let Ok(answer) = &*one.answer else { return false };
    match one.subject {
        Subject::Pod(_) => !answer.is_empty(),
        Subject::Service => !answer.is_disjoint(&period.addresses),
        Subject::Targets => answer.contains(period.pod),
    }
}

fn concerns(one: &Asked<'_>, period: &Period<'_>) -> bool {
    period.holds(one.event) && !matches!(one.subject, Subject::Pod(name) if name != period.pod)
}

fn answers<'h>(truth: &Truth<'h>, asked: &[Asked<'h>], period: &Period<'h>, findings: &mut Findings) {
    let mut said = BTreeSet::new();
    let since = asked.partition_point(|one| one.event.comes_before(period.from));
    let until =
        period.until.map_or(asked.len(), |end| asked.partition_point(|one| one.event.comes_before(end)));
    for one in asked[since..until].iter().filter(|one| concerns(one, period)) {
        let names_it = names(one, period);
        let mut is_new = |kind| said.insert((kind, one.key, names_it));
        match one.fit {
            Some(Fit::Current) if !names_it && is_new(Kind::Held) => {
                let what = format!("{} while {} was not ready", one.told(truth), period.pod);
                findings.held(what, &[period.from, one.event]);
            }
            Some(Fit::Outdated { .. }) if names_it && is_new(Kind::Broken) => {
                say_broken(truth, one, findings);
            }
            Some(Fit::Unknown { gap }) if is_new(Kind::Blind) => {
                let what = format!("{}, and a gap in the watch of pods hides who was ready", one.told(truth));
                findings.blind(what, &[gap, one.event]);
            }
            _ => {}
        }
    }
}

/// Waits that were given up while the pod was not ready: whoever still named it then had not let it go.
fn gave_up<'h>(
    waits: &[(&'h Event, &str, &str)],
    truth: &Truth<'h>,
    asked: &[Asked<'h>],
    period: &Period<'h>,
    findings: &mut Findings,
) {
    for (given_up, wait, _) in waits.iter().filter(|(event, _, _)| period.holds(event)) {
        let until_then = asked.iter().filter(|one| one.event.comes_before(given_up) && one.of_backend());
        for one in last_of_each(until_then.filter(|one| concerns(one, period))) {
            if names(one, period) {
                let pod = period.pod;
                let what = format!(
                    "{} when the wait for {wait} was given up, and {pod} was not ready",
                    one.told(truth)
                );
                findings.broken(what, &[period.from, one.event, given_up]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

    const UNREADY: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; dns a A web-1 -> 10.0.0.11; \
                           web-1 unready; wait 20s";

    #[test]
    fn it_leaves_both_names() {
        let left =
            "dns a A web-1 -> 10.0.0.11; wait 10s; dns a A web-1 -> nxdomain; dns a A nginx -> 10.0.0.10";
        assert_held(&CHECK, &format!("{UNREADY}; {left}"), 2);
    }

    #[test]
    fn it_keeps_its_name() {
        let kept = format!("{UNREADY}; wait 50s; dns a A web-1 -> 10.0.0.11");
        assert_broken(&CHECK, &kept, "s after that was over; right was nothing");
    }

    #[test]
    fn it_stays_among_the_services_addresses() {
        let kept = format!("{UNREADY}; wait 50s; dns a A nginx -> 10.0.0.10 10.0.0.11");
        assert_broken(&CHECK, &kept, "right was 10.0.0.10");
        let target =
            ["web-0", "web-1"].map(|pod| format!("0_50_80_{pod}.nginx.ns.svc.cluster.local.")).join(" ");
        assert_broken(
            &CHECK,
            &format!("{UNREADY}; wait 50s; dns a SRV _web._tcp -> {target}"),
            "right was web-0",
        );
    }

    #[test]
    fn it_is_still_named_when_the_wait_is_given_up() {
        let kept = format!("{UNREADY}; dns a A web-1 -> 10.0.0.11; wait 30s; timed-out endpoints-settled");
        assert_broken(
            &CHECK,
            &kept,
            "when the wait for endpoints-settled was given up, and web-1 was not ready",
        );
    }

    #[test]
    fn a_node_may_still_be_told_what_a_cache_holds() {
        let cached = "dns @node-0 A web-1 -> 10.0.0.11; wait 30s; timed-out endpoints-settled";
        assert_silent(&CHECK, &format!("{UNREADY}; {cached}"));
    }

    #[test]
    fn a_terminating_pod_leaves_too() {
        let ends = "web-0 created; web-0 ready; web-0 terminating; wait 9s; dns a A web-0 -> nxdomain";
        assert_held(&CHECK, ends, 1);
    }

    #[test]
    fn it_is_out_until_it_is_ready_again_or_gone() {
        let label = "web-1 label a=b; dns a A web-1 -> nxdomain";
        assert_held(&CHECK, &format!("{UNREADY}; {label}"), 1);
        assert_held(&CHECK, &format!("{UNREADY}; {label}; web-1 ready"), 1);
        let back = "web-1 ready; web-1 deleted; wait 1s; dns a A web-1 -> nxdomain";
        assert_silent(&CHECK, &format!("{UNREADY}; {back}"));
        let gone = "web-1 terminating; web-1 deleted; wait 1s; dns a A web-1 -> nxdomain";
        assert_silent(&CHECK, &format!("{UNREADY}; {gone}"));
        let later = "dns a A web-1 -> 10.0.0.11; web-1 ready; wait 1s; timed-out endpoints-settled";
        assert_silent(&CHECK, &format!("{UNREADY}; {later}"));
    }

    #[test]
    fn what_is_told_again_and_again_is_told_once() {
        let told =
            |statements: &str| judge(&CHECK, &history(&format!("{UNREADY}; {statements}"))).findings.len();
        assert_eq!(told("dns a A web-1 -> nxdomain; dns a A web-1 -> nxdomain"), 1);
        assert_eq!(told("wait 70s; dns a A web-1 -> 10.0.0.11; dns a A web-1 -> 10.0.0.11"), 1);
        assert_eq!(told("gap services; gap pods; dns a A web-1 -> 10.0.0.9; dns a A web-1 -> 10.0.0.9"), 1);
    }

    #[test]
    fn what_is_told_too_early_or_leaves_it_out_is_no_evidence() {
        assert_silent(&CHECK, &format!("{UNREADY}; dns a A web-1 -> 10.0.0.11; web-1 ready"));
        assert_silent(&CHECK, &format!("{UNREADY}; wait 70s; dns a A nginx -> nothing"));
    }

    #[test]
    fn other_names_tell_nothing_of_it() {
        assert_silent(&CHECK, &format!("{UNREADY}; dns a A web-9 -> nxdomain"));
    }

    #[test]
    fn old_answers_and_pods_that_never_were_ready_say_nothing() {
        assert_silent(&CHECK, &format!("{UNREADY}; dns a A web-1 -> 10.0.0.11"));
        assert_silent(&CHECK, "web-0 created; web-0 running; wait 9s; dns a A web-0 -> nxdomain");
        assert_silent(&CHECK, &format!("{UNREADY}; web-1 ready; wait 70s; dns a A web-1 -> 10.0.0.11"));
    }

    #[test]
    fn a_gap_hides_who_was_ready() {
        let gap = format!(
            "{UNREADY}; wait 45s; gap services; gap pods; web-1 listed; web-1 ready; web-1 unready; \
                           wait 1s; dns a A nginx -> 10.0.0.10 10.0.0.11"
        );
        assert_blind(&CHECK, &gap, "a gap in the watch of pods");
    }
}
