//! `pvc-bound-distinct`: every claim is bound to a volume of its own, and no pod sees what another wrote.
//!
//! The order of bindings and removals is that of the one watch of claims. That a claim never was bound is decided at the end
//! of the record, because the watch may be late.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Place},
    views::{
        ClaimDeletions, ClaimLife, Claims, Dimension, PodLife, Set, View, claims,
        tokens::{Read, ReadBack, Tokens, Write},
    },
};

/// Judges `specs/storage/pvc-bound-distinct.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-bound-distinct", judge };

/// The claim of each pod that became ready was bound.
const BOUND: &str = "bound";
/// No other claim was bound to its volume at the same time.
const DISTINCT: &str = "distinct";
/// Each pod finds on its volume what it wrote, and nothing that a sibling wrote.
const OWN_DATA: &str = "own-data";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let mut namespaces = BTreeSet::new();
    for set in view.sets() {
        for pod in claims::users(view, set) {
            are_bound(set, findings, pod);
        }
        if namespaces.insert(set.namespace) {
            distinct(set, findings);
        }
        let (tokens, deletions) = (Tokens::of(view, set, Place::Volume), ClaimDeletions::of(view, set));
        for read in tokens.reads() {
            finds_its_own(set, findings, (&tokens, &deletions), read);
        }
    }
}

/// The claims of a pod that became ready were bound.
fn are_bound(set: &Set<'_>, findings: &mut Findings, pod: &PodLife<'_>) {
    let Some(ready) = pod.first_ready() else { return };
    let (claims, pod_name) = (set.claims(), set.key(pod.name));
    for (_, claim) in claims.of_pod(pod) {
        let (_, there) = claims.gone_and_others(claim, pod.birth());
        let Some(last) = there.last() else { continue };
        let name = set.key(claim);
        let say = findings.on(BOUND).of(Dimension::Claim, name.as_str());
        if let Some(bound) = there.iter().find_map(ClaimLife::delivered_bound) {
            say.held(format!("{name} was bound, and {pod_name} was ready"), &[bound.event, ready]);
        } else if let Some(listed) = there.iter().find_map(ClaimLife::bound) {
            let what = format!("when {name} was bound fell into a gap of the watch of claims");
            say.blind(Cause::Gap, what, &[listed.event, ready]);
        } else if let Some((doubt, why, event)) = claims.not_all_seen() {
            let what = format!("{name} was not seen to be bound before the record ends: {why}");
            say.blind(doubt.into(), what, &[last.last().event, event]);
        } else {
            let what = format!("{pod_name} became ready, and its claim {name} was never bound");
            say.broken(what, &[last.last().event, ready]);
        }
    }
}

