//! `identity-labels`: each pod carries its own name and a live revision as labels, and a Service finds it by them.

use std::collections::{BTreeMap, HashMap};

use super::found_by_name;
use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, ObjectSeen, Resource, Seen},
    views::{
        Dimension, PodLife, Set, View, absence, edits::Edits, name_services::POD_NAME_LABEL, order,
        recreation::requests_by_successor,
    },
};

/// Judges `specs/network-identity/identity-labels.yaml`.
pub(super) const CHECK: Check = Check { id: "identity-labels", judge };

/// Each pod carries its name.
const NAME: &str = "name";
/// So does each pod that came back after a deletion.
const NAME_AGAIN: &str = "name-again";
/// Each pod carries a revision that exists.
const REVISION: &str = "revision";
/// So does each pod that came back after a deletion.
const REVISION_AGAIN: &str = "revision-again";
const REVISION_LABEL: &str = "controller-revision-hash";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let edits = Edits::of(view, set);
        let by_request = requests_by_successor(view, set);
        let revisions = Revisions::of(view, set);
        let ended = view.history().ended();
        let own = set.pods().iter().filter(|life| !edits.touched(life, life.birth()));
        for life in own.filter(|life| life.birth().seq <= ended.seq) {
            let versions = life.between(None, ended).iter().copied();
            let versions = versions.filter(|version| !edits.touched(life, version.event)).collect();
            let hidden = set.pods().hidden_version(life);
            let request = by_request.get(life.uid).copied();
            let pod =
                Pod { view, set, life, versions, hidden, request, edits: &edits, revisions: &revisions };
            pod.has_its_name(findings);
            pod.has_a_live_revision(findings);
        }
        found_by_name::judge(view, set, &edits, findings);
    }
}

/// The ControllerRevisions of a set by their names: each time that there was one.
struct Revisions<'h> {
    by_name: HashMap<&'h str, Vec<Revision<'h>>>,
    /// Since when the scenario itself was taking revisions away.
    deleted_by_driver: Option<&'h Event>,
}

struct Revision<'h> {
    uid: &'h str,
    made: Seen<'h, ObjectSeen>,
    gone: Option<&'h Event>,
}

impl<'h> Revisions<'h> {
    fn of(view: &View<'h>, set: &Set<'h>) -> Self {
        let (history, mut by_name) = (view.history(), HashMap::<&str, Vec<Revision<'_>>>::new());
        for version in history.objects(set.watch_of(Resource::ControllerRevisions)) {
            if !is_of(set, version.what) {
                continue;
            }
            let lives = by_name.entry(&version.what.name).or_default();
            if lives.last().is_none_or(|last| last.uid != version.what.uid) {
                lives.push(Revision { uid: &version.what.uid, made: version, gone: None });
            }
            let is_gone = version.change.is_removal() && version.event.seq <= history.ended().seq;
            lives.last_mut().expect("it was there or was added").gone = is_gone.then_some(version.event);
        }
        let takes = |doing: &&crate::views::Doing<'h>| {
            let request = doing.request();
            let is_meant = request.is_some_and(|request| request.is_of(Resource::ControllerRevisions));
            is_meant || doing.removes_set(set)
        };
        let deleted_by_driver = view.doings().iter().find(takes).map(|doing| doing.event);
        Self { by_name, deleted_by_driver }
    }
}

/// Whether a ControllerRevision is the set's: its controller is, or it has none and its name begins as the set's do.
fn is_of(set: &Set<'_>, revision: &ObjectSeen) -> bool {
    match revision.controller() {
        Some(owner) => owner["name"] == *set.name,
        None => revision.name.strip_prefix(set.name).is_some_and(|rest| rest.starts_with('-')),
    }
}

