//! `pvc-bound-distinct`: every claim is bound to a volume of its own, and no pod sees what another wrote.

use std::collections::BTreeMap;

use super::{
    claims::{self, ClaimLife},
    tokens::{self, Read, Writes},
};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, Place, PodLife},
};

/// Judges `specs/storage/pvc-bound-distinct.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-bound-distinct", judge };

fn judge(history: &History, findings: &mut Findings) {
    let (pods, claims) = (history.pods(), claims::fold(history));
    for lives in claims.values().filter(|lives| claims::ordinal(lives[0].name).is_some()) {
        let claim = lives.last().expect("a name has a life");
        if claim.bound.is_none() {
            unbound(history, findings, claim, &pods);
        }
    }
    distinct(findings, claims.values().flatten());
    let writes = tokens::writes(history, Place::Volume);
    for read in tokens::reads(history, Place::Volume) {
        sees_its_own(findings, &writes, &read);
    }
}

/// A claim that was never bound, although its pod became ready.
fn unbound(history: &History, findings: &mut Findings, claim: &ClaimLife<'_>, pods: &[PodLife<'_>]) {
    let users = pods.iter().filter(|pod| claims::name_for(pod.name) == claim.name && claims::are_used(pod));
    let Some((pod, ready)) = users.filter_map(|pod| Some((pod.name, pod.first_ready()?))).next() else {
        return;
    };
    let events = [claim.last().event, ready];
    if claims::unseen(history).is_some() || !history.is_completed() {
        return findings
            .blind(format!("{} was not seen to be bound before the record ends", claim.name), &events);
    }
    findings.broken(format!("{pod} became ready, and its claim {} was never bound", claim.name), &events);
}

