//! Requests on their way to the server: whose they are, through which proxy, over which streams. It stands in for the part of
//! kube's client that does this, for kube differs from kubectl in proxies, certificates and credentials; kube's requests,
//! watches and upgrades go over it as over their own.

mod certificate;
mod connector;
mod guard;
mod identity;
mod login;
mod plugin;
mod proxy;
mod tls;

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use anyhow::Result;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{client::legacy, rt::TokioExecutor};
use kube::{Client, client::Body};
use rustls::sign::CertifiedKey;
use tower::Service;

use self::{
    connector::{Connector, NoStream, find, proxy_login},
    guard::Guarded,
    identity::{Renewal, Shown},
    login::{Current, Login},
};
use super::{
    access::Access,
    answer::{beginning, visible_text},
    kubeconfig::Unusable,
    waiting::Waiting,
};
use crate::secret::Secret;

pub(super) use proxy::Proxy;

/// A way to one server, from which clients are made. They share its streams and its credentials.
#[derive(Clone)]
pub(super) struct Transport(Arc<Shared>);

struct Shared {
    http: Mutex<legacy::Client<Connector, Body>>,
    connector: Connector,
    login: Login,
    shown: Arc<Shown>,
    /// What the plugin's certificate was when the streams were opened.
    identity: Mutex<Option<Arc<CertifiedKey>>>,
    base: Base,
    impersonation: Vec<(HeaderName, HeaderValue)>,
    /// What a proxy wants that reads the requests itself.
    proxy_login: Option<HeaderValue>,
    proxy_secrets: Vec<Secret>,
}

/// What comes before the path of each request.
struct Base {
    scheme: String,
    authority: String,
    path: String,
}

impl Transport {
    /// A way as it was found out. Nothing is sent yet.
    pub(super) fn new(access: Access, waiting: Waiting) -> Result<Self, Unusable> {
        let provider = tls::provider();
        let shown = Arc::new(Shown::default());
        if let Some(identity) = &access.identity {
            shown.set(Some(identity::of_kubeconfig(identity, &provider)?));
        }
        let server_name = server_name(&access)?;
        let renewal = access.identity.map(|identity| Renewal {
            identity,
            shown: shown.clone(),
            provider: provider.clone(),
        });
        let renewal = renewal.map(Arc::new);
        let connector = Connector {
            tls: Arc::new(tls::config(&access.trust, shown.clone(), provider.clone())?),
            server_name,
            trusted: access
                .trust
                .authorities
                .as_ref()
                .map_or("this system".to_owned(), |(_, place)| place.clone()),
            tcp: Connector::tcp(),
            renewal,
            proxy: access.proxy.clone(),
        };
        let url = &access.server;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let base = Base {
            scheme: url.scheme().to_owned(),
            authority: format!("{host}{port}"),
            path: url.path().trim_end_matches('/').to_owned(),
        };
        let is_read_by_proxy = url.scheme() == "http";
        let proxy = access.proxy.as_ref();
        Ok(Self(Arc::new(Shared {
            http: Mutex::new(client(&connector)),
            login: Login::new(access.login, provider, waiting),
            identity: Mutex::default(),
            impersonation: access.impersonation,
            proxy_login: proxy.filter(|_| is_read_by_proxy).and_then(proxy_login),
            proxy_secrets: proxy
                .and_then(|proxy| proxy.login.clone())
                .map(|(_, password)| password)
                .into_iter()
                .collect(),
            connector,
            shown,
            base,
        })))
    }

    /// Gets the credentials, which may take a person's while: a plugin may ask them to log in.
    pub(super) async fn log_in(&self) -> Result<()> {
        let current = self.0.login.current().await?;
        self.0.show(&current);
        Ok(())
    }

    /// Opens a stream to the server, to see whether that can be done. What hinders it is told in one sentence.
    pub(super) async fn knock(&self) -> Result<(), String> {
        let to = self.0.base.uri(&Uri::from_static("/")).map_err(|error| error.to_string())?;
        self.0.connector.clone().call(to).await.map(drop).map_err(|NoStream(said)| said)
    }

    /// kube's client over this way. Each request names its purpose.
    pub(super) fn client(&self, user_agent: &str) -> Result<Client> {
        let user_agent = HeaderValue::from_str(user_agent)?;
        Ok(Client::new(Requests { shared: self.0.clone(), user_agent }, "default"))
    }
}

