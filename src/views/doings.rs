//! What the driver did to the cluster, and how long each object was left alone afterwards.
//!
//! A window goes from a request of the driver to its next disturbance of the same object. There is one definition of both,
//! and it is here.

use std::collections::{BTreeSet, HashMap};

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
                Verb::DeleteCollection => selects(request, set, pod, self.event),
                _ => false,
            }
    }

    /// Whether it may change what the API says of that pod itself, its labels and owners among it, without taking it away.
    pub fn edits_pod(&self, set: &Set<'_>, pod: &str) -> bool {
        self.edited_pod(set).is_some_and(|name| name == pod)
    }

    /// The pod in the set's namespace that it makes or changes by itself.
    pub fn edited_pod(&self, set: &Set<'_>) -> Option<&'h str> {
        let What::Request(request) = self.what else { return None };
        let in_place = request.namespace.as_deref().is_none_or(|of| of == set.namespace);
        let writes = matches!(request.verb, Verb::Patch | Verb::Update | Verb::Apply | Verb::Create);
        let evicts = request.subresource.as_deref() == Some("eviction");
        let is_meant = in_place && writes && !evicts && request.resource == Resource::Pods.plural();
        request.name.as_deref().filter(|_| is_meant)
    }

    /// Whether it takes the set itself away.
    pub fn removes_set(&self, set: &Set<'_>) -> bool {
        let What::Request(request) = self.what else { return false };
        let removes = matches!(request.verb, Verb::Delete | Verb::DeleteCollection);
        removes && self.disturbs(Resource::StatefulSets, set.namespace, set.name)
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
        let own = set.requests().binary_search_by_key(&request.event.seq, |own| own.event.seq);
        own.is_ok().then_some(request.what)
    }

    /// Whether it may change the set's status: it changes one of its pods, or the set itself.
    pub fn disturbs_set(&self, set: &Set<'_>) -> bool {
        let is_pod = |name: &str| set.pods().named(name).next().is_some();
        match self.what {
            What::Exec(exec) => is_pod(&exec.pod) && changes_the_pod(&exec.purpose),
            What::Request(request) => {
                let named = request.name.as_deref().unwrap_or_default();
                self.deletes_all_pods(set)
                    || self.deletes_pod(set, named)
                    || self.edited_pod(set).is_some_and(is_pod)
                    || self.request_for(set).is_some()
                    || self.removes_set(set)
                    || request.resource == "nodes"
            }
        }
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

/// Whether the selector of a collection may mean that pod of the set: by the labels that it had, or else by those that the
/// set's template gives. Only equalities are read; what is said otherwise may mean any pod.
fn selects(request: &Requested, set: &Set<'_>, pod: &str, at: &Event) -> bool {
    let selector = request.body["labelSelector"].as_str().unwrap_or_default();
    let present = set.pods().before(pod, at).next().and_then(|life| life.at(at));
    let given = set.template_labels();
    let mut terms = selector.split(',').filter_map(equality);
    terms.all(|(key, value)| match present {
        Some(version) => version.what.label(key) == Some(value),
        None if is_own_label(key) => true,
        None => given.is_empty() || given.iter().any(|(own, of)| own == key && of == value),
    })
}

/// A term such as `app=nginx`.
fn equality(term: &str) -> Option<(&str, &str)> {
    let (key, value) = term.split_once('=')?;
    let is_plain = !key.ends_with('!') && !key.contains('(');
    is_plain.then(|| (key.trim(), value.trim_start_matches('=').trim()))
}

/// Whether it is a label that the controller adds to those of the template.
fn is_own_label(key: &str) -> bool {
    key == "controller-revision-hash" || key.contains("apps.kubernetes.io/") || key.contains("statefulset.")
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

/// The requests of the driver that made an object, by resource, namespace and name.
pub(super) type Made<'h> = HashMap<(&'h str, &'h str, &'h str), Vec<u64>>;

fn made(history: &History) -> Made<'_> {
    let own = history.started().namespace.as_str();
    let mut made = Made::new();
    let requests = history.requests().filter(|request| {
        let makes = matches!(request.verb, Verb::Apply | Verb::Create);
        makes && request.subresource.is_none() && !request.dry_run
    });
    for Seen { event, what } in requests {
        let Some(name) = what.name.as_deref() else { continue };
        let namespace = what.namespace.as_deref().unwrap_or(own);
        made.entry((what.resource.as_str(), namespace, name)).or_default().push(event.seq);
    }
    made
}

impl<'h> View<'h> {
    /// Whether the driver itself asked for an object of that name before an event (and after another, where the name stood for
    /// something else before): then it need not be the set's.
    pub fn is_drivers_own(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        after: Option<&Event>,
        before: &Event,
    ) -> bool {
        let made = self.made.get_or_init(|| made(self.history()));
        let requests = made.get(&(resource.plural(), namespace, name)).map_or(&[][..], Vec::as_slice);
        let latest = requests[..requests.partition_point(|seq| *seq < before.seq)].last();
        latest.is_some_and(|seq| after.is_none_or(|after| after.seq < *seq))
    }

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

    /// The last doing before an event that is said to disturb.
    pub fn disturbed_before(
        &self,
        event: &Event,
        disturbs: impl Fn(&Doing<'h>) -> bool,
    ) -> Option<Doing<'h>> {
        let until = self.doings().partition_point(|doing| doing.event.seq < event.seq);
        self.doings()[..until].iter().rev().find(|doing| disturbs(doing)).copied()
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
    fn what_the_driver_made_itself_is_known_by_its_name_and_time() {
        let mut notes = Notes::new().say("web-0 created");
        notes.request(Verb::Apply, Resource::PersistentVolumeClaims, Some("www-web-0"), None, json!({}));
        let history = notes.say("www-web-0 claimed; www-web-0 unclaimed; www-web-0 claimed").history();
        let view = View::of(&history);
        let [first, second] = view.sets()[0].claims().named("www-web-0") else { panic!("two lives") };
        let claims = Resource::PersistentVolumeClaims;
        let own = |name, after, before| view.is_drivers_own(claims, "ns", name, after, before);
        assert!(own("www-web-0", None, first.first().event));
        assert!(!own("www-web-0", Some(first.first().event), second.first().event), "the second is not");
        assert!(!own("www-web-0", None, &history.events[0]) && !own("www-web-1", None, first.first().event));
        assert!(!view.is_drivers_own(claims, "other", "www-web-0", None, first.first().event));
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

    /// The numbers of the doings, from 0, of which the predicate is true.
    fn which(history: &History, is: impl Fn(&Doing<'_>, &Set<'_>) -> bool) -> Vec<usize> {
        let view = View::of(history);
        let doings = view.doings().iter().enumerate();
        doings.filter(|(_, doing)| is(doing, &view.sets()[0])).map(|(place, _)| place).collect()
    }

    #[test]
    fn a_collection_means_only_the_pods_that_its_selector_selects() {
        let deleting = |selector: &str| {
            let mut notes = Notes::new().say(THREE);
            notes.request(
                Verb::DeleteCollection,
                Resource::Pods,
                None,
                None,
                json!({"labelSelector": selector}),
            );
            let history = notes.history();
            let view = View::of(&history);
            view.pod_deletions(&view.sets()[0]).iter().map(|(_, pods)| pods.len()).sum::<usize>()
        };
        assert_eq!(deleting("app=nginx"), 3);
        assert_eq!(deleting(""), 3);
        assert_eq!(deleting("app=other"), 0);
        assert_eq!(deleting("app==nginx,statefulset.kubernetes.io/pod-name=web-1"), 1);
        assert_eq!(deleting("app!=other,tier in (a,b)"), 3);
    }

    #[test]
    fn before_there_are_pods_a_collection_is_read_by_the_template() {
        let disturbs = |selector: &str| {
            let mut notes = Notes::new();
            let labels = json!({"metadata": {"labels": {"app": "nginx"}}});
            notes.object(
                Resource::StatefulSets,
                crate::history::Change::Added,
                json!({"metadata": {"name": "web", "uid": "s"}, "spec": {"template": labels}}),
            );
            notes.request(
                Verb::DeleteCollection,
                Resource::Pods,
                None,
                None,
                json!({"labelSelector": selector}),
            );
            which(&notes.say(THREE).history(), |doing, set| doing.disturbs_pod(set, "web-1")) == [0]
        };
        assert!(disturbs("app=nginx") && disturbs("statefulset.kubernetes.io/pod-name=web-1"));
        assert!(!disturbs("app=other") && !disturbs("tier=db"));
    }

    #[test]
    fn a_set_is_disturbed_through_its_pods_and_by_itself() {
        let disturbing = |statements: &str| {
            let history = history(&format!("set replicas=3; {THREE} www-web-0 claimed; {statements}"));
            which(&history, |doing, set| doing.disturbs_set(set))
        };
        assert_eq!(disturbing("delete web-0; delete www-web-0; delete all; scale 2"), [0, 2, 3]);
        assert_eq!(disturbing("exec web-0 crash -> ok; exec other crash -> ok"), [0]);
        let mut notes = Notes::new().say(&format!("set replicas=3; {THREE}"));
        for (verb, resource, name) in [
            (Verb::Patch, Resource::Pods, "web-0"),
            (Verb::Patch, Resource::Pods, "other"),
            (Verb::Apply, Resource::Services, "web-0"),
            (Verb::Delete, Resource::StatefulSets, "web"),
        ] {
            notes.request(verb, resource, Some(name), None, json!({}));
        }
        let history = notes.history();
        assert_eq!(which(&history, |doing, set| doing.disturbs_set(set)), [0, 3]);
        assert_eq!(which(&history, |doing, set| doing.edits_pod(set, "web-0")), [0]);
        assert_eq!(which(&history, |doing, set| doing.removes_set(set)), [3]);
        let view = View::of(&history);
        let before = view.disturbed_before(history.last(), |doing| doing.disturbs_set(&view.sets()[0]));
        assert_eq!(before.map(|doing| doing.event.seq), Some(view.doings()[0].event.seq));
    }
}
