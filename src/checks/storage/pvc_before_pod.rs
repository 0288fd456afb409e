//! `pvc-before-pod`: a pod is created only after its claim.

use std::collections::HashMap;

use crate::{
    checks::{Cause, Check, Findings, Say},
    views::{
        Dimension, Doubt, PodLife, Set, View,
        claim_order::{ClaimOrder, ClaimOrders},
        claims,
    },
};

/// Judges `specs/storage/pvc-before-pod.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-before-pod", judge };

/// Each recreated pod was created when its claim was there; of pods that are created for the first time too, where it shows.
const RECREATED: &str = "recreated";
/// Each pod that came back after it had been scaled away likewise.
const RETURNED: &str = "returned";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let returns = set.returns(view);
        let returned = returns.iter().filter_map(|it| Some((it.back.as_ref()?.uid, it.key.as_str())));
        let returned: HashMap<&str, &str> = returned.collect();
        let orders = ClaimOrders::of(view, set);
        for pod in claims::users(view, set) {
            let say = match returned.get(pod.uid) {
                Some(key) => findings.on(RETURNED).of(Dimension::Returned, set.key(key)),
                None => findings.on(RECREATED).of(Dimension::Recreated, set.key(pod.name)),
            };
            has_its_claims(set, &orders, say, pod);
        }
    }
}

