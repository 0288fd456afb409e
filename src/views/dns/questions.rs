//! The DNS questions of a history about Services and their pods, each with how its answer compares with what was true.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    published::Published,
    service::{Family, Service, canonical},
    timeline::{Fit, Timeline, Told},
};
use crate::{
    history::{DnsOutcome, DnsSeen, Event, Seen, Transport, Vantage},
    views::{Dimension, View},
};

/// The most endpoints that one EndpointSlice lists (kube-controller-manager, `--max-endpoints-per-slice`). What several slices
/// list changes slice by slice, so an answer made from them may be something that was never true at one moment.
const ENDPOINTS_PER_SLICE: usize = 100;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject<'h> {
    /// A pod below a Service: the label of its name.
    Pod(&'h str),
    /// The Service itself.
    Service,
    /// The SRV records of one of the Service's ports: one for each pod.
    Port {
        /// The port's name.
        name: &'h str,
        /// Its protocol in lower case.
        protocol: &'h str,
    },
}

/// Who was asked for what: the answers to one key follow one another in the record. A number for each vantage, transport,
/// name and record type, in their order.
pub type Key = usize;

/// What came back; or why there is no answer.
pub type Answer<'h> = Result<Told<'h>, &'h str>;

/// One question about a Service, and what came back.
#[derive(Debug, Clone)]
pub struct Question<'v, 'h> {
    /// The exchange.
    pub event: &'h Event,
    /// The question.
    pub dns: &'h DnsSeen,
    /// The Service that its name is of.
    pub service: &'v Service<'h>,
    /// What its name stands for.
    pub subject: Subject<'h>,
    /// Who was asked for what.
    pub key: Key,
    /// What came back.
    pub answer: Arc<Answer<'h>>,
    /// How it compares; none where there is no answer.
    pub fit: Option<Fit<'h>>,
    /// Whether whoever was asked has to follow what changes: a backend that was asked by itself. A node's nameserver may be
    /// one more cache; it has to follow where no backend can be asked.
    pub is_followed: bool,
}

