//! The Services of a record: what each one's versions say, and which sets it governs.
//!
//! Which pods a Service publishes, and how, follows from its spec alone (Kubernetes source, pkg/controller/endpointslice and
//! k8s.io/endpointslice/util): the selector, the address families, publishNotReadyAddresses and the ports.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr, sync::OnceLock};

use super::{Published, published};
use crate::{
    history::{Event, History, Json, ObjectSeen, Requested, Resource, Seen, Verb, Watch, pod},
    views::{
        View,
        sets::{labels, namespace_of},
    },
};

/// An address family, and with it the type of the DNS records that have its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: A records.
    Ipv4,
    /// IPv6: AAAA records.
    Ipv6,
}

impl Family {
    /// Both.
    pub const ALL: [Family; 2] = [Family::Ipv4, Family::Ipv6];

    /// The family of an address; none for what is no address.
    pub fn of(address: &str) -> Option<Self> {
        let family = |ip| if matches!(ip, IpAddr::V4(_)) { Family::Ipv4 } else { Family::Ipv6 };
        address.parse().ok().map(family)
    }

    /// The type of its DNS records.
    pub const fn record_type(self) -> &'static str {
        match self {
            Family::Ipv4 => "A",
            Family::Ipv6 => "AAAA",
        }
    }

    /// The family whose addresses are in records of that type.
    pub fn of_record_type(record_type: &str) -> Option<Self> {
        Family::ALL.into_iter().find(|family| family.record_type() == record_type)
    }
}

/// The text of an address, the same for every way of writing it.
pub fn canonical(address: &str) -> Cow<'_, str> {
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.to_string() != address => Cow::Owned(ip.to_string()),
        _ => Cow::Borrowed(address),
    }
}

/// A Service, by its namespace and name.
#[derive(Debug)]
pub struct Service<'h> {
    /// The history that it is of.
    pub(super) history: &'h History,
    /// Its namespace.
    pub namespace: &'h str,
    /// Its name.
    pub name: String,
    /// Whether a set names it as its governing Service.
    pub is_governing: bool,
    versions: Vec<Seen<'h, ObjectSeen>>,
    requests: Vec<Seen<'h, Requested>>,
    /// The sets that it governs, by name.
    pub(super) sets: Vec<&'h str>,
    published: OnceLock<Published<'h>>,
}

impl<'h> Service<'h> {
    /// Every version that the watch delivered, in order.
    pub fn versions(&self) -> &[Seen<'h, ObjectSeen>] {
        &self.versions
    }

    /// The newest version before an event, or else the first one; none where none was delivered.
    pub fn at(&self, event: &Event) -> Option<Seen<'h, ObjectSeen>> {
        let known = self.versions.partition_point(|version| version.event.seq <= event.seq);
        self.versions.get(known.saturating_sub(1)).copied()
    }

    /// When the last request to make or change it was sent before an event, in microseconds.
    pub(super) fn requested_before(&self, event: &Event) -> Option<u64> {
        let before = self.requests.iter().rev().find(|request| request.event.comes_before(event));
        before.map(|request| request.event.span.from_us)
    }

    /// The watch of a resource in its namespace.
    pub fn watch_of(&self, resource: Resource) -> Watch {
        self.history.watch_in(resource, self.namespace)
    }

    /// Whether it was meant to be headless: by what was applied, or by what the server stored. One that nobody saw and that a
    /// set names is taken for headless, because that is what a set needs.
    pub fn is_headless(&self) -> bool {
        let applied =
            self.requests.iter().any(|r| r.what.body.pointer("/spec/clusterIP") == Some(&"None".into()));
        let stored = self.versions.iter().any(|version| version.text("/spec/clusterIP") == Some("None"));
        applied || stored || (self.versions.is_empty() && self.requests.is_empty() && self.is_governing)
    }

    /// Whether its endpoints are made from pods: it has a selector, and is no alias for another name.
    pub fn selects_pods(&self) -> bool {
        let selects = |version: &Seen<'_, ObjectSeen>| {
            version.text("/spec/type") != Some("ExternalName")
                && !labels(version.what, "/spec/selector").is_empty()
        };
        self.versions.is_empty() || self.versions.iter().any(selects)
    }

    /// Its virtual addresses at a version; none for a headless one.
    pub fn virtual_addresses(version: &ObjectSeen) -> Vec<&str> {
        let many: Vec<&str> = version.list("/spec/clusterIPs").iter().filter_map(Json::as_str).collect();
        let all = if many.is_empty() { version.text("/spec/clusterIP").into_iter().collect() } else { many };
        all.into_iter().filter(|ip| !ip.is_empty() && *ip != "None").collect()
    }

    /// The families of the addresses that it has at an event: those of its spec; where the server keeps none there, all that
    /// its pods have.
    pub fn families(&self, event: &Event) -> Vec<Family> {
        let said = self.at(event).map(|version| families(version.what)).unwrap_or_default();
        if said.is_empty() { self.published().families() } else { said }
    }

    /// The names of its ports at an event, each with its protocol in lower case. A port without a name has no SRV record.
    pub fn ports(&self, event: &Event) -> Vec<(&'h str, String)> {
        let ports = self.at(event).map(|version| version.what.list("/spec/ports")).unwrap_or_default();
        let named = ports.iter().filter_map(|port| Some((port["name"].as_str()?, protocol(port))));
        named.filter(|(name, _)| !name.is_empty()).collect()
    }

    /// The label of a pod's own name below it, if the pod has one. A pod of a set that the Service governs has it by right,
    /// whatever its fields say.
    pub fn label_of(&self, pod: &'h ObjectSeen) -> Option<&'h str> {
        let owner = pod.controller().filter(|owner| owner["kind"] == "StatefulSet");
        let set = owner.and_then(|owner| owner["name"].as_str());
        if set.is_some_and(|set| self.sets.contains(&set)) {
            return Some(&pod.name);
        }
        let names = pod.text("/spec/subdomain") == Some(&self.name);
        pod.text("/spec/hostname").filter(|hostname| names && !hostname.is_empty())
    }

    /// What it publishes over time.
    pub fn published(&self) -> &Published<'h> {
        self.published.get_or_init(|| published::published(self))
    }

    /// How evidence and messages name something of it: with its namespace where that is not the scenario's own.
    pub fn key(&self, name: &str) -> String {
        let is_own = self.namespace == self.history.started().namespace;
        if is_own { name.to_owned() } else { format!("{}/{name}", self.namespace) }
    }

    /// Its absolute name, with a trailing dot; none where the zone is not known.
    pub fn fqdn(&self) -> Option<String> {
        let zone = self.history.started().zone.as_deref()?;
        Some(format!("{}.{}.svc.{zone}.", self.name, self.namespace))
    }
}

