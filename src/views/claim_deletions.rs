//! What may rightly delete the claims of a set: a request of the driver for that, and the set's own retention policy
//! (spec.persistentVolumeClaimRetentionPolicy; Kubernetes documentation, StatefulSets, "PersistentVolumeClaim retention").
//!
//! One request deletes one incarnation of a claim, so each end needs a request of its own. How soon it follows is not promised:
//! a claim that is in use is only marked for deletion and goes with its pod (StorageObjectInUseProtection), so what a request
//! does to it may be seen long after the request.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{ClaimLife, Doing, PodLife, Set, View};
use crate::history::{Event, Requested, Seen, Verb};

/// Everything in a record that may rightly delete claims of one set, in order.
#[derive(Debug)]
pub struct ClaimDeletions<'v, 'h> {
    set: &'v Set<'h>,
    all: Vec<ClaimDeletion<'h>>,
    /// What explains the end of each incarnation, by its uid.
    explained: HashMap<&'h str, ClaimDeletion<'h>>,
    /// The incarnation that each deletion ended, by its request and the claim's name.
    ended: HashMap<(u64, &'h str), &'h str>,
}

/// One thing that may rightly delete claims.
#[derive(Debug, Clone, Copy)]
pub struct ClaimDeletion<'h> {
    /// The request.
    pub event: &'h Event,
    of: Of<'h>,
}

/// Which claims are meant.
#[derive(Debug, Clone, Copy)]
enum Of<'h> {
    /// The claims of that name, or all; the one incarnation where a uid is given.
    Named(Option<&'h str>, Option<&'h str>),
    /// Those of the ordinals from the first on up to the second are kept, all others may go.
    AllBut(u32, u32),
    /// All of the set.
    SetDeleted,
    /// All, with what they lie in or on.
    Surroundings,
}

impl ClaimDeletion<'_> {
    /// For a person to read.
    pub const fn why(&self) -> &'static str {
        match self.of {
            Of::Named(..) => "the scenario itself deleted the claim or gave it an owner",
            Of::AllBut(..) => {
                "the set's retention policy deletes the claims of ordinals that are scaled away"
            }
            Of::SetDeleted => "the set was deleted, and its retention policy deletes its claims then",
            Of::Surroundings => "the scenario deleted a namespace, a node or a volume",
        }
    }

    fn means(&self, uid: &str) -> bool {
        !matches!(self.of, Of::Named(_, Some(meant)) if meant != uid)
    }

    fn is_of(&self, claim: &str, ordinal: Option<u32>) -> bool {
        match self.of {
            Of::Named(name, _) => name.is_none_or(|name| name == claim),
            Of::AllBut(start, end) => ordinal.is_some_and(|ordinal| ordinal < start || ordinal >= end),
            Of::SetDeleted => ordinal.is_some(),
            Of::Surroundings => true,
        }
    }
}

impl<'v, 'h> ClaimDeletions<'v, 'h> {
    /// What a record has of them for a set.
    pub fn of(view: &View<'h>, set: &'v Set<'h>) -> Self {
        let policies = Policies::of(set);
        let requested = view.doings().iter().filter_map(|doing| requested(set, &policies, doing));
        let mut all: Vec<ClaimDeletion<'h>> = requested.chain(scaled(view, set, &policies)).collect();
        all.sort_by_key(|deletion| deletion.event.seq);
        let mut deletions = Self { set, all, explained: HashMap::new(), ended: HashMap::new() };
        let names: HashSet<&'h str> =
            set.claims().all().filter(|l| l.ended().is_some()).map(|l| l.name).collect();
        names.into_iter().for_each(|name| deletions.match_lives(name));
        deletions
    }

    /// Gives each end of a claim of that name the first request before it that is free.
    fn match_lives(&mut self, name: &'h str) {
        let ordinal = self.set.claims().read(name).map(|(_, ordinal)| ordinal);
        let mut free: Vec<ClaimDeletion<'h>> =
            self.all.iter().copied().filter(|deletion| deletion.is_of(name, ordinal)).collect();
        for life in self.set.claims().named(name) {
            let Some(ended) = life.ended() else { continue };
            let fits = |d: &ClaimDeletion<'h>| d.event.comes_before(ended) && d.means(life.uid);
            if let Some(place) = free.iter().position(fits) {
                let deletion = free.remove(place);
                self.explained.insert(life.uid, deletion);
                self.ended.insert((deletion.event.seq, name), life.uid);
            }
        }
    }

