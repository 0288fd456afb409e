//! Whether the containers of a pod are those that it had, and how they ended.

use crate::history::{Json, ObjectSeen, Seen, pod::addresses};

/// From which exit code on a container was ended by a signal: 128 and the signal's number.
const SIGNALLED: i64 = 128;

/// What became of a pod's containers or of its addresses while it stayed.
#[derive(Debug)]
pub struct Changed<'h> {
    /// The version that shows it.
    pub version: Seen<'h, ObjectSeen>,
    /// What it was.
    pub what: What,
}

/// A change that no set makes: it has no way to restart a container, and an address is a node's to give.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// A container ended, and the pod says how.
    Ended {
        /// Its name.
        container: String,
        /// Its exit code.
        code: i64,
        /// The reason that the kubelet gives.
        reason: String,
        /// The pod's node.
        node: String,
    },
    /// A container is another one than before, and nothing is said of the end of that one.
    Replaced {
        /// Its name.
        container: String,
        /// How often it was restarted.
        restarts: String,
    },
    /// The pod has other addresses.
    Address {
        /// Those that it had.
        before: Vec<String>,
        /// Those that it has.
        now: Vec<String>,
        /// The pod's node.
        node: String,
    },
}

impl What {
    /// Whether a container was killed from outside, and not for what it used.
    pub fn is_kill(&self) -> bool {
        matches!(self, What::Ended { code, reason, .. } if *code >= SIGNALLED && reason != "OOMKilled")
    }

    /// For a person to read, as the rest of the sentence "the pod …".
    pub fn words(&self) -> String {
        match self {
            What::Ended { container, code, reason, node } => {
                format!("had its container {container} end with exit code {code} ({reason}) on {node}")
            }
            What::Replaced { container, restarts } => {
                format!("had a container stopped or restarted ({container}: restart count {restarts})")
            }
            What::Address { before, now, node } => {
                format!("changed its address from {} to {} on {node}", before.join(","), now.join(","))
            }
        }
    }
}

/// Whether any container of a pod was started.
pub fn are_started(pod: &ObjectSeen) -> bool {
    started(pod).next().is_some()
}

/// The first change of a pod after a version: a container that ended or is another one, or another address. A container that had
/// not started and an address that it had not got yet are none.
///
/// How a container ended may be told later than that it is another one, and that its sandbox is another one too is told by
/// its address: these are one change.
pub fn first_change<'h>(before: &ObjectSeen, after: &[Seen<'h, ObjectSeen>]) -> Option<Changed<'h>> {
    let change = |version: &Seen<'h, ObjectSeen>| {
        container(before, version.what).or_else(|| address(before, version.what))
    };
    let (place, what) =
        after.iter().enumerate().find_map(|(place, version)| Some((place, change(version)?)))?;
    let later = &after[place..];
    let what = match what {
        What::Replaced { .. } => {
            let mut ended = later.iter().filter_map(|version| container(before, version.what));
            let ended = ended.find(|what| matches!(what, What::Ended { .. }));
            ended.or_else(|| later.iter().find_map(|version| address(before, version.what))).unwrap_or(what)
        }
        what => what,
    };
    Some(Changed { version: after[place], what })
}

fn container(before: &ObjectSeen, now: &ObjectSeen) -> Option<What> {
    let statuses = now.list("/status/containerStatuses");
    let same = |was: &Json| statuses.iter().find(|is| is["name"].as_str() == was["name"].as_str());
    let (was, is) =
        started(before).filter_map(|was| Some((was, same(was)?))).find(|(was, is)| is_another(was, is))?;
    let container = is["name"].as_str().unwrap_or_default().to_owned();
    let of =
        |state: &str| Some(&is[state]["terminated"]).filter(|ended| ended["exitCode"].as_i64().is_some());
    let is_another_end = |ended: &&Json| {
        is["restartCount"].to_string() != was["restartCount"].to_string()
            || ended.to_string() != was["lastState"]["terminated"].to_string()
    };
    let last = of("lastState").filter(is_another_end);
    Some(match of("state").or(last) {
        Some(ended) => What::Ended {
            container,
            code: ended["exitCode"].as_i64().unwrap_or_default(),
            reason: ended["reason"].as_str().unwrap_or("no reason is told").to_owned(),
            node: node(now),
        },
        None => What::Replaced { container, restarts: is["restartCount"].to_string() },
    })
}

fn address(before: &ObjectSeen, now: &ObjectSeen) -> Option<What> {
    let of = |pod: &ObjectSeen| addresses(pod).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (of(before), of(now));
    let is_change = !before.is_empty() && !after.is_empty() && before != after;
    is_change.then(|| What::Address { before, now: after, node: node(now) })
}

fn node(pod: &ObjectSeen) -> String {
    pod.text("/spec/nodeName").unwrap_or("no node").to_owned()
}

