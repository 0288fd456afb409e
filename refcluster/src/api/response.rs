//! Answers, as JSON.

use crate::status::Status;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use std::io;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Response = hyper::Response<Body>;

const TEXT: &str = "text/plain; charset=utf-8";

/// An answer with a JSON body.
pub(super) fn json(code: u16, body: &Value) -> Response {
    bytes(code, "application/json", body.to_string().into_bytes())
}

/// An answer in plain text.
pub(super) fn text(code: u16, body: impl Into<Vec<u8>>) -> Response {
    bytes(code, TEXT, body.into())
}

/// A web page.
pub(super) fn html(body: impl Into<Vec<u8>>) -> Response {
    bytes(200, "text/html; charset=utf-8", body.into())
}

/// The answer to a request that is refused.
pub(super) fn error(status: &Status) -> Response {
    let mut response = json(status.code, &status.body());
    if let Some(secs) = status.retry_after_secs {
        response.headers_mut().insert(http::header::RETRY_AFTER, secs.into());
    }
    response
}

/// An answer that goes on until its stream ends; an error in the stream breaks the connection.
pub(super) fn streaming(parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    build(200, "application/json", stream_body(parts))
}

/// An answer in plain text that goes on until its stream ends.
pub(super) fn text_stream(parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    build(200, TEXT, stream_body(parts))
}

fn stream_body(parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    BodyExt::boxed_unsync(StreamBody::new(parts.map(|part| part.map(Frame::data))))
}

/// The answer that hands the connection over to a WebSocket.
pub(super) fn switching(accept: &str, protocol: &str) -> Response {
    let mut response = build(101, "", empty());
    let headers = response.headers_mut();
    headers.clear();
    let pairs = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept)];
    for (name, value) in pairs.into_iter().chain([("sec-websocket-protocol", protocol)]) {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            headers.insert(http::HeaderName::from_static(name), value);
        }
    }
    response
}

fn bytes(code: u16, content_type: &'static str, body: Vec<u8>) -> Response {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    build(code, content_type, body)
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

fn build(code: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = hyper::Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
