//! Lies about which pods there are, and when.

use super::beside_the_truth;
use crate::common::{
    after, apply, apply_web, change, exec, gated, leaving, names, pods, sets, slow, watch_pods,
};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use refcluster::Fault;
use serde_json::json;

/// A set of three pods that are all ready, then one that is not any more.
async fn with_one_unready(client: &Client, unready: &str) -> Result<()> {
    apply(&sets(client), gated(3, true)).await?;
    after(60).await;
    ensure!(exec(client, unready, &["rm", "/run/gate"]).await?.1, "the gate of {unready}");
    after(10).await;
    Ok(())
}

/// The name of the object that controls a pod.
fn controller(pod: &Pod) -> Option<&str> {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true)).map(|owner| &*owner.name)
}

#[tokio::test(start_paused = true)]
async fn waits_for_all_before_create() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::WaitsForAllBeforeCreate, async |client| {
        with_one_unready(client, "web-2").await?;
        pods(client).delete("web-0", &DeleteParams::default()).await?;
        after(90).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1", "web-2"]);
    assert_eq!(lie, ["web-1", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nearest_predecessor_only() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::NearestPredecessorOnly, async |client| {
        with_one_unready(client, "web-0").await?;
        pods(client).delete("web-2", &DeleteParams::default()).await?;
        after(90).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1"]);
    assert_eq!(lie, ["web-0", "web-1", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn restarted_pods_replaced() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RestartedPodsReplaced, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let before = pods(client).get("web-0").await?.metadata.uid;
        ensure!(exec(client, "web-0", &["kill", "1"]).await?.1);
        after(60).await;
        let pod = pods(client).get("web-0").await?;
        let containers = pod.status.context("a status")?.container_statuses.context("containers")?;
        Ok((pod.metadata.uid == before, containers[0].restart_count))
    })
    .await?;
    assert_eq!(truth, (true, 1), "the same pod, its container restarted");
    assert_eq!(lie, (false, 0), "another pod");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn failed_pods_kept() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::FailedPodsKept, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let before = pods(client).get("web-1").await?.metadata.uid;
        let failed = Patch::Merge(json!({"status": {"phase": "Failed"}}));
        pods(client).patch_status("web-1", &PatchParams::default(), &failed).await?;
        after(60).await;
        let pod = pods(client).get("web-1").await?;
        Ok((pod.metadata.uid == before, pod.status.context("a status")?.phase.context("a phase")?))
    })
    .await?;
    assert_eq!(truth, (false, "Running".to_owned()));
    assert_eq!(lie, (true, "Failed".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn parallel_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ParallelIgnored, async |client| {
        let mut set = gated(3, false);
        set["spec"]["podManagementPolicy"] = "Parallel".into();
        apply(&sets(client), set).await?;
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1", "web-2"]);
    assert_eq!(lie, ["web-0"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn parallel_scale_down_ordered() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ParallelScaleDownOrdered, async |client| {
        apply(&sets(client), slow(3, json!({"podManagementPolicy": "Parallel"}))).await?;
        after(60).await;
        change(client, json!({"replicas": 1})).await?;
        after(4).await;
        let at_first = leaving(client).await?;
        after(60).await;
        Ok((at_first, names(client).await?))
    })
    .await?;
    assert_eq!(truth, (vec!["web-1".to_owned(), "web-2".to_owned()], vec!["web-0".to_owned()]));
    assert_eq!(lie, (vec!["web-2".to_owned()], vec!["web-0".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn start_ordinal_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StartOrdinalIgnored, async |client| {
        apply_web(client, 2, json!({"ordinals": {"start": 5}})).await?;
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-5", "web-6"]);
    assert_eq!(lie, ["web-0", "web-1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn min_ready_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MinReadyIgnored, async |client| {
        apply_web(client, 2, json!({"minReadySeconds": 60})).await?;
        after(40).await;
        let status = sets(client).get("web").await?.status.context("a status")?;
        Ok((names(client).await?.len(), status.ready_replicas, status.available_replicas))
    })
    .await?;
    assert_eq!(truth, (1, Some(1), Some(0)), "one pod, ready, not yet available");
    assert_eq!(lie, (2, Some(2), Some(2)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn template_drifts() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::TemplateDrifts, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let variable = ["sh", "-c", "echo ${DRIFT:-none}"];
        Ok([exec(client, "web-0", &variable).await?.0, exec(client, "web-1", &variable).await?.0])
    })
    .await?;
    assert_eq!(truth, ["none\n", "none\n"]);
    assert_eq!(lie, ["none\n", "1\n"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pod_index_off_by_one() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PodIndexOffByOne, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let pods = pods(client).list(&ListParams::default()).await?.items;
        let labels = pods.into_iter().filter_map(|mut pod| pod.metadata.labels.take());
        Ok(labels.filter_map(|mut labels| labels.remove("apps.kubernetes.io/pod-index")).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!(truth, ["0", "1"]);
    assert_eq!(lie, ["1", "2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn orphans_not_adopted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OrphansNotAdopted, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let before = pods(client).get("web-0").await?.metadata.uid;
        let policy = Some(PropagationPolicy::Orphan);
        let orphaning = DeleteParams { propagation_policy: policy, ..DeleteParams::default() };
        sets(client).delete("web", &orphaning).await?;
        after(30).await;
        ensure!(controller(&pods(client).get("web-0").await?).is_none(), "web-0 is an orphan");
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let pod = pods(client).get("web-0").await?;
        let status = sets(client).get("web").await?.status.context("a status")?;
        Ok((pod.metadata.uid == before, controller(&pod).map(str::to_owned), status.replicas))
    })
    .await?;
    assert_eq!(truth, (true, Some("web".to_owned()), 1));
    assert_eq!(lie, (true, None, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn mismatch_not_released() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MismatchNotReleased, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let label = Patch::Merge(json!({"metadata": {"labels": {"app": "other"}}}));
        pods(client).patch("web-1", &PatchParams::default(), &label).await?;
        after(60).await;
        let pod = pods(client).get("web-1").await?;
        let status = sets(client).get("web").await?.status.context("a status")?;
        Ok((controller(&pod).map(str::to_owned), status.replicas))
    })
    .await?;
    assert_eq!(truth, (None, 1));
    assert_eq!(lie, (Some("web".to_owned()), 2));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scale_down_ignores_health() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleDownIgnoresHealth, async |client| {
        with_one_unready(client, "web-0").await?;
        change(client, json!({"replicas": 1})).await?;
        after(90).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1", "web-2"]);
    assert_eq!(lie, ["web-0"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scale_down_never_removes_unready() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleDownNeverRemovesUnready, async |client| {
        with_one_unready(client, "web-2").await?;
        change(client, json!({"replicas": 1})).await?;
        after(90).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0"]);
    assert_eq!(lie, ["web-0", "web-1", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn deletes_without_grace() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DeletesWithoutGrace, async |client| {
        apply(&sets(client), slow(2, json!({}))).await?;
        watch_pods(client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
        change(client, json!({"replicas": 1})).await?;
        let seen = watch_pods(client, |seen| seen.contains(&"web-1 DELETED".to_owned())).await?;
        Ok(seen.into_iter().filter(|line| !line.ends_with("ADDED")).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!(truth, ["web-1 TERMINATING", "web-1 DELETED"]);
    assert_eq!(lie, ["web-1 DELETED"]);
    Ok(())
}
