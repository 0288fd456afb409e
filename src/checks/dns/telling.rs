//! What follows from the answers about a kind of name: held, broken or blind.

use std::collections::BTreeSet;

use super::{
    asked::{Asked, Key, last_of_each},
    truth::{Fit, Truth, words},
};
use crate::{
    checks::{Findings, Kind},
    history::History,
};

/// What the questions about some names say of the promise that those names tell the truth.
///
/// Held, once for each asked and each answer: something true was told. Broken: something that never was true, or that is
/// longer over than caches may take; what had not settled when the wait for it was given up; nothing but refusals.
pub(super) fn names_tell_the_truth<'h>(
    history: &'h History,
    truth: &Truth<'h>,
    asked: &[Asked<'h>],
    findings: &mut Findings,
) {
    each_answer(truth, asked, findings);
    gave_up(history, truth, asked, findings);
    never_answered(truth, asked, findings);
    asked_too_early(truth, asked, findings);
}

fn each_answer<'h>(truth: &Truth<'h>, asked: &[Asked<'h>], findings: &mut Findings) {
    let mut said = BTreeSet::new();
    for one in asked {
        let Some(fit) = &one.fit else { continue };
        let mut is_new = |kind| said.insert((kind, one.key, &one.answer));
        match fit {
            Fit::Current if one.is_positive() && is_new(Kind::Held) => {
                findings.held(one.told(truth), &[one.event]);
            }
            Fit::Outdated { .. } | Fit::Wrong if is_new(Kind::Broken) => say_broken(truth, one, findings),
            Fit::Unknown { gap } if is_new(Kind::Blind) => {
                let what = format!(
                    "{}, and a gap in the watch of pods hides whether that was true",
                    one.told(truth)
                );
                findings.blind(what, &[gap, one.event]);
            }
            _ => {}
        }
    }
}

/// Says that an answer is wrong or outdated, and what was true.
pub(super) fn say_broken(truth: &Truth<'_>, one: &Asked<'_>, findings: &mut Findings) {
    let state = truth.at(one.event.span.from_us);
    let right = one.subject.truth(state);
    let right = if right.is_empty() { "nothing".to_owned() } else { words(&right) };
    match one.fit {
        Some(Fit::Outdated { over, late_us }) => findings.broken(
            format!(
                "{}, {:.1} s after that was over; right was {right}",
                one.told(truth),
                late_us as f64 / 1e6
            ),
            &[over, one.event],
        ),
        _ => findings.broken(
            format!("{}, which never was true; right was {right}", one.told(truth)),
            &[state.event, one.event],
        ),
    }
}

/// A wait for DNS that was given up: the names that backends then did not tell as they were.
pub(super) fn gave_up<'h>(
    history: &'h History,
    truth: &Truth<'h>,
    asked: &[Asked<'h>],
    findings: &mut Findings,
) {
    for (given_up, _, _) in history.timed_out("dns-settled") {
        let until_then = asked.iter().filter(|one| one.of_backend() && one.event.comes_before(given_up));
        for one in last_of_each(until_then) {
            let what = format!("{} when the wait for DNS to settle was given up", one.told(truth));
            match one.fit {
                None => findings.blind(what, &[one.event, given_up]),
                Some(Fit::Stale { .. }) => findings.broken(what, &[one.event, given_up]),
                _ => {}
            }
        }
    }
}

/// What each vantage said last. A backend must have come to the truth; a node may still be told what a cache between it
/// and the backends holds.
pub(super) fn last_words_are_right<'h>(truth: &Truth<'h>, asked: &[Asked<'h>], findings: &mut Findings) {
    for one in last_of_each(asked.iter().filter(|one| one.answer.is_ok())) {
        match one.fit {
            Some(Fit::Current) if one.is_positive() => findings.held(one.told(truth), &[one.event]),
            Some(Fit::Outdated { .. } | Fit::Wrong) => say_broken(truth, one, findings),
            Some(Fit::Unknown { gap }) => {
                let what = format!(
                    "{}, and a gap in the watch of pods hides whether that was true",
                    one.told(truth)
                );
                findings.blind(what, &[gap, one.event]);
            }
            _ => {}
        }
    }
    asked_too_early(truth, asked, findings);
}

/// Names to which a vantage never said yes or no. Refusals break the promise. Silence cannot be judged; that of a node
/// on one name, where it answered for others, is one lost datagram and no lost evidence.
pub(super) fn never_answered<'a, 'h>(
    truth: &Truth<'_>,
    asked: impl IntoIterator<Item = &'a Asked<'h>>,
    findings: &mut Findings,
) where
    'h: 'a,
{
    let (answered, not): (Vec<&Asked<'_>>, Vec<&Asked<'_>>) =
        asked.into_iter().partition(|one| one.answer.is_ok());
    let answered: Vec<&Asked<'_>> = last_of_each(answered).collect();
    let names: BTreeSet<Key> = answered.iter().map(|one| one.key).collect();
    let ways: BTreeSet<_> = answered.iter().map(|one| (&one.dns.vantage, one.dns.transport)).collect();
    for one in last_of_each(not).filter(|one| !names.contains(&one.key)) {
        match one.dns.code() {
            Some(code) => {
                findings.broken(format!("{}, and never anything but {code}", one.told(truth)), &[one.event]);
            }
            None if one.of_backend() || !ways.contains(&(&one.dns.vantage, one.dns.transport)) => {
                findings.blind(one.told(truth), &[one.event]);
            }
            None => {}
        }
    }
}

/// A backend whose last word on a name was one that caches may still tell: it was not asked late enough.
pub(super) fn asked_too_early(truth: &Truth<'_>, asked: &[Asked<'_>], findings: &mut Findings) {
    for one in last_of_each(asked.iter().filter(|one| one.of_backend() && one.answer.is_ok())) {
        if let Some(Fit::Stale { over }) = one.fit {
            let what = format!("{}, which a cache may still say, and was not asked again", one.told(truth));
            findings.blind(what, &[over, one.event]);
        }
    }
}
