//! `pvc-reattach`: a recreated pod gets the claim and the volume that its predecessor had.

use super::claims::{self, ClaimLife};
use crate::{
    checks::{Check, Findings},
    history::{CLAIM_TEMPLATE, History, PodLife},
};

/// Judges `specs/storage/pvc-reattach.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-reattach", judge };

fn judge(history: &History, findings: &mut Findings) {
    let (pods, claims) = (history.pods(), claims::fold(history));
    let mut kept = true;
    for claim in claims.values().flatten().filter(|claim| claims::ordinal(claim.name).is_some()) {
        if let Some(ended) = claim.ended {
            kept = false;
            findings.broken(
                format!("the claim {} was deleted, and only pods were asked to be", claim.name),
                &[claim.first().event, ended],
            );
        }
    }
    for pod in pods.iter().filter(|pod| pod.ordinal.is_some()) {
        let predecessor = pods.before(pod.name, pod.birth().seq).next();
        if let Some(predecessor) = predecessor.filter(|_| kept) {
            reattached(history, findings, (predecessor, pod), &claims);
        }
    }
}

/// The claim that a pod's volume `www` is.
fn used<'h>(pod: &PodLife<'h>) -> Option<&'h str> {
    pod.claims().into_iter().find(|(volume, _)| *volume == CLAIM_TEMPLATE).map(|(_, claim)| claim)
}

/// One recreated pod, against its predecessor.
fn reattached(
    history: &History,
    findings: &mut Findings,
    (before, pod): (&PodLife<'_>, &PodLife<'_>),
    claims: &std::collections::BTreeMap<&str, Vec<ClaimLife<'_>>>,
) {
    let (name, born) = (pod.name, pod.birth());
    let Some(own) = used(before) else { return };
    if used(pod) != Some(own) {
        let now = used(pod).unwrap_or("none");
        return findings.broken(
            format!("{name} used the claim {own}, and the pod that replaced it uses {now}"),
            &[before.birth(), born],
        );
    }
    match claims.get(own).map(Vec::as_slice) {
        None | Some([]) => findings.blind(format!("the claim {own} of {name} was never seen"), &[born]),
        Some([claim]) => same_volume(history, findings, pod, claim),
        Some([first, .., last]) => findings.broken(
            format!("the claim {own} of {name} was replaced by a new one of that name"),
            &[first.first().event, last.first().event],
        ),
    }
}

/// One claim was there all the time: was it bound to one volume?
fn same_volume(history: &History, findings: &mut Findings, pod: &PodLife<'_>, claim: &ClaimLife<'_>) {
    let (name, own) = (pod.name, claim.name);
    let Some(bound) = claim.bound else {
        return findings.blind(format!("the claim {own} was not seen to be bound"), &[claim.last().event]);
    };
    if let Some(rebound) = claim.rebound {
        return findings.broken(
            format!("the claim {own} was bound to another volume than before"),
            &[bound.event, rebound.event],
        );
    }
    if let Some(gap) = claim.lost_sight(history) {
        return findings
            .blind(format!("what became of the claim {own} fell into a gap of the watch"), &[gap]);
    }
    match pod.first_ready() {
        Some(ready) => findings.held(
            format!(
                "{name} came back with its claim {own} and the volume {}",
                claim.volume().unwrap_or_default()
            ),
            &[bound.event, pod.birth(), ready],
        ),
        // Another took its place: that one counts.
        None if pod.deleted().is_some() => {}
        None => {
            findings.blind(format!("{name} came back and was never ready on its claim {own}"), &[pod.birth()])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
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
        assert_held(&CHECK, &after("web-0 created; web-0 ready; completed"), 1);
    }

    #[test]
    fn a_pod_that_was_not_deleted_is_no_evidence() {
        assert_silent(&CHECK, "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; completed");
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
        assert_eq!((findings.held, findings.findings.len()), (1, 1), "{findings:#?}");
    }

    #[test]
    fn an_incarnation_that_failed_at_once_is_passed_over() {
        let history =
            after("web-0 created; web-0 failed; web-0 deleted; web-0 created; web-0 ready; completed");
        assert_held(&CHECK, &history, 1);
    }

    #[test]
    fn a_pod_that_never_gets_ready_shows_nothing() {
        assert_blind(&CHECK, &after("web-0 created; aborted"), "never ready");
    }
}
