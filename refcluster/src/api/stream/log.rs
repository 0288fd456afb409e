//! Logs: what a container has written, and with `follow` what it goes on to write.
//!
//! Follows `pkg/registry/core/pod/strategy.go` (`LogLocation`) and `PodLogOptions` of `k8s.io/api/core/v1/types.go`, of
//! which only `container`, `follow` and `tailLines` have a meaning here; lines have no times.

use super::running_pod;
use crate::api::request::{Request, Target};
use crate::api::response::{self, Response};
use crate::json::{items, text};
use crate::status::Status;
use crate::world::Shared;
use bytes::Bytes;
use futures::stream;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a log that is followed is looked at.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

pub(in crate::api) fn log(shared: &Shared, target: &Target, request: &Request) -> Result<Response, Status> {
    refuse_unserved(request)?;
    let world = shared.lock();
    let pod = running_pod(&world, target)?;
    let name = container_name(&pod, request.parameter("container"))?;
    let Some(written) = world.kubelets.log(&pod, &name) else {
        let message = format!("container {name:?} in pod {:?} is waiting to start", target.key().name);
        return Err(Status::bad_request(message));
    };
    let start = start_of_tail(&written.lock().unwrap_or_else(PoisonError::into_inner), request);
    let mut log = Log { shared: shared.clone(), pod, name, written, told: start };
    if request.flag("follow") {
        return Ok(response::text_stream(stream::unfold(log, Log::next)));
    }
    Ok(response::text(200, log.news()))
}

/// Where the last `tailLines` lines begin.
fn start_of_tail(written: &[u8], request: &Request) -> usize {
    let Some(lines) = request.number("tailLines") else { return 0 };
    let inner = written.strip_suffix(b"\n").unwrap_or(written);
    let mut ends = (0..inner.len()).rev().filter(|at| inner[*at] == b'\n');
    match lines.checked_sub(1) {
        Some(more) => ends.nth(more as usize).map_or(0, |end| end + 1),
        None => written.len(),
    }
}

fn refuse_unserved(request: &Request) -> Result<(), Status> {
    for option in ["previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes"] {
        if !matches!(request.parameter(option), "" | "false") {
            return Err(Status::bad_request(format!("the model's logs have no {option}")));
        }
    }
    Ok(())
}

fn container_name(pod: &Value, asked: &str) -> Result<String, Status> {
    let all = ["/spec/initContainers", "/spec/containers"].map(|pointer| items(pod, pointer));
    let first = text(pod, "/spec/containers/0/name");
    let name = if asked.is_empty() { first } else { asked };
    if all.concat().iter().any(|container| text(container, "/name") == name) {
        return Ok(name.to_owned());
    }
    Err(Status::bad_request(format!("container {name} is not valid for pod {}", crate::json::name(pod))))
}

/// A log that is being read.
struct Log {
    shared: Shared,
    pod: Arc<Value>,
    name: String,
    written: Arc<Mutex<Vec<u8>>>,
    told: usize,
}

impl Log {
    /// What has been written since the last look.
    fn news(&mut self) -> Vec<u8> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let news = written[self.told..].to_vec();
        self.told = written.len();
        news
    }

    /// Waits for news; ends with the container.
    async fn next(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        loop {
            let over = self.shared.lock().kubelets.container(&self.pod, &self.name).is_none();
            let news = self.news();
            if !news.is_empty() {
                return Some((Ok(news.into()), self));
            }
            if over {
                return None;
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }
}
