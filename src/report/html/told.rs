//! What DNS told over time, compared with what was so: thousands of answers, a few runs.

use std::collections::{BTreeMap, BTreeSet};

use super::lanes::{Strip, extend_run, strip};
use crate::{
    history::{DnsSeen, ObjectSeen, Observation, Phase, Resource, Vantage, pod},
    report::witness,
    views::{Set, View},
};

/// Whose strip it is that shows what pods see on their nodes.
pub(super) const NODES: &str = "the nameserver, from the nodes";

/// A strip for each name and backend, with the name of the pod or of the Service, and whether it is the Service.
pub(super) fn strips(view: &View<'_>) -> Vec<(String, Strip, bool)> {
    view.sets().iter().flat_map(|set| strips_of(view, set)).collect()
}

fn strips_of(view: &View<'_>, set: &Set<'_>) -> Vec<(String, Strip, bool)> {
    let (Some(service), Some(zone)) = (set.service(), view.started().zone.as_deref()) else {
        return Vec::new();
    };
    let fqdn = format!("{service}.{}.svc.{zone}.", set.namespace);
    let mut so = Truth { service: &service, set: set.name, pods: BTreeMap::new() };
    let mut told: BTreeMap<(String, String), Strip> = BTreeMap::new();
    for event in &view.events {
        match &event.seen {
            Observation::Object(object)
                if object.resource == Resource::Pods && object.namespace() == set.namespace =>
            {
                so.learn(object);
            }
            Observation::Dns(dns) if dns.record_type == "A" => {
                let Some(name) = asked_for(&dns.name, &fqdn, &service) else { continue };
                let (label, of) = vantage(&dns.vantage);
                let strip = told.entry((name.to_owned(), of.clone())).or_insert_with(|| strip(&label, &of));
                let (class, words) = so.compare(name, dns);
                let title = format!("{of} told for {name}: {words}");
                extend_run(&mut strip.runs, event.span.until_us, class, title);
            }
            _ => {}
        }
    }
    told.into_iter().map(|((name, _), strip)| (set.key(&name), strip, name == service)).collect()
}

/// The pod or the Service that a name in the Service means; none for any other name.
fn asked_for<'n>(name: &'n str, fqdn: &str, service: &'n str) -> Option<&'n str> {
    if name == fqdn {
        return Some(service);
    }
    name.strip_suffix(fqdn)?.strip_suffix('.').filter(|pod| !pod.contains('.'))
}

/// A short name and the full one. What pods see on their nodes is one strip.
fn vantage(vantage: &Vantage) -> (String, String) {
    match vantage {
        Vantage::Backend { pod } => {
            let from = pod.char_indices().rev().nth(4).map_or(0, |(index, _)| index);
            (format!("dns {}", &pod[from..]), pod.clone())
        }
        Vantage::Node { .. } => ("dns, nodes".to_owned(), NODES.to_owned()),
    }
}

/// What is so, as the watch of pods tells it.
struct Truth<'s> {
    service: &'s str,
    set: &'s str,
    /// Each pod's addresses, and whether it is ready.
    pods: BTreeMap<String, (BTreeSet<String>, bool)>,
}

impl Truth<'_> {
    fn learn(&mut self, pod: &ObjectSeen) {
        if pod.change.is_removal() {
            self.pods.remove(&pod.name);
        } else if pod::ordinal(self.set, &pod.name).is_some() {
            let addresses = pod::addresses(pod).into_iter().map(str::to_owned).collect();
            self.pods.insert(pod.name.clone(), (addresses, Phase::of(pod) == Phase::Ready));
        }
    }

    /// The addresses that an A record may tell.
    fn of(&self, name: &str) -> BTreeSet<&str> {
        let counts = |pod: &str, ready: bool| pod == name || (name == self.service && ready);
        let pods = self.pods.iter().filter(|(pod, (_, ready))| counts(pod, *ready));
        let addresses = pods.flat_map(|(_, (addresses, _))| addresses.iter().map(String::as_str));
        addresses.filter(|address| !address.contains(':')).collect()
    }

    fn compare(&self, name: &str, dns: &DnsSeen) -> (&'static str, String) {
        let Some(told) = dns.data() else { return ("no-answer", witness::answer(&dns.outcome)) };
        let words = || told.iter().copied().collect::<Vec<_>>().join(" ");
        if told.is_empty() {
            return ("absent", format!("nothing ({})", dns.code().unwrap_or_default()));
        }
        if told == self.of(name) {
            ("present", words())
        } else {
            ("other", format!("{}, which is not so", words()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    #[test]
    fn only_names_in_the_service_have_a_lane() {
        let service = "nginx.ns.svc.cluster.local.";
        let asked_for = |name| asked_for(name, service, "nginx");
        assert_eq!(asked_for("web-0.nginx.ns.svc.cluster.local."), Some("web-0"));
        assert_eq!(asked_for(service), Some("nginx"));
        assert_eq!(asked_for("a.web-0.nginx.ns.svc.cluster.local."), None);
        assert_eq!(asked_for("kubernetes.default.svc.cluster.local."), None);
    }

    #[test]
    fn a_second_address_family_is_no_old_address() {
        let mut notes = crate::checks::notation::Notes::new().say("web-0 created; web-0 ready");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["podIPs"] = serde_json::json!([{"ip": "10.0.0.10"}, {"ip": "fd00::a"}]);
        });
        let history = notes.say("dns a A web-0 -> 10.0.0.10").history();
        let strips = strips(&View::of(&history));
        assert_eq!(strips[0].1.runs[0].class, "present");
    }

    #[test]
    fn an_address_that_the_pod_no_longer_has() {
        let history = history("web-0 created; web-0 address 10.0.0.20; dns a A web-0 -> 10.0.0.10");
        let strips = strips(&View::of(&history));
        assert_eq!(strips[0].1.runs[0].title, "a told for web-0: 10.0.0.10, which is not so");
    }
}
