//! What stays in a cluster after a run: what was asked for and nothing else, even where steadfast itself has a bug. And of a
//! bug, that nobody can take the run for a success.

use std::path::{Path, PathBuf};

use anyhow::Result;
use http::{Method, Request};
use kube::{Client, client::Body};
use steadfast::{
    cluster::{Connection, Server, namespaces_of_runs},
    embedded::{self, Fault, Model},
    history::{History, file::Header},
    judge::{Judged, Verdict},
    options::{Keep, Options, Progress, Target, Voice},
    plan::{Plan, Selection},
    report::{Circumstances, Outcome},
    run::{self, Finished, Reporter},
    spec::Catalogue,
};

const ON_PURPOSE: &str = "on purpose, in a test";

/// A run of the requirement on scaling down, which is judged on `scale-cycle`.
struct Setup {
    keep: Keep,
    fault: Option<Fault>,
    /// Whoever sends such a request panics.
    panics_at: fn(&Request<Body>) -> bool,
    reports_panic: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { keep: Keep::Never, fault: None, panics_at: |_| false, reports_panic: false }
    }
}

/// What the run came to, and the namespaces that are there after it.
fn run(setup: Setup) -> (Finished, Vec<String>) {
    let catalogue = Catalogue::built_in().unwrap();
    let plan = Plan::of(&catalogue, &Selection::of_ids(["scale-down-reverse".to_owned()]));
    let folder = tempfile::tempdir().unwrap();
    let reporter = Reports { folder: folder.path().to_owned(), panic: setup.reports_panic };
    let options = Options {
        target: Target { embedded: true, ..Target::default() },
        keep: setup.keep,
        voice: Voice { progress: Progress::None, ..Voice::default() },
        ..Options::default()
    };
    let model = Model { faults: setup.fault.into_iter().collect(), ..Model::default() };
    embedded::with(model, async |connection, _| {
        let way = Ok(panicking(connection.clone(), setup.panics_at));
        let finished = run::run(&catalogue, &plan, &options, "guest", 0, way, &reporter).await.unwrap();
        let server = Server::new(connection.client("look").unwrap());
        let left = namespaces_of_runs(&server, None).await.unwrap();
        (finished, left.into_iter().map(|namespace| namespace.name).collect())
    })
    .unwrap()
}

/// The same way to the cluster, but that whoever sends such a request panics.
fn panicking(connection: Connection, panics_at: fn(&Request<Body>) -> bool) -> Connection {
    Connection::embedded(move |purpose| {
        let client = connection.client(purpose)?;
        let send = tower::service_fn(move |request: Request<Body>| {
            let client = client.clone();
            async move {
                assert!(!panics_at(&request), "{ON_PURPOSE}");
                client.send(request).await
            }
        });
        Ok(Client::new(send, "default"))
    })
}

struct Reports {
    folder: PathBuf,
    panic: bool,
}

impl Reporter for Reports {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn update(&self, _: &Header, _: &[Judged], histories: &[History]) -> Result<()> {
        assert!(!self.panic || histories.is_empty(), "{ON_PURPOSE}");
        Ok(())
    }
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
    assert_survived_and_red(run(Setup { panics_at: scales, ..Setup::default() }));
}

#[test]
fn a_panic_in_a_watch_is_survived() {
    let watches = |request: &Request<Body>| {
        let query = request.uri().query().unwrap_or_default();
        is_in(request, "scale-cycle") && ends_with(request, "/pods") && query.contains("watch")
    };
    assert_survived_and_red(run(Setup { panics_at: watches, ..Setup::default() }));
}

#[test]
fn a_panic_in_the_preflight_is_survived() {
    let applies = |request: &Request<Body>| is_in(request, "preflight") && request.method() == Method::PATCH;
    assert_survived(run(Setup { panics_at: applies, ..Setup::default() }));
}

#[test]
fn a_panic_in_a_report_is_survived() {
    assert_survived(run(Setup { reports_panic: true, ..Setup::default() }));
}