impl<'h> Question<'_, 'h> {
    /// Whether the answer named anything.
    pub fn is_positive(&self) -> bool {
        matches!(&*self.answer, Ok(told) if !told.is_empty())
    }

    /// Whether the answer told exactly this.
    pub fn says(&self, told: &Told<'_>) -> bool {
        matches!(&*self.answer, Ok(answer) if answer == told)
    }

    /// What the name stood for over time.
    pub fn timeline(&self) -> &Timeline<'h> {
        self.service.published().timeline(self.subject, &self.dns.record_type)
    }

    /// What should have been answered, as far as that had been told when the question was asked.
    pub fn expected(&self) -> &Told<'h> {
        &self.timeline().at(self.event.span.from_us).value
    }

    /// The name up to the Service, which is what a reader needs of it.
    pub fn name(&self) -> String {
        let service = self.service.key(&self.service.name);
        match self.subject {
            Subject::Service => service,
            Subject::Pod(label) => format!("{label}.{service}"),
            Subject::Port { name, protocol } => format!("_{name}._{protocol}.{service}"),
        }
    }

    /// Who was asked, and how.
    pub fn server(&self) -> String {
        server(self.dns)
    }

    /// Who answered what, for a person to read.
    pub fn told(&self) -> String {
        let (who, name) = (self.server(), self.name());
        // What every pod and every cluster has first is not worth a word.
        let kind = if self.dns.record_type == "AAAA" { " (AAAA)" } else { "" };
        match &*self.answer {
            Err(reason) => format!("{who} gave no answer for {name}{kind}: {reason}"),
            Ok(told) if told.is_empty() => format!("{who} answered that {name}{kind} does not exist"),
            Ok(told) => {
                let (published, at_us) = (self.service.published(), self.event.span.until_us);
                let each = told.iter().map(|one| format!("{one}{}", published.owner(one, at_us)));
                format!("{who} answered {} for {name}{kind}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Whether one backend was asked by itself, and not a node's nameserver.
fn is_of_backend(dns: &DnsSeen) -> bool {
    matches!(dns.vantage, Vantage::Backend { .. })
}

/// Who was asked, and how, for a person to read.
pub fn server(dns: &DnsSeen) -> String {
    format!("{} ({})", dns.vantage, transport(dns.transport))
}

/// The transport's name, as evidence has it.
pub const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// Services by namespace and name, to find what a name is of.
#[derive(Debug)]
pub struct Names<'v, 'h> {
    zone: Option<&'h str>,
    services: HashMap<(&'v str, &'v str), &'v Service<'h>>,
}

impl<'v, 'h> Names<'v, 'h> {
    /// The names of a record's Services.
    pub fn of(view: &'v View<'h>) -> Self {
        let services = view.services().iter().map(|service| ((service.namespace, &*service.name), service));
        Self { zone: view.history().started().zone.as_deref(), services: services.collect() }
    }

    /// The Service that an absolute name is of, and what it stands for there; none where the name is of no Service of the
    /// record.
    pub fn find<'n>(&self, name: &'n str) -> Option<(&'v Service<'h>, Subject<'n>)> {
        self.find_absolute(name.strip_suffix('.')?)
    }

    fn find_absolute<'n>(&self, name: &'n str) -> Option<(&'v Service<'h>, Subject<'n>)> {
        let labels: Vec<&str> = name.strip_suffix(self.zone?)?.strip_suffix(".svc.")?.split('.').collect();
        let (subject, service, namespace) = match labels[..] {
            [service, namespace] => (Subject::Service, service, namespace),
            [label, service, namespace] => (Subject::Pod(label), service, namespace),
            [port, protocol, service, namespace] => {
                let (name, protocol) = (port.strip_prefix('_')?, protocol.strip_prefix('_')?);
                (Subject::Port { name, protocol }, service, namespace)
            }
            _ => return None,
        };
        Some((*self.services.get(&(namespace, service))?, subject))
    }

    /// The same for the host part of a URL, which may have no trailing dot.
    pub fn find_host<'n>(&self, host: &'n str) -> Option<(&'v Service<'h>, Subject<'n>)> {
        self.find_absolute(host.trim_end_matches('.'))
    }

    /// What a question is about: a name of a Service, with the type of records that such a name has.
    pub fn about(&self, dns: &'h DnsSeen) -> Option<(&'v Service<'h>, Subject<'h>)> {
        let (service, subject) = self.find(&dns.name)?;
        let has_addresses = Family::of_record_type(&dns.record_type).is_some();
        let fits = match subject {
            Subject::Port { .. } => dns.record_type == "SRV",
            Subject::Service | Subject::Pod(_) => has_addresses,
        };
        fits.then_some((service, subject))
    }
}

/// The questions about headless Services that are meant, in the order in which the answers came.
///
/// A record that was read has equal answers once in memory, and here each is made out once.
pub fn questions<'v, 'h>(
    view: &'v View<'h>,
    is_meant: impl Fn(&'v Service<'h>, Subject<'h>, &'h DnsSeen) -> bool,
) -> Vec<Question<'v, 'h>> {
    let names = Names::of(view);
    let has_backends = !Dimension::Backend.members(view).is_empty();
    let mut keys = BTreeMap::new();
    let mut told = HashMap::new();
    let ask = |Seen { event, what: dns }: Seen<'h, DnsSeen>| {
        let told = told.entry(std::ptr::from_ref(dns)).or_insert_with(|| {
            let (service, subject) = names.about(dns)?;
            let is_judged = service.is_headless() && service.selects_pods();
            if !is_judged || !is_meant(service, subject, dns) {
                return None;
            }
            let next = keys.len();
            let key = *keys.entry((&dns.vantage, dns.transport, &dns.name, &dns.record_type)).or_insert(next);
            Some((service, subject, key, Arc::new(answer(service, subject, dns))))
        });
        let (service, subject, key, answer) = told.as_ref()?;
        let (service, subject, key, answer) = (*service, *subject, *key, Arc::clone(answer));
        let fit =
            answer.as_ref().as_ref().ok().map(|told| fit(service.published(), subject, dns, event, told));
        let is_followed = is_of_backend(dns) || !has_backends;
        Some(Question { event, dns, service, subject, key, answer, fit, is_followed })
    };
    let mut asked: Vec<Question<'v, 'h>> = view.history().dns().filter_map(ask).collect();
    let mut places = vec![0; keys.len()];
    keys.into_values().enumerate().for_each(|(place, key)| places[key] = place);
    asked.iter_mut().for_each(|one| one.key = places[one.key]);
    asked
}

fn fit<'h>(
    published: &Published<'h>,
    subject: Subject<'_>,
    dns: &DnsSeen,
    event: &Event,
    told: &Told<'h>,
) -> Fit<'h> {
    let fit = published.fit(subject, &dns.record_type, event.span, told);
    let is_of_all = !matches!(subject, Subject::Pod(_));
    let is_of_several_slices = is_of_all && published.largest() > ENDPOINTS_PER_SLICE;
    match fit {
        Fit::Wrong | Fit::Outdated { .. } if is_of_several_slices => Fit::Possible,
        fit => fit,
    }
}

fn answer<'h>(service: &Service<'h>, subject: Subject<'_>, dns: &'h DnsSeen) -> Answer<'h> {
    let records = response(dns)?;
    match subject {
        Subject::Port { .. } => {
            Ok(service.published().targets(&service.fqdn().unwrap_or_default(), &records))
        }
        Subject::Pod(_) | Subject::Service => Ok(addresses(&records)),
    }
}

/// Addresses, each written in one way.
pub fn addresses<'h>(records: &BTreeSet<&'h str>) -> Told<'h> {
    records.iter().copied().map(canonical).collect::<BTreeSet<Cow<'h, str>>>()
}

