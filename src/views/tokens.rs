//! Tokens that the driver wrote in the pods of a set, and what was found there later.

use std::collections::HashMap;

use super::{Doubt, PodLife, Set, View, presence};
use crate::history::{Event, Place, Purpose};

/// A token that was written, with a random file of 1 MiB beside it.
#[derive(Debug)]
pub struct Write<'h> {
    /// The command.
    pub event: &'h Event,
    /// The pod that wrote.
    pub pod: &'h str,
    /// Its incarnation, as far as the record knew it.
    pub uid: &'h str,
    /// The token.
    pub token: &'h str,
    /// The checksum of the file; none where the command failed, and then it is not known what was written.
    pub checksum: Option<&'h str>,
    /// What may have made the command fail, as the rest of the sentence "the pod …".
    trouble: Option<String>,
}

/// A look at what is there.
#[derive(Debug)]
pub struct Read<'h> {
    /// The command.
    pub event: &'h Event,
    /// The pod that looked.
    pub pod: &'h str,
    /// Its incarnation, as far as the record knew it.
    pub uid: &'h str,
    /// What it found; none where the command failed.
    pub found: Option<Vec<Found<'h>>>,
    /// What may have made the command fail, as the rest of the sentence "the pod …".
    trouble: Option<String>,
}

impl Read<'_> {
    /// That it could not be read, and why, where the record tells.
    pub fn failed(&self, place: &str) -> (Doubt, String) {
        failed(&format!("what is {place} of {} could not be read", self.pod), self.trouble.as_deref())
    }
}

/// A command that failed, and what it leaves unknown.
fn failed(what: &str, trouble: Option<&str>) -> (Doubt, String) {
    match trouble {
        Some(trouble) => (Doubt::Surroundings, format!("{what}: the pod {trouble}")),
        None => (Doubt::NoAnswer, what.to_owned()),
    }
}

/// One token that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'h> {
    /// The pod that wrote it, by the file's name.
    pub writer: &'h str,
    /// The token; empty where the file was.
    pub token: &'h str,
    /// The checksum of the file beside it; none where that was not there.
    pub checksum: Option<&'h str>,
}

/// What a look shows of what the pod of that name wrote last.
#[derive(Debug)]
pub enum ReadBack<'t, 'h> {
    /// The token and the file are as they were written.
    Same(&'t Write<'h>),
    /// They are not: what differs.
    Changed(&'t Write<'h>, String),
    /// The token of another pod is there.
    OfSibling(&'t Write<'h>),
    /// It cannot be told.
    Unknown(Doubt, String),
}

/// Everything that was written and found at one kind of place in the pods of one set.
#[derive(Debug)]
pub struct Tokens<'h> {
    /// In order.
    writes: Vec<Write<'h>>,
    /// The places of what each pod wrote.
    by_pod: HashMap<&'h str, Vec<usize>>,
    /// The places at which each token was written.
    by_token: HashMap<&'h str, Vec<usize>>,
    /// In order.
    reads: Vec<Read<'h>>,
    /// The places of the looks of each incarnation.
    reads_by_uid: HashMap<&'h str, Vec<usize>>,
}

impl<'h> Tokens<'h> {
    /// What the record has of them. Pods of one name may be several sets': their uids tell them apart.
    pub fn of(view: &View<'h>, set: &Set<'h>, at: Place) -> Self {
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for exec in view.history().execs() {
            let (event, pod, uid) = (exec.event, exec.what.pod.as_str(), exec.what.pod_uid.as_str());
            let Some(life) = set.pods().with_uid(uid) else { continue };
            let printed = exec.what.printed();
            let trouble = || {
                let unable = printed.is_none().then(|| presence::unable_at(view, set, life, event));
                unable.flatten().map(|(why, _)| why)
            };
            match &exec.what.purpose {
                Purpose::WriteToken { place, token } if *place == at => {
                    let checksum = printed.filter(|printed| !printed.is_empty());
                    writes.push(Write { event, pod, uid, token, checksum, trouble: trouble() });
                }
                Purpose::ReadTokens { place } if *place == at => {
                    let found = printed.map(|printed| printed.lines().filter_map(found).collect());
                    reads.push(Read { event, pod, uid, found, trouble: trouble() });
                }
                _ => {}
            }
        }
        let (mut by_pod, mut by_token) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (place, write) in writes.iter().enumerate() {
            by_pod.entry(write.pod).or_default().push(place);
            by_token.entry(write.token).or_default().push(place);
        }
        let mut reads_by_uid = HashMap::<_, Vec<_>>::new();
        for (place, read) in reads.iter().enumerate() {
            reads_by_uid.entry(read.uid).or_default().push(place);
        }
        Self { writes, by_pod, by_token, reads, reads_by_uid }
    }

