//! `dns-unready-excluded`: a pod that is not ready leaves its own name and the Service's.

use std::collections::{BTreeMap, BTreeSet};

use super::dns_verdicts::{Clauses, say_broken, say_hidden};
use crate::{
    checks::{Cause, Check, Findings, Kind, Say},
    history::{Event, Phase},
    views::{
        Dimension, PodLife, Set, View,
        dns::{
            Fit, Question, Service, Subject,
            questions::{Key, questions},
            service::canonical,
        },
    },
};

/// Judges `specs/dns/dns-unready-excluded.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-unready-excluded", judge };

/// The own name of a pod that is not ready stands for nothing.
const OWN_NAME: &str = "own-name";
/// The Service's name stands for the addresses of other pods only.
const SERVICE: &str = "service";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let publishes_only_ready = |service: &Service<'_>| {
        let publishes_any = service
            .versions()
            .iter()
            .any(|v| v.at("/spec/publishNotReadyAddresses").is_some_and(|any| *any == true));
        service.is_governing && !publishes_any
    };
    let asked = questions(view, |service, _, _| publishes_only_ready(service));
    for set in view.sets() {
        let periods = set.pods().iter().flat_map(|life| periods(view, set, life));
        for period in periods {
            period.answers(&asked, findings);
        }
    }
}

/// A stretch in which a pod that had been ready runs, or ends, without being ready.
#[derive(Clone)]
struct Period<'v, 'h> {
    set: &'v Set<'h>,
    service: Option<String>,
    pod: &'h str,
    from: &'h Event,
    /// When it was ready again or gone, or the end of the scenario.
    until: &'h Event,
    /// Whether the scenario ended it, and not something that happened to the pod.
    is_to_the_end: bool,
    /// Whether that was while the pod was to be there, and not on its way out.
    is_last: bool,
    addresses: BTreeSet<String>,
}

/// The periods of one incarnation, up to the end of the scenario.
fn periods<'v, 'h>(view: &View<'h>, set: &'v Set<'h>, life: &PodLife<'h>) -> Vec<Period<'v, 'h>> {
    let ended = view.history().ended();
    let addresses = life.addresses().into_iter().map(|ip| canonical(ip).into_owned()).collect();
    let whole = Period {
        set,
        service: set.service(),
        pod: life.name,
        from: life.birth(),
        until: ended,
        is_last: false,
        is_to_the_end: false,
        addresses,
    };
    let (mut periods, mut from, mut was_ready, mut is_out) = (Vec::new(), None, false, false);
    for version in life.between(None, ended) {
        let phase = Phase::of(version.what);
        is_out = phase == Phase::Running && !version.change.is_removal();
        let is_going = phase == Phase::Terminating && !version.change.is_removal();
        if is_out || is_going {
            from = from.or(Some(version.event).filter(|_| was_ready));
        } else if let Some(from) = from.take() {
            periods.push(Period { from, until: version.event, ..whole.clone() });
        }
        was_ready = phase == Phase::Ready;
    }
    let gone = life.gone().filter(|gone| gone.comes_before(ended));
    if let Some(from) = from {
        periods.push(Period {
            from,
            until: gone.unwrap_or(ended),
            is_last: is_out && gone.is_none(),
            ..whole
        });
    }
    periods
}

impl Period<'_, '_> {
    fn concerns(&self, one: &Question<'_, '_>) -> bool {
        let event = one.event;
        let in_time = self.from.span.until_us <= event.span.from_us
            && (self.is_to_the_end || self.until.span.until_us > event.span.from_us);
        let is_behind =
            one.service.namespace == self.set.namespace && Some(&one.service.name) == self.service.as_ref();
        in_time && is_behind && !matches!(one.subject, Subject::Pod(name) if name != self.pod)
    }

    /// Whether an answer names the pod: by its own name, or among the Service's. Its address may be another pod's by now.
    fn is_named_by(&self, one: &Question<'_, '_>) -> bool {
        let Ok(told) = &*one.answer else { return false };
        match one.subject {
            Subject::Pod(_) => !told.is_empty(),
            Subject::Service => told.difference(one.expected()).any(|ip| self.addresses.contains(&**ip)),
            Subject::Port { .. } => {
                let target = |told: &str| told.rsplit_once(':').is_some_and(|(pod, _)| pod == self.pod);
                told.difference(one.expected()).any(|told| target(told))
            }
        }
    }

