//! `hostname-equals-pod-name`: every container sees its pod's name as its host name.

use std::collections::BTreeMap;

use crate::{
    checks::{Check, Findings},
    history::{Event, ExecSeen, History, Purpose, Resource, Seen},
};

/// Judges `specs/network-identity/hostname-equals-pod-name.yaml`.
pub(super) const CHECK: Check = Check { id: "hostname-equals-pod-name", judge };

fn judge(history: &History, findings: &mut Findings) {
    let mut unread: BTreeMap<(&str, bool), Option<&Event>> = BTreeMap::new();
    for exec in history.execs() {
        let Some(of_init) = of_init(exec.what) else { continue };
        let last_failure = unread.entry((&exec.what.pod_uid, of_init)).or_insert(Some(exec.event));
        if exec.printed().is_some() {
            *last_failure = None;
            told(exec, of_init, findings);
        }
    }
    for ((uid, of_init), failure) in &unread {
        if let Some(event) = failure {
            let container = container(*of_init);
            findings
                .blind(format!("the host name in {container} of the pod {uid} could not be read"), &[event]);
        }
    }
    init_containers_were_asked(history, &unread, findings);
}

fn of_init(exec: &ExecSeen) -> Option<bool> {
    match exec.purpose {
        Purpose::Hostname => Some(false),
        Purpose::InitHostname => Some(true),
        _ => None,
    }
}

fn container(of_init: bool) -> &'static str {
    if of_init { "the init container" } else { "the container" }
}

fn told(exec: Seen<'_, ExecSeen>, of_init: bool, findings: &mut Findings) {
    let (pod, hostname) = (&exec.pod, exec.printed().unwrap_or_default());
    let container = container(of_init);
    findings.expect(
        hostname == *pod,
        format!("{container} of {pod} sees the host name {hostname}"),
        format!("{container} of {pod} sees the host name `{hostname}`"),
        &[exec.event],
    );
}

/// A pod that was looked into and has init containers must have been asked for their view as well.
fn init_containers_were_asked(
    history: &History,
    asked: &BTreeMap<(&str, bool), Option<&Event>>,
    findings: &mut Findings,
) {
    let mut last = BTreeMap::new();
    for pod in history.objects(Resource::Pods).filter(|pod| !pod.list("/spec/initContainers").is_empty()) {
        last.insert(pod.what.uid.as_str(), pod);
    }
    for (uid, pod) in last {
        if asked.contains_key(&(uid, false)) && !asked.contains_key(&(uid, true)) {
            let what = format!("the host name in the init container of {} was not read", pod.name);
            findings.blind(what, &[pod.event]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, judge},
        },
        history::Resource,
    };

    const TWO: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready";

    #[test]
    fn each_container_sees_its_pods_name() {
        let seen =
            "exec web-0 hostname -> web-0; exec web-1 hostname -> web-1; exec web-1 init-hostname -> web-1";
        assert_held(&CHECK, &format!("{TWO}; {seen}"), 3);
    }

    #[test]
    fn the_runtimes_id_the_nodes_name_or_a_siblings() {
        for other in ["3f2a9c01b7de", "node-0", "web-0", "web-1.nginx.ns.svc.cluster.local", "web"] {
            let seen = format!("{TWO}; exec web-0 hostname -> web-0; exec web-1 hostname -> {other}");
            assert_broken(&CHECK, &seen, &format!("the container of web-1 sees the host name `{other}`"));
        }
    }

    #[test]
    fn only_the_init_container_sees_another() {
        let seen = format!("{TWO}; exec web-0 hostname -> web-0; exec web-0 init-hostname -> localhost");
        assert_broken(&CHECK, &seen, "the init container of web-0 sees the host name `localhost`");
    }

    #[test]
    fn a_recreated_pod_loses_its_name() {
        let again = "web-0 deleted; web-0 created; web-0 ready; exec web-0 hostname -> localhost";
        assert_broken(&CHECK, &format!("{TWO}; exec web-0 hostname -> web-0; {again}"), "`localhost`");
    }

    #[test]
    fn what_could_not_be_read_is_not_judged_unless_it_was_read_later() {
        assert_blind(&CHECK, &format!("{TWO}; exec web-0 hostname -> fails"), "could not be read");
        assert_held(&CHECK, &format!("{TWO}; exec web-0 hostname -> fails; exec web-0 hostname -> web-0"), 1);
    }

    #[test]
    fn an_init_container_that_was_not_asked() {
        let blind = |asked: &str| {
            let mut notes = Notes::new().say("web-0 created");
            notes.modify(Resource::Pods, "web-0", |pod| {
                pod["spec"]["initContainers"] = json!([{"name": "init"}]);
            });
            let findings = judge(&CHECK, &notes.say(asked).history());
            findings.of_kind(Kind::Blind).map(|finding| finding.what.clone()).collect::<Vec<_>>()
        };
        let asked = "exec web-0 hostname -> web-0";
        assert_eq!(blind(asked), ["the host name in the init container of web-0 was not read"]);
        assert!(blind(&format!("{asked}; exec web-0 init-hostname -> web-0")).is_empty());
        assert!(blind("").is_empty(), "a pod that was not looked into at all");
    }
}