    /// What explains that a claim ended, if something does.
    pub fn explain(&self, life: &ClaimLife<'h>) -> Option<ClaimDeletion<'h>> {
        self.explained.get(life.uid).copied()
    }

    /// What may have made one claim of that name into another between two events, or have done so before and not be over yet
    /// at the first.
    pub fn unsettled(&self, claim: &str, since: &Event, until: &Event) -> Option<ClaimDeletion<'h>> {
        let ordinal = self.set.claims().read(claim).map(|(_, ordinal)| ordinal);
        let known = self.all.partition_point(|deletion| deletion.event.seq < until.seq);
        let latest = self.all[..known].iter().rev().find(|deletion| deletion.is_of(claim, ordinal))?;
        let is_over = latest.event.seq <= since.seq && self.is_over(latest, claim, since);
        (!is_over).then_some(*latest)
    }

    fn unsettled_of(&self, pod: &PodLife<'h>, since: &Event, until: &Event) -> Option<ClaimDeletion<'h>> {
        let mounted = pod.claims();
        mounted.into_iter().find_map(|(_, claim)| self.unsettled(claim, since, until))
    }

    /// Likewise, of any of the claims that the pods with these uids mount.
    pub fn unsettled_for(&self, uids: &[&str], since: &Event, until: &Event) -> Option<ClaimDeletion<'h>> {
        let pods = uids.iter().filter_map(|uid| self.set.pods().with_uid(uid));
        pods.into_iter().find_map(|pod| self.unsettled_of(pod, since, until))
    }

    /// Whether at an event another claim than the deleted one had that name already.
    fn is_over(&self, deletion: &ClaimDeletion<'h>, claim: &str, at: &Event) -> bool {
        let Some(uid) = self.ended.get(&(deletion.event.seq, claim)) else { return false };
        let mut later = self.set.claims().named(claim).iter().skip_while(|life| life.uid != *uid).skip(1);
        later.next().is_some_and(|next| next.first().event.seq <= at.seq)
    }
}

/// What a doing of the driver deletes, if it may delete claims.
fn requested<'h>(set: &Set<'h>, policies: &Policies<'h>, doing: &Doing<'h>) -> Option<ClaimDeletion<'h>> {
    let request = doing.request()?;
    let in_place = request.namespace.as_deref().is_none_or(|of| of == set.namespace);
    let deletes = matches!(request.verb, Verb::Delete | Verb::DeleteCollection);
    let owns = request.what.body.pointer("/metadata/ownerReferences").is_some();
    let own = request.name.as_deref().is_none_or(|name| name == set.name);
    let of = match request.what.resource.as_str() {
        "persistentvolumes" | "namespaces" | "nodes" if deletes => Of::Surroundings,
        "persistentvolumeclaims" if (deletes || owns) && in_place => {
            Of::Named(request.what.name.as_deref(), request.what.uid.as_deref())
        }
        "statefulsets" if deletes && in_place && own && request.subresource.is_none() => {
            policies.may_delete(set, WHEN_DELETED, doing.event, doing.event).then_some(Of::SetDeleted)?
        }
        _ => return None,
    };
    Some(ClaimDeletion { event: doing.event, of })
}

/// The numbers of replicas that were asked for while the policy may have been to delete the claims of other ordinals.
fn scaled<'h>(view: &View<'h>, set: &Set<'h>, policies: &Policies<'h>) -> Vec<ClaimDeletion<'h>> {
    let mut begins: BTreeSet<u64> = set.asked().iter().map(|asked| asked.event.seq).collect();
    let renumbers = |body: &Value| body.pointer("/spec/ordinals").is_some();
    begins.extend(set.requests().iter().filter(|r| renumbers(&r.what.body)).map(|r| r.event.seq));
    let begins: Vec<u64> = begins.into_iter().collect();
    let ends: Vec<u64> = begins.iter().skip(1).copied().chain([view.ended().seq]).collect();
    let intervals = begins.into_iter().zip(ends);
    let intervals = intervals.map(|(begin, end)| (view.history().event(begin), view.history().event(end)));
    let deletes = intervals.filter(|(from, until)| policies.may_delete(set, WHEN_SCALED, from, until));
    let kept = deletes.filter_map(|(event, until)| {
        let starts = [set.start_at(event), set.start_at(until)];
        let end = starts[0].min(starts[1]).saturating_add(set.asked_at(event)?.replicas);
        Some(ClaimDeletion { event, of: Of::AllBut(starts[0].max(starts[1]), end) })
    });
    kept.collect()
}

const WHEN_SCALED: &str = "whenScaled";
const WHEN_DELETED: &str = "whenDeleted";

/// What the driver asked the retention policy to be. The stored set may show it late.
struct Policies<'h> {
    requests: Vec<Seen<'h, Requested>>,
}

