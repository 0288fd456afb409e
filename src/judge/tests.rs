//! Verdicts from hand-written histories.

use super::*;
use crate::{
    checks::notation::history,
    history::{Observation, Step},
};

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap()
}

fn facts() -> ClusterFacts {
    ClusterFacts { server_version: "v1.37.1".to_owned(), ..ClusterFacts::default() }
}

const ID: &str = "ordered-creation";

fn scenarios() -> Vec<String> {
    catalogue().requirement(ID).unwrap().judged_on.clone()
}

/// Judges `ordered-creation` with this history for each of its scenarios.
fn everywhere(statements: &str) -> Judged {
    everywhere_but(statements, &[])
}

/// Likewise, with other histories for some of the scenarios.
fn everywhere_but(statements: &str, others: &[(&str, History)]) -> Judged {
    let histories: Vec<History> = scenarios()
        .iter()
        .map(|id| {
            let other = others.iter().find(|(scenario, _)| scenario == id);
            let history = other.map_or_else(|| history(statements), |(_, other)| other.clone());
            History { scenario: id.clone(), ..history }
        })
        .collect();
    judge_all(&catalogue(), &[ID.to_owned()], &facts(), &histories).remove(0)
}

fn not_begun(interrupted: bool) -> History {
    let step = Step::NotStarted { reason: "the quota is too small".to_owned(), interrupted };
    let mut begun = history("");
    begun.events.truncate(1);
    begun.events[0].seen = Observation::Step(step);
    begun
}

const ORDERED: &str = "set replicas=2; web-0 created; web-0 ready; web-1 created; completed";
const BROKEN: &str = "set replicas=2; web-0 created; web-1 created; completed";

#[test]
fn a_pass_counts_what_held() {
    let judged = everywhere(ORDERED);
    assert_eq!(judged.verdict, Verdict::Pass { held: scenarios().len() as u64 }, "{:?}", judged.findings);
    assert_eq!(judged.clauses.len(), scenarios().len());
}

#[test]
fn nothing_seen_is_never_a_pass() {
    let verdict = everywhere("web-0 created; completed").verdict;
    assert_eq!(verdict.word(), "inconclusive");
    let reason = verdict.reason().unwrap();
    assert!(reason.contains("does not show that each pod was created when"), "{reason}");
}

#[test]
fn a_scenario_that_ended_early_is_never_a_pass() {
    let early = ORDERED.replace("completed", "aborted");
    assert_eq!(everywhere(&early).verdict.word(), "inconclusive");
    assert_eq!(everywhere(&ORDERED.replace("; completed", "")).verdict.word(), "inconclusive");
}

#[test]
fn a_record_without_one_of_its_watches_is_never_a_pass() {
    for resource in READ_BY_ALL {
        let mut history = history(ORDERED);
        history.events.retain(|event| match &event.seen {
            Observation::WatchOpened { resource: of, .. } => of != resource,
            _ => true,
        });
        (0..).zip(&mut history.events).for_each(|(seq, event)| event.seq = seq);
        let others: Vec<(String, History)> =
            scenarios().into_iter().map(|id| (id, history.clone())).collect();
        let others: Vec<(&str, History)> = others.iter().map(|(id, h)| (id.as_str(), h.clone())).collect();
        let judged = everywhere_but(ORDERED, &others);
        assert_eq!(judged.verdict.word(), "inconclusive", "without the watch of {}", resource.plural());
    }
}

#[test]
fn a_break_is_a_fail_even_where_the_scenario_ended_early() {
    assert_eq!(everywhere(&BROKEN.replace("completed", "aborted")).verdict, Verdict::Fail);
}

#[test]
fn a_break_in_one_scenario_is_a_fail_although_another_was_not_started() {
    for interrupted in [false, true] {
        let others = [("lower-lost", not_begun(interrupted)), ("single-delete", history(BROKEN))];
        assert_eq!(everywhere_but(ORDERED, &others).verdict, Verdict::Fail);
    }
}

#[test]
fn a_scenario_that_was_not_started_keeps_what_held_elsewhere_from_being_a_pass() {
    for interrupted in [false, true] {
        let verdict = everywhere_but(ORDERED, &[("lower-lost", not_begun(interrupted))]).verdict;
        let reason = "the scenario lower-lost was not run: the quota is too small".to_owned();
        assert_eq!(verdict, Verdict::NotRun { reason, interrupted });
    }
}

#[test]
fn a_scenario_without_a_history_is_not_run() {
    let judged = judge_all(&catalogue(), &[ID.to_owned()], &facts(), []);
    assert_eq!(judged[0].verdict.word(), "not run");
}

/// A catalogue in which `ordered-creation` needs a copy of itself that is judged on one scenario only.
fn with_a_need(scenario: &str) -> Catalogue {
    let mut catalogue = catalogue();
    let mut need = catalogue.requirement(ID).unwrap().clone();
    need.judged_on = vec![scenario.to_owned()];
    let of = |r: &&mut Requirement| r.id == ID;
    let own = catalogue.requirements.iter_mut().find(of).unwrap();
    own.judged_on.retain(|other| other != scenario);
    own.id = "dependent".to_owned();
    own.needs = vec![ID.to_owned()];
    catalogue.requirements.push(need);
    catalogue
}

/// The verdict on what needs `ordered-creation` in `lower-lost`, and whether that is told as well.
fn depending(need: &str, own: &str) -> (Verdict, bool) {
    let catalogue = with_a_need("lower-lost");
    let named =
        |scenario: &str, statements: &str| History { scenario: scenario.to_owned(), ..history(statements) };
    let mut histories: Vec<History> = scenarios().iter().map(|id| named(id, own)).collect();
    histories.retain(|history| history.scenario != "lower-lost");
    histories.push(named("lower-lost", need));
    let judged = judge_all(&catalogue, &["dependent".to_owned()], &facts(), &histories);
    let told = judged.iter().any(|judged| judged.id == ID);
    let own = judged.into_iter().find(|judged| judged.id == "dependent").unwrap();
    (own.verdict, told)
}

#[test]
fn what_needs_something_that_failed_is_not_run_and_the_failure_is_told() {
    // No check is called `dependent`: it is not asked.
    let (verdict, told) = depending(BROKEN, ORDERED);
    assert_eq!(verdict.word(), "not run");
    assert!(verdict.reason().unwrap().starts_with("it needs ordered-creation, which is fail"), "{verdict:?}");
    assert!(told, "a failure is never hidden");
}

#[test]
fn what_needs_something_inconclusive_is_still_asked() {
    let judged = lowered(everywhere(BROKEN), &[everywhere("completed")]);
    assert_eq!(judged.verdict, Verdict::Fail, "a fail is not hidden by a prerequisite that cannot be judged");
    let judged = lowered(everywhere(ORDERED), &[everywhere("completed")]);
    assert_eq!(judged.verdict.word(), "not run");
    assert!(judged.why().unwrap().starts_with("it needs ordered-creation, which is inconclusive"));
}

#[test]
fn evidence_is_counted_against_what_the_record_says_exists() {
    // web-2 was created and its creation fell into a gap: blind. web-1 has its evidence.
    let judged = everywhere(
        "set replicas=3; web-0 created; web-0 ready; web-1 created; gap pods; web-0 listed-again; \
        web-1 listed-again; web-2 listed; opened pods; completed",
    );
    let missing: Vec<&String> = judged.clauses.iter().flat_map(|covered| &covered.missing).collect();
    assert_eq!(missing[0], "successor web-2");
    assert!(missing.iter().all(|missing| *missing == "successor web-2"), "{missing:?}");
    assert_eq!(judged.verdict.word(), "inconclusive");
}
