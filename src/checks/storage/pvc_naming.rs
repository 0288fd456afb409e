//! `pvc-naming`: each pod's claim is called `<template>-<set>-<ordinal>`, and no other claim is made.
//!
//! What never existed is decided at the end of the record, because a watch may be late.

use std::ops::Range;

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, Json, Requested, Seen},
    views::{ClaimDeletions, ClaimLife, Dimension, Doubt, PodLife, Set, View, claims},
};

/// Judges `specs/storage/pvc-naming.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-naming", judge };

/// Each pod that became ready had a claim of the right name for each template.
const NAMED: &str = "named";
/// No claim that the set made has another name, or that of an ordinal that the set never had.
const NO_OTHER: &str = "no-other";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let deletions = ClaimDeletions::of(view, set);
        for pod in claims::users(view, set) {
            if let Some(ready) = pod.first_ready() {
                has_its_claims(set, findings, &deletions, pod, ready);
            }
        }
        makes_no_other(view, set, findings);
    }
}

/// A pod that became ready had a claim of the right name for each template.
fn has_its_claims<'h>(
    set: &Set<'h>,
    findings: &mut Findings,
    deletions: &ClaimDeletions<'_, 'h>,
    pod: &PodLife<'h>,
    ready: &'h Event,
) {
    let claims = set.claims();
    let Some(expected) = claims.expected(pod) else {
        for (_, claim) in claims.of_pod(pod) {
            let what = format!("the set that made {} was not seen, nor its templates", set.key(pod.name));
            findings.on(NAMED).of(Dimension::Claim, set.key(claim)).blind(Cause::Gap, what, &[pod.birth()]);
        }
        return;
    };
    for (_, name) in expected {
        let (pod, claim) = (set.key(pod.name), set.key(&name));
        let say = findings.on(NAMED).of(Dimension::Claim, claim.as_str());
        // A claim that a silent watch kept to itself is listed at the end, unless it was deleted before that.
        let deleted = || {
            let deletion = deletions.unsettled(&name, ready, set.history().ended())?;
            Some((Doubt::NotReached, deletion.why(), deletion.event))
        };
        match (claims.named(&name).first(), claims.not_all_seen().or_else(deleted)) {
            (Some(life), _) => {
                say.held(format!("{pod} had the claim {claim}"), &[life.first().event, ready]);
            }
            (None, Some((doubt, why, event))) => {
                let what = format!("{pod} became ready, and whether {claim} was there is not known: {why}");
                say.blind(doubt.into(), what, &[event, ready]);
            }
            (None, None) => {
                say.broken(format!("{pod} became ready, and there was no claim {claim}"), &[ready]);
            }
        }
    }
}

/// The claims with the labels of the set's selector all have names that the set gives.
fn makes_no_other<'h>(view: &View<'h>, set: &Set<'h>, findings: &mut Findings) {
    let labels = set.selector();
    let mut own = set.claims().all().filter(|claim| has_labels(claim, &labels)).peekable();
    let Some(made) = set.made().filter(|_| own.peek().is_some()) else { return };
    let ordinals = ordinals(set);
    let mut count = 0;
    let mut wrong = false;
    for claim in own.filter(|claim| is_sets_own(view, set, claim)) {
        count += 1;
        wrong |= !is_called_right(set, findings, claim, &ordinals, made);
    }
    let sets = set.history().gaps(set.watch()).first().map(|gap| gap.shown_by);
    let sets = sets.map(|gap| (Doubt::Gap, "the watch of StatefulSets has a gap", gap));
    match set.claims().not_all_seen().or(sets) {
        _ if wrong || count == 0 => {}
        Some((doubt, why, event)) => {
            let what = format!("whether {} made other claims is not known: {why}", set.key(set.name));
            findings.on(NO_OTHER).blind(doubt.into(), what, &[made, event]);
        }
        None => {
            let what =
                format!("{count} claims have the labels of {}, and names that it gives", set.key(set.name));
            findings.on(NO_OTHER).held(what, &[made, view.history().ended()]);
        }
    }
}

fn has_labels(claim: &ClaimLife<'_>, labels: &[(String, String)]) -> bool {
    let first = claim.first();
    !labels.is_empty() && labels.iter().all(|(key, value)| first.label(key) == Some(value))
}

/// Whether nothing else than the set can have made the claim, or makes it its own.
fn is_sets_own<'h>(view: &View<'h>, set: &Set<'h>, claim: &ClaimLife<'h>) -> bool {
    let first = claim.first();
    let is_owner = |owner: &Json| owner["kind"] == "StatefulSet" && owner["name"] == *set.name;
    !claims::may_be_others(view, set, claim) && first.controller().is_none_or(is_owner)
}

