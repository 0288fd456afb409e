//! Quotas: what is refused, in which words, and what a set does about it.

use crate::common::{after, apply, change, names, pods, sets, start, web};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, Pod, ResourceQuota};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error};
use refcluster::Options;
use serde_json::{Value, json};

async fn limit(client: &Client, hard: Value) -> Result<()> {
    let quotas: Api<ResourceQuota> = Api::default_namespaced(client.clone());
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard},
    });
    apply(&quotas, quota).await?;
    after(1).await;
    Ok(())
}

async fn used(client: &Client) -> Result<Value> {
    let quotas: Api<ResourceQuota> = Api::default_namespaced(client.clone());
    Ok(serde_json::to_value(quotas.get("q").await?.status.context("a status")?.used)?)
}

async fn failures(client: &Client) -> Result<Vec<String>> {
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let failed = events.list(&ListParams::default().fields("reason=FailedCreate")).await?.items;
    Ok(failed.into_iter().filter_map(|event| event.message).collect())
}

#[tokio::test(start_paused = true)]
async fn a_full_quota_refuses_pods_in_kubernetes_words() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    limit(&client, json!({"pods": "1", "count/pods": "5", "requests.storage": "1Gi"})).await?;
    assert_eq!(used(&client).await?, json!({"pods": "0", "count/pods": "0", "requests.storage": "0"}));
    apply(&sets(&client), web(2, json!({}))).await?;
    after(20).await;
    assert_eq!(names(&client).await?, ["web-0"]);
    let full = json!({"pods": "1", "count/pods": "1", "requests.storage": "2Gi"});
    assert_ne!(used(&client).await?, full, "the second claim has no room");
    let container = json!({"name": "c", "image": "busybox"});
    let pod: Pod =
        serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": {"containers": [container]}}))?;
    let refused = pods(&client).create(&PostParams { dry_run: true, ..PostParams::default() }, &pod).await;
    let Err(Error::Api(status)) = refused else { panic!("{refused:?}") };
    let message =
        "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
    assert_eq!((status.code, status.reason.as_str(), status.message.as_str()), (403, "Forbidden", message));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_a_claim_that_a_quota_refuses() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    limit(&client, json!({"persistentvolumeclaims": "0"})).await?;
    apply(&sets(&client), web(1, json!({}))).await?;
    after(8).await;
    assert!(names(&client).await?.is_empty());
    let why = "persistentvolumeclaims \"www-web-0\" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0";
    let told = [
        format!("Create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: {why}"),
        format!("Create Pod web-0 in StatefulSet web failed error: failed to create PVC www-web-0: {why}"),
    ];
    let mut failures = failures(&client).await?;
    failures.sort();
    assert_eq!(failures, told);
    let quotas: Api<ResourceQuota> = Api::default_namespaced(client.clone());
    quotas.delete("q", &DeleteParams::default()).await?;
    after(15).await;
    assert_eq!(names(&client).await?, ["web-0"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_makes_room_and_a_larger_quota_is_noticed() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    limit(&client, json!({"pods": "2"})).await?;
    apply(&sets(&client), web(3, json!({}))).await?;
    after(20).await;
    assert_eq!((names(&client).await?.len(), used(&client).await?), (2, json!({"pods": "2"})));
    change(&client, json!({"replicas": 1})).await?;
    after(40).await;
    assert_eq!(used(&client).await?, json!({"pods": "1"}));
    change(&client, json!({"replicas": 3})).await?;
    after(5).await;
    let quotas: Api<ResourceQuota> = Api::default_namespaced(client.clone());
    let more = Patch::Merge(json!({"spec": {"hard": {"pods": "9"}}}));
    quotas.patch("q", &PatchParams::default(), &more).await?;
    after(40).await;
    assert_eq!(names(&client).await?.len(), 3);
    Ok(())
}