struct Pod<'p, 'h> {
    view: &'p View<'h>,
    set: &'p Set<'h>,
    life: &'p PodLife<'h>,
    /// Its versions up to the end of the scenario, without those after the driver wrote into it.
    versions: Vec<Seen<'h, ObjectSeen>>,
    /// The gap that hides some of them.
    hidden: Option<&'h Event>,
    /// The request that took away the incarnation before, if one did.
    request: Option<&'h Event>,
    edits: &'p Edits<'h>,
    revisions: &'p Revisions<'h>,
}

impl<'h> Pod<'_, 'h> {
    fn has_its_name(&self, findings: &mut Findings) {
        let (name, own) = (self.name(), self.life.name);
        if let Some(version) = self.versions.iter().find(|v| v.what.label(POD_NAME_LABEL) != Some(own)) {
            let label = version.what.label(POD_NAME_LABEL);
            let label = label.map_or("no label".to_owned(), |value| format!("the label `{value}`"));
            let what = format!("{name} has {label} at {POD_NAME_LABEL}");
            return findings.on(NAME).pod(name).broken(what, &[version.event]);
        }
        let what = format!("{name} carries its name as a label");
        self.held([NAME, NAME_AGAIN], what, &[self.life.birth()], findings);
    }

    fn has_a_live_revision(&self, findings: &mut Findings) {
        let mut carried: BTreeMap<&str, (&Event, &Event)> = BTreeMap::new();
        for version in self.versions.iter().filter(|version| self.is_set_there(version.event)) {
            let Some(hash) = version.what.label(REVISION_LABEL) else {
                let what = format!("{} has no label {REVISION_LABEL}", self.name());
                return findings.on(REVISION).pod(self.name()).broken(what, &[version.event]);
            };
            carried.entry(hash).or_insert((version.event, version.event)).1 = version.event;
        }
        for (hash, (first, last)) in carried {
            self.is_live(hash, first, last, findings);
        }
    }

    /// Where the scenario takes the set or its revisions away, they may go before the pods.
    fn is_set_there(&self, event: &Event) -> bool {
        let deleted = self.revisions.deleted_by_driver;
        !self.edits.set_was_removed(event) && !deleted.is_some_and(|deleted| deleted.comes_before(event))
    }

    fn is_live(&self, hash: &str, first: &'h Event, last: &'h Event, findings: &mut Findings) {
        let (history, name) = (self.view.history(), self.name());
        let watch = self.set.watch_of(Resource::ControllerRevisions);
        let lives = self.revisions.by_name.get(hash).map_or(&[][..], Vec::as_slice);
        let covers = |revision: &&Revision<'h>| {
            let late = !revision.made.change.is_listed()
                && order::certainly_before(history, first, revision.made.event);
            let gone = revision.gone.is_some_and(|gone| order::certainly_before(history, gone, last));
            !late && !gone
        };
        let say = findings.on(REVISION).pod(name.as_str());
        let Some(live) = lives.iter().find(covers) else {
            let what =
                format!("{name} carries the revision {hash}, and the set has no such ControllerRevision");
            let unsure = |event| absence::unsure(self.view, watch, event);
            return match unsure(first).or_else(|| unsure(last)) {
                Some(unsure) => say.blind(Cause::Gap, what, &[unsure.event(), first]),
                None => say.broken(what, &[first, last]),
            };
        };
        if let Some(gap) = history.gap_between(watch, first, last) {
            let what = format!(
                "a gap in the watch of ControllerRevisions hides whether {hash} was there all the time"
            );
            return say.blind(Cause::Gap, what, &[gap.shown_by, first]);
        }
        let what = format!("{name} carries the live revision {hash}");
        self.held([REVISION, REVISION_AGAIN], what, &[live.made.event, first], findings);
    }

    /// The first clause held, or the other one of a pod that came back; unless a gap hides versions of the pod.
    fn held(&self, clauses: [&'static str; 2], what: String, events: &[&Event], findings: &mut Findings) {
        let say = findings.on(clauses[0]).pod(self.name());
        if let Some(gap) = self.hidden {
            let what = format!("a gap in the watch of pods hides some of {}", self.name());
            return say.blind(Cause::Gap, what, &[gap, self.life.birth()]);
        }
        match self.request {
            Some(request) => {
                let events: Vec<&Event> = events.iter().copied().chain([request]).collect();
                findings.on(clauses[1]).of(Dimension::Recreated, self.name()).held(what, &events);
            }
            None => say.held(what, events),
        }
    }

    fn name(&self) -> String {
        self.set.key(self.life.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, judge},
        },
        history::{Change, Observation, Resource, Verb},
    };

    fn revision(notes: &mut Notes, name: &str) {
        let owner = json!([{"kind": "StatefulSet", "name": "web", "controller": true}]);
        let revision =
            json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "ownerReferences": owner}});
        notes.object(Resource::ControllerRevisions, Change::Added, revision);
    }

    fn notes() -> Notes {
        let mut notes = Notes::new();
        revision(&mut notes, "web-1");
        notes
    }

    fn gone(notes: &mut Notes, name: &str) {
        let revision = notes.present(Resource::ControllerRevisions, name);
        notes.object(Resource::ControllerRevisions, Change::Deleted, revision);
    }

    fn said(findings: &Findings, kind: Kind) -> Vec<&str> {
        findings.of_kind(kind).map(|finding| finding.what.as_str()).collect()
    }

    fn broken(notes: Notes) -> String {
        said(&judge(&CHECK, &notes.say("completed").history()), Kind::Broken).join("; ")
    }

    #[test]
    fn every_incarnation_carries_both_labels() {
        let lives = "web-0 created; web-0 ready; web-0 deleted; web-0 created; web-1 created";
        let findings = judge(&CHECK, &notes().say(lives).history());
        assert_eq!((findings.held, findings.findings.len()), (6, 6), "{findings:#?}");
    }

    #[test]
    fn the_name_label_is_missing_or_anothers() {
        let name = "statefulset.kubernetes.io/pod-name";
        let none = broken(notes().say(&format!("web-0 created; web-0 unlabel {name}")));
        assert_eq!(none, format!("web-0 has no label at {name}"));
        let other = broken(notes().say(&format!("web-0 created; web-0 label {name}=web-1")));
        assert!(other.contains("the label `web-1`"), "{other}");
    }

    #[test]
    fn the_revision_is_missing_or_not_there() {
        let hash = "controller-revision-hash";
        assert!(broken(notes().say(&format!("web-0 created; web-0 unlabel {hash}"))).contains("no label"));
        let dangling = broken(notes().say(&format!("web-0 created; web-0 label {hash}=web-9")));
        assert!(dangling.contains("web-9, and the set has no such ControllerRevision"), "{dangling}");
        assert!(broken(Notes::new().say("web-0 created")).contains("no such ControllerRevision"));
    }

    #[test]
    fn the_revision_is_removed_while_a_pod_names_it() {
        let mut notes = notes().say("web-0 created");
        gone(&mut notes, "web-1");
        let soon = notes.clone().say("wait 1s; web-0 running; web-0 deleted");
        assert_eq!(broken(soon), "", "the two watches are too close together");
        assert!(
            broken(notes.say("wait 10s; web-0 running; web-0 ready")).contains("no such ControllerRevision")
        );
    }

    #[test]
    fn a_revision_may_go_with_its_set_or_when_no_pod_names_it() {
        let mut notes = notes().say("set replicas=1; web-0 created");
        notes.request(Verb::Delete, Resource::StatefulSets, Some("web"), None, json!({}));
        gone(&mut notes, "web-1");
        assert_eq!(broken(notes.say("wait 10s; web-0 running; web-0 terminating; web-0 deleted")), "");
        let mut rolled = self::notes().say("web-0 created; web-0 deleted; wait 10s");
        revision(&mut rolled, "web-2");
        gone(&mut rolled, "web-1");
        let rolled = rolled.say("web-0 created; web-0 ready");
        let mut relabelled = rolled.clone();
        relabelled.modify(Resource::Pods, "web-0", |pod| {
            pod["metadata"]["labels"]["controller-revision-hash"] = json!("web-2");
        });
        assert!(broken(rolled.say("wait 10s; web-0 running; web-0 ready")).contains("the revision web-1"));
        assert_eq!(broken(relabelled.say("wait 10s; web-0 running; web-0 ready")), "");
    }

    #[test]
    fn a_late_watch_of_revisions_is_waited_for() {
        let mut late = Notes::new().say("web-0 created; web-0 ready; wait 4s");
        revision(&mut late, "web-1");
        let findings = judge(&CHECK, &late.say("completed").history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{findings:#?}");
        let early = judge(&CHECK, &Notes::new().say("web-0 created; wait 2s; aborted").history());
        assert!(said(&early, Kind::Broken).is_empty() && said(&early, Kind::Blind).len() == 1);
    }

    #[test]
    fn a_gap_may_hide_the_revision() {
        let hidden =
            judge(&CHECK, &Notes::new().say("gap controllerrevisions; web-0 created; completed").history());
        assert!(said(&hidden, Kind::Blind)[0].contains("no such ControllerRevision"));
        assert!(said(&hidden, Kind::Broken).is_empty());
        let between =
            "web-0 created; gap controllerrevisions; opened controllerrevisions; web-0 ready; completed";
        let hidden = judge(&CHECK, &notes().say(between).history());
        assert!(said(&hidden, Kind::Blind)[0].contains("was there all the time"), "{hidden:#?}");
    }

    #[test]
    fn revisions_that_were_never_watched_leave_it_open() {
        let mut history = Notes::new().say("web-0 created; web-0 ready; completed").history();
        history.events.retain(|event| {
            let resource = match &event.seen {
                Observation::WatchOpened { resource, .. } => Some(*resource),
                Observation::List(list) => Some(list.of.resource),
                _ => None,
            };
            resource != Some(Resource::ControllerRevisions)
        });
        (0..).zip(&mut history.events).for_each(|(seq, event)| event.seq = seq);
        let findings = judge(&CHECK, &crate::history::History::new("noted", history.events));
        assert!(said(&findings, Kind::Broken).is_empty(), "{findings:#?}");
        assert!(said(&findings, Kind::Blind)[0].contains("no such ControllerRevision"));
    }

    #[test]
    fn a_gap_hides_versions_of_a_pod() {
        let lost = "web-0 created; gap pods; web-0 listed-again; opened pods; web-1 created; completed";
        let findings = judge(&CHECK, &notes().say(lost).history());
        assert_eq!(findings.held, 2, "web-1 was seen whole");
        assert_eq!(said(&findings, Kind::Blind), ["a gap in the watch of pods hides some of web-0"; 2]);
    }

    #[test]
    fn a_pod_that_the_scenario_relabels_is_judged_up_to_then() {
        let name = "statefulset.kubernetes.io/pod-name";
        let mut notes = notes().say("web-0 created");
        notes.request(Verb::Patch, Resource::Pods, Some("web-0"), None, json!({}));
        let findings =
            judge(&CHECK, &notes.say(&format!("web-0 unlabel {name}; web-0 ready; completed")).history());
        assert_eq!((findings.held, findings.findings.len()), (2, 2), "{findings:#?}");
    }

    #[test]
    fn a_pod_that_came_back_is_evidence_of_its_own() {
        let lost = "web-0 created; delete web-0; web-0 deleted; web-0 created";
        let findings = judge(&CHECK, &notes().say(lost).history());
        let mut clauses: Vec<&str> = findings.evidence.iter().map(|e| e.clause).collect();
        clauses.sort_unstable();
        assert_eq!(clauses, ["name", "name-again", "revision", "revision-again"]);
    }

    #[test]
    fn sets_of_several_namespaces_have_revisions_of_their_own() {
        let mut notes = notes().say("web-0 created; in other; web-0 created");
        assert!(broken(notes.clone()).starts_with("other/web-0 carries the revision web-1"));
        revision(&mut notes, "web-1");
        assert_eq!(broken(notes), "");
    }
}
