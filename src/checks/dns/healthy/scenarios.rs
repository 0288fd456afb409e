//! Ordinary scenarios on a healthy cluster, written by hand.
//!
//! Beside the statements of the notation: `start web-0 10.0.0.10` makes a pod that comes to be ready at that address, `lists
//! web-0 web-1!` gives EndpointSlices and Endpoints with the pods' present addresses, `ask A web-0 -> …` asks each backend and
//! each node over both transports, `follow A web-0 -> …` asks each backend, `targets web-0 web-1` asks everybody for the SRV
//! records, `inspect web-0` looks into a pod, and `reach web-0` connects to it from each node. `told-early web-0 10.0.0.20` prints an address that the pod's status does not have yet.

use serde_json::json;

use crate::{
    checks::notation::Notes,
    history::{Change, Discovered, Endpoint, History, Purpose, Resource, Step},
};

/// The scenarios, by the names that requirements are judged on where there is one.
pub(super) const HEALTHY: &[(&str, &str)] = &[
    ("preflight", PREFLIGHT),
    ("documented-start", DOCUMENTED_START),
    ("mass-delete", MASS_DELETE),
    ("single-delete", SINGLE_DELETE),
    ("gated-start", GATED_START),
    ("scale-cycle", SCALE_CYCLE),
    ("ip-churn", IP_CHURN),
    ("lost-and-scaled", LOST_AND_SCALED),
    ("scaled-away-and-deleted", SCALED_AWAY_AND_DELETED),
    ("dual-stack", DUAL_STACK),
    ("ipv6-only", IPV6_ONLY),
    ("single-stack-on-dual-stack-pods", SINGLE_STACK),
    ("unready-published", UNREADY_PUBLISHED),
    ("addresses-reused", ADDRESSES_REUSED),
    ("another-namespace", ANOTHER_NAMESPACE),
    ("no-endpoints-controller", NO_ENDPOINTS),
    ("address-changed-in-place", CHANGED_IN_PLACE),
];

/// The history of one of them.
pub(super) fn healthy(name: &str) -> History {
    let (_, statements) = HEALTHY.iter().find(|(known, _)| *known == name).expect("a scenario of that name");
    let mut notes = Notes::new();
    let probes = ["node-0", "node-1"].map(|node| endpoint(node, &format!("probe-{node}")));
    notes.started(|started| started.probes = probes.to_vec());
    if name == "preflight" {
        notes.started(|started| {
            (started.zone, started.backends, started.probes) = (None, Vec::new(), Vec::new());
        });
        let backends = ["a", "b"].map(|backend| endpoint(backend, "10.9.0.1")).to_vec();
        let zone = Some("cluster.local".to_owned());
        let found = Discovered { zone, backends, probes: probes.to_vec() };
        notes = notes.say("probe-node-0 created; probe-node-1 created");
        for (pod, node) in [("probe-node-0", "node-0"), ("probe-node-1", "node-1")] {
            notes.modify(Resource::Pods, pod, |pod| pod["spec"]["nodeName"] = node.into());
        }
        notes.step(Step::Discovered(found.into()));
    }
    let statements = statements.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    let notes = statements.fold(notes, say);
    History { scenario: name.to_owned(), ..notes.history() }
}

fn endpoint(name: &str, address: &str) -> Endpoint {
    Endpoint { name: name.to_owned(), address: address.to_owned() }
}

const BACKENDS: [&str; 2] = ["a", "b"];
const EVERYBODY: [&str; 6] = ["a", "b", "@node-0", "@node-0/tcp", "@node-1", "@node-1/tcp"];

