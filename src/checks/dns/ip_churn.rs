//! `ip-churn`: a pod that comes back with another address is known by the new one everywhere, and by the old one nowhere.

use std::collections::BTreeSet;

use super::{
    dns_follows_recreate::{self, Recreated, recreated},
    dns_verdicts::{Clauses, gave_up, last_answers, listed, never_answered},
};
use crate::{
    checks::{Cause, Check, Findings, Say},
    history::{Event, ExecSeen, Purpose, Resource, Seen, pod},
    limits,
    views::{
        Dimension, PodLife, View,
        addresses::{Told, told_around},
        dns::{Service, Subject, listing::may_be_absent, questions::questions},
        endpoints::{ListVersion, Listed, versions},
        hosts,
    },
};

/// Judges `specs/dns/ip-churn.yaml`.
pub(super) const CHECK: Check = Check { id: "ip-churn", judge };

/// A recreated pod had another address than before.
const CHANGED: &str = "changed";
/// Where the new address is told: the pod's status, the lists, DNS for the pod and for the Service, and inside the pod.
const STATUS: &str = "status";
const SLICES: &str = "slices";
const ENDPOINTS: &str = "endpoints";
const POD_NAME: Clauses = Clauses::one("pod-name");
const SERVICE_NAME: Clauses = Clauses::one("service-name");
const HOSTS: &str = "hosts-file";
const OWN: &str = "own-addresses";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let mut has_changed = false;
    for set in view.sets() {
        for pod in set.pods().names() {
            let all: BTreeSet<&str> = set.pods().named(pod).flat_map(PodLife::addresses).collect();
            findings.measure("ip_distinct_count", set.key(pod), all.len() as f64);
        }
        for recreated in recreated(view, set) {
            let moved = Moved::of(view, recreated);
            moved.inside(findings);
            if !moved.old.is_empty() {
                has_changed = true;
                moved.everywhere(findings);
            }
        }
    }
    if !has_changed {
        let what = "no recreated pod had another address than before";
        findings.on(CHANGED).blind(Cause::NotReached, what, &[view.last()]);
    }
}

/// A recreated pod.
struct Moved<'v, 'h> {
    view: &'v View<'h>,
    of: Recreated<'v, 'h>,
    /// The addresses that it has.
    new: Vec<&'h str>,
    /// Those that earlier incarnations had and it never had.
    old: BTreeSet<&'h str>,
}

impl<'v, 'h> Moved<'v, 'h> {
    fn of(view: &'v View<'h>, of: Recreated<'v, 'h>) -> Self {
        let own = of.life.addresses();
        let last = of.life.between(None, of.until).last().map(|version| pod::addresses(version.what));
        let new = last.filter(|last| !last.is_empty()).unwrap_or_else(|| own.clone());
        let earlier = of.set.pods().named(of.life.name).filter(|other| other.uid != of.life.uid);
        let old = earlier.flat_map(PodLife::addresses).filter(|address| !own.contains(address)).collect();
        Self { view, of, new, old }
    }

    fn key(&self) -> String {
        self.of.set.key(self.of.life.name)
    }

    fn told(&self) -> String {
        format!("{}, which went from {} to {}", self.key(), listed(&self.old), listed(&self.new))
    }

    fn say<'f>(&self, clause: &'static str, findings: &'f mut Findings) -> Say<'f> {
        findings.on(clause).of(Dimension::Recreated, self.key())
    }

    fn everywhere(&self, findings: &mut Findings) {
        let last = self.of.life.between(None, self.of.until).last().map_or(self.of.ready, |v| v.event);
        let what = format!("{} was ready at another address", self.told());
        self.say(CHANGED, findings).held(what, &[self.of.ready, last]);
        self.status(findings);
        let Some(service) = self.view.services().iter().find(|service| self.of.is_behind(service)) else {
            return;
        };
        for (resource, clause) in [(Resource::EndpointSlices, SLICES), (Resource::Endpoints, ENDPOINTS)] {
            let lists = versions(self.view.history(), service.watch_of(resource), &service.name);
            Listings { moved: self, service, resource, clause, lists }.judge(findings);
        }
        self.dns(findings);
    }