/// The ordinals that the set ever had, taken together.
fn ordinals(set: &Set<'_>) -> Range<i64> {
    let number = |request: &Seen<'_, Requested>, at: &str| request.what.body.pointer(at)?.as_i64();
    let stored = |at| set.versions().iter().filter_map(move |version| version.what.number(at));
    let starts = set.requests().iter().filter_map(|request| number(request, START)).chain(stored(START));
    let starts: Vec<i64> = starts.collect();
    let always_given = set.versions().iter().all(|version| version.what.number(START).is_some());
    let first = starts.iter().copied().chain((!always_given).then_some(0)).min().unwrap_or(0);
    let last = starts.iter().copied().max().unwrap_or(0);
    let asked = set.asked().iter().map(|asked| i64::from(asked.replicas));
    first..last + asked.chain(stored("/spec/replicas")).max().unwrap_or(0)
}

const START: &str = "/spec/ordinals/start";

/// A claim that the set made has a name that the set gives.
fn is_called_right(
    set: &Set<'_>,
    findings: &mut Findings,
    claim: &ClaimLife<'_>,
    ordinals: &Range<i64>,
    made: &Event,
) -> bool {
    let (name, owner, event) = (set.key(claim.name), set.key(set.name), claim.first().event);
    let say = findings.on(NO_OTHER).of(Dimension::Claim, name.as_str());
    let what = match set.claims().read(claim.name) {
        Some((_, ordinal)) if ordinals.contains(&i64::from(ordinal)) => return true,
        Some((_, ordinal)) => {
            let (first, end) = (ordinals.start, ordinals.end);
            format!(
                "{name} was made, and {owner} never had the ordinal {ordinal}, only those from {first} up to {end}"
            )
        }
        None => {
            format!("{name} has the labels of {owner} and is not called <template>-{}-<ordinal>", set.name)
        }
    };
    match set.history().gaps(set.watch()).first() {
        Some(gap) => {
            let what = format!("{what}, as far as the watch of StatefulSets shows, which has a gap");
            say.blind(Cause::Gap, what, &[event, gap.shown_by]);
        }
        None => say.broken(what, &[made, event]),
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Change, Resource, Verb},
    };

    const CLAIMS: Resource = Resource::PersistentVolumeClaims;
    const ONE: &str = "set replicas=1; www-web-0 claimed; web-0 created; web-0 ready;";

    fn said(notes: Notes) -> Findings {
        judge(&CHECK, &notes.history())
    }

    fn assert_none_broken(notes: Notes) {
        let findings = said(notes);
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{:#?}", findings.findings);
    }

    #[test]
    fn one_claim_for_each_pod() {
        assert_held(
            &CHECK,
            "set replicas=2; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; \
             www-web-1 claimed; web-1 created; www-web-1 bound; web-1 ready; completed",
            3,
        );
    }

    #[test]
    fn the_claims_of_recreated_pods_count_again() {
        let history = "set replicas=1; www-web-0 claimed; web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready; completed";
        assert_held(&CHECK, history, 3);
    }

    #[test]
    fn the_claims_of_ordinals_that_were_scaled_away_are_right() {
        let history = "set replicas=2; www-web-0 claimed; web-0 created; web-0 ready; www-web-1 claimed; set replicas=1; completed";
        assert_held(&CHECK, history, 2);
    }

    #[test]
    fn the_order_of_the_parts_is_swapped() {
        let history = "set replicas=1; www-0-web claimed; web-0 created; web-0 ready; completed";
        assert_broken(
            &CHECK,
            history,
            "www-0-web has the labels of web and is not called <template>-web-<ordinal>",
        );
        assert_broken(&CHECK, history, "there was no claim www-web-0");
    }

    #[test]
    fn an_incarnation_in_the_name() {
        assert_broken(&CHECK, &format!("{ONE} www-web-0-uid7 claimed"), "www-web-0-uid7");
    }

    #[test]
    fn a_claim_for_an_ordinal_that_the_set_never_had() {
        assert_broken(&CHECK, "set replicas=2; www-web-2 claimed", "web never had the ordinal 2");
        assert_broken(&CHECK, "set start=5 replicas=2; www-web-7 claimed", "only those from 5 up to 7");
        assert_broken(&CHECK, "set start=5 replicas=2; www-web-4 claimed", "web never had the ordinal 4");
    }

    #[test]
    fn ordinals_that_the_set_had_once_or_is_asked_to_have_are_its_own() {
        assert_none_broken(Notes::new().say("set replicas=1; scale 3; www-web-2 claimed; scale 1"));
        assert_none_broken(
            Notes::new().say("set replicas=1; set start=4; www-web-4 claimed; www-web-0 claimed"),
        );
    }

    #[test]
    fn the_claims_of_others_have_names_of_their_own() {
        let mut notes = Notes::new().say(ONE);
        let claim = json!({"metadata": {"name": "data", "uid": "uid-data", "labels": {"app": "other"}}});
        notes.object(CLAIMS, Change::Added, claim);
        let findings = said(notes.say("completed"));
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{:#?}", findings.findings);
    }

    #[test]
    fn claims_that_others_made_may_look_like_the_sets() {
        let labelled = |name: &str, owner: Value| json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "labels": {"app": "nginx"}, "ownerReferences": owner}});
        let mut notes = Notes::new().say(ONE);
        notes.request(Verb::Apply, CLAIMS, Some("scratch"), None, json!({}));
        notes.object(CLAIMS, Change::Added, labelled("scratch", json!([])));
        notes.request(Verb::Create, CLAIMS, Some("www-web-9"), None, json!({}));
        notes.object(CLAIMS, Change::Added, labelled("www-web-9", json!([])));
        let of_pod = json!([{"kind": "Pod", "name": "web-0", "controller": true}]);
        notes.object(CLAIMS, Change::Added, labelled("web-0-cache", of_pod));
        let set = json!({
            "metadata": {"name": "db", "uid": "uid-db"},
            "spec": {"replicas": 1, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
        });
        notes.object(Resource::StatefulSets, Change::Added, set);
        notes.object(CLAIMS, Change::Added, labelled("data-db-0", json!([])));
        assert_none_broken(notes.say("completed"));
    }

    #[test]
    fn several_templates_give_several_claims() {
        let templates = json!([{"metadata": {"name": "www"}}, {"metadata": {"name": "log"}}]);
        let set = json!({
            "metadata": {"name": "web", "uid": "uid-set"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "nginx"}}, "volumeClaimTemplates": templates},
        });
        let noted = |claims: &str| {
            let mut notes = Notes::new();
            notes.object(Resource::StatefulSets, Change::Added, set.clone());
            said(notes.say(claims).say("web-0 created; web-0 ready; completed"))
        };
        assert_eq!(noted("www-web-0 claimed; log-web-0 claimed").held, 3);
        let findings = noted("www-web-0 claimed");
        let broken: Vec<&str> = findings.of_kind(Kind::Broken).map(|f| f.what.as_str()).collect();
        assert_eq!(broken, ["web-0 became ready, and there was no claim log-web-0"]);
    }

    #[test]
    fn a_set_without_claims_needs_none() {
        let mut notes = Notes::new();
        let set = json!({
            "metadata": {"name": "web", "uid": "uid-set"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "nginx"}}},
        });
        notes.object(Resource::StatefulSets, Change::Added, set);
        let findings = said(notes.say("web-0 created; web-0 ready; completed"));
        assert!(findings.findings.is_empty(), "{:#?}", findings.findings);
    }

    #[test]
    fn a_claims_watch_that_is_two_seconds_behind_fails_nothing() {
        let late = "set replicas=1; web-0 created; web-0 ready; wait 2s; www-web-0 claimed; www-web-0 bound; completed";
        assert_held(&CHECK, late, 2);
    }

    #[test]
    fn a_claim_that_was_deleted_may_have_been_kept_back_by_a_silent_watch() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created; web-0 ready");
        notes.request(Verb::Delete, CLAIMS, Some("www-web-0"), None, json!({}));
        let findings = said(notes.say("completed"));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        assert_eq!(findings.of_kind(Kind::Blind).next().and_then(|f| f.cause), Some(Cause::NotReached));
    }

    #[test]
    fn a_gap_hides_the_claim() {
        let gap = "set replicas=1; web-0 created; gap persistentvolumeclaims; web-0 ready; completed";
        assert_blind(&CHECK, gap, "gap");
        let after = format!(
            "{ONE} gap persistentvolumeclaims; www-web-0 listed-again; opened persistentvolumeclaims; completed"
        );
        assert_blind(&CHECK, &after, "whether web made other claims is not known");
        let listed = "set replicas=1; web-0 created; web-0 ready; gap persistentvolumeclaims; www-web-0 listed; completed";
        assert_eq!(said(Notes::new().say(listed)).held, 1, "it was there, whenever it came");
    }

    #[test]
    fn a_gap_of_the_sets_hides_what_it_asked_for() {
        assert_blind(&CHECK, "set replicas=2; gap statefulsets; www-web-2 claimed", "gap");
        assert_blind(&CHECK, "www-web-0 claimed; web-0 created; web-0 ready; completed", "was not seen");
    }

    #[test]
    fn a_record_that_ends_early_does_not_tell_what_never_was() {
        let findings = said(Notes::new().say("set replicas=1; web-0 created; web-0 ready; aborted"));
        assert_eq!(findings.of_kind(Kind::Blind).next().and_then(|f| f.cause), Some(Cause::NotReached));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn a_pod_that_is_not_ready_yet_says_nothing() {
        assert_silent(&CHECK, "web-0 created; www-web-0 claimed; web-0 running");
    }

    #[test]
    fn another_set_in_another_namespace_is_judged_by_its_own_claims() {
        let both = format!("{ONE} in other; {ONE}");
        assert_held(&CHECK, &format!("{both} completed"), 4);
        let one = format!("{ONE} in other; set replicas=1; web-0 created; web-0 ready; completed");
        assert_broken(&CHECK, &one, "other/web-0 became ready, and there was no claim other/www-web-0");
    }
}
