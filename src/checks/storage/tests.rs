//! The checks of this area on what right and wrong clusters do, and on what is left of it where the record has holes.

use super::{
    CHECKS, healthy, lying,
    variants::{Loss, late, renamed, watches, with_gaps, without, without_answers},
};
use crate::{
    checks::{Findings, Kind},
    history::{Event, History, Observation, Purpose, Resource, Step, file::ClusterFacts},
    judge::{Judged, judge_all},
    spec::Catalogue,
    views::View,
};

/// What the requirement's clauses make of one history, as if it were all that the requirement is judged on.
fn verdict(catalogue: &Catalogue, id: &str, like: &str, history: &History) -> Judged {
    let mut requirement = catalogue.requirement(id).expect("a requirement").clone();
    (requirement.judged_on, requirement.needs) = (vec![like.to_owned()], Vec::new());
    let alone = Catalogue { requirements: vec![requirement], ..Catalogue::default() };
    let facts = ClusterFacts {
        server_version: "v1.37.1".to_owned(),
        storage_class: Some("standard".to_owned()),
        ..ClusterFacts::default()
    };
    let history = History::new(like, history.events.clone());
    judge_all(&alone, &[id.to_owned()], &facts, [&history]).remove(0)
}

fn judged_on(catalogue: &Catalogue, like: &str) -> Vec<String> {
    let of_area = catalogue.requirements.iter().filter(|requirement| requirement.area == "storage");
    of_area
        .filter(|requirement| requirement.judged_on.iter().any(|on| on == like))
        .map(|r| r.id.clone())
        .collect()
}

fn assert_none_broken(name: &str, variant: &str, history: &History) {
    let view = View::of(history);
    for check in CHECKS {
        let mut findings = Findings::of(&history.scenario);
        (check.judge)(&view, &mut findings);
        let broken: Vec<_> = findings.of_kind(Kind::Broken).collect();
        assert!(broken.is_empty(), "{name}, {variant}: {} says {broken:#?}\n{}", check.id, dump(history));
    }
}

/// The history, a line an event.
fn dump(history: &History) -> String {
    history
        .events
        .iter()
        .map(|event| format!("{} {:?} {:.110}\n", event.seq, event.observer, format!("{:?}", event.seen)))
        .collect()
}

#[test]
fn the_scenarios_of_the_catalogue_pass_on_a_right_cluster() {
    let catalogue = Catalogue::built_in().unwrap();
    for (name, like, history) in healthy::all().iter().filter(|(name, like, _)| name == like) {
        for id in judged_on(&catalogue, like) {
            let judged = verdict(&catalogue, &id, like, history);
            assert_eq!(
                judged.verdict.word(),
                "pass",
                "{name}: {id}: {:?} {:#?}",
                judged.verdict,
                judged.clauses
            );
        }
    }
}

#[test]
fn no_ordinary_scenario_of_a_right_cluster_is_called_broken() {
    for (name, _, history) in healthy::all() {
        assert_none_broken(name, "whole", &history);
        let other = renamed(&history, &[("web", "db"), ("www", "data"), ("\"ns\"", "\"elsewhere\"")]);
        assert_none_broken(name, "with other names", &other);
    }
}

#[test]
fn a_gap_anywhere_makes_no_right_cluster_broken() {
    for (name, _, history) in healthy::all() {
        for watch in watches(&history) {
            for (variant, history) in with_gaps(&history, watch, LOSSES) {
                assert_none_broken(name, &variant, &history);
            }
        }
    }
}

#[test]
fn a_late_watch_makes_no_right_cluster_broken() {
    for (name, _, history) in healthy::all() {
        for watch in watches(&history) {
            for delay_us in [500_000, 1_000_000, 2_000_000, 4_000_000] {
                let variant = format!("{watch} {delay_us} us late");
                assert_none_broken(name, &variant, &late(&history, watch, delay_us));
            }
        }
    }
}

#[test]
fn an_answer_that_is_missing_makes_no_right_cluster_broken() {
    for (name, _, history) in healthy::all() {
        for (variant, history) in without_answers(&history) {
            assert_none_broken(name, &variant, &history);
        }
    }
}

const LOSSES: &[Loss] =
    &[Loss::Deliveries(1), Loss::Deliveries(3), Loss::Deliveries(9), Loss::TheRest, Loss::Mute];

#[test]
fn each_lie_is_caught() {
    let catalogue = Catalogue::built_in().unwrap();
    for lie in lying::all() {
        let judged = verdict(&catalogue, lie.breaks, lie.like, &lie.history);
        assert_eq!(judged.verdict.word(), "fail", "{}: {} {:#?}", lie.what, lie.breaks, judged.verdict);
        for watch in watches(&lie.history) {
            let late = late(&lie.history, watch, 2_000_000);
            let judged = verdict(&catalogue, lie.breaks, lie.like, &late);
            assert_ne!(judged.verdict.word(), "pass", "{} with {watch} late: {}", lie.what, lie.breaks);
        }
    }
}

