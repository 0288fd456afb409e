//! What the driver did to the cluster, and how long each object was left alone afterwards.
//!
//! A window goes from a request of the driver to its next disturbance of the same object. There is one definition of both,
//! and it is here.

use std::collections::BTreeSet;

use super::{PodLife, Set, View};
use crate::history::{Event, ExecSeen, History, Observation, Purpose, Requested, Resource, Seen, Step, Verb};

/// One thing that the driver did. A request that was sent again is one doing, and a request that was refused is none.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'h> {
    /// The event: whatever follows from it stands after it in the record.
    pub event: &'h Event,
    what: What<'h>,
}

#[derive(Debug, Clone, Copy)]
enum What<'h> {
    Request(&'h Requested),
    Exec(&'h ExecSeen),
}

/// From a doing of the driver to its next disturbance of the same object, or to the end of the scenario.
#[derive(Debug, Clone, Copy)]
pub struct Window<'h> {
    /// The doing.
    pub from: &'h Event,
    /// The next disturbance, or the scenario's last step.
    pub until: &'h Event,
}

impl<'h> Window<'h> {
    /// Whether an event lies in the window.
    pub fn has(&self, event: &Event) -> bool {
        self.from.comes_before(event) && event.seq <= self.until.seq
    }
}

impl<'h> Doing<'h> {
    /// The request, if it is one.
    pub fn request(&self) -> Option<Seen<'h, Requested>> {
        match self.what {
            What::Request(what) => Some(Seen { event: self.event, what }),
            What::Exec(_) => None,
        }
    }

    /// The command in a container, if it is one.
    pub fn exec(&self) -> Option<Seen<'h, ExecSeen>> {
        match self.what {
            What::Exec(what) => Some(Seen { event: self.event, what }),
            What::Request(_) => None,
        }
    }

    /// Whether it takes that pod away: by itself, with all pods of its namespace, or by evicting it.
    pub fn deletes_pod(&self, set: &Set<'_>, pod: &str) -> bool {
        let What::Request(request) = self.what else { return false };
        let in_place = request.namespace.as_deref().is_none_or(|of| of == set.namespace);
        let names_it = request.name.as_deref() == Some(pod);
        let evicts = request.subresource.as_deref() == Some("eviction");
        in_place
            && request.resource == Resource::Pods.plural()
            && match request.verb {
                Verb::Delete => names_it,
                Verb::Create => names_it && evicts,
                Verb::DeleteCollection => true,
                _ => false,
            }
    }

    /// Whether it deletes all pods of the set with one request.
    pub fn deletes_all_pods(&self, set: &Set<'_>) -> bool {
        let is_for_all = |r: Seen<'_, Requested>| r.what.verb == Verb::DeleteCollection;
        self.request().is_some_and(is_for_all) && self.deletes_pod(set, "")
    }

    /// Whether it asks the set for another number of replicas in such a way that this ordinal has to go.
    pub fn scales_away(&self, set: &Set<'_>, pod: &str) -> bool {
        let Some(request) = self.request_for(set) else { return false };
        let ordinal = crate::history::pod::ordinal(set.name, pod);
        let end = request.replicas().map(|replicas| i64::from(set.start_at(self.event)) + replicas);
        ordinal.zip(end).is_some_and(|(ordinal, end)| i64::from(ordinal) >= end)
    }

    /// The request, if it is for that set.
    fn request_for(&self, set: &Set<'_>) -> Option<&'h Requested> {
        let request = self.request()?;
        set.requests().iter().any(|own| own.event.seq == request.event.seq).then_some(request.what)
    }

    /// Whether it may change that pod of the set: what becomes of the pod afterwards may follow from it.
    pub fn disturbs_pod(&self, set: &Set<'_>, pod: &str) -> bool {
        match self.what {
            What::Exec(exec) => exec.pod == pod && changes_the_pod(&exec.purpose),
            What::Request(request) => {
                self.deletes_pod(set, pod)
                    || self.scales_away(set, pod)
                    || self.remakes(set)
                    || (request.resource == Resource::Pods.plural() && request.name.as_deref() == Some(pod))
                    || request.resource == "namespaces"
                    || request.resource == "nodes"
            }
        }
    }

    /// Whether it changes what all pods of the set are made from, or takes the set itself away.
    fn changes_all_pods(&self, set: &Set<'_>) -> bool {
        let What::Request(request) = self.what else { return false };
        let earlier = set.requests().partition_point(|own| own.event.comes_before(self.event));
        let earlier = &set.requests()[..earlier];
        let now = |key: &str| request.body.pointer(&format!("/spec/{key}")).filter(|value| !value.is_null());
        let before =
            |key: &str| earlier.iter().rev().find_map(|own| own.what.body.pointer(&format!("/spec/{key}")));
        match request.verb {
            Verb::Delete | Verb::DeleteCollection => true,
            Verb::Apply | Verb::Create if earlier.is_empty() => false,
            Verb::Apply => MADE_FROM.iter().any(|key| now(key) != before(key)),
            _ => MADE_FROM
                .iter()
                .any(|key| now(key).is_some() && (*key != "template" || now(key) != before(key))),
        }
    }

    /// Whether it changes what the set's pods are made from, or takes the set itself away.
    pub fn remakes(&self, set: &Set<'_>) -> bool {
        self.request_for(set).is_some_and(|_| self.changes_all_pods(set))
    }

    /// Whether it may end that incarnation of a pod of the set, be it only by changing what the set's pods are made from.
    pub fn may_end(&self, set: &Set<'_>, life: &PodLife<'_>) -> bool {
        let What::Request(request) = self.what else { return false };
        let of_pods = request.resource == Resource::Pods.plural();
        let means_another = of_pods && request.uid.as_deref().is_some_and(|uid| uid != life.uid);
        self.disturbs_pod(set, life.name) && !means_another
    }

    /// Whether it disturbs the object of that resource, namespace and name itself.
    pub fn disturbs(&self, resource: Resource, namespace: &str, name: &str) -> bool {
        let What::Request(request) = self.what else { return false };
        let in_place = request.namespace.as_deref().is_none_or(|of| of == namespace);
        let is_meant = request.name.as_deref().is_none_or(|of| of == name);
        (request.resource == resource.plural() && in_place && is_meant) || request.resource == "namespaces"
    }
}

