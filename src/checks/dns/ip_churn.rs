//! `ip-churn`: a pod that comes back with another address is known by the new one everywhere, and by the old one nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asked::Subject,
    dns_follows_recreate::recreated,
    endpoints::{Listed, listed, service_of},
    hosts,
    telling::{gave_up, last_words_are_right, never_answered},
    truth::{Truth, words},
};
use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, PodLife, Purpose, Resource, SERVICE, Seen, lives},
};

/// Judges `specs/dns/ip-churn.yaml`.
pub(super) const CHECK: Check = Check { id: "ip-churn", judge };

fn judge(history: &History, findings: &mut Findings) {
    let pods = history.pods();
    count_addresses(&pods, findings);
    let mut has_churned = false;
    for life in recreated(history, &pods).into_values() {
        let moved = Moved::of(life, &pods);
        inside(history, &moved, findings);
        if !moved.old.is_empty() {
            has_churned = true;
            everywhere(history, &moved, findings);
        }
    }
    if !has_churned {
        findings.blind("no recreated pod had another address than before", &[history.last()]);
    }
}

fn count_addresses(pods: &[PodLife<'_>], findings: &mut Findings) {
    let mut of_each: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for life in pods {
        of_each.entry(life.name).or_default().extend(life.addresses());
    }
    for (pod, addresses) in of_each {
        findings.measure("ip_distinct_count", pod, addresses.len() as f64);
    }
}

/// A recreated pod.
struct Moved<'p, 'h> {
    life: &'p PodLife<'h>,
    /// The addresses that it has.
    new: Vec<&'h str>,
    /// Those that earlier incarnations had and it has not.
    old: BTreeSet<&'h str>,
    /// The uids of all pods that the set ever had.
    members: BTreeSet<&'h str>,
}

impl<'p, 'h> Moved<'p, 'h> {
    fn of(life: &'p PodLife<'h>, pods: &[PodLife<'h>]) -> Self {
        let new = lives::addresses(life.last().what);
        let earlier = pods.iter().filter(|other| other.name == life.name && other.uid != life.uid);
        let old = earlier.flat_map(PodLife::addresses).filter(|address| !new.contains(address)).collect();
        Self { life, new, old, members: pods.iter().map(|other| other.uid).collect() }
    }

    fn told_apart(&self) -> String {
        format!("{}, which went from {} to {}", self.life.name, words(&self.old), words(&self.new))
    }
}

fn everywhere(history: &History, moved: &Moved<'_, '_>, findings: &mut Findings) {
    let Some(ready) = moved.life.first_ready() else {
        let what = format!("{} was not ready again", moved.told_apart());
        return findings.blind(what, &[moved.life.birth()]);
    };
    status(moved, findings);
    for resource in [Resource::EndpointSlices, Resource::Endpoints] {
        endpoints(history, resource, moved, findings);
    }
    dns(history, moved, ready, findings);
}

fn status(moved: &Moved<'_, '_>, findings: &mut Findings) {
    let last = moved.life.last();
    let first = last.what.text("/status/podIP").unwrap_or_default();
    findings.expect(
        !moved.new.is_empty() && (first.is_empty() || moved.new.contains(&first)),
        format!("the status of {} tells the new address", moved.told_apart()),
        format!("the status of {} has podIP {first} and podIPs {}", moved.life.name, words(&moved.new)),
        &[moved.life.birth(), last.event],
    );
}

/// The last version of each object of the Service.
fn last_versions(history: &History, resource: Resource) -> Vec<Seen<'_, crate::history::ObjectSeen>> {
    let (mut last, end) = (BTreeMap::new(), history.ended().seq);
    let objects = history.objects(resource).take_while(|object| object.event.seq <= end);
    for object in objects.filter(|object| service_of(object.what) == Some(SERVICE)) {
        last.insert(&object.what.name, object);
    }
    last.into_values().filter(|object| object.change != Change::Deleted).collect()
}

fn endpoints(history: &History, resource: Resource, moved: &Moved<'_, '_>, findings: &mut Findings) {
    let kind = resource.plural();
    let mut found = false;
    for object in last_versions(history, resource) {
        for endpoint in listed(object.what) {
            let name = moved.life.name;
            let own = endpoint.pod == name || endpoint.hostname == name;
            let right = endpoint.uid == moved.life.uid && hosts::are_own(&endpoint.addresses, &moved.new);
            found |= own;
            if (own && !right) || is_strange(&endpoint, moved) {
                let what = format!(
                    "{kind} list {} under {name}, for the pod {} ({}); right is {}",
                    words(&endpoint.addresses),
                    endpoint.pod,
                    endpoint.uid,
                    words(&moved.new)
                );
                findings.broken(what, &[moved.life.last().event, object.event]);
            } else if own {
                findings.held(format!("{kind} list {}", moved.told_apart()), &[object.event]);
            }
        }
    }
    if !found {
        missing(history, kind, moved, findings);
    }
}

/// Whether an endpoint has the old address and is no pod of the set.
fn is_strange(endpoint: &Listed<'_>, moved: &Moved<'_, '_>) -> bool {
    !endpoint.addresses.is_disjoint(&moved.old) && !moved.members.contains(endpoint.uid)
}

fn missing(history: &History, kind: &str, moved: &Moved<'_, '_>, findings: &mut Findings) {
    let what = format!("{kind} do not list {}", moved.told_apart());
    let ready = moved.life.first_ready().unwrap_or(moved.life.birth());
    match history.timed_out("endpoints-settled").find(|(given_up, _, _)| ready.comes_before(given_up)) {
        Some((given_up, _, _)) => findings.broken(what, &[ready, given_up]),
        None => findings.blind(what, &[ready]),
    }
}

fn dns(history: &History, moved: &Moved<'_, '_>, ready: &Event, findings: &mut Findings) {
    let truth = Truth::of(history);
    let is_meant = |_: &_, subject| subject == Subject::Service || subject == Subject::Pod(moved.life.name);
    let mut asked = truth.asked(history, is_meant);
    asked.retain(|one| ready.span.until_us <= one.event.span.from_us);
    if asked.is_empty() {
        findings.blind(format!("DNS was not asked for {}", moved.told_apart()), &[ready]);
    }
    last_words_are_right(&truth, &asked, findings);
    gave_up(history, &truth, &asked, findings);
    never_answered(&truth, &asked, findings);
}

/// What the recreated pod itself says: its name, and its addresses by `hostname -i` and `/etc/hosts`.
fn inside(history: &History, moved: &Moved<'_, '_>, findings: &mut Findings) {
    let name = moved.life.name;
    let mut asked = false;
    for exec in history.execs().filter(|exec| exec.pod_uid == moved.life.uid) {
        let Some(said) = exec.printed() else { continue };
        let told = match exec.purpose {
            Purpose::OwnAddresses => said.split_whitespace().collect(),
            Purpose::HostsFile => hosts::addresses_of(said, name),
            _ => continue,
        };
        let place = if exec.purpose == Purpose::HostsFile { "/etc/hosts" } else { "hostname -i" };
        asked = true;
        findings.expect(
            hosts::are_own(&told, &moved.new),
            format!("{place} in {name} tells {}", words(&told)),
            format!("{place} in {name} tells `{}`, and its status {}", words(&told), words(&moved.new)),
            &[moved.life.last().event, exec.event],
        );
    }
    if !asked {
        findings.blind(format!("{name} was not looked into after it was recreated"), &[moved.life.birth()]);
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

    const MOVED: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; slice web-0=10.0.0.10 web-1=10.0.0.11; \
                         web-0 terminating; web-0 deleted; web-0 created; web-0 address 10.0.0.77; web-0 ready; wait 1s";
    const SLICE: &str = "slice web-0=10.0.0.77 web-1=10.0.0.11; endpoints web-0=10.0.0.77 web-1=10.0.0.11";
    const INSIDE: &str = "exec web-0 addresses -> 10.0.0.77; exec web-0 hosts -> 10.0.0.77 web-0.nginx web-0";
    const DNS: &str = "dns a A web-0 -> 10.0.0.77; dns a A nginx -> 10.0.0.11 10.0.0.77";

    #[test]
    fn the_new_address_everywhere() {
        let all = format!("{MOVED}; {SLICE}; {INSIDE}; {DNS}");
        assert_held(&CHECK, &all, 7);
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
        let right = "right is 10.0.0.77";
        assert_eq!(
            of("squatter", "x", "10.0.0.10", ""),
            [format!("endpointslices list 10.0.0.10 under web-0, for the pod squatter (x); {right}")]
        );
        assert_eq!(
            of("squatter", "x", "10.0.0.77", "web-0"),
            [format!("endpointslices list 10.0.0.77 under web-0, for the pod squatter (x); {right}")]
        );
        assert!(of("squatter", "x", "10.0.0.99", "").is_empty(), "another address is another's business");
        assert!(of("web-1", "uid-2", "10.0.0.10", "").is_empty(), "a pod of the set may get the old address");
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
        let lost = "slice web-1=10.0.0.11; timed-out endpoints-settled";
        assert_broken(
            &CHECK,
            &format!("{MOVED}; {lost}; {INSIDE}; {DNS}"),
            "endpointslices do not list web-0",
        );
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
            &format!("{MOVED}; {SLICE}; {hosts}; {DNS}"),
            "/etc/hosts in web-0 tells `10.0.0.10`",
        );
        let own = "exec web-0 addresses -> 10.0.0.10";
        assert_broken(
            &CHECK,
            &format!("{MOVED}; {SLICE}; {own}; {DNS}"),
            "hostname -i in web-0 tells `10.0.0.10`",
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
