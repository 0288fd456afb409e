//! `headless-no-vip`: the headless Service has no address of its own, in contrast to a normal one.

use std::collections::{BTreeSet, HashMap};

use super::dns_verdicts::{Clauses, listed};
use crate::{
    checks::{Cause, Check, Findings},
    history::{DnsSeen, Event, ObjectSeen, Resource, Seen},
    limits,
    views::{
        Dimension, View,
        dns::{
            Family, Service,
            questions::{addresses, response, server},
            service::canonical,
        },
    },
};

/// Judges `specs/dns/headless-no-vip.yaml`.
pub(super) const CHECK: Check = Check { id: "headless-no-vip", judge };

/// The headless Service was stored without an address and without a port on the nodes.
const STORED: &str = "stored";
/// A normal Service's name stands for its virtual address: what backends, and what nodes, are told.
const NORMAL: Clauses = Clauses { backend: "normal-backend", node: "normal-node" };

fn judge(view: &View<'_>, findings: &mut Findings) {
    for service in view.services().iter().filter(|service| service.is_governing && service.is_headless()) {
        for version in service.versions() {
            has_no_address(service, *version, findings);
        }
    }
    let normal = normal(view);
    for seen in view.history().dns() {
        if let Some(service) = normal.get(seen.what.name.as_str()) {
            Normal { view, service, seen }.judge(findings);
        }
    }
    silent(view, &normal, findings);
}

/// The Services that are no headless ones, by their absolute names.
fn normal<'v, 'h>(view: &'v View<'h>) -> HashMap<String, &'v Service<'h>> {
    let normal = view.services().iter().filter(|service| !service.is_headless());
    normal.filter_map(|service| Some((service.fqdn()?, service))).collect()
}

fn has_no_address(service: &Service<'_>, version: Seen<'_, ObjectSeen>, findings: &mut Findings) {
    let addresses = Service::virtual_addresses(version.what);
    let ports = version.what.list("/spec/ports");
    let node_ports = ports.iter().any(|port| port["nodePort"].as_i64().unwrap_or(0) != 0);
    let name = service.key(&service.name);
    findings.on(STORED).of(Dimension::Service, &*name).expect(
        addresses.is_empty() && version.text("/spec/clusterIP") == Some("None") && !node_ports,
        format!("the Service {name} has no address of its own"),
        match (addresses.is_empty(), node_ports) {
            (false, _) => format!("the headless Service {name} has the address {}", listed(&addresses)),
            (_, true) => format!("the headless Service {name} has a port on every node"),
            _ => format!("the Service {name} is not headless: its clusterIP is not None"),
        },
        &[version.event],
    );
}

/// The contrast: a question for the name of a Service that has a virtual address.
struct Normal<'v, 'h> {
    view: &'v View<'h>,
    service: &'v Service<'h>,
    seen: Seen<'h, DnsSeen>,
}

impl<'h> Normal<'_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let Ok(records) = response(self.seen.what) else { return };
        let (told, family) = (addresses(&records), Family::of_record_type(&self.seen.what.record_type));
        let versions =
            self.service.versions().iter().filter(|v| !Service::virtual_addresses(v.what).is_empty());
        let mut own: BTreeSet<_> = BTreeSet::new();
        let mut made: Option<&'h Event> = None;
        for version in versions {
            own.extend(Service::virtual_addresses(version.what).into_iter().map(canonical));
            made = made.or(Some(version.event));
        }
        let Some(made) = made else { return };
        own.retain(|ip| Family::of(ip) == family);
        let asked = self.seen.event;
        if own.is_empty() || self.was_gone(asked) {
            return;
        }
        let name = self.service.key(&self.service.name);
        let (who, events) = (server(self.seen.what), [made, asked]);
        let say = NORMAL.say_of(findings, &self.seen.what.vantage, self.seen.what.transport);
        if !told.is_empty() && told.iter().all(|ip| own.contains(ip)) {
            return say
                .held(format!("{who} answered the virtual address {} for {name}", listed(&told)), &events);
        }
        let shown = if told.is_empty() { "nothing".to_owned() } else { listed(&told) };
        let what = format!("{who} answered {shown} for {name}, expected {}", listed(&own));
        let watch = self.service.watch_of(Resource::Services);
        if told.is_empty() && is_new(made, asked) {
            let what = format!("{who} did not know {name} yet, which had just been made");
            say.blind(Cause::Cached, what, &events);
        } else if let Some(gap) = self.view.history().gap_between(watch, made, asked) {
            say.blind(Cause::Gap, format!("{what}; a gap hides what became of it"), &[gap.shown_by, asked]);
        } else {
            say.broken(what, &events);
        }
    }

    /// Whether the Service had been removed, or may have been, as far as its watch told.
    fn was_gone(&self, asked: &Event) -> bool {
        let removed = self.service.versions().iter().find(|version| version.change.is_removal());
        removed.is_some_and(|removed| removed.event.span.from_us <= asked.span.until_us)
    }
}

/// The names of normal Services for which nobody gave an answer. One that answers is enough: the path is not what is judged.
fn silent(view: &View<'_>, normal: &HashMap<String, &Service<'_>>, findings: &mut Findings) {
    let normal = view.dns().filter(|seen| normal.contains_key(seen.what.name.as_str()));
    let (mut answered, mut silent) = (BTreeSet::new(), Vec::new());
    for seen in normal {
        match response(seen.what) {
            Ok(told) if told.is_empty() => {}
            Ok(_) => drop(answered.insert(&seen.what.name)),
            Err(reason) => silent.push((seen, reason)),
        }
    }
    let mut said = BTreeSet::new();
    for (seen, reason) in silent {
        if !answered.contains(&seen.what.name) && said.insert(&seen.what.name) {
            let what = format!("{} gave no answer for {}: {reason}", server(seen.what), seen.what.name);
            let say = NORMAL.say_of(findings, &seen.what.vantage, seen.what.transport);
            say.blind(Cause::NoAnswer, what, &[seen.event]);
        }
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
        history::{Change, Resource, Verb},
    };

    /// What is held, what is broken and what is blind where the Services look so and these statements follow.
    fn said(headless: Value, normal: Value, statements: &str) -> (u64, Vec<String>) {
        let mut notes = Notes::new();
        let meant = json!({"spec": {"clusterIP": "None"}});
        notes.request(Verb::Apply, Resource::Services, Some("nginx"), None, meant);
        let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
        notes.object(Resource::Services, Change::Added, service("nginx", headless));
        notes.object(Resource::Services, Change::Added, service("nginx-vip", normal));
        let findings = judge(&CHECK, &notes.say(&format!("set replicas=1; {statements}")).history());
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
