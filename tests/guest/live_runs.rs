//! `cleanup` beside runs: one that is alive is left alone, one that is dead is not, and what no run has made is nobody's
//! business here.

use std::time::Duration;

use http::Method;
use kube::client::Body;
use serde_json::json;
use steadfast::{
    cluster::Server,
    judge::Verdict,
    options::{Cleanup, Keep},
    report::{Circumstances, Outcome},
    run::{CleanedUp, clean_up},
};
use tokio::time::sleep;

use crate::guest::{Setup, namespaces, run_beside, run_until, wait_for_namespaces};

async fn cleaned_up(server: &Server, options: &Cleanup) -> CleanedUp {
    clean_up(server, options).await.unwrap()
}

#[test]
fn a_live_run_is_left_alone_at_every_moment() {
    let ran = run_beside(Setup::default(), async |server| {
        let mut seen = 0;
        wait_for_namespaces(&server, 1).await;
        // Until the run itself begins to delete what it has made.
        loop {
            let there = namespaces(&server).await;
            if there.is_empty() || there.iter().any(|namespace| namespace.terminating) {
                return seen;
            }
            let done = cleaned_up(&server, &Cleanup::default()).await;
            assert_eq!(done.found, Vec::<String>::new(), "{done:?}");
            seen += done.alive.len();
            sleep(Duration::from_millis(1_900)).await;
        }
    });
    assert!(ran.beside.unwrap() > 10, "it was looked at while it was at work");
    let finished = ran.finished.unwrap();
    assert_eq!(Outcome::of(&finished.judged, &Circumstances::of_run(&finished.ending, [])), Outcome::Pass);
}

/// Somebody deletes everything of a run that many seconds after its first scenario has begun.
fn destroyed_after(secs: u64) {
    let ran = run_beside(Setup::default(), async |server| {
        wait_for_namespaces(&server, 2).await;
        sleep(Duration::from_secs(secs)).await;
        cleaned_up(&server, &Cleanup { include_live: true, ..Cleanup::default() }).await
    });
    let finished = ran.finished.unwrap();
    for judged in &finished.judged {
        assert!(matches!(judged.verdict, Verdict::Inconclusive { .. }), "after {secs} s: {judged:?}");
        let why = judged.why().unwrap();
        assert!(why.contains("somebody else deletes the namespace steadfast-"), "after {secs} s: {why}");
    }
    let outcome = Outcome::of(&finished.judged, &Circumstances::of_run(&finished.ending, []));
    assert_eq!(outcome, Outcome::Inconclusive, "after {secs} s");
    assert!(!ran.beside.unwrap().found.is_empty() && ran.left.is_empty());
}

#[test]
fn a_run_whose_namespaces_somebody_deletes_says_so_and_is_inconclusive() {
    for secs in [0, 4, 20] {
        destroyed_after(secs);
    }
}

#[test]
fn what_a_killed_run_has_left_is_deleted_once_it_is_known_to_be_dead() {
    let ran = run_until(Setup::default(), async |server| {
        wait_for_namespaces(&server, 2).await;
        sleep(Duration::from_secs(3)).await;
        // The lease is as old as it is after a minute by the clock of whoever cleans up.
        let preflight =
            namespaces(&server).await.into_iter().find(|one| one.scenario == "preflight").unwrap();
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/steadfast-run", preflight.name);
        let patch = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
        let patch = Some(("application/merge-patch+json", &patch));
        assert!(server.send(Method::PATCH, &path, patch).await.unwrap().is_ok());
    });
    assert!(ran.finished.is_none() && ran.left.len() == 2, "{:?}", ran.left);
    let done = ran.cleaned_up;
    assert_eq!((done.found.len(), done.left.len(), done.alive.len()), (2, 0, 0), "{done:?}");
}

#[test]
fn a_live_run_on_a_host_whose_clock_is_a_day_behind_is_left_alone() {
    let ran = run_beside(Setup::default(), async |server| {
        wait_for_namespaces(&server, 2).await;
        clean_up(&a_day_behind(&server), &Cleanup::default()).await.unwrap()
    });
    let done = ran.beside.unwrap();
    assert_eq!((done.found.len(), done.alive.len()), (0, 1), "{done:?}");
    let finished = ran.finished.unwrap();
    assert_eq!(Outcome::of(&finished.judged, &Circumstances::of_run(&finished.ending, [])), Outcome::Pass);
}