/// Whether a container is not the one that it was, or does not run any more.
fn is_another(was: &Json, is: &Json) -> bool {
    let key = |status: &'_ Json| [status["containerID"].to_string(), status["restartCount"].to_string()];
    let since = |status: &'_ Json| status["state"]["running"]["startedAt"].to_string();
    let ended = !is["state"]["terminated"].is_null() || !is["state"]["waiting"].is_null();
    key(was) != key(is) || since(was) != since(is) || ended
}

/// The containers that were started.
fn started(pod: &ObjectSeen) -> impl Iterator<Item = &Json> {
    pod.list("/status/containerStatuses").iter().filter(|status| status["containerID"].as_str().is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{checks::notation::Notes, history::Resource, views::View};

    /// What changed of a pod that ran container `c0` at 10.0.0.10 on node-0, as its status went on.
    fn change(statuses: &[Value]) -> Option<String> {
        let mut notes = Notes::new().say("web-0 created; web-0 scheduled; web-0 container c0; web-0 ready");
        for status in statuses {
            notes.modify(Resource::Pods, "web-0", |pod| {
                for (key, value) in status.as_object().expect("a status") {
                    pod["status"][key] = value.clone();
                }
            });
        }
        let history = notes.history();
        let view = View::of(&history);
        let life = &view.sets()[0].pods()[0];
        let before = &life.versions[3];
        assert!(are_started(before.what));
        first_change(before.what, life.between(Some(before.event), history.last()))
            .map(|changed| changed.what.words())
    }

    fn container(id: &str, restarts: u32, state: Value, last: Value) -> Value {
        let status = json!({"name": "nginx", "containerID": id, "restartCount": restarts, "state": state, "lastState": last});
        json!({"containerStatuses": [status]})
    }

    fn running() -> Value {
        json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
    }

    fn again() -> Value {
        json!({"running": {"startedAt": "2026-01-01T00:00:09Z"}})
    }

    fn ended(code: i64) -> Value {
        json!({"terminated": {"exitCode": code, "reason": "Error"}})
    }

    #[test]
    fn conditions_and_other_containers_are_no_change() {
        assert_eq!(change(&[json!({"conditions": []}), container("c0", 0, running(), json!({}))]), None);
        let sidecar = json!({"name": "sidecar", "restartCount": 0, "state": {"waiting": {}}});
        let mut two = container("c0", 0, running(), json!({}));
        two["containerStatuses"].as_array_mut().unwrap().push(sidecar);
        assert_eq!(change(&[two]), None);
        assert_eq!(change(&[json!({"podIPs": []})]), None);
    }

    #[test]
    fn a_container_that_ended_is_named_with_exit_code_and_node() {
        let says =
            |words: &str| Some(format!("had its container nginx end with exit code {words} on node-0"));
        assert_eq!(change(&[container("c0", 0, ended(1), json!({}))]), says("1 (Error)"));
        assert_eq!(change(&[container("c1", 1, again(), ended(137))]), says("137 (Error)"));
        let then = [
            container("c0", 0, json!({"waiting": {"reason": "x"}}), json!({})),
            container("c1", 1, again(), ended(3)),
        ];
        assert_eq!(change(&then), says("3 (Error)"));
    }

    #[test]
    fn one_that_is_replaced_without_a_word_is_told_by_its_restarts() {
        let says = |restarts: u32| {
            Some(format!("had a container stopped or restarted (nginx: restart count {restarts})"))
        };
        assert_eq!(change(&[container("c9", 1, again(), json!({}))]), says(1));
        assert_eq!(change(&[container("c0", 1, running(), json!({}))]), says(1));
        assert_eq!(change(&[container("c0", 0, again(), json!({}))]), says(0));
    }

    #[test]
    fn another_address_is_a_change_by_itself_and_explains_a_container_that_was_replaced() {
        let moved = || json!({"podIPs": [{"ip": "10.0.0.77"}]});
        let says = Some("changed its address from 10.0.0.10 to 10.0.0.77 on node-0".to_owned());
        assert_eq!(change(&[moved()]), says);
        assert_eq!(change(&[container("c9", 1, again(), json!({})), moved()]), says);
        assert_eq!(change(&[json!({"podIPs": []}), json!({"podIPs": [{"ip": "10.0.0.10"}]})]), None);
    }

    #[test]
    fn only_signals_from_outside_are_kills() {
        let with = |code, reason: &str| What::Ended {
            container: String::new(),
            code,
            reason: reason.to_owned(),
            node: String::new(),
        };
        assert!(with(137, "Error").is_kill() && with(143, "Error").is_kill());
        assert!(
            !with(1, "Error").is_kill()
                && !with(137, "OOMKilled").is_kill()
                && !with(0, "Completed").is_kill()
        );
    }
}
