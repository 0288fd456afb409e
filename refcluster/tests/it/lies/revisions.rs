//! Lies about revisions, and about which pods are of which.

use super::beside_the_truth;
use crate::common::{after, apply_web, pods, sets};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSetStatus};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use refcluster::Fault;
use serde_json::{Value, json};

/// Changes the spec of the set and lets things settle: the status then.
async fn change(client: &Client, spec: Value) -> Result<StatefulSetStatus> {
    let sets = sets(client);
    sets.patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await?;
    after(60).await;
    sets.get("web").await?.status.context("a status")
}

/// Writes an annotation of the template, or takes it away, and lets the roll end: the status then.
async fn roll(client: &Client, annotation: Option<&str>) -> Result<StatefulSetStatus> {
    change(client, json!({"template": {"metadata": {"annotations": {"version": annotation}}}})).await
}

/// The numbers of the revisions that there are.
async fn numbers(client: &Client) -> Result<Vec<i64>> {
    let revisions: Api<ControllerRevision> = Api::default_namespaced(client.clone());
    let revisions = revisions.list(&ListParams::default()).await?;
    let mut numbers: Vec<_> = revisions.iter().filter_map(|revision| revision.revision).collect();
    numbers.sort();
    Ok(numbers)
}

#[tokio::test(start_paused = true)]
async fn rollback_makes_new_revision() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RollbackMakesNewRevision, async |client| {
        apply_web(client, 1, json!({})).await?;
        let first = change(client, json!({})).await?.update_revision;
        roll(client, Some("two")).await?;
        let back = roll(client, None).await?;
        Ok((back.update_revision == first, back.updated_replicas, numbers(client).await?))
    })
    .await?;
    assert_eq!(truth, (true, Some(1), vec![2, 3]));
    assert_eq!(lie, (false, Some(1), vec![1, 2, 3]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn current_revision_never_advances() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::CurrentRevisionNeverAdvances, async |client| {
        apply_web(client, 2, json!({})).await?;
        let first = change(client, json!({})).await?.update_revision;
        let status = roll(client, Some("two")).await?;
        let advanced = status.current_revision == status.update_revision;
        let counts = (status.current_replicas, status.updated_replicas);
        Ok((advanced, status.current_revision == first, counts))
    })
    .await?;
    assert_eq!(truth, (true, false, (Some(2), Some(2))));
    assert_eq!(lie, (false, true, (None, Some(2))));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn history_unbounded() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::HistoryUnbounded, async |client| {
        apply_web(client, 1, json!({"revisionHistoryLimit": 1})).await?;
        after(60).await;
        for annotation in ["two", "three", "four"] {
            roll(client, Some(annotation)).await?;
        }
        numbers(client).await
    })
    .await?;
    assert_eq!(truth, [3, 4]);
    assert_eq!(lie, [1, 2, 3, 4]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_change_rolls() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::EveryChangeRolls, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let pods = pods(client);
        let before = pods.get("web-0").await?.metadata.uid;
        change(client, json!({"replicas": 2})).await?;
        Ok((pods.get("web-0").await?.metadata.uid == before, numbers(client).await?))
    })
    .await?;
    assert_eq!(truth, (true, vec![1]));
    assert_eq!(lie, (false, vec![1, 2]));
    Ok(())
}
