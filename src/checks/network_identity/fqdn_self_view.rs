//! `fqdn-self-view`: from inside, a pod knows its full name and maps it to its own addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    checks::{Cause, Check, Findings},
    history::{Event, ExecSeen, Purpose, Seen},
    views::{
        Dimension, PodLife, Set, View,
        addresses::{Told, told_around},
        hosts,
        inside::{self, Whose},
        recreation::requests_by_successor,
        resolver::Resolver,
    },
};

/// Judges `specs/network-identity/fqdn-self-view.yaml`.
pub(super) const CHECK: Check = Check { id: "fqdn-self-view", judge };

/// A clause, the one of a pod that came back, and the question.
struct Clause {
    first: &'static str,
    again: &'static str,
    question: &'static str,
}

/// `hostname -f` prints each pod's full name.
const NAME: Clause = Clause { first: "name", again: "name-again", question: "hostname -f" };
/// The hosts file of each pod gives its names its own addresses.
const HOSTS: Clause = Clause { first: "hosts-file", again: "hosts-file-again", question: "/etc/hosts" };
/// `hostname -i` prints each pod's own addresses.
const ADDRESS: Clause = Clause { first: "address", again: "address-again", question: "hostname -i" };

fn judge(view: &View<'_>, findings: &mut Findings) {
    let by_request: Vec<_> = view.sets().iter().map(|set| requests_by_successor(view, set)).collect();
    let by_request: HashMap<&str, &Event> = by_request.into_iter().flatten().collect();
    let mut all: BTreeMap<&str, Inside<'_, '_>> = BTreeMap::new();
    for exec in view.history().execs().filter(|exec| is_meant(exec.what)) {
        match view.whose(exec.what) {
            Whose::Member(set, life) => {
                let request = by_request.get(life.uid).copied();
                let new = || Inside { set, life, request, execs: Vec::new() };
                all.entry(life.uid).or_insert_with(new).execs.push(exec);
            }
            Whose::Unseen(set) if exec.purpose == Purpose::Fqdn => {
                let name = set.key(&exec.pod);
                let what = format!("{name} was looked into, and the watch of pods did not show it");
                findings.on(NAME.first).pod(name).blind(Cause::Gap, what, &[exec.event]);
            }
            Whose::Unseen(_) | Whose::Others => {}
        }
    }
    for inside in all.values() {
        if let Some(full_name) = inside.full_name(findings) {
            inside.judge(&full_name, findings);
        }
    }
}

fn is_meant(exec: &ExecSeen) -> bool {
    let purposes = [Purpose::Fqdn, Purpose::OwnAddresses, Purpose::HostsFile, Purpose::ResolverConfig];
    purposes.contains(&exec.purpose)
}

/// One pod, and what was asked inside it.
struct Inside<'v, 'h> {
    set: &'v Set<'h>,
    life: &'v PodLife<'h>,
    /// The request that took away the incarnation before, if one did.
    request: Option<&'h Event>,
    execs: Vec<Seen<'h, ExecSeen>>,
}

/// What an answer shows.
enum Shown<'h> {
    Right,
    Wrong,
    /// It cannot be told.
    Open(Cause, String, &'h Event),
}

