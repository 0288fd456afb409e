//! Lies about several claims of a pod, and about claims that were there before.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, delete_pod, exec, names, pods, sets, web};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use refcluster::Fault;
use serde_json::{Value, json};

fn claims(client: &Client) -> Api<PersistentVolumeClaim> {
    Api::default_namespaced(client.clone())
}

async fn claim_names(client: &Client) -> Result<Vec<String>> {
    let claims = claims(client).list(&ListParams::default()).await?.items;
    Ok(claims.into_iter().filter_map(|claim| claim.metadata.name).collect())
}

/// A pod with two claims, each of which has a token of its own.
async fn with_two_claims(client: &Client) -> Result<()> {
    let mut set = web(1, json!({}));
    let mut second = set["spec"]["volumeClaimTemplates"][0].clone();
    second["metadata"]["name"] = "logs".into();
    set["spec"]["volumeClaimTemplates"].as_array_mut().context("templates")?.push(second);
    let mounts = &mut set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    mounts.as_array_mut().context("mounts")?.push(json!({"name": "logs", "mountPath": "/logs"}));
    apply(&sets(client), set).await?;
    after(30).await;
    let write = "echo www > /usr/share/nginx/html/token; test -f /logs/token || echo logs > /logs/token";
    ensure!(exec(client, "web-0", &["sh", "-c", write]).await?.1);
    Ok(())
}

async fn tokens(client: &Client) -> Result<String> {
    Ok(exec(client, "web-0", &["sh", "-c", "cat /usr/share/nginx/html/token /logs/token"]).await?.0)
}

#[tokio::test(start_paused = true)]
async fn first_claim_template_only() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::FirstClaimTemplateOnly, async |client| {
        with_two_claims(client).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        Ok((claim_names(client).await?, tokens(client).await?))
    })
    .await?;
    assert_eq!(truth, (vec!["logs-web-0".to_owned(), "www-web-0".to_owned()], "www\nlogs\n".to_owned()));
    assert_eq!(lie, (vec!["www-web-0".to_owned()], "www\n".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claim_templates_share_claim() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ClaimTemplatesShareClaim, async |client| {
        with_two_claims(client).await?;
        tokens(client).await
    })
    .await?;
    assert_eq!((truth.as_str(), lie.as_str()), ("www\nlogs\n", "www\nwww\n"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claims_exchanged_on_recreate() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ClaimsExchangedOnRecreate, async |client| {
        with_two_claims(client).await?;
        let before = tokens(client).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        Ok((before, tokens(client).await?))
    })
    .await?;
    let both = |before: &str, now: &str| (before.to_owned(), now.to_owned());
    assert_eq!(truth, both("www\nlogs\n", "www\nlogs\n"));
    assert_eq!(lie, both("www\nlogs\n", "logs\nwww\n"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn present_claim_refused() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PresentClaimRefused, async |client| {
        let claim = json!({
            "metadata": {"name": "www-web-0"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        claims(client).create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec!["web-0".to_owned()], vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claim_rebound_on_recreate() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ClaimReboundOnRecreate, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        ensure!(exec(client, "web-0", &["sh", "-c", "echo token > /usr/share/nginx/html/token"]).await?.1);
        let before = claims(client).get("www-web-0").await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        let claim = claims(client).get("www-web-0").await?;
        let volume = |claim: &PersistentVolumeClaim| claim.spec.clone().and_then(|spec| spec.volume_name);
        let same = (claim.metadata.uid == before.metadata.uid, volume(&claim) == volume(&before));
        Ok((same, exec(client, "web-0", &["ls", "/usr/share/nginx/html"]).await?.0))
    })
    .await?;
    assert_eq!(truth, ((true, true), "token\n".to_owned()));
    assert_eq!(lie, ((true, false), String::new()), "the same claim, another volume");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn foreign_owned_claims_taken() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ForeignOwnedClaimsTaken, async |client| {
        let holder = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "holder"},
            "spec": {"containers": [{"name": "c", "image": "busybox", "command": ["sleep", "infinity"]}]},
        });
        let holder: Pod = apply(&pods(client), holder).await?;
        let claim = json!({
            "metadata": {"name": "www-web-0", "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": "holder", "uid": holder.metadata.uid, "controller": true,
            }]},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        claims(client).create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
        let policy = json!({"whenDeleted": "Delete", "whenScaled": "Retain"});
        apply_web(client, 1, json!({"persistentVolumeClaimRetentionPolicy": policy})).await?;
        after(60).await;
        sets(client).delete("web", &DeleteParams::default()).await?;
        after(60).await;
        claim_names(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec!["www-web-0".to_owned()], vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claim_protection_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ClaimProtectionIgnored, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        claims(client).delete("www-web-0", &DeleteParams::default()).await?;
        after(10).await;
        Ok((claims(client).get_opt("www-web-0").await?.is_some(), names(client).await?.len()))
    })
    .await?;
    assert_eq!((truth, lie), ((true, 1), (false, 1)), "while its pod runs");
    Ok(())
}

const SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";

#[tokio::test(start_paused = true)]
async fn immutable_fields_dropped() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ImmutableFieldsDropped, async |client| {
        apply(&sets(client), web(0, json!({}))).await?;
        let patch = Patch::Merge(json!({"spec": {"serviceName": "other"}}));
        let answer = sets(client).patch("web", &PatchParams::default(), &patch).await;
        Ok((answer.is_ok(), sets(client).get("web").await?.spec.service_name))
    })
    .await?;
    assert_eq!((truth, lie), ((false, Some("nginx".to_owned())), (true, Some("nginx".to_owned()))));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scale_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleIgnored, async |client| {
        apply(&sets(client), web(0, json!({}))).await?;
        let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
        sets(client).patch_scale("web", &PatchParams::default(), &patch).await?;
        Ok(sets(client).get("web").await?.spec.replicas)
    })
    .await?;
    assert_eq!((truth, lie), (Some(2), Some(0)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn delete_collection_ignores_selector() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DeleteCollectionIgnoresSelector, async |client| {
        for name in ["a", "b"] {
            let mut set = web(0, json!({}));
            set["metadata"] = json!({"name": name, "labels": {"name": name}});
            apply(&sets(client), set).await?;
        }
        let request = http::Request::delete(format!("{SETS}?labelSelector=name%3Da")).body(Vec::new())?;
        let _: Value = client.request(request).await?;
        after(5).await;
        Ok(sets(client).list(&ListParams::default()).await?.items.len())
    })
    .await?;
    assert_eq!((truth, lie), (1, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn foreground_set_goes_first() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ForegroundSetGoesFirst, async |client| {
        apply(&sets(client), crate::common::slow(1, json!({}))).await?;
        after(30).await;
        sets(client).delete("web", &DeleteParams::foreground()).await?;
        after(3).await;
        let there = (sets(client).get_opt("web").await?.is_some(), names(client).await?.len());
        after(60).await;
        Ok((there, sets(client).get_opt("web").await?.is_some(), names(client).await?.len()))
    })
    .await?;
    assert_eq!(truth, ((true, 1), false, 0));
    assert_eq!(lie, ((false, 1), false, 0));
    Ok(())
}