/// The parts of a set's spec that its pods are made from, and by which they are replaced.
const MADE_FROM: &[&str] = &["template", "ordinals", "updateStrategy", "selector", "podManagementPolicy"];

/// Whether a command in a container changes what the API says of its pod.
fn changes_the_pod(purpose: &Purpose) -> bool {
    matches!(purpose, Purpose::OpenGate | Purpose::CloseGate | Purpose::Crash)
}

/// What the driver did, in order.
pub(super) fn doings(history: &History) -> Vec<Doing<'_>> {
    let refused = refused(history);
    let doing = |event| Some(Doing { event, what: what(event)? });
    history.events.iter().filter(|event| !refused.contains(&event.seq)).filter_map(doing).collect()
}

fn what(event: &Event) -> Option<What<'_>> {
    match &event.seen {
        Observation::Step(Step::Requested(request)) if request.attempt == 1 && !request.dry_run => {
            Some(What::Request(request))
        }
        Observation::Exec(exec) if changes_the_pod(&exec.purpose) => Some(What::Exec(exec)),
        _ => None,
    }
}

/// The requests that the server answered at the first attempt, and refused. One that was sent again may have been granted
/// the first time.
fn refused(history: &History) -> BTreeSet<u64> {
    let mut refused = BTreeSet::new();
    let mut last = None;
    for step in history.steps() {
        match step.what {
            Step::Requested(request) if request.attempt == 1 => last = Some(step.event.seq),
            Step::Requested(_) => refused.retain(|seq| Some(*seq) != last),
            Step::Answered(answer) if (400..500).contains(&answer.code) => {
                refused.insert(answer.request);
            }
            _ => {}
        }
    }
    refused
}

