//! The form of a run on disk: `history.jsonl`, one JSON object a line.
//!
//! The first line is the [`Header`]; every other line is an event with the id of its scenario. Lines of several
//! scenarios are interleaved as they came; within a scenario `seq` is total and gap-free, and a reader refuses a file
//! in which it is not.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Event, History};

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
pub fn parse(text: &str) -> Result<(Header, Vec<History>)> {
    let mut lines = text.split_inclusive('\n').enumerate();
    let (_, first) = lines.next().context("the history is empty")?;
    let header = parse_header(first)?;
    let mut histories: BTreeMap<String, History> = BTreeMap::new();
    for (index, text) in lines {
        let line: LineIn = match serde_json::from_str(text) {
            Ok(line) => line,
            Err(_) if !text.ends_with('\n') => break,
            Err(error) => return Err(error).with_context(|| format!("line {} is not an event", index + 1)),
        };
        let history =
            histories.entry(line.scenario).or_insert_with_key(|scenario| History::new(scenario, Vec::new()));
        let expected = history.events.len() as u64;
        ensure!(
            line.event.seq == expected,
            "line {}: scenario {} has event {} where {expected} was expected: the history is not whole",
            index + 1,
            history.scenario,
            line.event.seq
        );
        history.events.push(line.event);
    }
    Ok((header, histories.into_values().collect()))
}

fn parse_header(line: &str) -> Result<Header> {
    let value: Value = serde_json::from_str(line).context("line 1 is not a header")?;
    let format = value["format"].as_u64();
    if format != Some(u64::from(FORMAT)) {
        bail!("line 1: format {} is not one that this version reads ({FORMAT})", value["format"]);
    }
    serde_json::from_value(value).context("line 1 is not a header")
}
