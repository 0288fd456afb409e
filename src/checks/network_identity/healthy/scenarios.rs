//! What happens in each scenario, in the notation and the statements that [`super::statements`] adds to it.

use serde_json::json;

use super::Healthy;

/// Each scenario that is told below.
pub(super) fn all() -> Vec<Healthy> {
    let every = [
        walked(),
        single_deletions(),
        mass_deletion(),
        scaled(),
        gated(),
        churned(),
        lower_lost(),
        rolled(),
        crashed(),
        lost_and_scaled(),
        evicted(),
        parallel(),
        moved(),
        slow(),
        orphaned(),
        kept_back(),
    ];
    every.into()
}

fn plain(name: &'static str, replicas: u32, told: &str) -> Healthy {
    Healthy { name, set: json!({"replicas": replicas}), told: told.to_owned(), blind: &[] }
}

/// The first `n` pods of the set come up one after the other and the status follows.
fn up(from: u32, n: u32) -> String {
    let one = |i: u32| {
        format!(
            "web-{i} created; set pods={0} current={0} updated={0}; web-{i} scheduled; web-{i} running; web-{i} ready; \
             set ready={0} available={0};",
            i + 1
        )
    };
    (from..n).map(one).collect()
}

fn start(n: u32) -> String {
    format!("set observed=1; {} {}", up(0, n), settled(n))
}

fn settled(n: u32) -> String {
    let pods: Vec<String> = (0..n).map(|i| format!("web-{i}")).collect();
    format!("waited pods-ready {}; waited status-settled {n};", pods.join(" "))
}

/// A pod goes and comes back, among `n`.
fn replaced(pod: u32, n: u32) -> String {
    format!("{} {}", gone(pod, n), back(pod, n))
}

fn gone(pod: u32, n: u32) -> String {
    let left = n - 1;
    format!(
        "web-{pod} terminating; set current={left} updated={left}; web-{pod} unready; set ready={left} available={left}; \
         web-{pod} deleted;"
    )
}

fn back(pod: u32, n: u32) -> String {
    format!(
        "web-{pod} created; set pods={n} current={n} updated={n}; web-{pod} scheduled; web-{pod} running; wait 1s; \
         web-{pod} ready; set ready={n} available={n};"
    )
}

fn inspected(pods: &[u32]) -> String {
    let one = |pod: &u32| {
        let full = format!("web-{pod}.nginx.ns.svc.cluster.local");
        format!(
            "exec web-{pod} hostname -> web-{pod}; exec web-{pod} fqdn -> {full}; exec web-{pod} addresses -> 10.0.0.1{pod}; \
             exec web-{pod} hosts -> 127.0.0.1 localhost\\n10.0.0.1{pod} {full} web-{pod}; \
             exec web-{pod} resolv -> search ns.svc.cluster.local svc.cluster.local cluster.local;"
        )
    };
    pods.iter().map(one).collect()
}

fn walked() -> Healthy {
    let told = format!(
        "{} {} delete all; answered 200; web-0 terminating; web-1 terminating; set current=0 updated=0; web-1 deleted; \
         set pods=1 ready=1 available=1; web-0 deleted; set pods=0 ready=0 available=0; {} {} {} completed",
        start(2),
        inspected(&[0, 1]),
        up(0, 2),
        inspected(&[0, 1]),
        settled(2),
    );
    plain("documented-start", 2, &told)
}

fn single_deletions() -> Healthy {
    let told = format!(
        "service web-0; {} lists web-0; {} delete web-0; answered 200; lists; {} lists web-0; {} {} delete web-2; answered 200; {} {} {} \
         completed",
        start(3),
        inspected(&[0, 1, 2]),
        replaced(0, 3),
        settled(3),
        inspected(&[0, 1, 2]),
        replaced(2, 3),
        settled(3),
        inspected(&[0, 1, 2]),
    );
    plain("single-delete", 3, &told)
}

