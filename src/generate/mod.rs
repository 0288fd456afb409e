//! Random scenarios: legal ones, made from the same closed set of steps that scenario files are written in, by a seed. Pure.
//!
//! What the checks know of the scenarios that exist they must not rely on. So they are asked about many that nobody wrote, on a
//! cluster that is known to be right: none may find anything broken.

mod draft;
mod shrink;

use rand::{Rng, SeedableRng, rngs::StdRng};

use self::draft::{Draft, Shape};
use crate::spec::Scenario;

pub use shrink::smaller;

/// The scenario of a seed. The same seed gives the same one.
pub fn scenario(seed: u64) -> Scenario {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut draft = Draft::start(Shape::thrown(&mut dice), &mut dice);
    for _ in 0..dice.random_range(1..=5) {
        draft.disturb(&mut dice);
    }
    let (pods, steps) = draft.end(&mut dice);
    Scenario {
        id: "random".to_owned(),
        title: format!("random scenario of seed {seed}"),
        why: "Made by a generator, to ask every check about something that nobody had in mind.".to_owned(),
        pods,
        needs: Vec::new(),
        namespaces: Vec::new(),
        steps,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::Action;

    /// The name of a step, without what it is done to.
    fn kind(action: &Action) -> String {
        let text = serde_json::to_value(action).unwrap();
        match &text {
            serde_json::Value::String(name) => name.clone(),
            other => other.as_object().unwrap().keys().next().unwrap().clone(),
        }
    }

    #[test]
    fn a_seed_gives_the_same_scenario_and_another_gives_another() {
        assert_eq!(scenario(7), scenario(7));
        assert_ne!(scenario(7), scenario(8));
    }

    #[test]
    fn every_kind_of_disturbance_comes_up() {
        let steps: BTreeSet<String> =
            (0..200).flat_map(|seed| scenario(seed).steps).map(|s| kind(&s)).collect();
        for wanted in [
            "delete-pods",
            "delete-all-pods",
            "scale",
            "open-gate",
            "close-gate",
            "crash",
            "request",
            "inspect",
            "write-tokens",
            "read-tokens",
            "follow-dns",
            "ask-dns",
            "connect",
        ] {
            assert!(steps.contains(wanted), "{wanted} never comes up");
        }
    }

    #[test]
    fn gates_are_opened_only_after_their_pod_was_waited_for() {
        for seed in 0..200 {
            let steps = scenario(seed).steps;
            for (before, step) in steps.iter().zip(steps.iter().skip(1)) {
                if matches!(step, Action::OpenGate(_)) {
                    assert!(
                        matches!(before, Action::Await(_)),
                        "seed {seed}: {before:?} comes before {step:?}"
                    );
                }
            }
        }
    }
}
