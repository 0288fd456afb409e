//! Lies about the status and the events of sets, and about what their deletion leaves.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, delete_pod, names, pods, sets, web};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::{Api, Client};
use refcluster::Fault;
use serde_json::json;

async fn delete_set(client: &Client, propagation: PropagationPolicy) -> Result<()> {
    let sets = sets(client);
    let parameters = DeleteParams { propagation_policy: Some(propagation), ..DeleteParams::default() };
    sets.delete("web", &parameters).await?;
    after(60).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn status_counts_foreign_pods() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StatusCountsForeignPods, async |client| {
        let sets = sets(client);
        let mut other = web(2, json!({}));
        other["metadata"]["name"] = "other".into();
        apply(&sets, other).await?;
        after(60).await;
        apply(&sets, web(1, json!({}))).await?;
        after(60).await;
        let status = sets.get("web").await?.status.context("a status")?;
        Ok((status.replicas, status.ready_replicas, names(client).await?.len()))
    })
    .await?;
    assert_eq!(truth, (1, Some(1), 3));
    assert_eq!(lie, (3, Some(1), 3));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_events() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::NoEvents, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let events: Api<Event> = Api::default_namespaced(client.clone());
        let about_set = ListParams::default().fields("involvedObject.kind=StatefulSet");
        let events = events.list(&about_set).await?.items.into_iter();
        let mut told: Vec<_> = events.map(|event| (event.reason, event.message)).collect();
        told.sort();
        Ok(told)
    })
    .await?;
    let created = |what: &str| (Some("SuccessfulCreate".to_owned()), Some(what.to_owned()));
    let wanted = [
        created("Create Claim www-web-0 Pod web-0 in StatefulSet web success"),
        created("Create Pod web-0 in StatefulSet web successful"),
    ];
    assert_eq!(truth, wanted);
    assert_eq!(lie, []);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn deletion_leaks_pods() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DeletionLeaksPods, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        delete_set(client, PropagationPolicy::Background).await?;
        names(client).await
    })
    .await?;
    assert_eq!(truth, [""; 0]);
    assert_eq!(lie, ["web-0"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn creates_while_deleting() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::CreatesWhileDeleting, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let sets = sets(client);
        let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
        sets.patch("web", &PatchParams::default(), &Patch::Merge(hold)).await?;
        delete_set(client, PropagationPolicy::Background).await?;
        assert_eq!(names(client).await?, ["web-0", "web-1"], "the set is still there");
        delete_pod(client, "web-0").await?;
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-1"]);
    assert_eq!(lie, ["web-0", "web-1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn orphans_deleted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OrphansDeleted, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        delete_set(client, PropagationPolicy::Orphan).await?;
        let pods = pods(client);
        let pods = pods.list(&ListParams::default()).await?.items.into_iter();
        let owners = |pod: &Pod| pod.metadata.owner_references.clone().unwrap_or_default().len();
        Ok(pods.map(|pod| (owners(&pod), pod.metadata.name)).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1"].map(|name| (0, Some(name.to_owned()))));
    assert_eq!(lie, []);
    Ok(())
}
