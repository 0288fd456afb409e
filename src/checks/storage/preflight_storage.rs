//! `preflight-storage`: the throw-away claim is bound, and a pod writes and reads its volume.

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, GivenUp, ObjectSeen, Phase, Resource, Seen, Wait},
    views::{View, trouble},
};

/// Judges `specs/storage/preflight-storage.yaml`.
pub(super) const CHECK: Check = Check { id: "preflight-storage", judge };

/// The name of the claim and of the pod that uses it (`manifests/instrumented/storage-probe.yaml`).
const PROBE: &str = "storage-probe";

/// The claim was bound.
const BOUND: &str = "bound";
/// The pod wrote its volume and read it.
const WRITTEN: &str = "written";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let is_bound = |claim: &ObjectSeen| claim.text("/status/phase") == Some("Bound");
    let bound = shown(view, findings, BOUND, Resource::PersistentVolumeClaims, is_bound);
    match bound {
        Shown::Delivered(claim) => findings.on(BOUND).held(
            format!(
                "the claim {PROBE} was bound to {}",
                claim.text("/spec/volumeName").unwrap_or("a volume")
            ),
            &[claim.event],
        ),
        Shown::Listed => {}
        Shown::Never => missing(view, findings, BOUND, "was not bound"),
    }
    match shown(view, findings, WRITTEN, Resource::Pods, |pod| Phase::of(pod) == Phase::Ready) {
        Shown::Delivered(pod) => {
            findings.on(WRITTEN).held(format!("the pod {PROBE} wrote its volume and read it"), &[pod.event]);
        }
        Shown::Listed => {}
        Shown::Never => missing(view, findings, WRITTEN, "was not written and read by its pod"),
    }
}

/// Whether something was shown of the claim or of the pod.
enum Shown<'h> {
    /// The watch delivered it.
    Delivered(Seen<'h, ObjectSeen>),
    /// A list showed it after a gap of the watch.
    Listed,
    Never,
}

/// Whether a version of the claim or of the pod was such. What only a list shows after a gap leaves it open.
fn shown<'h>(
    view: &View<'h>,
    findings: &mut Findings,
    clause: &'static str,
    resource: Resource,
    is_such: impl Fn(&ObjectSeen) -> bool,
) -> Shown<'h> {
    let mut such = probes(view, resource).filter(|version| is_such(version.what)).peekable();
    let Some(first) = such.peek().copied() else { return Shown::Never };
    if let Some(delivered) = such.find(|version| !version.change.is_listed()) {
        return Shown::Delivered(delivered);
    }
    let what = format!("how the {} {PROBE} came to be so fell into a gap of the watch", resource.plural());
    findings.on(clause).blind(Cause::Gap, what, &[first.event]);
    Shown::Listed
}

/// The versions of the claim or of the pod.
fn probes<'h>(view: &View<'h>, resource: Resource) -> impl DoubleEndedIterator<Item = Seen<'h, ObjectSeen>> {
    view.history().objects(resource).filter(|object| object.name == PROBE)
}

/// A wait for one of the two was given up. Without that nothing is known: the scenario did not come so far.
fn missing(view: &View<'_>, findings: &mut Findings, clause: &'static str, what: &str) {
    let is_meant =
        |wait: &Wait| matches!(wait, Wait::ClaimBound(name) | Wait::PodReady(name) if name == PROBE);
    let Some(gave_up) = view.history().given_up(is_meant).next() else { return };
    let class = view.started().storage_class.as_deref().unwrap_or("without a name");
    let fact = format!("the claim {PROBE}, of the StorageClass {class}, {what}");
    let say = findings.on(clause);
    if let Some((cause, why, event)) = not_storages(view, &gave_up) {
        return say.blind(cause, format!("{fact}: {why}"), &[event, gave_up.event]);
    }
    let (warning, said) = warnings(view).next_back().map(|warning| (warning.event, words(warning))).unzip();
    let said = said.unwrap_or_else(|| gave_up.missing.to_owned());
    let events: Vec<&Event> = warning.into_iter().chain([gave_up.event]).collect();
    say.broken(format!("{fact}: {said}"), &events);
}

