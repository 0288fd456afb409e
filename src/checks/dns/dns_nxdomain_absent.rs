//! `dns-nxdomain-absent`: a pod that never was, or is gone for good, has no name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::dns_verdicts::{Clauses, listed, never_answered, say_broken, say_hidden};
use crate::{
    checks::{Cause, Check, Findings, Kind},
    history::{DnsSeen, Event, Seen},
    views::{
        Dimension, Set, View,
        dimension::SEARCH_DOMAINS,
        dns::{
            Family, Fit, Question, Service, Subject,
            questions::{Names, last_of_each, questions, response, server},
        },
    },
};

/// Judges `specs/dns/dns-nxdomain-absent.yaml`.
pub(super) const CHECK: Check = Check { id: "dns-nxdomain-absent", judge };

/// Nothing that a search list makes of a short name is answered, but the name of a pod: what backends, and what nodes, are
/// told.
const COMPLETIONS: Clauses = Clauses { backend: "backend", node: "node" };
/// The name of a pod that was scaled away is not answered.
const GONE: Clauses = Clauses::one("gone");

fn judge(view: &View<'_>, findings: &mut Findings) {
    let members = Members::of(view);
    let asked =
        questions(view, |service, subject, _| service.is_governing && matches!(subject, Subject::Pod(_)));
    let absent = |one: &&Question<'_, '_>| members.absence(one).is_some();
    let absent: Vec<Question<'_, '_>> = asked.iter().filter(absent).cloned().collect();
    each_answer(&members, &absent, findings);
    never_answered(COMPLETIONS, &absent, findings);
    last_answers(&members, &asked, findings);
    Completions::of(view).judge(findings);
}

/// Why a pod does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// No set ever had it or was to have it.
    Never,
    /// It was scaled away, and had gone when the question was asked.
    Gone,
}

/// The sets behind each Service.
struct Members<'v, 'h> {
    sets: BTreeMap<String, Vec<&'v Set<'h>>>,
}

impl<'v, 'h> Members<'v, 'h> {
    fn of(view: &'v View<'h>) -> Self {
        let mut sets: BTreeMap<String, Vec<&Set<'_>>> = BTreeMap::new();
        for set in view.sets() {
            if let Some(service) = set.service() {
                sets.entry(place(set.namespace, &service)).or_default().push(set);
            }
        }
        Self { sets }
    }

    fn behind(&self, service: &Service<'_>) -> &[&'v Set<'h>] {
        self.sets.get(&place(service.namespace, &service.name)).map_or(&[], Vec::as_slice)
    }

    /// Why the pod that was asked for did not exist; none where it did, or was to come. From a request for it on it is to
    /// come; a pod that was deleted and is still asked for comes back.
    fn absence(&self, one: &Question<'_, '_>) -> Option<Absence> {
        let Subject::Pod(label) = one.subject else { return None };
        let sets = self.behind(one.service);
        if sets.iter().any(|set| is_wanted(set, label, one.event)) {
            return None;
        }
        match sets.iter().find(|set| set.pods().named(label).next().is_some()) {
            Some(set) => self.has_gone(set, label, one.event).then_some(Absence::Gone),
            // A pod of no set may have the name as well.
            None => (!one.service.published().knows(label)).then_some(Absence::Never),
        }
    }

    fn has_gone(&self, set: &Set<'_>, pod: &str, asked: &Event) -> bool {
        let last = set.pods().before(pod, asked).next();
        let gone = last.and_then(|life| life.gone());
        last.is_none() || gone.is_some_and(|gone| gone.span.until_us <= asked.span.from_us)
    }

    /// How evidence names what it is about.
    fn dimension(&self, one: &Question<'_, '_>) -> (Clauses, Dimension, String) {
        match (self.absence(one), one.subject) {
            (Some(Absence::Gone), Subject::Pod(label)) => (GONE, Dimension::Gone, one.service.key(label)),
            _ => (COMPLETIONS, Dimension::SearchDomain, SEARCH_DOMAINS[0].to_owned()),
        }
    }
}

fn place(namespace: &str, service: &str) -> String {
    format!("{namespace}/{service}")
}

/// Whether a set was to have a pod of that name when something was asked, as far as that had been asked for.
fn is_wanted(set: &Set<'_>, pod: &str, event: &Event) -> bool {
    let Some(ordinal) = crate::history::pod::ordinal(set.name, pod) else { return false };
    let start = set.start_at(event);
    let replicas = set.asked_at(event).map_or(0, |asked| asked.replicas);
    (start..start.saturating_add(replicas)).contains(&ordinal)
}

