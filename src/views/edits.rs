//! What the driver itself wrote into pods, and when it took their set away: from then on a pod need not look as the set
//! makes it.

use std::collections::BTreeMap;

use super::{PodLife, Set, View, order};
use crate::history::{Event, History};

/// The driver's own changes of the pods of a set.
#[derive(Debug)]
pub struct Edits<'h> {
    history: &'h History,
    by_pod: BTreeMap<&'h str, Vec<&'h Event>>,
    removed: Option<&'h Event>,
}

impl<'h> Edits<'h> {
    /// All of the record.
    pub fn of(view: &View<'h>, set: &Set<'h>) -> Self {
        let mut by_pod: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        let mut removed = None;
        for doing in view.doings() {
            if let Some(pod) = doing.edited_pod(set) {
                by_pod.entry(pod).or_default().push(doing.event);
            }
            removed = removed.or(doing.removes_set(set).then_some(doing.event));
        }
        Self { history: view.history(), by_pod, removed }
    }

    /// Whether the driver made that pod itself or wrote into it before an event. What it wrote shortly before the birth of
    /// this incarnation was told may have been for it already.
    pub fn touched(&self, life: &PodLife<'h>, event: &Event) -> bool {
        let mut edits = self.by_pod.get(life.name).into_iter().flatten();
        let may_mean_it = |edit: &Event| {
            !is_made_by_set(life) || !order::certainly_before(self.history, edit, life.birth())
        };
        edits.any(|edit| edit.comes_before(event) && may_mean_it(edit))
    }

    /// Whether the driver made or wrote into a pod of that name, the set's or not, before an event.
    pub fn wrote(&self, pod: &str, event: &Event) -> bool {
        self.by_pod.get(pod).into_iter().flatten().any(|edit| edit.comes_before(event))
    }

    /// Whether the driver had taken the set away before an event: its pods may be given up, or others'.
    pub fn set_was_removed(&self, event: &Event) -> bool {
        self.removed.is_some_and(|removed| removed.comes_before(event))
    }
}

/// Whether its first version says that the set controls it.
fn is_made_by_set(life: &PodLife<'_>) -> bool {
    life.versions[0].what.controller().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::Notes,
        history::{Change, Resource, Verb},
    };

    #[test]
    fn a_pod_is_touched_from_the_request_on_and_its_successor_is_not() {
        let mut notes = Notes::new().say("web-0 created; web-1 created");
        notes.request(Verb::Patch, Resource::Pods, Some("web-0"), None, json!({}));
        let later = "web-0 ready; web-1 ready; web-0 deleted; wait 6s; bookmark pods; web-0 created";
        let history = notes.say(later).history();
        let view = View::of(&history);
        let edits = Edits::of(&view, &view.sets()[0]);
        let [zero, one, again] = &view.sets()[0].pods()[..] else { panic!("three lives") };
        assert!(!edits.touched(zero, zero.birth()) && edits.touched(zero, zero.versions[1].event));
        assert!(!edits.touched(one, history.last()) && !edits.touched(again, history.last()));
        assert!(edits.wrote("web-0", history.last()) && !edits.wrote("web-0", zero.birth()));
    }

    #[test]
    fn a_pod_that_the_driver_makes_itself_is_touched_from_its_birth_on() {
        let mut notes = Notes::new().say("set replicas=1");
        notes.request(Verb::Create, Resource::Pods, Some("web-0"), None, json!({}));
        notes.object(
            Resource::Pods,
            Change::Added,
            json!({"metadata": {"name": "web-0", "uid": "n", "labels": {"app": "nginx"}}}),
        );
        let history = notes.history();
        let view = View::of(&history);
        let edits = Edits::of(&view, &view.sets()[0]);
        let life = &view.sets()[0].pods()[0];
        assert!(edits.touched(life, life.birth()));
    }

    #[test]
    fn a_set_is_removed_by_its_own_deletion_only() {
        let removed = |resource: Resource, name: Option<&str>| {
            let mut notes = Notes::new().say("set replicas=1; web-0 created");
            notes.request(Verb::Delete, resource, name, None, json!({}));
            let history = notes.say("web-0 ready").history();
            let view = View::of(&history);
            let edits = Edits::of(&view, &view.sets()[0]);
            edits.set_was_removed(history.last()) && !edits.set_was_removed(&history.events[0])
        };
        assert!(removed(Resource::StatefulSets, Some("web")));
        assert!(!removed(Resource::StatefulSets, Some("db")) && !removed(Resource::Pods, Some("web-0")));
    }
}
