//! `identity-labels`: each pod carries its own name and a live revision as labels, and a Service finds it by them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{
        Check, Findings,
        dns::endpoints::{listed, service_of},
    },
    history::{Change, Event, History, PodLife, Resource, SET},
    limits,
};

/// Judges `specs/network-identity/identity-labels.yaml`.
pub(super) const CHECK: Check = Check { id: "identity-labels", judge };

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const REVISION: &str = "controller-revision-hash";
/// The Service that selects web-0 by its name label, and the pod that it selects.
const ONLY: (&str, &str) = ("only-web-0", "web-0");

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let revisions = revisions(history);
    for life in &pods {
        has_its_name(life, findings);
        has_a_live_revision(history, life, &revisions, findings);
    }
    if history.objects(Resource::Services).any(|service| service.name == ONLY.0) {
        the_service_finds_it(history, &pods, findings);
    }
}

fn has_its_name(life: &PodLife<'_>, findings: &mut Findings) {
    let name = life.name;
    match life.versions.iter().find(|version| version.what.label(POD_NAME) != Some(name)) {
        None => findings.held(format!("{name} carries its name as a label"), &[life.birth()]),
        Some(version) => {
            let label =
                version.what.label(POD_NAME).map_or("no label".to_owned(), |v| format!("the label `{v}`"));
            findings.broken(format!("{name} has {label} at {POD_NAME}"), &[version.event]);
        }
    }
}

/// When each ControllerRevision of the set began to be and ceased to be.
fn revisions(history: &History) -> BTreeMap<&str, (&Event, Option<&Event>)> {
    let mut revisions = BTreeMap::new();
    let end = history.ended().seq;
    for revision in history.objects(Resource::ControllerRevisions).take_while(|seen| seen.event.seq <= end) {
        let owner =
            revision.what.controller().map_or(SET, |owner| owner["name"].as_str().unwrap_or_default());
        if owner == SET {
            let entry = revisions.entry(revision.what.name.as_str()).or_insert((revision.event, None));
            entry.1 = (revision.change == Change::Deleted).then_some(revision.event);
        }
    }
    revisions
}

fn has_a_live_revision(
    history: &History,
    life: &PodLife<'_>,
    revisions: &BTreeMap<&str, (&Event, Option<&Event>)>,
    findings: &mut Findings,
) {
    let name = life.name;
    let mut carried: BTreeMap<&str, (&Event, &Event)> = BTreeMap::new();
    for version in &life.versions {
        let Some(hash) = version.what.label(REVISION) else {
            return findings.broken(format!("{name} has no label {REVISION}"), &[version.event]);
        };
        carried.entry(hash).or_insert((version.event, version.event)).1 = version.event;
    }
    for (hash, (first, last)) in carried {
        match revisions.get(hash) {
            Some((made, gone)) if lived_at(made, *gone, first, last) => {
                findings.held(format!("{name} carries the live revision {hash}"), &[made, first]);
            }
            _ => no_such_revision(history, name, hash, first, findings),
        }
    }
}

/// Whether the revision can have been there all the time in which the pod named it.
fn lived_at(made: &Event, gone: Option<&Event>, first: &Event, last: &Event) -> bool {
    let slack_us = limits::OBSERVER_SLACK.wait_us();
    let born = made.span.until_us <= first.span.until_us.saturating_add(slack_us);
    born && gone.is_none_or(|gone| gone.span.until_us.saturating_add(slack_us) >= last.span.from_us)
}

fn no_such_revision(history: &History, name: &str, hash: &str, labelled: &Event, findings: &mut Findings) {
    let what = format!("{name} carries the revision {hash}, and the set has no such ControllerRevision");
    match history.gaps(Resource::ControllerRevisions).next() {
        Some(gap) => findings.blind(what, &[gap, labelled]),
        None => findings.broken(what, &[labelled]),
    }
}