    /// Every look at what is there, in order.
    pub fn reads(&self) -> &[Read<'h>] {
        &self.reads
    }

    /// The looks of one incarnation, in order.
    pub fn reads_of(&self, uid: &str) -> impl Iterator<Item = &Read<'h>> {
        self.reads_by_uid.get(uid).into_iter().flatten().map(|place| &self.reads[*place])
    }

    /// What a pod wrote before a look was over, the latest first: what was still being written then may be seen or not.
    fn written<'t>(&'t self, read: &Read<'_>) -> impl Iterator<Item = &'t Write<'h>> + use<'t, 'h> {
        let own = self.by_pod.get(read.pod).map_or(&[][..], Vec::as_slice);
        let writes = |places: &'t [usize]| places.iter().map(|place| &self.writes[*place]);
        let (over, until_us) = (read.event.seq, read.event.span.until_us);
        let (before, after) = own.split_at(own.partition_point(|place| self.writes[*place].event.seq < over));
        let begun = writes(after).take_while(|write| write.event.span.from_us < until_us).count();
        writes(&after[..begun]).rev().chain(writes(before).rev())
    }

    /// The last thing that the reading pod, in whichever incarnation, wrote there before.
    pub fn own(&self, read: &Read<'_>) -> Option<&Write<'h>> {
        self.written(read).find(|write| is_before(write.event, read.event))
    }

    /// Whether another pod had written something before, which could have been found.
    pub fn has_siblings(&self, read: &Read<'_>) -> bool {
        let mut others = self.writes.iter().filter(|write| write.pod != read.pod && write.checksum.is_some());
        others.any(|write| is_before(write.event, read.event))
    }

    /// The first of the siblings' tokens that the reading pod finds.
    pub fn of_siblings(&self, read: &Read<'_>) -> Option<&Write<'h>> {
        self.first_found(read, |write, found| write.pod != read.pod && found.writer == write.pod)
    }

    /// The first token of another incarnation, of whichever pod, that the reading pod finds.
    pub fn of_others(&self, read: &Read<'_>) -> Option<&Write<'h>> {
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
            places.iter().copied().find(|place| is_meant(&self.writes[*place], found))
        });
        firsts.min().map(|place| &self.writes[place])
    }

    /// A token that another pod's file has and that nothing in this scenario wrote.
    pub fn stranger<'r>(&self, read: &'r Read<'h>) -> Option<&'r Found<'h>> {
        let mut found = read.found.iter().flatten();
        found.find(|found| found.writer != read.pod && !self.by_token.contains_key(found.token))
    }

    /// What a look shows of what the pod of that name wrote last. A write whose result is not known leaves open what is
    /// there.
    pub fn read_back<'t>(&'t self, read: &Read<'h>) -> ReadBack<'t, 'h> {
        let pod = read.pod;
        if read.found.is_none() {
            let (doubt, what) = read.failed("on the volume");
            return ReadBack::Unknown(doubt, what);
        }
        if let Some(sibling) = self.of_siblings(read) {
            return ReadBack::OfSibling(sibling);
        }
        let Some(last) = self.written(read).next() else {
            let what = format!("{pod} wrote no token before it was asked for what is on its volume");
            return ReadBack::Unknown(Doubt::NotReached, what);
        };
        if !is_before(last.event, read.event) {
            let what = format!("{pod} was asked for what is on its volume while it wrote a token");
            return ReadBack::Unknown(Doubt::NoOrder, what);
        }
        let failed = |write: &Write<'h>| {
            let what = format!("a write of {pod} failed, so what is there is not known");
            let (doubt, what) = failed(&what, write.trouble.as_deref());
            ReadBack::Unknown(doubt, what)
        };
        if last.checksum.is_none() {
            return failed(last);
        }
        let Some(difference) = difference(last, read) else { return ReadBack::Same(last) };
        match self.written(read).find(|write| write.checksum.is_none()) {
            Some(before) => failed(before),
            None => ReadBack::Changed(last, difference),
        }
    }

    /// The first look of the incarnation that wrote a token at which it found that token.
    pub fn found_by_writer(&self, write: &Write<'h>) -> Option<&Read<'h>> {
        self.reads_of(write.uid)
            .find(|read| read.found.iter().flatten().any(|found| found.token == write.token))
    }
}

