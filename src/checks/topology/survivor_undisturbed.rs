//! `survivor-undisturbed`: when one pod is lost, only that one is recreated; the others are left alone.

use super::neglect::neglected;
use crate::{
    checks::{Check, Findings},
    history::{
        Change, Event, History, Json, ObjectSeen, PodLife, Pods, Requested, Resource, SET, Seen, Verb,
        lives::addresses, lives::condition,
    },
};

/// Judges `specs/topology/survivor-undisturbed.yaml`.
pub(super) const CHECK: Check = Check { id: "survivor-undisturbed", judge };

fn judge(history: &History, findings: &mut Findings) {
    let lives = history.pods();
    let mut deletions: Vec<Seen<'_, Requested>> = Vec::new();
    for request in history.requests().filter(|request| deletes_one(request)) {
        // A request that was sent again is the same deletion.
        if deletions.last().is_none_or(|last| last.uid != request.uid) {
            deletions.push(request);
        }
    }
    let revisions: Vec<_> = history.set().filter_map(|set| Some((revisions(set.what)?, set.event))).collect();
    for (index, request) in deletions.iter().enumerate() {
        let until = deletions.get(index + 1).map_or_else(|| history.ended(), |next| next.event);
        let Some(name) = request.what.name.as_deref() else { continue };
        Loss { history, lives: &lives, revisions: &revisions, name, request: request.event, until }
            .judge(findings);
    }
}

fn deletes_one(request: &Requested) -> bool {
    request.verb == Verb::Delete && request.resource == Resource::Pods.plural()
}

/// One pod's deletion, from the request to the next one.
struct Loss<'f, 'h> {
    history: &'h History,
    lives: &'f Pods<'h>,
    /// The current and the update revision in the set's status, each time with the event that told them.
    revisions: &'f [((&'h str, &'h str), &'h Event)],
    name: &'h str,
    request: &'h Event,
    until: &'h Event,
}

impl<'h> Loss<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let mut survivors = self.lives.at(self.request.seq);
        survivors.retain(|life| life.name != self.name);
        let undisturbed: Vec<bool> =
            survivors.iter().map(|life| !self.is_disturbed(findings, life)).collect();
        let Some(back) = self.back(findings, undisturbed.len()) else { return };
        if let Some(gap) = self.history.gap_between(Resource::Pods, self.request, self.until) {
            return findings.blind("the watch of pods has a gap after the deletion", &[gap]);
        }
        for (life, _) in survivors.into_iter().zip(undisturbed).filter(|(_, undisturbed)| *undisturbed) {
            let what = format!("{} was left alone when {} was deleted and came back", life.name, self.name);
            findings.held(what, &[self.request, self.last(life).event, back]);
        }
        self.revision(findings, back);
    }

    /// When the deleted pod was back and ready; says so if the set never recreated it.
    fn back(&self, findings: &mut Findings, survivors: usize) -> Option<&'h Event> {
        let latest = self.lives.before(self.name, self.until.seq);
        let recreated = latest.take_while(|life| self.has(life.birth()));
        // The latest come first: the last that is found is the first that was ready.
        let back = recreated.filter_map(PodLife::first_ready).last().filter(|ready| self.has(ready));
        if back.is_some() {
            return back;
        }
        let replicas = u32::try_from(survivors).map_or(u32::MAX, |survivors| survivors + 1);
        let mut waits = self.history.timed_out("pods-").filter(|(event, ..)| self.has(event));
        let given_up = waits.next().map(|(event, ..)| event);
        let neglected = given_up
            .and_then(|event| Some((event, neglected(self.history, self.lives, replicas, event)?)))
            .filter(|(_, neglected)| self.name == format!("{SET}-{}", neglected.ordinal));
        match neglected {
            Some((event, neglected)) => findings.broken(
                format!(
                    "{} was not recreated for {:.0} s, and nothing stood in its way",
                    self.name, neglected.secs
                ),
                &[self.request, neglected.since, event],
            ),
            None => findings.blind(
                format!("{} was not seen to be ready again after its deletion", self.name),
                &[self.request],
            ),
        }
        None
    }

    fn has(&self, event: &Event) -> bool {
        self.request.comes_before(event) && event.seq <= self.until.seq
    }

    /// The survivor's newest version at the end.
    fn last(&self, life: &PodLife<'h>) -> Seen<'h, ObjectSeen> {
        life.at(self.until.seq).unwrap_or(life.last())
    }

    /// Says what was done to a pod that nobody asked to be deleted, if anything was.
    fn is_disturbed(&self, findings: &mut Findings, life: &PodLife<'h>) -> bool {
        let before = life.at(self.request.seq).expect("it is a survivor");
        let name = life.name;
        if containers(before.what).is_empty() || before.is_terminating() {
            findings.blind(format!("{name} was not running when {} was deleted", self.name), &[before.event]);
            return true;
        }
        let after = life.between(Some(self.request.seq), self.until.seq);
        let Some((change, version)) = after.iter().find_map(|v| Some((changed(before.what, v.what)?, v)))
        else {
            return false;
        };
        let what = format!("{name} {change} after {} was deleted", self.name);
        if after.iter().any(|version| is_evicted(version.what)) {
            let what = format!("{what}; it was evicted, which is not the set's doing");
            findings.blind(what, &[self.request, version.event]);
        } else {
            findings.broken(what, &[self.request, before.event, version.event]);
        }
        true
    }

    /// The set's revisions are those of before.
    fn revision(&self, findings: &mut Findings, back: &Event) {
        let known = self.revisions.partition_point(|(_, event)| event.seq <= self.request.seq);
        let mut before: Option<((&str, &str), &Event)> =
            known.checked_sub(1).map(|last| self.revisions[last]);
        for (now, event) in
            self.revisions[known..].iter().take_while(|(_, event)| event.seq <= self.until.seq)
        {
            match before {
                Some((was, first)) if was != *now => {
                    let what = format!(
                        "the set's revision became {} (update {}) after {} was deleted, from {} (update {})",
                        now.0, now.1, self.name, was.0, was.1
                    );
                    return findings.broken(what, &[first, self.request, event]);
                }
                Some(_) => {}
                None => before = Some((*now, event)),
            }
        }
        match before.filter(|(_, event)| event.comes_before(self.request)) {
            Some((was, event)) => {
                let what = format!("the set's revision stayed {} when {} was recreated", was.0, self.name);
                findings.held(what, &[event, back]);
            }
            None => findings.blind("the set's revision before the deletion is not known", &[self.request]),
        }
    }
}

