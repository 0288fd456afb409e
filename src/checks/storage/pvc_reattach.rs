//! `pvc-reattach`: a recreated pod gets the claim and the volume that its predecessor had.

use super::say_reattached;
use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Gap},
    views::{ClaimDeletions, ClaimLife, Dimension, PodLife, Set, View, claims, reattach::reattached},
};

/// Judges `specs/storage/pvc-reattach.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-reattach", judge };

/// Each claim is kept, whatever becomes of the pods.
const KEPT: &str = "kept";
/// Each recreated pod has the claims and the volumes that its predecessor had.
const SAME: &str = "same";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let deletions = ClaimDeletions::of(view, set);
        let lost = last_lost(view, set);
        for claim in set.claims().own() {
            let lost = lost.filter(|lost| claim.first().event.comes_before(lost));
            is_kept(set, findings, &deletions, claim, lost);
        }
        for pod in claims::users(view, set) {
            let Some(before) = set.pods().predecessor(pod) else { continue };
            let name = set.key(pod.name);
            let say = findings.on(SAME).of(Dimension::Recreated, name.as_str());
            let found = reattached(view, set, &deletions, before, pod);
            say_reattached(say, found, format!("{name} came back with its claims and their volumes"));
        }
    }
}

/// A gap that may hide what became of a claim, or that it is not the first of its name since there was a pod for it.
fn hidden<'h>(set: &Set<'h>, claim: &ClaimLife<'h>) -> Option<Gap<'h>> {
    let pod = set.claims().read(claim.name).map(|(_, ordinal)| format!("{}-{ordinal}", set.name));
    let since = pod.and_then(|pod| Some(set.pods().named(&pod).next()?.birth()));
    let before = since.and_then(|since| set.claims().hidden_before(claim, since));
    set.claims().lost_sight(claim).or(before)
}

/// When the last pod of the set was seen to go. A claim that was there before that was tried.
fn last_lost<'h>(view: &View<'h>, set: &Set<'h>) -> Option<&'h Event> {
    let gone = set.pods().iter().filter_map(PodLife::deleted);
    gone.filter(|gone| gone.seq <= view.ended().seq).max_by_key(|gone| gone.seq)
}