    fn status(&self, findings: &mut Findings) {
        let Some(last) = self.of.life.between(None, self.of.until).last() else { return };
        let first = last.text("/status/podIP").unwrap_or_default();
        self.say(STATUS, findings).expect(
            !self.new.is_empty() && (first.is_empty() || self.new.contains(&first)),
            format!("the status of {} has the new address", self.told()),
            format!("the status of {} has podIP {first} and podIPs {}", self.key(), listed(&self.new)),
            &[self.of.life.birth(), last.event],
        );
    }

    fn dns(&self, findings: &mut Findings) {
        let name = self.of.life.name;
        let is_meant = |service: &Service<'_>, subject: Subject<'_>, _: &_| {
            self.of.is_behind(service) && (subject == Subject::Service || subject == Subject::Pod(name))
        };
        let mut asked = questions(self.view, is_meant);
        asked.retain(|one| self.of.was_ready_at(one.event));
        if asked.is_empty() {
            let what = format!("DNS was not asked for {}", self.told());
            self.say(POD_NAME.backend, findings).blind(Cause::NotReached, what, &[self.of.ready]);
        }
        last_answers(POD_NAME, &asked, findings, |one, findings| match one.subject {
            Subject::Pod(_) => dns_follows_recreate::held(POD_NAME, one, findings),
            _ => SERVICE_NAME.say(findings, one).held(one.told(), &[one.event]),
        });
        gave_up(self.view, POD_NAME, &asked, findings);
        never_answered(POD_NAME, &asked, findings);
    }

    /// What the recreated pod itself says: its addresses by `hostname -i` and by `/etc/hosts`.
    fn inside(&self, findings: &mut Findings) {
        let (name, life) = (self.of.life.name, self.of.life);
        let mut asked = false;
        for exec in self.view.history().execs().filter(|exec| exec.pod_uid == life.uid) {
            let Some(said) = exec.printed() else { continue };
            let (told, place, clause) = match exec.purpose {
                Purpose::OwnAddresses => (said.split_whitespace().collect(), "hostname -i", OWN),
                Purpose::HostsFile => (hosts::addresses_of(said, name), "/etc/hosts", HOSTS),
                _ => continue,
            };
            asked = true;
            self.told_inside(exec, &told, (place, clause), findings);
        }
        if !asked {
            let what = format!("{} was not looked into after it was recreated", self.key());
            self.say(OWN, findings).blind(Cause::NotReached, what, &[life.birth()]);
        }
    }

    fn told_inside(
        &self,
        exec: Seen<'h, ExecSeen>,
        told: &BTreeSet<&str>,
        (place, clause): (&str, &'static str),
        findings: &mut Findings,
    ) {
        let (key, life) = (self.key(), self.of.life);
        let say = self.say(clause, findings);
        let (own, may_change) = match told_around(self.of.set, life, exec.event) {
            Told::Addresses { all, may_change } => (all, may_change),
            Told::Hidden(gap) => {
                let what = format!("{place} in {key} has `{}`, and a gap hides its status", listed(told));
                return say.blind(Cause::Gap, what, &[gap, exec.event]);
            }
        };
        if hosts::are_own(told, &own) {
            return say.held(format!("{place} in {key} has {}", listed(told)), &[life.birth(), exec.event]);
        }
        let what = format!("{place} in {key} has `{}`, and its status {}", listed(told), listed(&own));
        match may_change {
            Some((why, event)) => {
                say.blind(Cause::Surroundings, format!("{what}; {why}"), &[event, exec.event])
            }
            None => say.broken(what, &[life.last().event, exec.event]),
        }
    }
}

/// What one kind of object lists of the Service, as far as it concerns a recreated pod.
struct Listings<'m, 'v, 'h> {
    moved: &'m Moved<'v, 'h>,
    service: &'v Service<'h>,
    resource: Resource,
    clause: &'static str,
    lists: Vec<ListVersion<'h>>,
}