/// What else than storage may have kept the pod from writing its volume.
fn not_storages<'h>(view: &View<'h>, gave_up: &GivenUp<'h>) -> Option<(Cause, String, &'h Event)> {
    let (first, until) = (&view.history().events[0], gave_up.event);
    let watched = [Resource::PersistentVolumeClaims, Resource::Pods, Resource::Events];
    for resource in watched {
        if let Some(gap) = view.history().gap_between(resource, first, until) {
            return Some((Cause::Gap, format!("the watch of {} has a gap", resource.plural()), gap.shown_by));
        }
    }
    let Some(pod) = probes(view, Resource::Pods).rfind(|pod| pod.event.comes_before(until)) else {
        return Some((Cause::NotReached, "its pod was never created".to_owned(), until));
    };
    let why = of_pod(pod.what).or_else(|| of_warnings(view, pod.what))?;
    Some((Cause::Surroundings, format!("its pod {why}"), pod.event))
}

fn of_pod(pod: &ObjectSeen) -> Option<String> {
    if pod.change.is_removal() || pod.is_terminating() {
        return Some("was deleted".to_owned());
    }
    let trouble = trouble::of_pod(pod);
    trouble.filter(|_| !trouble::unschedulable(pod).is_some_and(trouble::is_for_want_of_volumes))
}

/// The node could not start the pod, and said so.
fn of_warnings(view: &View<'_>, pod: &ObjectSeen) -> Option<String> {
    let runs =
        pod.list("/status/containerStatuses").iter().any(|status| !status["state"]["running"].is_null());
    let last = warnings(view).rfind(|event| event.text("/involvedObject/kind") == Some("Pod"))?;
    let is_probes = last.text("/reason") == Some("Unhealthy");
    let words = words(last);
    let is_nodes = match is_probes {
        // A probe that failed could not write; one that ended in an error was not run.
        true => words.contains("errored"),
        false => !runs && !trouble::is_about_storage(&words),
    };
    is_nodes.then(|| format!("was not started: {words}"))
}

fn warnings<'h>(view: &View<'h>) -> impl DoubleEndedIterator<Item = Seen<'h, ObjectSeen>> {
    let events = view.history().objects(Resource::Events);
    events.filter(|event| {
        event.text("/type") == Some("Warning") && event.text("/involvedObject/name") == Some(PROBE)
    })
}

