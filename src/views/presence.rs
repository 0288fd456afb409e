//! Whether the pod that the record names at an event is certainly the one that was there.
//!
//! The driver names a pod by what the watch had delivered, and a watch may be late or lose events: by then another
//! incarnation may have had the name.

use super::{PodLife, Set, View, order};
use crate::history::Event;

/// Why it is not certain that an incarnation was there.
#[derive(Debug, Clone, Copy)]
pub enum Uncertain<'h> {
    /// The watch of pods lost events around it.
    Gap(&'h Event),
    /// It may have been gone already: this is its end, and no request made after the event explains it.
    MayBeGone(&'h Event),
}

/// The reason why an incarnation was not certainly there at an event (a command, an answer), if there is one.
///
/// It was there if it never ended; if its end lies so much later that the watch cannot have been that late; or if it ended
/// because of a request that was made after the event, and no earlier request can have ended it.
pub fn uncertain_at<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    event: &Event,
) -> Option<Uncertain<'h>> {
    if let Some(gap) = set.pods().gap_at(event) {
        return Some(Uncertain::Gap(gap.shown_by));
    }
    let end = life.terminating().filter(|end| end.seq <= view.ended().seq)?;
    let ends_later = order::certainly_before(view.history(), event, end);
    let was_asked_later = ended_by(view, set, life)
        .is_some_and(|request| event.comes_before(request) && event.span.until_us <= request.span.from_us);
    let is_there = event.comes_before(end) && (ends_later || was_asked_later);
    (!is_there).then_some(Uncertain::MayBeGone(end))
}

/// The request that ended an incarnation: the first since its birth that can have taken it away, if its end came after that
/// and nothing else explains it. What came to be in its place came to be after that request.
pub fn ended_by<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>) -> Option<&'h Event> {
    let end = life.terminating().filter(|end| end.seq <= view.ended().seq)?;
    let since_birth = view.doings().partition_point(|doing| doing.event.seq <= life.birth().seq);
    let mut until_end = view.doings()[since_birth..].iter().take_while(|doing| doing.event.comes_before(end));
    let takes_away =
        |doing: &&super::Doing<'h>| doing.request().is_some() && doing.disturbs_pod(set, life.name);
    let first = until_end.find(takes_away)?.event;
    let is_hidden = set.pods().gap_at(first).is_some();
    (!is_hidden && life.evicted().is_none()).then_some(first)
}

