//! One DNS server: what it knows, and what it has in its cache.
//!
//! Follows `plugin/cache` of CoreDNS: an answer, a negative one too, is kept for its own time and no longer than the
//! cache allows.

use super::{wire, zone};
use crate::fault::Fault;
use crate::store::Key;
use crate::world::World;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a server that holds on to old answers does so.
const STALE: Duration = Duration::from_secs(3_600);

/// Objects as a backend has heard of them.
pub(super) type View = BTreeMap<Key, Arc<Value>>;

/// What is answered to a question.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) records: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

#[derive(Debug)]
struct Cached {
    answer: Answer,
    stored: Instant,
    expires: Instant,
}

/// A DNS server.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) uid: String,
    pub(super) born: usize,
    view: View,
    inbox: Vec<(Instant, Key, Option<Arc<Value>>)>,
    cache: BTreeMap<(String, RecordType), Cached>,
}

impl Backend {
    pub(super) fn new(uid: &str, born: usize, view: View) -> Self {
        Self { uid: uid.to_owned(), born, view, inbox: Vec::new(), cache: BTreeMap::new() }
    }

    /// News arrive late, and in their order: a watch tells nothing before what went before it.
    pub(super) fn learn_in(&mut self, lag: Duration, key: Key, object: Option<Arc<Value>>) {
        let due = Instant::now() + lag;
        let due = self.inbox.last().map_or(due, |(last, ..)| due.max(*last));
        self.inbox.push((due, key, object));
    }

    /// Takes in what it has heard by now.
    fn catch_up(&mut self, mut ignores: impl FnMut(&View, &Key) -> bool) {
        let now = Instant::now();
        let (heard, later): (Vec<_>, Vec<_>) = self.inbox.drain(..).partition(|(due, ..)| *due <= now);
        self.inbox = later;
        for (_, key, object) in heard {
            if ignores(&self.view, &key) {
                continue;
            }
            match object {
                Some(object) => drop(self.view.insert(key, object)),
                None => drop(self.view.remove(&key)),
            }
        }
    }

    fn cached(&self, question: &(String, RecordType)) -> Option<Answer> {
        let cached = self.cache.get(question).filter(|cached| cached.expires > Instant::now())?;
        let age_secs = cached.stored.elapsed().as_secs() as u32;
        let mut answer = cached.answer.clone();
        for record in answer.records.iter_mut().chain(&mut answer.authorities).chain(&mut answer.additionals)
        {
            record.decrement_ttl(age_secs.min(record.ttl));
        }
        Some(answer)
    }
}

impl World {
    /// The answer of a backend, from its cache or from what it knows.
    pub(super) fn dns_lookup(&mut self, uid: &str, query: &Message) -> Option<Answer> {
        let stale = self.dns.is_first(uid) && self.faults.has(Fault::OneStaleBackend);
        let mut backend = self.dns.backends.remove(uid)?;
        backend.catch_up(|view, key| stale && view.contains_key(key) && self.tells(Fault::OneStaleBackend));
        let question = wire::question(query);
        let answer = match backend.cached(&question) {
            Some(answer) => answer,
            None => {
                let answer = zone::answer(self, &backend.view, &question);
                self.remember(&mut backend, question, &answer);
                answer
            }
        };
        self.dns.backends.insert(uid.to_owned(), backend);
        Some(answer)
    }

    fn remember(&mut self, backend: &mut Backend, question: (String, RecordType), answer: &Answer) {
        let negative = answer.code == ResponseCode::NXDomain || answer.records.is_empty();
        let lie = if negative { Fault::NegativeAnswersKept } else { Fault::AnswersKeptForAnHour };
        let ttl = Duration::from_secs(u64::from(self.dns.ttl_secs));
        let lives = if self.tells(lie) { STALE } else { self.dns.cache.min(ttl) };
        if answer.code == ResponseCode::ServFail || lives.is_zero() {
            return;
        }
        let stored = Instant::now();
        backend.cache.insert(question, Cached { answer: answer.clone(), stored, expires: stored + lives });
    }
}
