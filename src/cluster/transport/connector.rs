//! A stream to the server: over TCP, through a proxy, with TLS. Its errors say with whom what went wrong.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{
        Connected, Connection, HttpConnector,
        proxy::{SocksV5, Tunnel},
    },
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt};

use super::{
    identity::Renewal,
    proxy::{Kind, Proxy},
    tls,
};
use crate::limits;

/// Why there is no stream: one sentence for a person.
#[derive(Debug)]
pub(super) struct NoStream(pub(super) String);

impl std::fmt::Display for NoStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoStream {}

/// Opens streams.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) proxy: Option<Proxy>,
    pub(super) tls: Arc<ClientConfig>,
    /// The name that the server's certificate must be for; without it the host's.
    pub(super) server_name: Option<ServerName<'static>>,
    /// What is said of the authorities where they do not know the server.
    pub(super) trusted: String,
    pub(super) tcp: HttpConnector,
    /// The certificate of the client, to be read again before it is shown again.
    pub(super) renewal: Option<Arc<Renewal>>,
}

impl Connector {
    /// TCP, as it is to be.
    pub(super) fn tcp() -> HttpConnector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // A server that vanished without a word is noticed by the system, also on a watch that only waits.
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        tcp
    }

    async fn open(self, to: Uri) -> Result<Stream, NoStream> {
        let bound = limits::CONNECT.duration();
        let shown = place(&to);
        match tokio::time::timeout(bound, self.stream(to)).await {
            Ok(stream) => stream,
            Err(_) => Err(NoStream(format!("{shown} did not answer within {} s", bound.as_secs()))),
        }
    }

    async fn stream(self, to: Uri) -> Result<Stream, NoStream> {
        let is_tls = to.scheme_str() == Some("https");
        if let Some(renewal) = &self.renewal {
            renewal.renew().await;
        }
        let io: Io = match &self.proxy {
            None => self.dial(to.clone()).await?,
            Some(proxy) if proxy.kind == Kind::Socks5 => self.through_socks(proxy, to.clone()).await?,
            Some(proxy) if is_tls => self.through_tunnel(proxy, to.clone()).await?,
            Some(proxy) => return Ok(Stream { io: self.to_proxy(proxy).await?, is_proxied: true }),
        };
        let io = if is_tls { self.encrypted(io, &to).await? } else { io };
        Ok(Stream { io, is_proxied: false })
    }

    async fn dial(&self, to: Uri) -> Result<Io, NoStream> {
        let mut tcp = self.tcp.clone();
        let shown = place(&to);
        let stream = async { tcp.ready().await?.call(to).await };
        match stream.await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(NoStream(format!("{shown}: {}", root(&error)))),
        }
    }

    /// A stream to the proxy itself, with TLS where it wants that. Its certificate is held to what the server's is.
    async fn to_proxy(&self, proxy: &Proxy) -> Result<Io, NoStream> {
        let failed = |error: NoStream| NoStream(format!("the proxy {}: {error}", proxy.shown()));
        let to = uri(&proxy.host, proxy.port)?;
        let io = self.dial(to.clone()).await.map_err(failed)?;
        match proxy.kind {
            Kind::Https => self.encrypted(io, &to).await.map_err(failed),
            _ => Ok(io),
        }
    }

    async fn through_tunnel(&self, proxy: &Proxy, to: Uri) -> Result<Io, NoStream> {
        let connector = self.clone();
        let via = proxy.clone();
        let dial = tower::service_fn(move |_: Uri| {
            let (connector, via) = (connector.clone(), via.clone());
            async move { connector.to_proxy(&via).await }
        });
        let mut tunnel = Tunnel::new(uri(&proxy.host, proxy.port)?, dial);
        if let Some(login) = proxy_login(proxy) {
            tunnel = tunnel.with_auth(login);
        }
        let shown = place(&to);
        // Without a port the proxy would be asked for that of its own.
        let to = with_port(&to)?;
        tunnel.call(to).await.map_err(|error| refused_by(proxy, &shown, &error))
    }

    async fn through_socks(&self, proxy: &Proxy, to: Uri) -> Result<Io, NoStream> {
        let connector = self.clone();
        let via = proxy.clone();
        let dial = tower::service_fn(move |_: Uri| {
            let (connector, via) = (connector.clone(), via.clone());
            async move { connector.to_proxy(&via).await }
        });
        let mut socks = SocksV5::new(uri(&proxy.host, proxy.port)?, dial).local_dns(false);
        if let Some((user, password)) = &proxy.login {
            socks = socks.with_auth(user.clone(), password.expose().to_owned());
        }
        let shown = place(&to);
        socks.call(with_port(&to)?).await.map_err(|error| refused_by(proxy, &shown, &error))
    }

    async fn encrypted(&self, io: Io, to: &Uri) -> Result<Io, NoStream> {
        let host = to.host().unwrap_or_default();
        let name = self.server_name.clone().or_else(|| tls::name(host));
        let name =
            name.ok_or_else(|| NoStream(format!("`{host}` is no name that a certificate can be for")))?;
        match TlsConnector::from(self.tls.clone()).connect(name, TokioIo::new(io)).await {
            Ok(stream) => Ok(Box::new(TokioIo::new(stream))),
            Err(error) => Err(NoStream(format!("{}: {}", place(to), self.told(&error)))),
        }
    }

    /// What a failed handshake means.
    fn told(&self, error: &io::Error) -> String {
        use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error, InvalidMessage};
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(
                Certificate::UnknownIssuer | Certificate::UnhandledCriticalExtension,
            )) => {
                format!("its certificate is signed by none of the authorities of {}", self.trusted)
            }
            Some(Error::InvalidCertificate(wrong)) => format!("its certificate cannot be believed: {wrong}"),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                "it does not speak TLS; is its address http:// and not https://?".to_owned()
            }
            Some(Error::AlertReceived(
                alert @ (Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::AccessDenied),
            )) => format!("it refuses the client's certificate ({alert:?})"),
            Some(error) => error.to_string(),
            None => root(error),
        }
    }
}

