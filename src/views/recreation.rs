//! Pods that a request of the driver took away, and the incarnations that took their places.

use std::collections::HashMap;

use super::{PodLife, Set, View};
use crate::history::Event;

/// A pod that a request took away, and what came after it.
#[derive(Debug, Clone, Copy)]
pub struct Recreation<'p, 'h> {
    /// The request.
    pub request: &'h Event,
    /// The incarnation that it took away.
    pub lost: &'p PodLife<'h>,
    /// The incarnation that took its place, if there is one.
    pub next: Option<&'p PodLife<'h>>,
}

/// Every pod of the set that a request took away, in the order of the requests.
pub fn recreations<'p, 'h>(view: &View<'h>, set: &'p Set<'h>) -> Vec<Recreation<'p, 'h>> {
    let mut all = Vec::new();
    for (doing, names) in view.pod_deletions(set) {
        let uid = doing.request().and_then(|request| request.what.uid.as_deref());
        for name in names {
            let lost = set.pods().before(name, doing.event).next();
            let lost = lost.filter(|life| uid.is_none_or(|uid| life.uid == uid));
            all.extend(lost.map(|lost| Recreation {
                request: doing.event,
                lost,
                next: set.pods().successor(lost),
            }));
        }
    }
    all
}

/// The requests that took away the incarnation before, by the uid of the one that took its place.
pub fn requests_by_successor<'h>(view: &View<'h>, set: &Set<'h>) -> HashMap<&'h str, &'h Event> {
    let all = recreations(view, set).into_iter();
    all.filter_map(|recreation| Some((recreation.next?.uid, recreation.request))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    #[test]
    fn each_pod_that_was_deleted_has_its_successor() {
        let history = history(
            "web-0 created; web-1 created; web-2 created; web-2 deleted; web-2 created; delete all; web-0 deleted; \
             web-1 deleted; web-0 created; delete web-0; web-1 created",
        );
        let view = View::of(&history);
        let set = &view.sets()[0];
        let all = recreations(&view, set);
        let names: Vec<_> =
            all.iter().map(|r| (r.lost.uid, r.next.map(|life| (life.name, life.uid)))).collect();
        let mass =
            [("uid-1", Some(("web-0", "uid-5"))), ("uid-2", Some(("web-1", "uid-6"))), ("uid-4", None)];
        assert_eq!(names, [&mass[..], &[("uid-5", None)]].concat());
        let by_successor = requests_by_successor(&view, set);
        assert_eq!(by_successor.len(), 2, "web-2 was first replaced without a request");
    }

    #[test]
    fn a_request_for_another_incarnation_took_nothing_away() {
        let mut notes =
            crate::checks::notation::Notes::new().say("web-0 created; web-0 deleted; web-0 created");
        notes.request(
            crate::history::Verb::Delete,
            crate::history::Resource::Pods,
            Some("web-0"),
            Some("uid-1".to_owned()),
            serde_json::json!({}),
        );
        let history = notes.history();
        let view = View::of(&history);
        assert!(recreations(&view, &view.sets()[0]).is_empty());
    }
}