/// The same server, but that every lease was renewed a day before it was.
fn a_day_behind(server: &Server) -> Server {
    let client = server.client.clone();
    let send = tower::service_fn(move |request: http::Request<Body>| {
        let client = client.clone();
        async move {
            let is_lease = request.uri().path().contains("/leases/");
            let answer = client.send(request).await?;
            if !is_lease {
                return Ok(answer);
            }
            let (head, body) = answer.into_parts();
            let mut lease: serde_json::Value = serde_json::from_slice(&body.collect_bytes().await?).unwrap();
            if let Some(renewed) = lease["spec"]["renewTime"].as_str() {
                let renewed: jiff::Timestamp = renewed.parse().unwrap();
                lease["spec"]["renewTime"] =
                    json!((renewed - jiff::SignedDuration::from_hours(24)).to_string());
            }
            Ok::<_, kube::Error>(http::Response::from_parts(head, Body::from(lease.to_string().into_bytes())))
        }
    });
    Server::new(kube::Client::new(send, "default"))
}

#[test]
fn what_a_run_has_kept_is_deleted_at_once_when_it_has_ended() {
    let ran = run_beside(Setup { keep: Keep::Always, ..Setup::default() }, async |server| {
        // The run keeps everything, and has released its lease when it has ended.
        wait_for_namespaces(&server, 2).await;
        sleep(Duration::from_secs(600)).await;
        let dry = cleaned_up(&server, &Cleanup { dry_run: true, ..Cleanup::default() }).await;
        let young = Cleanup { older_than_secs: Some(u64::MAX / 2), ..Cleanup::default() };
        let none = cleaned_up(&server, &young).await;
        (dry, none, cleaned_up(&server, &Cleanup::default()).await)
    });
    let (dry, none, done) = ran.beside.unwrap();
    assert_eq!((dry.found.len(), none.found.len(), done.found.len()), (2, 0, 2));
    assert_eq!((done.left, done.alive, ran.left), (Vec::new(), Vec::new(), Vec::new()));
}

#[test]
fn what_no_run_has_made_is_never_deleted_whatever_it_is_called_and_labelled() {
    let ran = run_beside(Setup { keep: Keep::Always, ..Setup::default() }, async |server| {
        wait_for_namespaces(&server, 2).await;
        sleep(Duration::from_secs(600)).await;
        let ours = namespaces(&server).await[0].clone();
        let path = format!("/api/v1/namespaces/{}", ours.name);
        let labels = server.get(&path).await.unwrap().body["metadata"]["labels"].clone();
        let only_one = json!({"steadfast/run-id": ours.run_id});
        for (name, labels) in [("production", labels), ("steadfast-scale-cycle-bcdfg", only_one)] {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
            let body = Some(("application/json", &body));
            assert!(server.send(Method::POST, "/api/v1/namespaces", body).await.unwrap().is_ok());
        }
        let all = Cleanup { include_live: true, ..Cleanup::default() };
        let done = cleaned_up(&server, &all).await;
        let mut there = Vec::new();
        for name in ["production", "steadfast-scale-cycle-bcdfg"] {
            let found = server.get(&format!("/api/v1/namespaces/{name}")).await.unwrap();
            there.push(found.is_ok() && found.body["metadata"]["deletionTimestamp"].is_null());
        }
        (done, there)
    });
    let (done, there) = ran.beside.unwrap();
    assert_eq!((done.found.len(), there), (2, vec![true, true]));
    assert_eq!(done.others, ["namespace/production", "namespace/steadfast-scale-cycle-bcdfg"]);
}

#[test]
fn a_server_that_does_not_say_who_is_alive_has_nothing_deleted() {
    // The lease of a run cannot be read: it is not known whether it is alive.
    let ran = run_beside(Setup { keep: Keep::Always, ..Setup::default() }, async |server| {
        wait_for_namespaces(&server, 2).await;
        sleep(Duration::from_secs(600)).await;
        let blind = crate::guest::without(&server, "/leases/");
        let error = clean_up(&blind, &Cleanup::default()).await.unwrap_err();
        (format!("{error:#}"), namespaces(&server).await.len())
    });
    let (error, there) = ran.beside.unwrap();
    assert!(error.contains("--include-live") && error.contains("whether a run is alive"), "{error}");
    assert_eq!(there, 2);
}