/// The data of a response; for one that says neither yes nor no, and for none, the reason.
pub fn response(dns: &DnsSeen) -> Result<BTreeSet<&str>, &str> {
    match &dns.outcome {
        DnsOutcome::NoAnswer { reason } | DnsOutcome::NotAsked { reason } => Err(reason),
        DnsOutcome::Answer { code, .. } if code == "NOERROR" || code == "NXDOMAIN" => {
            Ok(dns.data().unwrap_or_default())
        }
        DnsOutcome::Answer { code, .. } => Err(code),
    }
}

/// The last question to each key, in the order of the keys.
pub fn last_of_each<'a, 'v: 'a, 'h: 'v>(
    asked: impl IntoIterator<Item = &'a Question<'v, 'h>>,
) -> impl Iterator<Item = &'a Question<'v, 'h>> {
    let mut last: Vec<Option<&Question<'v, 'h>>> = Vec::new();
    for one in asked {
        last.resize(last.len().max(one.key + 1), None);
        last[one.key] = Some(one);
    }
    last.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::History};

    /// The subjects of the questions, and the answers, in order.
    fn asked(statements: &str) -> Vec<String> {
        let history = history(&format!("service; web-0 created; {statements}"));
        let view = View::of(&history);
        questions(&view, |_, _, _| true)
            .iter()
            .map(|one| format!("{:?} {:?}", one.subject, one.answer))
            .collect()
    }

    #[test]
    fn names_stand_for_pods_for_the_service_and_for_its_ports() {
        assert_eq!(
            asked("dns a A web-0 -> 10.0.0.7; dns a AAAA nginx -> fd00:0::7; dns b A web-9 -> nxdomain"),
            ["Pod(\"web-0\") Ok({\"10.0.0.7\"})", "Service Ok({\"fd00::7\"})", "Pod(\"web-9\") Ok({})"]
        );
        let srv =
            "dns a SRV _web._tcp -> 0_50_80_web-0.nginx.ns.svc.cluster.local. 0_50_81_elsewhere.example.";
        assert_eq!(
            asked(srv),
            ["Port { name: \"web\", protocol: \"tcp\" } Ok({\"0 50 81 elsewhere.example.\", \"web-0:80\"})"]
        );
    }

    #[test]
    fn other_names_are_not_of_a_set() {
        let others = "dns a A kubernetes.default.svc.cluster.local. -> 10.96.0.1; \
                      dns a A web-0.nginx.svc.cluster.local. -> nxdomain; dns a SRV web-0 -> nothing; \
                      dns a A my-nginx.ns.svc.cluster.local. -> nxdomain; dns a A a.b.web-0 -> nxdomain";
        assert!(asked(others).is_empty());
    }

    #[test]
    fn no_answer_is_not_an_empty_answer() {
        assert_eq!(asked("dns a A web-0 -> no-answer"), ["Pod(\"web-0\") Err(\"timed out\")"]);
        assert_eq!(asked("dns a A web-0 -> servfail"), ["Pod(\"web-0\") Err(\"SERVFAIL\")"]);
    }

    #[test]
    fn a_services_name_is_told_with_its_namespace_where_that_is_another() {
        let history = history(
            "service; web-0 created; dns a A web-0 -> nxdomain; in other; service; web-0 created; \
                               dns a A nginx -> nothing; dns a SRV _web._tcp -> nothing",
        );
        let view = View::of(&history);
        let names: Vec<String> = questions(&view, |_, _, _| true).iter().map(Question::name).collect();
        assert_eq!(names, ["web-0.nginx", "other/nginx", "_web._tcp.other/nginx"]);
    }

    #[test]
    fn answers_to_one_key_follow_one_another() {
        let history = history(
            "service; web-0 created; dns a A web-0 -> nothing; dns a AAAA web-0 -> nothing; \
                               dns b A web-0 -> nothing; dns a A web-0 -> nxdomain",
        );
        let view = View::of(&history);
        let asked = questions(&view, |_, _, _| true);
        let keys: Vec<Key> = asked.iter().map(|one| one.key).collect();
        assert_eq!(keys, [0, 1, 2, 0]);
        let last: Vec<u64> = last_of_each(&asked).map(|one| one.event.seq).collect();
        assert_eq!(last[0], history.last().seq);
        assert!(asked.iter().all(|one| one.is_followed));
    }

    #[test]
    fn what_several_slices_list_may_be_told_slice_by_slice() {
        let of = |pods: usize| -> History {
            let pod = |n: usize| {
                format!("web-{n} created; web-{n} address 10.1.{}.{}; web-{n} ready", n / 200, n % 200 + 1)
            };
            let all: Vec<String> = (0..pods).map(pod).collect();
            let wrong = "dns a A nginx -> 10.1.0.2 10.1.0.4; dns a A web-0 -> 10.1.0.2";
            history(&format!("service; {}; wait 100s; {wrong}", all.join("; ")))
        };
        let fits = |history: &History| -> Vec<String> {
            let view = View::of(history);
            questions(&view, |_, _, _| true).iter().map(|one| format!("{:?}", one.fit)).collect()
        };
        assert_eq!(fits(&of(101)), ["Some(Possible)", "Some(Wrong)"]);
        assert_eq!(fits(&of(100)), ["Some(Wrong)", "Some(Wrong)"]);
    }
}
