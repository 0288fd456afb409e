//! What a Service publishes over time: under its own name, under its pods' names, and as SRV records of its ports.
//!
//! The Service's name stands for the addresses of all pods that it selects and publishes, whichever set they are of; a pod's
//! name below it for that pod's addresses, in the families of the Service (Kubernetes DNS-based service discovery
//! specification, sections 2.4.1 and 2.4.2; Kubernetes source, k8s.io/endpointslice/util, ShouldSetHostname).

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    questions::Subject,
    service::{self, Family, Service, canonical},
    timeline::{Arrivals, Bounds, Fit, Timeline, Told},
};
use crate::{
    history::{Event, ObjectSeen, Resource, Seen, Span, pod},
    views::endpoints::ListVersion,
};

/// What a Service publishes over time.
#[derive(Debug)]
pub struct Published<'h> {
    bounds: Bounds<'h>,
    nothing: Timeline<'h>,
    service: BTreeMap<Family, Timeline<'h>>,
    pods: BTreeMap<String, BTreeMap<Family, Timeline<'h>>>,
    /// By the port's name and protocol, as [`port_key`] joins them.
    ports: BTreeMap<String, Timeline<'h>>,
    /// Whose each address was, over time.
    owners: BTreeMap<String, Vec<Owned<'h>>>,
    /// The most addresses that its name ever stood for.
    largest: usize,
    /// Whether it ever published a pod that has no name of its own.
    has_unnamed: bool,
    /// The same with each version of the Service as early as it can have been true.
    early: Option<Box<Published<'h>>>,
}

/// A stretch in which a pod had an address.
#[derive(Debug, Clone, Copy)]
struct Owned<'h> {
    pod: &'h str,
    uid: &'h str,
    from_us: u64,
    until_us: u64,
}

/// A pod as a Service publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint<'h> {
    /// The label of its own name; none where it has no name below the Service.
    label: Option<&'h str>,
    addresses: Vec<(Family, Cow<'h, str>)>,
    /// The number of each of the Service's named ports on the pod, with the port's name and protocol.
    ports: Vec<(&'h str, String, i64)>,
}

impl<'h> Published<'h> {
    /// How far answers may be behind or ahead.
    pub fn bounds(&self) -> &Bounds<'h> {
        &self.bounds
    }

    /// What the Service's own name stands for.
    pub fn service(&self, family: Family) -> &Timeline<'h> {
        self.service.get(&family).unwrap_or(&self.nothing)
    }

    /// What the name of a pod below the Service stands for.
    pub fn pod(&self, label: &str, family: Family) -> &Timeline<'h> {
        self.pods.get(label).and_then(|families| families.get(&family)).unwrap_or(&self.nothing)
    }

    /// The pods, with their port's number, that the SRV records of a port name.
    pub fn port(&self, name: &str, protocol: &str) -> &Timeline<'h> {
        self.ports.get(&port_key(name, protocol)).unwrap_or(&self.nothing)
    }

    /// What a name stands for, in records of that type.
    pub fn timeline(&self, subject: Subject<'_>, record_type: &str) -> &Timeline<'h> {
        let family = Family::of_record_type(record_type).unwrap_or(Family::Ipv4);
        match subject {
            Subject::Service => self.service(family),
            Subject::Pod(label) => self.pod(label, family),
            Subject::Port { name, protocol } => self.port(name, protocol),
        }
    }

    /// How an answer compares that came to a question of this span.
    ///
    /// The watch of Services and that of pods have no order, so an answer is wrong only if it is so with each version of the
    /// Service as early as it can have been true as well as with each as late as it was told.
    pub fn fit(&self, subject: Subject<'_>, record_type: &str, asked: Span, told: &Told<'h>) -> Fit<'h> {
        let fit = self.timeline(subject, record_type).fit(&self.bounds, asked, told);
        if !matches!(fit, Fit::Wrong | Fit::Outdated { .. }) {
            return fit;
        }
        match self.early.as_ref().map(|early| early.fit(subject, record_type, asked, told)) {
            Some(Fit::Current | Fit::Possible) => Fit::Possible,
            Some(other @ (Fit::Stale { .. } | Fit::Unordered { .. } | Fit::Hidden { .. })) => other,
            _ => fit,
        }
    }

    /// The families in which it ever published something.
    pub fn families(&self) -> Vec<Family> {
        self.service.keys().copied().collect()
    }

    /// The most addresses that its name ever stood for.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// The pods, with their port's number, that the SRV records of an answer name. A record whose target is no name below the
    /// Service stays as it is, which no pod is called.
    pub fn targets(&self, service: &str, records: &BTreeSet<&str>) -> Told<'h> {
        let mut unnamed = 0;
        let target = |record: &&str| {
            let fields: Vec<&str> = record.split_whitespace().collect();
            let [_, _, port, name] = fields[..] else { return Cow::Owned((*record).to_owned()) };
            let label = name.strip_suffix(service).and_then(|label| label.strip_suffix('.'));
            match (label, port.parse()) {
                (Some(label), Ok(port)) if self.has_unnamed && !self.pods.contains_key(label) => {
                    unnamed += 1;
                    unnamed_target(unnamed, port)
                }
                (Some(label), Ok(port)) => target(label, port),
                _ => Cow::Owned((*record).to_owned()),
            }
        };
        records.iter().map(target).collect()
    }

    /// Whether a pod ever had its name by this label.
    pub fn knows(&self, label: &str) -> bool {
        self.pods.contains_key(label)
    }

    /// Whether the pod of that uid ever had an address.
    pub fn had(&self, uid: &str, address: &str) -> bool {
        self.owners.get(&*canonical(address)).is_some_and(|owned| owned.iter().any(|owned| owned.uid == uid))
    }

    /// Whose address this was at a time, for a person to read; nothing where no pod of the namespace ever had it.
    pub fn owner(&self, address: &str, us: u64) -> String {
        let owned = self.owners.get(address).map_or(&[][..], Vec::as_slice);
        let now: BTreeSet<&str> =
            owned.iter().filter(|o| o.from_us <= us && us < o.until_us).map(|o| o.pod).collect();
        let ever: BTreeSet<&str> = owned.iter().map(|o| o.pod).collect();
        match (now.is_empty(), ever.is_empty()) {
            (false, _) => format!(" (the address of {})", words(&now)),
            (true, false) => format!(" (an address of {} at another time)", words(&ever)),
            (true, true) => String::new(),
        }
    }
}

