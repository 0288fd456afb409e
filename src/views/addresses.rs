//! The addresses of a pod around the time at which it was asked for them from inside.
//!
//! A sandbox that a node makes anew gives a pod another address in place. The pod knows it at once and its status a while
//! later, so what is read inside is compared with every status that can have been true then or was told later.

use super::{PodLife, Set, order};
use crate::history::{Event, pod};

/// What a pod's status told of its addresses around the time of a question.
#[derive(Debug)]
pub enum Told<'h> {
    /// A gap of the watch of pods, shown by this event, may hide what it told.
    Hidden(&'h Event),
    /// It told these.
    Addresses {
        /// All that can have been true at the time of the question, and all that were told later.
        all: Vec<&'h str>,
        /// Why another address may be right, with an event that shows it; none where nothing speaks for it.
        may_change: Option<(String, &'h Event)>,
    },
}

/// What the status of a pod told of its addresses around the time of a question.
pub fn told_around<'h>(set: &Set<'h>, life: &PodLife<'h>, asked: &'h Event) -> Told<'h> {
    let slack_us = order::slack_us(set.history(), life.birth());
    let since_us = asked.span.from_us.saturating_sub(slack_us);
    // A version may have been true until the next one was delivered.
    let over = |at: usize| life.versions.get(at + 1).is_some_and(|next| next.event.span.until_us < since_us);
    let first = (0..life.versions.len()).find(|at| !over(*at)).unwrap_or_default();
    let next = life.versions.iter().find(|version| asked.comes_before(version.event));
    let until = next.map_or(asked, |version| version.event);
    if let Some(gap) = set.pods().gap_between(life.versions[first].event, until) {
        return Told::Hidden(gap.shown_by);
    }
    let mut all: Vec<&str> = life.versions[first..].iter().flat_map(|v| pod::addresses(v.what)).collect();
    all.sort_unstable();
    all.dedup();
    Told::Addresses { all, may_change: may_change(set, life, asked, slack_us) }
}

fn may_change<'h>(
    set: &Set<'h>,
    life: &PodLife<'h>,
    asked: &'h Event,
    slack_us: u64,
) -> Option<(String, &'h Event)> {
    if let Some((version, trouble)) = life.container_trouble() {
        return Some((trouble, version.event));
    }
    let last = set.history().last();
    if let Some(gap) = set.pods().gap_between(asked, life.gone().unwrap_or(last)) {
        return Some(("a gap in the watch of pods may hide another address".to_owned(), gap.shown_by));
    }
    let end = life.terminating().unwrap_or(last);
    let stayed_us = end.span.until_us.saturating_sub(asked.span.until_us);
    let what = "its status may not have told yet of another address";
    (stayed_us <= slack_us).then(|| (what.to_owned(), end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::notation::history, views::View};

    /// What the status told around the last command, and what speaks for another address.
    fn around(statements: &str) -> (Vec<String>, String) {
        let history = history(statements);
        let view = View::of(&history);
        let set = &view.sets()[0];
        let asked = view.history().execs().last().expect("a command").event;
        match told_around(set, &set.pods()[0], asked) {
            Told::Hidden(_) => (Vec::new(), "hidden".to_owned()),
            Told::Addresses { all, may_change } => {
                let all = all.into_iter().map(str::to_owned).collect();
                (all, may_change.map(|(why, _)| why).unwrap_or_default())
            }
        }
    }

    const ASKED: &str = "exec web-0 addresses -> x";

    #[test]
    fn the_status_before_and_all_that_is_told_later() {
        let changed = format!(
            "web-0 created; web-0 address 10.0.0.1; wait 60s; web-0 address 10.0.0.2; wait 60s; web-0 ready; {ASKED}; \
             web-0 address 10.0.0.3; wait 60s; completed"
        );
        assert_eq!(around(&changed), (vec!["10.0.0.2".to_owned(), "10.0.0.3".to_owned()], String::new()));
    }

    #[test]
    fn a_status_that_was_replaced_a_moment_ago_may_have_been_true() {
        let changed = format!(
            "web-0 created; web-0 address 10.0.0.1; wait 60s; web-0 address 10.0.0.2; wait 4s; {ASKED}; wait 60s"
        );
        assert_eq!(around(&changed).0, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(around(&changed.replace("wait 4s", "wait 6s")).0, ["10.0.0.2"]);
    }

    #[test]
    fn one_that_ends_soon_may_not_have_told_yet() {
        let asked = |then: &str| around(&format!("web-0 created; web-0 ready; {ASKED}; {then}")).1;
        assert!(asked("wait 4s; completed").contains("may not have told yet"));
        assert!(asked("wait 4s; web-0 terminating; wait 60s; completed").contains("may not have told yet"));
        assert_eq!(asked("wait 6s; web-0 terminating; completed"), "");
    }

    #[test]
    fn gaps_hide_what_was_told() {
        let lost = "gap pods; web-0 listed-again; opened pods";
        assert_eq!(around(&format!("web-0 created; web-0 ready; {lost}; {ASKED}; wait 9s")).1, "hidden");
        let before = format!(
            "web-0 created; web-0 ready; {lost}; wait 9s; web-0 running; wait 9s; {ASKED}; wait 9s; completed"
        );
        assert_eq!(around(&before), (vec!["10.0.0.10".to_owned()], String::new()));
        let later = format!("web-0 created; web-0 ready; {ASKED}; web-0 ready; {lost}; wait 9s");
        assert!(around(&later).1.contains("may hide another address"));
    }
}
