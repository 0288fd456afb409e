//! Evictions and the budgets that refuse them.

use crate::common::{after, apply, exec, gated, pods, sets, start};
use anyhow::{Context, Result};
use kube::{Client, Error};
use refcluster::Options;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Three pods of a Parallel set that are all ready, and a budget that allows one to be away.
async fn with_budget(client: &Client, version: &str) -> Result<()> {
    let mut set = gated(3, true);
    set["spec"]["podManagementPolicy"] = "Parallel".into();
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "8"]}}});
    set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
    apply(&sets(client), set).await?;
    after(30).await;
    let budget = json!({
        "apiVersion": format!("policy/{version}"), "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "nginx"}}},
    });
    post(client, &format!("/apis/policy/{version}/namespaces/default/poddisruptionbudgets"), budget).await?;
    after(1).await;
    Ok(())
}

async fn post(client: &Client, path: &str, body: Value) -> kube::Result<Value> {
    let request = http::Request::post(path).header("content-type", "application/json");
    client.request(request.body(serde_json::to_vec(&body).expect("JSON")).expect("a request")).await
}

async fn status(client: &Client, version: &str) -> Result<Value> {
    let path = format!("/apis/policy/{version}/namespaces/default/poddisruptionbudgets/b");
    let mut budget: Value = client.request(http::Request::get(path).body(Vec::new())?).await?;
    assert_eq!(budget["apiVersion"], format!("policy/{version}"));
    Ok(budget["status"].take())
}

/// Evicts a pod: the code of the answer and the message of its cause, or of itself.
async fn evict(client: &Client, version: &str, pod: &str) -> (u16, String) {
    let eviction =
        json!({"apiVersion": format!("policy/{version}"), "kind": "Eviction", "metadata": {"name": pod}});
    match post(client, &format!("/api/v1/namespaces/default/pods/{pod}/eviction"), eviction).await {
        Ok(status) => (status["code"].as_u64().unwrap_or(0) as u16, String::new()),
        Err(Error::Api(status)) => {
            let cause = status.details.as_ref().and_then(|details| details.causes.first());
            (status.code, cause.map_or(status.message.clone(), |cause| cause.message.clone()))
        }
        Err(other) => (0, other.to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_refuses_evictions_until_it_has_room() -> Result<()> {
    for (release, version) in [("v1.37.1", "v1"), ("v1.20.2", "v1beta1")] {
        let (_cluster, client) = start(Options { version: release.to_owned(), ..Options::default() }).await?;
        with_budget(&client, version).await?;
        let numbers = |status: &Value| {
            ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"]
                .map(|field| status[field].as_i64())
        };
        let healthy = status(&client, version).await?;
        assert_eq!(numbers(&healthy), [3, 2, 3, 1].map(Some), "{release}");
        assert_eq!(healthy["conditions"].is_array(), release == "v1.37.1");
        assert!(exec(&client, "web-1", &["rm", "/run/gate"]).await?.1);
        after(5).await;
        assert_eq!(numbers(&status(&client, version).await?), [3, 2, 2, 0].map(Some));
        let why = "The disruption budget b needs 2 healthy pods and has 2 currently".to_owned();
        assert_eq!(evict(&client, version, "web-0").await, (429, why.clone()));
        assert!(pods(&client).get("web-0").await?.metadata.deletion_timestamp.is_none());
        assert!(exec(&client, "web-1", &["touch", "/run/gate"]).await?.1);
        after(5).await;
        let before = pods(&client).get("web-0").await?.metadata.uid;
        assert_eq!(evict(&client, version, "web-0").await, (201, String::new()));
        sleep(Duration::from_millis(60)).await;
        assert_eq!(evict(&client, version, "web-2").await, (429, why), "one at a time");
        assert_eq!(evict(&client, version, "web-0").await, (201, String::new()), "it goes already");
        after(40).await;
        assert_ne!(pods(&client).get("web-0").await?.metadata.uid, before);
        assert_eq!(numbers(&status(&client, version).await?), [3, 2, 3, 1].map(Some), "{release}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn evictions_that_make_no_sense_are_refused() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    with_budget(&client, "v1").await?;
    assert_eq!(evict(&client, "v1", "web-9").await.0, 404);
    assert_eq!(evict(&client, "v1beta1", "web-2").await.0, 201, "still understood");
    let another = json!({
        "metadata": {"name": "c"}, "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "nginx"}}},
    });
    post(&client, "/apis/policy/v1/namespaces/default/poddisruptionbudgets", another).await?;
    let two =
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    assert_eq!(evict(&client, "v1", "web-0").await, (500, two.to_owned()));
    let other = json!({"kind": "Eviction", "metadata": {"name": "web-1"}});
    let refused = post(&client, "/api/v1/namespaces/default/pods/web-0/eviction", other).await;
    let Err(Error::Api(status)) = refused else { panic!("{refused:?}") };
    assert_eq!(
        (status.code, status.message.as_str()),
        (400, "name in URL does not match name in Eviction object")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_release_serves_its_versions() -> Result<()> {
    for (release, policy, slices) in [
        ("v1.37.1", vec!["v1"], vec!["v1"]),
        ("v1.23.17", vec!["v1", "v1beta1"], vec!["v1", "v1beta1"]),
        ("v1.20.2", vec!["v1beta1"], vec!["v1beta1"]),
    ] {
        let (_cluster, client) = start(Options { version: release.to_owned(), ..Options::default() }).await?;
        let groups = client.list_api_groups().await?.groups;
        for (name, expected) in [("policy", policy), ("discovery.k8s.io", slices)] {
            let group = groups.iter().find(|group| group.name == name).context("a group")?;
            let versions: Vec<_> = group.versions.iter().map(|version| version.version.as_str()).collect();
            assert_eq!(versions, expected, "{name} of {release}");
            for version in ["v1", "v1beta1"] {
                let served = client.list_api_group_resources(&format!("{name}/{version}")).await.is_ok();
                assert_eq!(served, expected.contains(&version), "{name}/{version} of {release}");
            }
        }
    }
    Ok(())
}
