//! A pod that does not come: by the controller's own doing, or because something stands in its way.

use crate::{
    history::{Event, History, PodLife, Pods, Resource},
    limits,
};

/// An ordinal that has no pod although nothing keeps the controller from creating it.
#[derive(Debug)]
pub(super) struct Neglected<'h> {
    /// The ordinal.
    pub ordinal: u32,
    /// Since when it was for the controller to act.
    pub since: &'h Event,
    /// For how long it did not.
    pub secs: f64,
}

/// Whether, when a wait was given up, the lowest ordinal without a pod was the controller's to create: all lower ones
/// have been ready, and its last incarnation gone, for longer than the controller may take, and no creation was refused.
pub(super) fn neglected<'h>(
    history: &'h History,
    lives: &Pods<'h>,
    replicas: u32,
    given_up: &'h Event,
) -> Option<Neglected<'h>> {
    let mut since = history.set().next()?.event;
    for ordinal in 0..replicas {
        let latest = lives.latest(ordinal, given_up);
        if let Some(present) = latest.filter(|life| life.at(given_up.seq).is_some()) {
            since = later(since, present.ready_since(given_up.seq)?);
            continue;
        }
        since = latest.and_then(PodLife::deleted).map_or(since, |gone| later(since, gone));
        return unexplained(history, ordinal, since, given_up);
    }
    None
}

fn unexplained<'h>(
    history: &'h History,
    ordinal: u32,
    since: &'h Event,
    given_up: &Event,
) -> Option<Neglected<'h>> {
    let idle_us = given_up.span.until_us.saturating_sub(since.span.until_us);
    let refused = history.objects(Resource::Events).any(|e| e.text("/reason") == Some("FailedCreate"));
    let is_unexplained = idle_us >= limits::CONTROLLER_ACTS.wait_us()
        && !refused
        && history.gap_between(Resource::Pods, since, given_up).is_none();
    is_unexplained.then_some(Neglected { ordinal, since, secs: idle_us as f64 / 1e6 })
}

fn later<'h>(one: &'h Event, other: &'h Event) -> &'h Event {
    if one.comes_before(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::neglected;
    use crate::{
        checks::notation::{Notes, history},
        history::{Change, Resource},
    };

    const GONE: &str = "set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; web-1 terminating; \
        web-1 deleted;";

    fn missing(statements: &str) -> Option<u32> {
        let history = history(statements);
        neglected(&history, &history.pods(), 2, history.last()).map(|neglected| neglected.ordinal)
    }

    #[test]
    fn a_pod_that_is_not_created_for_half_a_minute() {
        assert_eq!(missing(&format!("{GONE} wait 120s; timed-out pods-ready [0, 1]")), Some(1));
        assert_eq!(missing("set replicas=2; wait 120s; timed-out pods-ready [0, 1]"), Some(0));
    }

    #[test]
    fn one_that_went_a_moment_ago_may_still_come() {
        assert_eq!(missing(&format!("{GONE} wait 3s; timed-out pods-ready [0, 1]")), None);
    }

    #[test]
    fn a_lower_one_that_is_not_ready_stands_in_its_way() {
        let pending = "set replicas=2; web-0 created; wait 120s; timed-out pods-ready [0, 1]";
        assert_eq!(missing(pending), None);
        let late = format!("{GONE} web-0 unready; wait 120s; web-0 ready; timed-out pods-ready [0, 1]");
        assert_eq!(missing(&late), None);
    }

    #[test]
    fn a_creation_that_the_server_refuses_explains_it() {
        for (reason, ordinal) in [("FailedCreate", None), ("SuccessfulCreate", Some(1))] {
            let mut notes = Notes::new().say(GONE);
            let event = json!({"metadata": {"name": "web.1"}, "reason": reason});
            notes.object(Resource::Events, Change::Added, event);
            let history = notes.say("wait 120s; timed-out pods-ready [0, 1]").history();
            let neglected = neglected(&history, &history.pods(), 2, history.last());
            assert_eq!(neglected.map(|neglected| neglected.ordinal), ordinal, "{reason}");
        }
    }

    #[test]
    fn all_there_and_none_is_missing() {
        assert_eq!(missing("set replicas=2; web-0 created; web-0 ready; web-1 created; wait 120s"), None);
    }
}