fn client(connector: &Connector) -> legacy::Client<Connector, Body> {
    legacy::Client::builder(TokioExecutor::new()).build(connector.clone())
}

fn server_name(access: &Access) -> Result<Option<rustls::pki_types::ServerName<'static>>, Unusable> {
    let Some(name) = &access.trust.server_name else { return Ok(None) };
    let wrong = || {
        Unusable::new(
            "tls-server-name",
            format!("`{name}` is no name that a certificate can be for"),
            "name a host",
        )
    };
    tls::name(name).map(Some).ok_or_else(wrong)
}

/// Requests for one purpose.
#[derive(Clone)]
struct Requests {
    shared: Arc<Shared>,
    user_agent: HeaderValue,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Request<Body>> for Requests {
    type Response = Response<Guarded>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Guarded>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        request.headers_mut().insert(header::USER_AGENT, self.user_agent.clone());
        async move { shared.send(request).await }.boxed()
    }
}

impl Shared {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Guarded>, BoxError> {
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch="));
        *request.uri_mut() = self.base.uri(request.uri())?;
        let headers = request.headers_mut();
        for (name, value) in &self.impersonation {
            headers.append(name, value.clone());
        }
        if let Some(login) = &self.proxy_login {
            headers.insert(header::PROXY_AUTHORIZATION, login.clone());
        }
        let current = self.login.current().await?;
        let again = cloned(&request);
        let response = self.exchange(request, &current).await?;
        let response = match (response.status(), again) {
            (StatusCode::UNAUTHORIZED, None) => response,
            (StatusCode::UNAUTHORIZED, Some(request)) => {
                match self.login.after_refusal(current.generation).await? {
                    Some(newer) => self.again(request, &newer).await?,
                    None => response,
                }
            }
            _ => {
                self.login.accepted(current.generation);
                response
            }
        };
        let sent = self.login.sent();
        let more = self.proxy_secrets.iter().cloned().chain(self.login.decoded()).collect();
        let response = guard::guarded(response, is_watch, sent, more).await?;
        match is_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            true => Err(not_upgraded(response).await),
            false => Ok(response),
        }
    }

    async fn again(&self, request: Request<Body>, newer: &Current) -> Result<Response<Incoming>, BoxError> {
        let response = self.exchange(request, newer).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            self.login.accepted(newer.generation);
        }
        Ok(response)
    }

    async fn exchange(
        &self,
        mut request: Request<Body>,
        current: &Current,
    ) -> Result<Response<Incoming>, BoxError> {
        if let Some(header) = &current.header {
            request.headers_mut().insert(header::AUTHORIZATION, header.clone());
        }
        self.show(current);
        let http = self.http.lock().expect("no holder panics").clone();
        http.request(request).await.map_err(|error| told(&error))
    }

    /// Shows the newest certificate that a plugin gave. Streams that were opened with another are left to those who use them.
    fn show(&self, current: &Current) {
        let mut before = self.identity.lock().expect("no holder panics");
        let same = match (before.as_ref(), current.identity.as_ref()) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.shown.set(current.identity.clone());
            before.clone_from(&current.identity);
            *self.http.lock().expect("no holder panics") = client(&self.connector);
        }
    }
}

/// Why the server, or a proxy before it, does not open a stream for exec or a port: its own sentence, which kube drops.
async fn not_upgraded(response: Response<Guarded>) -> BoxError {
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let said = said["message"].as_str().map_or_else(|| beginning(&text), visible_text);
    format!("the server answered {code} and opened no stream: {said}").into()
}

/// What hinders a request, in one sentence.
fn told(error: &legacy::Error) -> BoxError {
    match find::<NoStream>(error) {
        Some(NoStream(said)) => said.clone().into(),
        None => chain(error).into(),
    }
}

/// An error with its causes, without hyper's words for the layer.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut at = error.source();
    while let Some(error) = at {
        said.push(error.to_string());
        at = error.source();
    }
    said.dedup();
    if said.is_empty() { error.to_string() } else { said.join(": ") }
}

/// The request once more, if its body allows it.
fn cloned(request: &Request<Body>) -> Option<Request<Body>> {
    let mut again = Request::new(request.body().try_clone()?);
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

impl Base {
    fn uri(&self, of: &Uri) -> Result<Uri, BoxError> {
        let path = of.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(format!("{}://{}{}{path}", self.scheme, self.authority, self.path).parse()?)
    }
}
