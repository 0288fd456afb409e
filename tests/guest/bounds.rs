//! One deadline covers everything, and what cannot go is not waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Method;
use serde_json::json;
use steadfast::report::{Circumstances, Outcome};
use tokio::time::sleep;

use crate::guest::{Meddle, Meddling, Setup, run_beside, wait_for_namespaces};

#[test]
fn a_server_that_never_answers_is_given_up_within_the_deadline() {
    let silent = || -> Meddle { Box::new(|_, _| Meddling::Silence) };
    for (deadline_secs, most) in [(10.0, 10), (60.0, 60)] {
        let ran = run_beside(Setup { meddle: silent(), deadline_secs, ..Setup::default() }, async |_| ());
        let finished = ran.finished.unwrap();
        assert!(ran.took <= Duration::from_secs(most), "{:?}", ran.took);
        let circumstances = Circumstances::of_run(&finished.ending, &finished.histories);
        assert_eq!(Outcome::of(&finished.judged, &circumstances), Outcome::Precondition);
    }
}

#[test]
fn a_server_that_falls_silent_does_not_hold_the_run_beyond_its_deadline() {
    for quiet_after in [1, 4, 8, 30] {
        let silent = Arc::new(AtomicBool::new(false));
        let told = silent.clone();
        let meddle: Meddle =
            Box::new(
                move |_, _| if told.load(Ordering::Relaxed) { Meddling::Silence } else { Meddling::None },
            );
        let setup = Setup { meddle, deadline_secs: 40.0, ..Setup::default() };
        let ran = run_beside(setup, async |_| {
            sleep(Duration::from_secs(quiet_after)).await;
            silent.store(true, Ordering::Relaxed);
        });
        let finished = ran.finished.unwrap();
        assert!(ran.took <= Duration::from_secs(40), "silent after {quiet_after} s: {:?}", ran.took);
        let left = finished.ending.left_behind.join("\n");
        assert!(left.contains("known") || quiet_after == 30, "what was not seen to go is told: {left}");
    }
}

#[test]
fn a_server_that_asks_to_be_left_alone_for_a_day_is_not_waited_for_that_long() {
    let meddle: Meddle = Box::new(|_, request| {
        let applies = request.method() == Method::PATCH && request.uri().path().contains("/statefulsets/");
        if applies { Meddling::Busy(86_400) } else { Meddling::None }
    });
    let ran = run_beside(Setup { meddle, ..Setup::default() }, async |_| ());
    assert!(ran.took < Duration::from_secs(120), "{:?}", ran.took);
    assert_eq!(ran.left, Vec::<String>::new());
}

#[test]
fn pods_on_a_node_without_a_kubelet_are_named_and_not_waited_for() {
    let pods = |namespace: &str| {
        let meta = json!({"name": "web-0", "namespace": namespace, "uid": "p"});
        let pod = json!({"metadata": meta, "spec": {"nodeName": "node-2"}});
        json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [pod]})
            .to_string()
    };
    let unknown =
        json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "no news"});
    let node = json!({"metadata": {"name": "node-2", "uid": "n"}, "status": {"conditions": [unknown]}});
    let nodes = json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [node]}).to_string();
    let named =
        |name: &str| json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "uid": "u"}});
    let meddle: Meddle = Box::new(move |purpose, request| {
        let path = request.uri().path();
        let of_one = path.strip_prefix("/api/v1/namespaces/").unwrap_or_default();
        let of_one = if of_one.starts_with("steadfast-scale-cycle-") { of_one } else { "" };
        let namespace = of_one.strip_suffix("/pods").unwrap_or(of_one);
        match (purpose.contains("cleanup") && request.method() == Method::GET, path) {
            (true, "/api/v1/nodes") => Meddling::Answered(200, nodes.clone()),
            (true, _) if of_one.ends_with("/pods") => Meddling::Answered(200, pods(namespace)),
            (true, _) if !of_one.is_empty() && !of_one.contains('/') => {
                Meddling::Answered(200, named(namespace).to_string())
            }
            _ => Meddling::None,
        }
    });
    let ran = run_beside(Setup { meddle, ..Setup::default() }, async |server| {
        wait_for_namespaces(&server, 2).await;
    });
    let finished = ran.finished.unwrap();
    let [left] = &finished.ending.left_behind[..] else { panic!("{:?}", finished.ending.left_behind) };
    for said in ["pod/web-0", "node-2 is not ready (NodeStatusUnknown: no news)", "--grace-period=0 --force"]
    {
        assert!(left.contains(said), "{left}");
    }
    let ended = finished.histories.iter().map(|history| history.last().span.until_us).max().unwrap();
    let cleaning = ran.took - Duration::from_micros(ended);
    assert!(cleaning < Duration::from_secs(20), "{cleaning:?} for what never goes");
}
