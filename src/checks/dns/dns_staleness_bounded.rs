//! `dns-staleness-bounded`: no DNS server goes on answering with what is over for longer than caches may take.

use std::collections::{BTreeMap, BTreeSet};

use super::dns_verdicts::{Clauses, asked_too_early, gave_up, never_answered, say_broken, say_hidden, words};
use crate::{
    checks::{Check, Findings, Kind},
    history::{DnsOutcome, Observation, Vantage},
    limits,
    views::{
        View,
        dns::{
            Fit, Question,
            questions::{Key, questions},
            timeline::Change,
        },
    },
};

/// Judges `specs/dns/dns-staleness-bounded.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-staleness-bounded", judge };

/// Each server followed in time when a pod became ready.
const READY: &str = "ready";
/// Each server followed in time when a pod stopped being ready or went.
const UNREADY: &str = "unready";
/// Each server followed in time although it had been asked for the name before that existed.
const NEGATIVE: &str = "asked-before";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let mut asked = questions(view, |service, _, _| service.is_governing);
    asked.retain(|one| one.is_followed);
    let clauses = Clauses::one(READY);
    too_old(clauses, &asked, findings);
    gave_up(view, clauses, &asked, findings);
    never_answered(clauses, &asked, findings);
    asked_too_early(clauses, &asked, findings);
    times_to_live(&asked, findings);
    for answers in by_key(&asked) {
        Followed { answers }.each_change(findings);
    }
}

/// The answers to each key.
fn by_key<'a, 'v, 'h>(asked: &'a [Question<'v, 'h>]) -> Vec<Vec<&'a Question<'v, 'h>>> {
    let mut keys: BTreeMap<Key, Vec<&Question<'_, '_>>> = BTreeMap::new();
    for one in asked.iter().filter(|one| one.answer.is_ok()) {
        keys.entry(one.key).or_default().push(one);
    }
    keys.into_values().collect()
}

fn too_old(clauses: Clauses, asked: &[Question<'_, '_>], findings: &mut Findings) {
    let mut said = BTreeSet::new();
    for one in asked {
        let mut is_new = |kind| said.insert((kind, one.key, one.is_positive()));
        match one.fit {
            Some(Fit::Outdated { .. }) if is_new(Kind::Broken) => say_broken(clauses, one, findings),
            Some(Fit::Hidden { .. } | Fit::Unordered { .. }) if is_new(Kind::Blind) => {
                say_hidden(clauses, one, findings);
            }
            _ => {}
        }
    }
}

fn times_to_live(asked: &[Question<'_, '_>], findings: &mut Findings) {
    let mut longest: BTreeMap<&Vantage, u32> = BTreeMap::new();
    for one in asked {
        let DnsOutcome::Answer { records, .. } = &one.dns.outcome else { continue };
        for record in records {
            let known = longest.entry(&one.dns.vantage).or_default();
            *known = record.ttl_secs.max(*known);
        }
    }
    for (server, ttl_secs) in longest {
        findings.measure("dns_ttl_secs", server.to_string(), f64::from(ttl_secs));
    }
}

/// What one server answered for one name, in order.
struct Followed<'a, 'v, 'h> {
    answers: Vec<&'a Question<'v, 'h>>,
}

impl<'a, 'v, 'h> Followed<'a, 'v, 'h> {
    fn tolerance_us(&self) -> u64 {
        self.answers[0].service.published().bounds().tolerance_us()
    }

    /// For each change, how long the server took to tell the new and to stop telling the old.
    fn each_change(&self, findings: &mut Findings) {
        let changes = self.answers[0].timeline().changes();
        let first_known = changes.iter().position(|change| !change.value.is_empty());
        for place in 1..changes.len() {
            let (old, change) = (&changes[place - 1], &changes[place]);
            // When a list found it out, nobody knows when it changed.
            if matches!(&change.event.seen, Observation::Object(object) if object.change.is_listed()) {
                continue;
            }
            if let Some((last, old_us)) = self.retired(changes, place) {
                findings.measure("dns_retire_secs", who(last), old_us as f64 / 1e6);
            }
            let until_us = changes.get(place + 1).map_or(u64::MAX, |next| next.event.span.until_us);
            let Some((first, took_us)) = self.followed(change, until_us) else { continue };
            if took_us <= self.tolerance_us() {
                self.held(old, change, (first, took_us), findings);
            }
            if !change.value.is_empty() {
                let name = if first_known < Some(place) { "dns_switch_secs" } else { "dns_appear_secs" };
                findings.measure(name, who(first), took_us as f64 / 1e6);
            }
        }
    }

    fn held(
        &self,
        old: &Change<'h>,
        change: &Change<'h>,
        (first, took_us): (&Question<'v, 'h>, u64),
        findings: &mut Findings,
    ) {
        let to = words(&change.value);
        let what =
            format!("{} answered {to} {:.1} s after that had become true", who(first), took_us as f64 / 1e6);
        let came = change.value.difference(&old.value).next().is_some();
        let clause = if came { READY } else { UNREADY };
        let events = [change.event, first.event];
        Clauses::one(clause).say(findings, first).held(&*what, &events);
        let asked_before = self.answers.iter().take_while(|one| one.event.comes_before(change.event));
        if came && old.value.is_empty() && asked_before.last().is_some_and(|one| one.says(&old.value)) {
            Clauses::one(NEGATIVE).say(findings, first).held(what, &events);
        }
    }