#[test]
fn no_lie_passes_because_something_hides_it() {
    let catalogue = Catalogue::built_in().unwrap();
    for lie in lying::all() {
        let mut variants = without_answers(&lie.history);
        for watch in watches(&lie.history) {
            variants.extend(with_gaps(&lie.history, watch, LOSSES));
        }
        for (variant, history) in variants {
            let judged = verdict(&catalogue, lie.breaks, lie.like, &history);
            let word = judged.verdict.word();
            assert_ne!(word, "pass", "{}, {variant}: {}\n{}", lie.what, lie.breaks, dump(&history));
        }
    }
}

/// What is left out of a record: with a name, and the events that are meant.
type Ablation = (&'static str, fn(&Event) -> bool);

fn is_exec(event: &Event, pod: &str, is_meant: impl Fn(&Purpose) -> bool) -> bool {
    matches!(&event.seen, Observation::Exec(exec) if exec.pod == pod && is_meant(&exec.purpose))
}

fn is_object(event: &Event, of: Resource, named: &str) -> bool {
    matches!(&event.seen, Observation::Object(object) if object.resource == of && object.name == named)
}

fn is_request(event: &Event, of: Resource) -> bool {
    matches!(&event.seen, Observation::Step(Step::Requested(request)) if request.resource == of.plural())
}

const READS: Ablation = ("what web-1 read", |event| {
    is_exec(event, "web-1", |purpose| matches!(purpose, Purpose::ReadTokens { .. }))
});
const WRITES: Ablation = ("what web-1 wrote", |event| {
    is_exec(event, "web-1", |purpose| matches!(purpose, Purpose::WriteToken { .. }))
});
const DELETIONS: Ablation = ("the deletions of pods", |event| is_request(event, Resource::Pods));
const SCALES: Ablation = ("the requests for the set", |event| is_request(event, Resource::StatefulSets));
const CLAIM: Ablation =
    ("the claim of web-1", |event| is_object(event, Resource::PersistentVolumeClaims, "www-web-1"));
const POD: Ablation = ("the pod web-1", |event| is_object(event, Resource::Pods, "web-1"));
const SET: Ablation = ("the set", |event| is_object(event, Resource::StatefulSets, "web"));

#[test]
fn evidence_that_is_missing_is_found_missing() {
    const PVC: &[&str] = &["pvc-naming", "pvc-shape", "pvc-bound-distinct", "pvc-before-pod"];
    let cases: &[(&str, Ablation, &[&str])] = &[
        ("documented-storage", READS, &["data-survives-recreate", "pvc-bound-distinct"]),
        ("documented-storage", WRITES, &["data-survives-recreate", "pvc-bound-distinct"]),
        ("documented-storage", DELETIONS, &["data-survives-recreate", "pvc-reattach", "pvc-before-pod"]),
        ("documented-storage", CLAIM, PVC),
        ("documented-storage", CLAIM, &["pvc-reattach"]),
        ("documented-storage", POD, PVC),
        ("documented-storage", POD, &["pvc-reattach", "data-survives-recreate"]),
        ("documented-storage", SET, &["pvc-naming", "pvc-shape"]),
        ("single-delete", DELETIONS, &["data-survives-recreate", "pvc-reattach", "pvc-before-pod"]),
        ("single-delete", CLAIM, PVC),
        ("scale-cycle", READS, &["scale-cycle-reattach", "pvc-bound-distinct"]),
        ("scale-cycle", WRITES, &["scale-cycle-reattach", "pvc-bound-distinct"]),
        ("scale-cycle", SCALES, &["scale-cycle-reattach"]),
        ("scale-cycle", CLAIM, PVC),
        ("scale-cycle", CLAIM, &["scale-cycle-reattach"]),
        ("scale-cycle", POD, &["scale-cycle-reattach", "pvc-before-pod", "pvc-naming"]),
        ("documented-start", READS, &["ephemeral-contrast"]),
        ("documented-start", WRITES, &["ephemeral-contrast"]),
        ("documented-start", DELETIONS, &["ephemeral-contrast"]),
        ("documented-start", POD, &["ephemeral-contrast"]),
    ];
    let (catalogue, healthy) = (Catalogue::built_in().unwrap(), healthy::all());
    for (like, (what, is_meant), ids) in cases {
        let (_, _, whole) = healthy.iter().find(|(name, ..)| name == like).expect("a scenario");
        let history = without(whole, is_meant);
        assert!(history.events.len() < whole.events.len(), "{like} without {what}");
        for id in *ids {
            let judged = verdict(&catalogue, id, like, &history);
            assert_eq!(
                judged.verdict.word(),
                "inconclusive",
                "{like} without {what}: {id}\n{:#?}",
                judged.findings
            );
            let is_named = judged.clauses.iter().any(|covered| !covered.missing.is_empty());
            assert!(is_named, "{like} without {what}: {id} {:#?}", judged.verdict);
        }
    }
}
