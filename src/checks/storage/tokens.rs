//! Tokens written in pods, and what was found there later. What the checks of this area share.

use std::collections::HashMap;

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

/// Everything that was written there.
pub(super) struct Writes<'h> {
    /// In order.
    all: Vec<Write<'h>>,
    /// The places of what each pod wrote.
    by_pod: HashMap<&'h str, Vec<usize>>,
    /// The places at which each token was written.
    by_token: HashMap<&'h str, Vec<usize>>,
}

/// Everything that was written there.
pub(super) fn writes(history: &History, at: Place) -> Writes<'_> {
    let execs = history.execs();
    let all: Vec<Write<'_>> = execs
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
        .collect();
    let (mut by_pod, mut by_token) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
    for (place, write) in all.iter().enumerate() {
        by_pod.entry(write.pod).or_default().push(place);
        by_token.entry(write.token).or_default().push(place);
    }
    Writes { all, by_pod, by_token }
}

impl<'h> Writes<'h> {
    /// The last thing that the reading pod itself wrote there before.
    pub(super) fn own(&self, read: &Read<'_>) -> Option<&Write<'h>> {
        let own = self.by_pod.get(read.pod)?;
        let before = own.partition_point(|place| self.all[*place].event.comes_before(read.event));
        Some(&self.all[own[before.checked_sub(1)?]])
    }

    /// The first of the siblings' tokens that the reading pod finds.
    pub(super) fn of_siblings(&self, read: &Read<'_>) -> Option<&Write<'h>> {
        self.first_found(read, |write, found| write.pod != read.pod && found.writer == write.pod)
    }

    /// The first of other incarnations' tokens that the reading pod finds.
    pub(super) fn of_others(&self, read: &Read<'_>) -> Option<&Write<'h>> {
        self.first_found(read, |write, _| write.uid != read.uid)
    }

    fn first_found(
        &self,
        read: &Read<'_>,
        is_meant: impl Fn(&Write<'h>, &Found<'_>) -> bool,
    ) -> Option<&Write<'h>> {
        let found = read.found.iter().flatten();
        let firsts = found.filter_map(|found| {
            let places = self.by_token.get(found.token)?;
            places.iter().copied().find(|place| is_meant(&self.all[*place], found))
        });
        firsts.min().map(|place| &self.all[place])
    }
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

/// What the reading pod finds under its own name.
pub(super) fn found_as_own<'h>(read: &Read<'h>) -> Option<Found<'h>> {
    read.found.iter().flatten().copied().find(|found| found.writer == read.pod)
}
