//! Lies about how an update goes on, and how it is told.

use super::beside_the_truth;
use super::updates::{status, update, updated};
use crate::common::{
    after, apply, apply_web, change, delete_pod, exec, gated, pods, replaced, sets, slow, uids, watch_pods,
    web,
};
use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::ListParams;
use refcluster::Fault;
use serde_json::{Value, json};

/// Which of three pods are replaced by an update whose pods never become ready, but for `open` of them.
async fn replaced_by_a_bad_update(client: &Client, open: &[&str]) -> Result<Vec<String>> {
    apply(&sets(client), gated(3, true)).await?;
    after(60).await;
    let before = uids(client).await?;
    let shut = gated(3, false)["spec"]["template"].clone();
    change(client, json!({"template": shut})).await?;
    after(60).await;
    for pod in open {
        exec(client, pod, &["touch", "/run/gate"]).await?;
        after(60).await;
    }
    replaced(client, &before).await
}

#[tokio::test(start_paused = true)]
async fn update_ignores_readiness() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::UpdateIgnoresReadiness, async |client| {
        replaced_by_a_bad_update(client, &[]).await
    })
    .await?;
    assert_eq!(truth, ["web-2"]);
    assert_eq!(lie, ["web-0", "web-1", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn first_update_ignores_readiness() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::FirstUpdateIgnoresReadiness, async |client| {
        let after_one = replaced_by_a_bad_update(client, &[]).await?;
        let before = uids(client).await?;
        exec(client, "web-2", &["touch", "/run/gate"]).await?;
        after(60).await;
        Ok((after_one, replaced(client, &before).await?))
    })
    .await?;
    let of = |first: &[&str], then: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        (own(first), own(then))
    };
    assert_eq!(truth, of(&["web-2"], &["web-1"]));
    assert_eq!(lie, of(&["web-1", "web-2"], &[]), "the second one is waited for");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pods_replaced_twice() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PodsReplacedTwice, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        let births = |seen: &[String]| seen.iter().filter(|line| *line == "web-1 ADDED").count();
        let watching = watch_pods(client, |seen| seen.iter().any(|line| line == "web-0 TERMINATING"));
        let (seen, ()) = tokio::try_join!(watching, update(client))?;
        Ok(births(&seen) - 1)
    })
    .await?;
    assert_eq!((truth, lie), (1, 2));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn stale_template_for_first() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StaleTemplateForFirst, async |client| {
        apply_web(client, 2, json!({})).await?;
        after(60).await;
        update(client).await?;
        after(120).await;
        let pods = pods(client).list(&ListParams::default()).await?.items.into_iter();
        let annotated = |pod: Pod| pod.metadata.annotations.is_some_and(|all| all.contains_key("a"));
        Ok((updated(client).await?.len(), pods.map(annotated).collect::<Vec<_>>()))
    })
    .await?;
    assert_eq!(truth, (2, vec![true, true]));
    assert_eq!(lie, (2, vec![false, true]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn complete_too_early() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::CompleteTooEarly, async |client| {
        apply(&sets(client), slow(3, json!({}))).await?;
        after(60).await;
        update(client).await?;
        watch_pods(client, |seen| seen.contains(&"web-0 TERMINATING".to_owned())).await?;
        after(2).await;
        let status = status(client).await?;
        Ok((status.updated_replicas, status.current_revision == status.update_revision))
    })
    .await?;
    assert_eq!(truth, (Some(2), false));
    assert_eq!(lie.0, Some(3));
    assert!(lie.1, "the last old pod is still there");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resized_pod_replaced() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ResizedPodReplaced, async |client| {
        let mut set = web(1, json!({}));
        set["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "10m"}});
        apply(&sets(client), set).await?;
        after(30).await;
        let before = uids(client).await?;
        let patch =
            json!({"spec": {"containers": [{"name": "nginx", "resources": {"requests": {"cpu": "20m"}}}]}});
        let request = http::Request::patch("/api/v1/namespaces/default/pods/web-0/resize")
            .header("content-type", "application/strategic-merge-patch+json");
        let _: Value = client.request(request.body(serde_json::to_vec(&patch)?)?).await?;
        after(30).await;
        replaced(client, &before).await
    })
    .await?;
    assert_eq!((truth, lie), (vec![], vec!["web-0".to_owned()]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn reverted_template_stays() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RevertedTemplateStays, async |client| {
        apply(&sets(client), gated(2, true)).await?;
        after(60).await;
        for open in [false, true] {
            let template = gated(2, open)["spec"]["template"].clone();
            change(client, json!({"template": template})).await?;
            after(60).await;
        }
        delete_pod(client, "web-1").await?;
        after(60).await;
        Ok((status(client).await?.ready_replicas, updated(client).await?))
    })
    .await?;
    assert_eq!(truth, (Some(2), vec!["web-0".to_owned(), "web-1".to_owned()]));
    assert_eq!(lie, (Some(1), vec!["web-0".to_owned()]));
    Ok(())
}