fn words(texts: &BTreeSet<&str>) -> String {
    texts.iter().copied().collect::<Vec<_>>().join(", ")
}

/// What a Service publishes, by the watches of Services and of pods.
pub(super) fn published<'h>(service: &Service<'h>) -> Published<'h> {
    let watches = [service.watch_of(Resource::Pods), service.watch_of(Resource::Services)];
    let bounds = Bounds::of(service.history, &watches);
    let arrivals = Arrivals::of(service.history, &watches);
    let pods = service.history.objects(watches[0]).map(|pod| Version::new(&arrivals, pod, false));
    let own = service.versions().iter().map(|version| Version::new(&arrivals, *version, true));
    let mut versions: Vec<Version<'h>> = pods.chain(own).collect();
    let fold = |versions: &[Version<'h>]| {
        let mut fold = Fold::of(service, bounds.clone());
        versions.iter().for_each(|version| fold.version(version));
        fold.published
    };
    versions.sort_by_key(|version| version.seen.event.seq);
    let late = fold(&versions);
    for version in versions.iter_mut().filter(|version| version.is_service) {
        let earliest_us = version.span.from_us.saturating_sub(bounds.slack_us());
        let requested_us = service.requested_before(version.seen.event);
        version.span = Span::at(requested_us.map_or(earliest_us, |us| us.max(earliest_us)));
    }
    versions.sort_by_key(|version| (version.span.until_us, version.seen.event.seq));
    Published { early: Some(Box::new(fold(&versions))), ..late }
}

/// A version of a pod, or of the Service, with when it can have come to be.
struct Version<'h> {
    seen: Seen<'h, ObjectSeen>,
    span: Span,
    is_service: bool,
}

impl<'h> Version<'h> {
    fn new(arrivals: &Arrivals, seen: Seen<'h, ObjectSeen>, is_service: bool) -> Self {
        Self { seen, span: arrivals.span(seen.event), is_service }
    }
}

