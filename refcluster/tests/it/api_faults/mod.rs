//! What a client meets when the API server has a bad day, while the cluster itself is sound.

mod answers;
mod watches;

use crate::common::{apply_web, start, watch_pods};
use anyhow::Result;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, Error};
use refcluster::{ApiFault, Options};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

async fn bad_day(fault: ApiFault) -> Result<(refcluster::Cluster, Client)> {
    start(Options { api_faults: vec![fault], ..Options::default() }).await
}

/// Lists pods many times: the codes of the refusals.
async fn codes(client: &Client) -> Vec<u16> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let mut codes = Vec::new();
    for _ in 0..200 {
        if let Err(Error::Api(status)) = pods.list(&ListParams::default()).await {
            codes.push(status.code);
        }
    }
    codes
}

#[tokio::test(start_paused = true)]
async fn some_requests_are_refused_and_counted() -> Result<()> {
    let refusals =
        [(ApiFault::TooManyRequests, 429), (ApiFault::InternalError, 500), (ApiFault::Unavailable, 503)];
    for (fault, code) in refusals {
        let (cluster, client) = bad_day(fault).await?;
        let codes = codes(&client).await;
        assert!(
            !codes.is_empty() && codes.len() < 100 && codes.iter().all(|seen| *seen == code),
            "{codes:?}"
        );
        assert!(cluster.api_firings()[&fault] >= codes.len() as u64);
    }
    Ok(())
}

/// Watches pods while a set comes up: how the watch ended, and how often it told the same revision.
async fn watched(client: &Client) -> Result<(String, usize)> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let mut events = Box::pin(pods.watch(&WatchParams::default().timeout(250), "0").await?);
    let _ = apply_web(client, 20, json!({"podManagementPolicy": "Parallel"})).await;
    let (mut last, mut repeated) = (None, 0);
    loop {
        let pod = match events.try_next().await {
            Ok(Some(WatchEvent::Error(status))) => return Ok((status.code.to_string(), repeated)),
            Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod))) => pod,
            Ok(Some(WatchEvent::Bookmark(_))) => continue,
            Ok(None) => return Ok(("end".to_owned(), repeated)),
            Err(_) => return Ok(("broken".to_owned(), repeated)),
        };
        repeated += usize::from(last == pod.metadata.resource_version);
        last = pod.metadata.resource_version;
    }
}

#[tokio::test(start_paused = true)]
async fn watches_break_expire_and_repeat() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::WatchReset).await?;
    let started = tokio::time::Instant::now();
    assert_ne!(watched(&client).await?.0, "410");
    assert!(started.elapsed() < Duration::from_secs(200), "long before its timeout");
    assert_eq!(cluster.api_firings()[&ApiFault::WatchReset], 1);
    let (_cluster, client) = bad_day(ApiFault::WatchExpired).await?;
    assert_eq!(watched(&client).await?.0, "410");
    let (_cluster, client) = bad_day(ApiFault::RepeatedEvents).await?;
    let (end, repeated) = watched(&client).await?;
    assert_eq!(end, "end");
    assert!(repeated > 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn answers_come_late_and_streams_are_cut() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::SlowAnswers).await?;
    let started = tokio::time::Instant::now();
    codes(&client).await;
    assert!(started.elapsed() > Duration::from_secs(5) && cluster.api_firings()[&ApiFault::SlowAnswers] > 0);
    let (cluster, client) = bad_day(ApiFault::StreamCut).await?;
    apply_web(&client, 1, json!({})).await?;
    watch_pods(&client, |seen| seen.contains(&"web-0 READY".to_owned())).await?;
    let mut cut = 0;
    for _ in 0..20 {
        // kube's output does not end when its connection breaks, so that a cut shows as a timeout.
        let whole = crate::common::exec(&client, "web-0", &["sh", "-c", "sleep 1; hostname"]);
        let whole = timeout(Duration::from_secs(10), whole).await;
        cut += usize::from(!matches!(whole, Ok(Ok((output, true))) if output == "web-0\n"));
    }
    assert!(cut > 0 && cut < 20, "{cut}");
    assert!(cluster.api_firings()[&ApiFault::StreamCut] > 0);
    Ok(())
}
