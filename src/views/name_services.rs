//! Services that select one pod by the label with its name, which the controller gives each pod of a set (Kubernetes
//! documentation, StatefulSets, "Pod Name Label").

use std::collections::BTreeMap;

use super::{PodLife, Set, order};
use crate::history::{Event, ObjectSeen, Resource, Seen, pod};

/// The label with the pod's own name.
pub const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

/// A Service that selects one pod of a set by its name.
#[derive(Debug, Clone, Copy)]
pub struct NameService<'h> {
    /// The Service's name.
    pub name: &'h str,
    /// The pod's name.
    pub pod: &'h str,
    /// Its first version.
    pub made: &'h Event,
    /// Its removal.
    pub removed: Option<&'h Event>,
}

impl<'h> NameService<'h> {
    /// The Service, if all versions of it select one pod of that set by its name.
    fn of(set: &Set<'h>, versions: &[Seen<'h, ObjectSeen>]) -> Option<Self> {
        let (first, last) = (versions.first()?, versions.last()?);
        let selector = |version: &Seen<'h, ObjectSeen>| version.what.at("/spec/selector");
        let is_constant = versions.iter().all(|version| selector(version) == selector(first));
        let is_meant = is_constant && first.text("/spec/type") != Some("ExternalName");
        let pod = first.what.at("/spec/selector")?.get(POD_NAME_LABEL)?.as_str().filter(|_| is_meant)?;
        let others = first.what.at("/spec/selector")?.members().filter(|(key, _)| *key != POD_NAME_LABEL);
        let given = set.template_labels();
        let gives = |key: &str, value: &str| given.iter().any(|(own, of)| own == key && of == value);
        let selects = others.into_iter().all(|(key, value)| value.as_str().is_some_and(|v| gives(key, v)));
        pod::ordinal(set.name, pod).filter(|_| selects)?;
        let removed = last.change.is_removal().then_some(last.event);
        Some(Self { name: &first.what.name, pod, made: first.event, removed })
    }

    /// The incarnations of the pod that were ready while the Service was there, each with its key.
    pub fn selected<'p>(&self, set: &'p Set<'h>) -> Vec<(String, &'p PodLife<'h>)> {
        let history = set.history();
        let ended = history.ended();
        let numbered = (1..).zip(set.pods().named(self.pod));
        let was_there = |life: &PodLife<'h>| {
            let ready = life.first_ready().filter(|ready| ready.seq <= ended.seq);
            let removed = |ready: &Event| self.removed.is_some_and(|removed| removed.comes_before(ready));
            let over = life.terminating().is_some_and(|end| order::certainly_before(history, end, self.made));
            ready.is_some_and(|ready| !removed(ready)) && !over
        };
        let key = |number: u32| format!("incarnation {number} of {} in {}", self.pod, self.name);
        numbered.filter(|(_, life)| was_there(life)).map(|(number, life)| (key(number), life)).collect()
    }
}

/// The Services that select one pod of the set by its name.
pub fn name_services<'h>(set: &Set<'h>) -> Vec<NameService<'h>> {
    let mut by_uid: BTreeMap<&str, Vec<Seen<'h, ObjectSeen>>> = BTreeMap::new();
    for version in set.history().objects(set.watch_of(Resource::Services)) {
        by_uid.entry(&version.what.uid).or_default().push(version);
    }
    by_uid.values().filter_map(|versions| NameService::of(set, versions)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{checks::notation::Notes, history::Change, views::View};

    fn service(notes: &mut Notes, change: Change, spec: Value) {
        notes.object(
            Resource::Services,
            change,
            json!({"metadata": {"name": "one", "uid": "s"}, "spec": spec}),
        );
    }

    #[test]
    fn a_service_is_known_by_its_selector_and_not_by_its_name() {
        let pod = |spec: Value| {
            let mut notes = Notes::new().say("set replicas=1; web-0 created");
            service(&mut notes, Change::Added, spec);
            let history = notes.history();
            let view = View::of(&history);
            name_services(&view.sets()[0]).first().map(|service| service.pod.to_owned())
        };
        let of = |value: &str| json!({POD_NAME_LABEL: value});
        assert_eq!(pod(json!({"selector": of("web-0")})).as_deref(), Some("web-0"));
        assert_eq!(
            pod(json!({"selector": {POD_NAME_LABEL: "web-0", "app": "nginx"}})).as_deref(),
            Some("web-0")
        );
        assert_eq!(pod(json!({"selector": {POD_NAME_LABEL: "web-0", "app": "other"}})), None);
        assert_eq!(pod(json!({"selector": of("db-0")})), None);
        assert_eq!(pod(json!({"selector": {"app": "nginx"}})), None);
        assert_eq!(pod(json!({"selector": of("web-0"), "type": "ExternalName"})), None);
    }

    #[test]
    fn a_service_that_came_to_select_another_pod_is_none() {
        let mut notes = Notes::new().say("set replicas=1; web-0 created");
        service(&mut notes, Change::Added, json!({"selector": {POD_NAME_LABEL: "web-0"}}));
        service(&mut notes, Change::Modified, json!({"selector": {POD_NAME_LABEL: "web-1"}}));
        let history = notes.history();
        assert!(name_services(&View::of(&history).sets()[0]).is_empty());
    }

    #[test]
    fn the_incarnations_that_were_ready_while_it_was_there() {
        let keys = |notes: Notes, then: &str| {
            let history = notes.say(then).history();
            let view = View::of(&history);
            let set = &view.sets()[0];
            let selected = name_services(set)[0].selected(set);
            selected.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let mut notes = Notes::new()
            .say("set replicas=1; web-0 created; web-0 ready; web-0 deleted; wait 9s; bookmark services");
        let selector = json!({"selector": {POD_NAME_LABEL: "web-0"}});
        service(&mut notes, Change::Added, selector.clone());
        notes = notes.say("web-0 created; web-0 deleted; web-0 created; web-0 ready");
        assert_eq!(
            keys(notes.clone(), ""),
            ["incarnation 3 of web-0 in one"],
            "the first was gone, the second unready"
        );
        service(&mut notes, Change::Deleted, selector);
        assert_eq!(keys(notes, "web-0 deleted; web-0 created; web-0 ready").len(), 1);
    }
}
