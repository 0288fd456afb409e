//! The DNS questions of a history about the set, each with how its answer fits to the truth.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use super::truth::{Fit, State, Truth};
use crate::history::{DnsOutcome, DnsSeen, Event, History, SERVICE, Seen, Vantage};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject<'h> {
    /// The pod of that name.
    Pod(&'h str),
    /// The headless Service.
    Service,
    /// The SRV records of the Service's port: one for each ready pod.
    Targets,
}

impl Subject<'_> {
    /// Whether an answer tells what is true in this state.
    pub(super) fn is_told(&self, answer: &BTreeSet<&str>, state: &State<'_>) -> bool {
        match self {
            Subject::Pod(name) => match state.ready.get(name) {
                Some(addresses) => addresses == answer,
                None => answer.is_empty(),
            },
            Subject::Service => state.all == *answer,
            Subject::Targets => state.ready.keys().eq(answer),
        }
    }

    /// What should be told in this state.
    pub(super) fn truth<'s>(&self, state: &State<'s>) -> BTreeSet<&'s str> {
        match self {
            Subject::Pod(name) => state.ready.get(name).cloned().unwrap_or_default(),
            Subject::Service => state.all.clone(),
            Subject::Targets => state.ready.keys().copied().collect(),
        }
    }
}

/// Who was asked for what: answers to one key follow one another in the record. A number for each vantage, transport and
/// name, in their order.
pub(super) type Key = usize;

/// What came back: addresses, or the pods that the SRV records name; or why there is no answer.
type Answer<'h> = Result<BTreeSet<&'h str>, &'h str>;

/// One question, and what came back.
#[derive(Debug, Clone)]
pub(super) struct Asked<'h> {
    /// The exchange.
    pub(super) event: &'h Event,
    /// The question.
    pub(super) dns: &'h DnsSeen,
    /// What its name stands for.
    pub(super) subject: Subject<'h>,
    /// Who was asked for what.
    pub(super) key: Key,
    /// What came back.
    pub(super) answer: Rc<Answer<'h>>,
    /// How it fits; nothing where there is no answer.
    pub(super) fit: Option<Fit<'h>>,
}

impl<'h> Asked<'h> {
    /// Whether it came from one backend by itself, and not through the Service.
    pub(super) fn of_backend(&self) -> bool {
        is_of_backend(self.dns)
    }

    /// Whether it named anything.
    pub(super) fn is_positive(&self) -> bool {
        matches!(&*self.answer, Ok(answer) if !answer.is_empty())
    }

    /// Whether it told exactly this.
    pub(super) fn says(&self, told: &BTreeSet<&str>) -> bool {
        matches!(&*self.answer, Ok(answer) if answer == told)
    }

    /// Who said what of which name, for a person to read.
    pub(super) fn told(&self, truth: &Truth<'_>) -> String {
        let name = short(&self.dns.name);
        let who = format!("{} ({:?})", self.dns.vantage, self.dns.transport).to_lowercase();
        match &*self.answer {
            Err(reason) => format!("{who} gave no answer for {name}: {reason}"),
            Ok(answer) if answer.is_empty() => format!("{who} answered that {name} does not exist"),
            Ok(answer) => {
                let each: Vec<String> = answer.iter().map(|a| format!("{a}{}", truth.owner(a))).collect();
                format!("{who} answered {} for {name}", each.join(", "))
            }
        }
    }
}

/// The part of a name that a reader needs: up to the Service.
pub(super) fn short(name: &str) -> &str {
    let end = name.find(&format!("{SERVICE}.")).map(|at| at + SERVICE.len());
    end.map_or(name.trim_end_matches('.'), |end| &name[..end])
}

impl<'h> Truth<'h> {
    /// What a question is about, if it is about the set.
    pub(super) fn subject(&self, dns: &'h DnsSeen) -> Option<Subject<'h>> {
        let service = self.service.as_deref()?;
        let labels = dns.name.strip_suffix(service)?;
        match (dns.record_type.as_str(), labels.strip_suffix('.')) {
            ("A", None) if labels.is_empty() => Some(Subject::Service),
            ("A", Some(pod)) if !pod.contains('.') => Some(Subject::Pod(pod)),
            ("SRV", Some("_web._tcp")) => Some(Subject::Targets),
            _ => None,
        }
    }

    /// The questions about the set that are meant, in the order in which the answers came.
    ///
    /// A record that was read has equal answers once in memory, and here each is made out once.
    pub(super) fn asked(
        &self,
        history: &'h History,
        is_meant: impl Fn(&DnsSeen, Subject<'h>) -> bool,
    ) -> Vec<Asked<'h>> {
        let mut keys = BTreeMap::new();
        let mut told = HashMap::new();
        let ask = |Seen { event, what: dns }: Seen<'h, DnsSeen>| {
            let told = told.entry(std::ptr::from_ref(dns)).or_insert_with(|| {
                let subject = self.subject(dns).filter(|subject| is_meant(dns, *subject))?;
                let next = keys.len();
                let key = *keys.entry((&dns.vantage, dns.transport, &dns.name)).or_insert(next);
                Some((subject, key, Rc::new(self.answer(subject, dns))))
            });
            let (subject, key, answer): &(_, _, Rc<Answer<'h>>) = told.as_ref()?;
            let (subject, key, answer) = (*subject, *key, Rc::clone(answer));
            let fit = |told| self.fit(event.span, |state| subject.is_told(told, state));
            let fit = answer.as_ref().as_ref().ok().map(fit);
            Some(Asked { event, dns, subject, key, answer, fit })
        };
        let mut asked: Vec<Asked<'h>> = history.dns().filter_map(ask).collect();
        let mut places = vec![0; keys.len()];
        keys.into_values().enumerate().for_each(|(place, key)| places[key] = place);
        asked.iter_mut().for_each(|one| one.key = places[one.key]);
        asked
    }

    fn answer(&self, subject: Subject<'h>, dns: &'h DnsSeen) -> Answer<'h> {
        match (subject, answer(dns)?) {
            (Subject::Targets, records) => Ok(records.iter().map(|record| self.target(record)).collect()),
            (_, addresses) => Ok(addresses),
        }
    }

