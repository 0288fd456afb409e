//! Requests that change something: each is in the record before it is on the wire, and so is every failure of it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Done, Driver, Stop};
use crate::{
    cluster::{Reply, path},
    history::{Answered, ApiErrorSeen, Observation, Observer, Requested, Span, Step, Verb, Version},
    limits,
    spec::{Expected, Request},
};

/// How often a request is tried that the server was too busy for.
const ATTEMPTS: u32 = 5;

/// What is sent, beside what the record says of it.
pub(super) struct Sent<'a> {
    /// The HTTP method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The content type of the body.
    pub content: &'a str,
}

/// Server-side apply.
pub(super) const APPLY: &str = "application/apply-patch+yaml";
/// JSON merge patch.
pub(super) const MERGE: &str = "application/merge-patch+json";
/// Plain JSON.
pub(super) const JSON: &str = "application/json";

impl Driver {
    /// Sends a request; a refusal ends the scenario.
    pub(super) async fn request(&self, requested: Requested, sent: Sent<'_>) -> Done<Reply> {
        let shown = format!("{} {}", sent.method, sent.path);
        granted(&shown, self.attempt(requested, sent).await?)
    }

    /// Sends a request, again where the server was too busy, and gives back the answer whatever it is.
    pub(super) async fn attempt(&self, requested: Requested, sent: Sent<'_>) -> Done<Reply> {
        let body = requested.body.clone();
        for attempt in 1.. {
            let request =
                self.recorder.step(Step::Requested(Requested { attempt, ..requested.clone() }.into()));
            let sent_us = self.sending();
            let outcome =
                self.server.send(sent.method.clone(), &sent.path, Some((sent.content, &body))).await;
            let span = Span { from_us: sent_us, until_us: self.recorder.now_us() };
            match outcome {
                Ok(reply) if reply.is_worth_another_try() && attempt < ATTEMPTS => {
                    self.failed(span, &sent, reply.code, &reply.message(), attempt);
                    self.pause(attempt, reply.retry_after_secs).await;
                }
                Ok(reply) => {
                    let answered = answered(request, &requested, &reply);
                    self.recorder.record(Observer::Driver, span, Observation::Step(answered));
                    return Ok(reply);
                }
                Err(error) => {
                    self.failed(span, &sent, 0, &error.reason, attempt);
                    if attempt >= ATTEMPTS || !is_repeatable(requested.verb) {
                        return Err(Stop::cluster(format!("{} {}: {error}", sent.method, sent.path)));
                    }
                    self.pause(attempt, None).await;
                }
            }
        }
        unreachable!("the attempts end with an answer or an error")
    }

    /// Sends whatever a scenario asks for.
    pub(super) async fn send(&self, request: &Request) -> Done {
        if let Some(need) = request.needs.filter(|need| !self.available.has(*need)) {
            return self.skip(&format!("{:?} {}", request.verb, request.target).to_lowercase(), need);
        }
        let namespace = self.namespace_called(request.namespace.as_deref());
        let (requested, sent) = self.formed(request, &namespace)?;
        match request.expect {
            Expected::Granted => self.request(requested, sent).await.map(|_| ()),
            Expected::Any => self.attempt(requested, sent).await.map(|_| ()),
        }
    }

    /// What is recorded of a request and what is sent.
    fn formed(&self, request: &Request, namespace: &str) -> Done<(Requested, Sent<'static>)> {
        let target = Target::parse(&request.target)
            .ok_or_else(|| Stop::environment(format!("`{}` is no target of a request", request.target)))?;
        let name = target.name.map(str::to_owned);
        let uid = name.as_deref().and_then(|name| self.uid_of(target.plural, namespace, name));
        let mut body = request.body.clone();
        if let (Verb::Delete, Some(uid)) = (request.verb, &uid) {
            // No delete without the uid of what is meant.
            body["preconditions"]["uid"] = json!(uid);
        }
        let (method, content) = wire(request.verb);
        let path = target.path(namespace, request.verb, request.dry_run);
        let requested = Requested {
            subresource: target.subresource.map(str::to_owned),
            namespace: Some(namespace.to_owned()),
            uid,
            dry_run: request.dry_run,
            case: request.case.clone(),
            ..Requested::new(request.verb, target.plural, name, body)
        };
        Ok((requested, Sent { method, path, content }))
    }

    fn failed(&self, span: Span, sent: &Sent<'_>, code: u16, reason: &str, attempt: u32) {
        let request = format!("{} {}", sent.method, sent.path);
        let error = ApiErrorSeen { request, code, reason: reason.to_owned(), attempt };
        self.recorder.record(Observer::Driver, span, Observation::ApiError(error));
    }

    async fn pause(&self, attempt: u32, retry_after_secs: Option<u64>) {
        let own = Duration::from_millis(100 << attempt);
        let asked = retry_after_secs.map_or(own, Duration::from_secs);
        tokio::time::sleep(asked.min(limits::RETRY_AFTER.duration())).await;
    }