impl<'h> Listings<'_, '_, 'h> {
    fn judge(&self, findings: &mut Findings) {
        let (of, view) = (&self.moved.of, self.moved.view);
        if self.lists.is_empty() && may_be_absent(view, self.resource) {
            return self.need_not_be(findings);
        }
        let until = self.lists.partition_point(|list| list.event.seq <= of.until.seq);
        let lists = &self.lists[..until];
        let since = lists.partition_point(|list| list.event.comes_before(of.life.birth()));
        // The last one before the pod was told of may be ahead of the watch of pods, where none came later.
        let since = since.min(until.saturating_sub(1));
        let mut found = false;
        for (place, list) in lists.iter().enumerate().skip(since) {
            for endpoint in &list.listed {
                found |= self.endpoint(list, endpoint, place + 1 == until, findings);
            }
        }
        if !found {
            self.missing(findings);
        }
    }

    /// A cluster from Kubernetes 1.33 on need not keep Endpoints.
    fn need_not_be(&self, findings: &mut Findings) {
        let (history, watch) = (self.moved.view.history(), self.service.watch_of(self.resource));
        let say = self.moved.say(self.clause, findings);
        match history.gap_between(watch, &history.events[0], history.ended()) {
            Some(gap) => {
                say.blind(Cause::Gap, "no Endpoints were seen, and their watch has a gap", &[gap.shown_by])
            }
            None => say.held("the cluster keeps no Endpoints, which it need not", &[history.ended()]),
        }
    }

    /// Judges one endpoint of a list, and says whether it is the pod's.
    fn endpoint(
        &self,
        list: &ListVersion<'h>,
        endpoint: &Listed<'_>,
        is_last: bool,
        findings: &mut Findings,
    ) -> bool {
        let (life, kind) = (self.moved.of.life, self.resource.plural());
        let own = endpoint.pod == life.name || endpoint.hostname == life.name;
        if endpoint.uid == life.uid && hosts::are_own(&endpoint.addresses, &life.addresses()) {
            let is_new = hosts::are_own(&endpoint.addresses, &self.moved.new);
            if is_new && !self.is_hidden(list.event) {
                let what = format!("{kind} list {}", self.moved.told());
                self.moved.say(self.clause, findings).held(what, &[list.event]);
            }
            return is_new || !is_last;
        }
        let earlier = self.moved.of.set.pods().named(life.name).any(|other| other.uid == endpoint.uid);
        if own && earlier && endpoint.uid != life.uid {
            // The list may be behind for a while; that it does not have the pod at the end is said then.
            return false;
        }
        if own || self.is_strange(endpoint) {
            self.wrong(list, endpoint, findings);
        }
        own
    }

    fn is_hidden(&self, event: &Event) -> bool {
        let (history, watch) = (self.moved.view.history(), self.service.watch_of(self.resource));
        history.gaps(watch).iter().any(|gap| gap.holds(event))
    }

    fn wrong(&self, list: &ListVersion<'h>, endpoint: &Listed<'_>, findings: &mut Findings) {
        let what = format!(
            "{} list {} under {}, for the pod {} ({}); expected {}",
            self.resource.plural(),
            listed(&endpoint.addresses),
            self.moved.key(),
            endpoint.pod,
            endpoint.uid,
            listed(&self.moved.new)
        );
        let (of, say) = (&self.moved.of, self.moved.say(self.clause, findings));
        match of.set.pods().gap_between(of.life.birth(), of.until) {
            Some(gap) => say.blind(Cause::Gap, what, &[gap.shown_by, list.event]),
            None => say.broken(what, &[of.life.last().event, list.event]),
        }
    }

    /// Whether an endpoint has the old address and is no pod that had it: a pod behind the Service may have been given it.
    fn is_strange(&self, endpoint: &Listed<'_>) -> bool {
        let is_old = endpoint.addresses.iter().any(|ip| self.moved.old.contains(ip));
        is_old && !endpoint.addresses.iter().any(|ip| self.service.published().had(endpoint.uid, ip))
    }

