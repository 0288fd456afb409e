//! The last line of a record: how many lines there are, what they come to, and how the run ended.
//!
//! A record without it is that of a run that was killed, or has lost its end. One that does not agree with what stands
//! before it was changed afterwards, on purpose or by accident. It protects from accidents and from careless editing, and
//! not from whoever can compute a SHA-256 sum: that one can write a seal too.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Ending;
use crate::plain::in_json;

/// How the line begins, which no other line does.
const BEGINS: &str = "{\"seal\":";

/// What stands between the body and its digest.
const DIGEST: &str = ",\"digest\":\"";

/// What the seal says of the lines before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// How many lines there are: the header, and one for each event.
    lines: u64,
    /// How many of them are events of each scenario.
    events: BTreeMap<String, u64>,
    /// The digest of the header's line, to tell which part of the record was changed.
    header: String,
    /// How the run ended.
    ended: Ending,
}

#[derive(Serialize, Deserialize)]
struct Line<B> {
    seal: B,
}

/// What is counted of a record, line by line, by whoever writes it and by whoever reads it.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    lines: u64,
    events: BTreeMap<String, u64>,
    header: String,
    digest: Sha256,
}

impl Tally {
    /// Counts the header: its line as it is in the file, with its newline.
    pub fn header(&mut self, line: &[u8]) {
        self.header = hex(&Sha256::digest(line));
        self.line(line);
    }

    /// Counts an event of a scenario, likewise.
    pub fn event(&mut self, scenario: &str, line: &[u8]) {
        match self.events.get_mut(scenario) {
            Some(count) => *count += 1,
            None => _ = self.events.insert(scenario.to_owned(), 1),
        }
        self.line(line);
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        self.digest.update(line);
    }

    /// The seal of what was counted, without a newline.
    pub fn seal(&self, ended: &Ending) -> String {
        let (events, header) = (self.events.clone(), self.header.clone());
        let seal = Body { lines: self.lines, events, header, ended: ended.clone() };
        let line = in_json(serde_json::to_string(&Line { seal }).expect("a seal is plain data"));
        let body = line.strip_suffix('}').expect("it is an object");
        format!("{body}{DIGEST}{}\"}}", self.digest_with(body))
    }

    /// Reads a seal and compares it with what was counted.
    pub(super) fn check(&self, line: &[u8]) -> Result<Ending, Broken> {
        self.try_check(line).map_err(|error| Broken(format!("{error:#}")))
    }

    fn try_check(&self, line: &[u8]) -> Result<Ending> {
        let line = std::str::from_utf8(line).context("the seal is no text")?;
        let (body, digest) = line.trim_end().rsplit_once(DIGEST).context("the seal has no digest")?;
        let said: Line<Body> =
            serde_json::from_str(&format!("{body}}}")).context("the seal is none that this version knows")?;
        self.compare(&said.seal)?;
        ensure!(
            is_all_of(&said.seal.ended, body),
            "the seal says of how the run ended what this version does not know; replay the record with the version that \
             recorded it"
        );
        ensure!(
            digest.strip_suffix("\"}") == Some(&self.digest_with(body)),
            "an event, or the seal itself, was changed after the run had ended: the lines do not have the digest that \
             the seal says"
        );
        Ok(said.seal.ended)
    }

    fn compare(&self, said: &Body) -> Result<()> {
        ensure!(self.header == said.header, "the header (line 1) was changed after the run had ended");
        for (scenario, count) in &said.events {
            let there = self.events.get(scenario).unwrap_or(&0);
            ensure!(there == count, "the run recorded {count} events of {scenario}, and {there} are there");
        }
        if let Some(scenario) = self.events.keys().find(|scenario| !said.events.contains_key(*scenario)) {
            bail!("the run recorded nothing of {scenario}, and events of it are there");
        }
        ensure!(
            self.lines == said.lines,
            "the run recorded {} lines, and {} are there",
            said.lines,
            self.lines
        );
        Ok(())
    }

    /// The digest of all lines and of the seal's own body: how the run ended is a part of what is sealed.
    fn digest_with(&self, body: &str) -> String {
        hex(&self.digest.clone().chain_update(body).finalize())
    }
}

/// Whether the ending that was read is all that the seal says of it: what is not understood may be what makes it worse.
fn is_all_of(ended: &Ending, body: &str) -> bool {
    let said = serde_json::from_str::<serde_json::Value>(&format!("{body}}}"));
    said.is_ok_and(|said| serde_json::to_value(ended).is_ok_and(|read| read == said["seal"]["ended"]))
}

/// A seal that says something else than the lines before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(String);

