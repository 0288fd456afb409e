//! `dns-follows-recreate`: the name of a recreated pod resolves to the new pod's address.

use std::collections::BTreeMap;

use super::{
    asked::Subject,
    telling::{gave_up, last_words_are_right, never_answered},
    truth::Truth,
};
use crate::{
    checks::{Check, Findings},
    history::{Event, History, PodLife},
};

/// Judges `specs/dns/dns-follows-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-follows-recreate", judge };

fn judge(history: &History, findings: &mut Findings) {
    let truth = Truth::of(history);
    let pods = history.pods();
    // Since when the pod of that name is ready in its last incarnation.
    let ready: BTreeMap<&str, &Event> = recreated(history, &pods)
        .into_iter()
        .filter_map(|(name, life)| Some((name, life.first_ready()?)))
        .collect();
    let since = |subject: Subject<'_>| match subject {
        Subject::Pod(name) => ready.get(name),
        _ => None,
    };
    let mut asked = truth.asked(history, |_, subject| since(subject).is_some());
    asked.retain(|one| since(one.subject).is_some_and(|ready| ready.span.until_us <= one.event.span.from_us));
    last_words_are_right(&truth, &asked, findings);
    gave_up(history, &truth, &asked, findings);
    never_answered(&truth, &asked, findings);
}

/// The last incarnation of each pod that had an earlier one and is there to the end.
pub(super) fn recreated<'p, 'h>(
    history: &History,
    pods: &'p [PodLife<'h>],
) -> BTreeMap<&'h str, &'p PodLife<'h>> {
    let end = history.ended().seq;
    let mut last: BTreeMap<&str, (&PodLife<'_>, usize)> = BTreeMap::new();
    for life in pods {
        let before = last.get(life.name).map_or(0, |(_, lives)| *lives);
        last.insert(life.name, (life, before + 1));
    }
    last.retain(|_, (life, lives)| *lives > 1 && life.terminating().is_none_or(|event| event.seq > end));
    last.into_iter().map(|(name, (life, _))| (name, life)).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent};

    const AGAIN: &str = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 terminating; web-0 deleted; \
                         web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 1s";

    #[test]
    fn each_backend_comes_to_the_new_address() {
        let come = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> nxdomain; wait 30s; dns a A web-0 -> 10.0.0.77; \
                    dns b A web-0 -> 10.0.0.77";
        assert_held(&CHECK, &format!("{AGAIN}; {come}"), 2);
    }

    #[test]
    fn the_same_address_again_is_as_good() {
        let same = "web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready; wait 1s";
        assert_held(&CHECK, &format!("{same}; dns a A web-0 -> 10.0.0.10"), 1);
    }

    #[test]
    fn the_old_address_for_ever() {
        let old = format!("{AGAIN}; wait 70s; dns a A web-0 -> 10.0.0.10");
        assert_broken(&CHECK, &old, "right was 10.0.0.77");
    }

    #[test]
    fn one_backend_of_two_does_not_follow() {
        let one = "wait 50s; dns a A web-0 -> 10.0.0.77; dns b A web-0 -> 10.0.0.10; wait 10s; timed-out dns-settled";
        assert_broken(&CHECK, &format!("{AGAIN}; {one}"), "b (tcp) answered 10.0.0.10");
    }

    #[test]
    fn the_name_is_lost_or_goes_to_another() {
        assert_broken(&CHECK, &format!("{AGAIN}; wait 70s; dns a A web-0 -> nxdomain"), "does not exist");
        assert_broken(&CHECK, &format!("{AGAIN}; dns a A web-0 -> 10.0.0.99"), "never was true");
    }

    #[test]
    fn asked_too_early_or_not_answered() {
        assert_blind(&CHECK, &format!("{AGAIN}; dns a A web-0 -> 10.0.0.10"), "which a cache may still say");
        assert_blind(&CHECK, &format!("{AGAIN}; dns a A web-0 -> no-answer"), "gave no answer");
    }

    #[test]
    fn a_node_may_still_be_told_what_a_cache_holds() {
        let old =
            "dns a A web-0 -> 10.0.0.77; dns @node-0 A web-0 -> 10.0.0.10; wait 60s; timed-out dns-settled";
        assert_held(&CHECK, &format!("{AGAIN}; {old}"), 1);
        let late = "wait 70s; dns @node-0 A web-0 -> 10.0.0.10";
        assert_broken(&CHECK, &format!("{AGAIN}; {late}"), "node-0");
    }

    #[test]
    fn the_clean_up_does_not_count() {
        let cleaned = "dns a A web-0 -> 10.0.0.77; completed; web-0 terminating; web-0 deleted";
        assert_held(&CHECK, &format!("{AGAIN}; {cleaned}"), 1);
    }

    #[test]
    fn without_a_recreation_there_is_nothing_to_say() {
        assert_silent(&CHECK, "web-0 created; web-0 ready; wait 1s; dns a A web-0 -> 10.0.0.10");
        assert_silent(&CHECK, AGAIN);
    }

    #[test]
    fn a_gap_hides_whether_it_was_right() {
        let hidden = "gap pods; dns a A web-0 -> 10.0.0.99";
        assert_blind(&CHECK, &format!("{AGAIN}; {hidden}"), "hides whether that was true");
    }

    #[test]
    fn that_a_pod_which_is_unready_again_has_no_name_is_no_evidence() {
        assert_silent(&CHECK, &format!("{AGAIN}; web-0 unready; wait 1s; dns a A web-0 -> nxdomain"));
    }

    #[test]
    fn one_that_went_again_is_not_followed() {
        assert_silent(&CHECK, &format!("{AGAIN}; dns a A web-0 -> 10.0.0.77; web-0 terminating"));
    }
}
