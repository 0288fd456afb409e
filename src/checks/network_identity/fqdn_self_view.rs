//! `fqdn-self-view`: from inside, a pod knows its full name and maps it to its own addresses.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{
        Check, Findings,
        dns::{hosts, resolver::Resolver},
    },
    history::{Event, ExecSeen, History, PodLife, Purpose, SERVICE, Seen, lives},
};

/// Judges `specs/network-identity/fqdn-self-view.yaml`.
pub(super) const CHECK: Check = Check { id: "fqdn-self-view", judge };

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    let by_uid: BTreeMap<&str, &PodLife<'_>> = pods.iter().map(|life| (life.uid, life)).collect();
    let mut views: BTreeMap<&str, View<'_>> = BTreeMap::new();
    for exec in history.execs() {
        views.entry(&exec.what.pod_uid).or_default().add(exec);
    }
    for (uid, view) in views {
        if let Some(life) = by_uid.get(uid) {
            judge_view(history, life, &view, findings);
        } else if let Some(exec) = view.fqdn.first() {
            findings
                .blind(format!("{} was looked into, and the watch did not show it", exec.pod), &[exec.event]);
        }
    }
}

/// What was asked inside one pod.
#[derive(Default)]
struct View<'h> {
    fqdn: Vec<Seen<'h, ExecSeen>>,
    addresses: Vec<Seen<'h, ExecSeen>>,
    hosts: Vec<Seen<'h, ExecSeen>>,
    resolver: Vec<Seen<'h, ExecSeen>>,
}

impl<'h> View<'h> {
    fn add(&mut self, exec: Seen<'h, ExecSeen>) {
        match exec.purpose {
            Purpose::Fqdn => self.fqdn.push(exec),
            Purpose::OwnAddresses => self.addresses.push(exec),
            Purpose::HostsFile => self.hosts.push(exec),
            Purpose::ResolverConfig => self.resolver.push(exec),
            _ => {}
        }
    }

    /// The zone in the pod's own resolv.conf, and where that was read.
    fn zone(&self) -> Option<(&'h str, &'h Event)> {
        self.resolver.iter().find_map(|exec| {
            let (_, zone) = Resolver::parse(exec.what.printed()?).namespace_and_zone()?;
            Some((zone, exec.event))
        })
    }
}

fn judge_view(history: &History, life: &PodLife<'_>, view: &View<'_>, findings: &mut Findings) {
    let started = history.started();
    let zone = match (view.zone(), &started.zone) {
        (Some((own, event)), Some(known)) if own != known => {
            let what = format!("{} is in the zone {own}, and the cluster's is {known}", life.name);
            return findings.broken(what, &[event]);
        }
        (Some((own, _)), _) => own,
        (None, Some(known)) => known,
        (None, None) => return no_zone(life, view, findings),
    };
    let fqdn = format!("{}.{SERVICE}.{}.svc.{zone}", life.name, started.namespace);
    answers(&view.fqdn, "hostname -f", life, findings, |said| said == fqdn);
    let own = own_addresses(life);
    answers(&view.addresses, "hostname -i", life, findings, |said| {
        hosts::are_own(&said.split_whitespace().collect::<BTreeSet<_>>(), &own)
    });
    answers(&view.hosts, "/etc/hosts", life, findings, |said| {
        [fqdn.as_str(), life.name].iter().all(|name| hosts::are_own(&hosts::addresses_of(said, name), &own))
    });
}

/// All addresses that the pod ever had: one life keeps its own.
fn own_addresses<'h>(life: &PodLife<'h>) -> Vec<&'h str> {
    let last = lives::addresses(life.last().what);
    if last.is_empty() { life.addresses() } else { last }
}

fn no_zone(life: &PodLife<'_>, view: &View<'_>, findings: &mut Findings) {
    if let Some(exec) = view.fqdn.first() {
        findings
            .blind(format!("{} was asked for its name, and the zone is not known", life.name), &[exec.event]);
    }
}

/// Judges every answer to one question; where there was none, it cannot be told.
fn answers(
    execs: &[Seen<'_, ExecSeen>],
    question: &str,
    life: &PodLife<'_>,
    findings: &mut Findings,
    is_right: impl Fn(&str) -> bool,
) {
    let name = life.name;
    let mut answered = execs.iter().filter_map(|exec| Some((exec.event, exec.printed()?))).peekable();
    if answered.peek().is_none()
        && let Some(exec) = execs.last()
    {
        return findings.blind(format!("{question} in {name} gave no answer"), &[exec.event]);
    }
    for (event, said) in answered {
        let own = own_addresses(life).join(", ");
        let shown = if question == "/etc/hosts" { lines_about(said, name) } else { said.to_owned() };
        findings.expect(
            is_right(said),
            format!("{question} in {name} says `{shown}`"),
            format!("{question} in {name} ({own}) says `{shown}`"),
            &[life.last().event, event],
        );
    }
}

fn lines_about(hosts: &str, name: &str) -> String {
    let lines = hosts.lines().filter(|line| line.contains(name));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge, started},
        },
        history::{Observation, Started, Step},
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
        let old = HOSTS.replace("10.0.0.10", "10.0.0.9");
        assert_broken(&CHECK, &format!("{POD}; {old}"), "says `10.0.0.9 web-0.nginx");
        let both = format!("{HOSTS}\\n10.0.0.9 web-0");
        assert_broken(&CHECK, &format!("{POD}; {both}"), "10.0.0.9 web-0");
        assert_broken(&CHECK, &format!("{POD}; exec web-0 addresses -> 127.0.0.1"), "hostname -i in web-0");
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
        assert_blind(&CHECK, "exec web-0 fqdn -> web-0", "the watch did not show it");
        assert_silent(&CHECK, &format!("{POD}; exec web-0 hostname -> web-0"));
    }
}
