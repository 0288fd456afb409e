//! `identity-stable-on-recreate`: a recreated pod is another pod with the same identity.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, Phase, PodLife, Purpose, Requested, Seen},
};

/// Judges `specs/network-identity/identity-stable-on-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "identity-stable-on-recreate", judge };

/// Names the template and not the pod.
const REVISION: &str = "controller-revision-hash";

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let hostnames = hostnames(history);
    let mut last: BTreeMap<&str, &PodLife<'_>> = BTreeMap::new();
    for life in &pods {
        came_back_as_itself(life, findings);
        if let Some(before) = last.insert(life.name, life) {
            compare(before, life, &hostnames, findings);
        }
    }
    new_names(history, &pods, findings);
    each_deletion_had_its_effect(history, &last, findings);
}

/// What each incarnation said was its host name, by uid.
fn hostnames(history: &History) -> BTreeMap<&str, (&str, &Event)> {
    let said = history.execs_for(&Purpose::Hostname);
    said.filter_map(|exec| Some((exec.what.pod_uid.as_str(), (exec.what.printed()?, exec.event)))).collect()
}

/// A pod that is removed does not go on under the same uid.
fn came_back_as_itself(life: &PodLife<'_>, findings: &mut Findings) {
    let removed = life.versions.iter().position(|version| version.change == Change::Deleted);
    if let Some(after) = removed.and_then(|removed| life.versions.get(removed + 1)) {
        let what = format!("{} came back with the same uid {}", life.name, life.uid);
        findings.broken(what, &[life.versions[removed.unwrap_or_default()].event, after.event]);
    }
}

/// The version by which a pod is known: the first that is ready, or the last there is.
fn known<'h>(life: &PodLife<'h>) -> Seen<'h, crate::history::ObjectSeen> {
    life.first(|pod| Phase::of(pod) == Phase::Ready).unwrap_or(life.last())
}

fn compare(
    before: &PodLife<'_>,
    after: &PodLife<'_>,
    hostnames: &BTreeMap<&str, (&str, &Event)>,
    findings: &mut Findings,
) {
    let (old, new) = (known(before), known(after));
    let events = [old.event, new.event];
    let name = after.name;
    for (what, old, new) in tuple(before, after) {
        if old != new {
            let (old, new) = (shown(&old), shown(&new));
            return findings.broken(format!("{name} had {what} {old} and came back with {new}"), &events);
        }
    }
    if let (Some((old, at)), Some((new, then))) = (hostnames.get(before.uid), hostnames.get(after.uid))
        && old != new
    {
        return findings
            .broken(format!("{name} had the host name {old} and came back with {new}"), &[at, then]);
    }
    findings.held(format!("{name} came back as another pod with the same identity"), &events);
}

/// What must be the same in both, with a word for each.
fn tuple(before: &PodLife<'_>, after: &PodLife<'_>) -> Vec<(&'static str, Value, Value)> {
    let (old, new) = (known(before).what, known(after).what);
    let field = |what, pointer: &str| {
        let of = |pod: &crate::history::ObjectSeen| pod.at(pointer).map_or(Value::Null, Value::from);
        (what, of(old), of(new))
    };
    let claims = |life: &PodLife<'_>| {
        let claims: BTreeMap<&str, &str> = life.claims().into_iter().collect();
        serde_json::json!(claims)
    };
    vec![
        field("the host name", "/spec/hostname"),
        field("the subdomain", "/spec/subdomain"),
        ("the labels", labels(old), labels(new)),
        ("the claims", claims(before), claims(after)),
    ]
}

