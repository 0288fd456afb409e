//! What follows from the answers about a kind of name: held, broken or blind.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{Cause, Findings, Kind, Say},
    history::{Transport, Vantage, Wait},
    views::{
        Dimension, View,
        dns::{
            Fit, Question, Subject, Told,
            questions::{Key, last_of_each, transport},
        },
    },
};

/// The clauses that an answer is evidence for: the one about backends that are asked by themselves, and the one about what
/// nodes are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clauses {
    pub(super) backend: &'static str,
    pub(super) node: &'static str,
}

impl Clauses {
    /// One clause for both.
    pub(super) const fn one(clause: &'static str) -> Self {
        Self { backend: clause, node: clause }
    }

    fn of(self, vantage: &Vantage) -> &'static str {
        match vantage {
            Vantage::Backend { .. } => self.backend,
            Vantage::Node { .. } => self.node,
        }
    }

    /// Begins a statement about what somebody answered.
    pub(super) fn say<'f>(self, findings: &'f mut Findings, question: &Question<'_, '_>) -> Say<'f> {
        let service = question.service.key(&question.service.name);
        let say = self.say_of(findings, &question.dns.vantage, question.dns.transport);
        let say = say.of(Dimension::Service, service);
        match question.subject {
            Subject::Pod(label) => say.pod(question.service.key(label)),
            Subject::Service | Subject::Port { .. } => say,
        }
    }

    /// Begins a statement about somebody who was asked.
    pub(super) fn say_of<'f>(
        self,
        findings: &'f mut Findings,
        vantage: &Vantage,
        over: Transport,
    ) -> Say<'f> {
        let say = findings.on(self.of(vantage));
        match vantage {
            Vantage::Backend { pod } => say.of(Dimension::Backend, pod).of(Dimension::DnsServer, pod),
            Vantage::Node { node, .. } => say
                .of(Dimension::Node, node)
                .of(Dimension::DnsServer, node)
                .of(Dimension::Transport, transport(over)),
        }
    }
}

/// Which address families, or which ports, of one name were answered rightly by one server. The promise is kept for a
/// dual-stack Service where it is kept in both families, and for one of several ports where it is kept for each.
#[derive(Debug, Default)]
pub(super) struct Parts<'h> {
    right: BTreeMap<(&'h Vantage, Transport, usize, Option<&'h str>), BTreeSet<String>>,
}

impl<'h> Parts<'h> {
    /// Notes that this answer was right, and says whether with it each part has had a right one.
    pub(super) fn complete(&mut self, question: &Question<'_, 'h>) -> bool {
        let (part, needed) = parts(question);
        let label = match question.subject {
            Subject::Pod(label) => Some(label),
            Subject::Service => None,
            // No pod's label is empty.
            Subject::Port { .. } => Some(""),
        };
        let service = std::ptr::from_ref(question.service) as usize;
        let of = (&question.dns.vantage, question.dns.transport, service, label);
        let right = self.right.entry(of).or_default();
        right.insert(part);
        needed.iter().all(|needed| right.contains(needed))
    }
}

/// The part that a question is about, and all parts that its name has.
fn parts(question: &Question<'_, '_>) -> (String, Vec<String>) {
    let (service, event) = (question.service, question.event);
    match question.subject {
        Subject::Port { name, protocol } => {
            let all = service.ports(event).into_iter().map(|(name, protocol)| format!("{name}/{protocol}"));
            (format!("{name}/{protocol}"), all.collect())
        }
        _ => {
            let all = service.families(event).into_iter().map(|family| family.record_type().to_owned());
            (question.dns.record_type.clone(), all.collect())
        }
    }
}

/// What the questions about some names say of the promise that those names resolve to what they stand for.
///
/// Held, once for each asked and each answer: something true was answered. Broken: something that was not true, or that is
/// longer over than caches may take; nothing but refusals.
pub(super) fn names_resolve<'h>(
    view: &View<'h>,
    clauses: Clauses,
    asked: &[Question<'_, 'h>],
    findings: &mut Findings,
) {
    each_answer(clauses, asked, findings);
    gave_up(view, clauses, asked, findings);
    never_answered(clauses, asked, findings);
    asked_too_early(clauses, asked, findings);
}

fn each_answer<'h>(clauses: Clauses, asked: &[Question<'_, 'h>], findings: &mut Findings) {
    let (mut said, mut parts) = (BTreeSet::new(), Parts::default());
    for one in asked {
        let mut is_new = |kind| said.insert((kind, one.key, &one.answer));
        match one.fit {
            Some(Fit::Current) if one.is_positive() && is_new(Kind::Held) && parts.complete(one) => {
                clauses.say(findings, one).held(one.told(), &[one.event]);
            }
            Some(Fit::Outdated { .. } | Fit::Wrong) if is_new(Kind::Broken) => {
                say_broken(clauses, one, findings);
            }
            Some(Fit::Hidden { .. } | Fit::Unordered { .. }) if is_new(Kind::Blind) => {
                say_hidden(clauses, one, findings);
            }
            _ => {}
        }
    }
}

