//! Streams to and from pods: exec and port-forward over WebSockets, and logs.

mod exec;
mod forward;
mod log;

pub(super) use exec::exec;
pub(super) use forward::port_forward;
pub(super) use log::log;

use super::request::{Request, Target};
use crate::api_fault::ApiFault;
use crate::json::text;
use crate::kind::Kind;
use crate::kubelet::Outage;
use crate::status::Status;
use crate::world::{Shared, World};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// A pod that has a node.
fn running_pod(world: &World, target: &Target) -> Result<Arc<Value>, Status> {
    let key = target.key();
    let pod = world.get(&key).ok_or_else(|| Status::not_found(Kind::Pod, &key.name))?;
    let node = text(&pod, "/spec/nodeName");
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", key.name)));
    }
    let why = match world.outage(node) {
        None => return Ok(pod),
        Some(Outage::Stopped) => "connection refused",
        Some(Outage::Cut) => "no route to host",
    };
    let host = text(&pod, "/status/hostIP");
    let message = format!("error dialing backend: dial tcp {host}:10250: connect: {why}");
    Err(Status::new(500, "", message))
}

/// How often it is looked whether a node is still there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why kubectl's port-forward, which speaks SPDY inside of WebSockets, gets nowhere.
const SPEAKS: &str = "the model streams over WebSocket channels, not over SPDY";

/// Agrees on a protocol: the first of the client's that is known here.
fn negotiate(request: &Request, known: &[&'static str]) -> Result<(String, &'static str), Status> {
    let key = request.header("sec-websocket-key");
    if key.is_empty() {
        let why = match request.header("upgrade") {
            "" => "Upgrade request required".to_owned(),
            other => format!("{SPEAKS}, and the client asks for {other}"),
        };
        return Err(Status::bad_request(why));
    }
    let offers = request.header("sec-websocket-protocol");
    let chosen = offers.split(',').find_map(|offer| known.iter().find(|known| **known == offer.trim()));
    match chosen.copied().or_else(|| known.last().copied().filter(|_| offers.is_empty())) {
        Some(chosen) => Ok((derive_accept_key(key.as_bytes()), chosen)),
        None => Err(Status::bad_request(format!("{SPEAKS}, and the client offers {offers} only"))),
    }
}

async fn socket(upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded = upgrade.await.ok()?;
    Some(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await)
}

/// A message on a channel.
fn on_channel(channel: u8, bytes: &[u8]) -> Message {
    let mut message = Vec::with_capacity(bytes.len() + 1);
    message.push(channel);
    message.extend_from_slice(bytes);
    Message::Binary(Bytes::from(message))
}

/// The message that ends a conversation well.
fn goodbye() -> Message {
    let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
    Message::Close(Some(frame))
}

/// Ends when a stream does before its time: when the options say so, or when the kubelet that it goes through has stopped.
///
/// A stream to a node that is cut off ends as soon as it is noticed, and is silent until the node is back.
async fn broken(shared: &Shared, node: &str) -> Option<Outage> {
    let cut = tokio::time::Instant::now() + cut_after(shared).min(Duration::from_secs(86_400));
    while tokio::time::Instant::now() < cut {
        let outage = shared.lock().outage(node);
        if outage.is_some() {
            return outage;
        }
        tokio::time::sleep_until(cut.min(tokio::time::Instant::now() + LOOK_AGAIN)).await;
    }
    None
}

/// What a client is told that a node does not reach: nothing, as long as that is so.
async fn silence(shared: &Shared, node: &str, outage: Option<Outage>) {
    while outage == Some(Outage::Cut) && shared.lock().outage(node).is_some() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// After which time a stream is cut, if the options ask for it.
fn cut_after(shared: &Shared) -> Duration {
    let mut world = shared.lock();
    if !world.api_faults.strikes(ApiFault::StreamCut, 4) {
        return Duration::MAX;
    }
    world.delay(0..40)
}
