//! A cluster from outside: starting it, connecting to it, asking what it lied about.

use crate::api;
use crate::api_fault::ApiFault;
use crate::bootstrap;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::kubelet::Outage;
use crate::options::Options;
use crate::release::Release;
use crate::status::Status;
use crate::world::Shared;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

/// How many bytes an in-memory connection holds.
const PIPE_BYTES: usize = 1 << 20;

/// How long the start waits for the cluster's DNS.
const DNS_PATIENCE: Duration = Duration::from_secs(60);

/// A cluster that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    shared: Shared,
    _open: watch::Sender<()>,
}

/// Opens connections to a cluster's API server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector(Shared);

/// A cluster could not be started.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to start the cluster: {}", self.0)
    }
}

impl std::error::Error for StartError {}

impl From<Status> for StartError {
    fn from(status: Status) -> Self {
        Self(status.message)
    }
}

impl Cluster {
    /// Starts a cluster on the current tokio runtime and waits until its DNS serves.
    ///
    /// With tokio's clock paused on a current-thread runtime, everything that happens in the cluster is decided by
    /// the seed and by what the clients do.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let release = Release::new(&options.version, &options.feature_gates).map_err(StartError)?;
        let wake = Arc::new(Notify::new());
        let (open, closing) = watch::channel(());
        let shared = Shared::new(options, release, wake.clone(), closing);
        {
            let mut world = shared.lock();
            bootstrap::fill(&mut world)?;
            world.spawn(shared.clone().drive(wake));
        }
        let cluster = Self { shared, _open: open };
        cluster.wait_for_dns().await;
        Ok(cluster)
    }

    /// A cluster whose DNS does not come up is a cluster all the same.
    async fn wait_for_dns(&self) {
        let deadline = Instant::now() + DNS_PATIENCE;
        while Instant::now() < deadline && !self.dns_serves() {
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn dns_serves(&self) -> bool {
        let world = self.shared.lock();
        let ready = |(_, pod): (_, &Arc<serde_json::Value>)| crate::controllers::pods::is_ready(pod);
        world.store.list(Kind::Pod, "kube-system").filter(|entry| ready(*entry)).count()
            >= world.options.dns_backends
    }

    /// Opens a connection to the API server, in memory. It speaks HTTP/1.1.
    pub fn connect(&self) -> DuplexStream {
        self.connector().connect()
    }

    /// What opens connections, to give away.
    pub fn connector(&self) -> Connector {
        Connector(self.shared.clone())
    }

    /// Serves the API on a listener, until the task that runs this is dropped.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = api::serve_connection(self.shared.clone(), stream);
            self.shared.lock().spawn(connection);
        }
    }

    /// Stops the kubelet of a node. What runs there goes on running, and nobody looks after it.
    ///
    /// False if there is no such node, here and below.
    pub fn stop_node(&self, node: &str) -> bool {
        self.shared.lock().set_outage(node, Some(Outage::Stopped))
    }

    /// Starts the kubelet of a node again; it is back after some seconds.
    pub fn start_node(&self, node: &str) -> bool {
        self.shared.lock().set_outage(node, None)
    }

    /// Cuts a node off from the network: from the API server, and from the pods of other nodes.
    pub fn cut_node(&self, node: &str) -> bool {
        self.shared.lock().set_outage(node, Some(Outage::Cut))
    }

    /// Gives a node that was cut off its network back.
    pub fn mend_node(&self, node: &str) -> bool {
        self.shared.lock().set_outage(node, None)
    }

    /// Shuts a node down in good order: its pods end Succeeded or Failed, then its kubelet stops.
    pub fn shut_down_node(&self, node: &str) -> bool {
        self.shared.lock().shut_down_node(node)
    }

    /// How often each of the chosen lies was told.
    pub fn firings(&self) -> BTreeMap<Fault, u64> {
        self.shared.lock().faults.firings()
    }

    /// How often each of the chosen disturbances of the API struck.
    pub fn api_firings(&self) -> BTreeMap<ApiFault, u64> {
        self.shared.lock().api_faults.firings()
    }
}

impl Connector {
    /// Opens a connection to the API server, in memory. It speaks HTTP/1.1.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let connection = api::serve_connection(self.0.clone(), theirs);
        self.0.lock().spawn(connection);
        ours
    }
}
