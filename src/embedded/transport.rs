//! kube's client over pipes in memory: what a TCP connection is to a real cluster.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use anyhow::Result;
use http::{Uri, header, header::HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use refcluster::Connector;
use tokio::io::DuplexStream;

/// What stands in a request's URI where a real cluster has its address. Nothing looks it up.
const NOWHERE: &str = "http://embedded";

/// A client whose connections all lead to the model.
pub(super) fn client(connector: Connector, user_agent: &str) -> Result<Client> {
    let mut config = Config::new(NOWHERE.parse()?);
    config.headers.push((header::USER_AGENT, HeaderValue::from_str(user_agent)?));
    let http: legacy::Client<InMemory, Body> =
        legacy::Client::builder(TokioExecutor::new()).build(InMemory(connector));
    let service = tower::ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(config.extra_headers_layer()?)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}

/// Opens pipes.
#[derive(Clone)]
struct InMemory(Connector);

impl tower::Service<Uri> for InMemory {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Ready<io::Result<Pipe>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok(Pipe(TokioIo::new(self.0.connect()))))
    }
}

/// A pipe, as hyper wants a connection to be.
struct Pipe(TokioIo<DuplexStream>);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, buffer)
    }
}

impl Write for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}