    /// To be called right before something goes on the wire: notes the reaction to the event that ended the last wait.
    pub(super) fn sending(&self) -> u64 {
        let now_us = self.recorder.now_us();
        let woken = self.woken.lock().expect("no holder panics").take();
        if let Some((to, delivered_us)) = woken {
            self.recorder.step(Step::Reacted { to, reaction_us: now_us.saturating_sub(delivered_us) });
        }
        now_us
    }

    /// Reads a path and records the answer.
    pub(super) async fn read(&self, path: &str) -> Done<Value> {
        let from_us = self.sending();
        let reply = self
            .server
            .get_patiently(path)
            .await
            .map_err(|error| Stop::cluster(format!("GET {path}: {error}")))?;
        let span = Span { from_us, until_us: self.recorder.now_us() };
        let seen =
            crate::history::ReadSeen { path: path.to_owned(), code: reply.code, body: reply.body.clone() };
        self.recorder.record(Observer::Reader, span, Observation::Read(seen));
        Ok(reply.body)
    }
}

/// What a request is of: `<apiVersion> <plural>[/<name>[/<subresource>]]`.
struct Target<'t> {
    api_version: &'t str,
    plural: &'t str,
    name: Option<&'t str>,
    subresource: Option<&'t str>,
}

impl<'t> Target<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (api_version, rest) = text.split_once(' ')?;
        let mut parts = rest.split('/');
        let plural = parts.next().filter(|plural| !plural.is_empty())?;
        Some(Self { api_version, plural, name: parts.next(), subresource: parts.next() })
    }

    fn path(&self, namespace: &str, verb: Verb, dry_run: bool) -> String {
        let collection = path::collection(self.api_version, namespace, self.plural);
        let name = self.name.filter(|_| verb != Verb::Create || self.subresource.is_some());
        let below = name.into_iter().chain(self.subresource);
        let path = below.fold(collection, |path, part| format!("{path}/{part}"));
        let manager = match verb {
            Verb::Apply => "fieldManager=steadfast&force=true",
            Verb::Create | Verb::Patch | Verb::Update => "fieldManager=steadfast",
            Verb::Delete | Verb::DeleteCollection => "",
        };
        let dry_run = if dry_run { "dryRun=All" } else { "" };
        let query: Vec<&str> = [manager, dry_run].into_iter().filter(|part| !part.is_empty()).collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }
}

/// The HTTP method of a verb, and the content type of its body.
fn wire(verb: Verb) -> (Method, &'static str) {
    match verb {
        Verb::Apply => (Method::PATCH, APPLY),
        Verb::Patch => (Method::PATCH, MERGE),
        Verb::Create => (Method::POST, JSON),
        Verb::Update => (Method::PUT, JSON),
        Verb::Delete | Verb::DeleteCollection => (Method::DELETE, JSON),
    }
}

/// What the record keeps of an answer.
fn answered(request: u64, requested: &Requested, reply: &Reply) -> Step {
    let text = |key: &str| reply.body["metadata"][key].as_str().map(str::to_owned);
    let version =
        || Some(Version { name: text("name")?, uid: text("uid")?, revision: text("resourceVersion")? });
    let keeps_body = requested.dry_run || !reply.is_ok();
    Step::Answered(
        Answered {
            request,
            code: reply.code,
            message: (!reply.is_ok()).then(|| reply.message()),
            version: version().filter(|_| reply.is_ok() && !requested.dry_run),
            body: keeps_body.then(|| reply.body.clone()),
        }
        .into(),
    )
}

/// The answer, if it is not a refusal; a refusal ends the scenario.
pub(super) fn granted(shown: &str, reply: Reply) -> Done<Reply> {
    if reply.is_ok() {
        return Ok(reply);
    }
    let reason = format!("{shown} was refused with {}: {}", reply.code, reply.message());
    // What an admission plugin, a quota or missing rights refuse is not the StatefulSet's doing.
    Err(if reply.code == 403 { Stop::environment(reason) } else { Stop::cluster(reason) })
}

/// Whether a request to which no answer came may be sent again: it asks for a state, not for a change.
fn is_repeatable(verb: Verb) -> bool {
    matches!(verb, Verb::Apply | Verb::Patch | Verb::Update | Verb::Delete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_lead_to_paths() {
        let path = |target: &str, verb, dry_run| Target::parse(target).unwrap().path("ns", verb, dry_run);
        assert_eq!(
            path("apps/v1 statefulsets/web/scale", Verb::Patch, false),
            "/apis/apps/v1/namespaces/ns/statefulsets/web/scale?fieldManager=steadfast"
        );
        assert_eq!(
            path("v1 pods/web-0/eviction", Verb::Create, false),
            "/api/v1/namespaces/ns/pods/web-0/eviction?fieldManager=steadfast"
        );
        assert_eq!(
            path("apps/v1 statefulsets/web", Verb::Create, true),
            "/apis/apps/v1/namespaces/ns/statefulsets?fieldManager=steadfast&dryRun=All"
        );
        assert_eq!(path("v1 pods", Verb::DeleteCollection, false), "/api/v1/namespaces/ns/pods");
        assert!(Target::parse("statefulsets/web").is_none());
    }
}
