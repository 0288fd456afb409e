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
            Err(_) if was_cut_short(&text) => break,
            Err(error) => return Err(error).with_context(|| format!("line {number}")),
        }
    }
    Ok(reading.ended())
}

/// Whether a line is the beginning of one: only the last can be without its newline. A seal that has its last character is
/// whole all the same.
fn was_cut_short(line: &[u8]) -> bool {
    let is_whole_seal = seal::is_seal(line) && line.ends_with(b"\"}");
    !line.ends_with(b"\n") && !is_whole_seal
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
mod tests;
