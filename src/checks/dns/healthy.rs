//! Healthy clusters, told statement by statement: no check of the area may find a fault in them, whatever is lost, late or
//! cut off, and where evidence is removed, what needs it must lack it.
//!
//! In these histories there are two backends, `a` and `b`, and two nodes. `ask` stands for a question to each of them, from
//! the nodes over both transports, and `follow` for one to each backend.

mod disturbed;
mod scenarios;

use std::collections::BTreeSet;

use super::{CHECKS, evidence::judged};
use crate::{
    checks::{Check, Finding, Findings, Kind, notation::Notes},
    history::{Event, History, Observation, Observer, Resource, Step, Transport, Vantage},
    judge::{Judged, Verdict},
    spec::Catalogue,
    views::View,
};
use disturbed::{delayed, renumbered, with_loss};
use scenarios::{HEALTHY, healthy};

/// The watches that the checks of this area read.
const WATCHES: &[Resource] = &[
    Resource::Pods,
    Resource::StatefulSets,
    Resource::Services,
    Resource::EndpointSlices,
    Resource::Endpoints,
];

/// What each check says of a kind.
fn said(history: &History, kind: Kind) -> Vec<(&'static str, Finding)> {
    let view = View::of(history);
    let of = |check: &'static Check| {
        let mut findings = Findings::of(&history.scenario);
        (check.judge)(&view, &mut findings);
        let own: Vec<Finding> = findings.of_kind(kind).cloned().collect();
        own.into_iter().map(move |finding| (check.id, finding))
    };
    CHECKS.iter().flat_map(of).collect()
}

fn assert_not_broken(history: &History, what: &str) {
    let broken = said(history, Kind::Broken);
    assert!(broken.is_empty(), "{what}: {broken:#?}");
}

/// What the requirements of the area conclude that are judged on this scenario, if this is its history.
fn conclusions(catalogue: &Catalogue, scenario: &str, history: &History) -> Vec<Judged> {
    let area = catalogue.requirements.iter().filter(|r| r.area == "dns");
    let own = area.filter(|r| r.judged_on.iter().any(|on| on == scenario));
    own.map(|requirement| judged(catalogue, &requirement.id, scenario, history)).collect()
}

