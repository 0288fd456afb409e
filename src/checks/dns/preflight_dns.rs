//! `preflight-dns`: the cluster's DNS answers, from every node, over UDP and TCP, and every backend of it.

use std::collections::{BTreeMap, BTreeSet};

use super::dns_verdicts::{Clauses, listed, words};
use crate::{
    checks::{Cause, Check, Findings},
    history::{DnsOutcome, DnsSeen, Event, ExecSeen, Purpose, Seen, Step, Transport, Vantage},
    views::{
        Dimension, View,
        dns::{
            Family, Told,
            questions::{addresses, response, server},
        },
        resolver::Resolver,
    },
};

/// Judges `specs/dns/preflight-dns.yaml`.
pub(super) const CHECK: Check = Check { id: "preflight-dns", judge };

/// Pods on each node have a resolver configuration for the cluster's DNS.
const RESOLVER: &str = "resolver";
/// Who answers for the API server's Service: each backend, and each node's nameserver over UDP and TCP.
const ANSWERS: Clauses = Clauses { backend: "backend", node: "node" };

fn judge(view: &View<'_>, findings: &mut Findings) {
    let resolvers: Vec<_> = view.execs_for(&Purpose::ResolverConfig).collect();
    let zones: BTreeSet<&str> = resolvers.iter().filter_map(|exec| resolver(view, *exec, findings)).collect();
    if zones.len() > 1 {
        let events: Vec<&Event> = resolvers.iter().map(|exec| exec.event).collect();
        let what = format!("the nodes do not agree on the zone: {}", listed(&zones));
        findings.on(RESOLVER).broken(what, &events);
    }
    if let Some(zone) = zones.first() {
        let name = format!("kubernetes.default.svc.{zone}.");
        let is_meant = |dns: &Seen<'_, DnsSeen>| {
            dns.name == name && Family::of_record_type(&dns.what.record_type).is_some()
        };
        let asked: Vec<_> = view.dns().filter(is_meant).collect();
        everyone_answers(&asked, &name, findings);
        if let Some((event, reason)) = skipped(view) {
            let what = format!("the cluster has no DNS that can be asked: {reason}");
            findings.on(ANSWERS.node).broken(what, &[event]);
        }
    }
}

/// Judges one pod's resolv.conf, and gives the zone that it names.
fn resolver<'h>(view: &View<'_>, exec: Seen<'h, ExecSeen>, findings: &mut Findings) -> Option<&'h str> {
    let pod = &exec.what.pod;
    let say = findings.on(RESOLVER);
    let say = match node_of(view, exec.what) {
        Some(node) => say.of(Dimension::Node, node),
        None => say,
    };
    let Some(text) = exec.what.printed() else {
        let what = format!("/etc/resolv.conf of {pod} could not be read");
        say.blind(Cause::NoAnswer, what, &[exec.event]);
        return None;
    };
    let resolver = Resolver::parse(text);
    let own = &*view.started().namespace;
    let lacks = match (&resolver.nameservers[..], resolver.namespace_and_zone(), resolver.ndots) {
        ([], _, _) => Some("no nameserver"),
        (_, None, _) => Some("no `<namespace>.svc.<zone> svc.<zone> <zone>` in its search list"),
        (_, Some((namespace, _)), _) if namespace != own => Some("another namespace in its search list"),
        (_, _, None) => Some("no ndots option"),
        _ => None,
    };
    say.expect(
        lacks.is_none(),
        format!("{pod} asks {} in `{}`", listed(&resolver.nameservers), resolver.search.join(" ")),
        format!("/etc/resolv.conf of {pod} has {}", lacks.unwrap_or_default()),
        &[exec.event],
    );
    resolver.namespace_and_zone().map(|(_, zone)| zone)
}

/// The node that a pod runs on, by the pod itself or by what is known of the probes.
fn node_of(view: &View<'_>, exec: &ExecSeen) -> Option<String> {
    let mut versions =
        view.objects(crate::history::Resource::Pods).filter(|pod| pod.what.uid == exec.pod_uid);
    let told = versions.find_map(|pod| pod.what.text("/spec/nodeName").map(str::to_owned));
    let probes = view.started().probes.iter();
    told.or_else(|| {
        probes.into_iter().find(|probe| probe.address == exec.pod).map(|probe| probe.name.clone())
    })
}

