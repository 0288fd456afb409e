//! From what the user gave (a kubeconfig, flags, a service account) to clients.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, anyhow};
use kube::Client;

use super::{
    Server, access::Origin, environment::Environment, kubeconfig, transport::Transport, waiting::Waiting,
};
use crate::{limits, options::Target};

/// A way to a cluster, from which clients are made. Each client names its purpose in its User-Agent, so that the
/// server's audit log tells who did what.
#[derive(Clone)]
pub struct Connection {
    make: Arc<MakeClient>,
    /// Where it leads, for a person to read.
    pub source: String,
    /// Whether it leads to the embedded model.
    pub embedded: bool,
    patience: Duration,
    real: Option<Real>,
}

type MakeClient = dyn Fn(&str) -> Result<Client> + Send + Sync;

/// What there is only on the way to a real server.
#[derive(Clone)]
struct Real {
    transport: Transport,
    waiting: Waiting,
    origin: Origin,
    address: String,
}

impl Connection {
    /// Finds the cluster that the user means. Nothing is sent to it yet.
    ///
    /// # Errors
    /// A [`kubeconfig::Unusable`] where what was given cannot be used; any other where nothing was given.
    pub async fn find(target: &Target) -> Result<Self> {
        let environment = Environment::of_process();
        let access = kubeconfig::access(target, &environment).await?;
        let origin = access.origin.clone();
        let address = access.server.as_str().trim_end_matches('/').to_owned();
        let waiting = Waiting::new(format!("{address} to answer"));
        let transport = Transport::new(access, waiting.clone())?;
        let way = transport.clone();
        let make = move |user_agent: &str| way.client(user_agent);
        Ok(Self {
            make: Arc::new(make),
            source: origin.source.clone(),
            embedded: false,
            patience: patience(target.request_timeout),
            real: Some(Real { transport, waiting, origin, address }),
        })
    }

    /// A way to the embedded model, or to any other server that a function can make a client for.
    pub fn embedded(make: impl Fn(&str) -> Result<Client> + Send + Sync + 'static) -> Self {
        Self {
            make: Arc::new(make),
            source: "the embedded model".to_owned(),
            embedded: true,
            patience: limits::REQUEST.duration(),
            real: None,
        }
    }

    /// A client whose requests carry `steadfast/<version> <purpose>`.
    pub fn client(&self, purpose: &str) -> Result<Client> {
        (self.make)(&format!("steadfast/{} {purpose}", env!("CARGO_PKG_VERSION")))
    }

    /// The server, asked for that purpose.
    pub fn server(&self, purpose: &str) -> Result<Server> {
        Ok(Server::new(self.client(purpose)?).with_patience(self.patience))
    }

    /// Gets in touch before anything is sent: gets the credentials, and sees that the server takes connections. A plugin may
    /// need a person, and takes as long as they do. Nothing is tried twice: what hinders it now is most often a mistake.
    ///
    /// # Errors
    /// The plugin is missing, fails, or gives nothing that can be used; the server cannot be reached, or is another.
    pub async fn open(&self) -> Result<()> {
        let Some(real) = &self.real else { return Ok(()) };
        real.transport.log_in().await?;
        real.transport.knock().await.map_err(|why| self.unreachable(&why))
    }

    /// What is waited for at the moment, for a person who waits.
    pub fn waiting_for(&self) -> String {
        self.real.as_ref().map_or_else(|| "the model".to_owned(), |real| real.waiting.now())
    }

    /// That the server cannot be reached, in one paragraph: which server, named where, why, and what to type.
    pub fn unreachable(&self, why: &str) -> anyhow::Error {
        let Some(Real { origin, address, .. }) = &self.real else { return anyhow!("{why}") };
        anyhow!(
            "the API server {address} cannot be used by {}: {why}. Its address is from {}{}; try `{} get --raw /version`",
            origin.user,
            origin.server,
            if origin.server.contains(" of the kubeconfig ") {
                String::new()
            } else {
                format!(" and {}", origin.source)
            },
            origin.kubectl
        )
    }
}

/// The bound for one request. Zero means none; the deadline of the run is one then.
fn patience(given: Option<Duration>) -> Duration {
    match given {
        None => limits::REQUEST.duration(),
        Some(Duration::ZERO) => limits::UNBOUNDED.duration(),
        Some(bound) => bound,
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("source", &self.source).finish_non_exhaustive()
    }
}
