//! `dns-follows-recreate`: the name of a recreated pod resolves to the new pod's address.

use std::collections::BTreeMap;

use super::dns_verdicts::{Clauses, gave_up, last_answers, never_answered};
use crate::{
    checks::{Check, Findings},
    history::{Event, ObjectSeen, Phase, Seen},
    views::{
        Dimension, PodLife, Set, View,
        dns::{Question, Service, Subject, questions::questions},
    },
};

/// Judges `specs/dns/dns-follows-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-follows-recreate", judge };

/// The name of a recreated pod came to resolve to the new pod's address.
const NEW: &str = "new-address";
/// The same of a pod that was scaled away and came back.
const CAME_BACK: &str = "came-back";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let recreated = by_name(view.sets().iter().flat_map(|set| recreated(view, set)));
    let of = |service: &Service<'_>, subject: Subject<'_>| {
        let Subject::Pod(label) = subject else { return None };
        recreated.get(label)?.iter().find(|one| one.is_behind(service))
    };
    let mut asked = questions(view, |service, subject, _| of(service, subject).is_some());
    asked.retain(|one| of(one.service, one.subject).is_some_and(|of| of.was_ready_at(one.event)));
    let clauses = Clauses::one(NEW);
    let returned = Dimension::ScaledBack.members(view);
    last_answers(clauses, &asked, findings, |one, findings| {
        held(clauses, one, findings);
        if let Subject::Pod(label) = one.subject
            && let Some(key) = returned.get(&one.service.key(label))
        {
            let say = Clauses::one(CAME_BACK).say(findings, one).of(Dimension::ScaledBack, key);
            say.held(one.told(), &[one.event]);
        }
    });
    gave_up(view, clauses, &asked, findings);
    never_answered(clauses, &asked, findings);
}

fn by_name<'v, 'h>(
    all: impl Iterator<Item = Recreated<'v, 'h>>,
) -> BTreeMap<&'h str, Vec<Recreated<'v, 'h>>> {
    let mut names: BTreeMap<&str, Vec<Recreated<'_, '_>>> = BTreeMap::new();
    for one in all {
        names.entry(one.life.name).or_default().push(one);
    }
    names
}

/// Says that somebody answered with the address of a recreated pod.
pub(super) fn held(clauses: Clauses, one: &Question<'_, '_>, findings: &mut Findings) {
    let Subject::Pod(label) = one.subject else { return };
    let say = clauses.say(findings, one).of(Dimension::Recreated, one.service.key(label));
    say.held(one.told(), &[one.event]);
}

/// The last incarnation of a pod that had an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Recreated<'v, 'h> {
    pub(super) set: &'v Set<'h>,
    /// The Service that the pod has its name from.
    pub(super) service: Option<String>,
    pub(super) life: &'v PodLife<'h>,
    /// When it became ready.
    pub(super) ready: &'h Event,
    /// When it stopped being ready, or the end of the scenario.
    pub(super) until: &'h Event,
}

impl Recreated<'_, '_> {
    /// Whether the pod has its name from this Service.
    pub(super) fn is_behind(&self, service: &Service<'_>) -> bool {
        service.namespace == self.set.namespace && Some(&service.name) == self.service.as_ref()
    }

    /// Whether a question was asked while it was ready.
    pub(super) fn was_ready_at(&self, asked: &Event) -> bool {
        self.ready.span.until_us <= asked.span.from_us && asked.seq <= self.until.seq
    }
}

/// The last incarnation of each pod of a set that had an earlier one, if it came to be ready. What becomes of it once it is
/// not ready any more, by whosever doing, is no part of this.
pub(super) fn recreated<'v, 'h>(view: &View<'h>, set: &'v Set<'h>) -> Vec<Recreated<'v, 'h>> {
    let (pods, ended, service) = (set.pods(), view.history().ended(), set.service());
    let last = |name: &str| {
        let life = pods.named(name).rfind(|life| life.birth().seq <= ended.seq)?;
        let (ready, _) = (life.first_ready()?, pods.predecessor(life)?);
        let stops = |version: &&Seen<'h, ObjectSeen>| {
            ready.comes_before(version.event) && Phase::of(version.what) != Phase::Ready
        };
        let stopped = life.versions.iter().find(stops).map(|version| version.event).or(life.gone());
        let until = stopped.filter(|stopped| stopped.comes_before(ended)).unwrap_or(ended);
        Some(Recreated { set, service: service.clone(), life, ready, until })
    };
    pods.names().filter_map(last).filter(|one| one.ready.seq <= ended.seq).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent};

    const AGAIN: &str = "service; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; web-0 terminating; web-0 deleted; \
                         web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 1s";

    #[test]
    fn each_backend_comes_to_the_new_address() {
        let come = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> nxdomain; wait 30s; dns a A web-0 -> 10.0.0.77; \
                    dns b A web-0 -> 10.0.0.77";
        assert_held(&CHECK, &format!("{AGAIN}; {come}"), 2);
    }

    #[test]
    fn the_same_address_again_is_as_good() {
        let same = "service; web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready; wait 1s";
        assert_held(&CHECK, &format!("{same}; dns a A web-0 -> 10.0.0.10"), 1);
    }

    #[test]
    fn the_old_address_for_ever() {
        let old = format!("{AGAIN}; wait 70s; dns a A web-0 -> 10.0.0.10");
        assert_broken(&CHECK, &old, "expected 10.0.0.77");
    }

    #[test]
    fn one_backend_of_two_does_not_follow() {
        let one = "wait 50s; dns a A web-0 -> 10.0.0.77; wait 15s; dns b A web-0 -> 10.0.0.10; timed-out dns-settled";
        assert_broken(&CHECK, &format!("{AGAIN}; {one}"), "b (tcp) answered 10.0.0.10");
    }

    #[test]
    fn the_name_is_lost_or_goes_to_another() {
        assert_broken(&CHECK, &format!("{AGAIN}; wait 70s; dns a A web-0 -> nxdomain"), "does not exist");
        assert_broken(&CHECK, &format!("{AGAIN}; dns a A web-0 -> 10.0.0.99"), "expected 10.0.0.77");
    }

    #[test]
    fn asked_too_early_or_not_answered() {
        assert_blind(&CHECK, &format!("{AGAIN}; dns a A web-0 -> 10.0.0.10"), "which a cache may still hold");
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
        assert_silent(&CHECK, "service; web-0 created; web-0 ready; wait 1s; dns a A web-0 -> 10.0.0.10");
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
    fn what_becomes_of_it_later_is_no_matter() {
        let went = "dns a A web-0 -> 10.0.0.77; web-0 terminating; wait 9s; dns a A web-0 -> 10.0.0.77; wait 90s; \
                    dns a A web-0 -> nxdomain";
        assert_held(&CHECK, &format!("{AGAIN}; {went}"), 1);
        let before = "wait 70s; dns a A web-0 -> 10.0.0.10; delete web-0; web-0 terminating";
        assert_broken(&CHECK, &format!("{AGAIN}; {before}"), "expected 10.0.0.77");
    }

    #[test]
    fn a_wait_that_was_given_up_is_no_violation_by_itself() {
        let given_up = "dns a A web-0 -> 10.0.0.10; wait 70s; timed-out dns-settled";
        assert_blind(&CHECK, &format!("{AGAIN}; {given_up}"), "was not asked again");
    }

    #[test]
    fn only_the_last_incarnation_counts() {
        let lost = "dns a A web-0 -> 10.0.0.77; web-0 terminating; web-0 deleted; web-0 created";
        assert_silent(&CHECK, &format!("{AGAIN}; {lost}"));
    }
}
