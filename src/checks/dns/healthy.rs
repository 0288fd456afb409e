//! A healthy cluster, told statement by statement: no check of the areas network-identity and dns may find a fault in it,
//! and each must find what it looks for.

use serde_json::json;

use crate::{
    checks::{
        Findings, Kind, dns, network_identity,
        notation::{Notes, judge},
    },
    history::{Change, History, Resource},
};

/// First start with names asked for before they exist, everything deleted and recreated with other addresses, one pod
/// unready at the end; backend b is always as far behind as caches allow.
fn healthy() -> History {
    let mut notes = Notes::new();
    let service =
        json!({"metadata": {"name": "nginx"}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}});
    notes.object(Resource::Services, Change::Added, service);
    let revision = json!({"metadata": {"name": "web-1", "uid": "uid-revision"}});
    notes.object(Resource::ControllerRevisions, Change::Added, revision);
    notes.say(START).say(AGAIN).say(UNREADY).history()
}

const START: &str = "
    set replicas=2;
    dns a A web-0 -> nxdomain; dns b A web-0 -> nxdomain; dns a A web-1 -> nxdomain; dns b A nginx -> nothing;
    dns a SRV _web._tcp -> nxdomain; dns a A web-99 -> nxdomain;
    web-0 created; web-0 scheduled; web-0 running; web-0 ready; slice web-0=10.0.0.10; endpoints web-0=10.0.0.10;
    dns a A web-0 -> 10.0.0.10; dns b A web-0 -> nxdomain; dns b A nginx -> 10.0.0.10;
    web-1 created; web-1 scheduled; web-1 running; endpoints web-0=10.0.0.10 web-1=10.0.0.11!;
    slice web-0=10.0.0.10 web-1=10.0.0.11!; web-1 address 10.0.0.11; web-1 ready;
    slice web-0=10.0.0.10 web-1=10.0.0.11; endpoints web-0=10.0.0.10 web-1=10.0.0.11;
    wait 29s; dns b A nginx -> 10.0.0.10; dns b A web-0 -> nxdomain; dns b A web-0 -> 10.0.0.10;
    dns a A web-1 -> 10.0.0.11; dns b A nginx -> 10.0.0.11 10.0.0.10; dns a A web-0 -> 10.0.0.10;
    dns a SRV _web._tcp -> 0_50_80_web-0.nginx.ns.svc.cluster.local. 0_50_80_web-1.nginx.ns.svc.cluster.local.;
    dns a A web-0.nginx.svc.cluster.local. -> nxdomain;
    exec web-0 hostname -> web-0; exec web-0 fqdn -> web-0.nginx.ns.svc.cluster.local;
    exec web-0 hosts -> 10.0.0.10 web-0.nginx.ns.svc.cluster.local web-0; exec web-0 addresses -> 10.0.0.10;
    exec web-0 resolv -> search ns.svc.cluster.local svc.cluster.local cluster.local;
    connect web-0 -> web-0 UID; connect web-1 -> web-1 UID";

const AGAIN: &str = "
    delete all; web-0 terminating; web-1 terminating; slice web-0=10.0.0.10!; slice web-1=10.0.0.11!;
    endpoints web-1=10.0.0.11!; web-1 deleted; web-0 deleted; slice ; endpoints ; dns a A web-0 -> 10.0.0.10;
    web-0 created; web-0 scheduled; web-0 running; web-0 address 10.0.0.77; web-0 ready; slice web-0=10.0.0.77;
    endpoints web-0=10.0.0.77; web-1 created; web-1 running; web-1 address 10.0.0.78; web-1 ready;
    endpoints web-0=10.0.0.77 web-1=10.0.0.78; slice web-0=10.0.0.77 web-1=10.0.0.78;
    dns b A web-0 -> 10.0.0.10; wait 29s; dns b A web-0 -> 10.0.0.10; dns b A nginx -> 10.0.0.11 10.0.0.10;
    dns a A web-0 -> 10.0.0.77; dns b A web-0 -> 10.0.0.77; dns a A web-1 -> 10.0.0.78;
    dns b A nginx -> 10.0.0.78 10.0.0.77;
    exec web-0 hostname -> web-0; exec web-0 fqdn -> web-0.nginx.ns.svc.cluster.local;
    exec web-0 hosts -> 10.0.0.77 web-0.nginx.ns.svc.cluster.local web-0; exec web-0 addresses -> 10.0.0.77;
    exec web-1 hostname -> web-1; exec web-1 addresses -> 10.0.0.78;
    connect web-0 -> web-0 UID; connect web-1 -> web-1 UID";

const UNREADY: &str = "
    web-1 unready; slice web-0=10.0.0.77 web-1=10.0.0.78!; endpoints web-0=10.0.0.77 web-1=10.0.0.78!;
    dns a A web-1 -> 10.0.0.78; dns b A nginx -> 10.0.0.77 10.0.0.78; wait 29s; dns a A web-1 -> 10.0.0.78;
    dns a A web-1 -> nxdomain; dns b A nginx -> 10.0.0.77; dns a A web-99 -> nxdomain;
    dns a SRV _web._tcp -> 0_100_80_web-0.nginx.ns.svc.cluster.local.; completed";

/// What each check says, but for the preflight, which has a scenario of its own.
fn said(history: &History) -> Vec<(&'static str, Findings)> {
    let checks = network_identity::CHECKS.iter().chain(dns::CHECKS);
    checks
        .filter(|check| check.id != "preflight-dns")
        .map(|check| (check.id, judge(check, history)))
        .collect()
}

#[test]
fn every_check_finds_what_it_looks_for_and_no_fault() {
    for (id, findings) in said(&healthy()) {
        let faults: Vec<_> = findings.findings.iter().filter(|finding| finding.kind != Kind::Held).collect();
        assert!(faults.is_empty(), "{id}: {faults:#?}");
        assert!(findings.held > 0, "{id} found nothing");
    }
}

#[test]
fn no_check_says_held_of_a_history_in_which_nothing_happened() {
    for (id, findings) in said(&Notes::new().say("completed").history()) {
        assert_eq!(findings.held, 0, "{id}: {findings:#?}");
    }
}

#[test]
fn a_history_cut_off_anywhere_is_never_broken() {
    let whole = healthy();
    for end in 1..=whole.events.len() {
        let cut = History { events: whole.events[..end].to_vec(), ..whole.clone() };
        for (id, findings) in said(&cut) {
            let broken: Vec<_> = findings.of_kind(Kind::Broken).collect();
            assert!(broken.is_empty(), "{id}, cut after event {end}: {broken:#?}");
        }
    }
}
