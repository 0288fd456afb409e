//! What is kept because it was asked for, and what is left after a bug of steadfast's own: nothing.

use http::{Method, Request};
use kube::client::Body;
use steadfast::{
    embedded::Fault,
    judge::Verdict,
    options::Keep,
    report::{Circumstances, Outcome},
    run::Finished,
};

use crate::guest::{Meddling, ON_PURPOSE, Setup, run};

/// Whoever sends such a request panics.
fn panics_at(what: fn(&Request<Body>) -> bool) -> crate::guest::Meddle {
    Box::new(move |_, request| if what(request) { Meddling::Panic } else { Meddling::None })
}

fn is_in(request: &Request<Body>, scenario: &str) -> bool {
    request.uri().path().contains(&format!("/steadfast-{scenario}-"))
}

/// The scenarios whose namespaces a run says that it has kept, which are those that are there.
fn kept(setup: Setup) -> Vec<String> {
    let (finished, mut left) = run(setup);
    let mut kept = finished.kept;
    kept.sort();
    left.sort();
    assert_eq!((&kept, finished.ending.left_behind), (&left, Vec::new()));
    let scenario = |name: &String| {
        let name = name.trim_start_matches("steadfast-");
        name.rsplit_once('-').unwrap().0.to_owned()
    };
    kept.iter().map(scenario).collect()
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let fault = Some(Fault::ScalesDownAscending);
    assert_eq!(kept(Setup { fault, ..Setup::default() }), [""; 0]);
}

#[test]
fn a_healthy_run_keeps_nothing_for_a_failure() {
    assert_eq!(kept(Setup { keep: Keep::OnFailure, ..Setup::default() }), [""; 0]);
}

#[test]
fn a_failure_keeps_the_namespace_that_it_was_seen_in_and_no_other() {
    let fault = Some(Fault::ScalesDownAscending);
    assert_eq!(kept(Setup { keep: Keep::OnFailure, fault, ..Setup::default() }), ["scale-cycle"]);
}

#[test]
fn all_is_kept_where_that_is_asked_for() {
    assert_eq!(kept(Setup { keep: Keep::Always, ..Setup::default() }), ["preflight", "scale-cycle"]);
}

/// The panic is told, the exit code is 70, and no namespace is left.
fn assert_survived((finished, left): (Finished, Vec<String>)) {
    assert_eq!(finished.ending.internal_error.as_deref(), Some(ON_PURPOSE));
    assert_eq!((left, finished.ending.left_behind), (Vec::new(), Vec::new()));
    let circumstances =
        Circumstances { internal_error: finished.ending.internal_error, ..Circumstances::default() };
    assert_eq!(Outcome::of(&finished.judged, &circumstances).code(), 70);
}

/// And nothing passes that is judged on the scenario.
fn assert_survived_and_red(run: (Finished, Vec<String>)) {
    let passed = run.0.judged.iter().find(|judged| matches!(judged.verdict, Verdict::Pass { .. }));
    assert_eq!(passed, None);
    assert_survived(run);
}

fn ends_with(request: &Request<Body>, last: &str) -> bool {
    request.uri().path().ends_with(last)
}

#[test]
fn a_panic_in_the_drivers_steps_is_survived() {
    let scales = |request: &Request<Body>| is_in(request, "scale-cycle") && ends_with(request, "/scale");
    assert_survived_and_red(run(Setup { meddle: panics_at(scales), ..Setup::default() }));
}

#[test]
fn a_panic_in_a_watch_is_survived() {
    let watches = |request: &Request<Body>| {
        let query = request.uri().query().unwrap_or_default();
        is_in(request, "scale-cycle") && ends_with(request, "/pods") && query.contains("watch")
    };
    assert_survived_and_red(run(Setup { meddle: panics_at(watches), ..Setup::default() }));
}

#[test]
fn a_panic_in_the_preflight_is_survived() {
    let applies = |request: &Request<Body>| is_in(request, "preflight") && request.method() == Method::PATCH;
    assert_survived(run(Setup { meddle: panics_at(applies), ..Setup::default() }));
}

#[test]
fn a_panic_in_a_report_is_survived() {
    assert_survived(run(Setup { reports_panic: true, ..Setup::default() }));
}
