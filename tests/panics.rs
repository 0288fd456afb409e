//! What a bug in steadfast itself does to a run: nothing is left in the cluster, and nobody can take it for a success.

use std::path::{Path, PathBuf};

use http::{Method, Request};
use kube::{Client, client::Body};
use steadfast::{
    cluster::{Connection, Server, namespaces_of_runs},
    embedded::{self, Model},
    history::{History, file::Header},
    judge::{Judged, Verdict},
    options::{Options, Progress, Target, Voice},
    plan::{Plan, Selection},
    report::{Circumstances, Outcome},
    run::{self, Finished, Reporter},
    spec::Catalogue,
};

const ON_PURPOSE: &str = "on purpose, in a test";

/// A run of the requirement on scaling down, in which whoever sends such a request panics; and what it leaves.
fn run_with(panics_at: fn(&Request<Body>) -> bool, reports_panic: bool) -> (Finished, Vec<String>) {
    let catalogue = Catalogue::built_in().unwrap();
    let plan = Plan::of(&catalogue, &Selection::of_ids(["scale-down-reverse".to_owned()]));
    let folder = tempfile::tempdir().unwrap();
    let reporter = Reports { folder: folder.path().to_owned(), panic: reports_panic };
    let options = Options {
        target: Target { embedded: true, ..Target::default() },
        voice: Voice { progress: Progress::None, ..Voice::default() },
        ..Options::default()
    };
    embedded::with(Model::default(), async |connection, _| {
        let way = Ok(panicking(connection.clone(), panics_at));
        let finished = run::run(&catalogue, &plan, &options, "panics", 0, way, &reporter).await.unwrap();
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

    fn update(&self, _: &Header, _: &[Judged], histories: &[History]) {
        assert!(!self.panic || histories.is_empty(), "{ON_PURPOSE}");
    }
}

fn is_in(request: &Request<Body>, scenario: &str) -> bool {
    request.uri().path().contains(&format!("/steadfast-{scenario}-"))
}

/// The panic is told, the exit code is 70, and no namespace is left.
fn assert_survived((finished, left): (Finished, Vec<String>)) {
    assert_eq!(finished.internal_error.as_deref(), Some(ON_PURPOSE));
    assert_eq!((left, finished.left_behind), (Vec::new(), Vec::new()));
    let circumstances = Circumstances { internal_error: finished.internal_error, ..Circumstances::default() };
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
fn in_the_drivers_steps() {
    let scales = |request: &Request<Body>| is_in(request, "scale-cycle") && ends_with(request, "/scale");
    assert_survived_and_red(run_with(scales, false));
}

#[test]
fn in_a_watch() {
    let watches = |request: &Request<Body>| {
        let query = request.uri().query().unwrap_or_default();
        is_in(request, "scale-cycle") && ends_with(request, "/pods") && query.contains("watch")
    };
    assert_survived_and_red(run_with(watches, false));
}

#[test]
fn in_the_preflight() {
    let applies = |request: &Request<Body>| is_in(request, "preflight") && request.method() == Method::PATCH;
    assert_survived(run_with(applies, false));
}

#[test]
fn in_a_report() {
    assert_survived(run_with(|_| false, true));
}
