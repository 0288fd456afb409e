//! `scale-cycle-reattach`: scaling down keeps the claims, and scaling up again gives each ordinal its claim and data back.

use std::collections::HashMap;

use super::{
    claims::{self, ClaimLife},
    tokens::{self, Read, Writes},
};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, Place, PodLife, Pods},
};

/// Judges `specs/storage/scale-cycle-reattach.yaml`.
pub(super) const CHECK: Check = Check { id: "scale-cycle-reattach", judge };

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let claims = claims::fold(history);
    let writes = tokens::writes(history, Place::Volume);
    // Of each incarnation its first look.
    let reads =
        tokens::reads(history, Place::Volume).into_iter().rev().map(|read| (read.uid, read)).collect();
    for (request, went) in scaled_away(history, &pods) {
        let lives = claims.get(claims::name_for(went.name).as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(claim) = is_kept(history, findings, went, lives, request) else { continue };
        let last = pods.before(went.name, u64::MAX).next();
        let back = last.filter(|pod| went.birth().comes_before(pod.birth()));
        match back {
            Some(back) => came_back(findings, &writes, &reads, back, claim),
            None => stays_away(findings, &pods, went, claim),
        }
    }
}

/// The pods whose ordinals were scaled away, each with the request that did it: the newest of each ordinal before it.
fn scaled_away<'h, 'p>(history: &'h History, pods: &'p Pods<'h>) -> Vec<(&'h Event, &'p PodLife<'h>)> {
    let mut away = Vec::new();
    for request in history.requests() {
        let Some(replicas) = request.what.scales_to() else { continue };
        let mut there = pods.at(request.event.seq);
        there.retain(|pod| pod.ordinal.is_some_and(|ordinal| i64::from(ordinal) >= replicas));
        away.extend(there.into_iter().filter(|pod| claims::are_used(pod)).map(|pod| (request.event, pod)));
    }
    away
}

/// The claim of an ordinal that was scaled away, if it is known to have been there, the same, all the time.
fn is_kept<'c, 'h>(
    history: &'h History,
    findings: &mut Findings,
    went: &PodLife<'_>,
    lives: &'c [ClaimLife<'h>],
    request: &Event,
) -> Option<&'c ClaimLife<'h>> {
    let Some(claim) = lives.first() else {
        findings.blind(format!("the claim of {} was never seen", went.name), &[went.birth()]);
        return None;
    };
    let (name, first) = (claim.name, claim.first().event);
    if let Some(ended) = claim.ended {
        findings.broken(
            format!("{} was scaled away, and its claim {name} was deleted", went.name),
            &[request, ended],
        );
    } else if let Some(next) = lives.get(1) {
        findings.broken(format!("the claim {name} was replaced by a new one"), &[first, next.first().event]);
    } else if let Some(rebound) = claim.rebound {
        findings.broken(
            format!("the claim {name} was bound to another volume than before"),
            &[first, rebound.event],
        );
    } else if let Some(gap) = claim.lost_sight(history) {
        findings
            .blind(format!("what became of the claim {name} fell into a gap of the watch"), &[request, gap]);
    } else {
        return Some(claim);
    }
    None
}