fn mass_deletion() -> Healthy {
    let told = format!(
        "{} delete all; answered 200; web-0 terminating; web-1 terminating; web-2 terminating; set current=0 updated=0; \
         web-2 deleted; web-1 deleted; set pods=1 ready=1 available=1; wait 5s; web-0 deleted; web-0 created; \
         set pods=1 ready=0 available=0 current=1 updated=1; web-0 running; waited pods-unready web-0; quiet a; wait 2s; \
         quiet-over a; exec web-0 open-gate -> ok; web-0 ready; set ready=1 available=1; {} {} completed",
        start(3),
        up(1, 3),
        settled(3),
    );
    plain("mass-delete", 3, &told)
}

fn scaled() -> Healthy {
    let told = format!(
        "{} scale 3; answered 200; set replicas=3 generation=2; web-2 created; set observed=2 pods=3 current=3 updated=3; \
         web-2 running; web-2 ready; set ready=3 available=3; {} scale 1; answered 200; set replicas=1 generation=3; \
         web-2 terminating; set observed=3 current=2 updated=2; wait 3s; web-2 unready; set ready=2 available=2; web-2 deleted; \
         set pods=2; web-1 terminating; set current=1 updated=1; wait 3s; web-1 unready; set ready=1 available=1; web-1 deleted; \
         set pods=1; waited pods-gone web-1 web-2; waited status-settled 1; scale 2; answered 200; set replicas=2 generation=4; \
         web-1 created; set observed=4 pods=2 current=2 updated=2; web-1 running; web-1 ready; set ready=2 available=2; {} completed",
        start(2),
        settled(3),
        settled(2),
    );
    plain("scale-cycle", 2, &told)
}

fn gated() -> Healthy {
    let one = |i: u32| {
        format!(
            "web-{i} created; set pods={0} current={0} updated={0}; web-{i} running; waited pods-unready web-{i}; quiet q{i}; \
             wait 30s; read pods/web-1 -> 404; quiet-over q{i}; exec web-{i} open-gate -> ok; web-{i} ready; \
             set ready={0} available={0};",
            i + 1
        )
    };
    let told = format!(
        "set observed=1; {} {} exec web-1 close-gate -> ok; web-1 unready; set ready=2 available=2; \
         waited pods-unready web-1; completed",
        (0..3).map(one).collect::<String>(),
        settled(3),
    );
    plain("gated-start", 3, &told)
}

fn churned() -> Healthy {
    let init =
        |pods: [u32; 2]| pods.map(|pod| format!("exec web-{pod} init-hostname -> web-{pod};")).concat();
    let told = format!(
        "{} {} {} delete web-0; answered 200; {} delete web-0; answered 200; web-0 terminating; set current=1 updated=1; \
         web-0 deleted; squatter-1 running; set pods=1 ready=1 available=1; {} {} {} {} completed",
        start(2),
        inspected(&[0, 1]),
        init([0, 1]),
        replaced(0, 2),
        back(0, 2),
        settled(2),
        inspected(&[0, 1]),
        init([0, 1]),
    );
    let template = json!({
        "metadata": {"labels": {"app": "nginx"}}, "spec": {"initContainers": [{"name": "init"}]},
    });
    let set = json!({"replicas": 2, "template": template});
    Healthy { name: "ip-churn", set, told, blind: &[] }
}

fn lower_lost() -> Healthy {
    let told = format!(
        "set observed=1; web-0 created; set pods=1 current=1 updated=1; web-0 running; exec web-0 open-gate -> ok; web-0 ready; \
         set ready=1 available=1; web-1 created; set pods=2 current=2 updated=2; web-1 running; waited pods-unready web-1; \
         delete web-0; answered 200; web-0 terminating; set current=1 updated=1; web-0 deleted; web-0 created; \
         set pods=2 ready=0 available=0 current=2 updated=2; web-0 running; waited pods-unready web-0; \
         exec web-1 open-gate -> ok; web-1 ready; set ready=1 available=1; wait 2s; exec web-0 open-gate -> ok; web-0 ready; \
         set ready=2 available=2; web-2 created; set pods=3 current=3 updated=3; web-2 running; exec web-2 open-gate -> ok; \
         web-2 ready; set ready=3 available=3; {} completed",
        settled(3)
    );
    plain("lower-lost", 3, &told)
}