fn each_answer(members: &Members<'_, '_>, absent: &[Question<'_, '_>], findings: &mut Findings) {
    let mut said = BTreeSet::new();
    for one in absent {
        let mut is_new = |kind| said.insert((kind, one.key));
        match one.fit {
            Some(Fit::Current) if is_new(Kind::Held) => {
                let (clauses, dimension, member) = members.dimension(one);
                clauses.say(findings, one).of(dimension, member).held(one.told(), &[one.event]);
            }
            Some(Fit::Wrong | Fit::Outdated { .. }) if is_new(Kind::Broken) => {
                say_broken(members.dimension(one).0, one, findings);
            }
            Some(Fit::Hidden { .. } | Fit::Unordered { .. }) if is_new(Kind::Blind) => {
                say_hidden(members.dimension(one).0, one, findings);
            }
            _ => {}
        }
    }
}

/// An old answer as the last one is no evidence.
fn last_answers(members: &Members<'_, '_>, asked: &[Question<'_, '_>], findings: &mut Findings) {
    for one in last_of_each(asked.iter().filter(|one| one.answer.is_ok() && one.is_followed)) {
        if let (Some(Fit::Stale { over }), Some(_)) = (one.fit, members.absence(one)) {
            let what = format!("{}, which a cache may still hold, and was not asked again", one.told());
            members.dimension(one).0.say(findings, one).blind(Cause::Cached, what, &[over, one.event]);
        }
    }
}

/// What a search list makes of `<pod>.<service>`, beside the name of the pod.
struct Completions<'v, 'h> {
    view: &'v View<'h>,
    names: Names<'v, 'h>,
    zone: Option<String>,
    /// The names of the headless Services that govern sets.
    services: BTreeSet<&'v str>,
    namespaces: BTreeSet<&'v str>,
}

impl<'v, 'h> Completions<'v, 'h> {
    fn of(view: &'v View<'h>) -> Self {
        let started = view.history().started();
        let governing =
            view.services().iter().filter(|service| service.is_governing && service.is_headless());
        let others = started.other_namespaces.iter().map(String::as_str);
        Self {
            view,
            names: Names::of(view),
            zone: started.zone.as_ref().map(|zone| format!("{zone}.")),
            services: governing.map(|service| service.name.as_str()).collect(),
            namespaces: others.chain([started.namespace.as_str()]).collect(),
        }
    }

    fn judge(&self, findings: &mut Findings) {
        let (mut said, mut domains) = (BTreeSet::new(), HashMap::new());
        for seen in self.view.history().dns() {
            // A record that was read has equal answers once in memory, and here each is made out once.
            let domain =
                *domains.entry(std::ptr::from_ref(seen.what)).or_insert_with(|| self.domain(seen.what));
            let (Some(domain), Ok(told)) = (domain, response(seen.what)) else { continue };
            let is_new = (&seen.what.vantage, seen.transport, seen.what.name.as_str(), told.is_empty());
            if said.insert(is_new) {
                self.completion(seen, domain, &told, findings);
            }
        }
    }