/// An ordinal that was scaled away and has not come back: its claim waits for it.
fn stays_away(findings: &mut Findings, pods: &[PodLife<'_>], went: &PodLife<'_>, claim: &ClaimLife<'_>) {
    let Some(deleted) = went.deleted() else { return };
    if let Some(later) = pods.get(pods.partition_point(|pod| !deleted.comes_before(pod.birth()))) {
        findings.held(
            format!("{} was scaled away, and its claim {} is kept", went.name, claim.name),
            &[claim.last().event, deleted, later.birth()],
        );
    }
}

/// An ordinal that came back: its pod finds what was written before.
fn came_back(
    findings: &mut Findings,
    writes: &Writes<'_>,
    reads: &HashMap<&str, Read<'_>>,
    back: &PodLife<'_>,
    claim: &ClaimLife<'_>,
) {
    let (name, own) = (back.name, claim.name);
    let Some(read) = reads.get(back.uid) else {
        return findings.blind(format!("{name} came back and was not asked for its data"), &[back.birth()]);
    };
    let written = writes.own(read).filter(|w| w.uid != read.uid && w.checksum.is_some());
    let (Some(written), true) = (written, read.found.is_some()) else {
        return findings
            .blind(format!("what {name} wrote or finds on its volume is not known"), &[read.event]);
    };
    let found = tokens::found_as_own(read);
    let is_same =
        found.is_some_and(|found| found.token == written.token && found.checksum == written.checksum);
    let events = [written.event, back.birth(), read.event];
    if let Some(sibling) = writes.of_siblings(read) {
        return findings.broken(
            format!("{name} came back and finds what {} wrote", sibling.pod),
            &[sibling.event, read.event],
        );
    }
    findings.expect(
        is_same,
        format!("{name} came back with its claim {own} and finds what it wrote"),
        format!("{name} came back with its claim {own} and does not find there what it wrote"),
        &events,
    );
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

    const UP: &str = "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
         www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready; \
         www-web-2 claimed; web-2 created; www-web-2 bound; web-2 ready; \
         token web-0 volume a; token web-1 volume b; token web-2 volume c; ";
    const DOWN: &str = "scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted; ";
    const BACK: &str = "scale 2; web-1 created; web-1 ready; ";

    fn cycle(statements: &str) -> String {
        format!("{UP}{DOWN}{BACK}{statements}")
    }

    #[test]
    fn one_comes_back_with_its_data_and_one_claim_waits() {
        assert_held(
            &CHECK,
            &cycle("tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b; completed"),
            2,
        );
    }

    #[test]
    fn scaling_up_takes_nothing_away() {
        assert_silent(&CHECK, &format!("scale 4; {UP}completed"));
    }

    #[test]
    fn the_claim_goes_with_its_ordinal() {
        let history = format!("{UP}{DOWN}www-web-2 claim-terminating; www-web-2 unclaimed; {BACK}");
        assert_broken(&CHECK, &history, "web-2 was scaled away, and its claim www-web-2 was deleted");
    }

    #[test]
    fn the_returning_ordinal_gets_a_new_claim() {
        let history = format!("{UP}{DOWN}www-web-1 unclaimed; www-web-1 claimed; {BACK}");
        assert_broken(&CHECK, &history, "its claim www-web-1 was deleted");
    }

    #[test]
    fn the_returning_ordinal_gets_another_volume() {
        let history = cycle("www-web-1 bound pv-other; tokens web-1 volume -> web-1 b");
        assert_broken(&CHECK, &history, "another volume");
    }

    #[test]
    fn the_returning_ordinal_finds_a_siblings_data() {
        assert_broken(&CHECK, &cycle("tokens web-1 volume -> web-2 c"), "finds what web-2 wrote");
    }

    #[test]
    fn the_data_was_spoiled() {
        let mut notes = Notes::new().say(&cycle(""));
        notes.run("web-1", Purpose::ReadTokens { place: Place::Volume }, "web-1 b another-checksum");
        let findings = judge(&CHECK, &notes.history());
        let broken: Vec<_> = findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            broken,
            ["web-1 came back with its claim www-web-1 and does not find there what it wrote"]
        );
    }

    #[test]
    fn what_the_returned_pod_wrote_itself_proves_nothing() {
        let new = "token web-1 volume new; tokens web-1 volume -> web-1 new; completed";
        assert_blind(&CHECK, &cycle(new), "is not known");
    }

    #[test]
    fn the_volume_was_emptied() {
        assert_broken(&CHECK, &cycle("tokens web-1 volume ->"), "does not find there what it wrote");
    }

    #[test]
    fn a_gap_hides_what_became_of_a_claim() {
        let history = format!("{UP}{DOWN}gap persistentvolumeclaims; {BACK}tokens web-1 volume -> web-1 b");
        assert_blind(&CHECK, &history, "gap");
    }

    #[test]
    fn the_returning_ordinal_was_not_asked() {
        assert_blind(&CHECK, &cycle("aborted"), "was not asked for its data");
    }

    #[test]
    fn a_read_that_failed() {
        assert_blind(&CHECK, &cycle("tokens web-1 volume -> fails"), "is not known");
    }

    #[test]
    fn a_claim_that_waits_is_no_evidence_without_a_sign_of_life() {
        assert_silent(&CHECK, &format!("{UP}scale 2; web-2 terminating; web-2 deleted; completed"));
    }
}
