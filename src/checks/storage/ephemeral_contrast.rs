//! `ephemeral-contrast`: without a claim, what a pod wrote in its container is gone when the pod is replaced.

use std::collections::HashMap;

use super::tokens::{self, Read, Write, Writes};
use crate::{
    checks::{Check, Findings},
    history::{History, Place},
};

/// Judges `specs/storage/ephemeral-contrast.yaml`.
pub(super) const CHECK: Check = Check { id: "ephemeral-contrast", judge };

fn judge(history: &History, findings: &mut Findings) {
    let writes = tokens::writes(history, Place::Container);
    let reads = tokens::reads(history, Place::Container);
    let mut by_uid: HashMap<&str, Vec<&Read<'_>>> = HashMap::new();
    for read in &reads {
        by_uid.entry(read.uid).or_default().push(read);
    }
    for read in &reads {
        if let Some(own) = writes.own(read).filter(|own| own.uid != read.uid) {
            let of_own = by_uid.get(own.uid).into_iter().flatten();
            let before = of_own.copied().find(|before| finds(before, own));
            is_gone(findings, &writes, (own, before, read));
        }
    }
}

fn finds(read: &Read<'_>, write: &Write<'_>) -> bool {
    read.found.iter().flatten().any(|found| found.token == write.token)
}

/// A recreated pod's look at its file system: no token of an earlier pod, which was seen in that one.
fn is_gone(
    findings: &mut Findings,
    writes: &Writes<'_>,
    (own, before, read): (&Write<'_>, Option<&Read<'_>>, &Read<'_>),
) {
    let pod = read.pod;
    if let Some(old) = writes.of_others(read) {
        return findings.broken(
            format!(
                "{pod} was recreated and finds in its container what an earlier {} wrote in its own",
                old.pod
            ),
            &[old.event, read.event],
        );
    }
    match (before, &read.found) {
        (_, None) => {
            findings.blind(
                format!("what is in the container of {pod} could not be read"),
                &[own.event, read.event],
            );
        }
        (None, Some(_)) => findings.blind(
            format!(
                "the token of {pod} was not seen in its container while that ran, so its absence says nothing"
            ),
            &[own.event, read.event],
        ),
        (Some(before), Some(_)) => findings.held(
            format!("{pod} was recreated, and what its predecessor wrote in the container is gone"),
            &[own.event, before.event, read.event],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent};

    const WRITTEN: &str = "web-0 created; web-0 ready; token web-0 container a; ";
    const SEEN: &str = "tokens web-0 container -> web-0 a; ";
    const RECREATED: &str = "delete all; web-0 deleted; web-0 created; web-0 ready; ";

    #[test]
    fn there_before_and_gone_after() {
        assert_held(&CHECK, &format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container ->"), 1);
    }

    #[test]
    fn the_file_system_outlives_the_pod() {
        let history = format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container -> web-0 a");
        assert_broken(&CHECK, &history, "what an earlier web-0 wrote");
    }

    #[test]
    fn one_folder_of_the_node_behind_all_containers() {
        let history = "web-0 created; web-1 created; token web-0 container a; token web-1 container b; \
             web-1 deleted; web-1 created; tokens web-1 container -> web-0 a";
        assert_broken(&CHECK, history, "what an earlier web-0 wrote");
    }

    #[test]
    fn a_pod_that_is_still_the_same_shows_nothing() {
        assert_silent(&CHECK, &format!("{WRITTEN}{SEEN}delete all; tokens web-0 container -> web-0 a"));
    }

    #[test]
    fn never_seen_while_the_pod_was_there() {
        let history = format!("{WRITTEN}tokens web-0 container ->; {RECREATED}tokens web-0 container ->");
        assert_blind(&CHECK, &history, "its absence says nothing");
    }

    #[test]
    fn a_read_that_failed() {
        let history = format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container -> fails");
        assert_blind(&CHECK, &history, "could not be read");
    }

    #[test]
    fn tokens_on_the_volume_are_another_matter() {
        assert_silent(
            &CHECK,
            "web-0 created; token web-0 volume a; web-0 deleted; web-0 created; tokens web-0 volume -> web-0 a",
        );
    }
}
