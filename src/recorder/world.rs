//! The present, as the record has it: what waits look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::{
    Change, DnsOutcome, DnsSeen, Event, ListSeen, ObjectSeen, Observation, Observer, Phase, Resource, Step,
    Transport, Vantage, Watch,
};

/// The newest version of everything that exists, and the newest answer to every DNS question.
#[derive(Debug, Default)]
pub struct World {
    objects: BTreeMap<Watch, BTreeMap<String, ObjectSeen>>,
    /// When each object that exists was first delivered, by uid.
    first_us: HashMap<String, u64>,
    /// Every version that was delivered, by uid and resource version.
    delivered: BTreeSet<(String, String)>,
    /// The scenario's other namespaces.
    other_namespaces: Vec<String>,
    changed_us: BTreeMap<Resource, u64>,
    answers: BTreeMap<Asked, Answered>,
    /// When each pod was created, until it is ready for the first time.
    starting_since_us: BTreeMap<String, u64>,
    slowest_start_us: u64,
    /// Since when a watch has had no answer, for those that have none.
    silent_since_us: BTreeMap<Watch, u64>,
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
        let now_us = event.span.until_us;
        if let Observer::Watch(watch) = event.observer {
            match &event.seen {
                Observation::ApiError(_) => {
                    self.silent_since_us.entry(watch).or_insert(now_us);
                }
                seen => {
                    self.silent_since_us.remove(&watch);
                    if let Observation::Object(object) = seen {
                        self.learn_object(watch, object, now_us);
                    }
                }
            }
        }
        match &event.seen {
            Observation::Dns(dns) => self.learn_answer(dns, event.span.from_us),
            Observation::Step(Step::Started(started)) => {
                self.other_namespaces.clone_from(&started.other_namespaces);
            }
            _ => {}
        }
    }

    fn learn_object(&mut self, watch: Watch, object: &ObjectSeen, now_us: u64) {
        self.changed_us.insert(object.resource, now_us);
        if object.resource == Resource::Pods {
            self.learn_start(object, now_us);
        }
        self.delivered.insert((object.uid.clone(), object.revision.clone()));
        let of_kind = self.objects.entry(watch).or_default();
        if !object.change.is_removal() {
            self.first_us.entry(object.uid.clone()).or_insert(now_us);
            of_kind.insert(object.name.clone(), object.clone());
            return;
        }
        self.first_us.remove(&object.uid);
        // Its successor may have the name by now.
        if of_kind.get(&object.name).is_some_and(|known| known.uid == object.uid) {
            of_kind.remove(&object.name);
        }
    }

    /// Whether everything that a list shows has been delivered, and nothing is known any more that was delivered before the
    /// list was asked for and that it does not have.
    pub fn has_all_of(&self, list: &ListSeen, asked_us: u64) -> bool {
        let uids: BTreeSet<&str> = list.objects.iter().map(|version| version.uid.as_str()).collect();
        let is_delivered =
            |uid: &str, revision: &str| self.delivered.contains(&(uid.to_owned(), revision.to_owned()));
        let known = self.objects.get(&list.of).into_iter().flat_map(BTreeMap::values);
        let is_old = |uid: &str| self.first_us.get(uid).is_some_and(|first_us| *first_us < asked_us);
        list.objects.iter().all(|version| is_delivered(&version.uid, &version.revision))
            && known.into_iter().all(|known| uids.contains(known.uid.as_str()) || !is_old(&known.uid))
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

    /// The object of that name, if it exists. In another of the scenario's namespaces than its own it is called
    /// `<namespace>/<name>`.
    pub fn get(&self, resource: Resource, name: &str) -> Option<&ObjectSeen> {
        let (namespace, name) = self.place(name);
        self.objects.get(&Watch { resource, namespace })?.get(name)
    }

    /// The number of the namespace in a name, and the name in it.
    fn place<'n>(&self, name: &'n str) -> (u8, &'n str) {
        let Some((namespace, name)) = name.split_once('/') else { return (0, name) };
        let other = self.other_namespaces.iter().position(|other| other == namespace);
        (other.and_then(|other| u8::try_from(other + 1).ok()).unwrap_or(0), name)
    }

    /// All objects of a resource in the namespace that a name names, by their own names.
    pub fn beside(&self, resource: Resource, name: &str) -> impl Iterator<Item = &ObjectSeen> {
        let (namespace, _) = self.place(name);
        self.objects.get(&Watch { resource, namespace }).into_iter().flat_map(BTreeMap::values)
    }

    /// All objects of a resource in all of the scenario's namespaces.
    pub fn all(&self, resource: Resource) -> impl Iterator<Item = &ObjectSeen> {
        let of_it = self.objects.iter().filter(move |(watch, _)| watch.resource == resource);
        of_it.flat_map(|(_, objects)| objects.values())
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