/// No two claims of a namespace are bound to one volume at a time.
fn distinct(set: &Set<'_>, findings: &mut Findings) {
    let claims = set.claims();
    let mut bound: Vec<(&ClaimLife<'_>, &Event)> =
        claims.all().filter_map(|claim| Some((claim, claim.bound()?.event))).collect();
    bound.sort_by_key(|(_, event)| event.seq);
    let mut holders: BTreeMap<&str, (&ClaimLife<'_>, &Event)> = BTreeMap::new();
    for (claim, event) in bound {
        let name = set.key(claim.name);
        let say = findings.on(DISTINCT).of(Dimension::Claim, name.as_str());
        let Some(volume) = claim.volume() else {
            say.broken(format!("{name} is Bound and names no volume"), &[event]);
            continue;
        };
        let before = holders.insert(volume, (claim, event)).filter(|(holder, _)| holder.name != claim.name);
        let still_held = before.filter(|(holder, _)| is_bound_at(holder, event));
        match still_held {
            Some((holder, held)) => {
                let what =
                    format!("{} and {name} are both bound to the volume {volume}", set.key(holder.name));
                match hidden(claims, holder, event) {
                    Some(gap) => {
                        say.blind(Cause::Gap, format!("{what}, as far as the watch shows"), &[gap, event])
                    }
                    None => say.broken(what, &[held, event]),
                }
            }
            None => match (claims.lost_sight(claim), claim.delivered_bound()) {
                (None, Some(bound)) => {
                    let what = format!("{name} was bound to {volume}, and nothing else was");
                    say.held(what, &[bound.event]);
                }
                (gap, _) => {
                    let what =
                        format!("whether nothing else was bound to the volume of {name} fell into a gap");
                    say.blind(Cause::Gap, what, &[gap.map_or(event, |gap| gap.shown_by), event]);
                }
            },
        }
    }
}

/// Whether a claim was there and bound, as far as the watch shows. One whose volume is gone is `Lost`.
fn is_bound_at(claim: &ClaimLife<'_>, event: &Event) -> bool {
    let known = claim.versions.partition_point(|version| version.event.seq < event.seq);
    let phase = claim.versions[..known].last().and_then(|last| last.what.text("/status/phase"));
    phase == Some("Bound") && claim.gone().is_none_or(|gone| event.comes_before(gone))
}

/// A gap that may hide that a claim was gone when another was seen to be bound.
fn hidden<'h>(claims: &Claims<'h>, holder: &ClaimLife<'h>, bound: &Event) -> Option<&'h Event> {
    let known = holder.versions.partition_point(|version| version.event.seq < bound.seq);
    let last = holder.versions[known.saturating_sub(1)];
    let later = holder.versions.get(known).filter(|later| !later.change.is_removal());
    let gap = claims.hidden_after(last, bound).filter(|_| later.is_none());
    gap.map(|gap| gap.shown_by)
}

/// One look at a volume: the pod's own token, and nobody else's.
fn finds_its_own<'h>(
    set: &Set<'h>,
    findings: &mut Findings,
    (tokens, deletions): (&Tokens<'h>, &ClaimDeletions<'_, 'h>),
    read: &Read<'h>,
) {
    let pod = set.key(read.pod);
    let say = findings.on(OWN_DATA).pod(pod.as_str());
    // A volume that was given back may be handed out with what was on it.
    let taken = |write: &Write<'h>| deletions.unsettled_for(&[read.uid, write.uid], write.event, read.event);
    match tokens.read_back(read) {
        ReadBack::Unknown(doubt, why) => say.blind(doubt.into(), why, &[read.event]),
        ReadBack::OfSibling(write) => {
            let what =
                format!("{pod} finds on its volume the token that {} wrote to its own", set.key(write.pod));
            match taken(write) {
                Some(deletion) => {
                    let what = format!("{what}, but {}", deletion.why());
                    say.blind(Cause::Surroundings, what, &[deletion.event, read.event]);
                }
                None => say.broken(what, &[write.event, read.event]),
            }
        }
        // A token that is gone after the pod was recreated is the business of data-survives-recreate.
        ReadBack::Changed(write, _) if write.uid != read.uid || taken(write).is_some() => {}
        ReadBack::Changed(write, difference) => {
            let what = format!("{pod} wrote a token to its volume and does not find it there: {difference}");
            say.broken(what, &[write.event, read.event]);
        }
        ReadBack::Same(write) => match tokens.stranger(read) {
            Some(stranger) => {
                let what = format!(
                    "{pod} finds a token of a {} that nothing in this scenario wrote",
                    stranger.writer
                );
                say.blind(Cause::Surroundings, what, &[read.event]);
            }
            None if !tokens.has_siblings(read) => {}
            None => {
                let what = format!("{pod} finds its own token on its volume, and no other");
                say.held(what, &[write.event, read.event]);
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        history::Resource,
    };

    const BOUND: &str = "set replicas=2; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
         www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready; ";
    const WRITTEN: &str = "token web-0 volume a; token web-1 volume b; ";

    #[test]
    fn each_with_a_volume_and_a_token_of_its_own() {
        let history = format!(
            "{BOUND}{WRITTEN}tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b; completed"
        );
        assert_held(&CHECK, &history, 6);
    }

    #[test]
    fn more_versions_of_a_bound_claim_change_nothing() {
        assert_held(
            &CHECK,
            "set replicas=2; www-web-0 claimed; www-web-0 bound; www-web-0 bound; completed",
            1,
        );
    }

    #[test]
    fn one_volume_for_two_claims() {
        let history = "set replicas=2; www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed; www-web-1 bound pv-x";
        assert_broken(&CHECK, history, "www-web-0 and www-web-1 are both bound to the volume pv-x");
    }

    #[test]
    fn one_volume_for_two_claims_until_the_first_goes() {
        let history = "set replicas=2; www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed; www-web-1 bound pv-x; \
             www-web-0 unclaimed";
        assert_broken(&CHECK, history, "www-web-0 and www-web-1 are both bound to the volume pv-x");
    }

    #[test]
    fn a_claim_waits_for_its_own_pod_and_for_no_other() {
        let other = "set replicas=2; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; www-web-1 claimed; completed";
        assert_held(&CHECK, other, 2);
    }

    #[test]
    fn what_is_written_in_the_container_is_not_looked_for_on_the_volume() {
        let inside = "token web-0 container c; tokens web-0 volume -> web-0 a; completed";
        assert_held(&CHECK, &format!("{BOUND}{WRITTEN}{inside}"), 5);
    }

    #[test]
    fn a_volume_that_was_given_back_may_be_given_out_again() {
        let history = "set replicas=2; www-web-0 claimed; www-web-0 bound pv-x; www-web-0 unclaimed; \
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
        let history = "set replicas=2; www-web-0 claimed; web-0 created; web-0 ready; completed";
        assert_broken(&CHECK, history, "its claim www-web-0 was never bound");
    }

    #[test]
    fn a_claim_may_wait_for_its_pod() {
        assert_silent(&CHECK, "set replicas=2; www-web-0 claimed; web-0 created; completed");
    }

    #[test]
    fn the_record_ends_before_the_binding() {
        assert_blind(
            &CHECK,
            "set replicas=2; www-web-0 claimed; web-0 created; web-0 ready; aborted",
            "before the record ends",
        );
    }

    #[test]
    fn a_gap_hides_the_binding() {
        let history = "set replicas=2; www-web-0 claimed; web-0 created; gap persistentvolumeclaims; web-0 ready; completed";
        assert_blind(&CHECK, history, "not seen to be bound");
    }

    #[test]
    fn a_claims_watch_that_is_four_seconds_behind_fails_nothing() {
        let late = "set replicas=1; www-web-0 claimed; web-0 created; web-0 ready; wait 4s; www-web-0 bound; completed";
        assert_held(&CHECK, late, 2);
    }

    #[test]
    fn the_claims_of_each_incarnation_of_a_pod_must_be_bound() {
        let again = "set replicas=1; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; delete www-web-0; \
             delete web-0; web-0 deleted; www-web-0 unclaimed; wait 9s; www-web-0 claimed; web-0 created; web-0 ready; \
             completed";
        // The binding of the new claim may be missing because the pod used the old one: the watches have no order.
        assert_held(&CHECK, again, 3);
        let bookmarks = again.replace("wait 9s;", "wait 9s; bookmark persistentvolumeclaims; bookmark pods;");
        assert_broken(&CHECK, &bookmarks, "web-0 became ready, and its claim www-web-0 was never bound");
    }

    #[test]
    fn a_claim_that_lost_its_volume_does_not_hold_it() {
        let mut notes =
            Notes::new().say("set replicas=2; www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed");
        notes.modify(Resource::PersistentVolumeClaims, "www-web-0", |claim| {
            claim["status"]["phase"] = json!("Lost")
        });
        let findings = judge(&CHECK, &notes.say("www-web-1 bound pv-x; completed").history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{findings:#?}");
    }

    #[test]
    fn a_gap_may_hide_that_a_volume_was_given_back() {
        let given = "set replicas=2; www-web-0 claimed; www-web-0 bound pv-x; www-web-1 claimed; gap persistentvolumeclaims;";
        let hidden = format!("{given} www-web-1 bound pv-x; completed");
        assert_blind(&CHECK, &hidden, "both bound to the volume pv-x, as far as the watch shows");
        let shown = format!("{given} www-web-0 listed-again; www-web-1 listed-again; www-web-1 bound pv-x");
        assert_broken(&CHECK, &shown, "are both bound to the volume pv-x");
        let back =
            format!("{given} www-web-0 unlisted; www-web-1 listed-again; www-web-1 bound pv-x; completed");
        assert_held(&CHECK, &back, 2);
    }

    #[test]
    fn a_gap_hides_what_else_was_bound() {
        let open = format!("{BOUND} error persistentvolumeclaims; set replicas=2; completed");
        assert_blind(&CHECK, &open, "whether nothing else was bound to the volume of www-web-0");
    }

    #[test]
    fn a_volume_that_the_scenario_gave_back_may_be_handed_out_with_what_was_on_it() {
        let swapped = format!(
            "{BOUND}{WRITTEN} delete www-web-1; scale 0; web-1 deleted; web-0 deleted; www-web-1 unclaimed; scale 1; \
             web-0 created; web-0 ready; tokens web-0 volume -> web-0 a, web-1 b; completed"
        );
        assert_blind(&CHECK, &swapped, "but the scenario itself deleted the claim");
    }

    #[test]
    fn a_look_before_any_sibling_wrote_shows_nothing() {
        let alone = format!("{BOUND} token web-0 volume a; tokens web-0 volume -> web-0 a; completed");
        assert_held(&CHECK, &alone, 4);
    }

    #[test]
    fn claims_in_two_namespaces_are_each_namespaces_own() {
        let two = "set replicas=1; www-web-0 claimed; www-web-0 bound pv-x; web-0 created; web-0 ready; in other; \
             set replicas=1; www-web-0 claimed; www-web-0 bound pv-y; web-0 created; web-0 ready; completed";
        assert_held(&CHECK, two, 4);
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