    /// The first answer that tells the new, and how long after the change: only where the server was asked all along.
    fn followed(&self, change: &Change<'h>, until_us: u64) -> Option<(&'a Question<'v, 'h>, u64)> {
        let changed_us = change.event.span.until_us;
        let from = self.answers.partition_point(|one| one.event.span.until_us < changed_us);
        let later = self.answers[from..].iter().take_while(|one| one.event.span.from_us < until_us);
        let is_new =
            |one: &&&Question<'_, '_>| one.says(&change.value) && matches!(one.fit, Some(Fit::Current));
        let (index, first) = later.enumerate().find(|(_, one)| is_new(one))?;
        let before = self.answers[..from + index].last()?;
        let since_us = first.event.span.from_us.saturating_sub(before.event.span.until_us);
        let took_us = first.event.span.until_us.saturating_sub(changed_us);
        (since_us <= limits::OBSERVER_SLACK.wait_us()).then_some((*first, took_us))
    }

    /// The last answer that told the old before it became true again, and how long after the change that was: only where the
    /// server did tell the old until the change.
    fn retired(&self, changes: &[Change<'h>], place: usize) -> Option<(&'a Question<'v, 'h>, u64)> {
        let (old, change) = (&changes[place - 1].value, &changes[place]);
        let changed_us = change.event.span.until_us;
        // What is told later than that is broken already.
        let over_us = changed_us.saturating_add(2 * self.tolerance_us());
        let mut later = changes[place..].iter().take_while(|later| later.event.span.until_us <= over_us);
        let again = later.find(|later| later.value == *old);
        let again_us = again.map_or(over_us, |later| later.event.span.until_us);
        let from = self.answers.partition_point(|one| one.event.span.from_us <= changed_us);
        let is_old = |one: &&&Question<'_, '_>| one.is_positive() && one.says(old);
        let before = self.answers[..from].last().filter(is_old)?;
        let later = self.answers[from..].iter().take_while(|one| one.event.span.from_us < again_us);
        let last = later.filter(is_old).last().unwrap_or(before);
        Some((*last, last.event.span.until_us.saturating_sub(changed_us)))
    }
}

fn who(one: &Question<'_, '_>) -> String {
    let kind = if one.dns.record_type == "AAAA" { " (AAAA)" } else { "" };
    format!("{} {}{kind}", one.dns.vantage, one.name())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

    const ASKED_EARLY: &str = "service; web-0 created; dns a A web-0 -> nxdomain; web-0 ready";
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
        assert_held(&CHECK, &both, 3);
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
        let leaving = "service; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 3s; \
                       dns a A web-0 -> 10.0.0.10; dns a A web-0 -> nxdomain";
        assert_held(&CHECK, leaving, 1);
        assert_eq!(measured(leaving), [("dns_retire_secs a web-0.nginx".to_owned(), 3.1)]);
    }

    #[test]
    fn the_same_address_again() {
        let again = "service; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 1s; \
                     dns a A web-0 -> nxdomain; web-0 ready; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> 10.0.0.10";
        assert_held(&CHECK, again, 3);
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
        let late = "service; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 unready; wait 80s; \
                    dns a A web-0 -> 10.0.0.10; wait 60s; dns a A web-0 -> 10.0.0.10";
        assert_eq!(measured(late), [("dns_retire_secs a web-0.nginx".to_owned(), 80.1)]);
    }

    #[test]
    fn what_is_asked_after_the_next_change_does_not_follow_this_one() {
        let over = "service; web-0 created; dns a A web-0 -> nxdomain; web-0 ready; web-0 unready; dns a A web-0 -> 10.0.0.10";
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
        let measured = judge(
            &CHECK,
            &history("service; web-0 created; dns a A web-0 -> 10.0.0.10; dns b A web-0 -> nxdomain"),
        );
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
        let old = "service; web-0 created; web-0 ready; web-0 terminating; web-0 deleted; wait 66s; dns b A web-0 -> 10.0.0.10";
        assert_broken(
            &CHECK,
            old,
            "b (tcp) answered 10.0.0.10 (an address of web-0 at another time) for web-0.nginx, 66.1 s after",
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
        let old = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; wait 66s; dns a A nginx -> 10.0.0.10";
        assert_broken(&CHECK, old, "after that had changed");
    }

    #[test]
    fn a_wait_that_was_given_up() {
        let given_up = format!("{ASKED_EARLY}; wait 50s; dns a A web-0 -> nxdomain; timed-out dns-settled");
        assert_blind(&CHECK, &given_up, "was not asked again");
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
            "a cache may still hold",
        );
        assert_blind(&CHECK, "service; web-0 created; dns a A web-0 -> no-answer", "gave no answer");
        let gap =
            format!("{ASKED_EARLY}; gap pods; web-0 listed; web-0 ready; wait 1s; dns a A web-0 -> 10.0.0.9");
        assert_blind(&CHECK, &gap, "a gap in a watch");
    }

    #[test]
    fn one_question_long_after_a_change_proves_nothing() {
        assert_silent(&CHECK, "service; web-0 created; web-0 ready; wait 99s; dns a A web-0 -> 10.0.0.10");
    }
}
