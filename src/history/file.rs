//! The form of a run on disk: `history.jsonl`, one JSON object a line.
//!
//! The first line is the [`Header`], the last the seal ([`super::seal`]); every other line is an event with the id of its
//! scenario. Lines of several scenarios are interleaved as they came; within a scenario `seq` is total and gap-free, and a
//! reader refuses a file in which it is not, or whose seal says something else than its lines.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, Read},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    DnsSeen, Ending, Event, History, Observation,
    json::{Pool, keep},
    seal::{self, Broken, Tally},
};
use crate::plain::in_json;

/// The version of the format that is written.
pub const FORMAT: u32 = 2;

/// The versions that are read. What is special about an older one is said here, and nowhere else: format 1 has no seal.
const READ: &[u32] = &[1, FORMAT];

/// How long a line may be, in bytes, with its newline. A server stores no object of more than 1.5 MiB, and the answers
/// that are recorded whole are bounded far below this, so that a longer line is no record, and is not read to its end.
pub const LINE_BYTES: usize = 64 << 20;

/// The latest that anything can have been seen, in microseconds of the run's clock: a year. With it, no sum of two
/// moments leaves its range.
const LATEST_US: u64 = 366 * 24 * 3600 * 1_000_000;

/// The name of the file in a run's folder.
pub const NAME: &str = "history.jsonl";

/// The first line: what is true of the whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's id, as the labels in the cluster have it.
    pub run_id: String,
    /// Wall clock at the zero of the run's monotonic clock, RFC 3339.
    pub started_at: String,
    /// The version of steadfast that recorded.
    pub recorded_by: String,
    /// What was recorded.
    pub cluster: ClusterFacts,
    /// What the names and tokens of the run were drawn from.
    #[serde(default)]
    pub seed: u64,
    /// What was selected: the ids of the requirements, in the order of the catalogue.
    pub selected: Vec<String>,
}

/// What is known of the cluster before anything is created in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// The server's version, such as `v1.37.1`.
    pub server_version: String,
    /// The names of the nodes that pods can be scheduled to.
    pub nodes: Vec<String>,
    /// The API version that serves EndpointSlices.
    #[serde(default)]
    pub slices_version: String,
    /// Whether this is the embedded model and not a real cluster.
    pub embedded: bool,
    /// The StorageClass that class-less claims get, or the one named by flag.
    pub storage_class: Option<String>,
    /// The images that the documented manifests are run with, where they were replaced: documented name, name used.
    pub replaced_images: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct LineOut<'e> {
    scenario: &'e str,
    #[serde(flatten)]
    event: &'e Event,
}

#[derive(Deserialize)]
struct LineIn {
    scenario: String,
    #[serde(flatten)]
    event: Event,
}

/// One line of the file, without its newline.
pub fn line(scenario: &str, event: &Event) -> String {
    in_json(serde_json::to_string(&LineOut { scenario, event }).expect("an event is plain data"))
}

/// The first line of the file, without its newline.
pub fn header_line(header: &Header) -> String {
    in_json(serde_json::to_string(header).expect("a header is plain data"))
}

/// A whole file.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its first line.
    pub header: Header,
    /// Its scenarios, in the order of their ids.
    pub histories: Vec<History>,
    /// How the run ended, as the seal says.
    pub seal: Seal,
}

/// Whether a record has its seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// It is as it was when the run ended.
    Whole(Ending),
    /// It has none, and nobody knows how the run ended or whether all of it is there.
    Missing {
        /// Why it has none.
        why: String,
    },
}

/// Reads a whole file.
///
/// A last line that was cut short (a run that was killed) is dropped; anything else that does not read is an error with
/// its line number, and so is a seal that says something else than the lines before it.
pub fn read(mut file: impl BufRead) -> Result<Record> {
    let mut text = Vec::new();
    next_line(&mut file, &mut text).context("line 1")?;
    ensure!(!text.is_empty(), "the history is empty");
    let mut reading = Reading { header: parse_header(&text)?, ..Reading::default() };
    reading.tally.header(&text);
    for number in 2.. {
        next_line(&mut file, &mut text).with_context(|| format!("line {number}"))?;
        match reading.line(&text) {
            _ if text.is_empty() => break,
            Ok(()) => {}
            // Only the last line has no newline.
            Err(_) if !text.ends_with(b"\n") => break,
            Err(error) => return Err(error).with_context(|| format!("line {number}")),
        }
    }
    Ok(reading.ended())
}

