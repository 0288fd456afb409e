//! What a request says who sends it, kept up to date: a file is read again, a plugin run again when what it gave expires or
//! is refused, and never by two at once.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::HeaderValue;
use jiff::Timestamp;
use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use tokio::time::Instant;

use super::plugin::{self, Credentials};
use crate::{
    cluster::{
        access::{self, Plugin},
        kubeconfig::files,
        waiting::Waiting,
    },
    limits,
    secret::Secret,
};

/// What is sent with a request at the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Current {
    /// The `Authorization` header.
    pub(super) header: Option<HeaderValue>,
    /// The client's certificate, where a plugin gives one.
    pub(super) identity: Option<Arc<CertifiedKey>>,
    /// Grows with each change.
    pub(super) generation: u64,
}

/// Why there is nothing to say who sends a request.
#[derive(Debug, Clone)]
pub(super) struct NoLogin(pub(super) String);

impl std::fmt::Display for NoLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoLogin {}

/// Knows what to send.
pub(super) struct Login {
    source: Source,
    waiting: Waiting,
    /// A password, which is sent in another form.
    decoded: Option<Secret>,
    state: Mutex<State>,
}

enum Source {
    Never,
    File { file: PathBuf, instead: Option<Secret> },
    Plugin { plugin: Arc<Plugin>, provider: Arc<CryptoProvider> },
}

type Run = Shared<BoxFuture<'static, Result<Credentials, String>>>;

struct State {
    current: Current,
    /// When that was got; not yet, where there is none.
    since: Option<Instant>,
    /// Whether the server has taken it.
    is_accepted: bool,
    expires: Option<Timestamp>,
    /// A run of the plugin that is under way, for all who wait for it.
    running: Option<Run>,
    /// What the last run failed with, and when: all who ask meanwhile are told the same.
    failed: Option<(Instant, String)>,
    /// All that was ever sent, which nobody may repeat.
    secrets: Vec<Secret>,
}

impl Login {
    pub(super) fn new(login: access::Login, provider: Arc<CryptoProvider>, waiting: Waiting) -> Self {
        let (mut secrets, mut decoded) = (Vec::new(), None);
        let (source, header) = match login {
            access::Login::Anonymous => (Source::Never, None),
            access::Login::Token(token) => {
                secrets.push(token.clone());
                (Source::Never, bearer(&token))
            }
            access::Login::Basic { user, password } => {
                let pair = Secret::new(STANDARD.encode(format!("{user}:{}", password.expose())));
                secrets.push(pair.clone());
                decoded = Some(password);
                (Source::Never, header("Basic", &pair))
            }
            access::Login::TokenFile { file, instead } => (Source::File { file, instead }, None),
            access::Login::Plugin(plugin) => (Source::Plugin { plugin: Arc::from(plugin), provider }, None),
        };
        let current = Current { header, ..Current::default() };
        let state = State {
            current,
            since: None,
            is_accepted: false,
            expires: None,
            running: None,
            failed: None,
            secrets,
        };
        Self { source, waiting, decoded, state: Mutex::new(state) }
    }

    /// All that was ever sent, as it was sent.
    pub(super) fn sent(&self) -> Vec<Secret> {
        self.state().secrets.clone()
    }

    /// What was sent in another form.
    pub(super) fn decoded(&self) -> Option<Secret> {
        self.decoded.clone()
    }

    /// What to send.
    pub(super) async fn current(&self) -> Result<Current, NoLogin> {
        match &self.source {
            Source::Never => Ok(self.state().current.clone()),
            Source::File { file, instead } => {
                self.of_file(file, instead.as_ref(), limits::TOKEN_AGAIN.duration()).await
            }
            Source::Plugin { plugin, provider } => match self.kept() {
                Some(kept) => Ok(kept),
                None => self.of_plugin(plugin, provider).await,
            },
        }
    }

    /// What to send in place of what was refused; none where there is nothing better.
    pub(super) async fn after_refusal(&self, refused: u64) -> Result<Option<Current>, NoLogin> {
        let newer = |current: Current| (current.generation > refused).then_some(current);
        match &self.source {
            Source::Never => Ok(None),
            Source::File { file, instead } => {
                self.of_file(file, instead.as_ref(), std::time::Duration::ZERO).await.map(newer)
            }
            Source::Plugin { plugin, provider } => {
                let (generation, untried) = {
                    let state = self.state();
                    let is_young = |since: Instant| since.elapsed() < limits::LOGIN_AGAIN.duration();
                    (state.current.generation, !state.is_accepted && state.since.is_some_and(is_young))
                };
                // What was given a moment ago and is refused at once will not be better for asking again.
                if generation == refused && untried {
                    return Ok(None);
                }
                if generation > refused {
                    return self.current().await.map(Some);
                }
                self.of_plugin(plugin, provider).await.map(newer)
            }
        }
    }

