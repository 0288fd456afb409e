//! What the API server's answers must look like before anything is concluded from them. Pure.
//!
//! A proxy's login page, an answer to another question or half an object comes with status 200 too. Taken for an answer, a
//! list without `items` says that everything was deleted. So each answer is held to the kind, the version and the shape
//! that its path asks for (API conventions, "Types (Kinds)" and "Lists and Simple kinds").

use http::Method;
use serde_json::Value;

use crate::{history::Resource, secret};

/// A list of objects, whole or one page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The objects, each with a name and a uid.
    pub items: Vec<Value>,
    /// The version that the list is of; never empty.
    pub resource_version: String,
    /// The token for the next page; none where this is the whole list, or its end.
    pub next: Option<String>,
}

/// Reads the body of an answer to `GET path` as a list of objects of that kind, such as `Pod`.
///
/// The error says what came instead. Nothing may be concluded from such an answer, least of all that there is nothing.
pub fn list(body: &Value, path: &str, kind: &str) -> Result<List, String> {
    let place = Place::of(path);
    typed(body, place.api_version.as_deref(), &format!("{kind}List"))?;
    let expected = || format!("expected a {kind}List");
    let items =
        body["items"].as_array().ok_or_else(|| instead(&format!("{} with items", expected()), body))?;
    for item in items {
        named(item).map_err(|lacks| instead(&format!("{} of named objects ({lacks})", expected()), item))?;
        of_kind_or_silent(item, kind)?;
        in_namespace(item, place.namespace.as_deref())?;
    }
    let version = text(&body["metadata"]["resourceVersion"]);
    let version = version.ok_or_else(|| instead(&format!("{} with a resourceVersion", expected()), body))?;
    let next = text(&body["metadata"]["continue"]).map(str::to_owned);
    Ok(List { items: items.clone(), resource_version: version.to_owned(), next })
}

/// The kind of a resource's objects, for [`list()`].
pub fn kind_of(resource: Resource) -> &'static str {
    kind_of_plural(resource.plural()).expect("every resource that is watched is in the table of kinds")
}

/// Holds the body of an answer with status 2xx to what the request asks for.
///
/// # Errors
/// What was expected, and what came instead.
pub fn check(method: &Method, path: &str, body: &Value) -> Result<(), String> {
    let place = Place::of(path);
    match place.what.as_str() {
        "/version" => return has(body, "gitVersion", "expected the server's version"),
        "/api" => return typed(body, None, "APIVersions"),
        "/apis" => return typed(body, None, "APIGroupList"),
        _ => {}
    }
    match (&place.plural, &place.api_version) {
        (None, Some(_)) => typed(body, Some("v1"), "APIResourceList"),
        (None, None) if place.what.starts_with("/apis/") => typed(body, Some("v1"), "APIGroup"),
        (None, None) => any(body),
        (Some(_), _) if is_done(method, body) => Ok(()),
        (Some(plural), _) => of_resource(method, &place, kind_of_plural(plural), path, body),
    }
}

/// A Status that says that it was done: an answer to anything but a read.
fn is_done(method: &Method, body: &Value) -> bool {
    method != Method::GET && body["kind"] == "Status" && body["status"] == "Success"
}

fn of_resource(
    method: &Method,
    place: &Place,
    kind: Option<&str>,
    path: &str,
    body: &Value,
) -> Result<(), String> {
    let Some(kind) = kind else { return any(body) };
    match (place.subresource.as_deref(), &place.name) {
        (Some("scale"), _) => typed(body, None, "Scale").and_then(|()| has_name(body)),
        (Some("status") | None, Some(name)) => object(body, path, kind).and_then(|()| is_called(body, name)),
        (Some(_), _) => any(body),
        (None, None) if method == Method::POST && kind.ends_with("Review") => review(body, place, kind),
        (None, None) if method == Method::POST => object(body, path, kind),
        (None, None) => list(body, path, kind).map(drop),
    }
}

/// Holds a body to one object of that kind, as the path's group and version have it.
///
/// # Errors
/// What was expected, and what came instead.
pub fn object(body: &Value, path: &str, kind: &str) -> Result<(), String> {
    let place = Place::of(path);
    typed(body, place.api_version.as_deref(), kind)?;
    named(body).map_err(|lacks| instead(&format!("expected a {kind} with a {lacks}"), body))?;
    in_namespace(body, place.namespace.as_deref())
}

/// The answer to a question about rights: it says yes or no.
fn review(body: &Value, place: &Place, kind: &str) -> Result<(), String> {
    typed(body, place.api_version.as_deref(), kind)?;
    match body["status"]["allowed"] {
        Value::Bool(_) => Ok(()),
        _ => Err(instead(&format!("expected a {kind} that says whether it is allowed"), body)),
    }
}

