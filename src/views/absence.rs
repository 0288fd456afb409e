//! Whether something never was, when a watch never told of it.
//!
//! A watch may be late by seconds with nothing lost, so that is decided at the end of the record and not when another watch
//! tells of it. A scenario that came to its end has compared each watch with a list: what the watch lost is a gap.

use super::{View, order};
use crate::history::{Event, Watch};

/// Why it cannot be concluded that what a watch never told of was not there.
#[derive(Debug, Clone, Copy)]
pub enum Unsure<'h> {
    /// The watch has a gap that may hide it; the event shows the gap.
    Gap(&'h Event),
    /// The record ends so soon that the watch may still have told of it.
    TooSoon(&'h Event),
}

impl<'h> Unsure<'h> {
    /// The event that shows it.
    pub const fn event(&self) -> &'h Event {
        match self {
            Unsure::Gap(event) | Unsure::TooSoon(event) => event,
        }
    }
}

/// What keeps one from concluding that something was not there at an event because that watch never told of it; none where
/// nothing does.
pub fn unsure<'h>(view: &View<'h>, watch: Watch, at: &Event) -> Option<Unsure<'h>> {
    let history = view.history();
    let hides =
        |until: Option<&Event>| until.is_none_or(|until| !order::certainly_before(history, until, at));
    if let Some(gap) = history.gaps(watch).into_iter().find(|gap| hides(gap.until)) {
        return Some(Unsure::Gap(gap.shown_by));
    }
    let lag_us = history.lag_us(watch).saturating_mul(2);
    let may_come_us = order::slack_us(history, at).max(crate::limits::OBSERVER_SLACK.wait_us() + lag_us);
    let left_us = history.last().span.until_us.saturating_sub(at.span.until_us);
    (!history.is_completed() && left_us <= may_come_us).then(|| Unsure::TooSoon(history.last()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Resource};

    /// Whether it can be told that there never was a set when web-0 was created, or why not.
    fn told(statements: &str) -> &'static str {
        let history = history(statements);
        let view = View::of(&history);
        let created = history.objects(Resource::Pods).next().expect("web-0").event;
        match unsure(&view, Resource::StatefulSets.into(), created) {
            None => "never",
            Some(Unsure::Gap(_)) => "a gap",
            Some(Unsure::TooSoon(_)) => "too soon",
        }
    }

    #[test]
    fn a_scenario_that_came_to_its_end_has_compared() {
        assert_eq!(told("web-0 created; completed"), "never");
    }

    #[test]
    fn a_record_that_ends_soon_leaves_it_open() {
        assert_eq!(told("web-0 created; aborted"), "too soon");
        assert_eq!(told("web-0 created; wait 4s; aborted"), "too soon");
        assert_eq!(told("web-0 created; wait 6s; aborted"), "never");
    }

    #[test]
    fn a_gap_hides_it_unless_it_was_over_long_before() {
        let listed = "gap statefulsets; opened statefulsets; bookmark statefulsets";
        assert_eq!(told("web-0 created; gap statefulsets; wait 60s; completed"), "a gap");
        assert_eq!(told(&format!("{listed}; web-0 created; completed")), "a gap");
        assert_eq!(told(&format!("{listed}; wait 60s; bookmark pods; web-0 created; completed")), "never");
    }
}
