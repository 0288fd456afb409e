//! UDP and TCP as a pod sees them: `nc` in a probe pod, with the raw messages on its standard input and output.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
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
use crate::{cluster::Probe, limits};

/// A runtime whose sockets are `nc` processes in one probe pod.
#[derive(Clone)]
pub(super) struct ThroughExec {
    pods: Api<Pod>,
    pod: String,
    handle: TokioHandle,
    /// The `nc -u` that is kept open between questions.
    socket: Arc<Mutex<Option<Datagrams>>>,
}

impl ThroughExec {
    pub(super) fn new(client: &Client, probe: &Probe) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), &probe.namespace),
            pod: probe.pod.clone(),
            handle: TokioHandle::default(),
            socket: Arc::default(),
        }
    }

    /// The same without any open socket.
    pub(super) fn renewed(&self) -> Self {
        Self { socket: Arc::default(), handle: TokioHandle::default(), ..self.clone() }
    }

    async fn netcat(&self, flag: &[&str], server: SocketAddr) -> io::Result<Netcat> {
        let (address, port) = (server.ip().to_string(), server.port().to_string());
        let command: Vec<&str> =
            ["nc"].iter().chain(flag).copied().chain([address.as_str(), port.as_str()]).collect();
        let params = AttachParams::default().stdin(true).stderr(false).max_stdout_buf_size(MESSAGE_LIMIT);
        let open = self.pods.exec(&self.pod, command, &params);
        let mut process =
            tokio::time::timeout(limits::DNS_ANSWER.duration(), open).await?.map_err(io::Error::other)?;
        let (Some(stdout), Some(stdin)) = (process.stdout(), process.stdin()) else {
            return Err(io::Error::other("the exec gave no streams"));
        };
        Ok(Netcat { streams: tokio::io::join(stdout, stdin), _process: process })
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
        Box::pin(async move { Ok(AsyncIoTokioAsStd(this.netcat(&[], server).await?)) })
    }

    // The resolver asks for a socket for every question. They all get the one that is open, unless it has broken.
    fn bind_udp(&self, _local: SocketAddr, server: SocketAddr) -> Connecting<Self::Udp> {
        let this = self.clone();
        Box::pin(async move {
            let mut kept = this.socket.lock().await;
            if let Some(open) = kept.as_ref().filter(|socket| !socket.is_broken()) {
                return Ok(open.clone());
            }
            let opened = Datagrams::over(this.netcat(&["-u"], server).await?, server);
            *kept = Some(opened.clone());
            Ok(opened)
        })
    }
}

/// The standard streams of an `nc` in a pod, as one connection.
pub(super) struct Netcat {
    streams: Join<ReadHalf<SimplexStream>, WriteHalf<SimplexStream>>,
    // Ends the process when it is dropped.
    _process: AttachedProcess,
}

impl AsyncRead for Netcat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_read(cx, buf)
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