fn typed(body: &Value, api_version: Option<&str>, kind: &str) -> Result<(), String> {
    let versioned = api_version.map_or(kind.to_owned(), |version| format!("{kind} of {version}"));
    let right = body["kind"] == kind && api_version.is_none_or(|version| body["apiVersion"] == version);
    if right { Ok(()) } else { Err(instead(&format!("expected {}", article(&versioned)), body)) }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['A', 'E', 'I', 'O', 'U']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// Anything of the API: it says what it is, and is no refusal.
fn any(body: &Value) -> Result<(), String> {
    let refusal = body["kind"] == "Status" && body["status"] == "Failure";
    match text(&body["kind"]).filter(|_| !refusal) {
        Some(_) => Ok(()),
        None => Err(instead("expected an object of the API", body)),
    }
}

fn has(body: &Value, key: &str, expected: &str) -> Result<(), String> {
    text(&body[key]).map(drop).ok_or_else(|| instead(&format!("{expected} ({key})"), body))
}

fn has_name(body: &Value) -> Result<(), String> {
    text(&body["metadata"]["name"]).map(drop).ok_or_else(|| instead("expected an object with a name", body))
}

fn named(object: &Value) -> Result<(), &'static str> {
    let metadata = &object["metadata"];
    text(&metadata["name"]).ok_or("metadata.name")?;
    text(&metadata["uid"]).ok_or("metadata.uid")?;
    Ok(())
}

fn is_called(body: &Value, name: &str) -> Result<(), String> {
    match body["metadata"]["name"] == name {
        true => Ok(()),
        false => Err(instead(&format!("expected the object `{name}`"), body)),
    }
}

/// Items of a list leave their kind out; one that names another is of another list.
fn of_kind_or_silent(item: &Value, kind: &str) -> Result<(), String> {
    match text(&item["kind"]).is_none_or(|said| said == kind) {
        true => Ok(()),
        false => Err(instead(&format!("expected a {kind} in the list"), item)),
    }
}

fn in_namespace(object: &Value, namespace: Option<&str>) -> Result<(), String> {
    let Some(namespace) = namespace else { return Ok(()) };
    match object["metadata"]["namespace"] == namespace {
        true => Ok(()),
        false => Err(instead(&format!("expected an object in the namespace {namespace}"), object)),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn instead(expected: &str, body: &Value) -> String {
    format!("{expected}, got {}", described(body))
}

/// A body in a few words: its kind where it says one, else its beginning.
fn described(body: &Value) -> String {
    let name = text(&body["metadata"]["name"]).map(|name| format!(" `{}`", beginning(name)));
    match (text(&body["kind"]), text(&body["message"])) {
        (Some("Status"), Some(message)) => format!("a Status: {}", beginning(message)),
        (Some(kind), _) => {
            let version = text(&body["apiVersion"]).map(|version| format!(" of {}", beginning(version)));
            format!("{}{}{}", beginning(kind), version.unwrap_or_default(), name.unwrap_or_default())
        }
        (None, _) => beginning(&body.to_string()),
    }
}

/// How much of a foreign text is quoted.
const QUOTED_CHARS: usize = 80;

/// The beginning of a text, with control characters visible and credentials masked.
pub fn beginning(of: &str) -> String {
    let masked = secret::masked(of.trim());
    let mut quoted: String = masked.chars().take(QUOTED_CHARS).map(visible).collect();
    if masked.chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}

/// A line of what a program printed, cut where it is long, with control characters visible.
pub fn beginning_of_line(line: &str) -> String {
    let mut quoted: String = line.trim().chars().take(4 * QUOTED_CHARS).map(visible).collect();
    if line.trim().chars().nth(4 * QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}

/// A text with control characters visible, whatever its length.
pub fn visible_text(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Control characters, and those that change the direction of writing, as escapes.
fn visible(c: char) -> String {
    let is_hidden = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if is_hidden { c.escape_default().to_string() } else { c.to_string() }
}

/// What a path of the API leads to.
struct Place {
    /// The path without its query.
    what: String,
    /// The group and version; none above them.
    api_version: Option<String>,
    namespace: Option<String>,
    plural: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Place {
    fn of(path: &str) -> Self {
        let what = path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let parts: Vec<&str> = what.split('/').skip(1).collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => (Some((*version).to_owned()), rest),
            ["apis", group, version, rest @ ..] => (Some(format!("{group}/{version}")), rest),
            _ => (None, &[][..]),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let part = |at: usize| rest.get(at).map(|part| (*part).to_owned());
        Self {
            api_version,
            namespace,
            plural: part(0),
            name: part(1),
            subresource: part(2),
            what: what.clone(),
        }
    }
}

/// The kinds that the harness asks for.
const KINDS: &[(&str, &str)] = &[
    ("controllerrevisions", "ControllerRevision"),
    ("configmaps", "ConfigMap"),
    ("endpoints", "Endpoints"),
    ("endpointslices", "EndpointSlice"),
    ("events", "Event"),
    ("leases", "Lease"),
    ("namespaces", "Namespace"),
    ("nodes", "Node"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("persistentvolumes", "PersistentVolume"),
    ("poddisruptionbudgets", "PodDisruptionBudget"),
    ("pods", "Pod"),
    ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("serviceaccounts", "ServiceAccount"),
    ("services", "Service"),
    ("statefulsets", "StatefulSet"),
    ("storageclasses", "StorageClass"),
];

fn kind_of_plural(plural: &str) -> Option<&'static str> {
    KINDS.iter().find(|(known, _)| *known == plural).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests;
