//! `pod-fqdn-resolves`: the name of each pod resolves to that pod's addresses, by every backend and from every node.

use std::collections::BTreeSet;

use super::{
    asked::{Asked, Subject},
    resolver::Resolver,
    telling::names_tell_the_truth,
    truth::{Fit, Truth},
};
use crate::{
    checks::{Check, Findings},
    history::{History, Purpose, SERVICE},
};

/// Judges `specs/dns/pod-fqdn-resolves.yaml`.
pub(super) const CHECK: Check = Check { id: "pod-fqdn-resolves", judge };

fn judge(history: &History, findings: &mut Findings) {
    let truth = Truth::of(history);
    let lived: BTreeSet<&str> = history.pods().iter().map(|life| life.name).collect();
    // Names of pods that never were are another promise (`dns-nxdomain-absent`).
    let is_about_a_pod =
        |_: &_, subject: Subject<'_>| matches!(subject, Subject::Pod(name) if lived.contains(name));
    let mut asked = truth.asked(history, is_about_a_pod);
    asked.retain(|one| !tells_of_one_that_left(&truth, one));
    names_tell_the_truth(history, &truth, &asked, findings);
    short_names_are_completed(history, findings);
}

/// Old answers are other promises: those about pods that are not ready (`dns-unready-excluded`) or gone for good.
fn tells_of_one_that_left(truth: &Truth<'_>, one: &Asked<'_>) -> bool {
    let was_true = matches!(one.fit, Some(Fit::Stale { .. } | Fit::Outdated { .. }));
    was_true && one.is_positive() && one.subject.truth(truth.at(one.event.span.from_us)).is_empty()
}

/// `<pod>.<service>` and the longer forms come to the pod's name through the search list of the pod that asks.
fn short_names_are_completed(history: &History, findings: &mut Findings) {
    let namespace = history.started().namespace;
    for exec in history.execs_for(&Purpose::ResolverConfig) {
        let Some(text) = exec.printed() else { continue };
        let pod = &exec.pod;
        let resolver = Resolver::parse(text);
        findings.expect(
            resolver.namespace_and_zone().is_some_and(|(of, _)| of == namespace),
            format!("in {pod} the search list completes web-0.{SERVICE} to the pod's name"),
            format!(
                "in {pod} the search list is `{}`, which does not complete web-0.{SERVICE} to the pod's name",
                resolver.search.join(" ")
            ),
            &[exec.event],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent, history, judge};

    const BOTH: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; wait 1s";

    #[test]
    fn every_backend_resolves_every_pod() {
        let answers = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> 10.0.0.10; dns a A web-1 -> 10.0.0.11; \
                       dns a A web-1 -> 10.0.0.11";
        assert_held(&CHECK, &format!("{BOTH}; {answers}"), 3);
    }

    #[test]
    fn an_answer_from_before_is_tolerated_as_long_as_it_is_followed_by_a_right_one() {
        let late = "web-0 created; dns a A web-0 -> nxdomain; web-0 ready; wait 20s; dns a A web-0 -> nxdomain; \
                    wait 10s; dns a A web-0 -> 10.0.0.10";
        assert_held(&CHECK, late, 1);
    }

    #[test]
    fn a_siblings_address_is_broken_at_once() {
        assert_broken(
            &CHECK,
            &format!("{BOTH}; dns a A web-0 -> 10.0.0.11"),
            "a (tcp) answered 10.0.0.11 (an address of web-1) for web-0.nginx, which never was true",
        );
    }

    #[test]
    fn all_pods_under_one_name() {
        assert_broken(&CHECK, &format!("{BOTH}; dns a A web-0 -> 10.0.0.10 10.0.0.11"), "never was true");
    }

    #[test]
    fn a_name_that_does_not_come_to_be() {
        assert_broken(
            &CHECK,
            &format!("{BOTH}; wait 70s; dns a A web-0 -> nxdomain"),
            "web-0.nginx does not exist",
        );
        assert_broken(
            &CHECK,
            &format!("{BOTH}; dns a A web-0 -> nxdomain; wait 62s; timed-out dns-settled"),
            "when the wait for DNS to settle was given up",
        );
    }

    #[test]
    fn a_recreated_pod_keeps_its_old_address() {
        let again = "web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 70s";
        assert_broken(&CHECK, &format!("{BOTH}; {again}; dns a A web-0 -> 10.0.0.10"), "right was 10.0.0.77");
    }

    #[test]
    fn one_backend_that_refuses_every_question() {
        let refused = format!("{BOTH}; dns a A web-0 -> 10.0.0.10; dns b A web-0 -> servfail");
        assert_broken(&CHECK, &refused, "b (tcp) gave no answer for web-0.nginx: SERVFAIL");
    }

    #[test]
    fn a_search_list_without_the_namespace() {
        let search = "exec web-0 resolv -> nameserver 10.96.0.10\\nsearch svc.cluster.local cluster.local";
        assert_broken(&CHECK, &format!("{BOTH}; {search}"), "does not complete");
    }

    #[test]
    fn a_backend_that_never_answers_is_not_judged() {
        assert_blind(&CHECK, &format!("{BOTH}; dns a A web-0 -> no-answer"), "gave no answer");
    }

    #[test]
    fn a_datagram_that_a_node_lost_is_no_lost_evidence() {
        let lost = "dns @node-0 A web-0 -> 10.0.0.10; dns @node-0 A web-1 -> no-answer";
        assert_held(&CHECK, &format!("{BOTH}; {lost}"), 1);
        let backend = "dns a A web-0 -> 10.0.0.10; dns a A web-1 -> no-answer";
        assert_blind(&CHECK, &format!("{BOTH}; {backend}"), "a (tcp) gave no answer for web-1");
        assert_blind(&CHECK, &format!("{BOTH}; dns @node-0 A web-1 -> no-answer"), "gave no answer");
    }

    #[test]
    fn what_is_wrong_or_hidden_again_and_again_is_told_once() {
        let told =
            |statements: &str| judge(&CHECK, &history(&format!("{BOTH}; {statements}"))).findings.len();
        assert_eq!(told("dns a A web-0 -> 10.0.0.99; dns a A web-0 -> 10.0.0.99"), 1);
        assert_eq!(told("gap pods; dns a A web-0 -> 10.0.0.99; dns a A web-0 -> 10.0.0.99"), 1);
    }

    #[test]
    fn a_question_asked_too_early_is_not_judged() {
        assert_blind(&CHECK, &format!("{BOTH}; dns a A web-0 -> nxdomain"), "which a cache may still say");
    }

    #[test]
    fn a_gap_hides_the_address() {
        let gap = format!("{BOTH}; gap pods; web-0 listed; web-0 ready; dns a A web-0 -> 10.0.0.99");
        assert_blind(&CHECK, &gap, "a gap in the watch of pods");
    }

    #[test]
    fn pods_that_never_were_or_are_not_ready_are_not_its_business() {
        assert_silent(&CHECK, &format!("{BOTH}; dns a A web-99 -> 10.0.0.11"));
        assert_silent(&CHECK, &format!("{BOTH}; web-1 unready; wait 90s; dns a A web-1 -> 10.0.0.11"));
    }
}
