//! What DNS told over time, compared with what was so: thousands of answers, a few runs.

use std::collections::{BTreeMap, BTreeSet};

use super::lanes::{Strip, extend_run, strip};
use crate::{
    history::{Change, DnsSeen, History, ObjectSeen, Observation, Phase, Resource, SERVICE, Vantage, lives},
    report::witness,
};

/// Whose strip it is that shows what pods see on their nodes.
pub(super) const NODES: &str = "the nameserver, from the nodes";

/// A strip for each name and backend, with the name of the pod or of the Service.
pub(super) fn strips(history: &History) -> Vec<(String, Strip)> {
    let Some(service) = history.service_fqdn() else { return Vec::new() };
    let mut so = Truth::default();
    let mut told: BTreeMap<(String, String), Strip> = BTreeMap::new();
    for event in &history.events {
        match &event.seen {
            Observation::Object(object) if object.resource == Resource::Pods => so.learn(object),
            Observation::Dns(dns) if dns.record_type == "A" => {
                let Some(name) = asked_for(&dns.name, &service) else { continue };
                let (label, of) = vantage(&dns.vantage);
                let strip = told.entry((name.to_owned(), of.clone())).or_insert_with(|| strip(&label, &of));
                let (class, words) = so.compare(name, dns);
                extend_run(
                    &mut strip.runs,
                    event.span.until_us,
                    class,
                    format!("{of} told for {name}: {words}"),
                );
            }
            _ => {}
        }
    }
    told.into_iter().map(|((name, _), strip)| (name, strip)).collect()
}

/// The pod or the Service that a name in the Service means; none for any other name.
fn asked_for<'n>(name: &'n str, service: &str) -> Option<&'n str> {
    if name == service {
        return Some(SERVICE);
    }
    name.strip_suffix(service)?.strip_suffix('.').filter(|pod| !pod.contains('.'))
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
#[derive(Default)]
struct Truth {
    /// Each pod's addresses, and whether it is ready.
    pods: BTreeMap<String, (BTreeSet<String>, bool)>,
}

impl Truth {
    fn learn(&mut self, pod: &ObjectSeen) {
        if pod.change == Change::Deleted {
            self.pods.remove(&pod.name);
        } else if lives::ordinal(&pod.name).is_some() {
            let addresses = lives::addresses(pod).into_iter().map(str::to_owned).collect();
            self.pods.insert(pod.name.clone(), (addresses, Phase::of(pod) == Phase::Ready));
        }
    }

    /// The addresses that an A record may tell.
    fn of(&self, name: &str) -> BTreeSet<&str> {
        let counts = |pod: &str, ready: bool| pod == name || (name == SERVICE && ready);
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
        assert_eq!(asked_for("web-0.nginx.ns.svc.cluster.local.", service), Some("web-0"));
        assert_eq!(asked_for(service, service), Some("nginx"));
        assert_eq!(asked_for("a.web-0.nginx.ns.svc.cluster.local.", service), None);
        assert_eq!(asked_for("kubernetes.default.svc.cluster.local.", service), None);
    }

    #[test]
    fn a_second_address_family_is_no_old_address() {
        let mut notes = crate::checks::notation::Notes::new().say("web-0 created; web-0 ready");
        notes.modify(Resource::Pods, "web-0", |pod| {
            pod["status"]["podIPs"] = serde_json::json!([{"ip": "10.0.0.10"}, {"ip": "fd00::a"}]);
        });
        let strips = strips(&notes.say("dns a A web-0 -> 10.0.0.10").history());
        assert_eq!(strips[0].1.runs[0].class, "present");
    }

    #[test]
    fn an_address_that_the_pod_no_longer_has() {
        let strips = strips(&history("web-0 created; web-0 address 10.0.0.20; dns a A web-0 -> 10.0.0.10"));
        assert_eq!(strips[0].1.runs[0].title, "a told for web-0: 10.0.0.10, which is not so");
    }
}
