//! Lies about the claims of pods.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, change, exec, names, pods, sets, web};
use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use refcluster::Fault;
use serde_json::{Value, json};

fn claims(client: &Client) -> Api<PersistentVolumeClaim> {
    Api::default_namespaced(client.clone())
}

/// The names of the claims that there are.
async fn claim_names(client: &Client) -> Result<Vec<String>> {
    let claims = claims(client).list(&ListParams::default()).await?.items;
    Ok(claims.into_iter().filter_map(|claim| claim.metadata.name).collect())
}

/// The uids of the claims that there are.
async fn claim_uids(client: &Client) -> Result<Vec<String>> {
    let claims = claims(client).list(&ListParams::default()).await?.items;
    Ok(claims.into_iter().filter_map(|claim| claim.metadata.uid).collect())
}

fn retention(when_deleted: &str, when_scaled: &str) -> Value {
    let policy = json!({"whenDeleted": when_deleted, "whenScaled": when_scaled});
    json!({"persistentVolumeClaimRetentionPolicy": policy})
}

#[tokio::test(start_paused = true)]
async fn template_volume_wins() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::TemplateVolumeWins, async |client| {
        let mut set = web(1, json!({}));
        set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "www", "emptyDir": {}}]);
        apply(&sets(client), set).await?;
        after(60).await;
        let write = ["sh", "-c", "echo token > /usr/share/nginx/html/token"];
        ensure!(exec(client, "web-0", &write).await?.1);
        pods(client).delete("web-0", &DeleteParams::default()).await?;
        after(60).await;
        Ok(exec(client, "web-0", &["ls", "/usr/share/nginx/html"]).await?.0)
    })
    .await?;
    assert_eq!(truth, "token\n", "the claim outlives the pod");
    assert_eq!(lie, "", "an empty directory ends with its pod");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pod_against_dying_claim() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PodAgainstDyingClaim, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let finalizers = ["kubernetes.io/pvc-protection", "example.com/hold"];
        let hold = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        claims(client).patch("www-web-0", &PatchParams::default(), &hold).await?;
        claims(client).delete("www-web-0", &DeleteParams::default()).await?;
        pods(client).delete("web-0", &DeleteParams::default()).await?;
        after(60).await;
        Ok((claim_names(client).await?, names(client).await?))
    })
    .await?;
    assert_eq!(truth, (vec!["www-web-0".to_owned()], vec![]));
    assert_eq!(lie, (vec!["www-web-0".to_owned()], vec!["web-0".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn missing_claim_forgotten() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MissingClaimForgotten, async |client| {
        let mut set = web(1, json!({}));
        set["spec"]["template"]["spec"]["nodeSelector"] = json!({"example.com/nowhere": "yes"});
        apply(&sets(client), set).await?;
        after(30).await;
        let before = claim_uids(client).await?;
        claims(client).delete("www-web-0", &DeleteParams::default()).await?;
        after(60).await;
        ensure!(claim_uids(client).await? != before, "the claim was not deleted");
        claim_names(client).await
    })
    .await?;
    assert_eq!(truth, ["www-web-0"], "made again for the pending pod");
    assert!(lie.is_empty(), "{lie:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn present_claim_overwritten() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PresentClaimOverwritten, async |client| {
        let claim = json!({
            "metadata": {"name": "www-web-0", "labels": {"mine": "yes"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        claims(client).create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        Ok(claims(client).get("www-web-0").await?.metadata.labels)
    })
    .await?;
    assert_eq!(truth, Some([("mine".to_owned(), "yes".to_owned())].into()));
    assert_eq!(lie, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn retention_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RetentionIgnored, async |client| {
        apply_web(client, 2, retention("Delete", "Delete")).await?;
        after(60).await;
        change(client, json!({"replicas": 1})).await?;
        after(60).await;
        let scaled = claim_names(client).await?;
        sets(client).delete("web", &DeleteParams::default()).await?;
        after(60).await;
        Ok([scaled, claim_names(client).await?])
    })
    .await?;
    assert_eq!(truth, [vec!["www-web-0"], vec![]]);
    assert_eq!(lie, [["www-web-0", "www-web-1"], ["www-web-0", "www-web-1"]]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scaled_claims_kept() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaledClaimsKept, async |client| {
        apply_web(client, 2, retention("Delete", "Delete")).await?;
        after(60).await;
        change(client, json!({"replicas": 1})).await?;
        after(60).await;
        let scaled = claim_names(client).await?;
        sets(client).delete("web", &DeleteParams::default()).await?;
        after(60).await;
        Ok([scaled, claim_names(client).await?])
    })
    .await?;
    assert_eq!(truth, [vec!["www-web-0"], vec![]]);
    assert_eq!(lie, [vec!["www-web-0", "www-web-1"], vec![]], "deleting the set still takes them");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn set_deletion_takes_claims() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::SetDeletionTakesClaims, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        sets(client).delete("web", &DeleteParams::default()).await?;
        after(60).await;
        claim_names(client).await
    })
    .await?;
    assert_eq!(truth, ["www-web-0", "www-web-1"]);
    assert!(lie.is_empty(), "{lie:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pod_loss_takes_claim() -> Result<()> {
    for when_deleted in ["Retain", "Delete"] {
        let (truth, lie) = beside_the_truth(Fault::PodLossTakesClaim, async |client| {
            apply_web(client, 1, retention(when_deleted, "Delete")).await?;
            after(60).await;
            let before = claim_uids(client).await?;
            pods(client).delete("web-0", &DeleteParams::default()).await?;
            after(60).await;
            Ok((names(client).await?, claim_uids(client).await? == before))
        })
        .await?;
        assert_eq!(truth, (vec!["web-0".to_owned()], true), "whenDeleted {when_deleted}");
        assert_eq!(lie, (vec!["web-0".to_owned()], false), "whenDeleted {when_deleted}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn update_replaces_claims() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::UpdateReplacesClaims, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let before = claim_uids(client).await?;
        change(client, json!({"template": {"metadata": {"annotations": {"a": "b"}}}})).await?;
        after(120).await;
        let kept = claim_uids(client).await?.iter().filter(|uid| before.contains(uid)).count();
        Ok((claim_names(client).await?, kept))
    })
    .await?;
    assert_eq!(truth, (vec!["www-web-0".to_owned(), "www-web-1".to_owned()], 2));
    assert_eq!(lie, (vec!["www-web-0".to_owned(), "www-web-1".to_owned()], 0));
    Ok(())
}
