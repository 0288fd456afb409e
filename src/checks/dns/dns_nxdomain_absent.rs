//! `dns-nxdomain-absent`: a pod that never was, or is gone for good, has no name.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asked::{Asked, Subject, answer, last_of_each},
    telling::{never_answered, say_broken},
    truth::{Fit, Truth, words},
};
use crate::{
    checks::{Check, Findings, Kind},
    history::{Event, History, Resource},
};

/// Judges `specs/dns/dns-nxdomain-absent.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-nxdomain-absent", judge };

fn judge(history: &History, findings: &mut Findings) {
    let truth = Truth::of(history);
    let asked = truth.asked(history, |_, subject| matches!(subject, Subject::Pod(_)));
    pods_that_do_not_exist(history, &truth, &asked, findings);
    other_names(history, &truth, findings);
}

/// For each pod name of the record, the removal of its last life; nothing where that life goes on.
fn removals(history: &History) -> BTreeMap<&str, Option<&Event>> {
    history.pods().iter().map(|life| (life.name, life.deleted())).collect()
}

fn pods_that_do_not_exist<'h>(
    history: &'h History,
    truth: &Truth<'h>,
    asked: &[Asked<'h>],
    findings: &mut Findings,
) {
    let removals = removals(history);
    let is_absent = |one: &&Asked<'_>| match one.subject {
        Subject::Pod(name) => match removals.get(name) {
            None => true,
            Some(removed) => removed.is_some_and(|removed| removed.span.until_us <= one.event.span.from_us),
        },
        _ => false,
    };
    let absent: Vec<&Asked<'_>> = asked.iter().filter(is_absent).collect();
    let mut said = BTreeSet::new();
    for one in &absent {
        let mut is_new = |kind| said.insert((kind, one.key));
        match one.fit {
            Some(Fit::Current) if is_new(Kind::Held) => findings.held(one.told(truth), &[one.event]),
            Some(Fit::Wrong | Fit::Outdated { .. }) if is_new(Kind::Broken) => {
                say_broken(truth, one, findings)
            }
            Some(Fit::Unknown { gap }) if is_new(Kind::Blind) => {
                let what =
                    format!("{}, and a gap in the watch of pods hides whether it exists", one.told(truth));
                findings.blind(what, &[gap, one.event]);
            }
            _ => {}
        }
    }
    the_last_word(history, truth, absent, findings);
}

/// An old answer, or none, as the last word is no evidence; after a wait that was given up it breaks the promise.
fn the_last_word(history: &History, truth: &Truth<'_>, absent: Vec<&Asked<'_>>, findings: &mut Findings) {
    never_answered(truth, absent.iter().copied(), findings);
    for one in last_of_each(absent.into_iter().filter(|one| one.answer.is_ok() && one.of_backend())) {
        if let Some(Fit::Stale { over }) = one.fit {
            match history.timed_out("dns-settled").find(|(given_up, _, _)| one.event.comes_before(given_up)) {
                Some((given_up, _, _)) => findings.broken(
                    format!("{} until the wait was given up", one.told(truth)),
                    &[one.event, given_up],
                ),
                None => findings
                    .blind(format!("{}, which a cache may still say", one.told(truth)), &[over, one.event]),
            }
        }
    }
}