/// Whether one command was over when the other was begun. Both are timed by one clock.
fn is_before(first: &Event, then: &Event) -> bool {
    first.span.until_us <= then.span.from_us
}

/// Why it is not certain which incarnation ran a command, if it is not.
pub fn runner_in_doubt<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    uid: &str,
    event: &Event,
) -> Option<(Doubt, &'h Event)> {
    let life: &PodLife<'h> = set.pods().with_uid(uid)?;
    presence::uncertain_at(view, set, life, event).map(|uncertain| match uncertain {
        presence::Uncertain::Gap(gap) => (Doubt::Gap, gap),
        presence::Uncertain::MayBeGone(end) => (Doubt::NoOrder, end),
    })
}

fn found(line: &str) -> Option<Found<'_>> {
    let mut words = line.split_whitespace();
    let writer = words.next()?;
    Some(Found { writer, token: words.next().unwrap_or_default(), checksum: words.next() })
}

/// What differs between what was written and what the pod finds under its own name.
fn difference(own: &Write<'_>, read: &Read<'_>) -> Option<String> {
    let mut under_own_name = read.found.iter().flatten().filter(|found| found.writer == read.pod);
    let Some(found) = under_own_name.next() else {
        return Some("its token is not on the volume".to_owned());
    };
    if found.token != own.token {
        return Some(format!("it wrote the token {} and finds `{}`", own.token, found.token));
    }
    match found.checksum {
        Some(checksum) if Some(checksum) == own.checksum => None,
        Some(_) => Some("the file beside its token has another checksum than when it was written".to_owned()),
        None => Some("the file beside its token is not there".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Event, History, Span},
    };

    const PODS: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready;";
    const WRITTEN: &str = "token web-0 volume a; token web-1 volume b;";

    /// What the last look shows.
    fn last_look(history: &History) -> String {
        let view = View::of(history);
        let tokens = Tokens::of(&view, &view.sets()[0], Place::Volume);
        match tokens.read_back(tokens.reads().last().expect("a look")) {
            ReadBack::Same(write) => format!("same as {}", write.token),
            ReadBack::Changed(_, what) => what,
            ReadBack::OfSibling(write) => format!("of {}", write.pod),
            ReadBack::Unknown(doubt, what) => format!("{doubt:?}: {what}"),
        }
    }

    fn assert_shows(statements: &str, words: &str) {
        let shown = last_look(&history(&format!("{PODS} {statements}")));
        assert!(shown.contains(words), "`{shown}` does not say `{words}`");
    }

    #[test]
    fn a_look_is_compared_with_the_last_write_before_it() {
        assert_shows(&format!("{WRITTEN} tokens web-0 volume -> web-0 a"), "same as a");
        assert_shows(&format!("{WRITTEN} token web-0 volume c; tokens web-0 volume -> web-0 c"), "same as c");
        assert_shows(&format!("{WRITTEN} token web-0 volume c; tokens web-0 volume -> web-0 a"), "finds `a`");
        assert_shows(&format!("{WRITTEN} tokens web-0 volume -> web-0 a; token web-0 volume c"), "same as a");
        assert_shows(&format!("{WRITTEN} tokens web-0 volume ->"), "not on the volume");
        assert_shows(&format!("{WRITTEN} tokens web-0 volume -> web-0 a, web-1 b"), "of web-1");
        assert_shows("tokens web-0 volume -> web-0 a", "NotReached");
        assert_shows(&format!("{WRITTEN} tokens web-0 volume -> fails"), "NoAnswer: what is on the volume");
        assert_shows(
            &format!("{WRITTEN} token web-0 container x; tokens web-0 volume -> web-0 a"),
            "same as a",
        );
    }

    #[test]
    fn a_write_that_failed_leaves_open_what_is_there() {
        let notes = |first: &str, then: &str, found: &str| {
            let mut notes = Notes::new().say(PODS);
            for (token, output) in [("a", first), ("b", then)] {
                let purpose = Purpose::WriteToken { place: Place::Volume, token: token.to_owned() };
                notes.run("web-0", purpose, output);
            }
            last_look(&notes.say(&format!("tokens web-0 volume -> {found}")).history())
        };
        let (written_a, written_b) = ("checksum-of-web-0-a", "checksum-of-web-0-b");
        for found in ["web-0 a", "web-0 b", ""] {
            assert!(notes(written_a, "fails", found).starts_with("NoAnswer"), "{found}");
        }
        assert_eq!(notes("fails", written_b, "web-0 b"), "same as b");
        assert!(notes("fails", written_b, "web-0 a").starts_with("NoAnswer"), "the first may have been late");
    }

    #[test]
    fn a_command_that_failed_in_a_pod_that_was_disturbed_is_no_silence() {
        assert_shows(
            &format!("{WRITTEN} exec web-0 crash -> ok; tokens web-0 volume -> fails"),
            "Surroundings: what is on the volume of web-0",
        );
        let mut notes = Notes::new().say(PODS).say("exec web-0 crash -> ok");
        notes.run("web-0", Purpose::WriteToken { place: Place::Volume, token: "a".to_owned() }, "fails");
        let after = notes.say("web-0 unready; web-0 ready; tokens web-0 volume -> web-0 a").history();
        assert!(
            last_look(&after).starts_with("Surroundings: a write of web-0 failed"),
            "{}",
            last_look(&after)
        );
    }

    #[test]
    fn a_write_that_was_not_over_may_be_seen_or_not() {
        let mut both = history(&format!("{PODS} {WRITTEN} tokens web-0 volume ->; token web-0 volume c"));
        let until_us = both.events[both.events.len() - 2].span.until_us;
        let write = both.events.last_mut().expect("the write");
        write.span = Span { from_us: until_us - 1, until_us: until_us + 1 };
        assert!(last_look(&both).starts_with("NoOrder"), "{}", last_look(&both));
    }

    #[test]
    fn pods_of_one_name_in_two_namespaces_have_their_own_tokens() {
        let both = history(
            "web-0 created; token web-0 volume a; in other; web-0 created; token web-0 volume b; \
             tokens web-0 volume -> web-0 b; in ns; tokens web-0 volume -> web-0 a",
        );
        let view = View::of(&both);
        for set in view.sets() {
            let tokens = Tokens::of(&view, set, Place::Volume);
            let [read] = tokens.reads() else { panic!("one look") };
            assert!(matches!(tokens.read_back(read), ReadBack::Same(_)), "{}", set.namespace);
        }
    }

    #[test]
    fn strangers_and_siblings_are_told_apart() {
        let seen = history(&format!("{PODS} {WRITTEN} tokens web-0 volume -> web-0 a, web-1 old, web-1 b"));
        let view = View::of(&seen);
        let tokens = Tokens::of(&view, &view.sets()[0], Place::Volume);
        let read = &tokens.reads()[0];
        assert_eq!(tokens.stranger(read).map(|found| found.token), Some("old"));
        assert_eq!(tokens.of_siblings(read).map(|write| write.token), Some("b"));
        assert_eq!(tokens.of_others(read).map(|write| write.token), Some("b"));
        assert!(tokens.has_siblings(read));
        assert_eq!(tokens.own(read).map(|write| write.token), Some("a"));
        let own = tokens.own(read).expect("a");
        assert!(tokens.found_by_writer(own).is_some());
    }

    #[test]
    fn who_ran_a_command_is_in_doubt_in_a_gap_and_after_an_end_that_nothing_explains() {
        let doubt = |statements: &str| {
            let noted = history(&format!("{PODS} {statements}"));
            let view = View::of(&noted);
            let set = &view.sets()[0];
            let command = noted.execs().next().expect("a command");
            let doubt = runner_in_doubt(&view, set, &command.what.pod_uid, command.event);
            doubt.map(|(doubt, _): (Doubt, &Event)| doubt)
        };
        assert_eq!(doubt(WRITTEN), None);
        assert_eq!(doubt("token web-0 volume a; web-0 deleted"), Some(Doubt::NoOrder));
        assert_eq!(doubt("gap pods; token web-0 volume a; web-0 listed"), Some(Doubt::Gap));
    }
}