impl<'h> Policies<'h> {
    fn of(set: &Set<'h>) -> Self {
        let says = |body: &Value| body.pointer(POLICY).is_some();
        Self { requests: set.requests().iter().copied().filter(|r| says(&r.what.body)).collect() }
    }

    /// Whether the policy may have been to delete claims at some time between two events. What was not seen
    /// may have been that.
    fn may_delete(&self, set: &Set<'h>, when: &str, from: &Event, until: &Event) -> bool {
        let stored = set.at(from).into_iter().chain(set.versions_between(from, until).iter().copied());
        let mut stored = stored.map(|version| version.what.text(&format!("{POLICY}/{when}"))).peekable();
        let is_hidden = set.history().gap_between(set.watch(), from, until).is_some();
        if is_hidden || stored.peek().is_none() {
            return true;
        }
        let before = self.requests.partition_point(|request| request.event.seq <= from.seq);
        let asked = self.requests[before.saturating_sub(1)..].iter();
        let mut asked = asked.take_while(|request| request.event.seq <= until.seq);
        stored.any(|policy| policy == Some("Delete"))
            || asked.any(|request| {
                request.what.body.pointer(&format!("{POLICY}/{when}")) == Some(&"Delete".into())
            })
    }
}

const POLICY: &str = "/spec/persistentVolumeClaimRetentionPolicy";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::Notes,
        history::{History, Resource},
    };

    /// web-0 and web-1 with their claims, under a set of two whose retention policy is this one.
    fn with_policy(when_deleted: &str, when_scaled: &str) -> Notes {
        let mut notes = Notes::new().say("set replicas=2");
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["persistentVolumeClaimRetentionPolicy"] =
                json!({"whenDeleted": when_deleted, "whenScaled": when_scaled});
        });
        notes.say(
            "www-web-0 claimed; web-0 created; web-0 ready; www-web-1 claimed; web-1 created; web-1 ready",
        )
    }

    /// Why the first life of this claim ended, if something explains it.
    fn why(history: &History, claim: &str) -> Option<&'static str> {
        let view = View::of(history);
        let set = &view.sets()[0];
        ClaimDeletions::of(&view, set).explain(&set.claims().named(claim)[0]).map(|it| it.why())
    }

    fn delete_set(notes: &mut Notes) {
        notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
    }

    #[test]
    fn what_the_driver_deletes_is_explained_however_late_it_goes() {
        let kept = || with_policy("Retain", "Retain");
        let asked = kept().say(
            "delete www-web-1; www-web-1 claim-terminating; delete web-1; wait 60s; www-web-1 unclaimed",
        );
        assert!(why(&asked.history(), "www-web-1").is_some_and(|why| why.contains("scenario itself")));
        let not_asked = kept().say("delete www-web-0; www-web-1 unclaimed");
        assert_eq!(why(&not_asked.history(), "www-web-1"), None, "another claim was deleted");
        let too_late = kept().say("www-web-1 unclaimed; scale 1; www-web-1 claimed; delete www-web-1");
        assert_eq!(why(&too_late.history(), "www-web-1"), None, "it was gone before that was asked for");
    }

    #[test]
    fn a_deletion_explains_the_end_of_the_incarnation_that_it_means() {
        let twice = with_policy("Retain", "Retain")
            .say("delete www-web-1; www-web-1 unclaimed; www-web-1 claimed; www-web-1 unclaimed");
        let history = twice.history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        let deletions = ClaimDeletions::of(&view, set);
        let [first, second] = set.claims().named("www-web-1") else { panic!("two lives") };
        assert!(deletions.explain(first).is_some() && deletions.explain(second).is_none());
    }

    #[test]
    fn a_collection_explains_what_was_there() {
        let mut notes = with_policy("Retain", "Retain");
        let claims = Resource::PersistentVolumeClaims;
        notes.request(Verb::DeleteCollection, claims, None, None, json!({}));
        let history =
            notes.say("www-web-0 unclaimed; wait 60s; www-web-0 claimed; www-web-0 unclaimed").history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        let deletions = ClaimDeletions::of(&view, set);
        let [first, second] = set.claims().named("www-web-0") else { panic!("two lives") };
        assert!(deletions.explain(first).is_some());
        assert!(deletions.explain(second).is_none(), "it came to be long after the request");
    }

    #[test]
    fn claims_of_ordinals_that_are_scaled_away_go_where_the_policy_says_so() {
        let down = "scale 1; web-1 deleted; www-web-1 unclaimed";
        assert!(why(&with_policy("Retain", "Delete").say(down).history(), "www-web-1").is_some());
        assert_eq!(why(&with_policy("Delete", "Retain").say(down).history(), "www-web-1"), None);
        let kept = "scale 1; web-1 deleted; www-web-0 unclaimed";
        assert_eq!(why(&with_policy("Retain", "Delete").say(kept).history(), "www-web-0"), None);
        let not_scaled = "delete web-1; web-1 deleted; www-web-1 unclaimed";
        assert_eq!(why(&with_policy("Retain", "Delete").say(not_scaled).history(), "www-web-1"), None);
    }

    #[test]
    fn the_policy_that_counts_is_that_of_the_time() {
        let patched = |policy: &str, then: &str| {
            let mut notes = with_policy("Retain", "Retain");
            let body = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": policy}}});
            notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, body);
            why(&notes.say(then).history(), "www-web-1")
        };
        assert!(patched("Delete", "scale 1; www-web-1 unclaimed").is_some());
        assert_eq!(patched("Retain", "scale 1; www-web-1 unclaimed"), None);
        let mut notes = with_policy("Retain", "Delete").say("scale 1; scale 2");
        let body = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Retain"}}});
        notes.request(Verb::Patch, Resource::StatefulSets, Some("web"), None, body);
        notes.modify(Resource::StatefulSets, "web", |set| {
            set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] = json!("Retain");
        });
        let late =
            notes.say("www-web-1 unclaimed; www-web-1 claimed; scale 1; www-web-1 unclaimed").history();
        let view = View::of(&late);
        let set = &view.sets()[0];
        let deletions = ClaimDeletions::of(&view, set);
        let [first, second] = set.claims().named("www-web-1") else { panic!("two lives") };
        assert!(deletions.explain(first).is_some(), "it had been scaled away under the policy Delete");
        assert!(deletions.explain(second).is_none(), "the policy was another one then");
    }

    #[test]
    fn claims_go_with_their_set_where_the_policy_says_so() {
        for (policy, is_explained) in [("Delete", true), ("Retain", false)] {
            let mut notes = with_policy(policy, "Retain");
            delete_set(&mut notes);
            let history = notes.say("web-1 deleted; www-web-1 unclaimed").history();
            assert_eq!(why(&history, "www-web-1").is_some(), is_explained, "{policy}");
        }
    }

    #[test]
    fn a_policy_that_fell_into_a_gap_may_have_been_any() {
        let hidden = with_policy("Retain", "Retain").say("gap statefulsets; scale 1; www-web-1 unclaimed");
        assert!(why(&hidden.history(), "www-web-1").is_some());
        let over = with_policy("Retain", "Retain")
            .say("gap statefulsets; set replicas=2; scale 1; www-web-1 unclaimed");
        assert_eq!(why(&over.history(), "www-web-1"), None);
    }

    #[test]
    fn other_ordinals_are_meant_where_the_ordinals_begin_elsewhere() {
        let notes =
            with_policy("Retain", "Delete").say("set start=1 replicas=1; scale 1; www-web-0 unclaimed");
        assert!(why(&notes.history(), "www-web-0").is_some());
    }

    #[test]
    fn what_the_claims_lie_on_may_take_them_along() {
        let mut notes = with_policy("Retain", "Retain");
        let request = Requested::new(Verb::Delete, "persistentvolumes", Some("pv-1".to_owned()), json!({}));
        notes.requested(request);
        assert!(why(&notes.say("www-web-1 unclaimed").history(), "www-web-1").is_some());
    }

    #[test]
    fn a_deletion_is_over_once_another_claim_has_the_name() {
        let unsettled = |statements: &str, since: u64, until: u64| {
            let start = with_policy("Retain", "Retain");
            let first = start.clone().history().events.len() as u64;
            let history = start.say(statements).history();
            let view = View::of(&history);
            let set = &view.sets()[0];
            let deletions = ClaimDeletions::of(&view, set);
            let (since, until) = (history.event(first + since), history.event(first + until));
            assert!(deletions.unsettled("www-web-0", since, until).is_none());
            let by_pod = deletions.unsettled_for(&[set.pods()[0].uid, set.pods()[1].uid], since, until);
            let by_name = deletions.unsettled("www-web-1", since, until);
            assert_eq!(by_pod.map(|it| it.event.seq), by_name.map(|it| it.event.seq));
            by_name.is_some()
        };
        let statements = "set replicas=2; delete www-web-1; www-web-1 unclaimed; www-web-1 claimed; set replicas=2; scale 3";
        assert!(unsettled(statements, 0, 5), "it was deleted in between");
        assert!(unsettled(statements, 2, 5), "there was no other claim yet");
        assert!(!unsettled(statements, 4, 5), "the claim is another one already");
        assert!(!unsettled(statements, 0, 1), "it was not deleted yet");
    }
}