fn say(notes: Notes, statement: &str) -> Notes {
    let words: Vec<&str> = statement.split_whitespace().collect();
    match words[..] {
        ["start", pod, addresses] => notes.say(&format!(
            "{pod} created; {pod} scheduled; {pod} running; {pod} address {addresses}; {pod} ready"
        )),
        ["ask", ref rest @ ..] => each(notes, &EVERYBODY, &rest.join(" ")),
        ["follow", ref rest @ ..] => each(notes, &BACKENDS, &rest.join(" ")),
        ["targets", ref pods @ ..] => {
            let targets = pods.iter().map(|pod| format!("0_50_80_{pod}.nginx.ns.svc.cluster.local."));
            let answer = format!("SRV _web._tcp -> {}", targets.collect::<Vec<_>>().join(" "));
            each(notes, &EVERYBODY, &answer)
        }
        ["lists", ref pods @ ..] => lists(notes, pods),
        ["inspect", pod] => inspect(notes, pod),
        ["reach", pod] => reach(notes, pod),
        ["told-early", pod, address] => {
            let mut notes = notes;
            notes.run(pod, Purpose::OwnAddresses, address);
            notes
        }
        ["foreign", pod, address] => foreign(notes, pod, address),
        ["normal"] => normal(notes),
        _ => notes.say(statement),
    }
}

fn each(notes: Notes, servers: &[&str], question: &str) -> Notes {
    servers.iter().fold(notes, |notes, server| notes.say(&format!("dns {server} {question}")))
}

fn addresses(notes: &Notes, pod: &str) -> Vec<String> {
    let pod = notes.present(Resource::Pods, pod);
    let addresses = pod["status"]["podIPs"].as_array().into_iter().flatten();
    addresses.filter_map(|ip| Some(ip["ip"].as_str()?.to_owned())).collect()
}

fn lists(notes: Notes, pods: &[&str]) -> Notes {
    let service = notes.present(Resource::Services, "nginx");
    let of_family = |family: &str, is_of_it: fn(&str) -> bool| {
        let serves =
            service["spec"]["ipFamilies"].as_array().is_some_and(|all| all.iter().any(|of| of == family));
        serves.then(|| {
            let listed = pods.iter().filter_map(|pod| {
                let (name, mark) = pod.strip_suffix('!').map_or((*pod, ""), |name| (name, "!"));
                let address = addresses(&notes, name).into_iter().find(|ip| is_of_it(ip))?;
                Some(format!("{name}={address}{mark}"))
            });
            listed.collect::<Vec<_>>().join(" ")
        })
    };
    let (ipv4, ipv6) = (of_family("IPv4", |ip| !ip.contains(':')), of_family("IPv6", |ip| ip.contains(':')));
    let slices = ipv4.as_ref().map(|listed| format!("slice {listed};")).unwrap_or_default();
    let slices6 = ipv6.as_ref().map(|listed| format!("slice6 {listed};")).unwrap_or_default();
    let first = ipv4.or(ipv6).unwrap_or_default();
    notes.say(&format!("{slices} {slices6} endpoints {first}"))
}

fn inspect(mut notes: Notes, pod: &str) -> Notes {
    let own = addresses(&notes, pod);
    let hosts = own.iter().map(|ip| format!("{ip} {pod}.nginx.ns.svc.cluster.local {pod}"));
    let hosts = hosts.collect::<Vec<_>>().join("\\n");
    notes.run(pod, Purpose::OwnAddresses, &own.join(" "));
    notes.run(pod, Purpose::HostsFile, &hosts);
    let search = "nameserver 10.96.0.10\\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\\noptions ndots:5";
    notes.run(pod, Purpose::ResolverConfig, search);
    notes
}

/// Connects to a pod's name from each node.
fn reach(mut notes: Notes, pod: &str) -> Notes {
    let uid = notes.present(Resource::Pods, pod)["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    for probe in ["probe-node-0", "probe-node-1"] {
        let host = format!("{pod}.nginx.ns.svc.cluster.local");
        notes.run(probe, Purpose::Connect { host }, &format!("{pod} {uid}"));
    }
    notes
}

/// A pod that no set has and no Service selects.
fn foreign(mut notes: Notes, name: &str, address: &str) -> Notes {
    let metadata = json!({"name": name, "namespace": "ns", "uid": format!("uid-{name}")});
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let status = json!({"phase": "Running", "conditions": ready, "podIPs": [{"ip": address}]});
    notes.object(Resource::Pods, Change::Added, json!({"metadata": metadata, "spec": {}, "status": status}));
    notes
}

