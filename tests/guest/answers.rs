//! Answers that are lost, garbled or refused: nothing is lost with them, and nothing is taken to be gone.

use http::{Method, Request};
use kube::client::Body;
use steadfast::{
    judge::Verdict,
    report::{Circumstances, Outcome},
    run::Finished,
};

use crate::guest::{Meddle, Meddling, Setup, run};

fn outcome(finished: &Finished) -> Outcome {
    Outcome::of(&finished.judged, &Circumstances::of_run(&finished.ending, &finished.histories))
}

fn makes_a_namespace(request: &Request<Body>) -> bool {
    request.method() == Method::POST && request.uri().path() == "/api/v1/namespaces"
}

/// A run in which every answer to the creation of a namespace becomes that.
fn with_creations(meddling: fn() -> Meddling) -> (Finished, Vec<String>) {
    let meddle: Meddle = Box::new(move |_, request| match makes_a_namespace(request) {
        true => meddling(),
        false => Meddling::None,
    });
    run(Setup { meddle, ..Setup::default() })
}

#[test]
fn a_namespace_whose_creation_was_answered_with_nothing_or_garbage_is_adopted() {
    let garbage = || Meddling::AnswerReplaced("<html><body>Welcome</body></html>");
    let other = || Meddling::AnswerReplaced(r#"{"kind": "Status", "apiVersion": "v1", "status": "Success"}"#);
    for meddling in [|| Meddling::AnswerLost, garbage, other] {
        let (finished, left) = with_creations(meddling);
        assert_eq!((outcome(&finished), left), (Outcome::Pass, Vec::new()), "{:?}", finished.ending);
    }
}

#[test]
fn a_namespace_that_is_made_and_never_heard_of_again_is_deleted_at_the_end() {
    let meddle: Meddle = Box::new(|purpose, request| {
        let is_of_a_scenario = purpose.contains("scenario/");
        let looks = request.method() == Method::GET
            && request.uri().path().starts_with("/api/v1/namespaces/steadfast-");
        match (makes_a_namespace(request), looks && is_of_a_scenario) {
            (true, _) => Meddling::AnswerLost,
            (_, true) => Meddling::Answered(503, "{}".to_owned()),
            _ => Meddling::None,
        }
    });
    let (finished, left) = run(Setup { meddle, ..Setup::default() });
    assert!(!finished.judged.iter().any(|judged| matches!(judged.verdict, Verdict::Pass { .. })));
    assert_eq!((left, finished.ending.left_behind), (Vec::new(), Vec::new()));
}

/// A run whose clean-up gets that answer to such reads.
fn with_clean_up(reads: fn(&str) -> bool, meddling: fn() -> Meddling) -> Finished {
    let meddle: Meddle = Box::new(move |purpose, request| {
        let is_read = request.method() == Method::GET && reads(request.uri().path());
        if purpose.contains("cleanup") && is_read { meddling() } else { Meddling::None }
    });
    run(Setup { meddle, ..Setup::default() }).0
}

#[test]
fn a_list_that_fails_in_the_clean_up_is_not_nothing_left() {
    let volumes = |path: &str| path == "/api/v1/persistentvolumes";
    let namespaces = |path: &str| path.starts_with("/api/v1/namespaces");
    let server_error = || Meddling::Answered(500, r#"{"kind": "Status", "message": "no disk"}"#.to_owned());
    let forbidden = || Meddling::Answered(403, r#"{"kind": "Status", "message": "no rights"}"#.to_owned());
    let page = || Meddling::Answered(200, "<html><body>Welcome</body></html>".to_owned());
    let other_list = || Meddling::Answered(200, r#"{"kind": "PodList", "items": []}"#.to_owned());
    let silence = || Meddling::Silence;
    for (reads, meddling) in [
        (volumes as fn(&str) -> bool, server_error as fn() -> Meddling),
        (volumes, page),
        (namespaces, forbidden),
        (namespaces, other_list),
        (namespaces, silence),
    ] {
        let finished = with_clean_up(reads, meddling);
        assert_eq!(outcome(&finished), Outcome::CleanupFailed, "{:?}", finished.ending);
        assert!(!finished.ending.left_behind.concat().is_empty());
    }
}
