//! Raw requests: an HTTP status and a JSON body, whatever the server's version knows of the object. A body that is not what
//! the request asks for is no answer ([`answer`]).

use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, List};
use crate::{limits, secret};

/// What the API server answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub code: u16,
    /// The body: of a granted request an object of the API that fits the request; of a refused one whatever came, with its
    /// text as `message` where that is not JSON.
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

/// A request to which no answer came, or none that can be believed.
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

/// Why something was not read.
#[derive(Debug, Clone)]
pub enum NotRead {
    /// No answer came, or none that can be believed.
    Unanswered(Unanswered),
    /// The server refused, or does not have it.
    Refused(Box<Reply>),
}

impl NotRead {
    /// Whether the server says that there is no such thing (404). Nothing else means that.
    pub fn is_absent(&self) -> bool {
        matches!(self, NotRead::Refused(reply) if reply.code == 404)
    }
}

impl From<Unanswered> for NotRead {
    fn from(error: Unanswered) -> Self {
        NotRead::Unanswered(error)
    }
}

impl std::fmt::Display for NotRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotRead::Unanswered(error) => error.fmt(f),
            NotRead::Refused(reply) => {
                write!(f, "the API server answered {}: {}", reply.code, reply.message())
            }
        }
    }
}

impl std::error::Error for NotRead {}

/// The API server, as one client sees it.
#[derive(Clone)]
pub struct Server {
    /// kube's client, for what needs more than a request and its answer.
    pub client: Client,
    /// How long one request may take.
    patience: Duration,
}

impl Server {
    /// The server behind that client.
    pub fn new(client: Client) -> Self {
        Self { client, patience: limits::REQUEST.duration() }
    }

    /// The same, with another bound for one request (`--request-timeout`).
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// No answer, or one with status 2xx whose body is not what the path leads to.
    pub async fn get(&self, path: &str) -> Result<Reply, Unanswered> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a JSON body; for a patch, `content` says of which kind.
    ///
    /// # Errors
    /// As [`Self::get`]. A request that changes something may have been carried out all the same.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Reply, Unanswered> {
        self.send_until(Instant::now() + self.patience, method, path, content).await
    }

    async fn send_until(
        &self,
        deadline: Instant,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Reply, Unanswered> {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if let Some((kind, _)) = content {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let body = content.map(|(_, body)| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(Body::from(body)).map_err(|error| unanswered(&error))?;
        let reply = match timeout_at(deadline, self.exchange(request)).await {
            Ok(reply) => reply?,
            Err(_) => return Err(Unanswered { reason: format!("none within {:?}", self.patience) }),
        };
        if reply.is_ok() {
            answer::check(&method, path, &reply.body).map_err(|reason| Unanswered { reason })?;
        }
        Ok(reply)
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Reply, Unanswered> {
        let response = self.client.send(request).await.map_err(|error| of_kube(&error))?;
        let code = response.status().as_u16();
        let retry_after_secs =
            response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let elsewhere = redirection(&response);
        let bytes = whole(response).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| as_message(code, &bytes, elsewhere));
        Ok(Reply { code, body, retry_after_secs })
    }

    /// Lists the objects of a kind, such as `Pod`, page by page to the end, trying again where a little later may do.
    ///
    /// # Errors
    /// A refusal, no answer, or one that is no such list: none of them says that there is nothing.
    pub async fn list(&self, path: &str, kind: &str) -> Result<List, NotRead> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{joint}limit={PAGE_ITEMS}");
        let mut all = self.page(&first, kind).await?;
        while let Some(next) = all.next.take() {
            let token: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let page = self.page(&format!("{first}&continue={token}"), kind).await?;
            if page.next.as_ref() == Some(&next) {
                return Err(Unanswered {
                    reason: "the list has no end: each page names itself as the next".to_owned(),
                }
                .into());
            }
            all.items.extend(page.items);
            all.next = page.next;
        }
        Ok(all)
    }

    async fn page(&self, path: &str, kind: &str) -> Result<List, NotRead> {
        let reply = granted(self.get_patiently(path).await?)?;
        Ok(answer::list(&reply.body, path, kind).map_err(|reason| Unanswered { reason })?)
    }

    /// Reads one object of a kind, trying again where a little later may do.
    ///
    /// # Errors
    /// As [`Self::list`]; [`NotRead::is_absent`] tells what is not there from what could not be read.
    pub async fn object(&self, path: &str, kind: &str) -> Result<Value, NotRead> {
        let reply = granted(self.get_patiently(path).await?)?;
        answer::object(&reply.body, path, kind).map_err(|reason| Unanswered { reason })?;
        Ok(reply.body)
    }

    /// Reads a path, trying again a few times where a little later may do.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_patiently(&self, path: &str) -> Result<Reply, Unanswered> {
        self.send_patiently(Method::GET, path, None).await
    }

    /// Sends something that may be sent twice, trying again a few times where a little later may do. All attempts together
    /// have the time of one request.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_patiently(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Reply, Unanswered> {
        let deadline = Instant::now() + self.patience;
        let mut waits = [200, 500, 1_000, 2_000].into_iter().map(Duration::from_millis);
        loop {
            let outcome = self.send_until(deadline, method.clone(), path, content).await;
            let again = outcome.as_ref().map_or(true, Reply::is_worth_another_try);
            match waits.next().filter(|wait| again && Instant::now() + *wait < deadline) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome,
            }
        }
    }
}

/// How many objects one page of a list may have: what kubectl and the controllers ask for.
const PAGE_ITEMS: u32 = 500;

fn granted(reply: Reply) -> Result<Reply, NotRead> {
    if reply.is_ok() { Ok(reply) } else { Err(NotRead::Refused(Box::new(reply))) }
}

/// The whole body, if it is not longer than an answer may be.
async fn whole(response: Response<Body>) -> Result<bytes::Bytes, Unanswered> {
    let limit = limits::ANSWER.bytes;
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Unanswered { reason: format!("the answer is longer than {} MiB", limit >> 20) })
        }
        Err(error) => Err(unanswered(error.as_ref())),
    }
}

/// What stands for a body that is no JSON: its beginning as a message, as a Status has one.
fn as_message(code: u16, bytes: &[u8], elsewhere: Option<String>) -> Value {
    let text = answer::beginning(&String::from_utf8_lossy(bytes));
    match (elsewhere, text.as_str()) {
        (Some(elsewhere), _) => json!({"message": format!("HTTP {code}, redirected to {elsewhere}")}),
        (None, "") => json!({"message": format!("HTTP {code}, with nothing in it")}),
        (None, text) => json!({"message": format!("HTTP {code}: {text}")}),
    }
}

/// Where a redirection leads: the host and the path, for what follows may be a credential.
fn redirection(response: &Response<Body>) -> Option<String> {
    let to = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())?;
    let to = secret::masked(to.to_str().ok()?);
    Some(answer::beginning(to.split(['?', '#']).next().unwrap_or_default()))
}

/// An error of kube, without its word for the layer below it, which says the rest itself.
pub(super) fn of_kube(error: &kube::Error) -> Unanswered {
    match error {
        kube::Error::Service(below) => unanswered(below.as_ref()),
        error => unanswered(error),
    }
}

/// The whole chain of an error as one sentence, with credentials masked.
fn unanswered(error: &(dyn std::error::Error + 'static)) -> Unanswered {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = inner.source();
    }
    Unanswered { reason: answer::visible_text(&secret::masked(&reason)) }
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

#[cfg(test)]
mod tests;