fn labels(pod: &crate::history::ObjectSeen) -> Value {
    let mut labels = pod.at("/metadata/labels").map_or(Value::Null, Value::from);
    if let Some(labels) = labels.as_object_mut() {
        labels.remove(REVISION);
    }
    labels
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

/// Where nothing was scaled, no pod may come to be under a name that was not there before the first deletion.
fn new_names(history: &History, pods: &[PodLife<'_>], findings: &mut Findings) {
    let is_scaled = history.requests().any(|request| request.scales_to().is_some());
    let names: BTreeSet<&str> = pods.iter().map(|life| life.name).collect();
    let first = history.requests().find(|request| names.iter().any(|name| request.deletes_pod(name)));
    let Some(first) = first.filter(|_| !is_scaled) else { return };
    let mut known = BTreeSet::new();
    for life in pods {
        if known.insert(life.name) && first.event.comes_before(life.birth()) {
            let what =
                format!("{} came to be after pods were deleted; no pod had that name before", life.name);
            findings.broken(what, &[first.event, life.birth()]);
        }
    }
}

/// A pod that was asked to go must go, and come back: the last incarnation of each name may not have been asked.
fn each_deletion_had_its_effect(
    history: &History,
    last: &BTreeMap<&str, &PodLife<'_>>,
    findings: &mut Findings,
) {
    let requests: Vec<_> = history.requests().collect();
    let waits: Vec<_> = history.timed_out("pods-").collect();
    for (name, life) in last {
        let Some(request) = requests.iter().find(|r| is_meant(r.what, r.event, life)) else { continue };
        let given_up = waits.iter().find(|(event, _, _)| request.event.comes_before(event));
        match (life.deleted(), given_up) {
            (None, Some((given_up, wait, _))) => findings.broken(
                format!("{name} was asked to go and was still there when the wait for {wait} was given up"),
                &[request.event, given_up],
            ),
            (Some(gone), Some((given_up, wait, _))) => findings.broken(
                format!("{name} had not come back when the wait for {wait} was given up"),
                &[gone, given_up],
            ),
            _ => findings
                .blind(format!("{name} was asked to go, and was not seen to come back"), &[request.event]),
        }
    }
}

/// Whether the request means this incarnation.
fn is_meant(request: &Requested, event: &Event, life: &PodLife<'_>) -> bool {
    let is_there =
        life.birth().comes_before(event) && life.deleted().is_none_or(|gone| event.comes_before(gone));
    request.deletes_pod(life.name) && is_there && request.uid.as_deref().is_none_or(|uid| uid == life.uid)
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
        history::{Change, Resource},
    };

    const GONE: &str = "web-0 created; web-0 ready; delete web-0; web-0 terminating; web-0 deleted";

    #[test]
    fn another_pod_with_the_same_identity() {
        assert_held(&CHECK, &format!("{GONE}; web-0 created; web-0 address 10.0.0.77; web-0 ready"), 1);
        let looked = "web-0 created; web-0 ready; exec web-0 hostname -> web-0; delete all; web-0 deleted; \
                      web-0 created; web-0 ready; exec web-0 hostname -> web-0";
        assert_held(&CHECK, looked, 1);
    }

    #[test]
    fn a_pod_under_a_new_name() {
        assert_broken(&CHECK, &format!("{GONE}; web-3 created; web-0 created"), "web-3 came to be");
        assert_broken(&CHECK, &format!("{GONE}; web-7f9cd created; web-0 created"), "no pod had that name");
    }

    #[test]
    fn scaling_up_makes_new_names() {
        assert_held(&CHECK, &format!("{GONE}; scale 2; web-0 created; web-0 ready; web-1 created"), 1);
    }

    #[test]
    fn a_label_is_lost_or_another() {
        let lost = format!("{GONE}; web-0 created; web-0 unlabel app; web-0 ready");
        assert_broken(&CHECK, &lost, "web-0 had the labels");
        let revision =
            format!("{GONE}; web-0 created; web-0 label controller-revision-hash=web-2; web-0 ready");
        assert_held(&CHECK, &revision, 1);
    }

    #[test]
    fn the_host_name_the_subdomain_or_the_claim_is_another() {
        let changes: [(&str, &str, &str); 3] = [
            ("/spec/hostname", "web-1", "the host name `web-0` and came back with `web-1`"),
            ("/spec/subdomain", "other", "the subdomain `nginx`"),
            (
                "/spec/volumes/0/persistentVolumeClaim/claimName",
                "www-web-1",
                "the claims {\"www\":\"www-web-0\"}",
            ),
        ];
        for (pointer, value, words) in changes {
            let mut notes = Notes::new().say(&format!("{GONE}; web-0 created"));
            let mut pod = notes.present(Resource::Pods, "web-0");
            *pod.pointer_mut(pointer).unwrap() = json!(value);
            pod["metadata"]["uid"] = json!("uid-late");
            notes.object(Resource::Pods, Change::Added, pod);
            let findings = judge(&CHECK, &notes.say("web-0 ready").history());
            assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains(words)), "{words}: {findings:#?}");
        }
    }

    #[test]
    fn inside_it_has_another_host_name() {
        let other = "web-0 created; web-0 ready; exec web-0 hostname -> web-0; web-0 deleted; \
                     web-0 created; web-0 ready; exec web-0 hostname -> localhost";
        assert_broken(&CHECK, other, "had the host name web-0 and came back with localhost");
    }

    #[test]
    fn the_same_pod_again() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready; delete web-0");
        let pod = notes.present(Resource::Pods, "web-0");
        notes.object(Resource::Pods, Change::Deleted, pod.clone());
        notes.object(Resource::Pods, Change::Added, pod);
        let findings = judge(&CHECK, &notes.history());
        assert!(findings.of_kind(Kind::Broken).any(|f| f.what.contains("came back with the same uid uid-1")));
    }

    #[test]
    fn the_deletion_did_nothing_or_nothing_came_back() {
        let stays = "web-0 created; web-0 ready; delete web-0; timed-out pods-ready [0]";
        assert_broken(&CHECK, stays, "was asked to go and was still there");
        assert_broken(&CHECK, &format!("{GONE}; timed-out pods-ready [0]"), "had not come back");
        assert_blind(&CHECK, GONE, "was not seen to come back");
    }

    #[test]
    fn without_a_recreation_there_is_nothing_to_say() {
        assert_silent(&CHECK, "web-0 created; web-0 ready");
    }
}
