//! Commands in containers: whose pod was looked into, and why it may not have answered as a pod of a set does.

use super::{PodLife, Set, View};
use crate::history::{ExecSeen, ObjectSeen, pod};

/// Whose pod a command ran in.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'v, 'h> {
    /// This incarnation of a pod of a set.
    Member(&'v Set<'h>, &'v PodLife<'h>),
    /// A pod with a name that the set gives, of which the watch of pods never told.
    Unseen(&'v Set<'h>),
    /// No set's.
    Others,
}

impl<'h> View<'h> {
    /// Whose pod a command ran in, by the uid that the record had when it was sent.
    pub fn whose(&self, exec: &ExecSeen) -> Whose<'_, 'h> {
        let member = |set| Some(Whose::Member(set, Set::pods(set).with_uid(&exec.pod_uid)?));
        let unseen = || {
            let gives = |set: &&Set<'h>| pod::ordinal(set.name, &exec.pod).is_some();
            self.sets().iter().find(gives).map(Whose::Unseen)
        };
        self.sets().iter().find_map(member).or_else(unseen).unwrap_or(Whose::Others)
    }
}

/// What its template asks for that gives a pod another host name than its own; none where nothing does.
///
/// Pods on the node's network have the node's host name, and setHostnameAsFQDN and hostnameOverride say for themselves
/// (Kubernetes documentation, DNS for Services and Pods).
pub fn other_hostname(pod: &ObjectSeen) -> Option<&'static str> {
    let is_set = |pointer| pod.at(pointer).is_some_and(|value| *value == true);
    if is_set("/spec/hostNetwork") {
        Some("hostNetwork")
    } else if is_set("/spec/setHostnameAsFQDN") {
        Some("setHostnameAsFQDN")
    } else {
        pod.text("/spec/hostnameOverride").map(|_| "hostnameOverride")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::history,
        history::{Change, Resource},
    };

    #[test]
    fn a_command_ran_in_a_members_pod_or_in_one_that_nobody_saw_or_in_anothers() {
        let told = |statements: &str| {
            let history = history(statements);
            let view = View::of(&history);
            match view.whose(view.execs().last().expect("a command").what) {
                Whose::Member(set, life) => format!("{} of {}", life.uid, set.key(set.name)),
                Whose::Unseen(set) => format!("unseen in {}", set.key(set.name)),
                Whose::Others => "another's".to_owned(),
            }
        };
        assert_eq!(told("web-0 created; exec web-0 hostname -> x"), "uid-1 of web");
        assert_eq!(
            told("web-0 created; in other; web-0 created; exec web-0 hostname -> x"),
            "uid-2 of other/web"
        );
        assert_eq!(told("set replicas=1; exec web-0 hostname -> x"), "unseen in web");
        assert_eq!(told("web-0 created; exec dns-test hostname -> x"), "another's");
    }

    #[test]
    fn templates_may_ask_for_another_host_name() {
        let of = |spec: serde_json::Value| {
            let raw = json!({"metadata": {"name": "web-0"}, "spec": spec});
            other_hostname(&ObjectSeen::new(Change::Added, Resource::Pods, raw))
        };
        assert_eq!(of(json!({"hostname": "web-0", "hostNetwork": false})), None);
        assert_eq!(of(json!({"hostNetwork": true})), Some("hostNetwork"));
        assert_eq!(of(json!({"setHostnameAsFQDN": true})), Some("setHostnameAsFQDN"));
        assert_eq!(of(json!({"hostnameOverride": "db"})), Some("hostnameOverride"));
    }
}
