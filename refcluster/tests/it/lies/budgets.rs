//! Lies about evictions, and about what budgets are for.

use super::beside_the_truth;
use crate::common::{after, apply, change, exec, gated, names, pods, replaced, sets, uids};
use anyhow::Result;
use kube::{Client, Error};
use refcluster::Fault;
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, body: Value) -> kube::Result<Value> {
    let request = http::Request::post(path).header("content-type", "application/json");
    client.request(request.body(serde_json::to_vec(&body).expect("JSON")).expect("a request")).await
}

/// Three ready pods, and a budget.
async fn with_budget(client: &Client, budget: Value) -> Result<()> {
    apply(&sets(client), gated(3, true)).await?;
    after(40).await;
    let mut spec = json!({"selector": {"matchLabels": {"app": "nginx"}}});
    for (field, value) in budget.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let budget = json!({"metadata": {"name": "b"}, "spec": spec});
    post(client, "/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget).await?;
    after(1).await;
    Ok(())
}

async fn evict(client: &Client, pod: &str) -> u16 {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    match post(client, &format!("/api/v1/namespaces/default/pods/{pod}/eviction"), eviction).await {
        Ok(_) => 201,
        Err(Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

#[tokio::test(start_paused = true)]
async fn budget_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::BudgetIgnored, async |client| {
        with_budget(client, json!({"maxUnavailable": 1})).await?;
        exec(client, "web-1", &["rm", "/run/gate"]).await?;
        after(10).await;
        Ok((
            evict(client, "web-0").await,
            pods(client).get_opt("web-0").await?.is_some_and(|pod| pod.metadata.deletion_timestamp.is_none()),
        ))
    })
    .await?;
    assert_eq!((truth, lie.0), ((429, true), 201));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn budget_binds_updates() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::BudgetBindsUpdates, async |client| {
        with_budget(client, json!({"maxUnavailable": 0})).await?;
        let before = uids(client).await?;
        change(client, json!({"template": {"metadata": {"annotations": {"a": "b"}}}})).await?;
        after(120).await;
        Ok((evict(client, "web-0").await, replaced(client, &before).await?.len()))
    })
    .await?;
    assert_eq!(truth, (429, 3));
    assert_eq!(lie, (429, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn evicted_pod_not_recreated() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::EvictedPodNotRecreated, async |client| {
        with_budget(client, json!({"maxUnavailable": 1})).await?;
        assert_eq!(evict(client, "web-1").await, 201);
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-0", "web-1", "web-2"]);
    assert_eq!(lie, ["web-0", "web-2"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn evicted_pod_takes_successors() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::EvictedPodTakesSuccessors, async |client| {
        with_budget(client, json!({"maxUnavailable": 1})).await?;
        let before = uids(client).await?;
        assert_eq!(evict(client, "web-1").await, 201);
        after(120).await;
        Ok((names(client).await?.len(), replaced(client, &before).await?))
    })
    .await?;
    assert_eq!(truth, (3, vec!["web-1".to_owned()]));
    assert_eq!(lie, (3, vec!["web-1".to_owned(), "web-2".to_owned()]));
    Ok(())
}
