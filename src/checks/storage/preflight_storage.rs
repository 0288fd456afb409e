//! `preflight-storage`: the throw-away claim is bound, and a pod writes and reads its volume.

use crate::{
    checks::{Check, Findings},
    history::{Event, History, ObjectSeen, Phase, Resource, Seen},
};

/// Judges `specs/storage/preflight-storage.yaml`.
pub(super) const CHECK: Check = Check { id: "preflight-storage", judge };

/// The name of the claim and of the pod that uses it.
const PROBE: &str = "storage-probe";

fn judge(history: &History, findings: &mut Findings) {
    let bound = probes(history, Resource::PersistentVolumeClaims)
        .find(|claim| claim.text("/status/phase") == Some("Bound"));
    let ready = probes(history, Resource::Pods).find(|pod| Phase::of(pod) == Phase::Ready);
    match (bound, ready) {
        (Some(claim), Some(pod)) => findings.held(
            format!(
                "the claim {PROBE} was bound to {}, and a pod wrote its volume and read it",
                claim.text("/spec/volumeName").unwrap_or("a volume")
            ),
            &[claim.event, pod.event],
        ),
        _ => missing(history, findings),
    }
}

/// The versions of the claim or of the pod.
fn probes(history: &History, resource: Resource) -> impl Iterator<Item = Seen<'_, ObjectSeen>> {
    history.objects(resource).filter(|object| object.name == PROBE)
}

/// A wait for one of the two was given up. Without that nothing is known: the scenario did not come so far.
fn missing(history: &History, findings: &mut Findings) {
    let waits = ["claim-bound storage-probe", "pod-ready storage-probe"];
    let Some((gave_up, _, missing)) = waits.iter().find_map(|wait| history.timed_out(wait).next()) else {
        return;
    };
    let pod = probes(history, Resource::Pods).last();
    if let Some((pod, message)) = pod.and_then(unschedulable).filter(|(_, message)| !names_storage(message)) {
        return findings.blind(
            format!("the pod {PROBE} found no node, which is not storage's: {message}"),
            &[pod, gave_up],
        );
    }
    let class = history.started().storage_class.unwrap_or_else(|| "without a name".to_owned());
    let (warning, said) = last_warning(history).unzip();
    let said = said.map(|said| format!("; {said}")).unwrap_or_default();
    let events: Vec<&Event> = warning.into_iter().chain([gave_up]).collect();
    findings.broken(format!("{missing}, with the StorageClass {class}{said}"), &events);
}

/// Why the pod finds no node, if it is still looking for one.
fn unschedulable(pod: Seen<'_, ObjectSeen>) -> Option<(&Event, String)> {
    let conditions = pod.what.list("/status/conditions").iter();
    let scheduled = conditions.into_iter().find(|condition| condition["type"] == "PodScheduled")?;
    let message = scheduled["message"].as_str().unwrap_or("the scheduler gave no reason");
    (scheduled["status"] == "False").then(|| (pod.event, message.to_owned()))
}

/// Whether the scheduler's message has to do with volumes.
fn names_storage(message: &str) -> bool {
    let message = message.to_lowercase().replace("ephemeral-storage", "");
    message.contains("volume") || message.contains("storage")
}

fn last_warning(history: &History) -> Option<(&Event, String)> {
    let mut warnings = history.objects(Resource::Events).filter(|event| {
        event.text("/type") == Some("Warning") && event.text("/involvedObject/name") == Some(PROBE)
    });
    let last = warnings.next_back()?;
    let of = |pointer| last.what.text(pointer).unwrap_or_default();
    Some((last.event, format!("{}: {}", of("/reason"), of("/message"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CHECK, PROBE};
    use crate::{
        checks::{
            Kind,
            notation::{Notes, judge},
        },
        history::{Change, Resource},
    };

    /// A history with the claim in this phase, and then these statements.
    fn noted(phase: &str, statements: &str) -> Notes {
        let mut notes = Notes::new();
        let claim = json!({
            "metadata": {"name": PROBE, "uid": "uid-claim"}, "spec": {"volumeName": "pv-1"}, "status": {"phase": phase},
        });
        notes.object(Resource::PersistentVolumeClaims, Change::Added, claim);
        notes.say(statements)
    }

    fn unschedulable(mut notes: Notes, message: &str) -> Notes {
        notes.modify(Resource::Pods, PROBE, |pod| {
            pod["status"]["conditions"] =
                json!([{"type": "PodScheduled", "status": "False", "message": message}]);
        });
        notes.say("timed-out claim-bound storage-probe; aborted")
    }

    fn assert_says(notes: Notes, kind: Kind, words: &str) {
        let findings = judge(&CHECK, &notes.history());
        let all = &findings.findings;
        assert!(all.len() == 1 && all[0].kind == kind && all[0].what.contains(words), "{all:#?}");
        assert!(!all[0].events.is_empty());
    }

    #[test]
    fn bound_and_written() {
        let notes = noted("Bound", "storage-probe created; storage-probe running; storage-probe ready");
        assert_says(notes, Kind::Held, "bound to pv-1");
    }

    #[test]
    fn never_bound() {
        let mut notes = noted("Pending", "storage-probe created");
        let warning = json!({
            "metadata": {"name": "e1"}, "type": "Warning", "involvedObject": {"name": PROBE},
            "reason": "ProvisioningFailed", "message": "no such pool",
        });
        notes.object(Resource::Events, Change::Added, warning);
        let notes = notes.say("timed-out claim-bound storage-probe; aborted");
        assert_says(notes, Kind::Broken, "ProvisioningFailed: no such pool");
    }

    #[test]
    fn the_warning_that_is_told_is_the_claims_own() {
        let mut notes = noted("Pending", "storage-probe created");
        let event = |name: &str, kind: &str, about: &str, reason: &str| {
            json!({
                "metadata": {"name": name}, "type": kind, "involvedObject": {"name": about},
                "reason": reason, "message": "it says so",
            })
        };
        for (name, kind, about, reason) in [
            ("e1", "Warning", PROBE, "ProvisioningFailed"),
            ("e2", "Normal", PROBE, "Provisioning"),
            ("e3", "Warning", "other", "BackOff"),
        ] {
            notes.object(Resource::Events, Change::Added, event(name, kind, about, reason));
        }
        let notes = notes.say("timed-out claim-bound storage-probe; aborted");
        assert_says(notes, Kind::Broken, "ProvisioningFailed: it says so");
    }

    #[test]
    fn bound_and_not_writable() {
        let notes = noted(
            "Bound",
            "storage-probe created; storage-probe running; timed-out pod-ready storage-probe; aborted",
        );
        assert_says(notes, Kind::Broken, "with the StorageClass standard");
    }

    #[test]
    fn no_volume_on_any_node() {
        let notes = unschedulable(
            noted("Pending", "storage-probe created"),
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
        );
        assert_says(notes, Kind::Broken, "StorageClass");
    }

    #[test]
    fn a_full_cluster_says_nothing_of_storage() {
        let notes = unschedulable(
            noted("Pending", "storage-probe created"),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient ephemeral-storage.",
        );
        assert_says(notes, Kind::Blind, "Insufficient cpu");
    }

    #[test]
    fn an_interrupted_preflight_says_nothing() {
        let findings = judge(&CHECK, &noted("Pending", "storage-probe created; aborted").history());
        assert!(findings.findings.is_empty());
    }
}