impl Broken {
    /// There are lines after it.
    pub(super) fn followed() -> Self {
        Self("something follows the seal, which is the last line of a record".to_owned())
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Whether a line is a seal, and no event.
pub(super) fn is_seal(line: &[u8]) -> bool {
    line.starts_with(BEGINS.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("writing to a string"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{
        How, Stopping,
        file::{self, Header, Seal},
    };

    /// The lines of a record of two scenarios, sealed.
    fn lines(ended: &Ending) -> Vec<String> {
        let selected = vec!["ordered-creation".to_owned()];
        let header = Header { format: file::FORMAT, selected, ..Header::default() };
        let mut tally = Tally::default();
        let mut lines = vec![file::header_line(&header) + "\n"];
        tally.header(lines[0].as_bytes());
        for scenario in ["first-start", "single-delete"] {
            for event in crate::checks::notation::history("web-0 created; web-0 ready; completed").events {
                let line = file::line(scenario, &event) + "\n";
                tally.event(scenario, line.as_bytes());
                lines.push(line);
            }
        }
        lines.push(tally.seal(ended) + "\n");
        lines
    }

    fn whole() -> Vec<String> {
        lines(&Ending::default())
    }

    fn refused(lines: &[String]) -> String {
        format!("{:#}", file::read(lines.concat().as_bytes()).unwrap_err())
    }

    #[test]
    fn a_sealed_record_says_how_the_run_ended() {
        for ended in
            [Ending::default(), Ending { how: How::Stopped { by: Stopping::Terminate }, ..Ending::default() }]
        {
            assert_eq!(file::read(lines(&ended).concat().as_bytes()).unwrap().seal, Seal::Whole(ended));
        }
    }

    #[test]
    fn a_record_without_its_seal_is_unsealed() {
        let lines = whole();
        for kept in 1..lines.len() {
            let seal = file::read(lines[..kept].concat().as_bytes()).unwrap().seal;
            assert!(matches!(seal, Seal::Missing { .. }), "{kept} lines");
        }
        let text = lines.concat();
        let cut = file::read(&text.as_bytes()[..text.len() - 5]).unwrap().seal;
        assert!(matches!(cut, Seal::Missing { .. }), "a seal that was cut short");
    }

    #[test]
    fn an_edited_header_is_refused() {
        let mut lines = whole();
        lines[0] = lines[0].replace("\"embedded\":false", "\"embedded\":true");
        assert!(refused(&lines).contains("the header (line 1) was changed"), "{}", refused(&lines));
        let last = lines.len() - 1;
        lines[last] = lines[last].trim_end().to_owned();
        assert!(refused(&lines).contains("the header (line 1) was changed"), "without the last newline");
    }

    #[test]
    fn an_event_that_was_taken_out_is_refused_even_if_the_rest_is_renumbered() {
        let mut lines = whole();
        let last = lines.len() - 2;
        // The last event of `single-delete`, with the number of the one before it.
        let number =
            |line: &str| line.split("\"seq\":").nth(1).unwrap().split(',').next().unwrap().trim().to_owned();
        let (before, own) = (number(&whole()[last - 1]), number(&whole()[last]));
        lines[last - 1] = whole()[last].replace(&format!("\"seq\":{own}"), &format!("\"seq\":{before}"));
        lines.remove(last);
        let error = refused(&lines);
        assert!(error.contains("events of single-delete, and"), "{error}");
    }

    #[test]
    fn a_scenario_that_was_taken_out_or_put_in_is_refused() {
        let mut fewer = whole();
        fewer.retain(|line| !line.contains("\"scenario\":\"first-start\""));
        assert!(refused(&fewer).contains("events of first-start, and 0 are there"), "{}", refused(&fewer));
        let mut more = whole();
        more.insert(1, whole()[1].replace("first-start", "scale-cycle"));
        assert!(refused(&more).contains("the run recorded nothing of scale-cycle"), "{}", refused(&more));
    }

    #[test]
    fn an_event_that_was_changed_is_refused() {
        let mut lines = whole();
        let at = lines.iter().position(|line| line.contains("\"Running\"")).expect("a pod that runs");
        lines[at] = lines[at].replace("\"Running\"", "\"Pending\"");
        assert!(refused(&lines).contains("was changed after the run had ended"), "{}", refused(&lines));
    }

    #[test]
    fn events_in_another_order_are_refused() {
        let mut lines = whole();
        let second = lines.iter().position(|line| line.contains("\"scenario\":\"single-delete\"")).unwrap();
        let moved = lines.remove(second);
        lines.insert(1, moved);
        assert!(refused(&lines).contains("was changed after the run had ended"), "{}", refused(&lines));
    }

    #[test]
    fn how_the_run_ended_cannot_be_edited() {
        let mut lines = lines(&Ending::stopped(Stopping::Terminate));
        let last = lines.len() - 1;
        lines[last] = lines[last].replace(r#""how":"stopped","by":"terminate""#, r#""how":"completed""#);
        assert!(refused(&lines).contains("or the seal itself, was changed"), "{}", refused(&lines));
    }

    #[test]
    fn an_ending_that_a_later_version_may_write_is_refused() {
        let lines = whole();
        let mut tally = Tally::default();
        tally.header(lines[0].as_bytes());
        let body = tally.seal(&Ending::default());
        let later = body.replace(r#"{"how":"completed"}"#, r#"{"how":"completed","stolen":true}"#);
        assert!(refused(&[lines[0].clone(), later]).contains("what this version does not know"));
    }

    #[test]
    fn nothing_follows_the_seal() {
        let mut lines = whole();
        lines.push(lines[1].clone());
        assert!(refused(&lines).contains("something follows the seal"), "{}", refused(&lines));
    }
}