fn revisions(set: &ObjectSeen) -> Option<(&str, &str)> {
    Some((set.text("/status/currentRevision")?, set.text("/status/updateRevision")?))
}

/// What became of a pod that should have been left alone; none where nothing did.
fn changed(before: &ObjectSeen, now: &ObjectSeen) -> Option<String> {
    let (was, is) = (containers(before), containers(now));
    let restarted = !is.is_empty() && was != is;
    match () {
        () if now.change == Change::Deleted => Some("was removed".to_owned()),
        () if now.is_terminating() => Some("began to terminate".to_owned()),
        () if restarted => Some(format!("had a container stopped or restarted ({})", restarts(now))),
        () if !addresses(now).is_empty() && addresses(before) != addresses(now) => {
            Some(format!("changed its address from {:?} to {:?}", addresses(before), addresses(now)))
        }
        () => None,
    }
}

/// Name, id, restart count and start time of each container that was started, by name.
fn containers(pod: &ObjectSeen) -> Vec<[&Json; 4]> {
    let statuses = pod.list("/status/containerStatuses").iter();
    let mut all: Vec<[&Json; 4]> = statuses
        .filter(|s| s["containerID"].as_str().is_some())
        .map(|s| [&s["name"], &s["containerID"], &s["restartCount"], &s["state"]["running"]["startedAt"]])
        .collect();
    all.sort_by_key(|container| container[0].as_str());
    all
}

