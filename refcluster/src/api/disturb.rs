//! What a client meets when the API server, or something between the two, has a bad day.

use super::request::{Request, Route};
use super::reset;
use super::response::{self, Response};
use crate::api_fault::{ApiFault, ApiFaults};
use crate::status::Status;
use crate::world::Shared;
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::time::sleep;

/// What happens to one request.
pub(super) enum Disturbance {
    None,
    Refused(Status),
    /// It is answered late, and acted on in the middle of the wait.
    Late(Duration),
    Unanswered,
    /// The answer says something else; whether the request is acted on is decided too.
    Garbled {
        acted_on: bool,
        variant: u64,
    },
    /// It is acted on, and the answer is lost.
    Lost {
        with_status: bool,
    },
}

impl Disturbance {
    /// Decides what happens to a request.
    pub(super) fn of(shared: &Shared, request: &Request) -> Self {
        let mut world = shared.lock();
        let faults = &mut world.api_faults;
        if let Some(status) = refusal(faults, request) {
            return Self::Refused(status);
        }
        let Ok(route) = request.route() else { return Self::None };
        left_behind(faults, request, &route)
            .or_else(|| garbled(faults, request))
            .or_else(|| lost(faults, request, &route))
            .unwrap_or(Self::None)
    }

    /// Answers a request, given what the server does with it.
    pub(super) async fn answer(
        self,
        act: impl Future<Output = Result<Response, Status>>,
    ) -> io::Result<Response> {
        let answered = |result: Result<Response, Status>| result.unwrap_or_else(|s| response::error(&s));
        Ok(match self {
            Self::None => answered(act.await),
            Self::Refused(status) => response::error(&status),
            Self::Unanswered => std::future::pending().await,
            Self::Late(lateness) => {
                sleep(lateness / 2).await;
                let answer = answered(act.await);
                sleep(lateness / 2).await;
                answer
            }
            Self::Garbled { acted_on, variant } => {
                if acted_on {
                    drop(act.await);
                }
                garbage(variant)
            }
            Self::Lost { with_status } => {
                drop(act.await);
                if !with_status {
                    return Err(reset());
                }
                let message = "Timeout: request did not complete within the allotted timeout";
                response::error(&Status::new(504, "Timeout", message))
            }
        })
    }
}

fn refusal(faults: &mut ApiFaults, request: &Request) -> Option<Status> {
    if request.upgrade.is_none() && faults.strikes(ApiFault::TooManyRequests, 15) {
        let message = "the server has received too many requests and has asked us to try again later";
        return Some(Status::new(429, "TooManyRequests", message).retry_after(1));
    }
    if faults.strikes(ApiFault::InternalError, 25) {
        let message = "Internal error occurred: etcdserver: leader changed";
        return Some(Status::new(500, "InternalError", message));
    }
    faults.strikes(ApiFault::Unavailable, 25).then(unavailable)
}

fn unavailable() -> Status {
    Status::new(503, "ServiceUnavailable", "the server is currently unable to handle the request")
}

/// What an earlier watch of the same objects left behind for this list or watch.
fn left_behind(faults: &mut ApiFaults, request: &Request, route: &Route) -> Option<Disturbance> {
    let Route::Object(target) = route else { return None };
    if request.method != http::Method::GET || target.name.is_some() {
        return None;
    }
    let scope = (target.kind, target.namespace.clone());
    if !request.flag("watch") {
        let late = faults.meets(ApiFault::SlowRelist, &scope);
        let millis = late.then(|| faults.draw(ApiFault::SlowRelist, 2_000..9_000)).flatten();
        return millis.map(|millis| Disturbance::Late(Duration::from_millis(millis)));
    }
    if faults.meets(ApiFault::ReopeningRefused, &scope) {
        return Some(Disturbance::Refused(unavailable()));
    }
    faults.meets(ApiFault::ReopeningUnanswered, &scope).then_some(Disturbance::Unanswered)
}

fn garbled(faults: &mut ApiFaults, request: &Request) -> Option<Disturbance> {
    let fault = ApiFault::GarbledAnswer;
    let reads = request.method == http::Method::GET;
    let concerned = request.upgrade.is_none() && request.method != http::Method::DELETE;
    if !concerned || !faults.strikes(fault, if reads { 20 } else { 30 }) {
        return None;
    }
    let acted_on = faults.draw(fault, 0..2)? == 0;
    Some(Disturbance::Garbled { acted_on: acted_on && !reads, variant: faults.draw(fault, 0..4)? })
}

fn lost(faults: &mut ApiFaults, request: &Request, route: &Route) -> Option<Disturbance> {
    let fault = ApiFault::LostAnswer;
    let writes = request.method != http::Method::GET && matches!(route, Route::Object(_));
    if !writes || request.upgrade.is_some() || !faults.strikes(fault, 8) {
        return None;
    }
    Some(Disturbance::Lost { with_status: faults.draw(fault, 0..2)? == 0 })
}

/// An answer that no API server gives to what was asked.
fn garbage(variant: u64) -> Response {
    match variant {
        0 => response::html(
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Your session is over.</body></html>",
        ),
        1 => response::json(
            200,
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
        ),
        2 => response::json(
            200,
            &json!({
                "kind": "ResourceQuotaList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [],
            }),
        ),
        _ => response::json(200, &json!({"error": null, "data": []})),
    }
}