fn words(event: Seen<'_, ObjectSeen>) -> String {
    let of = |pointer| event.what.text(pointer).unwrap_or_default();
    format!("{}: {}", of("/reason"), of("/message"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BOUND, CHECK, PROBE, WRITTEN};
    use crate::{
        checks::{
            Cause, Finding, Kind,
            notation::{Notes, judge},
        },
        history::{Change, Resource},
    };

    const GIVEN_UP: &str = "timed-out claim-bound storage-probe; aborted";

    /// A history with the claim in this phase, and then these statements.
    fn noted(phase: &str, statements: &str) -> Notes {
        let mut notes = Notes::new();
        let claim = json!({
            "metadata": {"name": PROBE, "uid": "uid-claim"}, "spec": {"volumeName": "pv-1"}, "status": {"phase": phase},
        });
        notes.object(Resource::PersistentVolumeClaims, Change::Added, claim);
        notes.say(statements)
    }

    fn with_status(mut notes: Notes, key: &str, value: Value) -> Notes {
        notes.modify(Resource::Pods, PROBE, |pod| {
            pod["spec"]["nodeName"] = json!("node-0");
            pod["status"][key] = value;
        });
        notes
    }

    fn unschedulable(notes: Notes, message: &str) -> Notes {
        let condition = json!([{"type": "PodScheduled", "status": "False", "message": message}]);
        with_status(notes, "conditions", condition).say(GIVEN_UP)
    }

    fn warned(mut notes: Notes, about: &str, reason: &str, message: &str) -> Notes {
        let name = format!("e{}", notes.clone().history().events.len());
        let (kind, about) = about.split_once('/').expect("kind and name");
        let event = json!({
            "metadata": {"name": name, "uid": name}, "type": "Warning", "reason": reason, "message": message,
            "involvedObject": {"kind": kind, "name": about},
        });
        notes.object(Resource::Events, Change::Added, event);
        notes
    }

    fn on_clause(notes: Notes, clause: &str) -> Finding {
        let findings = judge(&CHECK, &notes.history());
        let mut of_clause = findings.findings.iter().filter(|finding| finding.clause == clause);
        let found = of_clause.next().unwrap_or_else(|| panic!("nothing of {clause}: {findings:#?}")).clone();
        assert!(of_clause.next().is_none() && !found.events.is_empty(), "{findings:#?}");
        found
    }

    fn assert_says(notes: Notes, clause: &str, kind: Kind, words: &str) {
        let found = on_clause(notes, clause);
        assert!(found.kind == kind && found.what.contains(words), "{found:#?}");
    }

    #[test]
    fn bound_and_written() {
        let notes = noted("Bound", "storage-probe created; storage-probe running; storage-probe ready");
        assert_says(notes.clone(), BOUND, Kind::Held, "bound to pv-1");
        assert_says(notes, WRITTEN, Kind::Held, "wrote its volume and read it");
    }

    #[test]
    fn never_bound() {
        let notes = warned(
            noted("Pending", "storage-probe created"),
            "PersistentVolumeClaim/storage-probe",
            "ProvisioningFailed",
            "no such pool",
        );
        let notes = notes.say(GIVEN_UP);
        assert_says(notes.clone(), BOUND, Kind::Broken, "ProvisioningFailed: no such pool");
        assert_says(notes, WRITTEN, Kind::Broken, "of the StorageClass standard, was not written");
    }

    #[test]
    fn the_warning_that_is_told_is_the_claims_own() {
        let mut notes = noted("Pending", "storage-probe created");
        notes = warned(notes, "PersistentVolumeClaim/storage-probe", "ProvisioningFailed", "it says so");
        notes = warned(notes, "Pod/other", "BackOff", "it says so");
        let normal = json!({
            "metadata": {"name": "e"}, "type": "Normal", "involvedObject": {"name": PROBE}, "reason": "Provisioning",
        });
        notes.object(Resource::Events, Change::Added, normal);
        assert_says(notes.say(GIVEN_UP), BOUND, Kind::Broken, "ProvisioningFailed: it says so");
    }

    #[test]
    fn bound_and_not_writable() {
        let notes = noted("Bound", "storage-probe created; storage-probe running");
        let given_up = "timed-out pod-ready storage-probe; aborted";
        assert_says(notes.clone().say(given_up), WRITTEN, Kind::Broken, "of the StorageClass standard");
        assert_says(notes.clone().say(given_up), BOUND, Kind::Held, "bound");
        let failed = warned(
            notes,
            "Pod/storage-probe",
            "Unhealthy",
            "Readiness probe failed: sh: Read-only file system",
        );
        assert_says(failed.say(given_up), WRITTEN, Kind::Broken, "Read-only file system");
    }

    #[test]
    fn a_container_in_back_off_says_nothing_of_storage() {
        let statuses = json!([{
            "name": "probe", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 128, "reason": "StartError"}},
        }]);
        let notes = with_status(noted("Bound", "storage-probe created"), "containerStatuses", statuses);
        let notes = notes.say("timed-out pod-ready storage-probe; aborted");
        assert_says(notes.clone(), BOUND, Kind::Held, "bound to pv-1");
        let found = on_clause(notes, WRITTEN);
        assert_eq!((found.kind, found.cause), (Kind::Blind, Some(Cause::Surroundings)), "{found:#?}");
        for named in ["container probe", "exit code 128", "node-0"] {
            assert!(found.what.contains(named), "`{}` does not name {named}", found.what);
        }
    }

    #[test]
    fn what_the_node_could_not_start_says_nothing_of_storage() {
        let starting = || {
            let statuses = json!([{"name": "probe", "state": {"waiting": {"reason": "ContainerCreating"}}}]);
            with_status(noted("Bound", "storage-probe created"), "containerStatuses", statuses)
        };
        let given_up = "timed-out pod-ready storage-probe; aborted";
        let sandbox = warned(starting(), "Pod/storage-probe", "FailedCreatePodSandBox", "no network");
        assert_says(sandbox.say(given_up), WRITTEN, Kind::Blind, "FailedCreatePodSandBox: no network");
        let mount =
            warned(starting(), "Pod/storage-probe", "FailedMount", "timed out waiting for the device");
        assert_says(mount.say(given_up), WRITTEN, Kind::Broken, "FailedMount");
        let errored =
            warned(starting(), "Pod/storage-probe", "Unhealthy", "Readiness probe errored: rpc error");
        assert_says(errored.say(given_up), WRITTEN, Kind::Blind, "errored");
        let image = json!([{"name": "probe", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
        let image = with_status(noted("Bound", "storage-probe created"), "containerStatuses", image);
        assert_says(image.say(given_up), WRITTEN, Kind::Blind, "ImagePullBackOff");
    }

    #[test]
    fn no_volume_on_any_node() {
        let notes = unschedulable(
            noted("Pending", "storage-probe created"),
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
        );
        assert_says(notes, BOUND, Kind::Broken, "StorageClass");
    }

    #[test]
    fn a_full_cluster_says_nothing_of_storage() {
        for message in [
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient ephemeral-storage.",
            "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had volume node affinity conflict.",
        ] {
            let notes = unschedulable(noted("Pending", "storage-probe created"), message);
            assert_says(notes, BOUND, Kind::Blind, message);
        }
    }

    #[test]
    fn a_pod_that_was_taken_away_or_never_came_says_nothing_of_storage() {
        let gone = noted("Pending", "storage-probe created; storage-probe deleted").say(GIVEN_UP);
        assert_says(gone, BOUND, Kind::Blind, "was deleted");
        assert_says(noted("Pending", GIVEN_UP), BOUND, Kind::Blind, "never created");
    }

    #[test]
    fn a_gap_hides_the_binding_and_what_stood_in_its_way() {
        for resource in ["persistentvolumeclaims", "pods", "events"] {
            let notes = noted("Pending", &format!("storage-probe created; gap {resource}; {GIVEN_UP}"));
            assert_eq!(on_clause(notes, BOUND).cause, Some(Cause::Gap), "{resource}");
        }
    }

    #[test]
    fn what_only_a_list_shows_after_a_gap_leaves_it_open() {
        let mut notes = noted("Pending", "storage-probe created; gap persistentvolumeclaims");
        let mut claim = notes.present(Resource::PersistentVolumeClaims, PROBE);
        claim["status"]["phase"] = json!("Bound");
        notes.object(Resource::PersistentVolumeClaims, Change::Listed, claim);
        assert_says(notes.say("storage-probe ready; completed"), BOUND, Kind::Blind, "fell into a gap");
    }

    #[test]
    fn what_is_delivered_after_the_wait_counts() {
        let mut notes = noted("Pending", "storage-probe created; timed-out claim-bound storage-probe");
        notes.modify(Resource::PersistentVolumeClaims, PROBE, |claim| {
            claim["status"]["phase"] = json!("Bound")
        });
        assert_says(notes.say("storage-probe ready; completed"), BOUND, Kind::Held, "bound");
    }

    #[test]
    fn an_interrupted_preflight_says_nothing() {
        let findings = judge(&CHECK, &noted("Pending", "storage-probe created; aborted").history());
        assert!(findings.findings.is_empty());
    }
}