/// The address families in a Service's spec.
pub(super) fn families(service: &ObjectSeen) -> Vec<Family> {
    let said = service.list("/spec/ipFamilies").iter().filter_map(Json::as_str);
    let said: Vec<Family> = said.filter_map(family_called).collect();
    if !said.is_empty() {
        return said;
    }
    // Kubernetes 1.16 to 1.19 had one family where dual stack was on; a virtual address has that of the cluster.
    let older = service.text("/spec/ipFamily").and_then(family_called);
    let of_address = || Service::virtual_addresses(service).first().and_then(|ip| Family::of(ip));
    older.or_else(of_address).into_iter().collect()
}

fn family_called(name: &str) -> Option<Family> {
    match name {
        "IPv4" => Some(Family::Ipv4),
        "IPv6" => Some(Family::Ipv6),
        _ => None,
    }
}

/// A port's protocol in lower case, as SRV names have it.
pub(super) fn protocol(port: &Json) -> String {
    port["protocol"].as_str().unwrap_or("TCP").to_lowercase()
}

/// The number of a Service's port on a pod: its targetPort, by number or by the name of a container's port.
pub(super) fn target_port(port: &Json, pod: &ObjectSeen) -> Option<i64> {
    match (port["targetPort"].as_str(), port["targetPort"].as_i64().filter(|number| *number != 0)) {
        (_, Some(number)) => Some(number),
        (Some(name), None) => container_port(pod, name, &protocol(port)),
        (None, None) => port["port"].as_i64(),
    }
}

fn container_port(pod: &ObjectSeen, name: &str, wanted: &str) -> Option<i64> {
    let containers = ["/spec/containers", "/spec/initContainers"].into_iter().flat_map(|list| pod.list(list));
    let mut ports = containers.flat_map(|container| container["ports"].as_array().unwrap_or_default());
    ports.find(|port| port["name"] == name && protocol(port) == wanted)?["containerPort"].as_i64()
}

/// Whether a Service selects a pod: it has a selector, and each of its labels is the pod's.
pub fn selects(service: &ObjectSeen, pod: &ObjectSeen) -> bool {
    let selector = labels(service, "/spec/selector");
    !selector.is_empty()
        && service.text("/spec/type") != Some("ExternalName")
        && selector.iter().all(|(key, value)| pod.label(key) == Some(value))
}

/// Whether a Service publishes a pod: it is ready and not on its way out, or that does not matter to the Service.
pub(super) fn publishes(service: &ObjectSeen, pod: &ObjectSeen) -> bool {
    let ended = matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"));
    let any = service.at("/spec/publishNotReadyAddresses").is_some_and(|any| *any == true);
    let ready = pod::Phase::of(pod) == pod::Phase::Ready;
    !pod.change.is_removal() && selects(service, pod) && !ended && (ready || any)
}