/// Why a pod may have been unable to run a command, as the rest of the sentence "the pod …": it was on its way out, the driver
/// had disturbed it and it had not been ready since, or a container of it ended.
pub fn unable_at<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    life: &PodLife<'h>,
    event: &Event,
) -> Option<(String, &'h Event)> {
    if let Some(end) = life.terminating().filter(|end| end.comes_before(event)) {
        return Some(("was on its way out".to_owned(), end));
    }
    let known = view.doings().partition_point(|doing| doing.event.seq < event.seq);
    let since_birth = view.doings()[..known].iter().rev();
    let mut since_birth = since_birth.take_while(|doing| life.birth().comes_before(doing.event));
    let last = since_birth.find(|doing| doing.disturbs_pod(set, life.name)).map(|doing| doing.event);
    let is_over = |last: &Event| life.ready_since(event).is_some_and(|ready| last.comes_before(ready));
    let disturbed = last.filter(|last| !is_over(last));
    let disturbed =
        disturbed.map(|last| ("had been disturbed and had not become ready since".to_owned(), last));
    disturbed.or_else(|| {
        let (version, trouble) = life.container_trouble()?;
        Some((format!("did not keep running: {trouble}"), version.event))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, history::Observation};

    /// What is uncertain about the first web-0 at the command in it.
    fn at_command(statements: &str) -> &'static str {
        let history = history(&format!("web-0 created; web-0 ready; web-1 created; {statements}"));
        let command = history.events.iter().find(|event| matches!(event.seen, Observation::Exec(_)));
        let view = View::of(&history);
        let set = &view.sets()[0];
        match uncertain_at(&view, set, &set.pods()[0], command.expect("a command")) {
            None => "nothing",
            Some(Uncertain::Gap(_)) => "gap",
            Some(Uncertain::MayBeGone(_)) => "may be gone",
        }
    }

    const COMMAND: &str = "token web-0 container a;";

    #[test]
    fn a_pod_that_was_deleted_afterwards_was_there() {
        assert_eq!(at_command(COMMAND), "nothing");
        assert_eq!(
            at_command(&format!("{COMMAND} delete web-0; web-0 terminating; web-0 deleted")),
            "nothing"
        );
        assert_eq!(at_command(&format!("{COMMAND} scale 0; web-0 terminating")), "nothing");
        assert_eq!(at_command(&format!("delete web-1; {COMMAND} delete web-0; web-0 deleted")), "nothing");
        assert_eq!(
            at_command(&format!("exec web-0 close-gate -> ok; {COMMAND} delete all; web-0 deleted")),
            "nothing"
        );
    }

    #[test]
    fn the_clean_up_is_no_end() {
        assert_eq!(at_command(&format!("{COMMAND} completed; web-0 terminating; web-0 deleted")), "nothing");
    }

    #[test]
    fn one_that_ended_for_another_reason_may_have_been_gone() {
        assert_eq!(at_command(&format!("{COMMAND} web-0 terminating")), "may be gone");
        assert_eq!(at_command(&format!("delete web-0; {COMMAND} delete all; web-0 deleted")), "may be gone");
        let much_later = format!("{COMMAND} wait 9s; bookmark pods; web-0 terminating");
        assert_eq!(at_command(&much_later), "nothing");
    }

    #[test]
    fn a_request_that_ended_a_pod_came_before_its_end_and_not_in_a_gap() {
        let ended_by = |statements: &str| {
            let history = history(&format!("web-0 created; web-0 ready; {statements}; completed"));
            let view = View::of(&history);
            let set = &view.sets()[0];
            ended_by(&view, set, &set.pods()[0])
                .map(|request| history.requests().position(|r| r.event.seq == request.seq))
        };
        assert_eq!(ended_by("delete web-0; delete all; web-0 deleted"), Some(Some(0)));
        assert_eq!(ended_by("web-0 deleted; delete all"), None);
        assert_eq!(ended_by("web-0 deleted"), None);
        assert_eq!(ended_by("delete web-0"), None);
        assert_eq!(ended_by("completed; web-0 deleted"), None);
        assert_eq!(ended_by("gap pods; delete web-0; web-0 unlisted"), None);
    }

    #[test]
    fn a_gap_hides_who_was_there() {
        assert_eq!(at_command(&format!("gap pods; {COMMAND} web-0 listed-again; web-1 listed-again")), "gap");
    }

    #[test]
    fn a_pod_may_be_unable_to_answer_for_a_reason_that_the_record_has() {
        let why = |statements: &str| {
            let history = history(&format!("web-0 created; web-0 ready; {statements}"));
            let command = history.execs().find(|exec| exec.printed().is_none()).expect("a command").event;
            let view = View::of(&history);
            let set = &view.sets()[0];
            unable_at(&view, set, &set.pods()[0], command).map(|(why, _)| why).unwrap_or_default()
        };
        let read = "tokens web-0 volume -> fails";
        assert_eq!(why(read), "");
        assert!(why(&format!("exec web-0 crash -> ok; {read}")).contains("had been disturbed"));
        assert!(why(&format!("delete web-0; {read}")).contains("had been disturbed"));
        assert!(why(&format!("delete web-0; web-0 terminating; {read}")).contains("on its way out"));
        assert_eq!(why(&format!("exec web-0 crash -> ok; web-0 unready; web-0 ready; {read}")), "");
    }
}
