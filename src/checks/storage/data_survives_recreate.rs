//! `data-survives-recreate`: what a pod wrote to its volume is read back by the pod that replaces it, and by no other.

use super::tokens::{self, Read, Write, Writes};
use crate::{
    checks::{Check, Findings},
    history::{History, Place},
};

/// Judges `specs/storage/data-survives-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "data-survives-recreate", judge };

fn judge(history: &History, findings: &mut Findings) {
    let writes = tokens::writes(history, Place::Volume);
    for read in tokens::reads(history, Place::Volume) {
        is_read_back(findings, &writes, &read);
    }
}

/// One look at a volume, against what was written there before.
fn is_read_back(findings: &mut Findings, writes: &Writes<'_>, read: &Read<'_>) {
    let pod = read.pod;
    if read.found.is_none() {
        return findings.blind(format!("what is on the volume of {pod} could not be read"), &[read.event]);
    }
    if let Some(sibling) = writes.of_siblings(read) {
        return findings.broken(
            format!("{pod} finds on its volume what {} wrote", sibling.pod),
            &[sibling.event, read.event],
        );
    }
    let own = writes.own(read).filter(|own| own.checksum.is_some());
    let Some(own) = own else {
        return findings
            .blind(format!("what {pod} wrote before is not known, so it cannot be compared"), &[read.event]);
    };
    let (events, is_another) = ([own.event, read.event], own.uid != read.uid);
    match difference(own, read) {
        Some(difference) => findings.broken(format!("{pod} {}: {difference}", since(is_another)), &events),
        None if is_another => findings.held(
            format!("{pod} was recreated and finds the token and the file that its predecessor wrote"),
            &events,
        ),
        None => {}
    }
}

fn since(is_another: bool) -> &'static str {
    if is_another { "was recreated and has lost data" } else { "was not recreated and has lost data" }
}

/// What differs between what was written and what is found.
fn difference(own: &Write<'_>, read: &Read<'_>) -> Option<String> {
    let Some(found) = tokens::found_as_own(read) else {
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
    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Place, Purpose},
    };

    const BEFORE: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; \
         token web-0 volume a; token web-1 volume b; web-0 deleted; web-0 created; web-0 ready; ";

    fn after(statements: &str) -> String {
        format!("{BEFORE}{statements}")
    }

    #[test]
    fn only_the_pod_that_was_recreated_is_evidence() {
        assert_held(&CHECK, &after("tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b"), 1);
    }

    #[test]
    fn a_second_recreation_counts_again() {
        let history = after(
            "tokens web-0 volume -> web-0 a; web-0 deleted; web-0 created; tokens web-0 volume -> web-0 a",
        );
        assert_held(&CHECK, &history, 2);
    }

    #[test]
    fn an_empty_volume() {
        assert_broken(&CHECK, &after("tokens web-0 volume ->"), "its token is not on the volume");
    }

    #[test]
    fn volumes_that_were_swapped() {
        assert_broken(&CHECK, &after("tokens web-0 volume -> web-1 b"), "what web-1 wrote");
    }

    #[test]
    fn an_older_state_of_the_volume() {
        assert_broken(&CHECK, &after("tokens web-0 volume -> web-0 z"), "finds `z`");
    }

    #[test]
    fn a_survivor_that_lost_its_data() {
        assert_broken(&CHECK, &after("tokens web-1 volume ->"), "web-1 was not recreated and has lost data");
    }

    /// The tokens that web-0 finds, as its command prints them.
    fn printed(output: &str) -> Vec<String> {
        let mut notes = Notes::new().say(BEFORE);
        notes.run("web-0", Purpose::ReadTokens { place: Place::Volume }, output);
        let findings = judge(&CHECK, &notes.history());
        findings.of_kind(Kind::Broken).map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn a_file_that_was_truncated_or_is_gone() {
        assert!(printed("web-0 a checksum-of-something-else")[0].contains("another checksum"));
        assert!(printed("web-0 a")[0].contains("is not there"));
        assert!(printed("web-0 a checksum-of-web-0-a").is_empty());
    }

    #[test]
    fn a_read_that_failed() {
        assert_blind(&CHECK, &after("tokens web-0 volume -> fails"), "could not be read");
    }

    #[test]
    fn nothing_was_written_before() {
        assert_blind(&CHECK, "web-0 created; tokens web-0 volume -> web-0 a", "is not known");
    }

    #[test]
    fn tokens_in_the_container_are_another_matter() {
        assert_silent(&CHECK, "web-0 created; token web-0 container a; tokens web-0 container ->");
    }
}
