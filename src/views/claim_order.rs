//! Which was there first, a pod or its claim.
//!
//! Claims and pods come over two watches, which have no order. What tells, for each pod and each of its claims: a request of
//! the driver that lies between the two; deliveries so far apart that neither watch can have been that late; and the dates
//! that the API server gave, where they are of different seconds and its revisions do not contradict them.

use std::collections::HashMap;

use super::{ClaimDeletion, ClaimDeletions, ClaimLife, Doubt, PodLife, Set, View, order, presence};
use crate::history::{Event, ObjectSeen, Resource};

/// What is known of a pod's birth and one of its claims.
#[derive(Debug)]
pub enum ClaimOrder<'h> {
    /// The claim was there: its first version.
    ClaimFirst(&'h Event),
    /// It was not: why that is certain, with the events that show it.
    PodFirst(String, Vec<&'h Event>),
    /// It cannot be told, and something speaks against the claim having been there, or is hidden.
    Doubtful(Doubt, String, Vec<&'h Event>),
    /// It cannot be told, and nothing speaks against it.
    Unknown,
}

/// What the order of a set's pods and their claims is read from.
#[derive(Debug)]
pub struct ClaimOrders<'v, 'h> {
    view: &'v View<'h>,
    set: &'v Set<'h>,
    deletions: ClaimDeletions<'v, 'h>,
    /// The first time that the server refused a claim, by the claim's name.
    refusals: HashMap<&'h str, &'h Event>,
}

impl<'v, 'h> ClaimOrders<'v, 'h> {
    /// What a record has of it for a set.
    pub fn of(view: &'v View<'h>, set: &'v Set<'h>) -> Self {
        Self { view, set, deletions: ClaimDeletions::of(view, set), refusals: refusals(set) }
    }

    /// Which was there first: a pod, whose creation was seen, or a claim that it uses.
    pub fn order(&self, pod: &PodLife<'h>, claim: &str) -> ClaimOrder<'h> {
        let (gone, others) = self.set.claims().gone_and_others(claim, pod.birth());
        if gone.is_empty() && others.is_empty() {
            return self.never_came(pod, claim);
        }
        let after = others.iter().position(|life| self.is_after(pod, life)).unwrap_or(others.len());
        match &others[..after] {
            [] => self.was_not_there(pod, claim, gone, others),
            [life] => self.order_with(pod, life),
            several => {
                let mut orders = several.iter().map(|life| self.order_with(pod, life));
                orders.find(|order| matches!(order, ClaimOrder::ClaimFirst(_))).unwrap_or(ClaimOrder::Unknown)
            }
        }
    }

    fn certainly(&self, first: &Event, then: &Event) -> bool {
        order::certainly_before(self.view.history(), first, then)
    }

    /// Whether a claim came to be after the pod, for certain.
    fn is_after(&self, pod: &PodLife<'h>, claim: &ClaimLife<'h>) -> bool {
        claim.birth_was_seen()
            && (self.certainly(pod.birth(), claim.first().event)
                || (dates(pod, claim).is_some_and(|(pod, claim)| pod < claim)
                    && revisions(pod, claim).is_some_and(|(pod, claim)| pod < claim)))
    }

    /// The one claim that can have been there.
    fn order_with(&self, pod: &PodLife<'h>, claim: &ClaimLife<'h>) -> ClaimOrder<'h> {
        let (birth, first, name) = (pod.birth(), claim.first().event, self.set.key(claim.name));
        let pod_name = self.set.key(pod.name);
        let is_certain = self.certainly(first, birth) || self.a_request_between(pod, claim);
        let is_older = is_certain || dates(pod, claim).is_some_and(|(pod, claim)| claim < pod);
        if !is_certain && speaks_against(pod, claim) {
            let what = format!(
                "which of {pod_name} and {name} was created first: revisions, dates and watches disagree"
            );
            return ClaimOrder::Doubtful(Doubt::NoOrder, what, vec![first, birth]);
        }
        if !is_older && !claim.birth_was_seen() {
            let what = format!("the creation of {name}, which {pod_name} uses, fell into a gap of the watch");
            return ClaimOrder::Doubtful(Doubt::Gap, what, vec![first, birth]);
        }
        if !is_older {
            return ClaimOrder::Unknown;
        }
        if let Some(gap) = self.set.claims().lost_sight(claim) {
            let what = format!(
                "whether {name} was still there when {pod_name} was created fell into a gap of the watch"
            );
            return ClaimOrder::Doubtful(Doubt::Gap, what, vec![gap.shown_by, birth]);
        }
        if claim.gone().is_some_and(|gone| !self.went_later(pod, claim, gone)) {
            return ClaimOrder::Unknown;
        }
        ClaimOrder::ClaimFirst(first)
    }

    /// Whether a claim went after the pod had been created: long after, or because of a request that was made after that.
    fn went_later(&self, pod: &PodLife<'h>, claim: &ClaimLife<'h>, gone: &Event) -> bool {
        let asked_later = |deletion: ClaimDeletion<'_>| pod.birth().comes_before(deletion.event);
        self.certainly(pod.birth(), gone) || self.deletions.explain(claim).is_some_and(asked_later)
    }

    /// Whether the claim had been delivered before a request that ended the pod's predecessor, so that the pod came later.
    fn a_request_between(&self, pod: &PodLife<'h>, claim: &ClaimLife<'h>) -> bool {
        let before = self.set.pods().predecessor(pod);
        let request = before.and_then(|before| presence::ended_by(self.view, self.set, before));
        request.is_some_and(|request| claim.first().event.comes_before(request))
    }

    /// All claims of that name went before or came later.
    fn was_not_there(
        &self,
        pod: &PodLife<'h>,
        claim: &str,
        gone: &[ClaimLife<'h>],
        later: &[ClaimLife<'h>],
    ) -> ClaimOrder<'h> {
        let (birth, name, pod_name) = (pod.birth(), self.set.key(claim), self.set.key(pod.name));
        if let Some(gap) = self.set.claims().gaps().first() {
            let what =
                format!("whether {name} was there when {pod_name} was created fell into a gap of the watch");
            return ClaimOrder::Doubtful(Doubt::Gap, what, vec![gap.shown_by, birth]);
        }
        match (gone.last(), later.first()) {
            (Some(went), _) => self.was_removed(pod, went),
            (None, first) => self.came_later(pod, claim, first.map_or(birth, |first| first.first().event)),
        }
    }

    /// The first claim of that name came after the pod.
    fn came_later(&self, pod: &PodLife<'h>, claim: &str, first: &'h Event) -> ClaimOrder<'h> {
        let (birth, name, pod_name) = (pod.birth(), self.set.key(claim), self.set.key(pod.name));
        // Another one may have been there that a silent watch kept to itself until somebody deleted it.
        if let Some(deletion) = self.deletions.unsettled(claim, birth, first) {
            let what = format!(
                "whether {name} was there when {pod_name} was created is not certain: {}",
                deletion.why()
            );
            return ClaimOrder::Doubtful(Doubt::NotReached, what, vec![birth, deletion.event, first]);
        }
        let mut events = vec![birth, first];
        let refused = self.refused(claim, &mut events);
        ClaimOrder::PodFirst(format!("{pod_name} was created before {name}{refused}"), events)
    }

    /// The claim was gone before the pod came.
    fn was_removed(&self, pod: &PodLife<'h>, went: &ClaimLife<'h>) -> ClaimOrder<'h> {
        let (birth, name, pod_name) = (pod.birth(), self.set.key(went.name), self.set.key(pod.name));
        let gone = went.gone().unwrap_or(birth);
        let what = format!("{pod_name} was created after its claim {name} was removed");
        match self.deletions.explain(went) {
            // It creates the claim and then the pod, from what it knows: a claim that somebody else takes away may be gone by then.
            Some(deletion) => {
                let what = format!("{what}, which the controller may not have known: {}", deletion.why());
                ClaimOrder::Doubtful(Doubt::ControllerLag, what, vec![deletion.event, gone, birth])
            }
            None => ClaimOrder::PodFirst(what, vec![gone, birth]),
        }
    }

    /// There is no claim of that name in the whole record. A list of everything after the pod's birth shows that there was none,
    /// because a watch may be silent, unless one can have been deleted before that.
    fn never_came(&self, pod: &PodLife<'h>, claim: &str) -> ClaimOrder<'h> {
        let (birth, claims, history) = (pod.birth(), self.set.claims(), self.view.history());
        let (name, pod_name) = (self.set.key(claim), self.set.key(pod.name));
        let what = format!("{pod_name} was created, and the claim {name} that it uses never was");
        let doubtful = |cause, why: &str, event| {
            ClaimOrder::Doubtful(cause, format!("{what} seen: {why}"), vec![birth, event])
        };
        if let Some(gap) = claims.gaps().first() {
            return doubtful(Doubt::Gap, "the watch of claims has a gap", gap.shown_by);
        }
        let Some(list) = claims.listed().filter(|list| birth.span.until_us <= list.span.from_us) else {
            return doubtful(Doubt::NotReached, "claims were not listed after that", history.last());
        };
        if let Some(deletion) = self.deletions.unsettled(claim, birth, list) {
            return doubtful(Doubt::NotReached, deletion.why(), deletion.event);
        }
        let mut events = vec![birth, list];
        let refused = self.refused(claim, &mut events);
        ClaimOrder::PodFirst(format!("{what}{refused}"), events)
    }

    /// That the server refused the claim, for a person to read, with the event that tells it.
    fn refused(&self, claim: &str, events: &mut Vec<&'h Event>) -> &'static str {
        let refusal = self.refusals.get(claim);
        events.extend(refusal);
        if refusal.is_some() { ", which the server had refused" } else { "" }
    }
}

/// The claims that the server refused to make for the set, as its controller told (Kubernetes source,
/// pkg/controller/statefulset/stateful_pod_control.go, recordClaimEvent).
fn refusals<'h>(set: &Set<'h>) -> HashMap<&'h str, &'h Event> {
    let events = set.history().objects(set.watch_of(Resource::Events));
    let refused = events.filter(|event| event.text("/reason") == Some("FailedCreate"));
    let mut first = HashMap::new();
    for event in refused {
        let words = event.what.text("/message").and_then(|message| message.strip_prefix("create Claim "));
        if let Some(claim) = words.and_then(|words| words.split_whitespace().next()) {
            first.entry(claim).or_insert(event.event);
        }
    }
    first
}

/// The dates of creation of a pod and a claim. The API server writes UTC in one form, which sorts as text.
fn dates<'h>(pod: &PodLife<'h>, claim: &ClaimLife<'h>) -> Option<(&'h str, &'h str)> {
    let created = |object: &'h ObjectSeen| object.text("/metadata/creationTimestamp");
    created(pod.versions[0].what).zip(created(claim.first().what))
}

/// Whether the dates or the revisions of creation put the pod first. No two objects have one revision. The date is in every
/// version, the revision of the creation only in the first.
fn speaks_against(pod: &PodLife<'_>, claim: &ClaimLife<'_>) -> bool {
    let by_revision = revisions(pod, claim).is_some_and(|(pod, claim)| pod <= claim);
    dates(pod, claim).is_some_and(|(pod, claim)| pod < claim) || (claim.birth_was_seen() && by_revision)
}

/// The first revisions of a pod and a claim, where they are numbers.
fn revisions(pod: &PodLife<'_>, claim: &ClaimLife<'_>) -> Option<(u64, u64)> {
    let number = |object: &ObjectSeen| object.revision.parse().ok();
    number(pod.versions[0].what).zip(number(claim.first().what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    /// What is known of the last pod and its claim.
    fn found(statements: &str) -> String {
        let history = history(statements);
        let view = View::of(&history);
        let set = &view.sets()[0];
        match ClaimOrders::of(&view, set).order(set.pods().last().expect("a pod"), "www-web-0") {
            ClaimOrder::ClaimFirst(_) => "claim first".to_owned(),
            ClaimOrder::PodFirst(what, _) => what,
            ClaimOrder::Doubtful(doubt, what, _) => format!("{doubt:?}: {what}"),
            ClaimOrder::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn what_gives_an_order_and_what_does_not() {
        let deleted =
            "www-web-0 claimed; web-0 created; web-0 ready; delete web-0; web-0 deleted; web-0 created";
        assert_eq!(found(deleted), "claim first");
        assert_eq!(found("www-web-0 claimed; web-0 created"), "unknown");
        assert_eq!(found("dated; www-web-0 claimed; wait 2s; web-0 created"), "claim first");
        assert_eq!(found("www-web-0 claimed; wait 6s; bookmark pods; web-0 created"), "claim first");
        assert!(found("dated; web-0 created; wait 2s; www-web-0 claimed").contains("before www-web-0"));
        assert!(
            found("web-0 created; www-web-0 claimed").starts_with("NoOrder"),
            "{}",
            found("web-0 created; www-web-0 claimed")
        );
    }

    #[test]
    fn a_claim_that_was_made_again_for_a_pod_that_waits_does_not_come_after_it() {
        let again = "dated; web-0 created; wait 3s; delete all; www-web-0 claimed; wait 2s; completed";
        assert!(found(again).contains("before www-web-0"), "{}", found(again));
        let deleted = "dated; www-web-0 claimed; wait 2s; web-0 created; delete www-web-0; www-web-0 unclaimed; wait 3s; \
             www-web-0 claimed; completed";
        assert_eq!(found(deleted), "claim first");
    }

    #[test]
    fn refusals_are_read_by_the_claims_name() {
        let mut notes = crate::checks::notation::Notes::new().say("web-0 created");
        for (reason, message) in [
            (
                "FailedCreate",
                "create Claim www-web-0 Pod web-0 in StatefulSet web failed error: exceeded quota",
            ),
            ("FailedCreate", "create Pod web-0 in StatefulSet web failed error: exceeded quota"),
            ("SuccessfulCreate", "create Claim www-web-1 Pod web-1 in StatefulSet web success"),
        ] {
            let raw = serde_json::json!({"metadata": {"name": message, "uid": message}, "reason": reason, "message": message});
            notes.object(Resource::Events, crate::history::Change::Added, raw);
        }
        let history = notes.history();
        let view = View::of(&history);
        let names: Vec<&str> = refusals(&view.sets()[0]).into_keys().collect();
        assert_eq!(names, ["www-web-0"]);
    }
}