    fn say<'f>(&self, one: &Question<'_, '_>, findings: &'f mut Findings) -> Say<'f> {
        let clause = if matches!(one.subject, Subject::Pod(_)) { OWN_NAME } else { SERVICE };
        let say = Clauses::one(clause).say(findings, one);
        match one.subject {
            // What SRV records leave out is no evidence for the Service's own name.
            Subject::Port { .. } => say,
            _ => say.of(Dimension::Unready, self.set.key(self.pod)),
        }
    }

    fn answers(&self, asked: &[Question<'_, '_>], findings: &mut Findings) {
        let (mut said, mut last) = (BTreeSet::new(), BTreeMap::<Key, &Question<'_, '_>>::new());
        let since = asked.partition_point(|one| one.event.comes_before(self.from));
        let until = asked.partition_point(|one| one.event.seq <= self.until.seq);
        for one in asked[since..until].iter().filter(|one| self.concerns(one)) {
            let is_named = self.is_named_by(one);
            let clauses = Clauses::one(OWN_NAME);
            let mut is_new = |kind| said.insert((kind, one.key, is_named));
            match one.fit {
                Some(Fit::Current) if !is_named && is_new(Kind::Held) => {
                    let what = format!("{} while {} was not ready", one.told(), self.set.key(self.pod));
                    self.say(one, findings).held(what, &[self.from, one.event]);
                }
                Some(Fit::Outdated { .. }) if is_named && is_new(Kind::Broken) => {
                    say_broken(clauses, one, findings);
                }
                Some(Fit::Hidden { .. } | Fit::Unordered { .. }) if is_new(Kind::Blind) => {
                    say_hidden(clauses, one, findings);
                }
                _ => {}
            }
            if one.answer.is_ok() && one.is_followed {
                last.insert(one.key, one);
            }
        }
        let still_named = last.into_values().filter(|one| self.is_last && self.is_named_by(one));
        for one in still_named.filter(|one| matches!(one.fit, Some(Fit::Stale { .. }))) {
            let what = format!("{}, which a cache may still hold, and was not asked again", one.told());
            self.say(one, findings).blind(Cause::Cached, what, &[self.from, one.event]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

    const UNREADY: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; dns a A web-1 -> 10.0.0.11; \
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
        assert_broken(&CHECK, &kept, "s after that had changed; expected nothing");
    }

    #[test]
    fn it_stays_among_the_services_addresses() {
        let kept = format!("{UNREADY}; wait 50s; dns a A nginx -> 10.0.0.10 10.0.0.11");
        assert_broken(&CHECK, &kept, "expected 10.0.0.10");
        let target =
            ["web-0", "web-1"].map(|pod| format!("0_50_80_{pod}.nginx.ns.svc.cluster.local.")).join(" ");
        assert_broken(
            &CHECK,
            &format!("{UNREADY}; wait 50s; dns a SRV _web._tcp -> {target}"),
            "expected web-0:80",
        );
    }

    #[test]
    fn it_is_still_named_when_the_wait_is_given_up() {
        let kept = format!("{UNREADY}; dns a A web-1 -> 10.0.0.11; wait 30s; timed-out endpoints-settled");
        assert_blind(&CHECK, &kept, "was not asked again");
        let still = format!("{kept}; wait 16s; dns a A web-1 -> 10.0.0.11");
        assert_broken(&CHECK, &still, "expected nothing");
    }

    #[test]
    fn a_node_may_still_be_told_what_a_cache_holds() {
        let cached = "dns @node-0 A web-1 -> 10.0.0.11; wait 30s; timed-out endpoints-settled";
        assert_silent(&CHECK, &format!("{UNREADY}; {cached}"));
    }

    #[test]
    fn a_terminating_pod_leaves_too() {
        let ends =
            "service; web-0 created; web-0 ready; web-0 terminating; wait 9s; dns a A web-0 -> nxdomain";
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
        assert_blind(&CHECK, &format!("{UNREADY}; dns a A web-1 -> 10.0.0.11"), "was not asked again");
        assert_silent(&CHECK, "service; web-0 created; web-0 running; wait 9s; dns a A web-0 -> nxdomain");
        assert_silent(&CHECK, &format!("{UNREADY}; web-1 ready; wait 70s; dns a A web-1 -> 10.0.0.11"));
    }

    #[test]
    fn a_gap_hides_who_was_ready() {
        let gap = format!(
            "{UNREADY}; wait 45s; gap services; gap pods; web-1 listed; web-1 ready; web-1 unready; \
                           wait 1s; dns a A nginx -> 10.0.0.10 10.0.0.99"
        );
        assert_blind(&CHECK, &gap, "a gap in a watch");
    }
}