/// No two claims are bound to one volume at a time.
fn distinct<'c, 'h: 'c>(findings: &mut Findings, claims: impl Iterator<Item = &'c ClaimLife<'h>>) {
    let bound = claims.filter_map(|claim| Some((claim, claim.bound?.event)));
    let mut bound: Vec<(&ClaimLife<'_>, &Event)> = bound.collect();
    bound.sort_by_key(|(_, event)| event.seq);
    let mut holders: BTreeMap<&str, (&ClaimLife<'_>, &Event)> = BTreeMap::new();
    for (claim, event) in bound {
        let Some(volume) = claim.volume().filter(|volume| !volume.is_empty()) else {
            findings.broken(format!("{} is Bound and names no volume", claim.name), &[event]);
            continue;
        };
        let before = holders.insert(volume, (claim, event));
        let still_held = before.filter(|(holder, _)| {
            holder.name != claim.name && holder.removed().is_none_or(|removed| event.comes_before(removed))
        });
        match still_held {
            Some((holder, held)) => findings.broken(
                format!("{} and {} are both bound to the volume {volume}", holder.name, claim.name),
                &[held, event],
            ),
            None => {
                findings.held(format!("{} was bound to {volume}, and nothing else was", claim.name), &[event])
            }
        }
    }
}

/// One look at a volume: the pod's own token, and nobody else's.
fn sees_its_own(findings: &mut Findings, writes: &Writes<'_>, read: &Read<'_>) {
    let (pod, own) = (read.pod, writes.own(read));
    let Some(found) = &read.found else {
        return findings.blind(format!("what is on the volume of {pod} could not be read"), &[read.event]);
    };
    if let Some(sibling) = writes.of_siblings(read) {
        return findings.broken(
            format!("{pod} finds on its volume the token that {} wrote to its own", sibling.pod),
            &[sibling.event, read.event],
        );
    }
    if let Some(stranger) = found.iter().find(|found| found.writer != pod) {
        return findings.blind(
            format!("{pod} finds a token of a {} that nothing in this scenario wrote", stranger.writer),
            &[read.event],
        );
    }
    let Some(own) = own.filter(|own| own.checksum.is_some()) else {
        return findings.blind(format!("{pod} has written no token that it could find"), &[read.event]);
    };
    let events = [own.event, read.event];
    let is_there = tokens::found_as_own(read).is_some_and(|found| found.token == own.token);
    if is_there {
        findings.held(format!("{pod} finds its own token on its volume, and no other"), &events);
    } else if own.uid == read.uid {
        findings.broken(format!("{pod} wrote a token to its volume and does not find it there"), &events);
    }
    // A token that is gone after the pod was recreated is the business of data-survives-recreate.
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent};

    const BOUND: &str = "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
         www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready; ";
    const WRITTEN: &str = "token web-0 volume a; token web-1 volume b; ";

    #[test]
    fn each_with_a_volume_and_a_token_of_its_own() {
        let history = format!(
            "{BOUND}{WRITTEN}tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b; completed"
        );
        assert_held(&CHECK, &history, 4);
    }

    #[test]
    fn more_versions_of_a_bound_claim_change_nothing() {
        assert_held(&CHECK, "www-web-0 claimed; www-web-0 bound; www-web-0 bound; completed", 1);
    }

    #[test]
    fn one_volume_for_two_claims() {
        let history = "www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed; www-web-1 bound pv-x";
        assert_broken(&CHECK, history, "www-web-0 and www-web-1 are both bound to the volume pv-x");
    }

    #[test]
    fn one_volume_for_two_claims_until_the_first_goes() {
        let history = "www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed; www-web-1 bound pv-x; \
             www-web-0 unclaimed";
        assert_broken(&CHECK, history, "www-web-0 and www-web-1 are both bound to the volume pv-x");
    }

    #[test]
    fn a_claim_waits_for_its_own_pod_and_for_no_other() {
        let other =
            "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; www-web-1 claimed; completed";
        assert_held(&CHECK, other, 1);
    }

    #[test]
    fn what_is_written_in_the_container_is_not_looked_for_on_the_volume() {
        let inside = "token web-0 container c; tokens web-0 volume -> web-0 a; completed";
        assert_held(&CHECK, &format!("{BOUND}{WRITTEN}{inside}"), 3);
    }

    #[test]
    fn a_volume_that_was_given_back_may_be_given_out_again() {
        let history = "www-web-0 claimed; www-web-0 bound pv-x; www-web-0 unclaimed; \
             www-web-1 claimed; www-web-1 bound pv-x";
        assert_held(&CHECK, history, 2);
    }

    #[test]
    fn one_directory_behind_two_volumes() {
        let history = format!("{BOUND}{WRITTEN}tokens web-0 volume -> web-0 a, web-1 b");
        assert_broken(&CHECK, &history, "web-0 finds on its volume the token that web-1 wrote");
    }

    #[test]
    fn a_pod_that_does_not_find_what_it_wrote() {
        let history = format!("{BOUND}{WRITTEN}tokens web-0 volume ->");
        assert_broken(&CHECK, &history, "does not find it there");
    }

    #[test]
    fn a_ready_pod_with_an_unbound_claim() {
        let history = "www-web-0 claimed; web-0 created; web-0 ready; completed";
        assert_broken(&CHECK, history, "its claim www-web-0 was never bound");
    }

    #[test]
    fn a_claim_may_wait_for_its_pod() {
        assert_silent(&CHECK, "www-web-0 claimed; web-0 created; completed");
    }

    #[test]
    fn the_record_ends_before_the_binding() {
        assert_blind(
            &CHECK,
            "www-web-0 claimed; web-0 created; web-0 ready; aborted",
            "before the record ends",
        );
    }

    #[test]
    fn a_gap_hides_the_binding() {
        let history = "www-web-0 claimed; web-0 created; gap persistentvolumeclaims; web-0 ready; completed";
        assert_blind(&CHECK, history, "not seen to be bound");
    }

    #[test]
    fn a_read_that_failed() {
        let history = format!("{BOUND}{WRITTEN}tokens web-0 volume -> fails");
        assert_blind(&CHECK, &history, "could not be read");
    }

    #[test]
    fn a_token_from_before_the_scenario() {
        let history = format!("{BOUND}{WRITTEN}tokens web-0 volume -> web-0 a, web-1 old");
        assert_blind(&CHECK, &history, "nothing in this scenario wrote");
    }
}
