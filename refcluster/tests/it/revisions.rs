//! The history of a set's template, as an honest controller keeps it.

use crate::common::{after, apply_web, change, sets, start};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use refcluster::Options;
use serde_json::json;

/// The revisions by number, oldest first.
async fn revisions(client: &Client) -> Result<Vec<ControllerRevision>> {
    let revisions: Api<ControllerRevision> = Api::default_namespaced(client.clone());
    let mut found = revisions.list(&ListParams::default()).await?.items;
    found.sort_by_key(|revision| revision.revision);
    Ok(found)
}

fn names(revisions: &[ControllerRevision]) -> Vec<&str> {
    revisions.iter().filter_map(|revision| revision.metadata.name.as_deref()).collect()
}

async fn annotate_template(client: &Client, value: Option<&str>) -> Result<()> {
    change(client, json!({"template": {"metadata": {"annotations": {"a": value}}}})).await?;
    after(60).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_template_that_comes_back_has_its_old_revision_under_a_new_number() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 1, json!({})).await?;
    after(30).await;
    let first = revisions(&client).await?;
    annotate_template(&client, Some("b")).await?;
    annotate_template(&client, None).await?;
    let back = revisions(&client).await?;
    assert_eq!(back.iter().filter_map(|revision| revision.revision).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(names(&back)[1], names(&first)[0], "the same object");
    let status = sets(&client).get("web").await?.status.context("a status")?;
    assert_eq!(status.current_revision.as_deref(), Some(names(&first)[0]));
    assert_eq!(status.current_revision, status.update_revision);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn as_many_old_revisions_stay_as_the_limit_says() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 1, json!({"revisionHistoryLimit": 2})).await?;
    after(30).await;
    for value in ["b", "c", "d", "e"] {
        annotate_template(&client, Some(value)).await?;
    }
    let kept = revisions(&client).await?;
    let numbers: Vec<_> = kept.iter().filter_map(|revision| revision.revision).collect();
    assert_eq!(numbers, [3, 4, 5], "two that no pod has, and the one that they have");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_revision_has_the_annotations_that_the_set_had() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 1, json!({})).await?;
    after(30).await;
    let note = Patch::Merge(json!({"metadata": {"annotations": {"note": "x"}}}));
    sets(&client).patch("web", &PatchParams::default(), &note).await?;
    after(10).await;
    assert_eq!(revisions(&client).await?.len(), 1, "an annotation of the set makes no revision");
    annotate_template(&client, Some("b")).await?;
    let notes: Vec<_> = revisions(&client).await?;
    let notes = notes.into_iter().map(|revision| revision.metadata.annotations?.remove("note"));
    assert_eq!(notes.collect::<Vec<_>>(), [None, Some("x".to_owned())]);
    Ok(())
}
