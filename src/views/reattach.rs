//! Whether a pod that took another's place has the claims, and the volumes, that the other had.

use super::{ClaimDeletions, ClaimLife, Doubt, PodLife, Set, View, presence, trouble};
use crate::history::{Event, Phase};

/// What the record shows of the claims of a pod and of the one that took its place.
#[derive(Debug)]
pub enum Reattached<'h> {
    /// It was ready with the same claims, each bound to the volume that it was bound to before: the events that show it.
    Same(Vec<&'h Event>),
    /// It has others: what differs, with the events that show it.
    Differs(String, Vec<&'h Event>),
    /// It cannot be told.
    Unknown(Doubt, String, Vec<&'h Event>),
    /// There is nothing to tell: the pods have no claims, or the new one went before it was ready, or a claim was deleted for
    /// no reason, which is a matter of its own.
    Nothing,
}

/// Compares the claims of an incarnation with those of the one that took its place.
pub fn reattached<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    deletions: &ClaimDeletions<'_, 'h>,
    before: &PodLife<'h>,
    pod: &PodLife<'h>,
) -> Reattached<'h> {
    let own = set.claims().of_pod(before);
    if own.is_empty() {
        return Reattached::Nothing;
    }
    if let Some(other) =
        own.iter().find_map(|(template, claim)| mounts_another(set, before, pod, template, claim))
    {
        return other;
    }
    let ready = pod.first_ready();
    let until = ready.or(pod.gone()).unwrap_or(view.history().ended());
    let mut events = vec![pod.birth()];
    // What was so before this request was so for the pod that it ended.
    let known = presence::ended_by(view, set, before).unwrap_or(before.birth());
    for (_, claim) in own {
        match same_claim(set, deletions, claim, [before.birth(), known, until]) {
            Ok(bound) => events.push(bound),
            Err(other) => return *other,
        }
    }
    let Some(ready) = ready else { return not_ready(view, set, pod) };
    let delivered_ready = pod.first(|pod| !pod.change.is_listed() && Phase::of(pod) == Phase::Ready);
    let Some(delivered_ready) = delivered_ready.filter(|_| pod.birth_was_seen()) else {
        let what = format!("how {} came back fell into a gap of the watch of pods", set.key(pod.name));
        return Reattached::Unknown(Doubt::Gap, what, vec![pod.birth(), ready]);
    };
    events.push(delivered_ready.event);
    Reattached::Same(events)
}

/// The new pod mounts another claim under the name of a template, or none. A set that was made anew may have other templates.
fn mounts_another<'h>(
    set: &Set<'h>,
    before: &PodLife<'h>,
    pod: &PodLife<'h>,
    template: &str,
    claim: &str,
) -> Option<Reattached<'h>> {
    let mounted = pod.claims();
    let now = mounted.iter().find(|(volume, _)| *volume == template).map(|(_, claim)| *claim);
    let maker = |life| set.claims().maker(life).map(|set| set.what.uid.as_str());
    if now == Some(claim) {
        return None;
    }
    if maker(before) != maker(pod) {
        return Some(Reattached::Nothing);
    }
    let (name, now) = (set.key(pod.name), now.unwrap_or("none"));
    let what = format!("{name} used the claim {claim}, and the pod that replaced it uses {now}");
    Some(Reattached::Differs(what, vec![before.birth(), pod.birth()]))
}

/// The event of its binding, if that claim was one and the same from one event to another, bound to one volume.
fn same_claim<'h>(
    set: &Set<'h>,
    deletions: &ClaimDeletions<'_, 'h>,
    claim: &str,
    [since, known, until]: [&'h Event; 3],
) -> Result<&'h Event, Box<Reattached<'h>>> {
    let name = set.key(claim);
    let unknown = |doubt, what, events| Err(Box::new(Reattached::Unknown(doubt, what, events)));
    if let Some(deletion) = deletions.unsettled(claim, since, until) {
        let what = format!("the claim {name} had not to be kept: {}", deletion.why());
        return unknown(Doubt::NotReached, what, vec![deletion.event]);
    }
    match set.claims().between(claim, since, until) {
        [] => {
            let gap = set.claims().gaps().first().map(|gap| gap.shown_by);
            let doubt = if gap.is_some() { Doubt::Gap } else { Doubt::NotReached };
            unknown(doubt, format!("the claim {name} was not seen"), vec![gap.unwrap_or(until)])
        }
        [life] if known.comes_before(life.first().event) => {
            let gap = set.claims().hidden_before(life, since).map(|gap| gap.shown_by);
            let doubt = if gap.is_some() { Doubt::Gap } else { Doubt::NoOrder };
            let what = format!("whether the claim {name} was there before is not certain");
            unknown(doubt, what, vec![gap.unwrap_or(known), life.first().event])
        }
        [life] => same_volume(set, deletions, life, known),
        [first, .., last] => Err(Box::new(Reattached::Differs(
            format!("the claim {name} was replaced by a new one of that name"),
            vec![first.first().event, last.first().event],
        ))),
    }
}

