//! `pvc-before-pod`: a pod is created only after its claim.
//!
//! Claims and pods come over two watches, so their order is read from spans and, where the API server dated the two in
//! different seconds, from its dates.

use super::claims::{self, ClaimLife};
use crate::{
    checks::{Check, Findings},
    history::{CLAIM_TEMPLATE, Change, Event, History, ObjectSeen, PodLife},
    limits,
};

/// Judges `specs/storage/pvc-before-pod.yaml`.
pub(super) const CHECK: Check = Check { id: "pvc-before-pod", judge };

fn judge(history: &History, findings: &mut Findings) {
    let claims = claims::fold(history);
    for pod in history.pods().iter().filter(|pod| pod.ordinal.is_some() && pod.birth_was_seen()) {
        let used = pod.claims().into_iter().find(|(volume, _)| *volume == CLAIM_TEMPLATE);
        let Some((_, name)) = used else { continue };
        match claims.get(name) {
            Some(lives) => was_there(findings, pod, lives),
            None => never_came(history, findings, pod, name),
        }
    }
}

/// There is no claim of that name in the whole record.
fn never_came(history: &History, findings: &mut Findings, pod: &PodLife<'_>, name: &str) {
    let text = format!("{} was created, and the claim {name} that it uses never was", pod.name);
    match claims::unseen(history) {
        Some(unseen) => findings.blind(format!("{text} seen"), &[pod.birth(), unseen]),
        None if history.last().span.until_us < pod.birth().span.until_us + limits::WATCH_LAG.wait_us() => {
            findings.blind(format!("{text} before the record ends"), &[pod.birth()]);
        }
        None => findings.broken(text, &[pod.birth()]),
    }
}

/// What is known of the order of a pod's birth and its claim's.
enum Order {
    ClaimFirst,
    PodFirst(&'static str),
    /// Not known, and nothing speaks against the promise.
    Unknown,
    /// Not known: something speaks against it that proves nothing by itself.
    Doubtful,
}

fn was_there(findings: &mut Findings, pod: &PodLife<'_>, lives: &[ClaimLife<'_>]) {
    let birth = pod.birth();
    // The incarnation that can have been there: the newest that did not certainly come after the pod.
    let before = lives.partition_point(|claim| !well_before(birth, claim.first().event));
    let claim = &lives[before.saturating_sub(1)];
    let (name, born) = (claim.name, claim.first());
    if let Some(removed) = claim.removed().filter(|removed| well_before(removed, birth)) {
        return findings.broken(
            format!("{} was created after its claim {name} was removed", pod.name),
            &[removed, birth],
        );
    }
    let events = [born.event, birth];
    match order(pod, claim) {
        Order::ClaimFirst => findings.held(format!("{name} was there before {}", pod.name), &events),
        Order::PodFirst(how) => {
            findings.broken(format!("{} was created before {name}: {how}", pod.name), &events)
        }
        Order::Doubtful => findings.blind(
            format!(
                "which of {} and {name} was created first: dates, watches and revisions disagree",
                pod.name
            ),
            &events,
        ),
        Order::Unknown => {}
    }
}

fn order(pod: &PodLife<'_>, claim: &ClaimLife<'_>) -> Order {
    let (born, first) = (claim.first(), pod.versions[0]);
    if well_before(born.event, first.event) {
        return Order::ClaimFirst;
    }
    let dates = created(born.what).zip(created(first.what));
    if dates.is_some_and(|(claim, pod)| claim < pod) {
        return Order::ClaimFirst;
    }
    if born.change != Change::Added {
        return Order::Unknown;
    }
    let revisions = revision(born.what).zip(revision(first.what));
    // No two objects have one revision.
    let revisions_say_pod = revisions.map(|(claim, pod)| pod <= claim);
    let how = if well_before(first.event, born.event) {
        Some("it was delivered long before the claim can have come to be")
    } else {
        let earlier = dates.is_some_and(|(claim, pod)| pod < claim);
        earlier.then_some("the API server dated it in an earlier second")
    };
    match (how, revisions_say_pod) {
        (Some(how), Some(true) | None) => Order::PodFirst(how),
        (Some(_), Some(false)) | (None, Some(true)) => Order::Doubtful,
        (None, Some(false) | None) => Order::Unknown,
    }
}

/// Whether one delivery lies so long before another, on another watch, that neither can have been held up on its way.
fn well_before(first: &Event, then: &Event) -> bool {
    first.span.until_us + limits::WATCH_LAG.wait_us() < then.span.from_us
}

/// The date of creation. The API server writes UTC in one form, which sorts as text.
fn created(object: &ObjectSeen) -> Option<&str> {
    object.text("/metadata/creationTimestamp")
}

/// The resource version at creation, as a number where it is one; otherwise nothing is doubted.
fn revision(object: &ObjectSeen) -> Option<u64> {
    object.revision.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Change, Event, History, Observation, Observer, Resource, Span},
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
    fn an_earlier_second_decides_whatever_is_delivered_first() {
        assert_eq!(kinds(&at_one_time(("web-0", 8), ("www-web-0", 7))), [Kind::Held]);
        assert_eq!(kinds(&at_one_time(("web-0", 7), ("www-web-0", 8))), [Kind::Broken]);
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
        let again = "www-web-0 claimed; www-web-0 unclaimed; www-web-0 claimed; wait 6s; web-0 created";
        assert_held(&CHECK, again, 1);
    }

    #[test]
    fn how_far_apart_two_watches_must_be_to_have_an_order() {
        assert_silent(&CHECK, "www-web-0 claimed; wait 5s; web-0 created; completed");
        assert_held(&CHECK, "www-web-0 claimed; wait 5.1s; web-0 created; completed", 1);
    }

    #[test]
    fn the_claim_never_came() {
        assert_broken(&CHECK, "web-0 created; wait 6s; aborted", "never was");
        assert_broken(&CHECK, "web-0 created; wait 4.9s; aborted", "never was");
        assert_blind(&CHECK, "web-0 created; wait 4.8s; aborted", "before the record ends");
    }

    #[test]
    fn a_record_that_ends_at_once_cannot_tell() {
        assert_blind(&CHECK, "web-0 created; aborted", "before the record ends");
    }

    #[test]
    fn a_gap_hides_the_claim() {
        assert_blind(&CHECK, "gap persistentvolumeclaims; web-0 created; completed", "never was seen");
    }

    #[test]
    fn births_in_a_gap_are_not_counted() {
        assert_silent(&CHECK, "www-web-0 claimed; gap pods; web-0 listed; completed");
        assert_silent(&CHECK, "gap pods; web-0 listed; wait 6s; www-web-0 claimed; completed");
    }
}