/// The answers of one server over one transport.
type Ways<'s, 'h> = BTreeMap<(&'h Vantage, Transport), Vec<&'s Seen<'h, DnsSeen>>>;

fn everyone_answers(asked: &[Seen<'_, DnsSeen>], name: &str, findings: &mut Findings) {
    let mut ways = Ways::new();
    for one in asked {
        ways.entry((&one.what.vantage, one.what.transport)).or_default().push(one);
    }
    // Each family has its own addresses: those of one record type must agree.
    let mut told: BTreeMap<&str, BTreeMap<Told<'_>, &Event>> = BTreeMap::new();
    for ((vantage, transport), answers) in ways {
        let good = answers.iter().filter_map(|one| {
            let told = addresses(&response(one.what).ok()?);
            (!told.is_empty()).then_some((one, told))
        });
        let good: Vec<_> = good.collect();
        for (one, addresses) in &good {
            let what = format!("{} answered {} for {name}", server(one.what), words(addresses));
            ANSWERS.say_of(findings, vantage, transport).held(what, &[one.event]);
            told.entry(&one.what.record_type).or_default().entry(addresses.clone()).or_insert(one.event);
        }
        if let (true, Some(last)) = (good.is_empty(), answers.last()) {
            no_address(**last, name, findings);
        }
    }
    for differing in told.into_values().filter(|told| told.len() > 1) {
        let each: Vec<String> = differing.keys().map(words).collect();
        let events: Vec<&Event> = differing.values().copied().collect();
        let what = format!("the answers for {name} differ: {}", each.join(" and "));
        findings.on(ANSWERS.node).broken(what, &events);
    }
}

fn no_address(last: Seen<'_, DnsSeen>, name: &str, findings: &mut Findings) {
    let who = server(last.what);
    let is_backend = matches!(last.vantage, Vantage::Backend { .. });
    let say = ANSWERS.say_of(findings, &last.what.vantage, last.what.transport);
    let events = [last.event];
    if let DnsOutcome::NotAsked { reason } = &last.outcome {
        let what = format!("{who} could not be asked for {name}: {reason}");
        return say.blind(Cause::NoAnswer, what, &events);
    }
    match (response(last.what), last.code()) {
        (Ok(_), Some("NOERROR")) => {
            let what = format!("{who} has no address of that family ({}) for {name}", last.what.record_type);
            say.blind(Cause::NotTold, what, &events);
        }
        (Ok(_), _) => say.broken(format!("{who} answered that {name} does not exist"), &events),
        (Err(code), Some(_)) => say.broken(format!("{who} answered {code} for {name}"), &events),
        // A backend is asked over a port-forward, which no pod needs: its silence may be the port-forward's.
        (Err(reason), None) if is_backend => {
            say.blind(Cause::NoAnswer, format!("{who} gave no answer for {name}: {reason}"), &events);
        }
        (Err(reason), None) => say.broken(format!("{who} gave no answer for {name}: {reason}"), &events),
    }
}

fn skipped<'v>(view: &'v View<'_>) -> Option<(&'v Event, &'v str)> {
    view.steps().find_map(|step| match step.what {
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
            dns::evidence::lacks,
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
        assert!(broken(&RESOLV.replace("ns.svc", "default.svc"), &[]).contains("another namespace"));
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
        let others =
            format!("dns c AAAA {NAME} -> nothing; dns c A other.default.svc.cluster.local. -> nxdomain");
        let findings = judge(&CHECK, &notes.say(&others).history());
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (4, 1), "{findings:#?}");
    }

    #[test]
    fn a_node_that_was_asked_over_one_transport_only() {
        for (asked, not) in [(Transport::Udp, "tcp"), (Transport::Tcp, "udp")] {
            let mut notes = Notes::new();
            notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
            ask(&mut notes, "a", Transport::Tcp, "10.96.0.1");
            ask(&mut notes, "node-0", asked, "10.96.0.1");
            let lacking = lacks("preflight-dns", "preflight", &notes.history());
            assert_eq!(
                lacking,
                [format!("node: node node-0, transport {not}"), "backend: backend b".to_owned()]
            );
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
        assert_eq!(lacks("preflight-dns", "preflight", &notes.history()).len(), 4);
        let unread = said("fails", &[]);
        assert!(bad(&unread, Kind::Blind)[0].contains("could not be read"), "{unread:#?}");
    }

    #[test]
    fn a_cluster_of_the_other_address_family_answers_with_its_own_records() {
        let mut notes = Notes::new();
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        let each = ["a", "b", "@node-0", "@node-0/tcp"];
        let all = each.map(|who| format!("dns {who} A {NAME} -> nothing; dns {who} AAAA {NAME} -> fd00::1"));
        let history = notes.say(&all.join("; ")).history();
        let findings = judge(&CHECK, &history);
        assert_eq!((findings.held, findings.findings.len()), (5, 5), "{findings:#?}");
        assert!(lacks("preflight-dns", "preflight", &history).is_empty());
    }

    #[test]
    fn a_cluster_whose_backends_cannot_be_asked_passes_on_what_nodes_are_told() {
        let mut notes = Notes::new();
        notes.started(|started| started.backends.clear());
        notes.run("probe-node-0", Purpose::ResolverConfig, RESOLV);
        let asked = format!("dns @node-0 A {NAME} -> 10.96.0.1; dns @node-0/tcp A {NAME} -> 10.96.0.1");
        let history = notes.say(&asked).history();
        assert!(lacks("preflight-dns", "preflight", &history).is_empty());
        assert_eq!(judge(&CHECK, &history).held, 3);
    }

    #[test]
    fn a_cluster_of_the_other_address_family_is_not_judged() {
        let findings = said(RESOLV, &[("node-0", Transport::Udp, "NOERROR")]);
        assert!(bad(&findings, Kind::Blind)[0].contains("no address of that family (A)"), "{findings:#?}");
    }
}