    /// The server has taken it.
    pub(super) fn accepted(&self, generation: u64) {
        let mut state = self.state();
        state.is_accepted |= state.current.generation == generation;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// What the plugin gave, as long as it holds.
    fn kept(&self) -> Option<Current> {
        let state = self.state();
        state.since?;
        let holds = state.expires.is_none_or(|expires| Timestamp::now() < expires);
        holds.then(|| state.current.clone())
    }

    /// The token of a file, read again where what is known of it is that old.
    async fn of_file(
        &self,
        file: &Path,
        instead: Option<&Secret>,
        age: std::time::Duration,
    ) -> Result<Current, NoLogin> {
        let young = |state: &State| state.since.is_some_and(|since| since.elapsed() < age);
        if let Some(current) =
            Some(self.state()).filter(|state| young(state)).map(|state| state.current.clone())
        {
            return Ok(current);
        }
        let read =
            files::bytes(file).await.ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        let token = read.filter(|token| !token.is_empty()).map(Secret::new).or_else(|| instead.cloned());
        let mut state = self.state();
        let header = token.as_ref().and_then(bearer);
        if let (Some(token), Some(header)) = (token, header) {
            state.since = Some(Instant::now());
            if state.current.header.as_ref() != Some(&header) {
                state.current = Current {
                    header: Some(header),
                    identity: None,
                    generation: state.current.generation + 1,
                };
                state.secrets.push(token);
            }
        }
        match state.current.header {
            Some(_) => Ok(state.current.clone()),
            None => Err(NoLogin(format!("there is no token in {}; try `ls -l {0}`", file.display()))),
        }
    }

    async fn of_plugin(
        &self,
        plugin: &Arc<Plugin>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Current, NoLogin> {
        let run = {
            let mut state = self.state();
            if let Some((at, error)) = &state.failed
                && at.elapsed() < limits::LOGIN_AGAIN.duration()
            {
                return Err(NoLogin(error.clone()));
            }
            state.running.get_or_insert_with(|| self.begin(plugin.clone(), provider.clone())).clone()
        };
        let outcome = run.clone().await;
        let mut state = self.state();
        // The first who wakes takes note for all.
        if state.running.as_ref().is_some_and(|running| running.ptr_eq(&run)) {
            state.running = None;
            state.note(outcome);
        }
        match &state.failed {
            Some((_, error)) => Err(NoLogin(error.clone())),
            None => Ok(state.current.clone()),
        }
    }

    /// Begins a run, on a task of its own: a request that gives up does not end it for the others.
    fn begin(&self, plugin: Arc<Plugin>, provider: Arc<CryptoProvider>) -> Run {
        let until = self.waiting.on(plugin::named(&plugin));
        let task = tokio::spawn(async move {
            let _until = until;
            plugin::run(&plugin, &provider).await
        });
        AbortOnDrop(task).boxed().shared()
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<Result<Credentials, String>>);

impl Future for AbortOnDrop {
    type Output = Result<Credentials, String>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0
            .poll_unpin(context)
            .map(|joined| joined.unwrap_or_else(|_| Err("the credential plugin was not followed".to_owned())))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl State {
    fn note(&mut self, outcome: Result<Credentials, String>) {
        match outcome {
            Ok(credentials) => {
                self.failed = None;
                self.since = Some(Instant::now());
                self.is_accepted = false;
                // A plugin whose clock is behind is not run for each request.
                let soonest = Timestamp::now() + limits::LOGIN_AGAIN.duration();
                let is_over = |expires: Timestamp| expires <= Timestamp::now();
                self.expires =
                    credentials.expires.map(|expires| if is_over(expires) { soonest } else { expires });
                self.secrets.extend(credentials.secrets);
                self.current = Current {
                    header: credentials.token.as_ref().and_then(bearer),
                    identity: credentials.identity,
                    generation: self.current.generation + 1,
                };
            }
            Err(error) => self.failed = Some((Instant::now(), error)),
        }
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    header("Bearer", token)
}

fn header(scheme: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("{scheme} {}", secret.expose())).ok()?;
    header.set_sensitive(true);
    Some(header)
}
