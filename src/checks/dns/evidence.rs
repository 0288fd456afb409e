//! What tests ask of the real requirements: which of their clauses a history gives no evidence for.

use crate::{
    history::{History, file::ClusterFacts},
    judge::{Judged, judge_all},
    spec::Catalogue,
};

/// What is concluded about a requirement if this is the history of one of its scenarios.
pub(super) fn judged(catalogue: &Catalogue, id: &str, scenario: &str, history: &History) -> Judged {
    let history = History::new(scenario, history.events.clone());
    let facts = ClusterFacts { server_version: "v1.37.1".to_owned(), ..ClusterFacts::default() };
    let judged = judge_all(catalogue, &[id.to_owned()], &facts, [&history]);
    judged.into_iter().find(|judged| judged.id == id).expect("it was asked for")
}

/// The clauses of a requirement for which a history lacks evidence, each with what it lacks.
pub(super) fn lacks(id: &str, scenario: &str, history: &History) -> Vec<String> {
    let catalogue = Catalogue::built_in().expect("the catalogue is whole");
    let judged = judged(&catalogue, id, scenario, history);
    let own = judged.clauses.into_iter().filter(|covered| covered.scenario == scenario);
    own.flat_map(|covered| {
        let clause = covered.clause;
        covered.missing.into_iter().map(move |missing| format!("{clause}: {missing}"))
    })
    .collect()
}