/// The clauses that lack evidence in a scenario's history, each with its requirement.
fn lacking(catalogue: &Catalogue, scenario: &str, history: &History) -> BTreeSet<String> {
    let judged = conclusions(catalogue, scenario, history).into_iter();
    judged
        .flat_map(|judged| {
            let own = judged.clauses.into_iter().filter(|c| c.scenario == scenario && !c.missing.is_empty());
            own.map(move |covered| format!("{}/{}", judged.id, covered.clause)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn no_check_finds_a_fault_or_cannot_tell() {
    for (name, _) in HEALTHY {
        let history = healthy(name);
        for kind in [Kind::Broken, Kind::Blind] {
            // Only in one scenario a pod is made to change its address.
            let said = said(&history, kind).into_iter().filter(|(_, finding)| {
                !finding.what.contains("no recreated pod had another address")
                    && !finding.what.contains("was not looked into")
                    && !finding.what.contains("DNS was not asked")
            });
            let said: Vec<_> = said.collect();
            assert!(said.is_empty(), "{name}: {said:#?}");
        }
    }
}

#[test]
fn each_scenario_gives_the_evidence_that_its_requirements_need() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    let scenarios = HEALTHY.iter().filter(|(name, _)| catalogue.scenarios.contains_key(*name));
    let mut count = 0;
    for (name, _) in scenarios {
        assert_eq!(lacking(&catalogue, name, &healthy(name)), BTreeSet::new(), "{name}");
        count += 1;
    }
    assert_eq!(count, 7, "the scenarios that requirements of the area are judged on");
}

#[test]
fn no_check_says_held_of_a_history_in_which_nothing_happened() {
    let held = said(&Notes::new().say("completed").history(), Kind::Held);
    assert!(held.is_empty(), "{held:#?}");
}

#[test]
fn a_history_cut_off_anywhere_is_never_broken() {
    for (name, _) in HEALTHY {
        let whole = healthy(name);
        for end in (1..=whole.events.len()).step_by(3) {
            let cut = History::new(*name, whole.events[..end].to_vec());
            assert_not_broken(&cut, &format!("{name}, cut after event {end}"));
        }
    }
}

/// The places in a record at which a gap of a watch can begin: after each of its deliveries.
fn places(history: &History, resource: Resource) -> Vec<usize> {
    let of_watch =
        |event: &Event| matches!(event.observer, Observer::Watch(watch) if watch.resource == resource);
    (1..history.events.len()).filter(|place| of_watch(&history.events[place - 1])).collect()
}

#[test]
fn a_gap_is_never_broken_wherever_it_is_and_whatever_it_hides() {
    for (name, _) in HEALTHY {
        let whole = healthy(name);
        for resource in WATCHES {
            for place in places(&whole, *resource) {
                for lost in [0, 2] {
                    let gap = with_loss(&whole, *resource, place, lost);
                    let what = format!("{name}, {lost} of {} lost at {place}", resource.plural());
                    assert_not_broken(&gap, &what);
                }
            }
        }
    }
}

#[test]
fn a_watch_that_is_late_is_never_broken() {
    for (name, _) in HEALTHY {
        let whole = healthy(name);
        for resource in WATCHES {
            for delay_millis in [500, 1_000, 2_000, 3_000, 4_000] {
                let late = delayed(&whole, *resource, delay_millis * 1_000, 0);
                assert_not_broken(&late, &format!("{name}, {} late by {delay_millis} ms", resource.plural()));
            }
        }
    }
}

#[test]
fn a_watch_that_stalls_and_goes_on_is_never_broken() {
    for (name, _) in HEALTHY {
        let whole = healthy(name);
        for resource in WATCHES {
            for since in places(&whole, *resource) {
                let stalled = delayed(&whole, *resource, 8_000_000, since);
                let what = format!("{name}, {} stalled for 8 s from {since} on", resource.plural());
                assert_not_broken(&stalled, &what);
            }
        }
    }
}

/// Whose answers are removed.
fn is_of(event: &Event, who: &str, over: Option<Transport>) -> bool {
    let Observation::Dns(dns) = &event.seen else { return false };
    let name = match &dns.vantage {
        Vantage::Backend { pod } => pod,
        Vantage::Node { node, .. } => node,
    };
    name == who && over.is_none_or(|over| over == dns.transport)
}

fn without(history: &History, is_removed: impl Fn(&Event) -> bool) -> History {
    renumbered(history, history.events.iter().filter(|event| !is_removed(event)).cloned().collect())
}

/// The requirements that cannot pass without some events, and those that can all the same.
fn passes_without(
    catalogue: &Catalogue,
    name: &str,
    is_removed: impl Fn(&Event) -> bool,
) -> (Vec<String>, Vec<String>) {
    let history = without(&healthy(name), is_removed);
    let judged = conclusions(catalogue, name, &history);
    let lacks = |judged: &Judged| judged.clauses.iter().any(|c| c.scenario == name && !c.missing.is_empty());
    assert!(judged.iter().all(|judged| judged.verdict != Verdict::Fail), "{name}: {judged:#?}");
    let (lacking, whole): (Vec<Judged>, Vec<Judged>) = judged.into_iter().partition(lacks);
    let ids = |all: Vec<Judged>| all.into_iter().map(|judged| judged.id).collect();
    (ids(lacking), ids(whole))
}

/// What each backend must have answered, by scenario: all that is judged there but what does not ask DNS.
const NEED_BACKENDS: &[(&str, &[&str])] = &[
    ("preflight", &["preflight-dns"]),
    (
        "documented-start",
        &[
            "dns-follows-recreate",
            "dns-nxdomain-absent",
            "dns-staleness-bounded",
            "endpointslice-truth",
            "headless-a-set",
            "pod-fqdn-resolves",
            "srv-records",
        ],
    ),
    (
        "single-delete",
        &["endpointslice-truth", "headless-a-set", "headless-no-vip", "pod-fqdn-resolves", "srv-records"],
    ),
    (
        "gated-start",
        &[
            "dns-staleness-bounded",
            "dns-unready-excluded",
            "endpointslice-truth",
            "headless-a-set",
            "pod-fqdn-resolves",
            "srv-records",
        ],
    ),
    (
        "scale-cycle",
        &[
            "dns-follows-recreate",
            "dns-nxdomain-absent",
            "dns-staleness-bounded",
            "endpointslice-truth",
            "headless-a-set",
            "pod-fqdn-resolves",
            "srv-records",
        ],
    ),
    (
        "ip-churn",
        &[
            "dns-follows-recreate",
            "dns-staleness-bounded",
            "endpointslice-truth",
            "headless-a-set",
            "ip-churn",
            "pod-fqdn-resolves",
            "srv-records",
        ],
    ),
];

#[test]
fn without_a_backends_answers_what_needs_them_lacks_evidence() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    for (name, need) in NEED_BACKENDS {
        for backend in ["a", "b"] {
            let (lacking, whole) = passes_without(&catalogue, name, |event| is_of(event, backend, None));
            assert_eq!(lacking, *need, "{name} without {backend}; the rest: {whole:?}");
        }
    }
}

/// What each node must have answered, over UDP and over TCP.
const NEED_NODES: &[(&str, &[&str])] = &[
    ("preflight", &["preflight-dns"]),
    ("documented-start", &["dns-nxdomain-absent", "headless-a-set", "pod-fqdn-resolves", "srv-records"]),
    ("single-delete", &["headless-a-set", "headless-no-vip", "pod-fqdn-resolves", "srv-records"]),
    ("gated-start", &["headless-a-set", "srv-records"]),
    ("scale-cycle", &["headless-a-set", "pod-fqdn-resolves", "srv-records"]),
    ("ip-churn", &["headless-a-set", "srv-records"]),
];

#[test]
fn without_a_nodes_answers_what_needs_them_lacks_evidence() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    for (name, need) in NEED_NODES {
        for node in ["node-0", "node-1"] {
            for over in [Transport::Udp, Transport::Tcp] {
                let (lacking, _) = passes_without(&catalogue, name, |event| is_of(event, node, Some(over)));
                assert_eq!(lacking, *need, "{name} without {node} over {over:?}");
            }
        }
    }
}

#[test]
fn without_what_one_watch_told_what_needs_it_lacks_evidence() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    let need: &[(Resource, &[&str])] = &[
        (Resource::EndpointSlices, &["endpointslice-truth"]),
        (Resource::Endpoints, &["endpointslice-truth"]),
        (
            Resource::Services,
            &[
                "dns-follows-recreate",
                "dns-nxdomain-absent",
                "dns-staleness-bounded",
                "endpointslice-truth",
                "headless-a-set",
                "headless-no-vip",
                "pod-fqdn-resolves",
                "srv-records",
            ],
        ),
    ];
    for (resource, need) in need {
        let is_told = |event: &Event| matches!(event.observer, Observer::Watch(w) if w.resource == *resource);
        let (lacking, _) = passes_without(&catalogue, "documented-start", is_told);
        assert_eq!(lacking, *need, "{}", resource.plural());
    }
}

