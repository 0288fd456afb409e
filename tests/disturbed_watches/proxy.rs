//! A proxy on loopback in front of an API server. Everything goes through as it is, but for watches.

use std::{
    collections::VecDeque,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// What happens to a watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Disturbance {
    /// Nothing.
    None,
    /// Everything comes so much later.
    Delayed(Duration),
    /// After so many pieces nothing comes any more, and the connection stays open.
    Mute(u32),
    /// After so many pieces the connection breaks.
    Cut(u32),
}

impl Disturbance {
    fn thrown(dice: &mut StdRng) -> Self {
        match dice.random_range(0..10) {
            0..=3 => Disturbance::None,
            4..=6 => Disturbance::Delayed(Duration::from_millis(dice.random_range(200..4_000))),
            7 => Disturbance::Mute(dice.random_range(1..25)),
            _ => Disturbance::Cut(dice.random_range(1..25)),
        }
    }

    /// How many of each there were.
    pub(crate) fn words(all: &[Disturbance]) -> String {
        let count = |is: fn(&&Disturbance) -> bool| all.iter().filter(is).count();
        format!(
            "{} watches: {} delayed, {} muted, {} cut",
            all.len(),
            count(|one| matches!(one, Disturbance::Delayed(_))),
            count(|one| matches!(one, Disturbance::Mute(_))),
            count(|one| matches!(one, Disturbance::Cut(_))),
        )
    }
}

/// The proxy while it runs.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    upstream: Client,
    dice: Mutex<StdRng>,
    told: Mutex<Vec<Disturbance>>,
}

impl Proxy {
    /// Listens on a free port of loopback and passes everything on to the cluster of that kubeconfig.
    pub(crate) async fn start(kubeconfig: &Path, seed: u64) -> Result<Self> {
        let read = Kubeconfig::read_from(kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let state = Arc::new(State {
            upstream: Client::try_from(config)?,
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            told: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let serving = tokio::spawn(serve(listener, state.clone()));
        Ok(Self { port, state, serving })
    }

    /// Writes a kubeconfig that leads to the proxy.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("kubeconfig-{}", self.port));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: proxy\n\
             clusters: [{{name: proxy, cluster: {{server: \"http://127.0.0.1:{}\"}}}}]\n\
             users: [{{name: nobody, user: {{}}}}]\n\
             contexts: [{{name: proxy, context: {{cluster: proxy, user: nobody}}}}]\n",
            self.port
        );
        std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }

    /// What was done to each watch so far.
    pub(crate) fn told(&self) -> Vec<Disturbance> {
        self.state.told.lock().expect("no holder panics").clone()
    }

    /// Stops listening.
    pub(crate) fn stop(self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| pass_on(state.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // A client that goes away is no trouble of the proxy's.
            let _ = connection.await;
        });
    }
}

async fn pass_on(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let answer = if request.headers().contains_key(http::header::UPGRADE) {
        upgraded(&state, request).await
    } else {
        plain(&state, request, is_watch).await
    };
    Ok(answer.unwrap_or_else(|error| {
        let text = Bytes::from(format!("the proxy failed: {error:#}"));
        let mut answer = Response::new(whole(text));
        *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
        answer
    }))
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, std::io::Error> {
    http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

async fn plain(state: &State, request: Request<Incoming>, is_watch: bool) -> Result<Answer> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let answer = state.upstream.send(upstream(parts, body.to_vec())?).await?;
    let (parts, body) = answer.into_parts();
    let pieces = body.into_data_stream().map(|piece| piece.map_err(std::io::Error::other));
    let disturbance = if is_watch { thrown(state) } else { Disturbance::None };
    let pieces = disturbed(pieces, disturbance).map(|piece| piece.map(Frame::data));
    Ok(Response::from_parts(parts, StreamBody::new(pieces).boxed_unsync()))
}

fn thrown(state: &State) -> Disturbance {
    let disturbance = Disturbance::thrown(&mut state.dice.lock().expect("no holder panics"));
    state.told.lock().expect("no holder panics").push(disturbance);
    disturbance
}

/// The request as the cluster's own client sends it: its address and its credentials are that client's.
fn upstream(parts: http::request::Parts, body: Vec<u8>) -> Result<Request<Body>> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(parts.method).uri(path);
    for (name, value) in &parts.headers {
        if name != http::header::HOST && name != http::header::CONTENT_LENGTH {
            request = request.header(name, value);
        }
    }
    Ok(request.body(Body::from(body))?)
}

/// Exec and port-forward: once both sides have agreed, bytes go to and fro.
async fn upgraded(state: &State, mut request: Request<Incoming>) -> Result<Answer> {
    let client = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let mut answer = state.upstream.send(upstream(parts, Vec::new())?).await?;
    if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        let (parts, body) = answer.into_parts();
        return Ok(Response::from_parts(parts, whole(body.collect_bytes().await?)));
    }
    let server = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        if let (Ok(client), Ok(server)) = (client.await, server.await) {
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    let (parts, _) = answer.into_parts();
    Ok(Response::from_parts(parts, whole(Bytes::new())))
}

type Piece = Result<Bytes, std::io::Error>;

fn disturbed(
    pieces: impl Stream<Item = Piece> + Send + 'static,
    how: Disturbance,
) -> std::pin::Pin<Box<dyn Stream<Item = Piece> + Send>> {
    match how {
        Disturbance::None => pieces.boxed(),
        Disturbance::Delayed(by) => delayed(pieces.boxed(), by).boxed(),
        Disturbance::Mute(after) => {
            pieces.take(after as usize).chain(stream::once(std::future::pending())).boxed()
        }
        Disturbance::Cut(after) => {
            let cut = || Err(std::io::Error::other("cut by the proxy"));
            pieces.take(after as usize).chain(stream::once(async move { cut() })).boxed()
        }
    }
}

/// Each piece so much later than it came, in the same order.
fn delayed(
    pieces: std::pin::Pin<Box<dyn Stream<Item = Piece> + Send>>,
    by: Duration,
) -> impl Stream<Item = Piece> + Send {
    let waiting: VecDeque<(Instant, Piece)> = VecDeque::new();
    stream::unfold((pieces, waiting, false), move |(mut pieces, mut waiting, mut over)| async move {
        loop {
            let due = waiting.front().map(|(due, _)| *due);
            if due.is_none() && over {
                return None;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    let (_, piece) = waiting.pop_front()?;
                    return Some((piece, (pieces, waiting, over)));
                }
                piece = pieces.next(), if !over => match piece {
                    Some(piece) => waiting.push_back((Instant::now() + by, piece)),
                    None => over = true,
                },
            }
        }
    })
}
