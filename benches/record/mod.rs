//! Long records that are shaped like real ones, for the benches: a run on the model cluster, its scenarios gone through
//! again and again.
//!
//! The composition is therefore that of a full run, whatever the length: about three quarters DNS answers, a seventh
//! versions of objects, the rest commands, steps and watches. A round begins a second after the last one ended. What is
//! unique in a cluster is unique here: each round has uids, container ids, revisions and dates of its own. The pods of a
//! round, and what lists them, are removed at its end; the set, its claims and Services stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use steadfast::{
    embedded::{self, Model},
    history::{
        Change, Event, History, ObjectSeen, Observation, Observer, Purpose, Resource, Span, Step,
        file::{self, Header},
    },
    plan::{Plan, Selection},
    spec::Catalogue,
};

const SEED: u64 = 1;
/// Between two rounds, on the run's clock.
const PAUSE_US: u64 = 1_000_000;
/// More revisions than a round has.
const REVISIONS: u64 = 100_000;

/// A run on the model cluster.
pub(crate) struct Recording {
    header: Header,
    scenarios: Vec<Scenario>,
}

/// One scenario's events: what is there once at its beginning and at its end, and what can be gone through again.
struct Scenario {
    start: Vec<Line>,
    round: Vec<Line>,
    /// The removal of what the round leaves behind.
    removal: Vec<Line>,
    end: Vec<Line>,
    period_us: u64,
}

impl Recording {
    /// Runs everything that is in the catalogue, with a fixed seed: the same events every time.
    pub(crate) fn of_the_model(catalogue: &Catalogue) -> Self {
        let ids = catalogue.requirements.iter().map(|requirement| requirement.id.clone());
        let plan = Plan::of(catalogue, &Selection::of_ids(ids));
        let folder = tempfile::tempdir().expect("a folder");
        let model = Model { seed: SEED, ..Model::default() };
        let finished =
            embedded::record(catalogue, &plan, model, "bench", folder.path(), |finished, _| finished);
        let finished = finished.expect("a record");
        let scenarios = finished.histories.into_iter().map(Scenario::of).collect();
        Self { header: finished.header, scenarios }
    }

    /// Writes a record of about that many events, and says how many there are.
    pub(crate) fn write(&self, events: u64, path: &Path) -> u64 {
        let once: usize = self.scenarios.iter().map(|s| s.start.len() + s.end.len()).sum();
        let round: usize = self.scenarios.iter().map(|s| s.round.len() + s.removal.len()).sum();
        let rounds = ((events.saturating_sub(once as u64) + round as u64 / 2) / round as u64).max(1);
        let mut file = BufWriter::new(File::create(path).expect("a file"));
        writeln!(file, "{}", file::header_line(&self.header)).expect("space on the disk");
        self.scenarios.iter().map(|scenario| scenario.write(rounds, &mut file)).sum()
    }
}

impl Scenario {
    fn of(history: History) -> Self {
        let mut start = history.events;
        let opens = |event: &&Event| {
            matches!(event.seen, Observation::WatchOpened { .. } | Observation::Step(Step::Started(_)))
        };
        let completed = |event: &Event| matches!(event.seen, Observation::Step(Step::Completed));
        let end = start.split_off(start.iter().position(completed).expect("a scenario that ended well"));
        let round = start.split_off(start.iter().take_while(opens).count());
        let until_us = end[0].span.until_us;
        let period_us = until_us - round[0].span.from_us + PAUSE_US;
        let removal = removal(&round, until_us);
        let names = names(&round);
        let lines = |events: &[Event]| -> Vec<Line> {
            events.iter().map(|event| Line::of(&history.scenario, event, &names)).collect()
        };
        Self {
            start: lines(&start),
            round: lines(&round),
            removal: lines(&removal),
            end: lines(&end),
            period_us,
        }
    }

    /// Writes the scenario with that many rounds, and says how many events that are.
    fn write(&self, rounds: u64, file: &mut impl Write) -> u64 {
        let mut seq = 0;
        for line in &self.start {
            line.write(&Round { seq, ..Round::default() }, file);
            seq += 1;
        }
        for number in 0..rounds {
            let passed = number * (self.round.len() + self.removal.len()) as u64;
            let later_us = number * self.period_us;
            let (removal, end) =
                if number + 1 < rounds { (&self.removal[..], &[][..]) } else { (&[][..], &self.end[..]) };
            for line in self.round.iter().chain(removal).chain(end) {
                line.write(&Round { number, seq, passed, later_us }, file);
                seq += 1;
            }
        }
        seq
    }
}

/// The removal of the pods that are left, the youngest first, and of what lists them.
fn removal(round: &[Event], until_us: u64) -> Vec<Event> {
    let mut left: BTreeMap<(Resource, &str), (u64, &ObjectSeen)> = BTreeMap::new();
    for event in round {
        if let Observation::Object(object) = &event.seen {
            let key = (object.resource, object.name.as_str());
            match object.change {
                Change::Deleted => left.remove(&key),
                _ => left.insert(key, (event.seq, object)),
            };
        }
    }
    let removed = [Resource::Pods, Resource::EndpointSlices, Resource::Endpoints];
    let mut left: Vec<_> = left.into_values().filter(|(_, left)| removed.contains(&left.resource)).collect();
    left.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    let event = |(_, object): (u64, &ObjectSeen)| {
        let mut object = object.clone();
        object.change = Change::Deleted;
        let (span, observer) = (Span::at(until_us), Observer::Watch(object.resource.into()));
        Event { seq: 0, span, observer, seen: Observation::Object(object) }
    };
    left.into_iter().map(event).collect()
}