/// The Service that selects by the label lists each incarnation of that pod while it is ready, and no other pod.
fn the_service_finds_it(history: &History, pods: &[PodLife<'_>], findings: &mut Findings) {
    let (service, pod) = ONLY;
    let own: BTreeMap<&str, Vec<&str>> =
        pods.iter().filter(|life| life.name == pod).map(|life| (life.uid, life.addresses())).collect();
    let mut found: BTreeMap<&str, &Event> = BTreeMap::new();
    let mut judged = BTreeSet::new();
    let slices = history.objects(Resource::EndpointSlices);
    for slice in slices.filter(|slice| service_of(slice.what) == Some(service)) {
        for endpoint in listed(slice.what) {
            let own = own.get(endpoint.uid).filter(|_| endpoint.pod == pod);
            if own.is_some_and(|own| {
                own.is_empty() || endpoint.addresses.iter().all(|address| own.contains(address))
            }) {
                if endpoint.ready && slice.change != Change::Deleted {
                    found.entry(endpoint.uid).or_insert(slice.event);
                }
            } else if judged.insert((endpoint.uid, endpoint.addresses.clone())) {
                let addresses: Vec<&str> = endpoint.addresses.iter().copied().collect();
                let what = format!("the Service {service} lists {} {}", endpoint.pod, addresses.join(", "));
                strange(history, what, own.is_none() && endpoint.pod == pod, slice.event, findings);
            }
        }
    }
    for life in pods.iter().filter(|life| life.name == pod) {
        was_found(history, life, found.get(life.uid).copied(), findings);
    }
}

fn strange(history: &History, what: String, may_be_hidden: bool, seen: &Event, findings: &mut Findings) {
    match history.gaps(Resource::Pods).next().filter(|_| may_be_hidden) {
        Some(gap) => findings
            .blind(format!("{what}, and a gap in the watch of pods hides which that is"), &[gap, seen]),
        None => findings.broken(format!("{what}, which is not {} by its present address", ONLY.1), &[seen]),
    }
}

fn was_found(history: &History, life: &PodLife<'_>, found: Option<&Event>, findings: &mut Findings) {
    let (Some(ready), (service, pod)) = (life.first_ready(), ONLY) else { return };
    let until = life.terminating().unwrap_or(history.last());
    let waited_us = until.span.until_us.saturating_sub(ready.span.until_us);
    let bound_us = limits::ENDPOINTS_SETTLED.wait_us() + limits::OBSERVER_SLACK.wait_us();
    let what = format!(
        "the Service {service} did not list {pod} ({}) in the {:.1} s in which it was ready",
        life.uid,
        waited_us as f64 / 1e6
    );
    match found {
        Some(event) => {
            findings.held(format!("the Service {service} lists {pod} ({})", life.uid), &[ready, event])
        }
        None if waited_us > bound_us && history.gaps(Resource::EndpointSlices).next().is_none() => {
            findings.broken(what, &[ready, until]);
        }
        None => findings.blind(what, &[ready, until]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, judge},
        },
        history::{Change, Resource},
    };

    fn notes() -> Notes {
        let mut notes = Notes::new();
        let owner = json!([{"kind": "StatefulSet", "name": "web", "controller": true}]);
        let revision = json!({"metadata": {"name": "web-1", "uid": "uid-rev", "ownerReferences": owner}});
        notes.object(Resource::ControllerRevisions, Change::Added, revision);
        notes
    }

    fn with_service() -> Notes {
        let mut notes = notes();
        notes.object(Resource::Services, Change::Added, json!({"metadata": {"name": "only-web-0"}}));
        notes
    }

    fn only(notes: &mut Notes, endpoints: Value) {
        let labels = json!({"kubernetes.io/service-name": "only-web-0"});
        let raw = json!({"metadata": {"name": "only-web-0-x", "labels": labels}, "endpoints": endpoints});
        notes.object(Resource::EndpointSlices, Change::Modified, raw);
    }

    fn endpoint(pod: &str, uid: &str, address: &str) -> Value {
        json!({"addresses": [address], "conditions": {"ready": true}, "targetRef": {"name": pod, "uid": uid}})
    }

    fn said(findings: &Findings, kind: Kind) -> Vec<&str> {
        findings.of_kind(kind).map(|finding| finding.what.as_str()).collect()
    }

    fn broken(notes: Notes) -> String {
        said(&judge(&CHECK, &notes.history()), Kind::Broken).join("; ")
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
        assert_eq!(other, format!("web-0 has the label `web-1` at {name}"));
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
        let revision = notes.present(Resource::ControllerRevisions, "web-1");
        notes.object(Resource::ControllerRevisions, Change::Deleted, revision);
        assert!(
            broken(notes.say("wait 10s; web-0 running; web-0 ready")).contains("no such ControllerRevision")
        );
    }

    #[test]
    fn a_gap_may_hide_the_revision() {
        let hidden = judge(&CHECK, &Notes::new().say("gap controllerrevisions; web-0 created").history());
        assert!(said(&hidden, Kind::Blind)[0].contains("no such ControllerRevision"));
        assert!(said(&hidden, Kind::Broken).is_empty());
    }

    #[test]
    fn the_service_finds_each_incarnation_by_its_label() {
        let mut notes = with_service().say("web-0 created; web-0 ready");
        only(&mut notes, json!([endpoint("web-0", "uid-1", "10.0.0.10")]));
        notes = notes.say("web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready");
        only(&mut notes, json!([endpoint("web-0", "uid-2", "10.0.0.77")]));
        let findings = judge(&CHECK, &notes.history());
        assert_eq!((findings.held, findings.findings.len()), (6, 6), "{findings:#?}");
    }

    #[test]
    fn the_service_lists_another_pod_as_well_or_an_old_address() {
        let mut notes = with_service().say("web-0 created; web-0 ready; web-1 created; web-1 ready");
        let both = [endpoint("web-0", "uid-1", "10.0.0.10"), endpoint("web-1", "uid-2", "10.0.0.11")];
        only(&mut notes, json!(both));
        assert!(broken(notes).contains("only-web-0 lists web-1 10.0.0.11, which is not web-0"));
        let mut notes = with_service().say("web-0 created; web-0 ready");
        only(&mut notes, json!([endpoint("web-0", "uid-1", "10.0.0.99")]));
        assert!(broken(notes).contains("lists web-0 10.0.0.99"));
    }

    #[test]
    fn the_service_does_not_find_the_pod() {
        let long = broken(with_service().say("web-0 created; web-0 ready; wait 70s; web-0 terminating"));
        assert!(long.contains("did not list web-0 (uid-1) in the 70.1 s"), "{long}");
        let short =
            judge(&CHECK, &with_service().say("web-0 created; web-0 ready; wait 9s; completed").history());
        assert!(said(&short, Kind::Blind)[0].contains("did not list web-0"), "{short:#?}");
        let just = judge(
            &CHECK,
            &with_service().say("web-0 created; web-0 ready; wait 64.9s; web-0 terminating").history(),
        );
        assert!(said(&just, Kind::Blind)[0].contains("in the 65.0 s"), "{just:#?}");
    }

    #[test]
    fn the_service_has_the_pod_as_not_ready_all_the_time() {
        let mut notes = with_service().say("web-0 created; web-0 ready");
        let mut unready = endpoint("web-0", "uid-1", "10.0.0.10");
        unready["conditions"]["ready"] = json!(false);
        only(&mut notes, json!([unready]));
        assert!(broken(notes.say("wait 70s; web-0 terminating")).contains("did not list web-0"));
    }

    #[test]
    fn a_gap_hides_only_which_web_0_that_is() {
        let listed = |endpoint: Value| {
            let mut notes = with_service().say("web-0 created; web-0 ready; web-1 created; gap pods");
            only(&mut notes, json!([endpoint]));
            let findings = judge(&CHECK, &notes.history());
            let blind = said(&findings, Kind::Blind).iter().any(|what| what.contains("hides which that is"));
            (blind, !said(&findings, Kind::Broken).is_empty())
        };
        assert_eq!(listed(endpoint("web-0", "uid-9", "10.0.0.10")), (true, false));
        assert_eq!(listed(endpoint("web-1", "uid-2", "10.0.0.11")), (false, true));
        assert_eq!(listed(endpoint("web-0", "uid-1", "10.0.0.99")), (false, true));
    }
}