    /// No list has the pod by its new address.
    fn missing(&self, findings: &mut Findings) {
        let (of, view) = (&self.moved.of, self.moved.view);
        let what = format!("{} do not list {}", self.resource.plural(), self.moved.told());
        let lasted_us = of.until.span.until_us.saturating_sub(of.ready.span.until_us);
        let is_certain = of.until == view.history().ended() && view.is_completed();
        let say = self.moved.say(self.clause, findings);
        let mut watches = [Resource::Pods, self.resource].into_iter();
        let gap =
            watches.find_map(|resource| view.gap_in(resource, of.set.namespace, of.life.birth(), of.until));
        match gap {
            Some(gap) => say.blind(Cause::Gap, what, &[gap.shown_by, of.ready]),
            None if is_certain && lasted_us >= limits::ENDPOINTS_SETTLED.wait_us() => {
                say.broken(what, &[of.ready, of.until])
            }
            None => say.blind(Cause::NotReached, what, &[of.ready]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, history, judge},
        },
        history::Resource,
    };

    const MOVED: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; slice web-0=10.0.0.10 web-1=10.0.0.11; \
                         web-0 terminating; web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 1s";
    const SLICE: &str = "slice web-0=10.0.0.77 web-1=10.0.0.11; endpoints web-0=10.0.0.77 web-1=10.0.0.11";
    const INSIDE: &str = "exec web-0 addresses -> 10.0.0.77; exec web-0 hosts -> 10.0.0.77 web-0.nginx web-0";
    const DNS: &str = "dns a A web-0 -> 10.0.0.77; dns a A nginx -> 10.0.0.11 10.0.0.77";

    #[test]
    fn the_new_address_everywhere() {
        let all = format!("{MOVED}; {SLICE}; {INSIDE}; {DNS}");
        assert_held(&CHECK, &all, 8);
        let measured = judge(&CHECK, &history(&all)).measurements;
        let counts: Vec<_> = measured.iter().map(|m| (m.of.as_str(), m.value)).collect();
        assert_eq!(counts, [("web-0", 2.0), ("web-1", 1.0)]);
    }

    #[test]
    fn the_same_address_again_proves_nothing() {
        let same = "web-0 created; web-0 ready; web-0 deleted; web-0 created; web-0 ready";
        assert_blind(&CHECK, same, "no recreated pod had another address");
        assert_blind(&CHECK, "web-0 created; web-0 ready", "no recreated pod had another address");
    }

    #[test]
    fn endpoints_keep_the_old_address() {
        let old = "slice web-0=10.0.0.10 web-1=10.0.0.11; endpoints web-0=10.0.0.77";
        let all = format!("{MOVED}; {old}; {INSIDE}; {DNS}");
        assert_broken(&CHECK, &all, "endpointslices list 10.0.0.10 under web-0");
        let old = "slice web-0=10.0.0.77; endpoints web-0=10.0.0.10";
        assert_broken(
            &CHECK,
            &format!("{MOVED}; {old}; {INSIDE}; {DNS}"),
            "endpoints list 10.0.0.10 under web-0",
        );
    }

