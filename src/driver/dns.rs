//! Questions to the DNS: once from every vantage, or again and again from every backend.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::MissedTickBehavior;

use super::{Done, Driver};
use crate::{
    cluster::dns::Asker,
    history::{DnsOutcome, DnsSeen, Observation, Observer, Resource, Span, Transport, Vantage},
    limits,
    recorder::{Asked, Missing, Recorder, World},
    spec::{DEFAULT_SERVICE as SERVICE, Names, Need, PodRef},
};

/// How often a question is sent over UDP until something comes back.
const UDP_ATTEMPTS: u32 = 3;

/// An absolute name and a record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub name: String,
    pub record_type: &'static str,
}

impl Driver {
    /// Asks every backend, again and again until the scenario ends.
    pub(super) fn follow_dns(&mut self, names: &Names) -> Done {
        if !self.available.dns {
            return self.skip("follow-dns", Need::Dns);
        }
        let questions = self.questions(names);
        self.followed.extend(questions.iter().cloned());
        for asker in self.backend_askers() {
            self.spawn(follow(self.recorder.clone(), asker, questions.clone()));
        }
        Ok(())
    }

    /// Asks once from every vantage; the vantages do not wait for one another.
    pub(super) async fn ask_dns(&self, names: &Names) -> Done {
        let zone_known = self.shared.surroundings().zone.is_some();
        if !self.available.dns || !zone_known {
            return self.skip("ask-dns", Need::Dns);
        }
        let questions = self.questions(names);
        self.sending();
        let askers = self.shared.askers();
        futures::future::join_all(askers.iter().map(|asker| ask_all(&self.recorder, asker, &questions)))
            .await;
        Ok(())
    }

    fn backend_askers(&self) -> Vec<Asker> {
        let all = self.shared.askers();
        all.into_iter().filter(|asker| matches!(asker.vantage, Vantage::Backend { .. })).collect()
    }

    fn questions(&self, names: &Names) -> Vec<Question> {
        let found = self.shared.surroundings();
        let zone = found.zone.unwrap_or_default();
        let service = format!("{SERVICE}.{}.svc.{zone}.", self.namespace);
        let mut questions = Vec::new();
        let mut ask = |name: String, record_type| questions.push(Question { name, record_type });
        for pod in names.pods.iter().map(PodRef::name) {
            ask(format!("{pod}.{service}"), "A");
            if names.search_path {
                // The other completions that a pod's search path makes of `web-0.nginx`: none may be answered.
                ask(format!("{pod}.{SERVICE}.svc.{zone}."), "A");
                ask(format!("{pod}.{SERVICE}.{zone}."), "A");
                for domain in &found.search {
                    ask(format!("{pod}.{SERVICE}.{domain}."), "A");
                }
            }
        }
        if names.service {
            ask(service.clone(), "A");
            ask(format!("_web._tcp.{service}"), "SRV");
        }
        for other in &names.others {
            let name = other.replace("{namespace}", &self.namespace).replace("{zone}", &zone);
            ask(format!("{}.", name.trim_end_matches('.')), "A");
        }
        questions
    }

    /// What is missing until every backend's last answer to every followed name agrees with the endpoints.
    pub(super) fn dns_settled(&self, world: &World) -> Result<(), Missing> {
        let endpoints = ready_endpoints(world, SERVICE);
        let since_us = world.changed_us(Resource::EndpointSlices);
        let found = self.shared.surroundings();
        for backend in &found.backends {
            for question in &self.followed {
                let expected = expected(question, &endpoints);
                let asked = Asked {
                    vantage: Vantage::Backend { pod: backend.pod.clone() },
                    transport: Transport::Tcp,
                    name: question.name.clone(),
                    record_type: question.record_type.to_owned(),
                };
                let said = world.answer_since(&asked, since_us).map(|outcome| said(question, outcome));
                if said.as_ref() != Some(&expected) {
                    let said = said.map_or("nothing yet".to_owned(), |said| format!("{said:?}"));
                    let (pod, name) = (&backend.pod, &question.name);
                    return Err(Missing::Still(format!(
                        "{pod} says {said} for {name}, and {expected:?} is right"
                    )));
                }
            }
        }
        Ok(())
    }
}

async fn follow(recorder: Recorder, asker: Asker, questions: Vec<Question>) {
    let mut ticks = tokio::time::interval(limits::DNS_FOLLOW_INTERVAL.duration());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        ask_all(&recorder, &asker, &questions).await;
    }
}

async fn ask_all(recorder: &Recorder, asker: &Asker, questions: &[Question]) {
    for question in questions {
        // A datagram may be lost, as any resolver expects. Every attempt is in the record.
        let attempts = if asker.transport == Transport::Udp { UDP_ATTEMPTS } else { 1 };
        for _ in 0..attempts {
            if ask(recorder, asker, question).await {
                break;
            }
        }
    }
}

/// Asks once, records what came back, and says whether anything did.
async fn ask(recorder: &Recorder, asker: &Asker, question: &Question) -> bool {
    let from_us = recorder.now_us();
    let outcome = asker.ask(&question.name, question.record_type).await;
    let span = Span { from_us, until_us: recorder.now_us() };
    let seen = DnsSeen {
        vantage: asker.vantage.clone(),
        transport: asker.transport,
        name: question.name.clone(),
        record_type: question.record_type.to_owned(),
        outcome,
    };
    let answered = matches!(seen.outcome, DnsOutcome::Answer { .. });
    recorder.record(Observer::Probe, span, Observation::Dns(seen.into()));
    answered
}

/// The addresses of a Service's ready endpoints, by the pod that each belongs to. Not by the
/// host name that it publishes: an endpoint that lost it would excuse a DNS that does not know the pod.
pub(super) fn ready_endpoints(world: &World, service: &str) -> BTreeMap<String, BTreeSet<String>> {
    let name = service.rsplit('/').next().unwrap_or_default();
    let mut ready: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for slice in world.beside(Resource::EndpointSlices, service) {
        if slice.label("kubernetes.io/service-name") != Some(name) {
            continue;
        }
        for endpoint in slice.list("/endpoints").iter().filter(|e| e["conditions"]["ready"] != false) {
            let host = endpoint["targetRef"]["name"].as_str().unwrap_or_default().to_owned();
            let addresses = endpoint["addresses"].as_array().into_iter().flatten().filter_map(|a| a.as_str());
            ready.entry(host).or_default().extend(addresses.map(str::to_owned));
        }
    }
    ready
}

fn expected(question: &Question, endpoints: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let Question { name, record_type } = question;
    let host = name.split('.').next().unwrap_or_default();
    match *record_type {
        "SRV" => {
            let service = name.trim_start_matches("_web._tcp.");
            endpoints.keys().map(|host| format!("{host}.{service}")).collect()
        }
        _ if host == SERVICE => endpoints.values().flatten().cloned().collect(),
        _ => endpoints.get(host).cloned().unwrap_or_default(),
    }
}

/// What an answer says, in the terms of [`expected`]: addresses, or the targets of SRV records.
fn said(question: &Question, outcome: &DnsOutcome) -> BTreeSet<String> {
    let DnsOutcome::Answer { records, .. } = outcome else { return BTreeSet::from(["no answer".to_owned()]) };
    let of_type = records.iter().filter(|record| record.record_type == question.record_type);
    of_type.map(|r| r.data.split_whitespace().last().unwrap_or_default().to_owned()).collect()
}
