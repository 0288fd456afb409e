//! Tokens written in pods, and what was found there later. What the checks of this area share.

use crate::history::{Event, History, Place, Purpose};

/// A token that was written, with a random file of 1 MiB beside it.
#[derive(Debug)]
pub(super) struct Write<'h> {
    /// The command.
    pub(super) event: &'h Event,
    /// The pod that wrote.
    pub(super) pod: &'h str,
    /// Its incarnation.
    pub(super) uid: &'h str,
    /// The token.
    pub(super) token: &'h str,
    /// The checksum of the file; none where the command failed, and then it is not known what was written.
    pub(super) checksum: Option<&'h str>,
}

/// A look at what is there.
#[derive(Debug)]
pub(super) struct Read<'h> {
    /// The command.
    pub(super) event: &'h Event,
    /// The pod that looked.
    pub(super) pod: &'h str,
    /// Its incarnation.
    pub(super) uid: &'h str,
    /// What it found; none where the command failed.
    pub(super) found: Option<Vec<Found<'h>>>,
}

/// One token that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'h> {
    /// The pod that wrote it, by the file's name.
    pub(super) writer: &'h str,
    /// The token; empty where the file was.
    pub(super) token: &'h str,
    /// The checksum of the file beside it; none where that was not there.
    pub(super) checksum: Option<&'h str>,
}

/// Everything that was written there, in order.
pub(super) fn writes(history: &History, at: Place) -> Vec<Write<'_>> {
    let execs = history.execs();
    execs
        .filter_map(|exec| match &exec.what.purpose {
            Purpose::WriteToken { place, token } if *place == at => Some(Write {
                event: exec.event,
                pod: &exec.what.pod,
                uid: &exec.what.pod_uid,
                token,
                checksum: exec.what.printed().filter(|printed| !printed.is_empty()),
            }),
            _ => None,
        })
        .collect()
}

/// Every look at what is there, in order.
pub(super) fn reads(history: &History, at: Place) -> Vec<Read<'_>> {
    let reads = history.execs().filter(|exec| exec.purpose == Purpose::ReadTokens { place: at });
    reads
        .map(|exec| Read {
            event: exec.event,
            pod: &exec.what.pod,
            uid: &exec.what.pod_uid,
            found: exec.what.printed().map(|printed| printed.lines().filter_map(found).collect()),
        })
        .collect()
}

fn found(line: &str) -> Option<Found<'_>> {
    let mut words = line.split_whitespace();
    let writer = words.next()?;
    Some(Found { writer, token: words.next().unwrap_or_default(), checksum: words.next() })
}

/// The last thing that the reading pod itself wrote there before.
pub(super) fn own<'w, 'h>(writes: &'w [Write<'h>], read: &Read<'_>) -> Option<&'w Write<'h>> {
    writes.iter().rfind(|write| write.pod == read.pod && write.event.seq < read.event.seq)
}

/// The first of the siblings' tokens that the reading pod finds.
pub(super) fn siblings<'w, 'h>(writes: &'w [Write<'h>], read: &Read<'_>) -> Option<&'w Write<'h>> {
    let found = read.found.as_deref().unwrap_or_default();
    writes.iter().find(|write| {
        write.pod != read.pod && found.iter().any(|f| f.writer == write.pod && f.token == write.token)
    })
}

/// What the reading pod finds under its own name.
pub(super) fn found_as_own<'h>(read: &Read<'h>) -> Option<Found<'h>> {
    read.found.iter().flatten().copied().find(|found| found.writer == read.pod)
}