/// The template changes: one revision after the other, from the highest ordinal down.
fn rolled() -> Healthy {
    let told = format!(
        "{} {} roll; answered 200; set generation=2; revision web-2; update web-2; set observed=2 updated=0; \
         web-1 terminating; set current=1; web-1 deleted; set ready=1 available=1; web-1 created-rolled; set updated=1; \
         web-1 running; web-1 ready; set ready=2 available=2; web-0 terminating; set current=0; web-0 deleted; \
         set ready=1 available=1; web-0 created-rolled; set updated=2; web-0 running; web-0 ready; \
         set ready=2 available=2 current=2 revision=web-2; revision-gone web-1; {} {} delete web-1; answered 200; \
         web-1 terminating; set current=1 updated=1; web-1 deleted; set ready=1 available=1; web-1 created-rolled; \
         set current=2 updated=2; web-1 running; web-1 ready; set ready=2 available=2; {} completed",
        start(2),
        inspected(&[0, 1]),
        settled(2),
        inspected(&[0, 1]),
        settled(2),
    );
    plain("rolled", 2, &told)
}

/// A container ends, its node makes the sandbox anew, and the pod has another address before its status tells of it.
fn crashed() -> Healthy {
    let full = "web-0.nginx.ns.svc.cluster.local";
    let told = format!(
        "{} exec web-0 crash -> ok; web-0 unready; set ready=1 available=1; exec web-0 hostname -> fails; \
         exec web-0 addresses -> 10.0.0.77; exec web-0 hosts -> 10.0.0.77 {full} web-0; trouble web-0; wait 3s; \
         web-0 address 10.0.0.77; web-0 ready; set ready=2 available=2; {} exec web-0 fqdn -> {full}; completed",
        start(2),
        settled(2),
    );
    Healthy { blind: &["could not be read"], ..plain("crashed", 2, &told) }
}

/// A pod is lost and fewer replicas are asked for at once; then more, and a claim is removed as well.
fn lost_and_scaled() -> Healthy {
    let told = format!(
        "{} delete web-0; answered 200; scale 2; answered 200; set replicas=2 generation=2; web-0 terminating; \
         set observed=2 current=2 updated=2; web-0 deleted; web-0 created; set pods=3 ready=2 available=2 current=3 updated=3; \
         web-0 running; web-0 ready; set ready=3 available=3; web-2 terminating; set current=2 updated=2; web-2 deleted; \
         set pods=2 ready=2 available=2; {} www-web-2 claimed; delete www-web-2; www-web-2 unclaimed; \
         delete web-1; answered 200; scale 0; answered 200; set replicas=0 generation=3; web-1 terminating; \
         set observed=3 current=1 updated=1; web-1 deleted; set pods=1 ready=1 available=1; web-0 terminating; \
         set current=0 updated=0; web-0 deleted; set pods=0 ready=0 available=0; waited pods-gone web-0 web-1; \
         waited status-settled 0; completed",
        start(3),
        settled(2),
    );
    Healthy {
        blind: &["moved only after", "not seen to come back", "not seen to go"],
        ..plain("lost-and-scaled", 3, &told)
    }
}

/// The node is drained: the pod waits for another one for two minutes, and a wait for it is given up.
fn evicted() -> Healthy {
    let told = format!(
        "{} evict web-1; web-1 terminating; set current=1 updated=1; web-1 deleted; set ready=1 available=1; web-1 created; \
         set current=2 updated=2; wait 120s; timed-out pods-ready web-0 web-1; timed-out status-settled 2; web-1 scheduled; \
         web-1 running; web-1 ready; set ready=2 available=2; {} completed",
        start(2),
        settled(2),
    );
    Healthy { blind: &["neither had the 2 pods"], ..plain("evicted", 2, &told) }
}

fn parallel() -> Healthy {
    let told = format!(
        "set observed=1; web-2 created; web-0 created; web-1 created; set pods=3 current=3 updated=3; web-1 running; web-2 running; \
         web-1 ready; set ready=1 available=1; web-2 ready; web-0 running; web-0 ready; set ready=3 available=3; {} {} delete all; \
         answered 200; web-0 terminating; web-1 terminating; web-2 terminating; set current=0 updated=0; web-1 deleted; \
         web-1 created; set ready=2 available=2 current=1 updated=1; web-2 deleted; web-2 created; web-0 deleted; web-0 created; \
         set ready=0 available=0 current=3 updated=3; web-0 ready; web-1 ready; set ready=2 available=2; web-2 ready; \
         set ready=3 available=3; {} {} completed",
        settled(3),
        inspected(&[0, 1, 2]),
        settled(3),
        inspected(&[0, 1, 2]),
    );
    let set = json!({"replicas": 3, "podManagementPolicy": "Parallel"});
    Healthy { name: "parallel", set, told, blind: &[] }
}