    /// The domain that `<pod>.<service>` was completed with, if the question is for such a name, and the name is of nothing
    /// that the record knows.
    fn domain(&self, dns: &'h DnsSeen) -> Option<&'h str> {
        Family::of_record_type(&dns.record_type)?;
        let (_, rest) = dns.name.split_once('.')?;
        let (service, domain) = rest.split_once('.')?;
        let is_short = self.services.contains(service) && self.names.find(&dns.name).is_none();
        is_short.then_some(domain)
    }

    fn completion(
        &self,
        seen: Seen<'_, DnsSeen>,
        domain: &str,
        told: &BTreeSet<&str>,
        findings: &mut Findings,
    ) {
        let (who, name) = (server(seen.what), seen.what.name.trim_end_matches('.'));
        let say = COMPLETIONS.say_of(findings, &seen.what.vantage, seen.what.transport);
        let zone =
            self.zone.as_deref().filter(|zone| domain == *zone || domain.ends_with(&format!(".{zone}")));
        let place = zone.map(|zone| domain[..domain.len() - zone.len()].trim_end_matches('.'));
        if told.is_empty() {
            // Nothing is promised of whom the cluster's DNS asks about names that are not its own.
            let member = place.and_then(|place| ["svc", ""].iter().position(|known| *known == place));
            if let Some(member) = member {
                let say = say.of(Dimension::SearchDomain, SEARCH_DOMAINS[member + 1]);
                say.held(format!("{who} answered that {name} does not exist"), &[seen.event]);
            }
            return;
        }
        let what = format!("{who} answered {} for {name}", listed(told));
        if place == Some("svc") && !self.is_known_namespace(name) {
            let what = format!("{what}, which may be a Service of a namespace that was not looked at");
            return say.blind(Cause::NotTold, what, &[seen.event]);
        }
        say.broken(format!("{what}, which is not the name of any Service or pod"), &[seen.event]);
    }

    /// Whether `<service>.<namespace>.svc.<zone>` is of a namespace whose Services the record has.
    fn is_known_namespace(&self, name: &str) -> bool {
        name.split('.').nth(1).is_some_and(|namespace| self.namespaces.contains(namespace))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECK;
    use crate::{
        checks::{
            dns::evidence::lacks,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::{Change, Resource},
    };

    const TWO: &str =
        "service; set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready; wait 1s";
    const GONE: &str = "scale 1; web-1 terminating; web-1 deleted";

    #[test]
    fn a_pod_that_never_was() {
        assert_held(&CHECK, &format!("{TWO}; dns a A web-99 -> nxdomain; dns b A web-99 -> nothing"), 2);
    }

    #[test]
    fn a_pod_that_was_scaled_away() {
        let answers = "dns a A web-1 -> 10.0.0.11; wait 30s; dns a A web-1 -> nxdomain";
        assert_held(&CHECK, &format!("{TWO}; {GONE}; wait 1s; {answers}"), 1);
    }

    #[test]
    fn every_name_is_answered() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; dns a A web-99 -> 10.0.0.10"),
            "10.0.0.10 (the address of web-0)",
        );
        assert_broken(
            &CHECK,
            &format!("{TWO}; dns a A web-99 -> 203.0.113.9"),
            "203.0.113.9 for web-99.nginx",
        );
    }

    #[test]
    fn a_pod_that_was_scaled_away_keeps_its_name() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; {GONE}; wait 70s; dns a A web-1 -> 10.0.0.11"),
            "after that had changed",
        );
        let given_up = "wait 50s; dns a A web-1 -> 10.0.0.11; wait 11s; timed-out dns-settled";
        assert_blind(&CHECK, &format!("{TWO}; {GONE}; {given_up}"), "was not asked again");
    }

    #[test]
    fn a_pod_that_was_scaled_away_has_another_ones_address() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; {GONE}; wait 1s; dns a A web-1 -> 10.0.0.10"),
            "expected nothing",
        );
    }

    #[test]
    fn a_wildcard_behind_the_search_list() {
        let outside = "dns a A web-0.nginx.corp.example. -> 198.51.100.1";
        assert_broken(
            &CHECK,
            &format!("{TWO}; {outside}"),
            "for web-0.nginx.corp.example, which is not the name of any Service or pod",
        );
        let inside = "dns a A web-0.nginx.cluster.local. -> 198.51.100.1";
        assert_broken(
            &CHECK,
            &format!("{TWO}; {inside}"),
            "for web-0.nginx.cluster.local, which is not the name",
        );
    }

    #[test]
    fn names_of_other_namespaces_services_and_sets_are_no_matter() {
        let others = "dns a A kubernetes.default.svc.cluster.local. -> 10.96.0.1; dns a A corp.example. -> 198.51.100.1; \
                      dns a A other.ns.svc.cluster.local. -> 10.96.0.9; dns a A nginx -> 10.0.0.10 10.0.0.11";
        assert_silent(&CHECK, &format!("{TWO}; {others}"));
        let perhaps = "dns a A web-0.nginx.svc.cluster.local. -> 10.96.0.8";
        assert_blind(&CHECK, &format!("{TWO}; {perhaps}"), "a namespace that was not looked at");
        let known = "in nginx; in ns; dns a A web-0.nginx.svc.cluster.local. -> 10.96.0.8";
        assert_broken(&CHECK, &format!("{TWO}; {known}"), "which is not the name of any Service or pod");
    }

    #[test]
    fn a_later_request_for_the_pod_is_no_violation_and_hides_none() {
        let again = "wait 5s; dns a A web-1 -> 10.0.0.11; wait 30s; dns a A web-1 -> nxdomain; scale 2; web-1 created; \
                     web-1 address 10.0.0.21; web-1 ready; dns a A web-1 -> nxdomain; wait 40s; dns a A web-1 -> 10.0.0.21";
        assert_held(&CHECK, &format!("{TWO}; {GONE}; {again}"), 1);
        let kept =
            again.replace("wait 30s; dns a A web-1 -> nxdomain", "wait 66s; dns a A web-1 -> 10.0.0.11");
        assert_broken(&CHECK, &format!("{TWO}; {GONE}; {kept}"), "after that had changed");
    }

    #[test]
    fn a_pod_that_was_deleted_and_is_still_asked_for_comes_back() {
        let deleted = "delete web-1; web-1 terminating; web-1 deleted; dns a A web-1 -> 10.0.0.11; wait 50s; timed-out dns-settled";
        assert_silent(&CHECK, &format!("{TWO}; {deleted}"));
    }

    #[test]
    fn evidence_is_needed_of_each_domain_of_the_search_list_from_everybody() {
        let own = "dns a A web-99 -> nxdomain; dns @node-0 A web-99 -> nxdomain; dns a A web-99.nginx.svc.cluster.local. -> nxdomain";
        let lacking =
            lacks("dns-nxdomain-absent", "documented-start", &history(&format!("{TWO}; {own}; completed")));
        let of = |clause: &str| lacking.iter().filter(|lack| lack.starts_with(clause)).count();
        assert_eq!((of("backend"), of("node")), (3 * 2 - 2, 3 * 2 - 1), "{lacking:#?}");
    }

    #[test]
    fn other_expansions_that_do_not_exist() {
        assert_held(&CHECK, &format!("{TWO}; dns a A web-0.nginx.svc.cluster.local. -> nxdomain"), 1);
        assert_silent(&CHECK, &format!("{TWO}; dns a A web-0.nginx.corp.example. -> servfail"));
        assert_silent(&CHECK, &format!("{TWO}; dns a A web-0.nginx.corp.example. -> nxdomain"));
    }

    #[test]
    fn a_wildcard_that_comes_later() {
        let name = "web-0.nginx.cluster.local.";
        let later = format!("dns a A {name} -> nxdomain; dns a A {name} -> 198.51.100.1");
        assert_broken(&CHECK, &format!("{TWO}; {later}"), "for web-0.nginx.cluster.local, which is not");
        let again = format!("dns a A {name} -> nxdomain; dns a A {name} -> nxdomain");
        assert_held(&CHECK, &format!("{TWO}; {again}"), 1);
    }

    #[test]
    fn the_names_of_other_services_are_names_of_something() {
        let mut notes = Notes::new();
        notes.object(Resource::Services, Change::Added, json!({"metadata": {"name": "other"}}));
        let asked = "dns a A other.ns.svc.cluster.local. -> 10.96.0.9";
        assert!(judge(&CHECK, &notes.say(asked).history()).findings.is_empty());
        assert_silent(&CHECK, asked);
    }

    #[test]
    fn old_answers_and_no_answer_are_not_judged() {
        let old = format!("{TWO}; {GONE}; wait 5s; dns a A web-1 -> 10.0.0.11");
        assert_blind(&CHECK, &old, "which a cache may still hold");
        assert_blind(&CHECK, &format!("{TWO}; dns a A web-99 -> no-answer"), "gave no answer");
    }

    #[test]
    fn what_is_answered_again_and_again_is_told_once() {
        let absent = "dns a A web-99 -> nxdomain; dns a A web-99 -> nxdomain";
        assert_held(&CHECK, &format!("{TWO}; {absent}"), 1);
        let told = |statements: &str| judge(&CHECK, &history(&format!("{TWO}; {statements}"))).findings.len();
        assert_eq!(told("dns a A web-99 -> 10.0.0.10; dns a A web-99 -> 10.0.0.10"), 1);
        let hidden = "gap pods; dns a A web-99 -> 10.0.0.99; dns a A web-99 -> 10.0.0.99";
        assert_eq!(told(hidden), 1);
    }

    #[test]
    fn what_a_gap_hid_the_first_time_is_broken_the_second() {
        let twice = "gap pods; dns a A web-99 -> 10.0.0.99; web-0 listed; web-0 ready; wait 100s; \
                     dns a A web-99 -> 10.0.0.99";
        assert_broken(&CHECK, &format!("{TWO}; {twice}"), "expected nothing");
    }

    #[test]
    fn a_node_may_still_be_told_what_a_cache_holds() {
        let old = "wait 5s; dns @node-0 A web-1 -> 10.0.0.11; wait 60s; timed-out dns-settled";
        assert_silent(&CHECK, &format!("{TWO}; {GONE}; {old}"));
    }

    #[test]
    fn pods_that_exist_or_will_are_not_its_business() {
        assert_silent(
            &CHECK,
            "service; set replicas=1; dns a A web-0 -> nxdomain; web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10",
        );
    }
}
