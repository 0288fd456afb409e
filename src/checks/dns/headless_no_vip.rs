//! `headless-no-vip`: the headless Service has no address of its own, in contrast to a normal one.

use super::{
    asked::{answer, short},
    truth::words,
};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, ObjectSeen, Resource, SERVICE, Seen},
    limits,
};

/// Judges `specs/dns/headless-no-vip.yaml`.
pub(super) const CHECK: Check = Check { id: "headless-no-vip", judge };

fn judge(history: &History, findings: &mut Findings) {
    for service in history.objects(Resource::Services) {
        if service.name == SERVICE {
            has_no_address(service, findings);
        }
    }
    names_of_normal_services(history, findings);
}

fn has_no_address(service: Seen<'_, ObjectSeen>, findings: &mut Findings) {
    let addresses = addresses(service.what);
    let node_ports =
        service.list("/spec/ports").iter().any(|port| port["nodePort"].as_i64().unwrap_or(0) != 0);
    findings.expect(
        addresses.is_empty() && service.text("/spec/clusterIP") == Some("None") && !node_ports,
        format!("the Service {SERVICE} has no address of its own"),
        match (addresses.is_empty(), node_ports) {
            (false, _) => format!("the headless Service {SERVICE} has the address {}", words(&addresses)),
            (_, true) => format!("the headless Service {SERVICE} has a port on every node"),
            _ => format!("the Service {SERVICE} is not headless: its clusterIP is not None"),
        },
        &[service.event],
    );
}

/// The virtual addresses of a Service; none for a headless one.
fn addresses(service: &ObjectSeen) -> Vec<&str> {
    let many: Vec<&str> = service.list("/spec/clusterIPs").iter().filter_map(|ip| ip.as_str()).collect();
    let all = if many.is_empty() { service.text("/spec/clusterIP").into_iter().collect() } else { many };
    all.into_iter().filter(|ip| !ip.is_empty() && *ip != "None").collect()
}

/// The contrast: a normal Service's name stands for its virtual address and not for pods.
fn names_of_normal_services(history: &History, findings: &mut Findings) {
    let Some(domain) = history.service_fqdn().and_then(|name| Some(name.split_once('.')?.1.to_owned()))
    else {
        return;
    };
    let mut seen = std::collections::BTreeSet::new();
    for service in history.objects(Resource::Services) {
        let addresses = addresses(service.what);
        if !addresses.is_empty() && seen.insert(&service.what.name) {
            let name = format!("{}.{domain}", service.name);
            name_is_the_address(history, service.event, &name, &addresses, findings);
        }
    }
}

fn name_is_the_address(
    history: &History,
    made: &Event,
    name: &str,
    addresses: &[&str],
    findings: &mut Findings,
) {
    let (mut answered, mut silent) = (false, None);
    for seen in history.dns().filter(|seen| seen.name == name && seen.record_type == "A") {
        let (who, name) = (&seen.vantage, short(name));
        match answer(seen.what) {
            Err(reason) => silent = Some((format!("{who} gave no answer for {name}: {reason}"), seen.event)),
            Ok(told) if told.is_empty() && is_new(made, seen.event) => {
                let what = format!("{who} did not know {name} yet, which had just been made");
                findings.blind(what, &[made, seen.event]);
            }
            Ok(told) => {
                answered = true;
                let shown = if told.is_empty() { "nothing".to_owned() } else { words(&told) };
                findings.expect(
                    !told.is_empty() && told.iter().all(|ip| addresses.contains(ip)),
                    format!("{who} answered the virtual address {shown} for {name}"),
                    format!("{who} answered {shown} for {name}, whose address is {}", words(addresses)),
                    &[made, seen.event],
                );
            }
        }
    }
    // One that answers is enough: the path is not what is judged here.
    if let (Some((what, event)), false) = (silent, answered) {
        findings.blind(what, &[event]);
    }
}

