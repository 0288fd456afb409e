//! `dns-staleness-bounded`: no backend goes on telling what is over for longer than caches may take.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asked::{Asked, Key, Subject, is_of_backend, short},
    telling::{asked_too_early, gave_up, never_answered, say_broken},
    truth::{Fit, Truth, words},
};
use crate::{
    checks::{Check, Findings, Kind},
    history::{DnsOutcome, Event, History, Vantage},
    limits,
};

/// Judges `specs/dns/dns-staleness-bounded.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-staleness-bounded", judge };

fn judge(history: &History, findings: &mut Findings) {
    let truth = Truth::of(history);
    let asked = truth.asked(history, |dns, _| is_of_backend(dns));
    too_old(&truth, &asked, findings);
    gave_up(history, &truth, &asked, findings);
    never_answered(&truth, &asked, findings);
    asked_too_early(&truth, &asked, findings);
    times_to_live(&asked, findings);
    for (subject, backends) in by_backend(&asked) {
        let changes = changes(&truth, subject);
        for answers in backends.values() {
            each_change(&truth, &changes, answers, findings);
        }
    }
}

/// What a name stands for changed.
struct Change<'h> {
    event: &'h Event,
    old: BTreeSet<&'h str>,
    new: BTreeSet<&'h str>,
}

fn changes<'h>(truth: &Truth<'h>, subject: Subject<'_>) -> Vec<Change<'h>> {
    let pairs = truth.states().windows(2);
    let change = |pair: &[super::truth::State<'h>]| Change {
        event: pair[1].event,
        old: subject.truth(&pair[0]),
        new: subject.truth(&pair[1]),
    };
    pairs.map(change).filter(|change| change.old != change.new).collect()
}

/// The answers of each backend about each subject.
fn by_backend<'a, 'h>(asked: &'a [Asked<'h>]) -> BTreeMap<Subject<'h>, BTreeMap<Key, Vec<&'a Asked<'h>>>> {
    let mut subjects: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
    for one in asked.iter().filter(|one| one.answer.is_ok()) {
        subjects.entry(one.subject).or_default().entry(one.key).or_default().push(one);
    }
    subjects
}

fn too_old(truth: &Truth<'_>, asked: &[Asked<'_>], findings: &mut Findings) {
    let mut said = BTreeSet::new();
    for one in asked {
        let mut is_new = |kind| said.insert((kind, one.key, one.is_positive()));
        match one.fit {
            Some(Fit::Outdated { .. }) if is_new(Kind::Broken) => {
                say_broken(truth, one, findings);
            }
            Some(Fit::Unknown { gap }) if is_new(Kind::Blind) => {
                let what =
                    format!("{}, and a gap in the watch of pods hides how old that is", one.told(truth));
                findings.blind(what, &[gap, one.event]);
            }
            _ => {}
        }
    }
}

