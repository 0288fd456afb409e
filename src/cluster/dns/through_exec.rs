//! UDP and TCP as a pod sees them: `nc` in a probe pod, with the raw messages on its standard input and output.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hickory_resolver::net::runtime::{RuntimeProvider, TokioHandle, TokioTime, iocompat::AsyncIoTokioAsStd};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{AttachParams, AttachedProcess},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Join, ReadBuf, ReadHalf, SimplexStream, WriteHalf},
    sync::Mutex,
};

use super::{datagrams::Datagrams, through_forward::Connecting};
use crate::{cluster::Probe, history::Transport, limits};

/// A runtime whose sockets are `nc` processes in one probe pod.
#[derive(Clone)]
pub(super) struct ThroughExec {
    pods: Api<Pod>,
    pod: String,
    handle: TokioHandle,
    /// The `nc -u` that is kept open between questions.
    socket: Arc<Mutex<Option<Datagrams>>>,
    /// An `nc` that was opened for the next TCP connection.
    prepared: Arc<Mutex<Option<Netcat>>>,
    cut: Arc<AtomicBool>,
}

impl ThroughExec {
    pub(super) fn new(client: &Client, probe: &Probe) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), &probe.namespace),
            pod: probe.pod.clone(),
            handle: TokioHandle::default(),
            socket: Arc::default(),
            prepared: Arc::default(),
            cut: Arc::default(),
        }
    }

    /// The same without any open socket.
    pub(super) fn renewed(&self) -> Self {
        let handle = TokioHandle::default();
        let (socket, prepared, cut) = (Arc::default(), Arc::default(), Arc::default());
        Self { socket, prepared, cut, handle, ..self.clone() }
    }

    /// Opens what the next question needs, so that a slow API server is not taken for a slow DNS.
    pub(super) async fn prepare(&self, transport: Transport, server: SocketAddr) -> io::Result<()> {
        match transport {
            Transport::Udp => self.datagrams(server).await.map(drop),
            Transport::Tcp => {
                let opened = self.netcat(&[], server).await?;
                *self.prepared.lock().await = Some(opened);
                Ok(())
            }
        }
    }

    /// The socket that is open, unless it has broken; else a new one.
    async fn datagrams(&self, server: SocketAddr) -> io::Result<Datagrams> {
        let mut kept = self.socket.lock().await;
        if let Some(open) = kept.as_ref().filter(|socket| !socket.is_broken()) {
            return Ok(open.clone());
        }
        let opened = Datagrams::over(self.netcat(&["-u"], server).await?, server);
        *kept = Some(opened.clone());
        Ok(opened)
    }

    async fn netcat(&self, flag: &[&str], server: SocketAddr) -> io::Result<Netcat> {
        let (address, port) = (server.ip().to_string(), server.port().to_string());
        let command: Vec<&str> =
            ["nc"].iter().chain(flag).copied().chain([address.as_str(), port.as_str()]).collect();
        let params = AttachParams::default().stdin(true).stderr(false).max_stdout_buf_size(MESSAGE_LIMIT);
        let open = self.pods.exec(&self.pod, command, &params);
        let mut process =
            tokio::time::timeout(limits::EXEC.duration(), open).await?.map_err(io::Error::other)?;
        let (Some(stdout), Some(stdin), Some(status)) =
            (process.stdout(), process.stdin(), process.take_status())
        else {
            return Err(io::Error::other("the exec gave no streams"));
        };
        let (closed, cut) = (Arc::new(AtomicBool::new(false)), self.cut.clone());
        let closed_by_us = closed.clone();
        tokio::spawn(async move {
            if status.await.is_none() && !closed_by_us.load(Ordering::Relaxed) {
                cut.store(true, Ordering::Relaxed);
            }
        });
        let streams = tokio::io::join(stdout, stdin);
        Ok(Netcat { streams, has_ended: false, closed, _process: process })
    }

    /// Whether an exec broke: it ended, not by our doing, without telling how its command ended.
    pub(super) fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// The largest DNS message.
const MESSAGE_LIMIT: usize = 64 * 1024;

impl RuntimeProvider for ThroughExec {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Datagrams;
    type Tcp = AsyncIoTokioAsStd<Netcat>;

    fn create_handle(&self) -> TokioHandle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _bind: Option<SocketAddr>,
        _wait: Option<Duration>,
    ) -> Connecting<Self::Tcp> {
        let this = self.clone();
        Box::pin(async move {
            let prepared = this.prepared.lock().await.take();
            let netcat = match prepared {
                Some(netcat) => netcat,
                None => this.netcat(&[], server).await?,
            };
            Ok(AsyncIoTokioAsStd(netcat))
        })
    }

    // The resolver asks for a socket for every question. They all get the one that is open, unless it has broken.
    fn bind_udp(&self, _local: SocketAddr, server: SocketAddr) -> Connecting<Self::Udp> {
        let this = self.clone();
        Box::pin(async move { this.datagrams(server).await })
    }
}

/// The standard streams of an `nc` in a pod, as one connection.
pub(super) struct Netcat {
    streams: Join<ReadHalf<SimplexStream>, WriteHalf<SimplexStream>>,
    has_ended: bool,
    /// Set when we end it and not the other side.
    closed: Arc<AtomicBool>,
    // Ends the process when it is dropped.
    _process: AttachedProcess,
}

impl Drop for Netcat {
    fn drop(&mut self) {
        if !self.has_ended {
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Netcat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.streams).poll_read(cx, buf);
        self.has_ended |= matches!(read, Poll::Ready(_)) && buf.filled().len() == before;
        read
    }
}

impl AsyncWrite for Netcat {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.streams).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_shutdown(cx)
    }
}
