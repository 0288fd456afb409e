//! From what the user gave (a kubeconfig, a context, a service account) to clients.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, anyhow};
use http::header::{HeaderValue, USER_AGENT};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
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
}

type MakeClient = dyn Fn(&str) -> Result<Client> + Send + Sync;

impl Connection {
    /// Finds the cluster that the user means. Nothing is sent to it yet.
    pub async fn find(target: &Target) -> Result<Self> {
        let (mut config, source) = load(target).await?;
        config.connect_timeout = Some(limits::CONNECT.duration());
        // Failures are recorded and tried again where that is right, never behind the record's back.
        config.default_retry = false;
        let make = move |user_agent: &str| {
            let mut config = config.clone();
            config.headers.push((USER_AGENT, HeaderValue::from_str(user_agent)?));
            Ok(Client::try_from(config)?)
        };
        Ok(Self { make: Arc::new(make), source, embedded: false })
    }

    /// A way to the embedded model, or to any other server that a function can make a client for.
    pub fn embedded(make: impl Fn(&str) -> Result<Client> + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), source: "the embedded model".to_owned(), embedded: true }
    }

    /// A client whose requests carry `steadfast/<version> <purpose>`.
    pub fn client(&self, purpose: &str) -> Result<Client> {
        (self.make)(&format!("steadfast/{} {purpose}", env!("CARGO_PKG_VERSION")))
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("source", &self.source).finish_non_exhaustive()
    }
}

async fn load(target: &Target) -> Result<(Config, String)> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let in_environment = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
    let Some(named) = target.kubeconfig.clone().map(PathBuf::into_os_string).or(in_environment) else {
        return load_default(&options).await;
    };
    let shown = named.to_string_lossy().into_owned();
    let kubeconfig = match &target.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::from_env().map(Option::unwrap_or_default),
    };
    let kubeconfig = kubeconfig.map_err(plain).with_context(|| {
        format!("failed to read the kubeconfig {shown}; look at it with `kubectl --kubeconfig {shown} config view`")
    })?;
    let contexts = contexts(&kubeconfig);
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(plain).with_context(|| {
            let wanted = target
                .context
                .as_deref()
                .map_or("its current context".to_owned(), |c| format!("the context `{c}`"));
            format!("failed to use {wanted} of the kubeconfig {shown}; its contexts are: {contexts}")
        })?;
    Ok((config, format!("kubeconfig {shown}")))
}

async fn load_default(options: &KubeConfigOptions) -> Result<(Config, String)> {
    match Config::from_kubeconfig(options).await {
        Ok(config) => Ok((config, "kubeconfig ~/.kube/config".to_owned())),
        Err(no_file) if options.context.is_none() => match Config::incluster() {
            Ok(config) => Ok((config, "the service account of this pod".to_owned())),
            Err(_) => Err(plain(no_file)).context(
                "no cluster: there is no --kubeconfig, no $KUBECONFIG, no usable ~/.kube/config and no service account; \
                 try `export KUBECONFIG=…` and `kubectl cluster-info`",
            ),
        },
        Err(error) => Err(plain(error)).context("failed to use ~/.kube/config"),
    }
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// One sentence of kube's error. Of a file that does not parse only the place is told: the parser quotes the lines around
/// it, and a token may be in them.
fn plain(error: KubeconfigError) -> anyhow::Error {
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => anyhow!("it is no valid YAML at line {} column {}", at.line(), at.column()),
            None => anyhow!("it is no valid YAML"),
        },
        error => anyhow!("{error}"),
    }
}
