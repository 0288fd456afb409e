//! An API server on a loopback port that answers as it is told and remembers who came, and proxies before it.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Pair;

fn listener() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// Where all servers of the tests run.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// One request, as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The client's certificate.
    pub(crate) certificate: Option<Vec<u8>>,
    /// The name that the client asked for in TLS.
    pub(crate) server_name: Option<String>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What a request is answered with; none for never.
pub(crate) type Answer = Arc<dyn Fn(&Seen, &[Seen]) -> Option<(u16, String)> + Send + Sync>;

/// An API server.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// How many connections were made.
    pub(crate) connections: Arc<Mutex<u32>>,
}

/// What an API server with nothing on it says.
pub(crate) fn healthy(seen: &Seen) -> (u16, String) {
    let list = |kind: &str| json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []});
    let path = seen.path.split('?').next().unwrap_or_default();
    let body: Value = match path.rsplit("/prefix").next().unwrap_or(path) {
        "/version" => json!({"major": "1", "minor": "37", "gitVersion": "v1.37.1"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        "/api/v1/namespaces" => list("NamespaceList"),
        "/api/v1/nodes" => list("NodeList"),
        "/api/v1/persistentvolumes" => list("PersistentVolumeList"),
        "/apis/storage.k8s.io/v1/storageclasses" => json!({
            "kind": "StorageClassList", "apiVersion": "storage.k8s.io/v1", "metadata": {"resourceVersion": "1"}, "items": []
        }),
        "/apis/discovery.k8s.io" => json!({
            "kind": "APIGroup", "apiVersion": "v1", "preferredVersion": {"groupVersion": "discovery.k8s.io/v1", "version": "v1"}
        }),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => json!({
            "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": {"allowed": true}
        }),
        _ => return (404, status(404, "the server could not find the requested resource")),
    };
    (200, body.to_string())
}

/// A refusal.
pub(crate) fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
        .to_string()
}

/// Lets in whoever shows that token, or any certificate.
pub(crate) fn wants(token: &str) -> Answer {
    let expected = format!("Bearer {token}");
    Arc::new(move |seen, _| {
        let is_in = seen.certificate.is_some() || seen.header("authorization") == Some(&expected);
        Some(if is_in { healthy(seen) } else { (401, status(401, "Unauthorized")) })
    })
}

/// Lets in anybody.
pub(crate) fn open() -> Answer {
    Arc::new(|seen, _| Some(healthy(seen)))
}

/// Takes the request and never answers.
pub(crate) fn mute() -> Answer {
    Arc::new(|_, _| None)
}

impl Api {
    /// Starts one, with TLS if it has a certificate.
    pub(crate) fn start(pair: Option<&Pair>, answer: Answer) -> Self {
        Self::begin(pair, answer, true)
    }

    /// One that ends each connection after one answer.
    pub(crate) fn hasty(pair: &Pair, answer: Answer) -> Self {
        Self::begin(Some(pair), answer, false)
    }

