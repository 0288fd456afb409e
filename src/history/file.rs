//! The form of a run on disk: `history.jsonl`, one JSON object a line.
//!
//! The first line is the [`Header`]; every other line is an event with the id of its scenario. Lines of several
//! scenarios are interleaved as they came; within a scenario `seq` is total and gap-free, and a reader refuses a file
//! in which it is not.

use std::{
    collections::{BTreeMap, HashSet},
    io::BufRead,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    DnsSeen, Event, History, Observation,
    json::{Pool, keep},
};

/// The version of the format. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// The name of the file in a run's folder.
pub const NAME: &str = "history.jsonl";

/// The first line: what is true of the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    serde_json::to_string(&LineOut { scenario, event }).expect("an event is plain data")
}

/// The first line of the file, without its newline.
pub fn header_line(header: &Header) -> String {
    serde_json::to_string(header).expect("a header is plain data")
}

/// Reads a whole file.
///
/// A last line that was cut short (a run that was killed) is dropped; anything else that does not read is an error with
/// its line number.
pub fn read(mut file: impl BufRead) -> Result<(Header, Vec<History>)> {
    let mut text = Vec::new();
    file.read_until(b'\n', &mut text).context("failed to read line 1")?;
    ensure!(!text.is_empty(), "the history is empty");
    let header = parse_header(&text)?;
    let mut histories: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut common = Common::default();
    for number in 2.. {
        text.clear();
        file.read_until(b'\n', &mut text).with_context(|| format!("failed to read line {number}"))?;
        let LineIn { scenario, mut event } = match serde_json::from_slice(&text) {
            Ok(line) => line,
            Err(_) if !text.ends_with(b"\n") => break,
            Err(error) => return Err(error).with_context(|| format!("line {number} is not an event")),
        };
        common.share(&mut event.seen);
        append(&mut histories, scenario, event).with_context(|| format!("line {number}"))?;
    }
    let histories = histories.into_iter().map(|(scenario, events)| History::new(scenario, events));
    Ok((header, histories.collect()))
}

fn append(histories: &mut BTreeMap<String, Vec<Event>>, scenario: String, event: Event) -> Result<()> {
    let expected = histories.get(&scenario).map_or(0, |events| events.len() as u64);
    ensure!(
        event.seq == expected,
        "scenario {scenario} has event {} where {expected} was expected: the history is not whole",
        event.seq
    );
    histories.entry(scenario).or_default().push(event);
    Ok(())
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
    if format != Some(u64::from(FORMAT)) {
        bail!("line 1: format {} is not one that this version reads ({FORMAT})", value["format"]);
    }
    serde_json::from_value(value).context("line 1 is not a header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    fn text(statements: &str) -> String {
        let header = Header {
            format: FORMAT,
            run_id: "run".to_owned(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            recorded_by: "0.1.0".to_owned(),
            cluster: ClusterFacts::default(),
            seed: 1,
            selected: Vec::new(),
        };
        let history = history(statements);
        let lines = history.events.iter().map(|event| line(&history.scenario, event) + "\n");
        format!("{}\n{}", header_line(&header), lines.collect::<String>())
    }

    #[test]
    fn what_is_written_is_read_again_and_kept_once() {
        let statements = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> 10.0.0.10";
        let (_, histories) = read(text(statements).as_bytes()).unwrap();
        assert_eq!(histories, [history(statements)]);
        let answers: Vec<_> = histories[0].dns().map(|seen| std::ptr::from_ref(seen.what)).collect();
        assert_eq!(answers[0], answers[1]);
    }

    #[test]
    fn a_last_line_that_was_cut_short_is_dropped() {
        let text = text("web-0 created; web-0 ready");
        let (_, histories) = read(&text.as_bytes()[..text.len() - 9]).unwrap();
        assert_eq!(histories, [history("web-0 created")]);
    }

    #[test]
    fn a_whole_line_that_is_no_event_is_an_error_with_its_number() {
        let text = text("web-0 created") + "{}\n";
        let error = format!("{:#}", read(text.as_bytes()).unwrap_err());
        let number = text.lines().count();
        assert!(error.starts_with(&format!("line {number} is not an event")), "{error}");
    }

    #[test]
    fn another_format_is_refused() {
        let other = text("web-0 created").replacen("\"format\":1", "\"format\":2", 1);
        let error = format!("{:#}", read(other.as_bytes()).unwrap_err());
        assert_eq!(error, "line 1: format 2 is not one that this version reads (1)");
    }

    #[test]
    fn equal_parts_of_objects_are_kept_once() {
        let (_, histories) = read(text("web-0 created; web-0 ready; web-0 unready").as_bytes()).unwrap();
        let specs: Vec<_> = histories[0]
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
        let error = format!("{:#}", read(cut.as_bytes()).unwrap_err());
        assert!(error.starts_with("line 4: scenario noted has event 3 where 2 was expected"), "{error}");
    }
}
