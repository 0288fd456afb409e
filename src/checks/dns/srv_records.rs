//! `srv-records`: one SRV record for each ready pod, with the port and the pod's own name.

use super::dns_verdicts::{Clauses, names_resolve};
use crate::{
    checks::{Check, Findings},
    views::{
        View,
        dns::{Service, Subject, questions::questions},
    },
};

/// Judges `specs/dns/srv-records.yaml`.
pub(super) const CHECK: Check = Check { id: "srv-records", judge };

/// What backends, and what nodes, are told for the Service's ports.
const CLAUSES: Clauses = Clauses { backend: "backend", node: "node" };

fn judge(view: &View<'_>, findings: &mut Findings) {
    let is_meant = |service: &Service<'_>, subject, _: &_| {
        service.is_governing && matches!(subject, Subject::Port { .. })
    };
    names_resolve(view, CLAUSES, &questions(view, is_meant), findings);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held};

    fn both(answer: &str) -> String {
        let answer = answer.replace('@', ".nginx.ns.svc.cluster.local.");
        format!(
            "service; web-0 created; web-0 ready; web-1 created; web-1 ready; dns a SRV _web._tcp -> {answer}"
        )
    }

    #[test]
    fn one_for_each_ready_pod() {
        assert_held(&CHECK, &both("0_50_80_web-1@ 0_50_80_web-0@"), 1);
    }

    #[test]
    fn a_pod_without_a_record() {
        assert_broken(&CHECK, &both("0_100_80_web-1@"), "expected web-0:80, web-1:80");
    }

    #[test]
    fn targets_made_from_addresses() {
        assert_broken(&CHECK, &both("0_50_80_10-0-0-10@ 0_50_80_10-0-0-11@"), "10-0-0-10");
    }

    #[test]
    fn another_port_or_the_service_itself_as_target() {
        assert_broken(&CHECK, &both("0_50_80_web-0@ 0_50_8080_web-1@"), "web-1:8080");
        assert_broken(&CHECK, &both("0_100_80_nginx.ns.svc.cluster.local."), "expected web-0:80, web-1:80");
    }

    #[test]
    fn none_at_all() {
        assert_broken(
            &CHECK,
            &format!("{}; wait 70s; dns a SRV _web._tcp -> nxdomain", both("no-answer")),
            "does not exist",
        );
    }

    #[test]
    fn no_answer_does_not_judge() {
        assert_blind(&CHECK, &both("no-answer"), "gave no answer");
    }
}
