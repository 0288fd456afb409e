//! What controllers want to know of a pod.
//!
//! Follows `pkg/api/v1/pod/util.go` and `pkg/controller/statefulset/stateful_set_utils.go`.

use crate::clock::{Clock, parse_timestamp};
use crate::json::{self, items, text};
use serde_json::Value;

pub(crate) fn is_running(pod: &Value) -> bool {
    text(pod, "/status/phase") == "Running"
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    json::condition(pod, "Ready") == "True"
}

pub(crate) fn is_running_and_ready(pod: &Value) -> bool {
    is_running(pod) && is_ready(pod)
}

/// Failed or Succeeded.
pub(crate) fn is_terminal(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

/// The second since which the pod is Ready.
pub(crate) fn ready_since(pod: &Value) -> Option<u64> {
    let ready = |condition: &&Value| condition["type"] == "Ready" && condition["status"] == "True";
    let condition = items(pod, "/status/conditions").iter().find(ready)?;
    parse_timestamp(text(condition, "/lastTransitionTime"))
}

/// Whether the pod has been Ready for long enough.
pub(crate) fn is_available(pod: &Value, min_ready_secs: u64, clock: &Clock) -> bool {
    let long_enough = |since| since + min_ready_secs <= clock.unix_secs();
    is_running_and_ready(pod) && (min_ready_secs == 0 || ready_since(pod).is_some_and(long_enough))
}

/// Ready as services see it: a pod that is going away is not.
pub(crate) fn serves(pod: &Value) -> bool {
    is_ready(pod) && !json::terminating(pod)
}