/// A Service with a virtual address for the same pods.
fn normal(mut notes: Notes) -> Notes {
    let spec = json!({"clusterIP": "10.96.3.9", "clusterIPs": ["10.96.3.9"], "selector": {"app": "nginx"}});
    let metadata = json!({"name": "nginx-vip", "namespace": "ns", "uid": "uid-vip"});
    notes.object(Resource::Services, Change::Added, json!({"metadata": metadata, "spec": spec}));
    notes
}

const PREFLIGHT: &str = "
    inspect probe-node-0; inspect probe-node-1; ask A kubernetes.default.svc.cluster.local. -> 10.96.0.1; completed";

const DOCUMENTED_START: &str = "
    service; set replicas=2; start web-0 10.0.0.10; lists web-0; web-1 created; web-1 running; lists web-0 web-1!;
    web-1 address 10.0.0.11; web-1 ready; lists web-0 web-1; inspect web-0; inspect web-1;
    follow A web-0 -> 10.0.0.10; follow A web-1 -> 10.0.0.11; follow A web-99 -> nxdomain;
    follow A nginx -> 10.0.0.11 10.0.0.10;
    ask A web-0 -> 10.0.0.10; ask A web-1 -> 10.0.0.11; ask A web-99 -> nxdomain; ask A nginx -> 10.0.0.10 10.0.0.11;
    targets web-0 web-1; ask A web-0.nginx.svc.cluster.local. -> nxdomain; ask A web-0.nginx.cluster.local. -> nxdomain;
    ask A web-99.nginx.svc.cluster.local. -> nxdomain; ask A web-99.nginx.cluster.local. -> nothing;
    delete all; answered 200; web-0 terminating; web-1 terminating; lists web-0! web-1!; follow A web-0 -> 10.0.0.10;
    web-1 deleted; web-0 deleted; lists; start web-0 10.0.0.77; lists web-0; start web-1 10.0.0.78; lists web-0 web-1;
    follow A web-0 -> 10.0.0.10; follow A web-1 -> nxdomain; follow A nginx -> 10.0.0.11 10.0.0.10; wait 28s;
    follow A web-0 -> 10.0.0.10; follow A web-1 -> nxdomain; follow A nginx -> 10.0.0.77;
    follow A web-0 -> 10.0.0.77; follow A web-1 -> 10.0.0.78; follow A nginx -> 10.0.0.77 10.0.0.78;
    inspect web-0; inspect web-1;
    ask A web-0 -> 10.0.0.77; ask A web-1 -> 10.0.0.78; ask A web-99 -> nxdomain; ask A nginx -> 10.0.0.77 10.0.0.78;
    targets web-0 web-1; ask A web-0.nginx.svc.cluster.local. -> nxdomain; wait 6s; completed;
    web-0 terminating; web-1 terminating; web-0 deleted; web-1 deleted";

const MASS_DELETE: &str = "
    service; set replicas=3; start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; lists web-0 web-1;
    start web-2 10.0.0.12; lists web-0 web-1 web-2; delete all; web-0 terminating; web-1 terminating; web-2 terminating;
    lists web-0! web-1! web-2!; web-2 deleted; web-1 deleted; wait 5s; web-0 deleted; lists; web-0 created; web-0 scheduled;
    web-0 running; web-0 address 10.0.0.20; lists web-0!; wait 2s; exec web-0 open-gate -> ok; web-0 ready; lists web-0;
    start web-1 10.0.0.21; lists web-0 web-1; start web-2 10.0.0.22; lists web-0 web-1 web-2; completed";

const SINGLE_DELETE: &str = "
    service; set replicas=3; start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; lists web-0 web-1;
    start web-2 10.0.0.12; lists web-0 web-1 web-2; inspect web-0; inspect web-1; inspect web-2;
    ask A web-0 -> 10.0.0.10; ask A web-1 -> 10.0.0.11; ask A web-2 -> 10.0.0.12;
    ask A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; targets web-0 web-1 web-2; reach web-0; reach web-1; reach web-2;
    normal; wait 61s; ask A nginx-vip.ns.svc.cluster.local. -> 10.96.3.9;
    delete web-0; web-0 terminating; lists web-1 web-2; web-0 deleted; start web-0 10.0.0.13; lists web-0 web-1 web-2;
    inspect web-0; delete web-2; web-2 terminating; lists web-0 web-1; web-2 deleted; start web-2 10.0.0.14;
    lists web-0 web-1 web-2; inspect web-2; completed";