/// What no two rounds may share: the uids of pods and of Events, the ids of containers, and the tokens that are written.
fn names(round: &[Event]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for event in round {
        match &event.seen {
            Observation::Object(object) if object.resource == Resource::Events => {
                names.insert(object.uid.clone());
            }
            Observation::Object(object) if object.resource == Resource::Pods => {
                names.insert(object.uid.clone());
                let ids =
                    object.list("/status/containerStatuses").iter().filter_map(|c| c["containerID"].as_str());
                names.extend(ids.filter_map(|id| Some(id.split_once("//")?.1.to_owned())));
            }
            Observation::Exec(exec) => {
                if let Purpose::WriteToken { token, .. } = &exec.purpose {
                    names.insert(token.clone());
                }
            }
            _ => {}
        }
    }
    names
}

/// Which round it is, and what has passed before.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    number: u64,
    /// The number of this event.
    seq: u64,
    /// How many events the rounds before had.
    passed: u64,
    later_us: u64,
}

/// One line of the file, in the parts that differ from round to round and those that do not.
struct Line(Vec<Part>);

enum Part {
    Same(String),
    /// A number that goes by the clock.
    Clock(u64),
    /// The number of this event.
    Seq,
    /// The number of another event.
    Place(u64),
    Revision(u64),
    Date(Timestamp),
    /// What no two rounds may share: its first eight letters become the round's.
    Name(String),
}

impl Line {
    fn of(scenario: &str, event: &Event, names: &BTreeSet<String>) -> Self {
        let value = serde_json::from_str(&file::line(scenario, event)).expect("a line is JSON");
        let mut line = Self(Vec::new());
        line.value("", &value, names);
        line
    }

    fn same(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Same(before)) => before.push_str(text),
            _ => self.0.push(Part::Same(text.to_owned())),
        }
    }

    fn value(&mut self, key: &str, value: &Value, names: &BTreeSet<String>) {
        match (value, value.as_u64()) {
            (Value::Object(members), _) => {
                for (index, (key, value)) in members.iter().enumerate() {
                    self.same(&format!(
                        "{}{}:",
                        if index == 0 { "{" } else { "," },
                        Value::from(key.as_str())
                    ));
                    self.value(key, value, names);
                }
                self.same(if members.is_empty() { "{}" } else { "}" });
            }
            (Value::Array(items), _) => {
                for (index, item) in items.iter().enumerate() {
                    self.same(if index == 0 { "[" } else { "," });
                    self.value(key, item, names);
                }
                self.same(if items.is_empty() { "[]" } else { "]" });
            }
            (Value::String(text), _) => self.text(key, text, names),
            (_, Some(number)) => match key {
                "seq" => self.0.push(Part::Seq),
                "from_us" | "until_us" => self.0.push(Part::Clock(number)),
                "ended_by" | "request" | "to" => self.0.push(Part::Place(number)),
                _ => self.same(&value.to_string()),
            },
            _ => self.same(&value.to_string()),
        }
    }

    fn text(&mut self, key: &str, text: &str, names: &BTreeSet<String>) {
        let revision = || text.parse().ok().filter(|_| matches!(key, "resourceVersion" | "revision"));
        let date = || text.parse().ok().filter(|_| text.len() == "2026-01-01T00:00:00Z".len());
        let part = revision().map(Part::Revision).or_else(|| date().map(Part::Date));
        if let Some(part) = part {
            self.same("\"");
            self.0.push(part);
            return self.same("\"");
        }
        let quoted = Value::from(text).to_string();
        let mut rest = quoted.as_str();
        while let Some((at, name)) = names.iter().filter_map(|name| Some((rest.find(name)?, name))).min() {
            self.same(&rest[..at]);
            self.0.push(Part::Name(name.clone()));
            rest = &rest[at + name.len()..];
        }
        self.same(rest);
    }

    fn write(&self, round: &Round, file: &mut impl Write) {
        let Round { number, seq, passed, later_us } = round;
        let later = SignedDuration::from_secs((later_us / 1_000_000) as i64);
        for part in &self.0 {
            match part {
                Part::Same(text) => write!(file, "{text}"),
                Part::Clock(us) => write!(file, "{}", us + later_us),
                Part::Seq => write!(file, "{seq}"),
                Part::Place(of) => write!(file, "{}", of + passed),
                Part::Revision(of) => write!(file, "{}", of + number * REVISIONS),
                Part::Date(date) => write!(file, "{}", *date + later),
                Part::Name(name) => write!(file, "{number:08x}{}", &name[8..]),
            }
            .expect("space on the disk");
        }
        writeln!(file).expect("space on the disk");
    }
}

/// Reads a record as `replay` does.
pub(crate) fn read(path: &Path) -> (Header, Vec<History>) {
    let record = file::read(BufReader::new(File::open(path).expect("a file"))).expect("a record");
    (record.header, record.histories)
}