impl<'h> Inside<'_, 'h> {
    /// The name that the pod must know. Where there is none to expect, it says why.
    fn full_name(&self, findings: &mut Findings) -> Option<String> {
        let (name, started) = (self.name(), self.set.history().started());
        let say = findings.on(NAME.first).pod(name.as_str());
        let asked = self.execs[0].event;
        if let Some(field) = inside::other_hostname(self.life.last().what) {
            let what = format!("the template gives {name} another host name, by {field}");
            say.blind(Cause::Surroundings, what, &[asked]);
            return None;
        }
        let zone = match (self.zone(), &started.zone) {
            (Some((own, event)), Some(known)) if own != known => {
                let what = format!("{name} is in the zone {own}, and the cluster's is {known}");
                say.broken(what, &[event]);
                return None;
            }
            (Some((own, _)), _) => own,
            (None, Some(known)) => known,
            (None, None) => {
                let what = format!("{name} was asked for its name, and the zone is not known");
                say.blind(Cause::NotTold, what, &[asked]);
                return None;
            }
        };
        let Some(service) = self.service() else {
            say.blind(Cause::NotTold, format!("no Service governs {name}"), &[asked]);
            return None;
        };
        Some(format!("{}.{service}.{}.svc.{zone}", self.life.name, self.set.namespace))
    }

    /// The zone in the pod's own resolv.conf, and where that was read.
    fn zone(&self) -> Option<(&'h str, &'h Event)> {
        self.about(&Purpose::ResolverConfig).find_map(|exec| {
            let (namespace, zone) = Resolver::parse(exec.what.printed()?).namespace_and_zone()?;
            (namespace == self.set.namespace).then_some((zone, exec.event))
        })
    }

    /// The Service that governs the incarnation of the set that made the pod.
    fn service(&self) -> Option<String> {
        let owner = self.life.last().what.controller().and_then(|owner| owner["uid"].as_str());
        let stored = self.set.versions().iter().find(|set| Some(set.what.uid.as_str()) == owner);
        let said = stored.and_then(|set| Some(set.what.text("/spec/serviceName")?.to_owned()));
        said.or_else(|| self.set.service()).filter(|name| !name.is_empty())
    }

    fn about(&self, purpose: &Purpose) -> impl Iterator<Item = &Seen<'h, ExecSeen>> {
        self.execs.iter().filter(move |exec| exec.purpose == *purpose)
    }

    fn judge(&self, full_name: &str, findings: &mut Findings) {
        self.answers(&NAME, &Purpose::Fqdn, findings, |_, said| match said == full_name {
            true => Shown::Right,
            false => Shown::Wrong,
        });
        self.answers(&ADDRESS, &Purpose::OwnAddresses, findings, |asked, said| {
            self.are_own(asked, &said.split_whitespace().collect())
        });
        self.answers(&HOSTS, &Purpose::HostsFile, findings, |asked, said| {
            let of = |name| hosts::addresses_of(said, name);
            let (full, short) = (of(full_name), of(self.life.name));
            if full.is_empty() || short.is_empty() {
                return Shown::Wrong;
            }
            self.are_own(asked, &full.union(&short).copied().collect())
        });
    }

    /// Compares addresses with what the pod's status said around the time of the question.
    fn are_own(&self, asked: &'h Event, said: &BTreeSet<&str>) -> Shown<'h> {
        match told_around(self.set, self.life, asked) {
            Told::Hidden(gap) => {
                let what = "a gap in the watch of pods hides its address".to_owned();
                Shown::Open(Cause::Gap, what, gap)
            }
            Told::Addresses { all, .. } if hosts::are_own(said, &all) => Shown::Right,
            Told::Addresses { may_change: Some((why, event)), .. } => {
                Shown::Open(self.cause_of_change(event), why, event)
            }
            Told::Addresses { .. } => Shown::Wrong,
        }
    }

    /// What makes it open whether another address is right, by the event that shows it.
    fn cause_of_change(&self, shows: &Event) -> Cause {
        if self.life.container_trouble().is_some() {
            Cause::Surroundings
        } else if self.set.pods().gaps().iter().any(|gap| gap.shown_by.seq == shows.seq) {
            Cause::Gap
        } else {
            Cause::NotTold
        }
    }

    /// Judges every answer to one question; where there was none, it cannot be told.
    fn answers(
        &self,
        clause: &Clause,
        purpose: &Purpose,
        findings: &mut Findings,
        shows: impl Fn(&'h Event, &str) -> Shown<'h>,
    ) {
        let answered = self.about(purpose).filter_map(|exec| Some((exec.event, exec.what.printed()?)));
        let answered: Vec<_> = answered.collect();
        for (event, said) in &answered {
            self.say(clause, event, said, shows(event, said), findings);
        }
        let unanswered = self.about(purpose).last().filter(|_| answered.is_empty());
        if let Some(exec) = unanswered {
            self.no_answer(clause, exec.event, findings);
        }
    }

    fn say(&self, clause: &Clause, event: &'h Event, said: &str, shown: Shown<'h>, findings: &mut Findings) {
        let (name, question) = (self.name(), clause.question);
        let line =
            if clause.first == HOSTS.first { lines_about(said, self.life.name) } else { said.to_owned() };
        let events = [self.life.last().event, event];
        let say = findings.on(clause.first).pod(name.as_str());
        match shown {
            Shown::Wrong => {
                let own = self.life.addresses().join(", ");
                say.broken(format!("{question} in {name} ({own}) says `{line}`"), &events);
            }
            Shown::Open(cause, why, shows) => {
                say.blind(cause, format!("{question} in {name} says `{line}`: {why}"), &[shows, event]);
            }
            Shown::Right => {
                let what = format!("{question} in {name} says `{line}`");
                match self.request {
                    Some(request) => findings
                        .on(clause.again)
                        .of(Dimension::Recreated, name)
                        .held(what, &[request, self.life.birth(), event]),
                    None => say.held(what, &events),
                }
            }
        }
    }

    fn no_answer(&self, clause: &Clause, event: &'h Event, findings: &mut Findings) {
        let what = format!("{} in {} gave no answer", clause.question, self.name());
        let say = findings.on(clause.first).pod(self.name());
        match self.life.container_trouble() {
            Some((version, trouble)) => {
                say.blind(Cause::Surroundings, format!("{what}: {trouble}"), &[version.event, event]);
            }
            None => say.blind(Cause::NoAnswer, what, &[event]),
        }
    }

    fn name(&self) -> String {
        self.set.key(self.life.name)
    }
}

fn lines_about(hosts: &str, name: &str) -> String {
    let lines = hosts.lines().filter(|line| line.contains(name));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            Cause, Kind,
            notation::{
                Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge, started,
            },
        },
        history::{Change, Observation, Resource, Started, Step},
    };

    const POD: &str = "web-0 created; web-0 ready";
    const FQDN: &str = "exec web-0 fqdn -> web-0.nginx.ns.svc.cluster.local";
    const HOSTS: &str =
        "exec web-0 hosts -> 127.0.0.1 localhost\\n10.0.0.10 web-0.nginx.ns.svc.cluster.local web-0";

    #[test]
    fn the_full_name_and_the_own_address() {
        let resolv = "exec web-0 resolv -> search ns.svc.cluster.local svc.cluster.local cluster.local";
        let all = format!("{POD}; {FQDN}; {HOSTS}; exec web-0 addresses -> 10.0.0.10; {resolv}");
        assert_held(&CHECK, &all, 3);
    }

    #[test]
    fn the_zone_is_the_one_in_the_pods_own_file() {
        let other = "exec web-0 resolv -> search ns.svc.corp.example svc.corp.example corp.example";
        assert_broken(&CHECK, &format!("{POD}; {FQDN}; {other}"), "is in the zone corp.example");
    }

    #[test]
    fn a_short_or_another_full_name() {
        for other in
            ["web-0", "web-0.nginx.ns.svc.cluster.example", "web-1.nginx.ns.svc.cluster.local", "localhost"]
        {
            assert_broken(
                &CHECK,
                &format!("{POD}; exec web-0 fqdn -> {other}"),
                &format!("hostname -f in web-0 (10.0.0.10) says `{other}`"),
            );
        }
    }

    #[test]
    fn the_hosts_file_lacks_the_full_name_or_the_short_one() {
        assert_broken(&CHECK, &format!("{POD}; exec web-0 hosts -> 10.0.0.10 web-0"), "/etc/hosts in web-0");
        let no_short = "exec web-0 hosts -> 10.0.0.10 web-0.nginx.ns.svc.cluster.local";
        assert_broken(&CHECK, &format!("{POD}; {no_short}"), "/etc/hosts in web-0");
    }

    #[test]
    fn the_hosts_file_keeps_an_old_address() {
        let broken = |asked: &str, words: &str| {
            assert_broken(&CHECK, &format!("{POD}; {asked}; wait 9s; completed"), words);
        };
        broken(&HOSTS.replace("10.0.0.10", "10.0.0.9"), "says `10.0.0.9 web-0.nginx");
        broken(&format!("{HOSTS}\\n10.0.0.9 web-0"), "10.0.0.9 web-0");
        broken("exec web-0 addresses -> 127.0.0.1", "hostname -i in web-0");
    }

    #[test]
    fn an_address_that_changes_in_place_is_known_inside_before_the_status_tells_of_it() {
        let new = "exec web-0 addresses -> 10.0.0.77";
        assert_held(
            &CHECK,
            &format!("{POD}; {new}; wait 30s; web-0 address 10.0.0.77; wait 9s; completed"),
            1,
        );
        assert_held(&CHECK, &format!("{POD}; {new}; web-0 address 10.0.0.77; web-0 deleted"), 1);
        let soon_gone =
            format!("{POD}; {new}; wait 2s; delete web-0; web-0 terminating; wait 30s; web-0 deleted");
        assert_blind(&CHECK, &soon_gone, "may not have told yet of another address");
        let lost = format!("{POD}; {new}; web-0 running; gap pods; wait 30s; completed");
        let causes = |statements: &str| {
            let findings = judge(&CHECK, &history(statements));
            findings.of_kind(Kind::Blind).map(|blind| blind.cause).collect::<Vec<_>>()
        };
        assert_eq!((causes(&lost), causes(&soon_gone)), (vec![Some(Cause::Gap)], vec![Some(Cause::NotTold)]));
        let later = format!(
            "{POD}; web-0 address 10.0.0.77; wait 9s; exec web-0 addresses -> 10.0.0.10; wait 9s; completed"
        );
        assert_broken(&CHECK, &later, "hostname -i in web-0");
    }

    #[test]
    fn an_address_that_was_told_elsewhere_in_time_is_still_the_pods_own() {
        let late = "web-0 created; web-0 running; exec web-0 addresses -> 10.0.0.10; wait 4s; web-0 ready; completed";
        assert_held(&CHECK, late, 1);
    }

    #[test]
    fn a_container_that_ended_may_have_had_another_address() {
        let mut notes = Notes::new().say("web-0 created; web-0 scheduled; web-0 ready");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["containerStatuses"] = json!([{
                "name": "nginx", "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}},
            }]);
        });
        let asked = "exec web-0 addresses -> 10.0.0.99; wait 9s; completed";
        let findings = judge(&CHECK, &notes.say(asked).history()).findings;
        let said: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.cause)).collect();
        assert_eq!(said, [(Kind::Blind, Some(Cause::Surroundings))]);
        assert!(findings[0].what.contains("exit code 137 (Error) on node-0"), "{}", findings[0].what);
    }

    #[test]
    fn a_gap_hides_the_address_and_not_the_name() {
        let lost = format!(
            "{POD}; gap pods; exec web-0 addresses -> 10.0.0.99; {FQDN}; web-0 listed-again; opened pods"
        );
        let findings = judge(&CHECK, &history(&lost));
        assert_eq!(findings.evidence.iter().map(|e| e.clause).collect::<Vec<_>>(), ["name"]);
        let causes: Vec<_> = findings.of_kind(Kind::Blind).map(|f| f.cause).collect();
        assert_eq!(causes, [Some(Cause::Gap)]);
        assert_blind(&CHECK, &lost.replace("10.0.0.99", "10.0.0.10"), "hides its address");
    }

    #[test]
    fn what_a_pod_says_after_it_came_back_is_evidence_of_its_own() {
        let lost = format!(
            "{POD}; {FQDN}; delete web-0; web-0 deleted; web-0 created; web-0 ready; {FQDN}; {HOSTS}"
        );
        let findings = judge(&CHECK, &history(&lost));
        let mut clauses: Vec<_> = findings.evidence.iter().map(|e| e.clause).collect();
        clauses.sort_unstable();
        assert_eq!(clauses, ["hosts-file-again", "name", "name-again"]);
    }

    #[test]
    fn the_service_and_the_namespace_are_the_sets_own() {
        let asked = "web-0 created; web-0 ready; exec web-0 fqdn -> web-0.nginx.other.svc.cluster.local";
        assert_held(&CHECK, &format!("in other; set replicas=1; {asked}"), 1);
        assert_broken(&CHECK, asked, "hostname -f in web-0");
        let mut notes = Notes::new();
        let set = json!({"metadata": {"name": "web", "uid": "uid-set"}, "spec": {"serviceName": "peers"}});
        notes.object(Resource::StatefulSets, Change::Added, set);
        let asked = "web-0 created; exec web-0 fqdn -> web-0.peers.ns.svc.cluster.local";
        assert_eq!(judge(&CHECK, &notes.say(asked).history()).held, 1);
    }

    #[test]
    fn a_search_list_of_another_namespace_says_nothing_of_the_zone() {
        let other = "exec web-0 resolv -> search db.svc.corp.example svc.corp.example corp.example";
        assert_held(&CHECK, &format!("{POD}; {FQDN}; {other}"), 1);
    }

    #[test]
    fn both_address_families_are_the_pods_own() {
        let mut notes = Notes::new().say("web-0 created");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["podIPs"] = json!([{"ip": "10.0.0.10"}, {"ip": "fd00::10"}]);
        });
        let full = "web-0.nginx.ns.svc.cluster.local web-0";
        let asked = format!(
            "exec web-0 hosts -> 10.0.0.10 {full}\\nfd00:0::10 {full}; exec web-0 addresses -> 10.0.0.10 fd00::10"
        );
        assert_eq!(judge(&CHECK, &notes.say(&asked).history()).held, 2);
    }

    #[test]
    fn a_pod_on_the_nodes_network_has_the_nodes_names() {
        let mut notes = Notes::new().say("web-0 created");
        notes.modify(Resource::Pods, "web-0", |pod| pod["spec"]["hostNetwork"] = json!(true));
        let findings = judge(&CHECK, &notes.say("exec web-0 fqdn -> node-0; wait 9s").history()).findings;
        assert!(findings.iter().all(|f| f.kind == Kind::Blind && f.what.contains("hostNetwork")));
    }

    #[test]
    fn without_a_zone_there_is_no_name_to_expect() {
        let mut history = history(&format!("{POD}; {FQDN}"));
        let started = Started { zone: None, ..started() };
        history.events[0].seen = Observation::Step(Step::Started(started.into()));
        let findings = judge(&CHECK, &history).findings;
        let said: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.what.as_str())).collect();
        assert_eq!(said, [(Kind::Blind, "web-0 was asked for its name, and the zone is not known")]);
    }

    #[test]
    fn no_answer_and_a_pod_that_was_not_seen_are_not_judged() {
        assert_blind(
            &CHECK,
            &format!("{POD}; exec web-0 fqdn -> fails"),
            "hostname -f in web-0 gave no answer",
        );
        assert_blind(&CHECK, "set replicas=1; exec web-0 fqdn -> web-0", "the watch of pods did not show it");
        assert_silent(&CHECK, "set replicas=1; exec dns-test fqdn -> dns-test");
        assert_silent(&CHECK, &format!("{POD}; exec web-0 hostname -> web-0"));
    }
}