const GATED_START: &str = "
    service; set replicas=3; web-0 created; web-0 scheduled; web-0 running; web-0 address 10.0.0.10; lists web-0!; wait 30s;
    exec web-0 open-gate -> ok; web-0 ready; lists web-0; start web-1 10.0.0.11; lists web-0 web-1; start web-2 10.0.0.12;
    lists web-0 web-1 web-2; follow A web-0 -> 10.0.0.10; follow A web-1 -> 10.0.0.11; follow A web-2 -> 10.0.0.12;
    follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; exec web-1 close-gate -> ok; web-1 unready;
    lists web-0 web-1! web-2; follow A web-1 -> 10.0.0.11; follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; wait 26s;
    follow A web-1 -> 10.0.0.11; follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; wait 3s;
    follow A web-1 -> nxdomain; follow A nginx -> 10.0.0.10 10.0.0.12;
    ask A web-0 -> 10.0.0.10; ask A web-1 -> nxdomain; ask A web-2 -> 10.0.0.12; ask A nginx -> 10.0.0.12 10.0.0.10;
    targets web-0 web-2; completed";

const SCALE_CYCLE: &str = "
    service; set replicas=2; start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; lists web-0 web-1; scale 3;
    start web-2 10.0.0.12; lists web-0 web-1 web-2; follow A web-0 -> 10.0.0.10; follow A web-2 -> 10.0.0.12;
    follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; scale 1; web-2 terminating; lists web-0 web-1; wait 3s;
    web-2 deleted; web-1 terminating; lists web-0; wait 3s; web-1 deleted; follow A web-2 -> 10.0.0.12;
    follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; scale 2; start web-1 10.0.0.13; lists web-0 web-1;
    follow A web-2 -> 10.0.0.12; follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; wait 25s; follow A web-2 -> 10.0.0.12;
    follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12; wait 1s; follow A web-2 -> nxdomain;
    follow A nginx -> 10.0.0.10 10.0.0.13; ask A web-0 -> 10.0.0.10; ask A web-1 -> 10.0.0.13; ask A web-2 -> nxdomain;
    ask A nginx -> 10.0.0.13 10.0.0.10; targets web-0 web-1; completed";

const IP_CHURN: &str = "
    service; set replicas=2; follow A web-0 -> nxdomain; follow A web-1 -> nxdomain; follow A nginx -> nxdomain;
    start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; follow A web-0 -> nxdomain; follow A web-1 -> nxdomain;
    lists web-0 web-1; inspect web-0; inspect web-1; wait 27s; follow A web-0 -> nxdomain; follow A web-1 -> nxdomain;
    follow A nginx -> nothing; wait 1s; follow A web-0 -> 10.0.0.10; follow A web-1 -> 10.0.0.11;
    follow A nginx -> 10.0.0.10 10.0.0.11; reach web-0; reach web-1; delete web-0; web-0 terminating; lists web-1;
    follow A web-0 -> 10.0.0.10; web-0 deleted; foreign squatter 10.0.0.10; start web-0 10.0.0.12; lists web-0 web-1;
    inspect web-0; inspect web-1; follow A web-0 -> 10.0.0.10; follow A nginx -> 10.0.0.10 10.0.0.11; wait 24s;
    follow A web-0 -> 10.0.0.10; follow A nginx -> 10.0.0.10 10.0.0.11; wait 1s; follow A web-0 -> 10.0.0.12;
    follow A nginx -> 10.0.0.12 10.0.0.11; ask A web-0 -> 10.0.0.12; ask A web-1 -> 10.0.0.11;
    ask A nginx -> 10.0.0.11 10.0.0.12; targets web-0 web-1; reach web-0; reach web-1; wait 6s; completed";

