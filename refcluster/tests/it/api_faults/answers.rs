//! Answers that say something else, or are lost, and disturbances that are combined.

use super::{bad_day, codes};
use crate::common::{apply_web, start};
use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error};
use refcluster::{ApiFault, Options};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The body of an answer with a code of success.
async fn text(client: &Client, path: &str) -> Result<String> {
    let request = http::Request::get(path).body(Vec::new())?;
    Ok(client.request_text(request).await?)
}

fn kind(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    parsed.map_or("page".to_owned(), |body| body["kind"].as_str().unwrap_or("none").to_owned())
}

#[tokio::test(start_paused = true)]
async fn some_reads_are_answered_with_something_else() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::GarbledAnswer).await?;
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..400 {
        *kinds.entry(kind(&text(&client, MAPS).await?)).or_default() += 1;
    }
    let right = kinds.remove("ConfigMapList").unwrap_or(0);
    assert!(right > 340 && right < 400, "{right}");
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(kinds["page"] > 0 && kinds["Status"] > 0);
    assert_eq!(cluster.api_firings()[&ApiFault::GarbledAnswer], 400 - right as u64);
    Ok(())
}

fn map(index: usize) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": format!("map-{index}")}})).expect("a ConfigMap")
}

#[tokio::test(start_paused = true)]
async fn some_writes_are_answered_with_something_else_done_or_not() -> Result<()> {
    let (_cluster, client) = bad_day(ApiFault::GarbledAnswer).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (mut done, mut undone) = (0, 0);
    for index in 0..600 {
        let request = http::Request::post(MAPS).header("content-type", "application/json");
        let request = request.body(serde_json::to_vec(&map(index))?)?;
        if kind(&client.request_text(request).await?) != "ConfigMap" {
            match maps.create(&PostParams::default(), &map(index)).await {
                Err(Error::Api(status)) if status.code == 409 => done += 1,
                _ => undone += 1,
            }
        }
    }
    assert!(done > 0 && undone > 0, "{done} {undone}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_write_takes_effect_and_its_answer_is_lost() -> Result<()> {
    let (cluster, client) = bad_day(ApiFault::LostAnswer).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (mut timeouts, mut resets) = (0, 0);
    let mut lost = |error: Error| match error {
        Error::Api(status) => timeouts += u64::from(status.code == 504),
        _ => resets += 1,
    };
    for index in 0..40 {
        let name = format!("map-{index}");
        maps.create(&PostParams::default(), &map(index)).await.map_or_else(&mut lost, drop);
        assert!(maps.get_opt(&name).await?.is_some());
        let patch = Patch::Merge(json!({"data": {"key": "value"}}));
        maps.patch(&name, &PatchParams::default(), &patch).await.map_or_else(&mut lost, drop);
        assert!(maps.get(&name).await?.data.is_some());
        maps.delete(&name, &DeleteParams::default()).await.map_or_else(&mut lost, drop);
        assert!(maps.get_opt(&name).await?.is_none());
    }
    assert!(timeouts > 0 && resets > 0, "{timeouts} {resets}");
    assert_eq!(cluster.api_firings()[&ApiFault::LostAnswer], timeouts + resets);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn disturbances_combine_and_do_not_disturb_each_other() -> Result<()> {
    let alone = codes(&bad_day(ApiFault::TooManyRequests).await?.1).await;
    let both = vec![ApiFault::SlowAnswers, ApiFault::TooManyRequests];
    let (_cluster, client) = start(Options { api_faults: both, ..Options::default() }).await?;
    assert_eq!(codes(&client).await, alone);
    let (cluster, client) =
        start(Options { api_faults: ApiFault::ALL.to_vec(), ..Options::default() }).await?;
    for _ in 0..60 {
        // Applying again changes nothing that took effect, and each watch ends in its own way.
        let _ = apply_web(&client, 20, json!({"podManagementPolicy": "Parallel"})).await;
        let watches = (0..3).map(|_| timeout(Duration::from_secs(20), super::watched(&client)));
        futures::future::join_all(watches).await;
        let _ = text(&client, "/api/v1/namespaces/default/pods").await;
    }
    let silent: Vec<_> = cluster.api_firings().into_iter().filter(|(_, firings)| *firings == 0).collect();
    assert!(silent == [(ApiFault::StreamCut, 0)], "{silent:?}");
    Ok(())
}