/// The set of another namespace, whose ordinals begin at 3 and then at 4.
fn moved() -> Healthy {
    let told = "in other; set observed=1; web-3 created; set pods=1 current=1 updated=1; web-3 ready; \
        set ready=1 available=1; web-4 created; set pods=2 current=2 updated=2; web-4 ready; set ready=2 available=2; \
        exec web-4 hostname -> web-4; exec web-4 fqdn -> web-4.nginx.other.svc.cluster.local; delete web-4; answered 200; \
        web-4 terminating; set current=1 updated=1; web-4 deleted; set pods=1 ready=1 available=1; web-4 created; \
        set pods=2 current=2 updated=2; web-4 ready; set ready=2 available=2; exec web-4 hostname -> web-4; move 4; answered 200; \
        set start=4 generation=2; web-5 created; set observed=2 pods=3 current=3 updated=3; web-5 ready; \
        set ready=3 available=3; web-3 terminating; set current=2 updated=2; web-3 deleted; set pods=2 ready=2 available=2; completed";
    let set = json!({"replicas": 2, "ordinals": {"start": 3}});
    Healthy { name: "moved", set, told: told.to_owned(), blind: &[] }
}

/// A controller whose client may send a request in five seconds.
fn slow() -> Healthy {
    let told = "wait 5s; web-0 created; wait 5s; set observed=1 pods=1 current=1 updated=1; web-0 running; web-0 ready; wait 5s; \
        web-1 created; wait 5s; set pods=2 ready=1 available=1 current=2 updated=2; web-1 ready; wait 5s; \
        set ready=2 available=2; waited status-settled 2; delete web-0; answered 200; web-0 terminating; web-0 unready; \
        web-0 deleted; wait 5s; web-0 created; web-0 ready; wait 5s; set ready=1 available=1; wait 2s; \
        timed-out pods-ready web-0 web-1; timed-out status-settled 2; wait 5s; set ready=2 available=2; waited status-settled 2; \
        delete web-1; answered 200; web-1 terminating; web-1 deleted; wait 6s; timed-out pods-ready web-1; aborted";
    let blind = &["it may take", "this controller may take", "neither had", "may be slow", "does not show"];
    Healthy { blind, ..plain("slow", 2, told) }
}

/// The set is deleted without its pods, and applied anew.
fn orphaned() -> Healthy {
    let told = format!(
        "{} remove-set; answered 200; orphan web-0; orphan web-1; gone-set; revision-gone web-1; wait 10s; apply-again; answered 201; \
         set-again; revision web-1; adopt web-0; adopt web-1; set observed=1 pods=2 ready=2 available=2 current=2 updated=2; \
         waited status-settled 2; completed",
        start(2)
    );
    plain("orphaned", 2, &told)
}

/// A roll that is kept from going on by its partition, of pods that have to be ready for ten seconds.
fn kept_back() -> Healthy {
    let told = "set observed=1; web-0 created; set pods=1 current=1 updated=1; web-0 ready; set ready=1; wait 10s; set available=1; \
        web-1 created; set pods=2 current=2 updated=2; web-1 ready; set ready=2; waited status-settled 2; wait 10s; set available=2; \
        roll; answered 200; set generation=2; revision web-2; update web-2; set observed=2 updated=0; web-1 terminating; \
        set current=1; web-1 deleted; set ready=1 available=1; web-1 created-rolled; set updated=1; web-1 ready; set ready=2; \
        wait 10s; set available=2; wait 60s; timed-out status-settled 2; completed";
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let set = json!({"replicas": 2, "minReadySeconds": 10, "updateStrategy": strategy});
    Healthy { name: "kept-back", set, told: told.to_owned(), blind: &["between two revisions"] }
}