const LOST_AND_SCALED: &str = "
    service; set replicas=3; start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; lists web-0 web-1;
    start web-2 10.0.0.12; lists web-0 web-1 web-2; ask A web-2 -> 10.0.0.12; follow A nginx -> 10.0.0.10 10.0.0.11 10.0.0.12;
    delete web-1; web-1 terminating; lists web-0 web-2; scale 2; web-1 deleted; start web-1 10.0.0.21; lists web-0 web-1 web-2;
    web-2 terminating; lists web-0 web-1; follow A web-2 -> 10.0.0.12; web-2 deleted; wait 20s; follow A web-2 -> nxdomain;
    follow A nginx -> 10.0.0.21 10.0.0.10; scale 3; follow A web-2 -> nxdomain; start web-2 10.0.0.22;
    lists web-0 web-1 web-2; follow A web-2 -> nxdomain; wait 20s; follow A web-2 -> 10.0.0.22;
    follow A nginx -> 10.0.0.10 10.0.0.21 10.0.0.22; completed";

const SCALED_AWAY_AND_DELETED: &str = "
    service; set replicas=2; ask A kubernetes.default.svc.cluster.local. -> 10.96.0.1; start web-0 10.0.0.10; lists web-0;
    start web-1 10.0.0.11; lists web-0 web-1; follow A web-1 -> 10.0.0.11; follow A web-0 -> 10.0.0.10; scale 1;
    web-1 terminating; lists web-0; web-1 deleted; wait 31s; follow A web-1 -> nxdomain; delete web-0; web-0 terminating;
    lists; follow A web-0 -> 10.0.0.10; web-0 deleted; start web-0 10.0.0.12; lists web-0; follow A web-0 -> 10.0.0.10;
    wait 29s; follow A web-0 -> 10.0.0.12; follow A web-1 -> nxdomain; scale 0; web-0 terminating; lists; web-0 deleted;
    wait 31s; follow A web-0 -> nothing; completed";

const DUAL_STACK: &str = "
    service dual; set replicas=2; start web-0 10.0.0.10,fd00::10; lists web-0; start web-1 10.0.0.11,fd00:0:0::11;
    lists web-0 web-1; ask A web-0 -> 10.0.0.10; ask AAAA web-0 -> fd00::10; ask AAAA web-1 -> fd00::11;
    ask A nginx -> 10.0.0.10 10.0.0.11; ask AAAA nginx -> fd00::11 fd00::10; targets web-0 web-1; inspect web-1;
    delete web-0; web-0 terminating; lists web-1; web-0 deleted; start web-0 10.0.0.12,fd00::12; lists web-0 web-1;
    follow A web-0 -> 10.0.0.10; follow AAAA web-0 -> fd00::12; wait 20s; follow A web-0 -> 10.0.0.12; inspect web-0;
    ask AAAA nginx -> fd00::11 fd00::12; ask A nginx -> 10.0.0.12 10.0.0.11; completed";

const IPV6_ONLY: &str = "
    service ipv6; set replicas=1; start web-0 fd00::10; lists web-0; ask A web-0 -> nothing; ask AAAA web-0 -> fd00::10;
    ask AAAA nginx -> fd00::10; ask A nginx -> nothing; targets web-0; reach web-0; ask AAAA web-9 -> nxdomain; inspect web-0;
    delete web-0; web-0 terminating; lists; web-0 deleted; start web-0 fd00::11; lists web-0; inspect web-0;
    ask AAAA web-0 -> fd00::11; ask AAAA nginx -> fd00::11; completed";

const SINGLE_STACK: &str = "
    service; set replicas=1; start web-0 10.0.0.10,fd00::10; lists web-0; ask A web-0 -> 10.0.0.10; ask AAAA web-0 -> nothing;
    ask A nginx -> 10.0.0.10; ask AAAA nginx -> nothing; targets web-0; inspect web-0; delete web-0; web-0 terminating; lists;
    web-0 deleted; start web-0 10.0.0.11,fd00::11; lists web-0; ask A web-0 -> 10.0.0.11; ask AAAA web-0 -> nothing;
    inspect web-0; completed";

