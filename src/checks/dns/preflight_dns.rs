//! `preflight-dns`: the cluster's DNS answers, from every node, over UDP and TCP, and every backend of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{asked::answer, resolver::Resolver, truth::words};
use crate::{
    checks::{Check, Findings},
    history::{DnsOutcome, DnsSeen, Event, ExecSeen, History, Purpose, Seen, Step, Transport, Vantage},
};

/// Judges `specs/dns/preflight-dns.yaml`.
pub(super) const CHECK: Check = Check { id: "preflight-dns", judge };

fn judge(history: &History, findings: &mut Findings) {
    let resolvers: Vec<_> = history.execs_for(&Purpose::ResolverConfig).collect();
    let zones: BTreeSet<&str> = resolvers.iter().filter_map(|exec| resolver(*exec, findings)).collect();
    if zones.len() > 1 {
        let events: Vec<&Event> = resolvers.iter().map(|exec| exec.event).collect();
        findings.broken(format!("the nodes do not agree on the zone: {}", words(&zones)), &events);
    }
    if let Some(zone) = zones.first() {
        let name = format!("kubernetes.default.svc.{zone}.");
        let asked: Vec<_> = history.dns().filter(|dns| dns.name == name && dns.record_type == "A").collect();
        everyone_answers(&asked, &name, findings);
        every_way_was_asked(history, &resolvers, &asked, findings);
    }
}

/// Judges one pod's resolv.conf, and gives the zone that it names.
fn resolver<'h>(exec: Seen<'h, ExecSeen>, findings: &mut Findings) -> Option<&'h str> {
    let pod = &exec.what.pod;
    let Some(text) = exec.what.printed() else {
        findings.blind(format!("/etc/resolv.conf of {pod} could not be read"), &[exec.event]);
        return None;
    };
    let resolver = Resolver::parse(text);
    let lacks = match (&resolver.nameservers[..], resolver.namespace_and_zone(), resolver.ndots) {
        ([], _, _) => Some("no nameserver"),
        (_, None, _) => Some("no `<namespace>.svc.<zone> svc.<zone> <zone>` in its search list"),
        (_, _, None) => Some("no ndots option"),
        _ => None,
    };
    findings.expect(
        lacks.is_none(),
        format!("{pod} asks {} in `{}`", words(&resolver.nameservers), resolver.search.join(" ")),
        format!("/etc/resolv.conf of {pod} has {}", lacks.unwrap_or_default()),
        &[exec.event],
    );
    resolver.namespace_and_zone().map(|(_, zone)| zone)
}

