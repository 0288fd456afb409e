//! `pod-fqdn-resolves`: the name of each pod resolves to that pod's addresses, by every backend and from every node.

use std::collections::BTreeSet;

use super::dns_verdicts::{Clauses, names_resolve};
use crate::{
    checks::{Check, Findings},
    history::{ExecSeen, Purpose, Seen},
    views::{
        Dimension, PodLife, Set, View,
        dimension::SEARCH_DOMAINS,
        dns::{Fit, Question, Service, Subject, questions::questions},
        resolver::Resolver,
    },
};

/// Judges `specs/dns/pod-fqdn-resolves.yaml`.
pub(super) const CHECK: Check = Check { id: "pod-fqdn-resolves", judge };

/// What backends, and what nodes, are told for each pod's name.
const CLAUSES: Clauses = Clauses { backend: "backend", node: "node" };
/// The short forms of the name are completed to it by the search list of each pod.
const SEARCH: &str = "search";

fn judge(view: &View<'_>, findings: &mut Findings) {
    // The names of pods that never were are another promise (`dns-nxdomain-absent`).
    let lived = names_of_pods(view);
    let is_meant = |service: &Service<'_>, subject: Subject<'_>, _: &_| {
        let Subject::Pod(label) = subject else { return false };
        lived.contains(&(service.namespace, &*service.name, label))
    };
    let mut asked = questions(view, is_meant);
    asked.retain(|one| !tells_of_one_that_left(one));
    names_resolve(view, CLAUSES, &asked, findings);
    for set in view.sets() {
        for exec in view.execs_for(&Purpose::ResolverConfig) {
            if let Some(life) = set.pods().with_uid(&exec.what.pod_uid) {
                short_names_are_completed(view, set, life, exec, findings);
            }
        }
    }
}

/// The pods that the sets had: each with its namespace and its governing Service.
fn names_of_pods<'v>(view: &'v View<'_>) -> BTreeSet<(&'v str, &'v str, &'v str)> {
    let mut names = BTreeSet::new();
    for set in view.sets() {
        let called = set.service();
        let own =
            view.services().iter().find(|s| s.namespace == set.namespace && Some(&s.name) == called.as_ref());
        let pods = set.pods().names();
        names.extend(pods.filter_map(|pod| own.map(|service| (service.namespace, &*service.name, pod))));
    }
    names
}

/// Old answers are other promises: those about pods that are not ready (`dns-unready-excluded`) or gone for good.
fn tells_of_one_that_left(one: &Question<'_, '_>) -> bool {
    let was_true = matches!(one.fit, Some(Fit::Stale { .. } | Fit::Outdated { .. }));
    was_true && one.is_positive() && one.expected().is_empty()
}

/// `<pod>.<service>` and the longer forms come to the pod's name through the search list of the pod that asks.
fn short_names_are_completed(
    view: &View<'_>,
    set: &Set<'_>,
    life: &PodLife<'_>,
    exec: Seen<'_, ExecSeen>,
    findings: &mut Findings,
) {
    let Some(text) = exec.what.printed() else { return };
    let (Some(service), true) = (set.service(), asks_the_clusters_dns(life)) else { return };
    let resolver = Resolver::parse(text);
    let (pod, short) = (set.key(life.name), format!("{}.{service}", life.name));
    let zone = view.started().zone.as_deref();
    let is_own =
        |(namespace, of): (&str, &str)| namespace == set.namespace && zone.is_none_or(|zone| zone == of);
    if !resolver.namespace_and_zone().is_some_and(is_own) {
        let search = resolver.search.join(" ");
        let what = format!(
            "in {pod} the search list is `{search}`, which does not complete {short} to the pod's name"
        );
        return findings.on(SEARCH).pod(pod).broken(what, &[exec.event]);
    }
    let namespace = set.namespace;
    let forms = [short.clone(), format!("{short}.{namespace}"), format!("{short}.{namespace}.svc")];
    for (form, domain) in forms.into_iter().zip(SEARCH_DOMAINS) {
        let what = format!("in {pod} the search list completes {form} to the pod's name");
        findings.on(SEARCH).pod(&*pod).of(Dimension::SearchDomain, domain).held(what, &[exec.event]);
    }
}

