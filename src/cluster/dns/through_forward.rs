//! TCP to one DNS backend pod, through the API server's port-forward.

use std::{future::Future, io, net::SocketAddr, pin::Pin, time::Duration};

use hickory_resolver::net::runtime::{
    RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime, iocompat::AsyncIoTokioAsStd,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::{io::DuplexStream, net::UdpSocket};

use crate::{cluster::Backend, limits};

/// A runtime whose TCP connections go to one pod, whatever address is asked for.
#[derive(Clone)]
pub(super) struct ThroughForward {
    pods: Api<Pod>,
    pod: String,
    handle: TokioHandle,
}

impl ThroughForward {
    pub(super) fn new(client: &Client, backend: &Backend) -> Self {
        let pods = Api::namespaced(client.clone(), &backend.namespace);
        Self { pods, pod: backend.pod.clone(), handle: TokioHandle::default() }
    }
}

pub(super) type Connecting<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

impl RuntimeProvider for ThroughForward {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<DuplexStream>;

    fn create_handle(&self) -> TokioHandle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _bind: Option<SocketAddr>,
        wait: Option<Duration>,
    ) -> Connecting<Self::Tcp> {
        let (pods, pod) = (self.pods.clone(), self.pod.clone());
        let wait = wait.unwrap_or(limits::DNS_ANSWER.duration());
        Box::pin(async move {
            let ports = [server.port()];
            let open = pods.portforward(&pod, &ports);
            let mut forward = tokio::time::timeout(wait, open).await?.map_err(io::Error::other)?;
            let stream = forward.take_stream(server.port());
            Ok(AsyncIoTokioAsStd(stream.ok_or_else(|| io::Error::other("the port-forward gave no stream"))?))
        })
    }

    // Never called: the resolver is configured for TCP alone.
    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Connecting<Self::Udp> {
        TokioRuntimeProvider::default().bind_udp(local, server)
    }
}