/// The next line, if it is no longer than a line may be.
fn next_line(file: &mut impl BufRead, text: &mut Vec<u8>) -> Result<()> {
    text.clear();
    file.take(LINE_BYTES as u64 + 1).read_until(b'\n', text).context("failed to read")?;
    ensure!(text.len() <= LINE_BYTES, "longer than {LINE_BYTES} bytes, which no line of a record is");
    Ok(())
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    header: Header,
    histories: BTreeMap<String, Vec<Event>>,
    common: Common,
    tally: Tally,
    ended: Option<Ending>,
}

impl Reading {
    fn line(&mut self, text: &[u8]) -> Result<()> {
        if self.ended.is_some() {
            bail!(Broken::followed());
        }
        if seal::is_seal(text) {
            self.ended = Some(self.tally.check(text)?);
            return Ok(());
        }
        let LineIn { scenario, mut event } = serde_json::from_slice(text).context("not an event")?;
        self.check(&scenario, &event)?;
        self.tally.event(&scenario, text);
        self.common.share(&mut event.seen);
        self.histories.entry(scenario).or_default().push(event);
        Ok(())
    }

    fn check(&self, scenario: &str, event: &Event) -> Result<()> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            (1..=63).contains(&scenario.len()) && scenario.chars().all(allowed),
            "the id of a scenario has at most 63 characters of a-z, 0-9 and -"
        );
        let expected = self.histories.get(scenario).map_or(0, |events| events.len() as u64);
        ensure!(
            event.seq == expected,
            "scenario {scenario} has event {} where {expected} was expected: the history is not whole",
            event.seq
        );
        let span = event.span;
        ensure!(
            span.from_us <= span.until_us && span.until_us <= LATEST_US,
            "event {} of scenario {scenario} cannot have been seen from {} to {} µs: a span begins before it ends, and \
             ends within a year",
            event.seq,
            span.from_us,
            span.until_us
        );
        Ok(())
    }

    fn ended(self) -> Record {
        let seal = match self.ended {
            Some(ended) => Seal::Whole(ended),
            None => Seal::Missing { why: why_unsealed(&self.header).to_owned() },
        };
        let histories = self.histories.into_iter().map(|(scenario, events)| History::new(scenario, events));
        Record { header: self.header, histories: histories.collect(), seal }
    }
}

/// Why a record that reads has no seal.
fn why_unsealed(header: &Header) -> &'static str {
    match header.format {
        1 => "records of format 1 have no seal",
        _ => "the run was killed, or the end of its record was cut off",
    }
}

/// What the lines have in common, to be kept once: a long record consists of little else.
#[derive(Default)]
struct Common {
    parts: Pool,
    answers: HashSet<Arc<DnsSeen>>,
}

impl Common {
    fn share(&mut self, seen: &mut Observation) {
        match seen {
            Observation::Object(object) => object.raw = self.parts.shared(&object.raw),
            Observation::Dns(dns) => *dns = keep(&mut self.answers, dns.clone()),
            _ => {}
        }
    }
}

