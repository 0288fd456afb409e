//! What a request asks for: path, query, body.

use super::protobuf;
use crate::kind::Kind;
use crate::registry::Part;
use crate::status::Status;
use crate::store::Key;
use bytes::Bytes;
use http::Method;
use hyper::upgrade::OnUpgrade;
use serde_json::Value;

/// A request, read to its end.
pub(super) struct Request {
    pub(super) method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
    body: Bytes,
    pub(super) upgrade: Option<OnUpgrade>,
}

/// Where a path leads.
pub(super) enum Route {
    /// Discovery, version, health.
    Document(String),
    /// A question about one's own rights, by its kind.
    Review(String),
    /// Objects.
    Object(Target),
}

/// The objects, or the object, that a path names.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) version: String,
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) subresource: String,
}

impl Target {
    /// The key of the object; for a collection, that of an object without a name.
    pub(super) fn key(&self) -> Key {
        let namespace = if self.kind.info().namespaced { self.namespace.as_str() } else { "" };
        Key::new(self.kind, namespace, self.name.as_deref().unwrap_or_default())
    }

    /// Group and version as the request names them.
    pub(super) fn api_version(&self) -> String {
        match self.kind.info().group {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    pub(super) fn part(&self) -> Part {
        match self.subresource.as_str() {
            "status" => Part::Status,
            "resize" => Part::Resize,
            _ => Part::Main,
        }
    }
}

impl Request {
    pub(super) fn new(parts: http::request::Parts, body: Bytes, upgrade: Option<OnUpgrade>) -> Self {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self {
            query: query.into_owned().collect(),
            path: parts.uri.path().trim_end_matches('/').to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
            upgrade,
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The first value of a query parameter, or "".
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// All values of a query parameter.
    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), "true" | "1")
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.parameter(name).parse().ok()
    }

    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        match self.parameter("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Status::bad_request(format!("unsupported dryRun value {other:?}"))),
        }
    }

    /// Who writes: the field manager given, or the client's name for itself.
    pub(super) fn manager(&self) -> String {
        match self.parameter("fieldManager") {
            "" => self.header("user-agent").split('/').next().unwrap_or_default().to_owned(),
            given => given.to_owned(),
        }
    }

    /// The object in the body.
    pub(super) fn json(&self) -> Result<Value, Status> {
        let unsupported = |message: &str| Status::new(415, "UnsupportedMediaType", message);
        let content_type = self.header("content-type");
        if content_type.contains("protobuf") {
            return protobuf::decode(&self.body).map_err(|error| unsupported(&error));
        }
        if content_type.contains("cbor") {
            let message = "the body of the request was in an unknown format - accepted media types include: application/json";
            return Err(unsupported(message));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Status::bad_request(format!("the body is not valid JSON: {error}")))
    }

    pub(super) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Resolves the path.
    pub(super) fn route(&self) -> Result<Route, Status> {
        let segments: Vec<_> = self.path.split('/').skip(1).map(decode_segment).collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments[..] {
            ["api", version, ref rest @ ..] if !rest.is_empty() => ("", version, rest),
            ["apis", "authorization.k8s.io", "v1", kind] => return Ok(Route::Review(kind.to_owned())),
            ["apis", group, version, ref rest @ ..] if !rest.is_empty() => (group, version, rest),
            _ => return Ok(Route::Document(self.path.clone())),
        };
        target(group, version, rest).map(Route::Object)
    }
}

fn target(group: &str, version: &str, rest: &[&str]) -> Result<Target, Status> {
    let (namespace, plural, tail) = match rest {
        ["namespaces"] => ("", "namespaces", &rest[1..]),
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", "namespaces", &rest[1..]),
        ["namespaces", namespace, plural, tail @ ..] => (*namespace, *plural, tail),
        [plural, tail @ ..] => ("", *plural, tail),
        [] => return Err(Status::no_such_path()),
    };
    let kind = Kind::called(group, plural).ok_or_else(Status::no_such_path)?;
    let subresource = tail.get(1).copied().unwrap_or_default();
    if !subresource.is_empty() && !kind.info().subresources.contains(&subresource) {
        let message = format!("the model does not serve {plural}/{subresource}");
        return Err(Status::new(404, "NotFound", message));
    }
    let placed = !kind.info().namespaced || !namespace.is_empty() || tail.is_empty();
    if !placed || tail.len() > 2 {
        return Err(Status::no_such_path());
    }
    Ok(Target {
        kind,
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: tail.first().map(|name| (*name).to_owned()),
        subresource: subresource.to_owned(),
    })
}

/// Resolves the `%`-escapes of a path segment, in which `+` stands for itself.
fn decode_segment(segment: &str) -> String {
    let escaped = segment.replace('+', "%2B");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(key, _)| key.into_owned()).unwrap_or_default()
}