fn same_volume<'h>(
    set: &Set<'h>,
    deletions: &ClaimDeletions<'_, 'h>,
    life: &ClaimLife<'h>,
    known: &Event,
) -> Result<&'h Event, Box<Reattached<'h>>> {
    let name = set.key(life.name);
    let unknown = |doubt, what, event| Err(Box::new(Reattached::Unknown(doubt, what, vec![event])));
    if life.ended().is_some() && deletions.explain(life).is_none() {
        return Err(Box::new(Reattached::Nothing));
    }
    if let (Some(bound), Some(rebound)) = (life.bound(), life.rebound()) {
        let what = format!("the claim {name} was bound to another volume than before");
        return Err(Box::new(Reattached::Differs(what, vec![bound.event, rebound.event])));
    }
    if let Some(gap) = set.claims().lost_sight(life) {
        let what = format!("what became of the claim {name} fell into a gap of the watch");
        return unknown(Doubt::Gap, what, gap.shown_by);
    }
    let Some(bound) = life.bound() else {
        return unknown(
            Doubt::NotReached,
            format!("the claim {name} was not seen to be bound"),
            life.last().event,
        );
    };
    if let Some(gap) = set.claims().hidden_binding(life, known) {
        let what = format!("which volume {name} was bound to before fell into a gap of the watch");
        return unknown(Doubt::Gap, what, gap.shown_by);
    }
    let last = life.last();
    match last.what.text("/status/phase") {
        Some("Bound") | None => Ok(bound.event),
        Some(phase) => unknown(
            Doubt::Surroundings,
            format!("the claim {name} became {phase}: its volume is gone"),
            last.event,
        ),
    }
}

