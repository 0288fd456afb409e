//! Watches that break off, stall, fall silent or lag.

use super::bad_day;
use crate::common::apply_web;
use anyhow::Result;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, Error, ResourceExt};
use refcluster::{ApiFault, Options};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What a client meets that opens its watch again whenever it ends.
#[derive(Debug, Default)]
struct Followed {
    revisions: Vec<String>,
    refused: usize,
    unanswered: usize,
    ended_early: usize,
    longest_silence: Duration,
}

/// Follows pods from a revision on, until a whole watch of 20 s tells nothing.
async fn follow(client: &Client, from: &str) -> Followed {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let (mut followed, mut last, mut from) = (Followed::default(), Instant::now(), from.to_owned());
    let parameters = WatchParams::default().timeout(20).disable_bookmarks();
    loop {
        let (before, opened) = (followed.revisions.len(), Instant::now());
        let watch = match timeout(Duration::from_secs(30), pods.watch(&parameters, &from)).await {
            Err(_) => {
                followed.unanswered += 1;
                continue;
            }
            Ok(Err(Error::Api(status))) if status.code == 503 => {
                followed.refused += 1;
                sleep(Duration::from_millis(700)).await;
                continue;
            }
            Ok(Err(Error::Service(_))) => {
                // So early that not even the head of the answer arrived.
                followed.ended_early += 1;
                continue;
            }
            Ok(watch) => watch.expect("a watch"),
        };
        let mut events = Box::pin(watch);
        while let Ok(Some(event)) = events.try_next().await {
            let pod = match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod) => pod,
                WatchEvent::Error(status) if status.code == 500 => continue,
                other => panic!("{other:?}"),
            };
            followed.longest_silence = followed.longest_silence.max(last.elapsed());
            last = Instant::now();
            from = pod.resource_version().expect("a revision");
            followed.revisions.push(from.clone());
        }
        let whole = opened.elapsed() >= Duration::from_secs(20);
        followed.ended_early += usize::from(!whole);
        if whole && before == followed.revisions.len() {
            return followed;
        }
    }
}