    fn begin(pair: Option<&Pair>, answer: Answer, keeps: bool) -> Self {
        let tls = pair.map(acceptor);
        let listener = listener();
        let api = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (api.seen.clone(), api.connections.clone());
        RUNTIME.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(connection(stream, tls.clone(), seen.clone(), answer.clone(), keeps));
            }
        });
        api
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn acceptor(pair: &Pair) -> TlsAcceptor {
    let chain =
        CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyClient(provider)))
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Answer,
    keeps: bool,
) {
    match tls {
        None => serve(stream, None, None, seen, answer, keeps).await,
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            let session = stream.get_ref().1;
            let certificate = session.peer_certificates().and_then(|all| all.first()).map(|der| der.to_vec());
            let name = session.server_name().map(str::to_owned);
            serve(stream, certificate, name, seen, answer, keeps).await;
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    certificate: Option<Vec<u8>>,
    server_name: Option<String>,
    all: Arc<Mutex<Vec<Seen>>>,
    answer: Answer,
    keeps: bool,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let headers = request.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let seen = Seen {
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: headers.collect(),
            certificate: certificate.clone(),
            server_name: server_name.clone(),
        };
        let (all, answer) = (all.clone(), answer.clone());
        async move {
            let _ = request.into_body().collect().await;
            let before = all.lock().unwrap().clone();
            all.lock().unwrap().push(seen.clone());
            let Some((code, body)) = answer(&seen, &before) else { return std::future::pending().await };
            let response = Response::builder().status(code).header("content-type", "application/json");
            Ok::<_, std::convert::Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .keep_alive(keeps)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Takes any client's certificate, and of those that rustls can read also the proof that the client has its key.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        proved(verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        proved(verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        ))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The signature, or that the certificate is of version 1, which rustls does not read.
fn proved(
    outcome: Result<HandshakeSignatureValid, rustls::Error>,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    match outcome {
        Err(rustls::Error::InvalidCertificate(error))
            if format!("{error:?}").contains("UnsupportedCertVersion") =>
        {
            Ok(HandshakeSignatureValid::assertion())
        }
        other => other,
    }
}

type Log = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A proxy, and whom it let through to where.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// The first line of each request, or `socks5 HOST:PORT`, and what came as credentials.
    pub(crate) seen: Log,
}

impl Proxy {
    fn listen<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream, Log) -> F + Send + 'static,
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = listener();
        let proxy = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = proxy.seen.clone();
        RUNTIME.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
        proxy
    }

    /// One that speaks HTTP. Wherever a request is to go, it goes to that port of the loopback address. With a login it
    /// refuses whoever does not show it; with a certificate it speaks TLS itself.
    pub(crate) fn http(to: u16, login: Option<&'static str>, pair: Option<&Pair>) -> Self {
        let tls = pair.map(acceptor);
        Self::listen(move |stream, seen| {
            let tls = tls.clone();
            async move {
                match tls {
                    None => http_proxy(stream, to, login, seen).await,
                    Some(tls) => http_proxy(tls.accept(stream).await?, to, login, seen).await,
                }
            }
        })
    }

    /// One that speaks SOCKS version 5, with or without a user and a password (RFC 1928, RFC 1929).
    pub(crate) fn socks5(to: u16, login: Option<(&'static str, &'static str)>) -> Self {
        Self::listen(move |stream, seen| socks_proxy(stream, to, login, seen))
    }

    pub(crate) fn seen(&self) -> Vec<(String, Option<String>)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn http_proxy(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    to: u16,
    login: Option<&str>,
    seen: Log,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let first = text.lines().next().unwrap_or_default().to_owned();
    let shown = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    seen.lock().unwrap().push((first.clone(), shown.clone()));
    if login.is_some_and(|login| {
        shown.as_deref() != Some(&format!("Basic {}", crate::certificates::base64(login)))
    }) {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(refusal).await;
    }
    let mut onward = TcpStream::connect(("127.0.0.1", to)).await?;
    if first.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        onward.write_all(&head).await?;
    }
    copy_bidirectional(&mut stream, &mut onward).await?;
    Ok(())
}

async fn socks_proxy(
    mut stream: TcpStream,
    to: u16,
    login: Option<(&str, &str)>,
    seen: Log,
) -> std::io::Result<()> {
    stream.read_u8().await?;
    let count = stream.read_u8().await?;
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    let mut shown = None;
    if login.is_some() {
        stream.write_all(&[5, 2]).await?;
        stream.read_u8().await?;
        let (user, password) = (string(&mut stream).await?, string(&mut stream).await?);
        let right = login == Some((&user, &password));
        shown = Some(format!("{user}:{password}"));
        stream.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(());
        }
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        3 => string(&mut stream).await?,
        _ => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
    };
    let port = stream.read_u16().await?;
    seen.lock().unwrap().push((format!("socks5 {host}:{port}"), shown));
    let mut onward = TcpStream::connect(("127.0.0.1", to)).await?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    copy_bidirectional(&mut stream, &mut onward).await?;
    Ok(())
}

async fn string(stream: &mut TcpStream) -> std::io::Result<String> {
    let length = stream.read_u8().await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
