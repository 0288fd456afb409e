//! The API server: HTTP in, objects out.
//!
//! Follows the API conventions (`kubernetes.io/docs/reference/using-api/api-concepts/`) and the handlers of
//! `k8s.io/apiserver/pkg/endpoints/handlers`.

mod access;
mod discovery;
mod disturb;
mod evict;
mod managed;
mod openapi;
mod patch;
mod protobuf;
mod read;
mod request;
mod response;
mod scale;
mod stream;
mod table;
mod versions;
mod watch;
mod write;

use crate::release::Gate;
use crate::status::Status;
use crate::world::Shared;
use disturb::Disturbance;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use request::{Request, Route, Target};
use response::Response;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// Speaks HTTP/1.1 on one connection until the other side closes it.
pub(crate) async fn serve_connection(
    shared: Shared,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = service_fn(move |request| answer(shared.clone(), request));
    // A connection that breaks is the client's affair: there is nobody to report it to.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn answer(shared: Shared, mut incoming: hyper::Request<Incoming>) -> io::Result<Response> {
    let latency = {
        let mut world = shared.lock();
        world.api_faults.lateness() + world.delay(0..3)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let upgrade =
        incoming.headers().contains_key("sec-websocket-key").then(|| hyper::upgrade::on(&mut incoming));
    let (parts, body) = incoming.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Ok(response::error(&Status::bad_request("the body could not be read")));
    };
    let request = Request::new(parts, body, upgrade);
    Disturbance::of(&shared, &request).answer(route(&shared, request)).await
}

async fn route(shared: &Shared, mut request: Request) -> Result<Response, Status> {
    match request.route()? {
        Route::Document(path) => discovery::document(shared, &path),
        Route::Review(kind) => access::review(shared, &kind, &request),
        Route::Object(target) => object(shared, target, &mut request).await,
    }
}

async fn object(shared: &Shared, target: Target, request: &mut Request) -> Result<Response, Status> {
    if !versions::served(&shared.lock().release, target.kind).contains(&target.version.as_str()) {
        return Err(Status::no_such_path());
    }
    if target.subresource == "resize" && !shared.lock().release.has(Gate::ResizeInPlace) {
        return Err(Status::no_such_path());
    }
    let verb = request.method.as_str().to_owned();
    match (verb.as_str(), target.subresource.as_str()) {
        (_, "exec") => stream::exec(shared, &target, request),
        (_, "portforward") => stream::port_forward(shared, &target, request),
        ("GET", "log") => stream::log(shared, &target, request),
        (_, "scale") => scale::handle(shared, &target, request),
        ("GET", _) if target.name.is_none() && request.flag("watch") => {
            watch::watch(shared, &target, request)
        }
        ("GET", _) if target.name.is_none() => read::list(shared, &target, request),
        ("GET", _) => read::get(shared, &target, request),
        ("POST", "eviction") => evict::evict(shared, &target, request),
        ("POST", "binding") => write::bind(shared, &target, request),
        ("POST", "") if target.name.is_none() => write::create(shared, &target, request),
        ("PUT", "finalize") => write::finalize(shared, &target, request),
        ("PUT", _) if target.name.is_some() => write::update(shared, &target, request),
        ("PATCH", _) if target.name.is_some() => write::patch(shared, &target, request),
        ("DELETE", "") if target.name.is_some() => write::delete(shared, &target, request),
        ("DELETE", "") => write::delete_collection(shared, &target, request),
        _ => Err(Status::method_not_allowed()),
    }
}

/// The error of a body that ends in the middle.
fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection is reset")
}