    /// The pod that an SRV record names, if it names one and its port; else the whole record, which no pod is called.
    fn target<'r>(&self, record: &'r str) -> &'r str {
        let fields: Vec<&str> = record.split_whitespace().collect();
        let service = self.service.as_deref().unwrap_or_default();
        match fields[..] {
            [_, _, "80", target] => target.strip_suffix(service).and_then(|pod| pod.strip_suffix('.')),
            _ => None,
        }
        .unwrap_or(record)
    }
}

/// The data of a response; for one that says neither yes nor no, and for none, the reason.
pub(super) fn answer(dns: &DnsSeen) -> Result<BTreeSet<&str>, &str> {
    match &dns.outcome {
        DnsOutcome::NoAnswer { reason } | DnsOutcome::NotAsked { reason } => Err(reason),
        DnsOutcome::Answer { code, .. } if code == "NOERROR" || code == "NXDOMAIN" => {
            Ok(dns.data().unwrap_or_default())
        }
        DnsOutcome::Answer { code, .. } => Err(code),
    }
}

/// The last question to each key, in the order of the keys.
pub(super) fn last_of_each<'a, 'h: 'a>(
    asked: impl IntoIterator<Item = &'a Asked<'h>>,
) -> impl Iterator<Item = &'a Asked<'h>> {
    let mut last: Vec<Option<&Asked<'h>>> = Vec::new();
    for one in asked {
        last.resize(last.len().max(one.key + 1), None);
        last[one.key] = Some(one);
    }
    last.into_iter().flatten()
}

/// Whether it came from one backend by itself, and not through the Service.
pub(super) fn is_of_backend(dns: &DnsSeen) -> bool {
    matches!(dns.vantage, Vantage::Backend { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    /// The subjects of the questions, and the answers, in order.
    fn asked(statements: &str) -> Vec<String> {
        let history = history(statements);
        let truth = Truth::of(&history);
        let line = |one: &Asked<'_>| format!("{:?} {:?}", one.subject, one.answer);
        truth.asked(&history, |_, _| true).iter().map(line).collect()
    }

    #[test]
    fn names_stand_for_pods_for_the_service_and_for_its_targets() {
        assert_eq!(
            asked("dns a A web-0 -> 10.0.0.7; dns a A nginx -> nothing; dns b A web-9 -> nxdomain"),
            ["Pod(\"web-0\") Ok({\"10.0.0.7\"})", "Service Ok({})", "Pod(\"web-9\") Ok({})"]
        );
        assert_eq!(
            asked(
                "dns a SRV _web._tcp -> 0_50_80_web-0.nginx.ns.svc.cluster.local. 0_50_81_web-1.nginx.ns.svc.cluster.local."
            ),
            ["Targets Ok({\"0 50 81 web-1.nginx.ns.svc.cluster.local.\", \"web-0\"})"]
        );
    }

    #[test]
    fn other_names_are_not_of_the_set() {
        let others = "dns a A kubernetes.default.svc.cluster.local. -> 10.96.0.1; \
                      dns a A web-0.nginx.svc.cluster.local. -> nxdomain; dns a AAAA web-0 -> nothing; \
                      dns a A my-nginx.ns.svc.cluster.local. -> nxdomain; dns a A a.web-0 -> nxdomain";
        assert!(asked(others).is_empty());
    }

    #[test]
    fn no_answer_is_not_an_empty_answer() {
        assert_eq!(asked("dns a A web-0 -> no-answer"), ["Pod(\"web-0\") Err(\"timed out\")"]);
    }

    #[test]
    fn names_are_told_up_to_the_service() {
        assert_eq!(short("web-0.nginx.ns.svc.cluster.local."), "web-0.nginx");
        assert_eq!(short("nginx.ns.svc.cluster.local."), "nginx");
        assert_eq!(short("kubernetes.default.svc.x."), "kubernetes.default.svc.x");
    }
}