fn restarts(pod: &ObjectSeen) -> String {
    let of =
        |s: &Json| format!("{}: restart count {}", s["name"].as_str().unwrap_or_default(), s["restartCount"]);
    pod.list("/status/containerStatuses").iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Whether something other than the set took the pod away, and said so.
fn is_evicted(pod: &ObjectSeen) -> bool {
    condition(pod, "DisruptionTarget") == Some("True") || pod.text("/status/reason") == Some("Evicted")
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
        history::{Resource, Verb},
    };

    const THREE: &str = "set replicas=3 revision=web-7; web-0 created; web-0 container c0; web-0 ready; \
        web-1 created; web-1 container c1; web-1 ready; web-2 created; web-2 container c2; web-2 ready; set ready=3;";
    const LOST: &str = "delete web-0; web-0 terminating; set ready=2; web-0 deleted; web-0 created;";
    const BACK: &str = "web-0 container c3; web-0 ready; set ready=3;";

    #[test]
    fn only_the_deleted_one_is_recreated() {
        assert_held(&CHECK, &format!("{THREE} {LOST} {BACK} completed"), 3);
    }

    #[test]
    fn the_lowest_and_then_the_highest() {
        let highest = "delete web-2; web-2 terminating; web-2 deleted; web-2 created; web-2 ready; completed";
        assert_held(&CHECK, &format!("{THREE} {LOST} {BACK} {highest}"), 6);
    }

    #[test]
    fn a_request_that_was_sent_again_is_one_deletion() {
        let history = format!("{THREE} delete web-0; {LOST} {BACK} completed");
        assert_held(&CHECK, &history, 3);
    }

    #[test]
    fn other_updates_of_a_survivor_are_no_disturbance() {
        let updates = "web-1 unready; web-1 ready; web-1 label a=b; web-2 label a=b;";
        assert_held(&CHECK, &format!("{THREE} {LOST} {updates} {BACK} completed"), 3);
    }

    #[test]
    fn the_whole_set_is_recreated() {
        let history = format!("{THREE} {LOST} {BACK} web-1 terminating; web-1 deleted; web-1 created");
        assert_broken(&CHECK, &history, "web-1 began to terminate after web-0 was deleted");
    }

    #[test]
    fn a_survivor_is_removed_without_notice() {
        assert_broken(&CHECK, &format!("{THREE} {LOST} {BACK} web-2 deleted"), "web-2 was removed");
    }

    #[test]
    fn a_survivor_is_restarted_in_place() {
        let history = format!("{THREE} {LOST} web-1 container c9 1; {BACK} completed");
        assert_broken(
            &CHECK,
            &history,
            "web-1 had a container stopped or restarted (nginx: restart count 1)",
        );
    }

    #[test]
    fn a_container_that_has_not_started_was_not_restarted() {
        let mut notes = Notes::new().say(&format!("{THREE} {LOST}"));
        notes.modify(Resource::Pods, "web-1", |pod| {
            let statuses = pod["status"]["containerStatuses"].as_array_mut().expect("statuses");
            statuses.push(json!({"name": "sidecar", "restartCount": 0, "state": {"waiting": {}}}));
        });
        let findings = judge(&CHECK, &notes.say(&format!("{BACK} completed")).history());
        assert_eq!((findings.held, findings.findings.len()), (3, 3), "{:#?}", findings.findings);
    }

    #[test]
    fn a_survivor_gets_another_address() {
        let history = format!("{THREE} {LOST} web-1 address 10.0.0.99; {BACK} completed");
        assert_broken(&CHECK, &history, "web-1 changed its address");
    }

    #[test]
    fn the_loss_makes_a_new_revision() {
        let history = format!("{THREE} {LOST} set revision=web-8; {BACK} completed");
        assert_broken(&CHECK, &history, "the set's revision became web-8");
    }

    #[test]
    fn the_lost_one_never_comes_back() {
        let lost = "delete web-0; web-0 terminating; web-0 deleted; wait 120s;";
        let history = format!("{THREE} {lost} timed-out pods-ready [0, 1, 2]; aborted");
        assert_broken(&CHECK, &history, "web-0 was not recreated for 120 s");
    }

    #[test]
    fn the_highest_never_comes_back() {
        let history = "delete web-2; web-2 terminating; web-2 deleted; wait 120s; timed-out pods-ready [2]";
        assert_broken(&CHECK, &format!("{THREE} {history}; aborted"), "web-2 was not recreated for 120 s");
    }

    #[test]
    fn other_requests_are_no_loss() {
        for (verb, resource) in [(Verb::Delete, Resource::Services), (Verb::Patch, Resource::Pods)] {
            let mut notes = Notes::new().say(THREE);
            notes.request(verb, resource, Some("web-0"), None, json!({}));
            let findings = judge(&CHECK, &notes.say("completed").history());
            assert!(findings.findings.is_empty(), "{verb:?}: {:#?}", findings.findings);
        }
    }

    #[test]
    fn one_that_cannot_start_is_not_held_against_the_set() {
        let history = format!("{THREE} {LOST} wait 120s; timed-out pods-ready [0, 1, 2]; aborted");
        assert_blind(&CHECK, &history, "not seen to be ready again");
    }

    #[test]
    fn nothing_is_known_across_a_gap() {
        assert_blind(&CHECK, &format!("{THREE} {LOST} gap pods; {BACK} completed"), "gap");
    }

    #[test]
    fn a_survivor_that_did_not_run_shows_nothing() {
        let history = "set revision=web-7; web-0 created; web-0 ready; web-1 created; delete web-0; \
            web-0 deleted; web-0 created; web-0 ready; completed";
        assert_blind(&CHECK, history, "web-1 was not running when web-0 was deleted");
    }

    #[test]
    fn an_eviction_is_not_the_sets_doing() {
        let mut notes = Notes::new().say(&format!("{THREE} {LOST}"));
        notes.modify(Resource::Pods, "web-1", |pod| {
            let conditions = pod["status"]["conditions"].as_array_mut().expect("conditions");
            conditions.push(json!({"type": "DisruptionTarget", "status": "True"}));
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        });
        let findings = judge(&CHECK, &notes.say(BACK).history());
        let said: Vec<_> = findings.findings.iter().map(|finding| finding.what.as_str()).collect();
        assert!(said.iter().any(|what| what.contains("it was evicted")), "{said:?}");
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{said:?}");
    }

    #[test]
    fn without_a_deletion_nothing_is_said() {
        assert_silent(&CHECK, THREE);
    }
}
