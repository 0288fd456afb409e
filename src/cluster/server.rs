//! Raw requests: an HTTP status and a JSON body, whatever the server's version knows of the object.

use std::time::Duration;

use http::{Method, Request};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use crate::limits;

/// What the API server answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub code: u16,
    /// The body as JSON; null when it was none.
    pub body: Value,
    /// The `Retry-After` header, in seconds.
    pub retry_after_secs: Option<u64>,
}

impl Reply {
    /// Whether the request was granted.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The server's words, from a Status object.
    pub fn message(&self) -> String {
        match self.body["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("HTTP {}", self.code),
        }
    }

    /// Whether the same request may succeed a little later: 429 and the server's own troubles.
    pub fn is_worth_another_try(&self) -> bool {
        matches!(self.code, 429 | 500 | 502 | 503 | 504) && !self.lacks_defaults_for_apply()
    }

    /// Whether an old server refuses to apply what it would accept in a plain create: before Kubernetes 1.21 server-side
    /// apply knew no defaults of the keys of lists, such as a port's protocol (structured-merge-diff, `omits key field`).
    pub fn lacks_defaults_for_apply(&self) -> bool {
        self.code == 500 && self.message().contains("omits key field")
    }
}

/// A request to which no answer came.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// What went wrong, for a person to read.
    pub reason: String,
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no answer from the API server: {}", self.reason)
    }
}

impl std::error::Error for Unanswered {}

/// The API server, as one client sees it.
#[derive(Clone)]
pub struct Server {
    /// kube's client, for what needs more than a request and its answer.
    pub client: Client,
}

impl Server {
    /// The server behind that client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a path.
    pub async fn get(&self, path: &str) -> Result<Reply, Unanswered> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a JSON body; for a patch, `content` says of which kind.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Reply, Unanswered> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((kind, _)) = content {
            request = request.header(http::header::CONTENT_TYPE, kind);
        }
        let body = content.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(Body::from(body)).map_err(|error| unanswered(&error))?;
        match tokio::time::timeout(limits::REQUEST.duration(), self.exchange(request)).await {
            Ok(reply) => reply,
            Err(_) => Err(Unanswered { reason: format!("none within {:?}", limits::REQUEST.duration()) }),
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Reply, Unanswered> {
        let response = self.client.send(request).await.map_err(|error| unanswered(&error))?;
        let code = response.status().as_u16();
        let retry_after_secs =
            response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let bytes = response.into_body().collect_bytes().await.map_err(|error| unanswered(&error))?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!({"message": String::from_utf8_lossy(&bytes).trim()}));
        Ok(Reply { code, body, retry_after_secs })
    }

    /// Reads a path, trying again a few times where a little later may do.
    pub async fn get_patiently(&self, path: &str) -> Result<Reply, Unanswered> {
        self.send_patiently(Method::GET, path, None).await
    }

    /// Sends something that may be sent twice, trying again a few times where a little later may do.
    pub async fn send_patiently(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Reply, Unanswered> {
        let mut waits = [200, 500, 1_000, 2_000].into_iter();
        loop {
            let outcome = self.send(method.clone(), path, content).await;
            let again = outcome.as_ref().map_or(true, Reply::is_worth_another_try);
            match waits.next().filter(|_| again) {
                Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                None => return outcome,
            }
        }
    }
}

fn unanswered(error: &dyn std::error::Error) -> Unanswered {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = inner.source();
    }
    Unanswered { reason }
}

/// Where objects live in the API.
pub mod path {
    use serde_json::Value;

    /// The prefix of a group version: `/api/v1` or `/apis/<group>/<version>`.
    pub fn group_version(api_version: &str) -> String {
        if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
    }

    /// The collection of a kind in a namespace.
    pub fn collection(api_version: &str, namespace: &str, plural: &str) -> String {
        format!("{}/namespaces/{namespace}/{plural}", group_version(api_version))
    }

    /// One object in a namespace.
    pub fn object(api_version: &str, namespace: &str, plural: &str, name: &str) -> String {
        format!("{}/{name}", collection(api_version, namespace, plural))
    }

    /// The plural name of an object's kind, for the kinds that manifests hold.
    pub fn plural(kind: &str) -> String {
        format!("{}s", kind.to_lowercase())
    }

    /// The path of a manifest's object: in the namespace, or at the top for what has none.
    pub fn of(object: &Value, namespace: &str) -> String {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match kind {
            "PersistentVolume" | "StorageClass" | "Namespace" => {
                format!("{}/{}/{name}", group_version(version), plural(kind).replace("classs", "classes"))
            }
            _ => self::object(version, namespace, &plural(kind), name),
        }
    }
}