/// Whether the Service had existed for less time than DNS may take to learn of it.
fn is_new(made: &Event, asked: &Event) -> bool {
    let age_us = asked.span.from_us.saturating_sub(made.span.until_us);
    age_us < limits::DNS_STALE_HARD.wait_us()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::notation::{Notes, judge},
        history::{Change, Resource},
    };

    /// What is held, what is broken and what is blind where the Services look so and these statements follow.
    fn said(headless: Value, normal: Value, statements: &str) -> (u64, Vec<String>) {
        let mut notes = Notes::new();
        let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
        notes.object(Resource::Services, Change::Added, service("nginx", headless));
        notes.object(Resource::Services, Change::Added, service("nginx-vip", normal));
        let findings = judge(&CHECK, &notes.say(statements).history());
        let bad = findings.findings.iter().filter(|f| f.kind != crate::checks::Kind::Held);
        (findings.held, bad.map(|f| f.what.clone()).collect())
    }

    fn none() -> Value {
        json!({"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]})
    }

    fn vip() -> Value {
        json!({"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"]})
    }

    const NAME: &str = "nginx-vip.ns.svc.cluster.local.";

    #[test]
    fn no_address_for_the_one_and_the_virtual_one_for_the_other() {
        assert_eq!(said(none(), vip(), &format!("dns a A {NAME} -> 10.96.0.7")), (2, vec![]));
        assert_eq!(said(json!({"clusterIP": "None"}), vip(), ""), (1, vec![]));
    }

    #[test]
    fn a_headless_service_that_got_an_address_or_a_node_port() {
        let (_, bad) = said(vip(), vip(), "");
        assert_eq!(bad, ["the headless Service nginx has the address 10.96.0.7"]);
        let (_, bad) = said(json!({"clusterIP": "None", "ports": [{"nodePort": 30080}]}), vip(), "");
        assert_eq!(bad, ["the headless Service nginx has a port on every node"]);
        let (_, bad) = said(json!({}), vip(), "");
        assert_eq!(bad, ["the Service nginx is not headless: its clusterIP is not None"]);
    }

    #[test]
    fn a_normal_services_name_that_stands_for_a_pod_or_for_nothing() {
        let (_, bad) = said(none(), vip(), &format!("dns a A {NAME} -> 10.0.0.10"));
        assert!(bad[0].contains("answered 10.0.0.10 for nginx-vip"), "{bad:?}");
        let (_, bad) = said(none(), vip(), &format!("wait 61s; dns a A {NAME} -> nxdomain"));
        assert!(bad[0].contains("answered nothing"), "{bad:?}");
    }

    #[test]
    fn other_questions_are_no_matter() {
        let others = format!("wait 61s; dns a AAAA {NAME} -> nothing; dns a A other -> 10.0.0.9");
        assert_eq!(said(none(), vip(), &others), (1, vec![]));
    }

    #[test]
    fn a_minute_is_enough_to_learn_of_a_service() {
        let (_, bad) = said(none(), vip(), &format!("wait 60s; dns a A {NAME} -> nxdomain"));
        assert!(bad[0].contains("answered nothing"), "{bad:?}");
        let (_, bad) = said(none(), vip(), &format!("wait 59s; dns a A {NAME} -> nxdomain"));
        assert!(bad[0].contains("had just been made"), "{bad:?}");
    }

    #[test]
    fn a_name_that_is_not_known_yet_and_no_answer_are_not_judged() {
        let silent = format!("dns a A {NAME} -> nxdomain; dns b A {NAME} -> no-answer");
        let (held, bad) = said(none(), vip(), &format!("{silent}; dns b A {NAME} -> 10.96.0.7"));
        assert_eq!((held, bad.len()), (2, 1));
        let (held, bad) = said(none(), vip(), &silent);
        assert_eq!((held, bad.len()), (1, 2));
        assert!(bad[0].contains("had just been made") && bad[1].contains("gave no answer"), "{bad:?}");
    }
}