/// A pod was created: each of its claims must have been there. That holds only where it does for all of them.
fn has_its_claims<'h>(set: &Set<'h>, orders: &ClaimOrders<'_, 'h>, say: Say<'_>, pod: &PodLife<'h>) {
    let (birth, name) = (pod.birth(), set.key(pod.name));
    let claims: Vec<&str> = set.claims().of_pod(pod).into_iter().map(|(_, claim)| claim).collect();
    if claims.is_empty() {
        return;
    }
    if !pod.birth_was_seen() {
        return say.blind(
            Cause::Gap,
            format!("the creation of {name} fell into a gap of the watch of pods"),
            &[birth],
        );
    }
    let mut events = vec![birth];
    let mut doubt = None;
    let mut all_first = true;
    for claim in &claims {
        match orders.order(pod, claim) {
            ClaimOrder::ClaimFirst(event) => events.push(event),
            ClaimOrder::PodFirst(what, events) => return say.broken(what, &events),
            ClaimOrder::Doubtful(cause, what, events) => doubt = Some((cause, what, events)),
            ClaimOrder::Unknown => all_first = false,
        }
    }
    match doubt {
        Some((cause, what, events)) => say.blind(Doubt::into(cause), what, &events),
        None if all_first => say.held(format!("{} was there before {name}", claims.join(", ")), &events),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CHECK, RECREATED, RETURNED};
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Change, Event, History, Observation, Observer, Resource, Span, Verb},
    };

    /// web-0 and its claim, created in these seconds, in the same span of time, the one delivered first that is named
    /// first.
    fn at_one_time(first: (&str, u32), second: (&str, u32)) -> Findings {
        let mut notes = Notes::new();
        for (name, second) in [first, second] {
            let (statement, resource) = match name {
                "web-0" => ("web-0 created", Resource::Pods),
                _ => ("www-web-0 claimed", Resource::PersistentVolumeClaims),
            };
            let mut raw = Notes::new().say(statement).present(resource, name);
            raw["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:00:{second:02}Z"));
            notes.object(resource, Change::Added, raw);
        }
        judge(&CHECK, &overlapping(notes.history()))
    }

    /// Two quiet watches: what they deliver can have happened any time since they were opened.
    fn overlapping(mut history: History) -> History {
        let quiet = |event: &&mut Event| {
            matches!(event.observer, Observer::Watch(_)) && matches!(event.seen, Observation::Object(_))
        };
        for event in history.events.iter_mut().filter(quiet) {
            event.span = Span { from_us: 0, until_us: event.span.until_us };
        }
        history
    }

    fn kinds(findings: &Findings) -> Vec<Kind> {
        findings.findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn the_claim_of_a_recreated_pod_is_older() {
        let history = "www-web-0 claimed; web-0 created; web-0 ready; wait 6s; web-0 deleted; web-0 created";
        assert_held(&CHECK, history, 1);
    }

    #[test]
    fn delivered_certainly_before_its_claim() {
        let history = "web-0 created; wait 6s; www-web-1 claimed; www-web-0 claimed; completed";
        assert_broken(&CHECK, history, "web-0 was created before www-web-0");
    }

    #[test]
    fn the_same_second_is_no_evidence() {
        assert!(kinds(&at_one_time(("www-web-0", 7), ("web-0", 7))).is_empty());
    }

    #[test]
    fn the_same_second_and_the_lower_revision_are_doubtful() {
        assert_eq!(kinds(&at_one_time(("web-0", 7), ("www-web-0", 7))), [Kind::Blind]);
    }

    #[test]
    fn an_earlier_second_decides_where_the_revisions_agree() {
        assert_eq!(kinds(&at_one_time(("www-web-0", 7), ("web-0", 8))), [Kind::Held]);
        assert_eq!(kinds(&at_one_time(("web-0", 7), ("www-web-0", 8))), [Kind::Broken]);
    }

    #[test]
    fn dates_and_revisions_that_disagree_decide_nothing() {
        assert_eq!(kinds(&at_one_time(("web-0", 8), ("www-web-0", 7))), [Kind::Blind]);
    }

    #[test]
    fn two_api_servers_with_different_clocks_are_not_the_clusters_fault() {
        assert_eq!(kinds(&at_one_time(("www-web-0", 8), ("web-0", 7))), [Kind::Blind]);
    }

    #[test]
    fn a_watch_that_was_held_up_is_not_the_clusters_fault() {
        let mut notes = Notes::new().say("www-web-1 claimed; www-web-0 claimed");
        let claim = notes.present(Resource::PersistentVolumeClaims, "www-web-0");
        notes = Notes::new().say("web-0 created");
        let mut older = claim;
        older["metadata"]["uid"] = json!("uid-9");
        notes = notes.say("wait 1s; www-web-1 claimed");
        notes.object(Resource::PersistentVolumeClaims, Change::Added, older);
        assert!(kinds(&judge(&CHECK, &notes.history())).iter().all(|kind| *kind == Kind::Blind));
    }

    #[test]
    fn created_after_the_claim_was_removed() {
        let history = "www-web-0 claimed; web-0 created; web-0 deleted; www-web-0 unclaimed; wait 6s; \
             web-1 created; web-0 created; completed";
        assert_broken(&CHECK, history, "after its claim www-web-0 was removed");
    }

    #[test]
    fn the_claim_that_counts_is_the_newest_before_the_pod() {
        let again = "www-web-0 claimed; www-web-0 unclaimed; www-web-0 claimed; wait 6s; bookmark pods; web-0 created; completed";
        assert_held(&CHECK, again, 1);
    }

    #[test]
    fn how_far_apart_two_watches_must_be_to_have_an_order() {
        assert_silent(&CHECK, "www-web-0 claimed; wait 4.9s; bookmark pods; web-0 created; completed");
        assert_held(&CHECK, "www-web-0 claimed; wait 5s; bookmark pods; web-0 created; completed", 1);
        assert_silent(&CHECK, "www-web-0 claimed; wait 60s; web-0 created; completed");
    }

    #[test]
    fn the_claim_never_came() {
        assert_broken(&CHECK, "web-0 created; wait 1s; completed", "never was");
        assert_broken(&CHECK, "web-0 created; wait 1s; list persistentvolumeclaims; aborted", "never was");
    }

    #[test]
    fn a_claims_watch_that_is_silent_all_the_time_makes_nothing_broken() {
        assert_blind(&CHECK, "web-0 created; wait 60s; aborted", "claims were not listed after that");
        let mut notes = Notes::new().say("set replicas=1; web-0 created; web-0 ready; wait 1s");
        notes.request(Verb::DeleteCollection, Resource::PersistentVolumeClaims, None, None, json!({}));
        assert_blind_in(notes.say("completed"), "never was seen: the scenario itself deleted the claim");
    }

    #[test]
    fn a_record_that_ends_at_once_cannot_tell() {
        assert_blind(&CHECK, "web-0 created; aborted", "claims were not listed after that");
    }

    #[test]
    fn a_gap_hides_the_claim() {
        assert_blind(&CHECK, "gap persistentvolumeclaims; web-0 created; completed", "never was seen");
    }

    #[test]
    fn births_in_a_gap_are_not_counted() {
        let words = "the creation of web-0 fell into a gap";
        assert_blind(&CHECK, "www-web-0 claimed; gap pods; web-0 listed; completed", words);
        assert_blind(&CHECK, "gap pods; web-0 listed; wait 6s; www-web-0 claimed; completed", words);
        let claim = "dated; web-0 created; gap persistentvolumeclaims; www-web-0 listed; completed";
        assert_blind(&CHECK, claim, "the creation of www-web-0, which web-0 uses, fell into a gap");
        let later = claim.replace("gap", "wait 3s; gap");
        assert_blind(&CHECK, &later, "revisions, dates and watches disagree");
        let recreated = "www-web-0 claimed; web-0 created; delete web-0; gap pods; web-0 unlisted; web-0 listed; completed";
        assert_blind(&CHECK, recreated, "the creation of web-0 fell into a gap");
    }

    const DELETED: &str =
        "www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; delete web-0; web-0 deleted;";

    #[test]
    fn a_request_between_the_two_gives_them_an_order() {
        assert_held(&CHECK, &format!("{DELETED} web-0 created; completed"), 1);
        let scaled = DELETED.replace("delete web-0", "scale 0");
        assert_held(&CHECK, &format!("{scaled} scale 1; web-0 created; completed"), 1);
        // Nothing tells that the pod was gone because of the request: it may have been gone before.
        let by_itself = DELETED.replace("delete web-0; web-0 deleted;", "web-0 deleted;");
        assert_silent(&CHECK, &format!("{by_itself} web-0 created; completed"));
        let late = "web-0 created; web-0 ready; delete web-0; web-0 deleted; web-0 created; www-web-0 claimed; completed";
        assert!(
            kinds(&judge(&CHECK, &Notes::new().say(late).history())).iter().all(|kind| *kind == Kind::Blind)
        );
    }

    #[test]
    fn evidence_is_told_apart_by_how_the_pod_came_back() {
        let of = |statements: &str| {
            let findings = judge(&CHECK, &Notes::new().say(statements).history());
            findings
                .evidence
                .into_iter()
                .map(|it| (it.clause, it.of.into_values().collect::<String>()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&format!("{DELETED} web-0 created; completed")), [(RECREATED, "web-0".to_owned())]);
        let scaled = format!("set replicas=1; {DELETED} scale 1; web-0 created; completed")
            .replace("delete web-0", "scale 0");
        assert_eq!(of(&scaled), [(RETURNED, "web-0 after scale-down 1 to 0".to_owned())]);
    }

    #[test]
    fn a_mute_claims_watch_does_not_pass() {
        let mut notes = Notes::new().say(DELETED);
        notes.forget(Resource::PersistentVolumeClaims, "www-web-0");
        assert_blind_in(notes.say("web-0 created; completed"), "still there");
        let replaced = format!(
            "{DELETED} gap persistentvolumeclaims; www-web-0 unlisted; www-web-0 listed; web-0 created; completed"
        );
        assert!(!kinds(&judge(&CHECK, &Notes::new().say(&replaced).history())).contains(&Kind::Held));
        let same =
            format!("{DELETED} gap persistentvolumeclaims; www-web-0 listed-again; web-0 created; completed");
        assert_held(&CHECK, &same, 1);
    }

    fn assert_blind_in(notes: Notes, words: &str) {
        let findings = judge(&CHECK, &notes.history());
        let blind: Vec<&str> = findings.of_kind(Kind::Blind).map(|finding| finding.what.as_str()).collect();
        assert!(blind.len() == 1 && blind[0].contains(words) && findings.held == 0, "{findings:#?}");
    }

    #[test]
    fn a_late_claims_watch_fails_nothing() {
        for wait in ["500ms", "2s", "4s"] {
            let late = format!("web-0 created; web-0 ready; wait {wait}; www-web-0 claimed; completed");
            let findings = judge(&CHECK, &Notes::new().say(&late).history());
            assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{wait}: {findings:#?}");
        }
    }

    #[test]
    fn a_claim_that_the_scenario_deleted_may_be_gone_before_the_controller_knows() {
        let deleted = "www-web-0 claimed; web-0 created; delete www-web-0; delete web-0; web-0 deleted; www-web-0 unclaimed; \
             wait 6s; bookmark pods; web-0 created; completed";
        assert_blind(&CHECK, deleted, "which the controller may not have known: the scenario itself");
        let afterwards =
            format!("{DELETED} web-0 created; web-0 ready; delete www-web-0; www-web-0 unclaimed; completed");
        assert_held(&CHECK, &afterwards, 1);
    }

    fn refused(notes: &mut Notes, claim: &str) {
        let message =
            format!("create Claim {claim} Pod web-0 in StatefulSet web failed error: exceeded quota");
        let event = json!({
            "metadata": {"name": "web.1", "uid": "uid-event"}, "type": "Warning", "reason": "FailedCreate", "message": message,
        });
        notes.object(Resource::Events, Change::Added, event);
    }

    #[test]
    fn a_pod_that_comes_while_its_claim_is_refused() {
        let mut notes = Notes::new().say("set replicas=1");
        refused(&mut notes, "www-web-0");
        let findings = judge(&CHECK, &notes.clone().say("web-0 created; completed").history());
        let broken = findings.of_kind(Kind::Broken).next().expect("the claim never came");
        assert!(
            broken.what.contains("never was, which the server had refused") && broken.events.len() == 3,
            "{broken:#?}"
        );
        let later = "dated; web-0 created; wait 9s; www-web-0 claimed; web-0 ready; completed";
        let findings = judge(&CHECK, &notes.clone().say(later).history());
        let broken = findings.of_kind(Kind::Broken).next().expect("the pod came first");
        assert!(broken.what.contains("before www-web-0, which the server had refused"), "{broken:#?}");
        let right =
            "wait 9s; dated; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; completed";
        assert_eq!(judge(&CHECK, &notes.say(right).history()).of_kind(Kind::Broken).count(), 0);
    }

    #[test]
    fn all_claims_of_a_pod_count() {
        let templates = json!([{"metadata": {"name": "www"}}, {"metadata": {"name": "log"}}]);
        let set = json!({"metadata": {"name": "web", "uid": "uid-set"}, "spec": {"replicas": 1, "volumeClaimTemplates": templates}});
        let with = |claims: &str| {
            let mut notes = Notes::new();
            notes.object(Resource::StatefulSets, Change::Added, set.clone());
            notes = notes.say(claims).say("web-0 created");
            let mut pod = notes.present(Resource::Pods, "web-0");
            notes.object(Resource::Pods, Change::Deleted, pod.clone());
            for uid in ["uid-a", "uid-b"] {
                pod["metadata"]["uid"] = json!(uid);
                pod["spec"]["volumes"] = json!(["www", "log"].map(|name| {
                    json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{name}-web-0")}})
                }));
                notes.object(Resource::Pods, Change::Added, pod.clone());
                if uid == "uid-a" {
                    notes = notes.say("web-0 ready; delete web-0; web-0 deleted");
                }
            }
            judge(&CHECK, &notes.say("completed").history())
        };
        assert_eq!(with("www-web-0 claimed; log-web-0 claimed").held, 1);
        let findings = with("www-web-0 claimed");
        assert!(
            findings.held == 0 && findings.of_kind(Kind::Broken).any(|f| f.what.contains("log-web-0")),
            "{findings:#?}"
        );
    }

    #[test]
    fn another_namespace_has_claims_of_its_own() {
        let both = format!("{DELETED} web-0 created; in other; web-0 created; completed");
        assert_broken(
            &CHECK,
            &both,
            "other/web-0 was created, and the claim other/www-web-0 that it uses never was",
        );
    }
}