#[test]
fn without_the_connections_from_a_node_a_pod_was_not_reached_from_there() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    for name in ["single-delete", "ip-churn"] {
        for probe in ["probe-node-0", "probe-node-1"] {
            let is_told = |event: &Event| matches!(&event.seen, Observation::Exec(exec) if exec.pod == probe);
            let (lacking, _) = passes_without(&catalogue, name, is_told);
            assert_eq!(lacking, ["end-to-end-identity"], "{name} without {probe}");
        }
    }
}

#[test]
fn a_cluster_without_backends_passes_on_what_its_nodes_are_told() {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    for (name, _) in NEED_BACKENDS {
        let mut history = without_backends(&healthy(name));
        assert_eq!(lacking(&catalogue, name, &history), BTreeSet::new(), "{name}");
        assert_not_broken(&history, name);
        history.events.retain(|event| !is_of(event, "node-1", None));
        let history = renumbered(&history.clone(), history.events);
        assert!(!lacking(&catalogue, name, &history).is_empty(), "{name}");
    }
}

/// The same cluster with backends that cannot be asked by themselves: what they answered is what nodes are told.
fn without_backends(history: &History) -> History {
    let events = history.events.iter().flat_map(|event| {
        let mut event = event.clone();
        match &mut event.seen {
            Observation::Step(Step::Started(started)) => started.backends.clear(),
            Observation::Step(Step::Discovered(discovered)) => discovered.backends.clear(),
            Observation::Dns(dns) => {
                if let Vantage::Backend { pod } = &dns.vantage {
                    let nodes = [("a", "node-0"), ("b", "node-1")];
                    let node = nodes.iter().find(|(backend, _)| backend == pod).expect("a or b").1.to_owned();
                    let vantage = Vantage::Node { node, nameserver: "169.254.20.10".to_owned() };
                    event.seen =
                        Observation::Dns(crate::history::DnsSeen { vantage, ..(**dns).clone() }.into());
                }
            }
            _ => {}
        }
        [event]
    });
    renumbered(history, events.collect())
}

#[test]
fn findings_name_events_of_the_record() {
    for (name, _) in HEALTHY {
        let history = healthy(name);
        for (id, finding) in said(&history, Kind::Held) {
            assert!(!finding.events.is_empty(), "{name} {id}: {finding:#?}");
            assert!(finding.events.iter().all(|seq| (*seq as usize) < history.events.len()), "{name} {id}");
        }
        assert!(!said(&history, Kind::Held).is_empty(), "{name}");
    }
}
