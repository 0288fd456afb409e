//! Requests that change something: each is in the record before it is on the wire, and so is every failure of it.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::{Done, Driver, Stop};
use crate::{
    cluster::Reply,
    history::{ApiErrorSeen, Observation, Observer, Requested, Span, Step, Verb},
    limits,
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
            let request = self.recorder.step(Step::Requested(requested.clone().into()));
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
                    let message = (!reply.is_ok()).then(|| reply.message());
                    let answered = Step::Answered { request, code: reply.code, message };
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
    matches!(verb, Verb::Apply | Verb::Scale | Verb::Patch | Verb::Delete)
}
