//! The checks of this area on what right and wrong clusters do, and on what is left of it where the record has holes.

use super::{
    CHECKS, healthy,
    variants::{Loss, late, renamed, watches, with_gaps, without_answers},
};
use crate::{
    checks::{Kind, notation::judge},
    history::{History, file::ClusterFacts},
    judge::{Judged, judge_all},
    spec::Catalogue,
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
    for check in CHECKS {
        let findings = judge(check, history);
        let broken: Vec<_> = findings.of_kind(Kind::Broken).collect();
        assert!(broken.is_empty(), "{name}, {variant}: {} says {broken:#?}\n{}", check.id, told(history));
    }
}

/// The history, a line an event.
fn told(history: &History) -> String {
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
    let losses = [Loss::Deliveries(1), Loss::Deliveries(3), Loss::Deliveries(9), Loss::TheRest, Loss::Mute];
    for (name, _, history) in healthy::all() {
        for watch in watches(&history) {
            for (variant, history) in with_gaps(&history, watch, &losses) {
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