/// The new pod never was ready.
fn not_ready<'h>(view: &View<'h>, set: &Set<'h>, pod: &PodLife<'h>) -> Reattached<'h> {
    let (name, last) = (set.key(pod.name), pod.last());
    if pod.terminating().is_some() {
        return Reattached::Nothing;
    }
    let gap = set.pods().gap_between(last.event, view.ended());
    let (doubt, why) = match (gap, trouble::of_pod(last.what)) {
        (Some(_), _) => (Doubt::Gap, ", as far as the watch of pods shows".to_owned()),
        (None, Some(trouble)) => (Doubt::Surroundings, format!(": it {trouble}")),
        (None, None) => (Doubt::NotReached, String::new()),
    };
    let what = format!("{name} came back and was never ready on its claims{why}");
    Reattached::Unknown(doubt, what, vec![pod.birth(), last.event])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        checks::notation::Notes,
        history::{Change, History, Resource},
    };

    const BEFORE: &str = "set replicas=1; www-web-0 claimed; web-0 created; www-web-0 bound; web-0 ready; delete web-0; \
         web-0 terminating; web-0 deleted;";

    fn came_back(statements: &str) -> Notes {
        Notes::new().say(BEFORE).say(statements)
    }

    /// What is found of the first web-0 and of the one that took its place.
    fn found(notes: Notes) -> String {
        let history: History = notes.history();
        let view = View::of(&history);
        let set = &view.sets()[0];
        let [before, pod, ..] = &set.pods()[..] else { panic!("two lives") };
        match reattached(&view, set, &ClaimDeletions::of(&view, set), before, pod) {
            Reattached::Same(_) => "same".to_owned(),
            Reattached::Differs(what, _) => what,
            Reattached::Unknown(doubt, what, _) => format!("{doubt:?}: {what}"),
            Reattached::Nothing => "nothing".to_owned(),
        }
    }

    fn assert_found(notes: Notes, words: &str) {
        let found = found(notes);
        assert!(found.contains(words), "`{found}` does not say `{words}`");
    }

    #[test]
    fn the_same_claim_and_volume() {
        assert_found(came_back("web-0 created; web-0 ready; completed"), "same");
        let later = "web-0 created; web-0 ready; delete www-web-0; www-web-0 claim-terminating; completed";
        assert_found(came_back(later), "same");
    }

    #[test]
    fn another_claim_or_another_volume() {
        let again =
            "gap persistentvolumeclaims; www-web-0 listed; www-web-0 bound; web-0 created; web-0 ready";
        assert_found(came_back(again), "was replaced by a new one");
        assert_found(came_back("www-web-0 bound pv-other; web-0 created; web-0 ready"), "another volume");
        let mounts = |volumes: Value| {
            let mut notes = came_back("");
            let mut pod = Notes::new().say("web-0 created").present(Resource::Pods, "web-0");
            pod["metadata"]["uid"] = json!("uid-9");
            pod["spec"]["volumes"] = volumes;
            notes.object(Resource::Pods, Change::Added, pod);
            notes.say("web-0 ready; completed")
        };
        let other = json!([{"name": "www", "persistentVolumeClaim": {"claimName": "www-web-9"}}]);
        assert_found(mounts(other), "uses www-web-9");
        assert_found(mounts(json!([{"name": "www", "emptyDir": {}}])), "uses none");
    }

    #[test]
    fn a_claim_that_the_scenario_deleted_had_not_to_be_kept() {
        let asked = "delete www-web-0; www-web-0 unclaimed; www-web-0 claimed; web-0 created; web-0 ready";
        assert_found(
            came_back(asked),
            "NotReached: the claim www-web-0 had not to be kept: the scenario itself",
        );
        let not_asked = asked.replace("delete www-web-0;", "");
        assert_found(came_back(&not_asked), "was replaced by a new one");
    }

    #[test]
    fn a_set_that_was_made_anew_may_have_other_templates() {
        let mut notes = came_back("");
        let mut set = notes.present(Resource::StatefulSets, "web");
        notes.object(Resource::StatefulSets, Change::Deleted, set.clone());
        set["metadata"]["uid"] = json!("uid-second");
        set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}}]);
        notes.object(Resource::StatefulSets, Change::Added, set);
        let mut pod = Notes::new().say("web-0 created").present(Resource::Pods, "web-0");
        pod["metadata"]["uid"] = json!("uid-9");
        pod["metadata"]["ownerReferences"][0]["uid"] = json!("uid-second");
        pod["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]);
        notes.object(Resource::Pods, Change::Added, pod);
        assert_found(notes.say("web-0 ready; completed"), "nothing");
    }

    #[test]
    fn gaps_and_a_volume_that_is_gone_leave_it_open() {
        assert_found(
            came_back("web-0 created; gap persistentvolumeclaims; web-0 ready"),
            "Gap: what became of",
        );
        let again =
            "gap persistentvolumeclaims; www-web-0 listed-again; web-0 created; web-0 ready; completed";
        assert_found(came_back(again), "same");
        let hidden = BEFORE
            .replace("www-web-0 claimed;", "")
            .replace("www-web-0 bound;", "gap persistentvolumeclaims;");
        let claim =
            "opened persistentvolumeclaims; www-web-0 claimed; www-web-0 bound; web-0 created; web-0 ready";
        assert_found(
            Notes::new().say(&hidden).say(claim),
            "Gap: whether the claim www-web-0 was there before",
        );
        let late = BEFORE.replace("www-web-0 claimed;", "").replace("www-web-0 bound;", "");
        assert_found(
            Notes::new().say(&late).say(claim),
            "NoOrder: whether the claim www-web-0 was there before",
        );
        let bound = "web-0 created; gap persistentvolumeclaims; www-web-0 listed-again; opened persistentvolumeclaims";
        let before = BEFORE.replace("www-web-0 bound;", "");
        let late = Notes::new().say(&before).say(bound).say("www-web-0 bound; web-0 ready; completed");
        assert_found(late, "Gap: which volume www-web-0 was bound to before");
        let mut notes = came_back("web-0 created; web-0 ready");
        notes.modify(Resource::PersistentVolumeClaims, "www-web-0", |claim| {
            claim["status"]["phase"] = json!("Lost")
        });
        assert_found(notes, "Surroundings: the claim www-web-0 became Lost");
    }

    #[test]
    fn a_pod_that_is_never_ready_shows_nothing() {
        assert_found(came_back("web-0 created; aborted"), "NotReached: web-0 came back and was never ready");
        assert_found(came_back("web-0 created; web-0 deleted; web-0 created; web-0 ready"), "nothing");
        assert_found(
            came_back("web-0 created; gap pods; web-0 listed-again; aborted"),
            "Gap: web-0 came back",
        );
        let mut cordoned = came_back("web-0 created");
        cordoned.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["conditions"] = json!([{
                "type": "PodScheduled", "status": "False",
                "message": "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had volume node affinity conflict.",
            }]);
        });
        assert_found(
            cordoned.say("aborted"),
            "Surroundings: web-0 came back and was never ready on its claims: it found no node",
        );
    }
}