impl<'h> View<'h> {
    /// The window of a doing for one pod of a set: until the driver next disturbs that pod, or to the end of the scenario.
    pub fn window(&self, doing: &Event, set: &Set<'_>, pod: &str) -> Window<'h> {
        self.window_until(doing, |next| next.disturbs_pod(set, pod))
    }

    /// The window of a doing, until the next one that is said to disturb.
    pub fn window_until(&self, doing: &Event, disturbs: impl Fn(&Doing<'h>) -> bool) -> Window<'h> {
        let from = self.history().event(doing.seq);
        let first = self.doings().partition_point(|next| next.event.seq <= from.seq);
        let next = self.doings()[first..].iter().find(|next| disturbs(next)).map(|next| next.event);
        Window { from, until: next.unwrap_or_else(|| self.history().ended()) }
    }

    /// The doings that take pods of the set away, each with the names of those that were there.
    pub fn pod_deletions(&self, set: &Set<'h>) -> Vec<(Doing<'h>, Vec<&'h str>)> {
        let gone = |doing: &Doing<'h>| {
            let there = set.pods().at(doing.event);
            let names = there.iter().map(|life| life.name).filter(|name| doing.deletes_pod(set, name));
            (*doing, names.collect::<Vec<_>>())
        };
        self.doings().iter().map(gone).filter(|(_, names)| !names.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::notation::{Notes, history};

    const THREE: &str = "web-0 created; web-1 created; web-2 created;";

    /// Where the window of the first deletion ends for a pod, as the statement of that event.
    fn until(statements: &str, pod: &str) -> String {
        let history = history(&format!("{THREE} {statements}; completed"));
        let view = View::of(&history);
        let set = &view.sets()[0];
        let (first, _) = view.pod_deletions(set)[0].clone();
        match &view.window(first.event, set, pod).until.seen {
            Observation::Step(Step::Requested(request)) => {
                format!("{:?} {}", request.verb, request.name.as_deref().unwrap_or("all"))
            }
            Observation::Exec(exec) => format!("{:?} {}", exec.purpose, exec.pod),
            Observation::Step(Step::Completed) => "the end".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_window_ends_with_the_next_disturbance_of_the_same_pod() {
        assert_eq!(until("delete web-0; delete web-1; delete web-2", "web-1"), "Delete web-1");
        assert_eq!(until("delete web-0; delete web-1", "web-2"), "the end");
        assert_eq!(until("delete web-0; delete all; delete web-2", "web-2"), "DeleteCollection all");
    }

    #[test]
    fn scaling_disturbs_only_the_pods_that_have_to_go() {
        assert_eq!(until("delete web-0; scale 1", "web-1"), "Patch web");
        assert_eq!(until("delete web-1; scale 1", "web-0"), "the end");
    }

    #[test]
    fn gates_and_crashes_disturb_their_own_pod() {
        assert_eq!(until("delete web-0; exec web-1 close-gate -> ok", "web-1"), "CloseGate web-1");
        assert_eq!(until("delete web-0; exec web-1 close-gate -> ok", "web-2"), "the end");
        assert_eq!(until("delete web-0; exec web-1 crash -> ok", "web-1"), "Crash web-1");
        assert_eq!(until("delete web-0; exec web-1 hostname -> web-1", "web-1"), "the end");
    }

    #[test]
    fn a_change_of_the_template_disturbs_all_pods_and_one_of_annotations_none() {
        let patched = |body| {
            let mut notes = Notes::new().say(&format!("set replicas=3; {THREE} delete web-0"));
            let sts = Resource::StatefulSets.plural();
            let apply = json!({"spec": {"template": {"spec": {"image": "a"}}}});
            notes.requested(Requested::new(Verb::Apply, sts, Some("web".to_owned()), apply));
            notes.requested(Requested::new(Verb::Patch, sts, Some("web".to_owned()), body));
            let history = notes.say("completed").history();
            let view = View::of(&history);
            let doing = view.doings().last().copied().expect("the patch");
            doing.disturbs_pod(&view.sets()[0], "web-1")
        };
        assert!(patched(json!({"spec": {"template": {"spec": {"image": "b"}}}})));
        assert!(!patched(json!({"spec": {"template": {"spec": {"image": "a"}}}})));
        assert!(!patched(json!({"metadata": {"annotations": {"note": "1"}}})));
        assert!(patched(json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})));
    }

    #[test]
    fn what_is_applied_again_disturbs_only_where_it_differs() {
        let applied = |first: serde_json::Value, then: serde_json::Value| {
            let mut notes = Notes::new();
            for body in [first, then] {
                let sts = Resource::StatefulSets.plural();
                notes.requested(Requested::new(
                    Verb::Apply,
                    sts,
                    Some("web".to_owned()),
                    json!({"spec": body}),
                ));
            }
            let history = notes.say("set replicas=3; web-0 created; completed").history();
            let view = View::of(&history);
            view.doings()[1].disturbs_pod(&view.sets()[0], "web-0")
        };
        let with = |partition: u32| json!({"template": {}, "updateStrategy": {"rollingUpdate": {"partition": partition}}});
        assert!(!applied(with(1), with(1)) && applied(with(1), with(0)));
        assert!(applied(with(1), json!({"template": {}})) && applied(json!({"template": {}}), with(1)));
        assert!(!applied(json!({"replicas": 3}), json!({"replicas": 3, "minReadySeconds": 5})));
    }

    #[test]
    fn a_deletion_by_uid_ends_only_that_incarnation() {
        let history =
            history("web-0 created; delete web-0; web-0 deleted; web-0 created; delete all; scale 0");
        let view = View::of(&history);
        let set = &view.sets()[0];
        let ends = |life: usize| -> Vec<bool> {
            view.doings().iter().map(|doing| doing.may_end(set, &set.pods()[life])).collect()
        };
        assert_eq!((ends(0), ends(1)), (vec![true, true, true], vec![false, true, true]));
    }

    #[test]
    fn what_was_refused_was_not_done_and_what_was_sent_again_was_done_once() {
        let history =
            history(&format!("{THREE} delete web-0; answered 409; delete web-1; again; answered 200"));
        let view = View::of(&history);
        let names: Vec<Vec<&str>> =
            view.pod_deletions(&view.sets()[0]).into_iter().map(|(_, names)| names).collect();
        assert_eq!(names, [["web-1"]]);
    }
}