/// Follows twenty pods as they come up; and then again what has been, which must be the same.
async fn followed(fault: ApiFault) -> Result<(refcluster::Cluster, Followed)> {
    let (cluster, client) = bad_day(fault).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let from = pods.list(&ListParams::default()).await?.metadata.resource_version.unwrap_or_default();
    let parallel = json!({"podManagementPolicy": "Parallel"});
    let (live, applied) = tokio::join!(follow(&client, &from), apply_web(&client, 20, parallel));
    applied?;
    assert!(live.revisions.len() > 60, "{live:?}");
    assert_eq!(live.revisions, follow(&client, &from).await.revisions, "nothing is lost");
    assert!(cluster.api_firings()[&fault] > 0);
    Ok((cluster, live))
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_off_is_refused_for_seconds() -> Result<()> {
    let (_cluster, followed) = followed(ApiFault::ReopeningRefused).await?;
    assert!(followed.ended_early > 0 && followed.refused >= 2 * followed.ended_early, "{followed:?}");
    assert!(followed.longest_silence > Duration::from_millis(1_400), "{followed:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_and_the_next_is_never_answered() -> Result<()> {
    let (_cluster, followed) = followed(ApiFault::ReopeningUnanswered).await?;
    assert!(followed.unanswered > 0 && followed.unanswered == followed.ended_early, "{followed:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_stalls_and_goes_on() -> Result<()> {
    let (_cluster, followed) = followed(ApiFault::WatchStall).await?;
    let seconds = followed.longest_silence.as_secs_f64();
    assert!((3.0..13.0).contains(&seconds), "{followed:?}");
    assert_eq!((followed.ended_early, followed.refused, followed.unanswered), (0, 0, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_list_after_an_expired_watch_is_slow() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::SlowRelist).await?;
    assert_eq!(super::watched(&client).await?.0, "410");
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let mut taken = Vec::new();
    for _ in 0..2 {
        let asked = Instant::now();
        pods.list(&ListParams::default()).await?;
        taken.push(asked.elapsed());
    }
    assert!(taken[0] >= Duration::from_secs(2) && taken[1] < Duration::from_millis(10), "{taken:?}");
    assert_eq!(cluster.api_firings()[&ApiFault::SlowRelist], 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn some_watches_go_mute_and_stay_open() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::WatchMute).await?;
    let watches = (0..8).map(|_| timeout(Duration::from_secs(900), super::watched(&client)));
    let ends = futures::future::join_all(watches).await;
    let mute = ends.iter().filter(|end| end.is_err()).count();
    assert!(mute > 0 && mute < 8, "{mute}");
    assert!(ends.into_iter().flatten().all(|end| end.is_ok_and(|(end, _)| end == "end")));
    assert_eq!(cluster.api_firings()[&ApiFault::WatchMute], mute as u64);
    Ok(())
}

/// How late one watch tells of ten changes.
async fn lags(client: &Client) -> Result<Vec<Duration>> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (parameters, filter) = (WatchParams::default(), "metadata.name=clock");
    let from = maps.list(&ListParams::default()).await?.metadata.resource_version.unwrap_or_default();
    let mut events = Box::pin(maps.watch(&parameters.fields(filter), &from).await?);
    let began = Instant::now();
    let changes = async {
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
            let now = json!({"data": {"at": began.elapsed().as_millis().to_string()}});
            maps.patch("clock", &PatchParams::default(), &Patch::Merge(now)).await?;
        }
        anyhow::Ok(())
    };
    let delivered = async {
        let mut lags = Vec::new();
        while lags.len() < 10 {
            if let Some(WatchEvent::Modified(map)) = events.try_next().await? {
                let at: u64 = map.data.unwrap_or_default()["at"].parse()?;
                lags.push(began.elapsed() - Duration::from_millis(at));
            }
        }
        Ok(lags)
    };
    tokio::try_join!(changes, delivered).map(|((), lags)| lags)
}

#[tokio::test(start_paused = true)]
async fn some_watches_lag_by_a_constant() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::WatchLag).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = serde_json::from_value(json!({"metadata": {"name": "clock"}}))?;
    maps.create(&PostParams::default(), &map).await?;
    let mut late = 0;
    for _ in 0..12 {
        let lags = lags(&client).await?;
        let (least, most) = (lags.iter().min().expect("ten"), lags.iter().max().expect("ten"));
        assert!(*most - *least < Duration::from_millis(20), "{lags:?}");
        let is_late = (Duration::from_millis(500)..Duration::from_millis(5_020)).contains(least);
        assert!(is_late || *most < Duration::from_millis(20), "{lags:?}");
        late += u64::from(is_late);
    }
    assert!(late > 0 && late < 12, "{late}");
    assert_eq!(cluster.api_firings()[&ApiFault::WatchLag], 10 * late);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_each_minute_and_before_the_end() -> Result<()> {
    let (_cluster, client) = crate::common::start(Options::default()).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let from = maps.list(&ListParams::default()).await?.metadata.resource_version.unwrap_or_default();
    for (parameters, expected) in [
        (WatchParams::default().timeout(150).fields("metadata.name=none"), vec![60, 120, 148]),
        (WatchParams::default().timeout(150).fields("metadata.name=none").disable_bookmarks(), vec![]),
    ] {
        let (began, mut at, mut revisions) = (Instant::now(), Vec::new(), vec![from.parse::<u64>()?]);
        let mut events = Box::pin(maps.watch(&parameters, &from).await?);
        apply_web(&client, 2, json!({})).await?;
        while let Some(event) = events.try_next().await? {
            let WatchEvent::Bookmark(bookmark) = event else { panic!("{event:?}") };
            at.push(began.elapsed().as_secs());
            revisions.push(bookmark.metadata.resource_version.parse()?);
        }
        assert!(at.len() == expected.len(), "{at:?}");
        assert!(at.iter().zip(&expected).all(|(at, about)| at.abs_diff(*about) <= 3), "{at:?}");
        assert!(expected.is_empty() || revisions[1] > revisions[0], "a bookmark makes progress");
        assert!(revisions.is_sorted(), "{revisions:?}");
        assert_eq!(began.elapsed().as_secs(), 150);
    }
    Ok(())
}