/// What a Service publishes, by what its EndpointSlices list.
pub fn published_by_lists<'h>(service: &Service<'h>, lists: &[ListVersion<'h>]) -> Published<'h> {
    let watches = [service.watch_of(Resource::EndpointSlices)];
    let mut fold = Fold::of(service, Bounds::of(service.history, &watches));
    let arrivals = Arrivals::of(service.history, &watches);
    for list in lists {
        let ready = list.listed.iter().filter(|endpoint| endpoint.ready);
        let endpoints = ready.map(|listed| Endpoint {
            label: Some(listed.hostname).filter(|label| !label.is_empty()),
            addresses: listed
                .addresses
                .iter()
                .filter_map(|ip| Some((Family::of(ip)?, canonical(ip))))
                .collect(),
            ports: Vec::new(),
        });
        fold.endpoints =
            endpoints.enumerate().map(|(place, endpoint)| (place.to_string().into(), endpoint)).collect();
        fold.turn_all(list.event, arrivals.span(list.event));
    }
    fold.published
}

/// The watches, folded.
struct Fold<'v, 'h> {
    service: &'v Service<'h>,
    spec: Option<&'h ObjectSeen>,
    /// The pods that exist, by name.
    present: BTreeMap<&'h str, &'h ObjectSeen>,
    /// Those that are published.
    endpoints: BTreeMap<Cow<'h, str>, Endpoint<'h>>,
    published: Published<'h>,
}

impl<'v, 'h> Fold<'v, 'h> {
    fn of(service: &'v Service<'h>, bounds: Bounds<'h>) -> Self {
        let published = Published {
            bounds,
            nothing: Timeline::nothing(&service.history.events[0]),
            service: BTreeMap::new(),
            pods: BTreeMap::new(),
            ports: BTreeMap::new(),
            owners: BTreeMap::new(),
            largest: 0,
            has_unnamed: false,
            early: None,
        };
        Self { service, spec: None, present: BTreeMap::new(), endpoints: BTreeMap::new(), published }
    }

    fn version(&mut self, version: &Version<'h>) {
        if version.is_service { self.service_changed(version) } else { self.pod_changed(version) }
    }

    fn service_changed(&mut self, version: &Version<'h>) {
        self.spec = Some(version.seen.what).filter(|service| !service.change.is_removal());
        let present = self.present.iter();
        self.endpoints =
            present.filter_map(|(name, pod)| Some((Cow::Borrowed(*name), self.endpoint(pod)?))).collect();
        self.turn_all(version.seen.event, version.span);
    }

    fn pod_changed(&mut self, version: &Version<'h>) {
        let (event, pod) = (version.seen.event, version.seen.what);
        let name = pod.name.as_str();
        let before = self.present.get(name).copied();
        if pod.change.is_removal() {
            if before.is_none_or(|before| before.uid != pod.uid) {
                return;
            }
            self.present.remove(name);
        } else {
            self.present.insert(name, pod);
        }
        self.own(event, before, pod);
        let endpoint = self.endpoint(pod);
        let old = self.endpoints.get(name).cloned();
        if old == endpoint {
            return;
        }
        match endpoint.clone() {
            Some(endpoint) => self.endpoints.insert(Cow::Borrowed(name), endpoint),
            None => self.endpoints.remove(name),
        };
        let labels: BTreeSet<&str> = [old, endpoint].into_iter().flatten().filter_map(|e| e.label).collect();
        self.turn(event, version.span, &labels);
    }

    /// Notes from when to when pods had their addresses.
    fn own(&mut self, event: &'h Event, before: Option<&'h ObjectSeen>, pod: &'h ObjectSeen) {
        let us = event.span.until_us;
        let has: BTreeSet<Cow<'_, str>> = match pod.change.is_removal() {
            true => BTreeSet::new(),
            false => pod::addresses(pod).into_iter().map(canonical).collect(),
        };
        let had = before.map(pod::addresses).unwrap_or_default().into_iter().map(canonical);
        for address in had {
            let owned = self.published.owners.get_mut(&*address).and_then(|all| all.last_mut());
            let is_same = before.is_some_and(|before| before.uid == pod.uid) && has.contains(&address);
            if let Some(owned) = owned.filter(|owned| !is_same && before.is_some_and(|b| b.uid == owned.uid))
            {
                owned.until_us = us;
            }
        }
        for address in has {
            let all = self.published.owners.entry(address.into_owned()).or_default();
            if all.last().is_none_or(|last| last.uid != pod.uid || last.until_us < us) {
                all.push(Owned { pod: &pod.name, uid: &pod.uid, from_us: us, until_us: u64::MAX });
            }
        }
    }

    /// A pod as the Service publishes it, if it does.
    fn endpoint(&self, pod: &'h ObjectSeen) -> Option<Endpoint<'h>> {
        let spec = self.spec.filter(|spec| service::publishes(spec, pod))?;
        let families = service::families(spec);
        let addresses =
            pod::addresses(pod).into_iter().filter_map(|ip| Some((Family::of(ip)?, canonical(ip))));
        let served = addresses.filter(|(family, _)| families.is_empty() || families.contains(family));
        let addresses: Vec<(Family, Cow<'h, str>)> = served.collect();
        let ports = spec.list("/spec/ports").iter().filter_map(|port| {
            Some((port["name"].as_str()?, service::protocol(port), service::target_port(port, pod)?))
        });
        let label = self.service.label_of(pod);
        (!addresses.is_empty()).then(|| Endpoint { label, addresses, ports: ports.collect() })
    }

    /// Everything may have changed.
    fn turn_all(&mut self, event: &'h Event, span: Span) {
        let known: BTreeSet<String> = self.published.pods.keys().cloned().collect();
        let now: BTreeSet<String> =
            self.endpoints.values().filter_map(|e| Some(e.label?.to_owned())).collect();
        let labels: BTreeSet<&str> = known.union(&now).map(String::as_str).collect();
        self.turn(event, span, &labels);
    }

    /// The names of these pods, and of the Service, may have changed.
    fn turn(&mut self, event: &'h Event, span: Span, labels: &BTreeSet<&str>) {
        let published = &mut self.published;
        for family in Family::ALL {
            let all = told(self.endpoints.values(), family);
            published.largest = published.largest.max(all.len());
            turn(&mut published.service, family, (event, span), all, &published.nothing);
            for label in labels {
                let own = told(self.endpoints.values().filter(|e| e.label == Some(label)), family);
                let families = published.pods.entry((*label).to_owned()).or_default();
                turn(families, family, (event, span), own, &published.nothing);
            }
        }
        self.turn_ports(event, span);
    }

    fn turn_ports(&mut self, event: &'h Event, span: Span) {
        let known = self.published.ports.keys().map(|key| (key.clone(), Vec::new()));
        let mut ports: BTreeMap<String, Vec<(Option<&str>, i64)>> = known.collect();
        for endpoint in self.endpoints.values() {
            self.published.has_unnamed |= endpoint.label.is_none();
            for (name, protocol, number) in &endpoint.ports {
                ports.entry(port_key(name, protocol)).or_default().push((endpoint.label, *number));
            }
        }
        for (key, pods) in ports {
            turn(&mut self.published.ports, key, (event, span), targets(&pods), &self.published.nothing);
        }
    }
}

/// How a port's name and protocol are joined to one key.
fn port_key(name: &str, protocol: &str) -> String {
    format!("{name}/{protocol}")
}

fn targets<'h>(pods: &[(Option<&str>, i64)]) -> Told<'h> {
    let mut unnamed = 0;
    let target = |(label, port): &(Option<&str>, i64)| match label {
        Some(label) => target(label, *port),
        None => {
            unnamed += 1;
            unnamed_target(unnamed, *port)
        }
    };
    pods.iter().map(target).collect()
}

/// How a pod and its port are told in the place of an SRV record.
fn target<'h>(label: &str, port: i64) -> Cow<'h, str> {
    Cow::Owned(format!("{label}:{port}"))
}

/// The same of a pod that has no name of its own, for which each DNS server makes one up.
fn unnamed_target<'h>(number: usize, port: i64) -> Cow<'h, str> {
    Cow::Owned(format!("unnamed pod {number}:{port}"))
}

fn told<'e, 'h: 'e>(endpoints: impl Iterator<Item = &'e Endpoint<'h>>, family: Family) -> Told<'h> {
    let addresses = endpoints.flat_map(|endpoint| &endpoint.addresses);
    addresses.filter(|(of, _)| *of == family).map(|(_, address)| address.clone()).collect()
}

fn turn<'h, K: Ord>(
    timelines: &mut BTreeMap<K, Timeline<'h>>,
    key: K,
    (event, span): (&'h Event, Span),
    value: Told<'h>,
    nothing: &Timeline<'h>,
) {
    match timelines.get_mut(&key) {
        Some(timeline) => timeline.turn(event, span, value),
        None if value.is_empty() => {}
        None => timelines.entry(key).or_insert_with(|| nothing.clone()).turn(event, span, value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::{Change, History},
        views::View,
    };

    /// What a name stands for at the end, of the Service `nginx` in a namespace.
    fn at_the_end(
        history: &History,
        namespace: &str,
        subject: Subject<'_>,
        record_type: &str,
    ) -> Vec<String> {
        let view = View::of(history);
        let is_it = |service: &&Service<'_>| service.name == "nginx" && service.namespace == namespace;
        let service = view.services().iter().find(is_it).expect("the Service");
        let timeline = service.published().timeline(subject, record_type);
        timeline.last().value.iter().map(ToString::to_string).collect()
    }

    fn service(statements: &str, record_type: &str) -> Vec<String> {
        at_the_end(&history(statements), "ns", Subject::Service, record_type)
    }

    const PORT: Subject<'_> = Subject::Port { name: "web", protocol: "tcp" };

    #[test]
    fn the_service_stands_for_all_ready_pods_and_each_port_for_their_names() {
        let both =
            "service; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 running";
        assert_eq!(service(both, "A"), ["10.0.0.10", "10.0.0.11"]);
        assert_eq!(at_the_end(&history(both), "ns", PORT, "SRV"), ["web-0:80", "web-1:80"]);
        assert_eq!(at_the_end(&history(both), "ns", Subject::Pod("web-1"), "A"), ["10.0.0.11"]);
    }

    #[test]
    fn addresses_are_those_of_the_services_families() {
        let pod = "web-0 created; web-0 address 10.0.0.10,fd00::10; web-0 ready";
        for (families, ipv4, ipv6) in [("", true, false), ("ipv6", false, true), ("dual", true, true)] {
            let statements = format!("service {families}; {pod}");
            assert_eq!(!service(&statements, "A").is_empty(), ipv4, "{families}");
            assert_eq!(!service(&statements, "AAAA").is_empty(), ipv6, "{families}");
        }
    }

    #[test]
    fn a_server_that_keeps_no_families_publishes_what_pods_have() {
        let mut notes = Notes::new().say("service");
        notes.modify(Resource::Services, "nginx", |service| service["spec"]["ipFamilies"] = json!(null));
        let history = notes.say("web-0 created; web-0 address fd00::10; web-0 ready").history();
        assert_eq!(at_the_end(&history, "ns", Subject::Service, "AAAA"), ["fd00::10"]);
        let view = View::of(&history);
        assert_eq!(view.services()[0].families(history.last()), [Family::Ipv6]);
    }

    #[test]
    fn pods_that_are_not_ready_are_published_where_the_service_says_so() {
        let pod = "web-0 created; web-0 address 10.0.0.10; web-0 running";
        assert_eq!(service(&format!("service publish; {pod}"), "A"), ["10.0.0.10"]);
        assert_eq!(service(&format!("service publish; {pod}; web-0 terminating"), "A"), ["10.0.0.10"]);
        assert!(service(&format!("service publish; {pod}; web-0 failed"), "A").is_empty());
        assert!(service("service publish; web-0 created", "A").is_empty(), "it has no address");
        assert!(service(&format!("service; {pod}"), "A").is_empty());
        assert_eq!(service(&format!("service; {pod}; service publish"), "A"), ["10.0.0.10"]);
    }

    #[test]
    fn a_pod_whose_label_is_taken_away_is_selected_no_more() {
        let pod = "service; web-0 created; web-0 ready";
        assert!(service(&format!("{pod}; web-0 label app=other"), "A").is_empty());
        assert_eq!(
            service(&format!("{pod}; web-0 label app=other; web-0 label app=nginx"), "A"),
            ["10.0.0.10"]
        );
    }

    #[test]
    fn pods_of_several_sets_are_behind_one_service() {
        let mut notes = Notes::new().say("service; web-0 created; web-0 ready");
        let owner = json!([{"kind": "StatefulSet", "name": "db", "uid": "db", "controller": true}]);
        let metadata = json!({"name": "db-0", "namespace": "ns", "uid": "uid-db-0", "labels": {"app": "nginx"},
            "ownerReferences": owner});
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"phase": "Running", "conditions": ready, "podIPs": [{"ip": "10.0.0.50"}]});
        let spec = json!({"hostname": "db-0", "subdomain": "nginx"});
        notes.object(
            Resource::Pods,
            Change::Added,
            json!({"metadata": metadata, "spec": spec, "status": status}),
        );
        let history = notes.history();
        assert_eq!(at_the_end(&history, "ns", Subject::Service, "A"), ["10.0.0.10", "10.0.0.50"]);
        assert_eq!(at_the_end(&history, "ns", PORT, "SRV"), ["db-0:80", "web-0:80"]);
        assert_eq!(at_the_end(&history, "ns", Subject::Pod("db-0"), "A"), ["10.0.0.50"]);
    }

    #[test]
    fn the_port_is_the_one_that_the_service_has_on_the_pod() {
        let srv = |target: serde_json::Value| {
            let mut notes = Notes::new().say("service; web-0 created");
            notes.modify(Resource::Services, "nginx", |s| s["spec"]["ports"][0]["targetPort"] = target);
            notes.modify(Resource::Pods, "web-0", |pod| {
                pod["spec"]["containers"][0]["ports"] = json!([{"name": "http", "containerPort": 8080}]);
            });
            at_the_end(&notes.say("web-0 ready").history(), "ns", PORT, "SRV")
        };
        assert_eq!(srv(json!(8081)), ["web-0:8081"]);
        assert_eq!(srv(json!("http")), ["web-0:8080"]);
        assert_eq!(srv(json!(null)), ["web-0:80"]);
        assert!(srv(json!("other")).is_empty());
    }

    #[test]
    fn a_pod_without_a_name_of_its_own_has_a_target_that_is_made_up() {
        let mut notes = Notes::new().say("service; set replicas=1; web-0 created; web-0 ready");
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"phase": "Running", "conditions": ready, "podIPs": [{"ip": "10.0.0.60"}]});
        let metadata =
            json!({"name": "solo", "namespace": "ns", "uid": "uid-solo", "labels": {"app": "nginx"}});
        notes.object(
            Resource::Pods,
            Change::Added,
            json!({"metadata": metadata, "spec": {}, "status": status}),
        );
        let history = notes.history();
        let view = View::of(&history);
        let published = view.services()[0].published();
        let name = "nginx.ns.svc.cluster.local.";
        let records = [format!("0 50 80 web-0.{name}"), format!("0 50 80 10-0-0-60.{name}")];
        let told = published.targets(name, &records.iter().map(String::as_str).collect());
        assert_eq!(*published.port("web", "tcp").last().value, told);
        let none = published.targets(name, &[records[0].as_str()].into());
        assert_ne!(*published.port("web", "tcp").last().value, none);
    }

    #[test]
    fn each_namespace_has_its_own() {
        let both = "service; web-0 created; web-0 ready; in other; service; web-0 created; web-0 address 10.1.0.1; web-0 ready";
        let history = history(both);
        assert_eq!(at_the_end(&history, "ns", Subject::Pod("web-0"), "A"), ["10.0.0.10"]);
        assert_eq!(at_the_end(&history, "other", Subject::Pod("web-0"), "A"), ["10.1.0.1"]);
    }

    #[test]
    fn a_pod_that_was_replaced_in_a_gap_is_not_published_beside_its_successor() {
        let replaced = "service; web-0 created; web-0 ready; gap pods; web-0 listed; web-0 address 10.0.0.99; web-0 ready";
        assert_eq!(service(replaced, "A"), ["10.0.0.99"]);
        assert!(service("service; web-0 created; web-0 ready; gap pods; web-0 unlisted", "A").is_empty());
    }

    #[test]
    fn an_address_has_owners_over_time() {
        let moved = "service; web-0 created; web-0 address 10.0.0.7; wait 1s; web-0 deleted; wait 1s; web-1 created; \
                     web-1 address 10.0.0.7; wait 1s; web-1 address 10.0.0.8";
        let history = history(moved);
        let view = View::of(&history);
        let published = view.services()[0].published();
        let at = |secs: f64| {
            published.owner("10.0.0.7", (history.last().span.until_us as f64 - secs * 1e6) as u64)
        };
        assert_eq!(at(3.0), " (the address of web-0)");
        assert_eq!(at(1.5), " (an address of web-0, web-1 at another time)");
        assert_eq!(at(0.5), " (the address of web-1)");
        assert_eq!(at(0.0), " (an address of web-0, web-1 at another time)");
        assert_eq!(published.owner("10.0.0.99", 0), "");
        assert!(published.had("uid-1", "10.0.0.7") && !published.had("uid-1", "10.0.0.8"));
    }
}
