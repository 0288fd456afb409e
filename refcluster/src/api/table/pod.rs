//! The cells of a pod: how many of its containers are ready, and in one word what it is doing.
//!
//! Follows `printPod`.

use super::Row;
use super::age::since;
use crate::json::{self, integer, items, text};
use serde_json::Value;

/// Ready containers of all containers. Init containers that keep running are counted with them.
pub(super) fn ready(row: &Row<'_>) -> String {
    let pod = row.object;
    let (mut ready, mut all) = (0, items(pod, "/spec/containers").len());
    ready += items(pod, "/status/containerStatuses").iter().filter(|status| runs_ready(status)).count();
    for (_, status) in sidecars(pod) {
        all += 1;
        ready += usize::from(runs_ready(status));
    }
    format!("{ready}/{all}")
}

/// What the pod is doing, or why it does not.
pub(super) fn status(row: &Row<'_>) -> String {
    let pod = row.object;
    let phase = text(pod, "/status/phase");
    if json::terminating(pod) && text(pod, "/status/reason") == "NodeLost" {
        return "Unknown".to_owned();
    }
    if json::terminating(pod) && !matches!(phase, "Succeeded" | "Failed") {
        return "Terminating".to_owned();
    }
    if let Some(reason) = init_reason(pod) {
        return reason;
    }
    let statuses = items(pod, "/status/containerStatuses");
    match statuses.iter().find_map(container_reason) {
        Some(reason) if reason == "Completed" && statuses.iter().any(runs_ready) => {
            let ready = json::condition(pod, "Ready") == "True";
            if ready { "Running" } else { "NotReady" }.to_owned()
        }
        Some(reason) => reason,
        None => pod_reason(pod).to_owned(),
    }
}

/// How often containers were started again, and when last.
pub(super) fn restarts(row: &Row<'_>) -> String {
    let pod = row.object;
    let sidecars = sidecars(pod).map(|(_, status)| status);
    let counted: Vec<_> = match init_reason(pod) {
        Some(_) => items(pod, "/status/initContainerStatuses").iter().collect(),
        None => items(pod, "/status/containerStatuses").iter().chain(sidecars).collect(),
    };
    let restarts: i64 = counted.iter().filter_map(|status| integer(status, "/restartCount")).sum();
    let ended = counted.iter().map(|status| text(status, "/lastState/terminated/finishedAt"));
    match ended.max().filter(|last| restarts > 0 && !last.is_empty()) {
        Some(last) => format!("{restarts} ({} ago)", since(last, row.now_secs)),
        None => restarts.to_string(),
    }
}

/// Open readiness gates of all.
pub(super) fn readiness_gates(row: &Row<'_>) -> String {
    let gates = items(row.object, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = |gate: &&Value| json::condition(row.object, text(gate, "/conditionType")) == "True";
    format!("{}/{}", gates.iter().filter(open).count(), gates.len())
}

fn pod_reason(pod: &Value) -> &str {
    let conditions = items(pod, "/status/conditions");
    if conditions.iter().any(|condition| text(condition, "/reason") == "SchedulingGated") {
        return "SchedulingGated";
    }
    super::text_or(pod, "/status/reason", text(pod, "/status/phase"))
}

/// What the first init container that is not done is doing, until the pod is initialized.
fn init_reason(pod: &Value) -> Option<String> {
    if json::condition(pod, "Initialized") == "True" {
        return None;
    }
    let statuses = items(pod, "/status/initContainerStatuses");
    let mut numbered = statuses.iter().enumerate();
    let (index, status) = numbered.find(|(index, status)| !init_is_done(pod, *index, status))?;
    let all = items(pod, "/spec/initContainers").len();
    let reason = container_reason(status).filter(|reason| reason != "PodInitializing");
    Some(format!("Init:{}", reason.unwrap_or_else(|| format!("{index}/{all}"))))
}

fn init_is_done(pod: &Value, index: usize, status: &Value) -> bool {
    let started = is_sidecar(pod, index) && status["started"] == true;
    started || integer(status, "/state/terminated/exitCode") == Some(0)
}

fn sidecars(pod: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let statuses = items(pod, "/status/initContainerStatuses").iter().enumerate();
    statuses.filter(|(index, _)| is_sidecar(pod, *index))
}

fn is_sidecar(pod: &Value, index: usize) -> bool {
    let container = items(pod, "/spec/initContainers").get(index);
    container.is_some_and(|container| text(container, "/restartPolicy") == "Always")
}

/// Why a container does not run.
fn container_reason(status: &Value) -> Option<String> {
    for state in ["waiting", "terminated"] {
        let reason = text(&status["state"][state], "/reason");
        if !reason.is_empty() {
            return Some(reason.to_owned());
        }
    }
    let terminated = status["state"].get("terminated")?;
    let signal = integer(terminated, "/signal").filter(|signal| *signal != 0);
    let code = integer(terminated, "/exitCode").unwrap_or(0);
    Some(signal.map_or_else(|| format!("ExitCode:{code}"), |signal| format!("Signal:{signal}")))
}

fn runs_ready(status: &Value) -> bool {
    status["ready"] == true && json::has(status, "/state/running")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cells(pod: Value) -> (String, String, String) {
        let row = Row { object: &pod, now_secs: 100 };
        (ready(&row), status(&row), restarts(&row))
    }

    fn told(ready: &str, status: &str, restarts: &str) -> (String, String, String) {
        (ready.to_owned(), status.to_owned(), restarts.to_owned())
    }

    #[test]
    fn a_crashing_container_names_its_reason_and_its_last_end() {
        let crashing = json!({
            "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "1970-01-01T00:01:00Z"}},
        });
        let running = json!({"ready": true, "restartCount": 0, "state": {"running": {}}});
        let pod = json!({
            "spec": {"containers": [{}, {}]},
            "status": {"phase": "Running", "containerStatuses": [running, crashing]},
        });
        assert_eq!(cells(pod), told("1/2", "CrashLoopBackOff", "3 (40s ago)"));
    }

    #[test]
    fn init_containers_are_counted_until_they_are_done() {
        let done =
            json!({"restartCount": 1, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        let waits = json!({"restartCount": 0, "state": {"running": {}}});
        let pod = |second: &Value| {
            json!({
                "spec": {"containers": [{}], "initContainers": [{}, {}]},
                "status": {
                    "phase": "Pending", "initContainerStatuses": [done, second],
                    "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
                },
            })
        };
        assert_eq!(cells(pod(&waits)), told("0/1", "Init:1/2", "1"));
        let failed = json!({"restartCount": 0, "state": {"terminated": {"exitCode": 7}}});
        assert_eq!(cells(pod(&failed)), told("0/1", "Init:ExitCode:7", "1"));
        assert_eq!(cells(pod(&done)), told("0/1", "PodInitializing", "0"));
    }

    #[test]
    fn a_pod_that_goes_is_terminating_unless_it_has_ended() {
        let pod = |phase: &str| {
            json!({
                "metadata": {"deletionTimestamp": "1970-01-01T00:01:00Z"},
                "spec": {"containers": [{}]}, "status": {"phase": phase},
            })
        };
        assert_eq!(cells(pod("Running")), told("0/1", "Terminating", "0"));
        assert_eq!(cells(pod("Failed")), told("0/1", "Failed", "0"));
    }
}