fn everyone_answers(asked: &[Seen<'_, DnsSeen>], name: &str, findings: &mut Findings) {
    let mut ways: BTreeMap<(&Vantage, Transport), Vec<Seen<'_, DnsSeen>>> = BTreeMap::new();
    for one in asked {
        ways.entry((&one.what.vantage, one.what.transport)).or_default().push(*one);
    }
    let mut addresses: BTreeMap<BTreeSet<&str>, &Event> = BTreeMap::new();
    for ((vantage, transport), answers) in ways {
        let who = format!("{vantage} ({transport:?})").to_lowercase();
        let good = answers.iter().find(|one| answer(one.what).is_ok_and(|told| !told.is_empty()));
        match (good, answers.last()) {
            (Some(one), _) => {
                let told = answer(one.what).unwrap_or_default();
                findings.held(format!("{who} answered {} for {name}", words(&told)), &[one.event]);
                addresses.entry(told).or_insert(one.event);
            }
            (None, Some(last)) => no_address(*last, &who, name, findings),
            (None, None) => {}
        }
    }
    if addresses.len() > 1 {
        let each: Vec<String> = addresses.keys().map(words).collect();
        let events: Vec<&Event> = addresses.values().copied().collect();
        findings.broken(format!("the answers for {name} differ: {}", each.join(" and ")), &events);
    }
}

fn no_address(last: Seen<'_, DnsSeen>, who: &str, name: &str, findings: &mut Findings) {
    let is_backend = matches!(last.vantage, Vantage::Backend { .. });
    if let DnsOutcome::NotAsked { reason } = &last.outcome {
        return findings.blind(format!("{who} could not be asked for {name}: {reason}"), &[last.event]);
    }
    match (answer(last.what), last.code()) {
        (Ok(_), Some("NOERROR")) => {
            findings.blind(format!("{who} has no IPv4 address for {name}"), &[last.event]);
        }
        (Ok(_), _) => findings.broken(format!("{who} answered that {name} does not exist"), &[last.event]),
        (Err(code), Some(_)) => findings.broken(format!("{who} answered {code} for {name}"), &[last.event]),
        // A backend is asked over a port-forward, which no pod needs: its silence may be the port-forward's.
        (Err(reason), None) if is_backend => {
            findings.blind(format!("{who} gave no answer for {name}: {reason}"), &[last.event]);
        }
        (Err(reason), None) => {
            findings.broken(format!("{who} gave no answer for {name}: {reason}"), &[last.event]);
        }
    }
}

/// Each node must have been asked over both transports, and at least one backend by itself.
fn every_way_was_asked(
    history: &History,
    resolvers: &[Seen<'_, ExecSeen>],
    asked: &[Seen<'_, DnsSeen>],
    findings: &mut Findings,
) {
    let events: Vec<&Event> = resolvers.iter().map(|exec| exec.event).collect();
    if let Some((event, reason)) = skipped(history) {
        return findings.broken(format!("the cluster has no DNS that can be asked: {reason}"), &[event]);
    }
    for transport in [Transport::Udp, Transport::Tcp] {
        let of_node = |one: &Seen<'_, DnsSeen>| match &one.what.vantage {
            Vantage::Node { node, .. } if one.transport == transport => Some(node.clone()),
            _ => None,
        };
        let nodes: BTreeSet<String> = asked.iter().filter_map(of_node).collect();
        let pods: BTreeSet<_> = resolvers.iter().map(|exec| &exec.what.pod).collect();
        if nodes.len() < pods.len() {
            let what =
                format!("DNS was asked from {} of {} nodes over {transport:?}", nodes.len(), pods.len());
            findings.blind(what, &events);
        }
    }
    if !asked.iter().any(|one| matches!(one.vantage, Vantage::Backend { .. })) {
        findings.blind("no DNS backend was asked by itself", &events);
    }
}

fn skipped(history: &History) -> Option<(&Event, &str)> {
    history.steps().find_map(|step| match step.what {
        Step::Skipped { action, reason } if action.contains("dns") => Some((step.event, reason.as_str())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Findings, Kind,
            notation::{Notes, judge},
        },
        history::{DnsOutcome, DnsRecord, DnsSeen, Observation, Observer, Purpose, Step, Transport, Vantage},
    };

    const RESOLV: &str = "nameserver 10.96.0.10\\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\\noptions ndots:5";
    const NAME: &str = "kubernetes.default.svc.cluster.local.";

    /// A cluster of one node and two backends, in which these answer otherwise than with 10.96.0.1.
    fn said(resolv: &str, others: &[(&str, Transport, &str)]) -> Findings {
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, resolv);
        for (who, transport) in [
            ("a", Transport::Tcp),
            ("b", Transport::Tcp),
            ("node-0", Transport::Udp),
            ("node-0", Transport::Tcp),
        ] {
            let other = others.iter().find(|(of, over, _)| *of == who && *over == transport);
            ask(&mut notes, who, transport, other.map_or("10.96.0.1", |(_, _, answer)| answer));
        }
        judge(&CHECK, &notes.history())
    }

    fn ask(notes: &mut Notes, who: &str, transport: Transport, answer: &str) {
        let vantage = match who.starts_with("node") {
            true => Vantage::Node { node: who.to_owned(), nameserver: "10.96.0.10".to_owned() },
            false => Vantage::Backend { pod: who.to_owned() },
        };
        let record = |data: &str| DnsRecord {
            name: NAME.to_owned(),
            record_type: "A".to_owned(),
            ttl_secs: 30,
            data: data.to_owned(),
        };
        let outcome = match answer {
            "silence" => DnsOutcome::NoAnswer { reason: "timed out".to_owned() },
            "not asked" => DnsOutcome::NotAsked { reason: "the exec was refused".to_owned() },
            "NXDOMAIN" | "SERVFAIL" | "NOERROR" => {
                DnsOutcome::Answer { code: answer.to_owned(), authoritative: None, records: Vec::new() }
            }
            address => DnsOutcome::Answer {
                code: "NOERROR".to_owned(),
                authoritative: None,
                records: vec![record(address)],
            },
        };
        let dns = DnsSeen { vantage, transport, name: NAME.to_owned(), record_type: "A".to_owned(), outcome };
        notes.see(Observer::Probe, Observation::Dns(dns.into()));
    }

    fn bad(findings: &Findings, kind: Kind) -> Vec<&str> {
        findings.of_kind(kind).map(|finding| finding.what.as_str()).collect()
    }

    fn broken(resolv: &str, others: &[(&str, Transport, &str)]) -> String {
        bad(&said(resolv, others), Kind::Broken).join("; ")
    }

    #[test]
    fn a_node_that_could_not_be_asked_says_nothing() {
        let findings = said(RESOLV, &[("node-0", Transport::Udp, "not asked")]);
        assert_eq!(bad(&findings, Kind::Broken), Vec::<&str>::new());
        assert_eq!(bad(&findings, Kind::Blind).len(), 1, "{findings:?}");
    }

    #[test]
    fn everyone_answers() {
        let findings = said(RESOLV, &[]);
        assert_eq!((findings.held, findings.findings.len()), (5, 5), "{findings:#?}");
    }

    #[test]
    fn tcp_answers_and_udp_does_not() {
        let said = broken(RESOLV, &[("node-0", Transport::Udp, "silence")]);
        assert_eq!(said, format!("10.96.0.10 from node-0 (udp) gave no answer for {NAME}: timed out"));
    }

    #[test]
    fn one_backend_answers_wrongly() {
        for answer in ["NXDOMAIN", "SERVFAIL"] {
            assert!(broken(RESOLV, &[("b", Transport::Tcp, answer)]).starts_with("b (tcp) answered"));
        }
        assert!(
            broken(RESOLV, &[("b", Transport::Tcp, "10.0.0.9")]).contains("differ: 10.0.0.9 and 10.96.0.1")
        );
    }

    #[test]
    fn a_resolver_file_that_lacks_something() {
        assert!(broken("options ndots:5", &[]).contains("no nameserver"));
        assert!(broken("nameserver 10.96.0.10\\noptions ndots:5", &[]).contains("in its search list"));
        assert!(broken(&RESOLV.replace("ndots:5", "edns0"), &[]).contains("no ndots"));
    }

    #[test]
    fn nodes_that_do_not_agree_on_the_zone() {
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        notes.run("probe-node-1", Purpose::ResolverConfig, &RESOLV.replace("cluster.local", "example.org"));
        let findings = judge(&CHECK, &notes.history());
        assert_eq!(
            bad(&findings, Kind::Broken),
            ["the nodes do not agree on the zone: cluster.local, example.org"]
        );
    }

    #[test]
    fn a_cluster_without_dns() {
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        let (action, reason) = ("ask-dns".to_owned(), "no ready endpoint behind 10.96.0.10".to_owned());
        notes.step(Step::Skipped { action, reason });
        let findings = judge(&CHECK, &notes.history());
        assert!(bad(&findings, Kind::Broken)[0].contains("no DNS that can be asked"));
    }

    #[test]
    fn other_questions_and_other_steps_that_were_left_out_are_no_matter() {
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        for (who, transport) in
            [("a", Transport::Tcp), ("node-0", Transport::Udp), ("node-0", Transport::Tcp)]
        {
            ask(&mut notes, who, transport, "10.96.0.1");
        }
        notes.step(Step::Skipped { action: "close-gate".to_owned(), reason: "no pod".to_owned() });
        let findings = judge(&CHECK, &notes.say(&format!("dns c AAAA {NAME} -> nothing")).history());
        assert_eq!((findings.held, findings.findings.len()), (4, 4), "{findings:#?}");
    }

    #[test]
    fn a_node_that_was_asked_over_one_transport_only() {
        for (asked, not) in [(Transport::Udp, "Tcp"), (Transport::Tcp, "Udp")] {
            let mut notes = Notes::new();
            notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
            ask(&mut notes, "a", Transport::Tcp, "10.96.0.1");
            ask(&mut notes, "node-0", asked, "10.96.0.1");
            let findings = judge(&CHECK, &notes.history());
            let what = format!("DNS was asked from 0 of 1 nodes over {not}");
            assert_eq!(bad(&findings, Kind::Blind), [what]);
        }
    }

    #[test]
    fn what_was_not_asked_or_may_be_our_own_fault_is_not_judged() {
        let silent = said(RESOLV, &[("a", Transport::Tcp, "silence")]);
        assert!(
            bad(&silent, Kind::Broken).is_empty() && bad(&silent, Kind::Blind)[0].contains("a (tcp) gave no")
        );
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        assert_eq!(bad(&judge(&CHECK, &notes.history()), Kind::Blind).len(), 3);
        let unread = said("fails", &[]);
        assert!(bad(&unread, Kind::Blind)[0].contains("could not be read"), "{unread:#?}");
    }

    #[test]
    fn a_cluster_of_the_other_address_family_is_not_judged() {
        let findings = said(RESOLV, &[("node-0", Transport::Udp, "NOERROR")]);
        assert!(bad(&findings, Kind::Blind)[0].contains("no IPv4 address"), "{findings:#?}");
    }
}
