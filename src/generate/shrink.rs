//! From a scenario that shows something to smaller ones that may show it too.

use crate::spec::{Action, PodRef, Scenario};

/// The scenario with one step less, or with fewer pods in one step, the largest cuts first.
pub fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let steps = &scenario.steps;
    let with = |steps: Vec<Action>| Scenario { steps, ..scenario.clone() };
    let mut all = Vec::new();
    for length in [steps.len() / 2, steps.len() / 4, 2, 1] {
        for from in (0..steps.len()).filter(|from| length > 0 && from % length == 0) {
            let until = (from + length).min(steps.len());
            all.push(with(steps[..from].iter().chain(&steps[until..]).cloned().collect()));
        }
    }
    for (place, step) in steps.iter().enumerate() {
        if let Some(less) = with_fewer_pods(step) {
            let mut steps = steps.clone();
            steps[place] = less;
            all.push(with(steps));
        }
    }
    all
}

fn with_fewer_pods(step: &Action) -> Option<Action> {
    let less = |pods: &[PodRef]| (pods.len() > 1).then(|| pods[..pods.len() - 1].to_vec());
    match step {
        Action::Inspect(pods) => less(pods).map(Action::Inspect),
        Action::Connect(pods) => less(pods).map(Action::Connect),
        Action::DeletePods(pods) => less(pods).map(Action::DeletePods),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::scenario;

    #[test]
    fn every_smaller_one_is_smaller_and_keeps_the_order() {
        let whole = scenario(3);
        let size = |scenario: &Scenario| serde_json::to_string(&scenario.steps).unwrap().len();
        let all = smaller(&whole);
        assert!(all.len() >= whole.steps.len());
        for less in &all {
            assert!(size(less) < size(&whole));
            assert!(less.steps.len() <= whole.steps.len());
        }
        assert!(all[0].steps.len() <= whole.steps.len() / 2 + 1, "the largest cut comes first");
    }
}