const UNREADY_PUBLISHED: &str = "
    service publish; set replicas=2; web-0 created; web-0 scheduled; web-0 running; web-0 address 10.0.0.10; lists web-0;
    ask A web-0 -> 10.0.0.10; ask A nginx -> 10.0.0.10; web-0 ready; start web-1 10.0.0.11; lists web-0 web-1;
    ask A nginx -> 10.0.0.10 10.0.0.11; exec web-1 close-gate -> ok; web-1 unready; wait 70s; ask A web-1 -> 10.0.0.11;
    ask A nginx -> 10.0.0.11 10.0.0.10; targets web-0 web-1; delete web-1; web-1 terminating; ask A web-1 -> 10.0.0.11;
    web-1 deleted; lists web-0; wait 31s; ask A web-1 -> nxdomain; start web-1 10.0.0.12; lists web-0 web-1; wait 20s;
    ask A web-1 -> 10.0.0.12; completed";

const ADDRESSES_REUSED: &str = "
    service; set replicas=2; start web-0 10.0.0.10; lists web-0; start web-1 10.0.0.11; lists web-0 web-1;
    follow A web-0 -> 10.0.0.10; follow A nginx -> 10.0.0.10 10.0.0.11; reach web-0; delete all; web-0 terminating;
    web-1 terminating; lists; web-0 deleted; web-1 deleted; start web-0 10.0.0.11; lists web-0; start web-1 10.0.0.10;
    lists web-0 web-1; follow A web-0 -> 10.0.0.10; follow A web-1 -> 10.0.0.11; wait 29s;
    follow A web-0 -> 10.0.0.11; follow A web-1 -> 10.0.0.10; reach web-0; reach web-1; follow A nginx -> 10.0.0.11 10.0.0.10;
    inspect web-0; inspect web-1; delete web-0; web-0 terminating; lists web-1; web-0 deleted; foreign squatter 10.0.0.11;
    start web-0 10.0.0.12; lists web-0 web-1; wait 29s; follow A web-0 -> 10.0.0.12; inspect web-0; completed";

const ANOTHER_NAMESPACE: &str = "
    service; set replicas=1; start web-0 10.0.0.10; lists web-0; in other; service; set replicas=2; start web-0 10.1.0.10;
    lists web-0; ask A web-0 -> 10.1.0.10; start web-1 10.1.0.11; lists web-0 web-1; ask A web-1 -> 10.1.0.11; in ns;
    ask A web-0 -> 10.0.0.10; ask A nginx -> 10.0.0.10; ask A web-1 -> nxdomain; in other; ask A nginx -> 10.1.0.10 10.1.0.11;
    delete web-0; web-0 terminating; lists web-1; web-0 deleted; start web-0 10.1.0.12; lists web-0 web-1;
    ask A web-0 -> 10.1.0.12; in ns; ask A web-0 -> 10.0.0.10; completed";

const NO_ENDPOINTS: &str = "
    service; set replicas=2; start web-0 10.0.0.10; slice web-0=10.0.0.10; start web-1 10.0.0.11;
    slice web-0=10.0.0.10 web-1=10.0.0.11; timed-out endpoints-settled; ask A web-0 -> 10.0.0.10; delete web-0;
    web-0 terminating; slice web-1=10.0.0.11; web-0 deleted; start web-0 10.0.0.12; slice web-0=10.0.0.12 web-1=10.0.0.11;
    timed-out endpoints-settled; ask A web-0 -> 10.0.0.12; ask A web-1 -> 10.0.0.11; inspect web-0; completed";

const CHANGED_IN_PLACE: &str = "
    service; set replicas=1; start web-0 10.0.0.10; lists web-0; follow A web-0 -> 10.0.0.10; told-early web-0 10.0.0.20;
    follow A web-0 -> 10.0.0.10; web-0 unready; web-0 address 10.0.0.20; web-0 ready; lists web-0; wait 20s;
    follow A web-0 -> 10.0.0.20; told-early web-0 10.0.0.30; web-0 address 10.0.0.30; lists web-0; wait 29s;
    follow A web-0 -> 10.0.0.30; inspect web-0; completed";
