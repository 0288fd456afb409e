//! `hostname-equals-pod-name`: every container sees its pod's name as its host name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, ExecSeen, Purpose, Requested, Seen},
    views::{
        Dimension, PodLife, Set, View,
        inside::{self, Whose},
        recreation::requests_by_successor,
    },
};

/// Judges `specs/network-identity/hostname-equals-pod-name.yaml`.
pub(super) const CHECK: Check = Check { id: "hostname-equals-pod-name", judge };

/// The container of each pod sees the pod's name, before anything takes the pod away.
const CONTAINER: &str = "container";
/// So does that of each pod that came back after a deletion.
const CONTAINER_AGAIN: &str = "container-again";
/// The init container of each pod sees the pod's name, before anything takes the pod away.
const INIT: &str = "init-container";
/// So does that of each pod that came back after a deletion.
const INIT_AGAIN: &str = "init-container-again";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let by_request: Vec<_> = view.sets().iter().map(|set| requests_by_successor(view, set)).collect();
    let by_request: HashMap<&str, &Event> = by_request.into_iter().flatten().collect();
    let mut asked: BTreeMap<&str, Looked<'_, '_>> = BTreeMap::new();
    for exec in view.history().execs().filter(|exec| is_meant(exec.what)) {
        match view.whose(exec.what) {
            Whose::Member(set, life) => {
                let looked = asked.entry(life.uid).or_insert_with(|| Looked::into(set, life));
                looked.execs.push(exec);
            }
            Whose::Unseen(set) => unseen(set, exec, findings),
            Whose::Others => {}
        }
    }
    for looked in asked.values() {
        let came_back = by_request.contains_key(looked.life.uid);
        looked.answers(&Purpose::Hostname, came_back, findings);
        looked.answers(&Purpose::InitHostname, came_back, findings);
    }
}

fn is_meant(exec: &ExecSeen) -> bool {
    matches!(exec.purpose, Purpose::Hostname | Purpose::InitHostname)
}

fn unseen(set: &Set<'_>, exec: Seen<'_, ExecSeen>, findings: &mut Findings) {
    let name = set.key(&exec.pod);
    let what = format!("{name} was looked into, and the watch of pods did not show it");
    findings.on(CONTAINER).pod(name).blind(Cause::Gap, what, &[exec.event]);
}

/// One pod, and what was asked in its containers.
struct Looked<'v, 'h> {
    set: &'v Set<'h>,
    life: &'v PodLife<'h>,
    execs: Vec<Seen<'h, ExecSeen>>,
}

impl<'v, 'h> Looked<'v, 'h> {
    fn into(set: &'v Set<'h>, life: &'v PodLife<'h>) -> Self {
        Self { set, life, execs: Vec::new() }
    }

    /// Judges every answer; where there was none, it cannot be told.
    fn answers(&self, purpose: &Purpose, came_back: bool, findings: &mut Findings) {
        let mut answered = false;
        let mut last = None;
        for exec in self.execs.iter().filter(|exec| exec.purpose == *purpose) {
            if exec.printed().is_some() {
                self.told(*exec, came_back, findings);
                answered = true;
            }
            last = Some(exec.event);
        }
        match last {
            Some(failure) if !answered => self.unread(purpose, failure, findings),
            None if *purpose == Purpose::InitHostname && self.has_own_init_container() => {
                let what = format!("the host name in the init container of {} was not read", self.name());
                let say = findings.on(INIT).pod(self.name());
                say.blind(Cause::NotReached, what, &[self.execs[0].event]);
            }
            _ => {}
        }
    }

    fn told(&self, exec: Seen<'h, ExecSeen>, came_back: bool, findings: &mut Findings) {
        let (pod, hostname) = (self.name(), exec.printed().unwrap_or_default());
        let container = container(&exec.purpose);
        let (first, again) = clauses(&exec.purpose);
        if let Some(field) = inside::other_hostname(self.life.last().what) {
            let what = format!("the template gives {pod} another host name, by {field}");
            return findings.on(first).pod(pod).blind(Cause::Surroundings, what, &[exec.event]);
        }
        if hostname != self.life.name {
            let what = format!("{container} of {pod} sees the host name `{hostname}`");
            return findings.on(first).pod(pod).broken(what, &[exec.event]);
        }
        let what = format!("{container} of {pod} sees the host name {hostname}");
        match came_back {
            true => {
                findings.on(again).of(Dimension::Recreated, pod).held(what, &[self.life.birth(), exec.event])
            }
            false => findings.on(first).pod(pod).held(what, &[exec.event]),
        }
    }

    /// A container that ended cannot answer, and that is no matter of host names.
    fn unread(&self, purpose: &Purpose, failure: &Event, findings: &mut Findings) {
        let (pod, (clause, _)) = (self.name(), clauses(purpose));
        let what = format!("the host name in {} of {pod} could not be read", container(purpose));
        let say = findings.on(clause).pod(pod);
        match self.life.container_trouble() {
            Some((version, trouble)) => {
                say.blind(Cause::Surroundings, format!("{what}: {trouble}"), &[version.event, failure]);
            }
            None => say.blind(Cause::NoAnswer, what, &[failure]),
        }
    }

