//! Port-forward: two channels for each port, one with its bytes and one with its error; each begins with the
//! port's number in two bytes.
//!
//! Follows `k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go`.

use super::{broken, goodbye, negotiate, on_channel, running_pod, silence, socket};
use crate::api::request::{Request, Target};
use crate::api::response::{self, Response};
use crate::json::text;
use crate::net::{self, Unreachable};
use crate::status::Status;
use crate::world::Shared;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::Message;

pub(in crate::api) fn port_forward(
    shared: &Shared,
    target: &Target,
    request: &mut Request,
) -> Result<Response, Status> {
    let (accept, protocol) =
        negotiate(request, &["v5.channel.k8s.io", "v4.channel.k8s.io", "portforward.k8s.io"])?;
    let ports: Vec<u16> = request
        .parameters("ports")
        .flat_map(|ports| ports.split(','))
        .filter_map(|port| port.parse().ok())
        .collect();
    if ports.is_empty() {
        return Err(Status::bad_request("query parameter \"ports\" is required"));
    }
    let world = shared.lock();
    let pod = running_pod(&world, target)?;
    let (node, address) = (text(&pod, "/spec/nodeName").to_owned(), text(&pod, "/status/podIP").to_owned());
    let upgrade = request.upgrade.take().ok_or_else(|| Status::bad_request("Upgrade request required"))?;
    let own = shared.clone();
    world.spawn(async move {
        if let Some(socket) = socket(upgrade).await {
            forward(&own, socket, &node, &address, &ports).await;
        }
    });
    Ok(response::switching(&accept, protocol))
}

async fn forward(shared: &Shared, socket: super::Socket, node: &str, address: &str, ports: &[u16]) {
    let (mut sink, mut source) = socket.split();
    let (to_client, mut outgoing) = mpsc::unbounded_channel::<Message>();
    let mut inputs = BTreeMap::new();
    for (index, port) in ports.iter().enumerate() {
        let (data, error) = (2 * index as u8, 2 * index as u8 + 1);
        let prelude = port.to_le_bytes();
        // The receiver lives as long as this function.
        let _ = to_client.send(on_channel(data, &prelude));
        let _ = to_client.send(on_channel(error, &prelude));
        let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
        inputs.insert(data, sender);
        let task = carry(shared.clone(), address.to_owned(), *port, data, receiver, to_client.clone());
        shared.lock().spawn(task);
    }
    drop(to_client);
    let cut = broken(shared, node);
    tokio::pin!(cut);
    loop {
        tokio::select! {
            biased;
            outage = &mut cut => return silence(shared, node, outage).await,
            message = outgoing.recv() => match message {
                Some(message) => if sink.send(message).await.is_err() { return },
                None => break,
            },
            message = source.next() => match message {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => {
                    if let Some(sender) = inputs.get(&bytes[0]) {
                        // A connection that is over takes nothing more.
                        let _ = sender.send(bytes.slice(1..));
                    }
                }
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = sink.send(goodbye()).await;
    let _ = sink.close().await;
}

/// One connection inside the pod.
async fn carry(
    shared: Shared,
    address: String,
    port: u16,
    channel: u8,
    mut input: mpsc::UnboundedReceiver<Bytes>,
    to_client: mpsc::UnboundedSender<Message>,
) {
    let mut stream = match net::connect(&shared, &[], &address, port) {
        Ok(stream) => stream,
        Err(why) => {
            let why = if why == Unreachable::Refused { "connection refused" } else { "no route to host" };
            let text = format!("error forwarding port {port} to pod: {why}");
            let _ = to_client.send(on_channel(channel + 1, text.as_bytes()));
            return;
        }
    };
    let mut piece = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            biased;
            received = stream.read(&mut piece) => match received {
                Ok(length) if length > 0 => if to_client.send(on_channel(channel, &piece[..length])).is_err() { return },
                _ => return,
            },
            sent = input.recv() => match sent {
                Some(bytes) => if stream.write_all(&bytes).await.is_err() { return },
                None => return,
            },
        }
    }
}