    /// What is said where everything is as it should be but for these endpoints, which the slice has besides.
    fn with_endpoint(endpoint: Value) -> Vec<String> {
        let mut notes = Notes::new().say(&format!("{MOVED}; {SLICE}; {INSIDE}; {DNS}"));
        notes.modify(Resource::EndpointSlices, "nginx-abcde", |slice| {
            slice["endpoints"].as_array_mut().expect("endpoints").push(endpoint);
        });
        let findings = judge(&CHECK, &notes.history());
        findings.of_kind(Kind::Broken).map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn strangers_in_the_list() {
        let of = |pod: &str, uid: &str, address: &str, hostname: &str| {
            let target = json!({"kind": "Pod", "name": pod, "uid": uid});
            with_endpoint(json!({"addresses": [address], "hostname": hostname, "targetRef": target}))
        };
        let right = "expected 10.0.0.77";
        assert_eq!(
            of("squatter", "x", "10.0.0.10", ""),
            [format!("endpointslices list 10.0.0.10 under web-0, for the pod squatter (x); {right}")]
        );
        assert_eq!(
            of("squatter", "x", "10.0.0.77", "web-0"),
            [format!("endpointslices list 10.0.0.77 under web-0, for the pod squatter (x); {right}")]
        );
        assert!(of("squatter", "x", "10.0.0.99", "").is_empty(), "another address is another's business");
        assert!(!of("web-1", "uid-2", "10.0.0.10", "").is_empty(), "web-1 has another address");
    }

    #[test]
    fn what_moved_is_told_with_its_own_addresses() {
        let findings = judge(&CHECK, &history(&format!("{MOVED}; {SLICE}; {INSIDE}; {DNS}")));
        let told = "endpointslices list web-0, which went from 10.0.0.10 to 10.0.0.77";
        assert!(findings.findings.iter().any(|finding| finding.what == told), "{:#?}", findings.findings);
    }

    #[test]
    fn the_status_does_not_agree_with_itself() {
        let mut notes = Notes::new().say(MOVED);
        notes.modify(Resource::Pods, "web-0", |pod| pod["status"]["podIP"] = json!("10.0.0.10"));
        let findings = judge(&CHECK, &notes.say(&format!("{SLICE}; {INSIDE}; {DNS}")).history());
        let broken: Vec<_> = findings.of_kind(Kind::Broken).map(|finding| finding.what.as_str()).collect();
        assert_eq!(broken, ["the status of web-0 has podIP 10.0.0.10 and podIPs 10.0.0.77"]);
    }

    #[test]
    fn endpoints_lose_the_pod() {
        let lost = "slice web-1=10.0.0.11; wait 60s; timed-out endpoints-settled";
        let all = format!("{MOVED}; {lost}; {INSIDE}; {DNS}; completed");
        assert_broken(&CHECK, &all, "endpointslices do not list web-0");
        assert_blind(&CHECK, &all.replace("wait 60s", "wait 6s"), "endpointslices do not list web-0");
    }

    #[test]
    fn dns_keeps_the_old_address() {
        let old = "wait 70s; dns a A web-0 -> 10.0.0.10; dns a A nginx -> 10.0.0.11 10.0.0.77";
        assert_broken(&CHECK, &format!("{MOVED}; {SLICE}; {INSIDE}; {old}"), "answered 10.0.0.10");
        let old = "wait 70s; dns a A web-0 -> 10.0.0.77; dns b A nginx -> 10.0.0.10 10.0.0.11";
        assert_broken(&CHECK, &format!("{MOVED}; {SLICE}; {INSIDE}; {old}"), "b (tcp) answered 10.0.0.10");
    }

    #[test]
    fn the_pod_itself_tells_the_old_address() {
        let hosts = "exec web-0 hosts -> 10.0.0.10 web-0.nginx web-0";
        assert_broken(
            &CHECK,
            &format!("{MOVED}; {SLICE}; {hosts}; {DNS}; wait 9s; completed"),
            "/etc/hosts in web-0 has `10.0.0.10`",
        );
        let own = "exec web-0 addresses -> 10.0.0.10";
        assert_broken(
            &CHECK,
            &format!("{MOVED}; {SLICE}; {own}; {DNS}; wait 9s; completed"),
            "hostname -i in web-0 has `10.0.0.10`",
        );
    }

    #[test]
    fn a_place_that_was_not_asked_is_not_judged() {
        assert_blind(&CHECK, &format!("{MOVED}; {SLICE}; {DNS}"), "was not looked into");
        assert_blind(&CHECK, &format!("{MOVED}; {SLICE}; {INSIDE}"), "DNS was not asked");
        assert_blind(
            &CHECK,
            &format!("{MOVED}; {INSIDE}; {DNS}; endpoints web-0=10.0.0.77; slice web-1=10.0.0.11"),
            "do not list",
        );
        assert_blind(
            &CHECK,
            &format!("{MOVED}; {SLICE}; exec web-0 hosts -> fails; {DNS}"),
            "was not looked into",
        );
    }
}