fn parse_header(line: &[u8]) -> Result<Header> {
    let value: Value = serde_json::from_slice(line).context("line 1 is not a header")?;
    let format = value["format"].as_u64();
    if READ.iter().all(|known| format != Some(u64::from(*known))) {
        let known: Vec<String> = READ.iter().map(u32::to_string).collect();
        bail!("line 1: format {} is not one that this version reads ({})", value["format"], known.join(", "));
    }
    serde_json::from_value(value).context("line 1 is not a header")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::checks::notation::history;

    fn text(statements: &str) -> String {
        let header = Header { format: FORMAT, run_id: "run".to_owned(), ..Header::default() };
        let history = history(statements);
        let lines = history.events.iter().map(|event| line(&history.scenario, event) + "\n");
        format!("{}\n{}", header_line(&header), lines.collect::<String>())
    }

    fn refused(text: &str) -> String {
        format!("{:#}", read(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn what_is_written_is_read_again_and_kept_once() {
        let statements = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> 10.0.0.10";
        let histories = read(text(statements).as_bytes()).unwrap().histories;
        assert_eq!(histories, [history(statements)]);
        let answers: Vec<_> = histories[0].dns().map(|seen| std::ptr::from_ref(seen.what)).collect();
        assert_eq!(answers[0], answers[1]);
    }

    #[test]
    fn a_last_line_that_was_cut_short_is_dropped() {
        let text = text("web-0 created; web-0 ready");
        let record = read(&text.as_bytes()[..text.len() - 9]).unwrap();
        assert_eq!(record.histories, [history("web-0 created")]);
        assert!(matches!(record.seal, Seal::Missing { .. }));
    }

    #[test]
    fn a_whole_line_that_is_no_event_is_an_error_with_its_number() {
        let text = text("web-0 created") + "{}\n";
        let number = text.lines().count();
        assert!(refused(&text).starts_with(&format!("line {number}: not an event")), "{}", refused(&text));
    }

    #[test]
    fn another_format_is_refused() {
        let other = text("web-0 created").replacen("\"format\":2", "\"format\":3", 1);
        assert_eq!(refused(&other), "line 1: format 3 is not one that this version reads (1, 2)");
    }

    #[test]
    fn format_1_is_read_and_has_no_seal() {
        let old = text("web-0 created").replacen("\"format\":2", "\"format\":1", 1);
        let record = read(old.as_bytes()).unwrap();
        assert_eq!(record.histories, [history("web-0 created")]);
        assert_eq!(record.seal, Seal::Missing { why: "records of format 1 have no seal".to_owned() });
    }

    #[test]
    fn equal_parts_of_objects_are_kept_once() {
        let record = read(text("web-0 created; web-0 ready; web-0 unready").as_bytes()).unwrap();
        let specs: Vec<_> = record.histories[0]
            .objects(super::super::Resource::Pods)
            .map(|pod| match pod.what.at("/spec") {
                Some(super::super::Json::Map(members)) => members.as_ptr(),
                other => panic!("no spec: {other:?}"),
            })
            .collect();
        assert_eq!((specs[0], specs[1]), (specs[1], specs[2]));
    }

    #[test]
    fn a_line_that_is_missing_is_an_error_with_its_number() {
        let text = text("web-0 created; web-0 ready");
        let cut: String =
            text.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, l)| format!("{l}\n")).collect();
        let error = refused(&cut);
        assert!(error.starts_with("line 4: scenario noted has event 3 where 2 was expected"), "{error}");
    }

    #[test]
    fn a_span_that_runs_backwards_or_never_ends_is_an_error_with_its_number() {
        let text = text("web-0 created");
        let until = text.find("\"until_us\":").unwrap();
        let digits = until + "\"until_us\":".len();
        let end = digits + text[digits..].find(',').unwrap();
        let from = text.find("\"from_us\":").unwrap();
        let backwards = text.replacen(&text[from..=until], "\"from_us\":7000000,\"", 1);
        assert!(
            refused(&backwards).starts_with("line 2: event 0 of scenario noted"),
            "{}",
            refused(&backwards)
        );
        let endless = format!("{}{}{}", &text[..digits], u64::MAX, &text[end..]);
        assert!(refused(&endless).contains("ends within a year"), "{}", refused(&endless));
    }

    #[test]
    fn a_scenario_is_called_as_scenarios_are() {
        for name in ["", "a b", "../x", "A", "a\\u001b[2J"] {
            let other =
                text("web-0 created").replace("\"scenario\":\"noted\"", &format!("\"scenario\":\"{name}\""));
            assert!(refused(&other).starts_with("line 2: the id of a scenario has"), "{}", refused(&other));
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_is_held() {
        /// Counts what is taken from a source that never ends.
        struct Endless(usize);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b'x');
                self.0 += buffer.len();
                Ok(buffer.len())
            }
        }
        let mut source = Endless(0);
        let header = text("web-0 created").lines().next().unwrap().to_owned() + "\n";
        let error = read(BufReader::new(header.as_bytes().chain(&mut source))).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("line 2: longer than {LINE_BYTES} bytes, which no line of a record is")
        );
        assert!(source.0 < LINE_BYTES + (1 << 20), "{} bytes were read", source.0);
    }
}