/// The Services of a record, in the order of their namespaces and names; those that a set names also where nothing else tells
/// of them.
pub(in crate::views) fn services<'h>(view: &View<'h>) -> Vec<Service<'h>> {
    let history = view.history();
    let mut found: BTreeMap<(&str, String), Service<'h>> = BTreeMap::new();
    for watch in history.watches_of(Resource::Services) {
        let namespace = namespace_of(history, watch);
        for version in history.objects(watch) {
            let service = entry(&mut found, history, namespace, &version.what.name);
            service.versions.push(version);
        }
    }
    for set in view.sets() {
        let Some(name) = set.service() else { continue };
        let service = entry(&mut found, history, set.namespace, &name);
        service.is_governing = true;
        service.sets.push(set.name);
    }
    let doings = view.doings().iter().filter_map(crate::views::Doing::request);
    for request in doings.filter(|request| is_made(request.what)) {
        let namespace = request.what.namespace.as_deref().unwrap_or(&history.started().namespace);
        let Some(name) = &request.what.name else { continue };
        entry(&mut found, history, namespace, name).requests.push(request);
    }
    found.into_values().collect()
}

fn entry<'f, 'h>(
    found: &'f mut BTreeMap<(&'h str, String), Service<'h>>,
    history: &'h History,
    namespace: &'h str,
    name: &str,
) -> &'f mut Service<'h> {
    found.entry((namespace, name.to_owned())).or_insert_with(|| Service {
        history,
        namespace,
        name: name.to_owned(),
        is_governing: false,
        versions: Vec::new(),
        requests: Vec::new(),
        sets: Vec::new(),
        published: OnceLock::new(),
    })
}

fn is_made(request: &Requested) -> bool {
    let writes = matches!(request.verb, Verb::Apply | Verb::Create | Verb::Patch | Verb::Update);
    request.is_of(Resource::Services) && writes && !request.dry_run
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::Change,
    };

    #[test]
    fn services_are_known_by_their_versions_by_requests_and_by_the_sets_that_name_them() {
        let mut notes = Notes::new();
        let spec = json!({"clusterIP": "10.96.0.7", "selector": {"app": "x"}});
        notes.object(Resource::Services, Change::Added, json!({"metadata": {"name": "vip"}, "spec": spec}));
        notes.request(
            Verb::Apply,
            Resource::Services,
            Some("late"),
            None,
            json!({"spec": {"clusterIP": "None"}}),
        );
        let history = notes.say("web-0 created").history();
        let view = View::of(&history);
        let all: Vec<_> =
            view.services().iter().map(|s| (s.name.as_str(), s.is_governing, s.is_headless())).collect();
        assert_eq!(all, [("late", false, true), ("nginx", true, true), ("vip", false, false)]);
    }

    #[test]
    fn a_service_without_a_selector_and_an_alias_publish_no_pods() {
        let publishes = |spec: serde_json::Value| {
            let mut notes = Notes::new();
            notes.object(
                Resource::Services,
                Change::Added,
                json!({"metadata": {"name": "nginx"}, "spec": spec}),
            );
            let history = notes.say("web-0 created; web-0 ready").history();
            View::of(&history).services()[0].selects_pods()
        };
        assert!(publishes(json!({"selector": {"app": "nginx"}})));
        assert!(!publishes(json!({})));
        assert!(!publishes(json!({"selector": {"app": "nginx"}, "type": "ExternalName"})));
    }

    #[test]
    fn families_are_read_from_every_version_of_kubernetes() {
        let of = |spec: serde_json::Value| {
            let service = json!({"metadata": {"name": "nginx"}, "spec": spec});
            families(&ObjectSeen::new(Change::Added, Resource::Services, service))
        };
        assert_eq!(of(json!({"ipFamilies": ["IPv6", "IPv4"]})), [Family::Ipv6, Family::Ipv4]);
        assert_eq!(of(json!({"ipFamily": "IPv6"})), [Family::Ipv6]);
        assert_eq!(of(json!({"clusterIP": "10.96.0.7"})), [Family::Ipv4]);
        assert_eq!(of(json!({"clusterIP": "None"})), []);
    }

    #[test]
    fn an_address_is_the_same_in_every_way_of_writing_it() {
        assert_eq!(canonical("fd00:0:0::7"), "fd00::7");
        assert_eq!(canonical("10.0.0.7"), "10.0.0.7");
        assert_eq!(canonical("web-0:80"), "web-0:80");
    }

    #[test]
    fn keys_and_names_have_the_namespace() {
        let history = history("web-0 created; in other; web-0 created");
        let view = View::of(&history);
        let keys: Vec<_> = view.services().iter().map(|s| (s.key("web-0"), s.fqdn().unwrap())).collect();
        let name = |namespace: &str| format!("nginx.{namespace}.svc.cluster.local.");
        assert_eq!(keys, [("web-0".to_owned(), name("ns")), ("other/web-0".to_owned(), name("other"))]);
    }
}
