//! The present, as the record has it: what waits look at.

use std::collections::BTreeMap;

use crate::history::{
    Change, DnsOutcome, DnsSeen, Event, ObjectSeen, Observation, Observer, Phase, Resource, Transport,
    Vantage,
};

/// The newest version of everything that exists, and the newest answer to every DNS question.
#[derive(Debug, Default)]
pub struct World {
    objects: BTreeMap<Resource, BTreeMap<String, ObjectSeen>>,
    changed_us: BTreeMap<Resource, u64>,
    answers: BTreeMap<Asked, Answered>,
    /// When each pod was created, until it is ready for the first time.
    starting_since_us: BTreeMap<String, u64>,
    slowest_start_us: u64,
    /// Since when a watch has had no answer, for those that have none.
    silent_since_us: BTreeMap<Resource, u64>,
}

/// A DNS question and where it went.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Whom, and from where.
    pub vantage: Vantage,
    /// How.
    pub transport: Transport,
    /// The absolute name.
    pub name: String,
    /// The record type.
    pub record_type: String,
}

#[derive(Debug)]
struct Answered {
    asked_us: u64,
    outcome: DnsOutcome,
}

impl World {
    /// Takes in an event.
    pub(super) fn learn(&mut self, event: &Event) {
        if let Observer::Watch(resource) = event.observer {
            match event.seen {
                Observation::ApiError(_) => {
                    self.silent_since_us.entry(resource).or_insert(event.span.until_us);
                }
                _ => {
                    self.silent_since_us.remove(&resource);
                }
            }
        }
        match &event.seen {
            Observation::Object(object) => self.learn_object(object, event.span.until_us),
            Observation::Dns(dns) => self.learn_answer(dns, event.span.from_us),
            _ => {}
        }
    }

    fn learn_object(&mut self, object: &ObjectSeen, now_us: u64) {
        self.changed_us.insert(object.resource, now_us);
        if object.resource == Resource::Pods {
            self.learn_start(object, now_us);
        }
        let of_kind = self.objects.entry(object.resource).or_default();
        match object.change {
            Change::Deleted => of_kind.remove(&object.name),
            _ => of_kind.insert(object.name.clone(), object.clone()),
        };
    }

    fn learn_start(&mut self, pod: &ObjectSeen, now_us: u64) {
        if pod.change == Change::Added {
            self.starting_since_us.insert(pod.uid.clone(), now_us);
        } else if Phase::of(pod) == Phase::Ready
            && let Some(since_us) = self.starting_since_us.remove(&pod.uid)
        {
            self.slowest_start_us = self.slowest_start_us.max(now_us - since_us);
        }
    }

    fn learn_answer(&mut self, dns: &DnsSeen, asked_us: u64) {
        let asked = Asked {
            vantage: dns.vantage.clone(),
            transport: dns.transport,
            name: dns.name.clone(),
            record_type: dns.record_type.clone(),
        };
        self.answers.insert(asked, Answered { asked_us, outcome: dns.outcome.clone() });
    }

    /// The object of that name, if it exists.
    pub fn get(&self, resource: Resource, name: &str) -> Option<&ObjectSeen> {
        self.objects.get(&resource)?.get(name)
    }

    /// All objects of a resource, by name.
    pub fn all(&self, resource: Resource) -> impl Iterator<Item = &ObjectSeen> {
        self.objects.get(&resource).into_iter().flat_map(BTreeMap::values)
    }

    /// The names of all objects of a resource.
    pub fn names(&self, resource: Resource) -> Vec<String> {
        self.all(resource).map(|object| object.name.clone()).collect()
    }

    /// The longest that a pod took from its creation to being ready.
    pub fn slowest_start_us(&self) -> u64 {
        self.slowest_start_us
    }

    /// Since when the API server has not answered a watch, if one has no answer now.
    pub fn silent_since_us(&self) -> Option<u64> {
        self.silent_since_us.values().min().copied()
    }

    /// When a resource last changed, in microseconds of the run's clock; 0 if it never did.
    pub fn changed_us(&self, resource: Resource) -> u64 {
        self.changed_us.get(&resource).copied().unwrap_or_default()
    }

    /// The newest answer to a question that was asked at that time or later.
    pub fn answer_since(&self, asked: &Asked, since_us: u64) -> Option<&DnsOutcome> {
        self.answers
            .get(asked)
            .filter(|answered| answered.asked_us >= since_us)
            .map(|answered| &answered.outcome)
    }
}