/// Says that an answer is wrong or outdated, and what was expected.
pub(super) fn say_broken(clauses: Clauses, one: &Question<'_, '_>, findings: &mut Findings) {
    let expected = words(one.expected());
    let (what, since) = match one.fit {
        Some(Fit::Outdated { over, late_us }) => {
            let late_secs = late_us as f64 / 1e6;
            (format!("{}, {late_secs:.1} s after that had changed; expected {expected}", one.told()), over)
        }
        _ => {
            let since = one.timeline().at(one.event.span.from_us).event;
            (format!("{}, expected {expected}", one.told()), since)
        }
    };
    clauses.say(findings, one).broken(what, &[since, one.event]);
}

/// Says that an answer disagrees with what is known, and why it may be right all the same.
pub(super) fn say_hidden(clauses: Clauses, one: &Question<'_, '_>, findings: &mut Findings) {
    let say = clauses.say(findings, one);
    match one.fit {
        Some(Fit::Hidden { gap }) => {
            let what = format!("{}, and a gap in a watch hides whether that was true", one.told());
            say.blind(Cause::Gap, what, &[gap, one.event]);
        }
        Some(Fit::Unordered { next }) => {
            let what = format!("{}, which a watch that may have been late delivered only later", one.told());
            say.blind(Cause::NoOrder, what, &[one.event, next]);
        }
        _ => {}
    }
}

/// A wait for DNS that was given up while a server did not answer.
pub(super) fn gave_up<'h>(
    view: &View<'h>,
    clauses: Clauses,
    asked: &[Question<'_, 'h>],
    findings: &mut Findings,
) {
    for given_up in view.given_up(|wait| *wait == Wait::DnsSettled) {
        let until_then = asked.iter().filter(|one| one.event.comes_before(given_up.event));
        for one in last_of_each(until_then.filter(|one| one.is_followed)) {
            if one.fit.is_none() {
                let what = format!("{} when the wait for DNS to settle was given up", one.told());
                clauses.say(findings, one).blind(Cause::NoAnswer, what, &[one.event, given_up.event]);
            }
        }
    }
}

/// What each server said last. Whoever is followed must have come to the truth; a node may still be told what a cache
/// between it and the backends holds. A right answer is evidence; `held` says it.
pub(super) fn last_answers<'h>(
    clauses: Clauses,
    asked: &[Question<'_, 'h>],
    findings: &mut Findings,
    mut held: impl FnMut(&Question<'_, 'h>, &mut Findings),
) {
    for one in last_of_each(asked.iter().filter(|one| one.answer.is_ok())) {
        match one.fit {
            Some(Fit::Current) if one.is_positive() => held(one, findings),
            Some(Fit::Outdated { .. } | Fit::Wrong) => say_broken(clauses, one, findings),
            _ => say_hidden(clauses, one, findings),
        }
    }
    asked_too_early(clauses, asked, findings);
}

/// Names to which a server never said yes or no. Refusals break the promise. Silence cannot be judged; that of a node on
/// one name, where it answered for others, is one lost datagram.
pub(super) fn never_answered<'a, 'v: 'a, 'h: 'v>(
    clauses: Clauses,
    asked: impl IntoIterator<Item = &'a Question<'v, 'h>>,
    findings: &mut Findings,
) {
    let (answered, not): (Vec<&Question<'_, '_>>, Vec<&Question<'_, '_>>) =
        asked.into_iter().partition(|one| one.answer.is_ok());
    let answered: Vec<&Question<'_, '_>> = last_of_each(answered).collect();
    let names: BTreeSet<Key> = answered.iter().map(|one| one.key).collect();
    let ways: BTreeSet<_> = answered.iter().map(|one| (&one.dns.vantage, one.dns.transport)).collect();
    for one in last_of_each(not).filter(|one| !names.contains(&one.key)) {
        let is_lost = !one.is_followed && ways.contains(&(&one.dns.vantage, one.dns.transport));
        match one.dns.code() {
            Some(code) => {
                let what = format!("{}, and never anything but {code}", one.told());
                clauses.say(findings, one).broken(what, &[one.event]);
            }
            None if is_lost => {}
            None => clauses.say(findings, one).blind(Cause::NoAnswer, one.told(), &[one.event]),
        }
    }
}

/// A server whose last answer for a name was one that caches may still give: it was not asked late enough.
pub(super) fn asked_too_early(clauses: Clauses, asked: &[Question<'_, '_>], findings: &mut Findings) {
    let answered = asked.iter().filter(|one| one.answer.is_ok() && one.is_followed);
    for one in last_of_each(answered) {
        if let Some(Fit::Stale { over }) = one.fit {
            let what = format!("{}, which a cache may still hold, and was not asked again", one.told());
            clauses.say(findings, one).blind(Cause::Cached, what, &[over, one.event]);
        }
    }
}

/// What a name stands for, for a person to read.
pub(super) fn words(told: &Told<'_>) -> String {
    if told.is_empty() { "nothing".to_owned() } else { listed(told.iter()) }
}

/// The texts, with commas between them.
pub(super) fn listed<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| text.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}