/// What the search list makes of a short name beside the right one must not exist either, in the zone or outside.
fn other_names(history: &History, truth: &Truth<'_>, findings: &mut Findings) {
    let started = history.started();
    let (Some(service), Some(zone)) = (truth.service.as_deref(), started.zone) else { return };
    let zone = format!(".{zone}.");
    let services: BTreeSet<String> = history
        .objects(Resource::Services)
        .map(|service| format!("{}.{}.svc{zone}", service.name, started.namespace))
        .collect();
    let mut said = BTreeSet::new();
    for seen in history.dns().filter(|seen| seen.record_type == "A" && !seen.name.ends_with(service)) {
        let Ok(told) = answer(seen.what) else { continue };
        let is_new = || (&seen.what.vantage, seen.transport, seen.what.name.as_str(), told.is_empty());
        if services.contains(&seen.name) || !said.insert(is_new()) {
            continue;
        }
        let (who, name) = (&seen.vantage, seen.name.strip_suffix(&zone).unwrap_or(&seen.name));
        if !told.is_empty() {
            let what = format!("{who} answered {} for {name}, a name of nothing", words(&told));
            findings.broken(what, &[seen.event]);
        } else if seen.name.ends_with(&zone) {
            // Nothing is promised of whom the cluster's DNS asks about names that are not its own.
            findings.held(format!("{who} answered that {name} does not exist"), &[seen.event]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        history::{Change, Resource},
    };

    const TWO: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; wait 1s";
    const GONE: &str = "web-1 terminating; web-1 deleted";

    #[test]
    fn a_pod_that_never_was() {
        assert_held(&CHECK, &format!("{TWO}; dns a A web-99 -> nxdomain; dns b A web-99 -> nothing"), 2);
    }

    #[test]
    fn a_pod_that_was_scaled_away() {
        let answers = "dns a A web-1 -> 10.0.0.11; wait 30s; dns a A web-1 -> nxdomain";
        assert_held(&CHECK, &format!("{TWO}; {GONE}; wait 1s; {answers}"), 1);
    }

    #[test]
    fn every_name_is_answered() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; dns a A web-99 -> 10.0.0.10"),
            "10.0.0.10 (an address of web-0)",
        );
        assert_broken(
            &CHECK,
            &format!("{TWO}; dns a A web-99 -> 203.0.113.9"),
            "203.0.113.9 for web-99.nginx",
        );
    }

    #[test]
    fn a_pod_that_was_scaled_away_keeps_its_name() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; {GONE}; wait 70s; dns a A web-1 -> 10.0.0.11"),
            "after that was over",
        );
        let given_up = "wait 50s; dns a A web-1 -> 10.0.0.11; wait 11s; timed-out dns-settled";
        assert_broken(&CHECK, &format!("{TWO}; {GONE}; {given_up}"), "until the wait was given up");
    }

    #[test]
    fn a_pod_that_was_scaled_away_has_another_ones_address() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; {GONE}; wait 1s; dns a A web-1 -> 10.0.0.10"),
            "never was true",
        );
    }

    #[test]
    fn a_wildcard_behind_the_search_list() {
        let outside = "dns a A web-0.nginx.corp.example. -> 198.51.100.1";
        assert_broken(
            &CHECK,
            &format!("{TWO}; {outside}"),
            "for web-0.nginx.corp.example., a name of nothing",
        );
        let inside = "dns a A web-0.nginx.svc.cluster.local. -> 198.51.100.1";
        assert_broken(&CHECK, &format!("{TWO}; {inside}"), "for web-0.nginx.svc, a name of nothing");
    }

    #[test]
    fn other_expansions_that_do_not_exist() {
        assert_held(&CHECK, &format!("{TWO}; dns a A web-0.nginx.svc.cluster.local. -> nxdomain"), 1);
        assert_silent(&CHECK, &format!("{TWO}; dns a A web-0.nginx.corp.example. -> servfail"));
        assert_silent(&CHECK, &format!("{TWO}; dns a A web-0.nginx.corp.example. -> nxdomain"));
    }

    #[test]
    fn a_wildcard_that_comes_later() {
        let name = "web-0.nginx.svc.cluster.local.";
        let later = format!("dns a A {name} -> nxdomain; dns a A {name} -> 198.51.100.1");
        assert_broken(&CHECK, &format!("{TWO}; {later}"), "for web-0.nginx.svc, a name of nothing");
        let again = format!("dns a A {name} -> nxdomain; dns a A {name} -> nxdomain");
        assert_held(&CHECK, &format!("{TWO}; {again}"), 1);
    }

    #[test]
    fn the_names_of_other_services_are_names_of_something() {
        let mut notes = Notes::new();
        notes.object(Resource::Services, Change::Added, json!({"metadata": {"name": "other"}}));
        let asked = "dns a A other.ns.svc.cluster.local. -> 10.96.0.9";
        assert!(judge(&CHECK, &notes.say(asked).history()).findings.is_empty());
        assert_broken(&CHECK, asked, "for other.ns.svc, a name of nothing");
    }

    #[test]
    fn old_answers_and_no_answer_are_not_judged() {
        let old = format!("{TWO}; {GONE}; wait 5s; dns a A web-1 -> 10.0.0.11");
        assert_blind(&CHECK, &old, "which a cache may still say");
        assert_blind(&CHECK, &format!("{TWO}; dns a A web-99 -> no-answer"), "gave no answer");
    }

    #[test]
    fn what_is_answered_again_and_again_is_told_once() {
        let absent = "dns a A web-99 -> nxdomain; dns a A web-99 -> nxdomain";
        assert_held(&CHECK, &format!("{TWO}; {absent}"), 1);
        let told = |statements: &str| judge(&CHECK, &history(&format!("{TWO}; {statements}"))).findings.len();
        assert_eq!(told("dns a A web-99 -> 10.0.0.10; dns a A web-99 -> 10.0.0.10"), 1);
        let hidden = "gap pods; dns a A web-99 -> 10.0.0.99; dns a A web-99 -> 10.0.0.99";
        assert_eq!(told(hidden), 1);
    }

    #[test]
    fn what_a_gap_hid_the_first_time_is_broken_the_second() {
        let twice = "gap pods; dns a A web-99 -> 10.0.0.99; web-0 listed; web-0 ready; wait 100s; \
                     dns a A web-99 -> 10.0.0.99";
        assert_broken(&CHECK, &format!("{TWO}; {twice}"), "never was true");
    }

    #[test]
    fn a_node_may_still_be_told_what_a_cache_holds() {
        let old = "wait 5s; dns @node-0 A web-1 -> 10.0.0.11; wait 60s; timed-out dns-settled";
        assert_silent(&CHECK, &format!("{TWO}; {GONE}; {old}"));
    }

    #[test]
    fn pods_that_exist_or_will_are_not_its_business() {
        assert_silent(
            &CHECK,
            "dns a A web-0 -> nxdomain; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10",
        );
    }
}
