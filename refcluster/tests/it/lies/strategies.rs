//! Lies about partitions, strategies, and the order in which a set gets more or fewer pods.

use super::updates::{rolling_update, status, update, updated};
use super::{beside_the_truth, beside_the_truth_with};
use crate::common::{
    after, apply, apply_web, change, delete_pod, leaving, names, pods, replaced, sets, slow, uids,
    watch_pods, web,
};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use refcluster::{Fault, Options};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn partition_counts_from_end() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PartitionCountsFromEnd, async |client| {
        apply_web(client, 3, rolling_update(json!({"partition": 2}))).await?;
        after(60).await;
        update(client).await?;
        after(120).await;
        updated(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec!["web-2".to_owned()], vec!["web-0".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn partition_counts_ordinals() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PartitionCountsOrdinals, async |client| {
        let mut spec = rolling_update(json!({"partition": 1}));
        spec["ordinals"] = json!({"start": 5});
        apply_web(client, 3, spec).await?;
        after(60).await;
        update(client).await?;
        after(120).await;
        updated(client).await
    })
    .await?;
    assert_eq!(truth, ["web-6", "web-7"], "the first pod is kept");
    assert_eq!(lie, ["web-5", "web-6", "web-7"], "no ordinal is below one");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn restores_at_current_revision() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RestoresAtCurrentRevision, async |client| {
        apply(&sets(client), slow(3, rolling_update(json!({"partition": 1})))).await?;
        after(60).await;
        update(client).await?;
        after(5).await;
        delete_pod(client, "web-1").await?;
        let seen = watch_pods(client, |seen| {
            seen.contains(&"web-1 READY".to_owned()) && seen.contains(&"web-2 DELETED".to_owned())
        });
        seen.await?;
        let labels = |pod: Pod| pod.metadata.labels?.remove("controller-revision-hash");
        let status = status(client).await?;
        Ok(labels(pods(client).get("web-1").await?) == status.update_revision)
    })
    .await?;
    assert_eq!((truth, lie), (true, false));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn on_delete_restores_old() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OnDeleteRestoresOld, async |client| {
        apply_web(client, 2, json!({"updateStrategy": {"type": "OnDelete"}})).await?;
        after(60).await;
        update(client).await?;
        delete_pod(client, "web-1").await?;
        after(60).await;
        updated(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec!["web-1".to_owned()], vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn max_unavailable_never_reached() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MaxUnavailableNeverReached, async |client| {
        apply(&sets(client), slow(5, rolling_update(json!({"maxUnavailable": 2})))).await?;
        after(90).await;
        update(client).await?;
        after(4).await;
        leaving(client).await
    })
    .await?;
    assert_eq!(truth, ["web-3", "web-4"]);
    assert_eq!(lie, ["web-4"]);
    Ok(())
}

fn with_recreation() -> Options {
    let gates = [("StatefulSetRecreateStrategy".to_owned(), true)].into();
    Options { feature_gates: gates, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn recreate_creates_early() -> Result<()> {
    let (truth, lie) =
        beside_the_truth_with(with_recreation(), Fault::RecreateCreatesEarly, async |client| {
            let mut set = web(2, json!({"updateStrategy": {"type": "Recreate"}}));
            let hook =
                json!({"preStop": {"exec": {"command": ["sh", "-c", "test $HOSTNAME = web-0 || sleep 20"]}}});
            set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
            apply(&sets(client), set).await?;
            after(60).await;
            update(client).await?;
            let seen = watch_pods(client, |seen| seen.iter().any(|line| line == "web-1 DELETED")).await?;
            Ok(seen.into_iter().filter(|line| line == "web-0 ADDED").count())
        })
        .await?;
    assert_eq!((truth, lie), (1, 2), "web-0 of the new revision beside web-1 of the old one");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn recreation_never_completes() -> Result<()> {
    let (truth, lie) =
        beside_the_truth_with(with_recreation(), Fault::RecreationNeverCompletes, async |client| {
            apply_web(client, 1, json!({"updateStrategy": {"type": "Recreate"}})).await?;
            after(30).await;
            update(client).await?;
            after(60).await;
            let condition = status(client).await?.conditions.context("conditions")?.remove(0);
            Ok(condition.reason)
        })
        .await?;
    assert_eq!(truth.as_deref(), Some("RecreateCompleted"));
    assert_eq!(lie.as_deref(), Some("RecreateInProgress"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn names_sorted_as_text() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::NamesSortedAsText, async |client| {
        apply_web(client, 11, json!({"podManagementPolicy": "OrderedReady"})).await?;
        let seen = watch_pods(client, |seen| seen.contains(&"web-9 READY".to_owned())).await?;
        let born: Vec<_> = seen.into_iter().filter(|line| line.ends_with(" ADDED")).collect();
        after(20).await;
        change(client, json!({"replicas": 9})).await?;
        let gone = watch_pods(client, |seen| seen.iter().any(|line| line.ends_with(" TERMINATING"))).await?;
        Ok((born[2].clone(), gone.into_iter().find(|line| line.ends_with(" TERMINATING"))))
    })
    .await?;
    assert_eq!(truth, ("web-2 ADDED".to_owned(), Some("web-10 TERMINATING".to_owned())));
    assert_eq!(lie, ("web-10 ADDED".to_owned(), Some("web-9 TERMINATING".to_owned())));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn start_ordinal_moves_at_once() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StartOrdinalMovesAtOnce, async |client| {
        apply(&sets(client), slow(3, json!({}))).await?;
        after(60).await;
        change(client, json!({"ordinals": {"start": 3}})).await?;
        after(4).await;
        Ok((names(client).await?.len(), leaving(client).await?.len()))
    })
    .await?;
    assert_eq!(truth, (6, 1), "the new pods come first, then the old ones go one by one");
    assert_eq!(lie, (6, 3));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scale_down_without_grace() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleDownWithoutGrace, async |client| {
        apply(&sets(client), slow(2, json!({}))).await?;
        watch_pods(client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
        update(client).await?;
        after(3).await;
        let by_update = leaving(client).await?;
        after(90).await;
        change(client, json!({"replicas": 1})).await?;
        after(3).await;
        Ok((by_update, leaving(client).await?))
    })
    .await?;
    let web_1 = || vec!["web-1".to_owned()];
    assert_eq!(truth, (web_1(), web_1()));
    assert_eq!(lie, (web_1(), vec![]), "an update gives grace");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn available_counts_ready() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::AvailableCountsReady, async |client| {
        apply_web(client, 2, json!({"minReadySeconds": 60})).await?;
        after(40).await;
        Ok((names(client).await?.len(), status(client).await?.available_replicas))
    })
    .await?;
    assert_eq!(truth, (1, Some(0)));
    assert_eq!(lie, (1, Some(1)), "counted, and waited for all the same");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn succeeded_pods_kept() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::SucceededPodsKept, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        let before = uids(client).await?;
        let ended = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
        pods(client).patch_status("web-0", &PatchParams::default(), &ended).await?;
        after(60).await;
        replaced(client, &before).await
    })
    .await?;
    assert_eq!((truth, lie), (vec!["web-0".to_owned()], vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scale_to_zero_at_once() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleToZeroAtOnce, async |client| {
        apply(&sets(client), slow(3, json!({}))).await?;
        after(60).await;
        change(client, json!({"replicas": 1})).await?;
        after(4).await;
        let to_one = leaving(client).await?;
        change(client, json!({"replicas": 3})).await?;
        after(60).await;
        change(client, json!({"replicas": 0})).await?;
        after(4).await;
        Ok((to_one, leaving(client).await?))
    })
    .await?;
    let web_2 = || vec!["web-2".to_owned()];
    assert_eq!(truth, (web_2(), web_2()));
    let all = ["web-0", "web-1", "web-2"].map(str::to_owned).to_vec();
    assert_eq!(lie, (web_2(), all));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn availability_not_revisited() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::AvailabilityNotRevisited, async |client| {
        apply_web(client, 3, json!({"minReadySeconds": 5})).await?;
        after(120).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1", "web-2"]);
    assert!(lie.len() < 3, "{lie:?}");
    Ok(())
}