fn times_to_live(asked: &[Asked<'_>], findings: &mut Findings) {
    let mut longest: BTreeMap<&Vantage, u32> = BTreeMap::new();
    for one in asked {
        let DnsOutcome::Answer { records, .. } = &one.dns.outcome else { continue };
        for record in records {
            let known = longest.entry(&one.dns.vantage).or_default();
            *known = record.ttl_secs.max(*known);
        }
    }
    for (backend, ttl_secs) in longest {
        findings.measure("dns_ttl_secs", backend.to_string(), f64::from(ttl_secs));
    }
}

/// For each change, how long the backend took to tell the new and to stop telling the old.
fn each_change(truth: &Truth<'_>, changes: &[Change<'_>], answers: &[&Asked<'_>], findings: &mut Findings) {
    let first_known = changes.iter().position(|change| !change.new.is_empty());
    for (index, change) in changes.iter().enumerate() {
        let until_us = changes.get(index + 1).map_or(u64::MAX, |next| next.event.span.until_us);
        if let Some((last, old_us)) = retired(truth, changes, index, answers) {
            findings.measure("dns_retire_secs", who(last), old_us as f64 / 1e6);
        }
        let Some((first, took_us)) = followed(change, until_us, answers) else { continue };
        let who = who(first);
        let took_secs = took_us as f64 / 1e6;
        if took_us <= truth.tolerance_us() {
            let to = if change.new.is_empty() { "nothing".to_owned() } else { words(&change.new) };
            findings.held(
                format!("{who} stood for {to} {took_secs:.1} s after that became true"),
                &[change.event, first.event],
            );
        }
        if !change.new.is_empty() {
            let name = if first_known < Some(index) { "dns_switch_secs" } else { "dns_appear_secs" };
            findings.measure(name, who.as_str(), took_secs);
        }
    }
}

/// The first answer that tells the new, and how long after the change: only where the backend was asked all along.
fn followed<'a, 'h>(
    change: &Change<'_>,
    until_us: u64,
    answers: &[&'a Asked<'h>],
) -> Option<(&'a Asked<'h>, u64)> {
    let changed_us = change.event.span.until_us;
    let from = answers.partition_point(|one| one.event.span.until_us < changed_us);
    let later = answers[from..].iter().take_while(|one| one.event.span.from_us < until_us);
    let (index, first) = later.enumerate().find(|(_, one)| one.says(&change.new))?;
    let before = answers[..from + index].last()?;
    let since_us = first.event.span.from_us.saturating_sub(before.event.span.until_us);
    let took_us = first.event.span.until_us.saturating_sub(changed_us);
    (since_us <= limits::OBSERVER_SLACK.wait_us()).then_some((*first, took_us))
}

/// The last answer that told the old before it became true again, and how long after the change that was: only where
/// the backend did tell the old until the change.
fn retired<'a, 'h>(
    truth: &Truth<'_>,
    changes: &[Change<'_>],
    index: usize,
    answers: &[&'a Asked<'h>],
) -> Option<(&'a Asked<'h>, u64)> {
    let change = &changes[index];
    let changed_us = change.event.span.until_us;
    // What is told later than that is broken already.
    let over_us = changed_us.saturating_add(2 * truth.tolerance_us());
    let mut later = changes[index..].iter().take_while(|later| later.event.span.until_us <= over_us);
    let again = later.find(|later| later.new == change.old);
    let again_us = again.map_or(over_us, |later| later.event.span.until_us);
    let from = answers.partition_point(|one| one.event.span.from_us <= changed_us);
    let is_old = |one: &&&Asked<'_>| one.is_positive() && one.says(&change.old);
    let before = answers[..from].last().filter(is_old)?;
    let later = answers[from..].iter().take_while(|one| one.event.span.from_us < again_us);
    let last = later.filter(is_old).last().unwrap_or(before);
    Some((*last, last.event.span.until_us.saturating_sub(changed_us)))
}

fn who(one: &Asked<'_>) -> String {
    format!("{} {}", one.dns.vantage, short(&one.dns.name))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

    const ASKED_EARLY: &str = "web-0 created; dns a A web-0 -> nxdomain; web-0 ready";
    const SWITCH: &str = "dns a A web-0 -> 10.0.0.10; web-0 terminating; web-0 deleted; web-0 created; \
                          web-0 address 10.0.0.77; web-0 ready; wait 4s; dns a A web-0 -> 10.0.0.10; wait 4s; \
                          dns a A web-0 -> 10.0.0.77";

    fn measured(statements: &str) -> Vec<(String, f64)> {
        let findings = judge(&CHECK, &history(statements));
        let named = findings.measurements.iter().filter(|m| m.name != "dns_ttl_secs");
        named.map(|m| (format!("{} {}", m.name, m.of), (m.value * 10.0).round() / 10.0)).collect()
    }

    #[test]
    fn appearing_and_switching_in_time() {
        let both = format!("{ASKED_EARLY}; wait 4s; dns a A web-0 -> nxdomain; wait 4s; {SWITCH}");
        assert_held(&CHECK, &both, 2);
        assert_eq!(
            measured(&both),
            [
                ("dns_appear_secs a web-0.nginx".to_owned(), 8.2),
                ("dns_retire_secs a web-0.nginx".to_owned(), 4.5),
                ("dns_switch_secs a web-0.nginx".to_owned(), 8.2)
            ]
        );
    }

    #[test]
    fn leaving_in_time_is_measured() {
        let leaving = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 3s; \
                       dns a A web-0 -> 10.0.0.10; dns a A web-0 -> nxdomain";
        assert_held(&CHECK, leaving, 1);
        assert_eq!(measured(leaving), [("dns_retire_secs a web-0.nginx".to_owned(), 3.1)]);
    }

    #[test]
    fn the_same_address_again() {
        let again = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 1s; \
                     dns a A web-0 -> nxdomain; web-0 ready; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> 10.0.0.10";
        assert_held(&CHECK, again, 2);
        assert_eq!(
            measured(again),
            [
                ("dns_retire_secs a web-0.nginx".to_owned(), 0.0),
                ("dns_switch_secs a web-0.nginx".to_owned(), 0.1)
            ]
        );
    }

    #[test]
    fn how_late_an_old_address_was_told_is_measured() {
        let late = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 80s; \
                    dns a A web-0 -> 10.0.0.10; wait 60s; dns a A web-0 -> 10.0.0.10";
        assert_eq!(measured(late), [("dns_retire_secs a web-0.nginx".to_owned(), 80.1)]);
    }

    #[test]
    fn what_is_asked_after_the_next_change_does_not_follow_this_one() {
        let over = "web-0 created; dns a A web-0 -> nxdomain; web-0 ready; web-0 unready; dns a A web-0 -> 10.0.0.10";
        assert_eq!(measured(over), [("dns_retire_secs a web-0.nginx".to_owned(), 0.1)]);
    }

    #[test]
    fn what_is_told_at_the_very_moment_follows_at_once() {
        let mut history = history(&format!("{ASKED_EARLY}; dns a A web-0 -> 10.0.0.10"));
        let ready_us = history.events[history.events.len() - 2].span.until_us;
        let answer = history.events.last_mut().expect("the answer");
        (answer.span.from_us, answer.span.until_us) = (ready_us - 50_000, ready_us);
        let measured = judge(&CHECK, &history).measurements;
        assert!(measured.iter().any(|m| m.name == "dns_appear_secs" && m.value == 0.0), "{measured:#?}");
    }

    #[test]
    fn the_longest_time_to_live_of_each_backend_is_measured() {
        let measured = judge(&CHECK, &history("dns a A web-0 -> 10.0.0.10; dns b A web-0 -> nxdomain"));
        let told: Vec<_> = measured.measurements.iter().map(|m| (&*m.name, &*m.of, m.value)).collect();
        assert_eq!(told, [("dns_ttl_secs", "a", 30.0)]);
    }

    #[test]
    fn what_is_too_old_again_and_again_is_told_once() {
        let told = |statements: &str| judge(&CHECK, &history(statements)).findings.len();
        let late = "wait 66s; dns a A web-0 -> nxdomain; dns a A web-0 -> nxdomain";
        assert_eq!(told(&format!("{ASKED_EARLY}; {late}")), 1);
        let hidden = "gap pods; dns a A web-0 -> 10.0.0.9; dns a A web-0 -> 10.0.0.9";
        assert_eq!(told(&format!("{ASKED_EARLY}; {hidden}")), 1);
    }

    #[test]
    fn an_old_address_for_too_long() {
        let old = "web-0 created; web-0 ready; web-0 terminating; web-0 deleted; wait 66s; dns b A web-0 -> 10.0.0.10";
        assert_broken(
            &CHECK,
            old,
            "b (tcp) answered 10.0.0.10 (an address of web-0) for web-0.nginx, 66.1 s after",
        );
    }

    #[test]
    fn a_negative_answer_for_too_long() {
        assert_broken(
            &CHECK,
            &format!("{ASKED_EARLY}; wait 66s; dns a A web-0 -> nxdomain"),
            "does not exist, 66.0 s",
        );
    }

    #[test]
    fn the_service_is_held_to_it_too() {
        let old =
            "web-0 created; web-0 ready; web-1 created; web-1 ready; wait 66s; dns a A nginx -> 10.0.0.10";
        assert_broken(&CHECK, old, "after that was over");
    }

    #[test]
    fn a_wait_that_was_given_up() {
        let given_up = format!("{ASKED_EARLY}; wait 50s; dns a A web-0 -> nxdomain; timed-out dns-settled");
        assert_broken(&CHECK, &given_up, "when the wait for DNS to settle was given up");
        let lost = format!(
            "{ASKED_EARLY}; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> no-answer; timed-out dns-settled"
        );
        assert_blind(&CHECK, &lost, "when the wait for DNS to settle was given up");
    }

    #[test]
    fn what_was_asked_too_early_not_answered_or_hidden_is_not_judged() {
        assert_blind(
            &CHECK,
            &format!("{ASKED_EARLY}; wait 1s; dns a A web-0 -> nxdomain"),
            "a cache may still say",
        );
        assert_blind(&CHECK, "web-0 created; dns a A web-0 -> no-answer", "gave no answer");
        let gap =
            format!("{ASKED_EARLY}; gap pods; web-0 listed; web-0 ready; wait 1s; dns a A web-0 -> 10.0.0.9");
        assert_blind(&CHECK, &gap, "a gap in the watch of pods");
    }

    #[test]
    fn one_question_long_after_a_change_proves_nothing() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; wait 99s; dns a A web-0 -> 10.0.0.10");
    }
}
