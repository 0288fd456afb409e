//! Sets on clusters of different releases.

use crate::common::{
    after, apply, apply_web, change, gated, leaving, names, pods, sets, slow, start, watch_pods, web,
};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use refcluster::{Cluster, Options};
use serde_json::{Value, json};

async fn of(version: &str) -> Result<(Cluster, Client)> {
    start(Options { version: version.to_owned(), ..Options::default() }).await
}

/// Changes the template of the set.
async fn update(client: &Client) -> Result<()> {
    change(client, json!({"template": {"metadata": {"annotations": {"a": "b"}}}})).await
}

fn unavailable(most: Value) -> Value {
    json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}}})
}

#[tokio::test(start_paused = true)]
async fn several_pods_are_updated_at_once_where_the_field_is_kept() -> Result<()> {
    let one = vec!["web-4"];
    for (version, most, expected) in [
        ("v1.37.1", json!(2), vec!["web-3", "web-4"]),
        ("v1.37.1", json!("50%"), vec!["web-3", "web-4"]),
        ("v1.37.1", json!("10%"), one.clone()),
        ("v1.36.0", json!(2), one.clone()),
        ("v1.35.0", json!(2), vec!["web-3", "web-4"]),
        ("v1.20.2", json!(2), one),
    ] {
        let (_cluster, client) = of(version).await?;
        apply(&sets(&client), slow(5, unavailable(most.clone()))).await?;
        after(90).await;
        update(&client).await?;
        after(4).await;
        assert_eq!(leaving(&client).await?, expected, "{version} with {most}");
        after(120).await;
        let status = sets(&client).get("web").await?.status.context("a status")?;
        assert_eq!((status.updated_replicas, status.ready_replicas), (Some(5), Some(5)), "{version}");
        assert_eq!(status.current_revision, status.update_revision);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pods_that_serve_nobody_are_replaced_beside_the_budget_of_a_parallel_set() -> Result<()> {
    let one_at_a_time = vec![("web-0", false), ("web-1", false), ("web-2", true)];
    let all = one_at_a_time.iter().map(|(name, _)| (*name, true)).collect::<Vec<_>>();
    for (version, expected) in [("v1.37.1", all), ("v1.36.0", one_at_a_time)] {
        let (_cluster, client) = of(version).await?;
        let mut set = gated(3, false);
        set["spec"]["podManagementPolicy"] = "Parallel".into();
        apply(&sets(&client), set).await?;
        after(60).await;
        update(&client).await?;
        after(60).await;
        let revision = sets(&client).get("web").await?.status.and_then(|status| status.update_revision);
        let pods = pods(&client).list(&ListParams::default()).await?.items;
        let updated = |pod: &k8s_openapi::api::core::v1::Pod| {
            let labels = pod.metadata.labels.as_ref().expect("labels");
            labels.get("controller-revision-hash") == revision.as_ref()
        };
        let seen: Vec<_> =
            pods.iter().map(|pod| (pod.metadata.name.as_deref().unwrap_or_default(), updated(pod))).collect();
        assert_eq!(seen, expected, "{version}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn recreation_ends_all_pods_before_it_creates_any() -> Result<()> {
    let gates = [("StatefulSetRecreateStrategy".to_owned(), true)].into();
    let (_cluster, client) = start(Options { feature_gates: gates, ..Options::default() }).await?;
    apply(&sets(&client), slow(3, json!({"updateStrategy": {"type": "Recreate"}}))).await?;
    after(60).await;
    assert!(sets(&client).get("web").await?.status.context("a status")?.conditions.is_none());
    update(&client).await?;
    let ends = |seen: &[String]| seen.iter().rposition(|line| line.ends_with(" DELETED"));
    let again = |seen: &[String]| {
        seen.iter().skip(ends(seen).unwrap_or(usize::MAX)).any(|line| line == "web-2 READY")
    };
    let seen = watch_pods(&client, again).await?;
    let created: Vec<_> = seen.iter().enumerate().filter(|(_, line)| line.ends_with(" ADDED")).collect();
    let born_again = created.iter().skip(3).map(|(at, line)| (*at, line.as_str()));
    let last_end = ends(&seen).context("an end")?;
    let born_again: Vec<_> = born_again.collect();
    assert!(born_again.iter().all(|(at, _)| *at > last_end), "{seen:?}");
    let order: Vec<_> = born_again.into_iter().map(|(_, line)| line).collect();
    assert_eq!(order, ["web-0 ADDED", "web-1 ADDED", "web-2 ADDED"]);
    after(5).await;
    let status = sets(&client).get("web").await?.status.context("a status")?;
    let condition = status.conditions.context("conditions")?.remove(0);
    let told = [condition.type_, condition.status, condition.reason];
    assert_eq!(told, ["Progressing", "False", "RecreateCompleted"].map(|word| Some(word.to_owned())));
    assert_eq!(status.current_revision, status.update_revision);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_roll_by_hand_completes_since_1_37() -> Result<()> {
    for (version, completes) in [("v1.37.1", true), ("v1.36.0", false)] {
        let (_cluster, client) = of(version).await?;
        apply_web(&client, 1, json!({"updateStrategy": {"type": "OnDelete"}})).await?;
        after(30).await;
        update(&client).await?;
        pods(&client).delete("web-0", &DeleteParams::default()).await?;
        after(60).await;
        let status = sets(&client).get("web").await?.status.context("a status")?;
        assert_eq!(status.updated_replicas, Some(1), "{version}");
        assert_eq!(status.current_revision == status.update_revision, completes, "{version}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pods_that_have_succeeded_are_replaced_since_1_27() -> Result<()> {
    let messages = ["RecreatingTerminatedPod".to_owned()];
    for (version, replaced, told) in
        [("v1.37.1", true, &[][..]), ("v1.27.16", true, &messages), ("v1.26.15", false, &[])]
    {
        let (_cluster, client) = of(version).await?;
        apply_web(&client, 1, json!({})).await?;
        after(30).await;
        let before = pods(&client).get("web-0").await?.metadata.uid;
        let ended = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
        pods(&client).patch_status("web-0", &PatchParams::default(), &ended).await?;
        after(60).await;
        assert_eq!(pods(&client).get("web-0").await?.metadata.uid != before, replaced, "{version}");
        let events: Api<Event> = Api::default_namespaced(client.clone());
        let events = events.list(&ListParams::default()).await?.items.into_iter();
        let reasons: Vec<_> = events
            .filter_map(|event| event.reason)
            .filter(|reason| reason.starts_with("Recreating"))
            .collect();
        assert_eq!(reasons, told, "{version}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pending_pod_gets_its_claim_again_since_1_27() -> Result<()> {
    for (version, expected) in [("v1.37.1", 1), ("v1.26.15", 0)] {
        let (_cluster, client) = of(version).await?;
        let mut set = web(1, json!({}));
        set["spec"]["template"]["spec"]["nodeSelector"] = json!({"example.com/nowhere": "yes"});
        apply(&sets(&client), set).await?;
        after(30).await;
        let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
        claims.delete("www-web-0", &DeleteParams::default()).await?;
        after(60).await;
        assert_eq!(claims.list(&ListParams::default()).await?.items.len(), expected, "{version}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_and_the_status_of_a_set_only_since_1_23() -> Result<()> {
    for (version, told, verb, characters) in [
        ("v1.37.1", true, "Create", "bytes"),
        ("v1.23.17", true, "create", "characters"),
        ("v1.22.0", false, "create", "characters"),
    ] {
        let (_cluster, client) = of(version).await?;
        let name = "a-set-whose-name-leaves-no-room-for-a-revision-in-labels";
        let mut set = web(1, json!({}));
        set["metadata"]["name"] = name.into();
        apply(&sets(&client), set).await?;
        after(20).await;
        let status = sets(&client).get(name).await?.status.context("a status")?;
        assert_eq!(status.update_revision.is_some(), told, "{version}");
        let events: Api<Event> = Api::default_namespaced(client.clone());
        let failed = events.list(&ListParams::default().fields("reason=FailedCreate")).await?.items.remove(0);
        let message = failed.message.unwrap_or_default();
        assert!(message.starts_with(&format!("{verb} Pod {name}-0 in StatefulSet {name} failed error: ")));
        assert!(message.ends_with(&format!("must be no more than 63 {characters}")), "{message}");
        assert!(failed.count.is_some_and(|count| (8..16).contains(&count)), "{:?}", failed.count);
        assert!(names(&client).await?.is_empty());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claims_that_go_with_their_pods_hold_up_a_scale_up() -> Result<()> {
    let (_cluster, client) = of("v1.37.1").await?;
    let policy = json!({"whenDeleted": "Retain", "whenScaled": "Delete"});
    apply(&sets(&client), slow(3, json!({"persistentVolumeClaimRetentionPolicy": policy}))).await?;
    after(60).await;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    let before = claims.get("www-web-2").await?.metadata.uid;
    change(&client, json!({"replicas": 1})).await?;
    after(5).await;
    change(&client, json!({"replicas": 3})).await?;
    after(180).await;
    assert_eq!(names(&client).await?, ["web-0", "web-1", "web-2"]);
    assert_ne!(claims.get("www-web-2").await?.metadata.uid, before, "another claim of that name");
    Ok(())
}