fn refused_by(proxy: &Proxy, to: &str, error: &(dyn std::error::Error + 'static)) -> NoStream {
    match find::<NoStream>(error) {
        Some(NoStream(said)) => NoStream(said.clone()),
        None => NoStream(format!("the proxy {} does not lead to {to}: {}", proxy.shown(), root(error))),
    }
}

/// An error of that type in the chain.
pub(super) fn find<'e, E: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e E> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

/// The innermost cause.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    let text = at.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn place(to: &Uri) -> String {
    let port = to.port_u16().unwrap_or(if to.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", to.host().unwrap_or_default())
}

fn uri(host: &str, port: u16) -> Result<Uri, NoStream> {
    format!("http://{host}:{port}").parse().map_err(|_| NoStream(format!("{host}:{port} is no address")))
}

fn with_port(to: &Uri) -> Result<Uri, NoStream> {
    let scheme = to.scheme_str().unwrap_or("http");
    format!("{scheme}://{}/", place(to)).parse().map_err(|_| NoStream(format!("{} is no address", place(to))))
}

/// What a proxy wants to know of who comes.
pub(super) fn proxy_login(proxy: &Proxy) -> Option<HeaderValue> {
    let (user, password) = proxy.login.as_ref()?;
    let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut header = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = NoStream;
    type Future = BoxFuture<'static, Result<Stream, NoStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoStream>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        self.clone().open(to).boxed()
    }
}

trait ReadWrite: Read + Write + Send + Unpin {}

impl<S: Read + Write + Send + Unpin> ReadWrite for S {}

type Io = Box<dyn ReadWrite>;

/// A stream, and whether a proxy reads the requests on it.
pub(super) struct Stream {
    io: Io,
    is_proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(task, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }
}