    /// Whether the pod has an init container that was applied with the set. One that a mesh adds is not the set's.
    fn has_own_init_container(&self) -> bool {
        let own = self.life.last().what.list("/spec/initContainers");
        let own: BTreeSet<&str> = own.iter().filter_map(|container| container["name"].as_str()).collect();
        let applied = |request: &Seen<'h, Requested>| {
            let all = request.what.body.pointer("/spec/template/spec/initContainers")?.as_array()?;
            all.iter().find(|container| container["name"].as_str().is_some_and(|name| own.contains(name)))
        };
        !own.is_empty() && self.set.requests().iter().any(|request| applied(request).is_some())
    }

    fn name(&self) -> String {
        self.set.key(self.life.name)
    }
}

fn container(purpose: &Purpose) -> &'static str {
    if *purpose == Purpose::InitHostname { "the init container" } else { "the container" }
}

/// The clause of an answer, and that of one in a pod that came back.
fn clauses(purpose: &Purpose) -> (&'static str, &'static str) {
    if *purpose == Purpose::InitHostname { (INIT, INIT_AGAIN) } else { (CONTAINER, CONTAINER_AGAIN) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Resource, Verb},
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

    /// What is blind where the applied template and the pod have these init containers.
    fn blind(applied: &[&str], present: &[&str], asked: &str) -> Vec<String> {
        let containers = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let mut notes = Notes::new();
        let spec = json!({"template": {"spec": {"initContainers": containers(applied)}}});
        notes.request(Verb::Apply, Resource::StatefulSets, Some("web"), None, json!({"spec": spec}));
        let mut notes = notes.say("set replicas=1; web-0 created");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["spec"]["initContainers"] = json!(containers(present));
        });
        let findings = judge(&CHECK, &notes.say(asked).history());
        findings.of_kind(Kind::Blind).map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn an_init_container_that_was_not_asked() {
        let asked = "exec web-0 hostname -> web-0";
        let own = |asked: &str| blind(&["init"], &["init"], asked);
        assert_eq!(own(asked), ["the host name in the init container of web-0 was not read"]);
        assert!(own(&format!("{asked}; exec web-0 init-hostname -> web-0")).is_empty());
        assert!(own("").is_empty(), "a pod that was not looked into at all");
    }

    #[test]
    fn an_init_container_that_a_mesh_adds_is_not_the_sets() {
        assert!(blind(&[], &["istio-init"], "exec web-0 hostname -> web-0").is_empty());
        assert!(!blind(&["init"], &["istio-init", "init"], "exec web-0 hostname -> web-0").is_empty());
    }

    #[test]
    fn a_pod_that_nobody_saw_and_one_of_no_set_are_not_judged() {
        assert_blind(&CHECK, "set replicas=1; exec web-0 hostname -> localhost", "did not show it");
        assert_silent(&CHECK, "set replicas=1; exec dns-test hostname -> localhost");
    }

    #[test]
    fn a_container_that_ended_is_named_and_not_the_host_name() {
        let mut notes = Notes::new().say("web-0 created; web-0 scheduled; web-0 ready");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "state": {"terminated": {"exitCode": 137, "reason": "Error"}},
            }]);
        });
        let findings = judge(&CHECK, &notes.say("exec web-0 hostname -> fails").history());
        let blind: Vec<_> = findings.of_kind(Kind::Blind).map(|f| (f.cause, f.what.as_str())).collect();
        let what = "the host name in the container of web-0 could not be read: its container nginx ended with exit \
                    code 137 (Error) on node-0";
        assert_eq!(blind, [(Some(Cause::Surroundings), what)]);
    }

    #[test]
    fn a_template_that_asks_for_another_host_name_is_no_fault() {
        for field in ["hostNetwork", "setHostnameAsFQDN"] {
            let mut notes = Notes::new().say("web-0 created");
            notes.modify(Resource::Pods, "web-0", |pod| pod["spec"][field] = json!(true));
            let findings = judge(&CHECK, &notes.say("web-0 ready; exec web-0 hostname -> node-0").history());
            assert_eq!((findings.held, findings.of_kind(Kind::Broken).count()), (0, 0), "{findings:#?}");
            assert!(findings.of_kind(Kind::Blind).all(|blind| blind.what.contains(field)));
        }
    }

    #[test]
    fn what_a_pod_says_after_it_came_back_is_evidence_of_its_own() {
        let evidence = |statements: &str| {
            let findings = judge(&CHECK, &Notes::new().say(statements).history());
            findings.evidence.iter().map(|e| e.clause).collect::<Vec<_>>()
        };
        let again = "web-0 deleted; web-0 created; web-0 ready; exec web-0 hostname -> web-0";
        assert_eq!(evidence(&format!("{TWO}; delete web-0; {again}")), ["container-again"]);
        assert_eq!(evidence(&format!("{TWO}; {again}")), ["container"], "no request took it away");
        let before =
            format!("{TWO}; exec web-0 hostname -> web-0; delete web-0; web-0 deleted; web-0 created");
        assert_eq!(evidence(&before), ["container"]);
    }

    #[test]
    fn pods_of_several_namespaces_are_told_apart() {
        let both = "web-0 created; exec web-0 hostname -> web-0; in other; web-0 created; exec web-0 hostname -> web-0";
        let findings = judge(&CHECK, &Notes::new().say(both).history());
        let pods: Vec<&String> = findings.evidence.iter().flat_map(|e| e.of.values()).collect();
        assert_eq!(pods, ["web-0", "other/web-0"]);
        assert_broken(&CHECK, &format!("{both}; exec web-0 hostname -> web"), "the container of other/web-0");
    }
}