/// Whether the pod's resolver is set up for the cluster's DNS (Kubernetes documentation, DNS for Services and Pods, "Pod's DNS
/// Policy").
fn asks_the_clusters_dns(life: &PodLife<'_>) -> bool {
    let pod = life.last().what;
    let on_host = pod.at("/spec/hostNetwork").is_some_and(|host| *host == true);
    match pod.text("/spec/dnsPolicy") {
        None | Some("ClusterFirst") => !on_host,
        other => other == Some("ClusterFirstWithHostNet"),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            dns::evidence::lacks,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::Resource,
    };

    const BOTH: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; wait 1s";

    #[test]
    fn every_backend_resolves_every_pod() {
        let answers = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> 10.0.0.10; dns a A web-1 -> 10.0.0.11; \
                       dns a A web-1 -> 10.0.0.11";
        assert_held(&CHECK, &format!("{BOTH}; {answers}"), 3);
    }

    #[test]
    fn an_answer_from_before_is_tolerated_as_long_as_it_is_followed_by_a_right_one() {
        let late = "service; web-0 created; dns a A web-0 -> nxdomain; web-0 ready; wait 20s; dns a A web-0 -> nxdomain; \
                    wait 10s; dns a A web-0 -> 10.0.0.10";
        assert_held(&CHECK, late, 1);
    }

    #[test]
    fn a_siblings_address_is_broken_at_once() {
        assert_broken(
            &CHECK,
            &format!("{BOTH}; dns a A web-0 -> 10.0.0.11"),
            "a (tcp) answered 10.0.0.11 (the address of web-1) for web-0.nginx, expected 10.0.0.10",
        );
    }

    #[test]
    fn all_pods_under_one_name() {
        assert_broken(&CHECK, &format!("{BOTH}; dns a A web-0 -> 10.0.0.10 10.0.0.11"), "expected 10.0.0.10");
    }

    #[test]
    fn a_name_that_does_not_come_to_be() {
        assert_broken(
            &CHECK,
            &format!("{BOTH}; wait 70s; dns a A web-0 -> nxdomain"),
            "web-0.nginx does not exist",
        );
        let given_up = "dns a A web-0 -> nxdomain; wait 62s; timed-out dns-settled";
        assert_blind(&CHECK, &format!("{BOTH}; {given_up}"), "was not asked again");
    }

    #[test]
    fn a_recreated_pod_keeps_its_old_address() {
        let again = "web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 70s";
        assert_broken(&CHECK, &format!("{BOTH}; {again}; dns a A web-0 -> 10.0.0.10"), "expected 10.0.0.77");
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
        assert_blind(&CHECK, &format!("{BOTH}; dns a A web-0 -> nxdomain"), "which a cache may still hold");
    }

    #[test]
    fn a_gap_hides_the_address() {
        let gap = format!("{BOTH}; gap pods; web-0 listed; web-0 ready; dns a A web-0 -> 10.0.0.99");
        assert_blind(&CHECK, &gap, "a gap in a watch");
    }

    #[test]
    fn a_watch_that_was_down_for_8_s_and_lost_nothing() {
        let down = "service; web-0 created; error pods; wait 8s; dns a A web-0 -> 10.0.0.10; error pods; opened pods; \
                    web-0 ready; bookmark pods";
        let findings = judge(&CHECK, &history(down));
        assert_eq!(findings.of_kind(Kind::Broken).count(), 0, "{findings:#?}");
        let long = down
            .replace("dns a", "wait 1s; dns a")
            .replace("error pods; wait", "error pods; dns a A web-0 -> nxdomain; wait");
        let findings = judge(&CHECK, &history(&format!("{long}; dns a A web-0 -> 10.0.0.10")));
        assert_eq!((findings.of_kind(Kind::Broken).count(), findings.held), (0, 1), "{findings:#?}");
    }

    #[test]
    fn what_a_quiet_watch_told_only_later_may_be_right_and_is_no_evidence() {
        let early = "service; web-0 created; dns a A web-0 -> 10.0.0.10; wait 20s; web-0 ready; wait 1s";
        assert_blind(&CHECK, early, "which a watch that may have been late delivered only later");
        let told = "service; web-0 created; wait 20s; bookmark pods; wait 20s; web-0 ready";
        let early = told.replace("bookmark", "dns a A web-0 -> 10.0.0.10; wait 1s; bookmark");
        assert_blind(&CHECK, &early, "may have been late");
        let late = "service; web-0 created; dns a A web-0 -> 10.0.0.10; wait 6s; bookmark pods; wait 20s; web-0 ready";
        assert_broken(&CHECK, late, "expected nothing");
    }

    #[test]
    fn a_dual_stack_service_needs_both_families() {
        let pod = "service dual; web-0 created; web-0 address 10.0.0.10,fd00::10; web-0 ready; wait 1s";
        assert_held(&CHECK, &format!("{pod}; dns a A web-0 -> 10.0.0.10; dns a AAAA web-0 -> fd00:0::10"), 1);
        assert_silent(&CHECK, &format!("{pod}; dns a A web-0 -> 10.0.0.10; dns b AAAA web-0 -> fd00::10"));
        assert_broken(
            &CHECK,
            &format!("{pod}; dns a AAAA web-0 -> fd00::99"),
            "for web-0.nginx (AAAA), expected fd00::10",
        );
    }

    #[test]
    fn a_single_stack_service_has_no_address_of_the_other_family() {
        let pod = "service; web-0 created; web-0 address 10.0.0.10,fd00::10; web-0 ready; wait 1s";
        assert_held(&CHECK, &format!("{pod}; dns a A web-0 -> 10.0.0.10; dns a AAAA web-0 -> nothing"), 1);
        assert_broken(&CHECK, &format!("{pod}; dns a AAAA web-0 -> fd00::10"), "expected nothing");
    }

    #[test]
    fn pods_of_other_sets_services_and_namespaces_have_their_own_names() {
        let other =
            "in other; service; set replicas=1; web-0 created; web-0 address 10.1.0.1; web-0 ready; wait 1s";
        let asked = "dns a A web-0 -> 10.1.0.1; in ns; dns a A web-0 -> 10.0.0.10";
        assert_held(&CHECK, &format!("{BOTH}; {other}; {asked}"), 2);
        let wrong = "dns a A web-0 -> 10.0.0.10";
        assert_broken(
            &CHECK,
            &format!("{BOTH}; {other}; {wrong}"),
            "for web-0.other/nginx, expected 10.1.0.1",
        );
    }

    #[test]
    fn each_form_of_the_search_path_is_evidence_of_its_own() {
        let search = "exec web-0 resolv -> nameserver 10.96.0.10\\nsearch ns.svc.cluster.local svc.cluster.local cluster.local";
        assert_held(&CHECK, &format!("{BOTH}; {search}"), 3);
        let lacking = lacks(
            "pod-fqdn-resolves",
            "ip-churn",
            &history(&format!("set replicas=2; {BOTH}; {search}; completed")),
        );
        let search: Vec<_> = lacking.iter().filter(|lack| lack.starts_with("search")).collect();
        assert_eq!(search.len(), 3, "web-1 was not looked into: {lacking:?}");
    }

    #[test]
    fn a_pod_that_does_not_use_the_clusters_dns_has_another_search_list() {
        let mut notes = Notes::new().say(BOTH);
        notes.modify(Resource::Pods, "web-0", |pod| pod["spec"]["dnsPolicy"] = "Default".into());
        let history = notes.say("exec web-0 resolv -> nameserver 1.1.1.1\\nsearch corp.example").history();
        assert!(judge(&CHECK, &history).findings.iter().all(|finding| finding.kind != Kind::Broken));
    }

    #[test]
    fn pods_that_never_were_or_are_not_ready_are_not_its_business() {
        assert_silent(&CHECK, &format!("{BOTH}; dns a A web-99 -> 10.0.0.11"));
        assert_silent(&CHECK, &format!("{BOTH}; web-1 unready; wait 90s; dns a A web-1 -> 10.0.0.11"));
    }
}
