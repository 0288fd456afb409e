//! A run on the model, with somebody between harness and API server who meddles with requests and answers.

use std::{
    future::{pending, ready},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use http::{Request, Response};
use kube::{Client, client::Body};
use steadfast::{
    cluster::{Connection, Namespace, Server, namespaces_of_runs},
    embedded::{self, Fault, Model},
    history::{History, file::Header},
    judge::Judged,
    options::{Cleanup, Keep, Options, Progress, Target, Voice},
    plan::{Plan, Selection},
    run::{self, CleanedUp, Finished, Reporter},
    spec::Catalogue,
};

pub(crate) const ON_PURPOSE: &str = "on purpose, in a test";

/// What is done with a request.
pub(crate) enum Meddling {
    /// It goes its way, and so does its answer.
    None,
    /// Whoever sends it panics.
    Panic,
    /// The server gets it, and its answer does not arrive.
    AnswerLost,
    /// The server gets it, and something else arrives.
    AnswerReplaced(&'static str),
    /// The server does not get it; this is the answer.
    Answered(u16, String),
    /// Likewise, and the answer asks to be left alone for that many seconds.
    Busy(u64),
    /// Nothing comes, ever.
    Silence,
}

/// Who meddles, by the purpose in the User-Agent and the request.
pub(crate) type Meddle = Box<dyn Fn(&str, &Request<Body>) -> Meddling + Send + Sync>;

/// A run of the requirement on scaling down, which is judged on `scale-cycle`.
pub(crate) struct Setup {
    pub(crate) keep: Keep,
    pub(crate) fault: Option<Fault>,
    pub(crate) meddle: Meddle,
    pub(crate) reports_panic: bool,
    pub(crate) deadline_secs: f64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            keep: Keep::Never,
            fault: None,
            meddle: Box::new(|_, _| Meddling::None),
            reports_panic: false,
            deadline_secs: 1200.0,
        }
    }
}

/// What the run came to, and the namespaces that are there after it.
pub(crate) fn run(setup: Setup) -> (Finished, Vec<String>) {
    let Ran { finished, left, .. } = run_beside(setup, async |_| ());
    (finished.expect("the run ended by itself"), left)
}

/// What came of a run with something beside it.
pub(crate) struct Ran<T> {
    /// What the run came to; none if what was beside it ended first, and the run with it as if it had been killed.
    pub(crate) finished: Option<Finished>,
    /// The namespaces that are there after it.
    pub(crate) left: Vec<String>,
    /// What came of the other.
    pub(crate) beside: Option<T>,
    /// How long the run took, on the model's clock.
    pub(crate) took: Duration,
    /// What a clean-up then did.
    pub(crate) cleaned_up: CleanedUp,
}

/// Runs, and does something else with the cluster at the same time. Both come to their ends.
pub(crate) fn run_beside<T>(setup: Setup, beside: impl AsyncFnOnce(Server) -> T) -> Ran<T> {
    in_a_cluster(setup, async |run, server| {
        let began = tokio::time::Instant::now();
        let run = async {
            let finished = run.await;
            (finished, began.elapsed())
        };
        let ((finished, took), beside) = tokio::join!(run, beside(server));
        (Some(finished), Some(beside), took)
    })
}

/// Runs until something else has ended, and then no further: what a SIGKILL does.
pub(crate) fn run_until<T>(setup: Setup, ends: impl AsyncFnOnce(Server) -> T) -> Ran<T> {
    in_a_cluster(setup, async |run, server| {
        tokio::select! {
            finished = run => (Some(finished), None, Duration::ZERO),
            ended = ends(server) => (None, Some(ended), Duration::ZERO),
        }
    })
}

fn in_a_cluster<T>(
    setup: Setup,
    work: impl AsyncFnOnce(BoxedRun<'_>, Server) -> (Option<Finished>, Option<T>, Duration),
) -> Ran<T> {
    let catalogue = Catalogue::built_in().unwrap();
    let plan = Plan::of(&catalogue, &Selection::of_ids(["scale-down-reverse".to_owned()]));
    let folder = tempfile::tempdir().unwrap();
    let reporter = Reports { folder: folder.path().to_owned(), panic: setup.reports_panic };
    let options = Options {
        target: Target { embedded: true, ..Target::default() },
        keep: setup.keep,
        voice: Voice { progress: Progress::None, ..Voice::default() },
        deadline_secs: setup.deadline_secs,
        ..Options::default()
    };
    let model = Model { faults: setup.fault.into_iter().collect(), ..Model::default() };
    embedded::with(model, async |connection, _| {
        let way = ready(Ok(meddled_with(connection.clone(), setup.meddle)));
        let server = Server::new(connection.client("look").unwrap());
        let run = async { run::run(&catalogue, &plan, &options, "guest", 0, way, &reporter).await.unwrap() };
        let (finished, beside, took) = work(Box::pin(run), server.clone()).await;
        let left = namespaces(&server).await.into_iter().map(|namespace| namespace.name).collect();
        let cleaned_up = run::clean_up(&server, &Cleanup::default()).await.unwrap();
        Ran { finished, left, beside, took, cleaned_up }
    })
    .unwrap()
}

type BoxedRun<'r> = std::pin::Pin<Box<dyn Future<Output = Finished> + 'r>>;

/// The namespaces that runs have made and that are there.
pub(crate) async fn namespaces(server: &Server) -> Vec<Namespace> {
    namespaces_of_runs(server, None).await.unwrap().ours
}

/// Waits until so many namespaces of runs are there.
pub(crate) async fn wait_for_namespaces(server: &Server, count: usize) {
    while namespaces(server).await.len() < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The same way to the cluster, but for what is meddled with.
fn meddled_with(connection: Connection, meddle: Meddle) -> Connection {
    let meddle = Arc::new(meddle);
    Connection::embedded(move |purpose| {
        let client = connection.client(purpose)?;
        let (meddle, purpose) = (meddle.clone(), purpose.to_owned());
        let send = tower::service_fn(move |request: Request<Body>| {
            let (client, meddling) = (client.clone(), meddle(&purpose, &request));
            async move {
                let answer = match meddling {
                    Meddling::None => return client.send(request).await,
                    Meddling::Panic => panic!("{ON_PURPOSE}"),
                    Meddling::AnswerLost => {
                        client.send(request).await?;
                        return Err(kube::Error::Service("the connection was reset".into()));
                    }
                    Meddling::AnswerReplaced(body) => {
                        client.send(request).await?;
                        Response::builder().status(200).body(body.to_owned())
                    }
                    Meddling::Answered(code, body) => Response::builder().status(code).body(body),
                    Meddling::Busy(secs) => {
                        let message = r#"{"kind": "Status", "apiVersion": "v1", "message": "later"}"#;
                        Response::builder().status(429).header("Retry-After", secs).body(message.to_owned())
                    }
                    Meddling::Silence => pending().await,
                };
                Ok(answer.unwrap().map(|body| Body::from(body.into_bytes())))
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

/// The same server, but that whoever reads a path with that in it is refused.
pub(crate) fn without(server: &Server, what: &'static str) -> Server {
    let client = server.client.clone();
    let send = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            if request.uri().path().contains(what) {
                let refusal = r#"{"kind": "Status", "message": "no rights"}"#;
                let answer = Response::builder().status(403).body(refusal.to_owned()).unwrap();
                return Ok(answer.map(|body| Body::from(body.into_bytes())));
            }
            client.send(request).await
        }
    });
    Server::new(Client::new(send, "default"))
}
