//! The order of what different observers saw.
//!
//! There is none, but for what lies so far apart that neither can have been held up on its way. A watch is a stream out of a
//! cache of its own in the API server, so what it delivers may be late, by as much as [`History::lag_us`] was seen to be and
//! more. Within one watch the order of delivery is the order of the changes ([`Event::comes_before`]).

use crate::{
    history::{Event, History, Observation, Observer, Span},
    limits,
};

/// Whether one event happened before another that somebody else saw, for certain.
///
/// Two objects also have revisions: where these are numbers, as every API server of Kubernetes writes them, and say the
/// opposite, nothing is certain. They never say more than that, because between resources the API promises no order of them.
pub fn certainly_before(history: &History, first: &Event, then: &Event) -> bool {
    if first.observer == then.observer && matches!(first.observer, Observer::Watch(_)) {
        return first.comes_before(then);
    }
    let slack_us = slack_us(history, first).max(slack_us(history, then));
    let apart = first.span.until_us.saturating_add(slack_us) < then.span.from_us;
    apart && !revisions_disagree(first, then)
}

/// By how much what this event tells may be late: the slack between observers, and twice the lag that its watch was seen to
/// have, because what was seen is a part of what there was.
pub fn slack_us(history: &History, event: &Event) -> u64 {
    let lag_us = match event.observer {
        Observer::Watch(watch) => history.lag_us(watch),
        _ => 0,
    };
    limits::OBSERVER_SLACK.wait_us().saturating_add(lag_us.saturating_mul(2))
}

/// The span in which what this event tells can have happened, for comparison with what another observer saw.
pub fn span(history: &History, event: &Event) -> Span {
    let slack_us = match event.observer {
        Observer::Watch(_) => slack_us(history, event),
        _ => 0,
    };
    Span { from_us: event.span.from_us.saturating_sub(slack_us), until_us: event.span.until_us }
}

fn revisions_disagree(first: &Event, then: &Event) -> bool {
    let revision = |event: &Event| match &event.seen {
        Observation::Object(object) => object.revision.parse::<u64>().ok(),
        _ => None,
    };
    revision(first).zip(revision(then)).is_some_and(|(first, then)| first >= then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::{Notes, history};
    use crate::history::{Change, Resource};

    #[test]
    fn one_watch_has_an_order() {
        let history = history("web-0 created; web-1 created");
        let [.., first, second] = &history.events[..] else { panic!("two") };
        assert!(certainly_before(&history, first, second) && !certainly_before(&history, second, first));
    }

    #[test]
    fn two_watches_have_one_only_where_they_are_far_apart() {
        let at = |wait: &str| {
            let history =
                history(&format!("web-0 created; wait {wait}; bookmark statefulsets; set replicas=1"));
            let count = history.events.len();
            certainly_before(&history, &history.events[count - 3], history.last())
        };
        assert!(!at("4s"));
        assert!(at("6s"));
    }

    #[test]
    fn revisions_that_disagree_take_the_certainty_away() {
        let mut notes = Notes::new().say("web-0 created; wait 60s; bookmark statefulsets");
        let mut set = serde_json::json!({"metadata": {"name": "web", "uid": "s"}});
        set["metadata"]["resourceVersion"] = serde_json::json!("1");
        notes.object_as_it_is(Resource::StatefulSets, Change::Added, set);
        let history = notes.history();
        let count = history.events.len();
        assert!(!certainly_before(&history, &history.events[count - 3], history.last()));
    }

    #[test]
    fn a_watch_that_was_seen_to_be_late_is_given_twice_as_much() {
        let mut notes = Notes::new().say("web-0 created");
        notes.list_ahead(Resource::Pods, "web-0 ready");
        let history = notes.say("wait 3s; web-0 ready").history();
        let slack_us = slack_us(&history, history.last());
        assert!(slack_us > limits::OBSERVER_SLACK.wait_us() + 6_000_000, "{slack_us}");
    }
}
