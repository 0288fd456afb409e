//! `pvc-naming`: each pod's claim is called `<template>-<set>-<ordinal>`, and no other claim is made.

use super::claims::{self, ClaimLife};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, PodLife, Resource},
};

/// Judges `specs/storage/pvc-naming.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-naming", judge };

fn judge(history: &History, findings: &mut Findings) {
    let claims = claims::fold(history);
    let has_template = claims::template(history).is_some();
    for pod in history.pods().iter().filter(|pod| pod.ordinal.is_some()) {
        if let Some(ready) = pod.first_ready() {
            let of_pod = claims.get(claims::name_for(pod.name).as_str()).and_then(|lives| lives.first());
            let uses_claims = has_template || claims::are_used(pod);
            has_its_claim(history, findings, (pod, uses_claims), of_pod, ready);
        }
    }
    let Some(set) = history.set().next() else { return };
    let labels = claims::selector(&set);
    let replicas = history.set().filter_map(|set| set.number("/spec/replicas")).max().unwrap_or_default();
    for claim in claims.values().flatten() {
        let first = claim.first();
        if !labels.is_empty() && labels.iter().all(|(key, value)| first.label(key) == Some(value)) {
            is_called_right(history, findings, claim, replicas, set.event);
        }
    }
}

/// A pod that became ready had a claim of the right name.
fn has_its_claim(
    history: &History,
    findings: &mut Findings,
    (pod, uses_claims): (&PodLife<'_>, bool),
    claim: Option<&ClaimLife<'_>>,
    ready: &Event,
) {
    let name = claims::name_for(pod.name);
    match (claim, claims::unseen(history)) {
        (Some(claim), _) => {
            findings.held(format!("{} had the claim {name}", pod.name), &[claim.first().event, ready]);
        }
        (None, _) if !uses_claims => {}
        (None, Some(gap)) => findings.blind(
            format!("{} became ready, and whether {name} was there fell into a gap of the watch", pod.name),
            &[gap, ready],
        ),
        (None, None) => {
            findings.broken(format!("{} became ready, and no claim is called {name}", pod.name), &[ready]);
        }
    }
}

/// A claim with the set's labels has a name that the set gives.
fn is_called_right(
    history: &History,
    findings: &mut Findings,
    claim: &ClaimLife<'_>,
    replicas: i64,
    set: &Event,
) {
    let event = claim.first().event;
    match claims::ordinal(claim.name) {
        None => findings
            .broken(format!("the set's claim {} is not called www-web-<ordinal>", claim.name), &[event]),
        Some(ordinal) if i64::from(ordinal) < replicas => {}
        Some(_) => match history.gaps(Resource::StatefulSets).next() {
            Some(gap) => findings.blind(
                format!("{} was made, and how many replicas were asked for is not known", claim.name),
                &[event, gap],
            ),
            None => findings.broken(
                format!("{} was made, and the set never asked for more than {replicas} replicas", claim.name),
                &[set, event],
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        history::{Change, Resource},
    };

    #[test]
    fn one_claim_for_each_pod() {
        assert_held(
            &CHECK,
            "set replicas=2; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
             www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready",
            2,
        );
    }

    #[test]
    fn the_claims_of_recreated_pods_count_again() {
        assert_held(
            &CHECK,
            "set replicas=1; www-web-0 claimed; web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready",
            2,
        );
    }

    #[test]
    fn the_claims_of_ordinals_that_were_scaled_away_are_right() {
        assert_held(
            &CHECK,
            "set replicas=2; www-web-0 claimed; web-0 created; web-0 ready; www-web-1 claimed; set replicas=1",
            1,
        );
    }

    #[test]
    fn the_order_of_the_parts_is_swapped() {
        let history = "set replicas=1; www-0-web claimed; web-0 created; web-0 ready";
        assert_broken(&CHECK, history, "the set's claim www-0-web is not called");
        assert_broken(&CHECK, history, "no claim is called www-web-0");
    }

    #[test]
    fn an_incarnation_in_the_name() {
        assert_broken(
            &CHECK,
            "set replicas=1; www-web-0 claimed; web-0 created; web-0 ready; www-web-0-uid7 claimed",
            "www-web-0-uid7",
        );
    }

    #[test]
    fn a_claim_for_an_ordinal_that_the_set_never_had() {
        assert_broken(&CHECK, "set replicas=2; www-web-2 claimed", "never asked for more than 2 replicas");
    }

    #[test]
    fn the_claims_of_others_have_names_of_their_own() {
        let mut notes = Notes::new().say("set replicas=1; www-web-0 claimed; web-0 created; web-0 ready");
        let claim = json!({"metadata": {"name": "data", "uid": "uid-data", "labels": {"app": "other"}}});
        notes.object(Resource::PersistentVolumeClaims, Change::Added, claim);
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.findings.len()), (1, 1), "{:#?}", findings.findings);
    }

    #[test]
    fn a_set_without_claims_needs_none() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        let mut pod = notes.present(Resource::Pods, "web-0");
        pod["metadata"]["uid"] = json!("uid-without");
        pod["spec"]["volumes"] = json!([{"name": "www", "emptyDir": {}}]);
        notes.object(Resource::Pods, Change::Added, pod);
        let findings = judge(&CHECK, &notes.say("web-0 ready").history());
        assert!(findings.findings.is_empty(), "{:#?}", findings.findings);
    }

    #[test]
    fn a_gap_hides_the_claim() {
        assert_blind(&CHECK, "set replicas=1; web-0 created; gap persistentvolumeclaims; web-0 ready", "gap");
    }

    #[test]
    fn a_pod_that_is_not_ready_yet_says_nothing() {
        assert_silent(&CHECK, "set replicas=1; web-0 created; www-web-0 claimed; web-0 running");
    }
}
