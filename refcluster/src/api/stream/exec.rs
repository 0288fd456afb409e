//! Exec: a command in a container, its streams on numbered channels.
//!
//! Follows `k8s.io/apimachinery/pkg/util/remotecommand/constants.go`: 0 standard input, 1 output, 2 errors, 3 the
//! outcome as a `Status`, 255 (with version 5) the end of another channel.

use super::{Socket, broken, goodbye, negotiate, on_channel, running_pod, silence, socket};
use crate::api::request::{Request, Target};
use crate::api::response::{self, Response};
use crate::json::text;
use crate::kubelet::Container;
use crate::shell;
use crate::shell::io::{Input, Io, Output};
use crate::status::Status;
use crate::world::Shared;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::Message;

/// How long the way through kubelet and runtime takes before the command runs, in milliseconds.
const START_MILLIS: std::ops::Range<u64> = 30..120;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

pub(in crate::api) fn exec(
    shared: &Shared,
    target: &Target,
    request: &mut Request,
) -> Result<Response, Status> {
    let (accept, protocol) = negotiate(request, &["v5.channel.k8s.io", "v4.channel.k8s.io"])?;
    let command: Vec<String> = request.parameters("command").map(str::to_owned).collect();
    let world = shared.lock();
    let pod = running_pod(&world, target)?;
    let node = text(&pod, "/spec/nodeName").to_owned();
    let name = request.parameter("container");
    let container = world
        .kubelets
        .container(&pod, name)
        .ok_or_else(|| Status::new(500, "InternalError", format!("container not found ({name:?})")))?;
    let upgrade = request.upgrade.take().ok_or_else(|| Status::bad_request("Upgrade request required"))?;
    let with_input = request.flag("stdin");
    let shared = shared.clone();
    world.spawn(async move {
        if let Some(socket) = socket(upgrade).await {
            converse(&shared, socket, &node, container, command, with_input).await;
        }
    });
    Ok(response::switching(&accept, protocol))
}

/// Carries bytes between the client and the command until the command has ended.
async fn converse(
    shared: &Shared,
    socket: Socket,
    node: &str,
    container: Arc<Container>,
    command: Vec<String>,
    with_input: bool,
) {
    let (mut sink, mut source) = socket.split();
    let (input_sender, input) = Input::pipe();
    let mut input_sender = Some(input_sender);
    let (output_sender, mut output) = mpsc::unbounded_channel::<Bytes>();
    let (errors_sender, mut errors) = mpsc::unbounded_channel::<Bytes>();
    let io = Io {
        input: if with_input { input } else { Input::Empty },
        output: Output::Stream(output_sender),
        errors: Output::Stream(errors_sender),
    };
    let start = shared.lock().delay(START_MILLIS);
    tokio::time::sleep(start).await;
    let words = command.clone();
    let mut running = Box::pin(shell::run(container, command, io));
    let cut = broken(shared, node);
    tokio::pin!(cut);
    let code = loop {
        tokio::select! {
            biased;
            outage = &mut cut => return silence(shared, node, outage).await,
            Some(bytes) = output.recv() => if sink.send(on_channel(STDOUT, &bytes)).await.is_err() { return },
            Some(bytes) = errors.recv() => if sink.send(on_channel(STDERR, &bytes)).await.is_err() { return },
            message = source.next() => match message {
                Some(Ok(message)) => take_input(message, &mut input_sender),
                // The client has gone: so does the command.
                _ => return,
            },
            code = &mut running => break code,
        }
    };
    drop(running);
    while let Some(bytes) = output.recv().await {
        let _ = sink.send(on_channel(STDOUT, &bytes)).await;
    }
    while let Some(bytes) = errors.recv().await {
        let _ = sink.send(on_channel(STDERR, &bytes)).await;
    }
    let _ = sink.send(on_channel(STATUS, outcome(code, &words).to_string().as_bytes())).await;
    let _ = sink.send(goodbye()).await;
    let _ = sink.close().await;
}

fn take_input(message: Message, sender: &mut Option<mpsc::UnboundedSender<Bytes>>) {
    let Message::Binary(bytes) = message else { return };
    match bytes.first() {
        Some(&STDIN) if bytes.len() > 1 => {
            if let Some(sender) = sender {
                // A command that has stopped reading reads no more.
                let _ = sender.send(bytes.slice(1..));
            }
        }
        Some(&CLOSE) if bytes.get(1) == Some(&STDIN) => *sender = None,
        _ => {}
    }
}

fn outcome(code: i32, command: &[String]) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    let name = command.first().map(String::as_str).unwrap_or_default();
    if code == 127 && !matches!(name, "sh" | "/bin/sh" | "bash") {
        let message = format!(
            "error executing command in container: exec: {name:?}: executable file not found in $PATH"
        );
        return json!({"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500});
    }
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
