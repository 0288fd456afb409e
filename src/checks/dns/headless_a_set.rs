//! `headless-a-set`: the headless Service's name resolves to the addresses of exactly the ready pods.

use super::dns_verdicts::{Clauses, names_resolve};
use crate::{
    checks::{Check, Findings},
    views::{
        View,
        dns::{Service, Subject, questions::questions},
    },
};

/// Judges `specs/dns/headless-a-set.yaml`.
pub(super) const CHECK: Check = Check { id: "headless-a-set", judge };

/// What backends, and what nodes, are told for the Service's name.
const CLAUSES: Clauses = Clauses { backend: "backend", node: "node" };

fn judge(view: &View<'_>, findings: &mut Findings) {
    let is_meant =
        |service: &Service<'_>, subject, _: &_| service.is_governing && subject == Subject::Service;
    names_resolve(view, CLAUSES, &questions(view, is_meant), findings);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::{
        Kind,
        notation::{assert_blind, assert_broken, assert_held, history, judge},
    };

    const BOTH: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; wait 1s";

    #[test]
    fn the_whole_set_in_any_order() {
        let answers = "dns a A nginx -> 10.0.0.11 10.0.0.10; dns b A nginx -> 10.0.0.10 10.0.0.11";
        assert_held(&CHECK, &format!("{BOTH}; {answers}"), 2);
    }

    #[test]
    fn it_grows_with_the_set() {
        let growing = "service; web-0 created; dns a A nginx -> nothing; web-0 ready; dns a A nginx -> 10.0.0.10; \
                       web-1 created; web-1 ready; dns a A nginx -> 10.0.0.10; dns a A nginx -> 10.0.0.10 10.0.0.11";
        assert_held(&CHECK, growing, 2);
    }

    #[test]
    fn one_address_of_two() {
        assert_broken(
            &CHECK,
            &format!("{BOTH}; dns a A nginx -> 10.0.0.11"),
            "expected 10.0.0.10, 10.0.0.11",
        );
        assert_broken(
            &CHECK,
            &format!("{BOTH}; wait 70s; dns a A nginx -> 10.0.0.10"),
            "expected 10.0.0.10, 10.0.0.11",
        );
    }

    #[test]
    fn a_virtual_address() {
        assert_broken(&CHECK, &format!("{BOTH}; dns a A nginx -> 10.96.3.4"), "answered 10.96.3.4");
    }

    #[test]
    fn a_pod_that_is_gone_is_still_among_them() {
        let gone = "web-1 terminating; web-1 deleted; wait 66s; dns a A nginx -> 10.0.0.10 10.0.0.11";
        assert_broken(&CHECK, &format!("{BOTH}; {gone}"), "after that had changed; expected 10.0.0.10");
    }

    #[test]
    fn a_watch_that_was_down_for_8_s_and_lost_nothing() {
        let down = "error pods; wait 8s; dns a A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; opened pods; web-2 created; web-2 ready";
        let findings = judge(&CHECK, &history(&format!("{BOTH}; {down}")));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
    }

    #[test]
    fn pods_that_are_not_ready_are_among_them_where_the_service_publishes_them() {
        let publish = format!(
            "{} ; web-2 created; web-2 address 10.0.0.12; web-2 running; wait 1s",
            BOTH.replace("service", "service publish")
        );
        assert_held(&CHECK, &format!("{publish}; dns a A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12"), 1);
        let left_out = format!("{publish}; wait 70s; dns a A nginx -> 10.0.0.10 10.0.0.11");
        assert_broken(&CHECK, &left_out, "expected 10.0.0.10, 10.0.0.11, 10.0.0.12");
    }

    #[test]
    fn a_gap_hides_what_the_set_was() {
        let hidden = format!("{BOTH}; gap pods; dns a A nginx -> 10.0.0.10 10.0.0.11 10.0.0.99");
        assert_blind(&CHECK, &hidden, "a gap in a watch hides");
        let right = format!("{BOTH}; gap pods; dns a A nginx -> 10.0.0.10 10.0.0.11");
        assert!(
            judge(&CHECK, &history(&right)).findings.is_empty(),
            "in a gap even what fits is no evidence"
        );
    }

    #[test]
    fn no_answer_and_old_answers_alone_do_not_judge() {
        assert_blind(&CHECK, &format!("{BOTH}; dns a A nginx -> no-answer"), "gave no answer");
        assert_blind(&CHECK, &format!("{BOTH}; dns a A nginx -> 10.0.0.10"), "which a cache may still hold");
    }
}