/// A claim stays until the end, or until something deletes it that may.
fn is_kept<'h>(
    set: &Set<'h>,
    findings: &mut Findings,
    deletions: &ClaimDeletions<'_, 'h>,
    claim: &ClaimLife<'h>,
    lost: Option<&Event>,
) {
    let (name, first) = (set.key(claim.name), claim.first().event);
    let is_last = set.claims().named(claim.name).last().is_some_and(|last| last.uid == claim.uid);
    let say = findings.on(KEPT).of(Dimension::Claim, name.as_str());
    match (claim.ended(), deletions.explain(claim)) {
        (Some(_), Some(deletion)) if is_last => {
            let what = format!("the claim {name} had not to be kept: {}", deletion.why());
            say.blind(Cause::NotReached, what, &[first, deletion.event]);
        }
        (Some(_), Some(_)) => {}
        (Some(ended), None) => {
            let what = format!("the claim {name} was deleted or replaced, and nothing asked for that");
            say.broken(what, &[first, ended]);
        }
        (None, _) => match (hidden(set, claim), lost) {
            (Some(gap), _) => {
                let what = format!("what became of the claim {name} fell into a gap of the watch");
                say.blind(Cause::Gap, what, &[first, gap.shown_by]);
            }
            (None, Some(lost)) => {
                say.held(format!("the claim {name} was kept when pods went"), &[first, lost])
            }
            (None, None) => {}
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Change, Resource},
    };

    const BEFORE: &str = "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
         delete web-0; web-0 terminating; web-0 deleted; ";

    fn after(statements: &str) -> String {
        format!("{BEFORE}{statements}")
    }

    #[test]
    fn the_same_claim_and_volume() {
        assert_held(&CHECK, &after("web-0 created; web-0 ready; completed"), 2);
    }

    #[test]
    fn a_pod_that_was_not_deleted_is_no_evidence() {
        assert_silent(&CHECK, "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; completed");
    }

    #[test]
    fn a_claim_that_goes_although_no_pod_was_deleted() {
        assert_broken(
            &CHECK,
            "www-web-0 claimed; web-0 created; web-0 ready; www-web-0 claim-terminating; completed",
            "was deleted",
        );
    }

    #[test]
    fn the_claim_goes_with_the_pod() {
        let history =
            after("www-web-0 claim-terminating; www-web-0 unclaimed; www-web-0 claimed; web-0 created");
        assert_broken(&CHECK, &history, "the claim www-web-0 was deleted");
    }

    #[test]
    fn the_claim_is_doomed_and_held_only_by_the_new_pod() {
        let history = after("web-0 created; web-0 ready; www-web-0 claim-terminating; completed");
        assert_broken(&CHECK, &history, "the claim www-web-0 was deleted");
    }

    #[test]
    fn the_claim_was_replaced_in_a_gap() {
        let claims = Resource::PersistentVolumeClaims;
        let mut notes = Notes::new().say(BEFORE).say("gap persistentvolumeclaims");
        let mut claim = notes.present(claims, "www-web-0");
        claim["metadata"]["uid"] = json!("uid-9");
        notes.object(claims, Change::Listed, claim);
        let findings = judge(&CHECK, &notes.say("web-0 created; web-0 ready; completed").history());
        assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains("replaced")), "{findings:#?}");
    }

    #[test]
    fn the_claim_got_another_volume() {
        let history = after("web-0 created; www-web-0 bound pv-other; web-0 ready; completed");
        assert_broken(&CHECK, &history, "bound to another volume");
    }

    #[test]
    fn a_new_claim_for_each_incarnation() {
        let mut notes = Notes::new().say(BEFORE).say("web-0 created");
        let mut pod = notes.present(Resource::Pods, "web-0");
        pod["metadata"]["uid"] = json!("uid-9");
        pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = json!("www-web-0-9");
        notes.object(Resource::Pods, Change::Added, pod);
        let findings = judge(&CHECK, &notes.say("web-0 ready; completed").history());
        assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains("uses www-web-0-9")), "{findings:#?}");
    }

    #[test]
    fn a_gap_hides_the_end() {
        assert_blind(&CHECK, &after("web-0 created; gap persistentvolumeclaims; web-0 ready"), "gap");
    }

    #[test]
    fn a_claim_that_is_listed_again_after_a_gap_is_the_same() {
        let claims = Resource::PersistentVolumeClaims;
        let mut notes = Notes::new().say(BEFORE).say("gap persistentvolumeclaims");
        let claim = notes.present(claims, "www-web-0");
        notes.object(claims, Change::Listed, claim);
        let findings = judge(&CHECK, &notes.say("web-0 created; web-0 ready; completed").history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{findings:#?}");
    }

    #[test]
    fn an_incarnation_that_failed_at_once_is_passed_over() {
        let history =
            after("web-0 created; web-0 failed; web-0 deleted; web-0 created; web-0 ready; completed");
        assert_held(&CHECK, &history, 2);
    }

    #[test]
    fn a_pod_that_never_gets_ready_shows_nothing() {
        assert_blind(&CHECK, &after("web-0 created; aborted"), "never ready");
    }

    #[test]
    fn a_mute_claims_watch_does_not_pass() {
        let mut notes = Notes::new().say(BEFORE).say("web-0 created; web-0 ready");
        notes.forget(Resource::PersistentVolumeClaims, "www-web-0");
        let findings = judge(&CHECK, &notes.say("completed").history());
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (0, 2), "{findings:#?}");
        assert!(findings.of_kind(Kind::Blind).all(|blind| blind.cause == Some(Cause::Gap)));
    }

    #[test]
    fn a_claim_that_was_renewed_in_a_gap_does_not_pass() {
        let renewed = "web-0 created; gap persistentvolumeclaims; web-0 ready; delete web-0; web-0 deleted; opened persistentvolumeclaims; \
             www-web-0 claimed; www-web-0 bound; web-0 created; web-0 ready; completed";
        let findings = judge(&CHECK, &Notes::new().say(renewed).history());
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (0, 2), "{findings:#?}");
    }

    #[test]
    fn what_the_scenario_does_to_claims_is_no_violation() {
        let asked = after(
            "delete www-web-0; www-web-0 unclaimed; www-web-0 claimed; web-0 created; web-0 ready; completed",
        );
        assert_blind(&CHECK, &asked, "had not to be kept: the scenario itself deleted the claim");
        let in_use =
            after("web-0 created; web-0 ready; delete www-web-0; www-web-0 claim-terminating; completed");
        let findings = judge(&CHECK, &Notes::new().say(&in_use).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        assert!(
            findings.evidence.iter().any(|it| it.clause == super::SAME),
            "it came back before that: {findings:#?}"
        );
        let before =
            after("www-web-0 unclaimed; www-web-0 claimed; web-0 created; delete www-web-0; completed");
        assert_broken(&CHECK, &before, "the claim www-web-0 was deleted or replaced");
    }

    #[test]
    fn a_retention_policy_of_the_set_may_delete_claims() {
        let scaled = |policy: &str| {
            let mut notes = Notes::new().say("set replicas=2");
            notes.modify(Resource::StatefulSets, "web", |set| {
                set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": policy});
            });
            let notes = notes.say(
                "www-web-1 claimed; web-1 created; web-1 ready; scale 1; web-1 terminating; web-1 deleted",
            );
            judge(&CHECK, &notes.say("www-web-1 claim-terminating; www-web-1 unclaimed; completed").history())
        };
        assert_eq!(scaled("Delete").of_kind(Kind::Broken).count(), 0);
        assert_eq!(scaled("Retain").of_kind(Kind::Broken).count(), 1);
    }

    #[test]
    fn a_pod_whose_volume_lies_on_a_cordoned_node_is_not_lost() {
        let mut notes = Notes::new().say(BEFORE).say("web-0 created");
        notes.modify(Resource::Pods, "web-0", |pod| {
            let message = "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had volume node affinity conflict.";
            pod["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "message": message}]);
        });
        let findings = judge(&CHECK, &notes.say("timed-out pods-ready web-0; aborted").history());
        let blind: Vec<_> = findings.of_kind(Kind::Blind).collect();
        assert!(blind.len() == 1 && blind[0].cause == Some(Cause::Surroundings), "{findings:#?}");
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn the_clean_up_deletes_what_it_likes() {
        let cleaned = after(
            "web-0 created; web-0 ready; completed; www-web-0 claim-terminating; web-0 deleted; www-web-0 unclaimed",
        );
        assert_held(&CHECK, &cleaned, 2);
    }

    #[test]
    fn a_late_claims_watch_fails_nothing() {
        let late = "web-0 created; web-0 ready; delete web-0; web-0 deleted; web-0 created; web-0 ready; wait 4s; \
             www-web-0 claimed; www-web-0 bound; completed";
        let findings = judge(&CHECK, &Notes::new().say(late).history());
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
    }

    #[test]
    fn another_namespace_is_judged_by_its_own_claims() {
        let both = format!(
            "{BEFORE} web-0 created; web-0 ready; in other; {BEFORE} www-web-0 unclaimed; web-0 created; completed"
        );
        assert_broken(&CHECK, &both, "the claim other/www-web-0 was deleted");
        let held = both.replace("www-web-0 unclaimed; web-0 created;", "web-0 created; web-0 ready;");
        assert_held(&CHECK, &held, 4);
    }
}
