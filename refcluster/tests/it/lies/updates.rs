//! Lies about updates of the template.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, change, leaving, names, pods, sets, slow, watch_pods};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSetStatus;
use kube::Client;
use kube::api::{DeleteParams, ListParams};
use refcluster::Fault;
use serde_json::{Value, json};

/// Changes the template of the set.
pub(super) async fn update(client: &Client) -> Result<()> {
    change(client, json!({"template": {"metadata": {"annotations": {"a": "b"}}}})).await
}

pub(super) async fn status(client: &Client) -> Result<StatefulSetStatus> {
    sets(client).get("web").await?.status.context("a status")
}

/// The names of the pods that have the set's update revision.
pub(super) async fn updated(client: &Client) -> Result<Vec<String>> {
    let revision = status(client).await?.update_revision.context("a revision")?;
    let labelled = ListParams::default().labels(&format!("controller-revision-hash={revision}"));
    let pods = pods(client).list(&labelled).await?.items;
    Ok(pods.into_iter().filter_map(|pod| pod.metadata.name).collect())
}

pub(super) fn rolling_update(parameters: Value) -> Value {
    json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": parameters}})
}

#[tokio::test(start_paused = true)]
async fn updates_all_at_once() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::UpdatesAllAtOnce, async |client| {
        apply(&sets(client), slow(3, json!({}))).await?;
        after(60).await;
        update(client).await?;
        after(4).await;
        leaving(client).await
    })
    .await?;
    assert_eq!(truth, ["web-2"]);
    assert_eq!(lie, ["web-0", "web-1", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn updates_ascending() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::UpdatesAscending, async |client| {
        apply_web(client, 3, json!({})).await?;
        after(60).await;
        let stopping = |seen: &[String]| -> Vec<String> {
            seen.iter().filter_map(|line| Some(line.strip_suffix(" TERMINATING")?.to_owned())).collect()
        };
        let watching = watch_pods(client, |seen| stopping(seen).len() == 3);
        let (seen, ()) = tokio::try_join!(watching, update(client))?;
        after(30).await;
        let status = sets(client).get("web").await?.status.context("a status")?;
        let is_over = status.current_revision == status.update_revision;
        Ok((stopping(&seen), status.updated_replicas, status.ready_replicas, is_over))
    })
    .await?;
    let order = |pods: [&str; 3]| (pods.map(str::to_owned).to_vec(), Some(3), Some(3), true);
    assert_eq!(truth, order(["web-2", "web-1", "web-0"]));
    assert_eq!(lie, order(["web-0", "web-1", "web-2"]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn partition_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PartitionIgnored, async |client| {
        apply_web(client, 3, rolling_update(json!({"partition": 2}))).await?;
        after(60).await;
        update(client).await?;
        after(180).await;
        Ok((names(client).await?.len(), updated(client).await?))
    })
    .await?;
    assert_eq!(truth, (3, vec!["web-2".to_owned()]));
    assert_eq!(lie, (3, vec!["web-0".to_owned(), "web-1".to_owned(), "web-2".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn restores_at_update_revision() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RestoresAtUpdateRevision, async |client| {
        apply_web(client, 3, rolling_update(json!({"partition": 2}))).await?;
        after(60).await;
        update(client).await?;
        after(60).await;
        pods(client).delete("web-0", &DeleteParams::default()).await?;
        after(60).await;
        Ok((names(client).await?.len(), updated(client).await?))
    })
    .await?;
    assert_eq!(truth, (3, vec!["web-2".to_owned()]));
    assert_eq!(lie, (3, vec!["web-0".to_owned(), "web-2".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn on_delete_rolls() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OnDeleteRolls, async |client| {
        apply_web(client, 2, json!({"updateStrategy": {"type": "OnDelete"}})).await?;
        after(60).await;
        update(client).await?;
        after(120).await;
        let untouched = updated(client).await?;
        pods(client).delete("web-0", &DeleteParams::default()).await?;
        after(60).await;
        Ok([untouched, updated(client).await?])
    })
    .await?;
    assert_eq!(truth, [vec![], vec!["web-0"]]);
    assert_eq!(lie, [["web-0", "web-1"], ["web-0", "web-1"]]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn max_unavailable_exceeded() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MaxUnavailableExceeded, async |client| {
        apply(&sets(client), slow(5, rolling_update(json!({"maxUnavailable": 2})))).await?;
        after(90).await;
        update(client).await?;
        after(4).await;
        leaving(client).await
    })
    .await?;
    assert_eq!(truth, ["web-3", "web-4"]);
    assert_eq!(lie, ["web-2", "web-3", "web-4"]);
    Ok(())
}
