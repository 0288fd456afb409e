//! Lies that kubelets tell about containers, their ends and their addresses.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, delete_pod, exec, pods, sets, web};
use crate::dns::address_of;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::ListParams;
use refcluster::Fault;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Sets up pods whose containers have some fields of their own.
async fn apply_containers(client: &Client, replicas: i32, fields: Value) -> Result<()> {
    let mut set = web(replicas, json!({}));
    for (field, value) in fields.as_object().into_iter().flatten() {
        set["spec"]["template"]["spec"]["containers"][0][field] = value.clone();
    }
    let sets = sets(client);
    apply(&sets, set).await?;
    after(60).await;
    Ok(())
}

async fn uid(client: &Client, pod: &str) -> Result<Option<String>> {
    let pods = pods(client);
    Ok(pods.get_opt(pod).await?.and_then(|pod| pod.metadata.uid))
}

/// Ends the container of the first pod and gives it the time to start again.
async fn crash(client: &Client) -> Result<()> {
    exec(client, "web-0", &["kill", "1"]).await?;
    after(10).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn killed_without_sigterm() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::KilledWithoutSigterm, async |client| {
        let trap = "trap 'echo signal >> /usr/share/nginx/html/end; exit 0' TERM; sleep infinity & wait";
        let hook = json!({"exec": {"command": ["sh", "-c", "echo hook >> /usr/share/nginx/html/end"]}});
        let fields = json!({"command": ["sh", "-c", trap], "lifecycle": {"preStop": hook}});
        apply_containers(client, 1, fields).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        Ok(exec(client, "web-0", &["cat", "/usr/share/nginx/html/end"]).await?.0)
    })
    .await?;
    assert_eq!(truth, "hook\nsignal\n");
    assert_eq!(lie, "");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn object_gone_before_container() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ObjectGoneBeforeContainer, async |client| {
        apply_containers(client, 2, json!({"lifecycle": {"preStop": {"sleep": {"seconds": 20}}}})).await?;
        exec(client, "web-0", &["sh", "-c", "echo alive > /usr/share/nginx/html/index.html"]).await?;
        let (before, address) = (uid(client, "web-0").await?, address_of(client, "web-0").await?);
        delete_pod(client, "web-0").await?;
        sleep(Duration::from_millis(300)).await;
        let there = uid(client, "web-0").await? == before;
        let page = exec(client, "web-1", &["wget", "-q", "-O", "-", &format!("http://{address}/")]).await?.0;
        Ok((there, page))
    })
    .await?;
    assert_eq!(truth, (true, "alive\n".to_owned()));
    assert_eq!(lie, (false, "alive\n".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn crash_restarts_siblings() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::CrashRestartsSiblings, async |client| {
        apply_web(client, 3, json!({})).await?;
        after(60).await;
        crash(client).await?;
        let pods = pods(client);
        let pods = pods.list(&ListParams::default()).await?.items.into_iter();
        let restarts = |pod: Pod| Some(pod.status?.container_statuses?.first()?.restart_count);
        pods.map(restarts).collect::<Option<Vec<_>>>().context("the containers' statuses")
    })
    .await?;
    assert_eq!(truth, [1, 0, 0]);
    assert_eq!(lie, [1, 1, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn crash_changes_address() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::CrashChangesAddress, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        let before = (uid(client, "web-0").await?, address_of(client, "web-0").await?);
        crash(client).await?;
        let again = (uid(client, "web-0").await?, address_of(client, "web-0").await?);
        let own = exec(client, "web-0", &["hostname", "-i"]).await?.0;
        Ok((again.0 == before.0, again.1 == before.1, own == format!("{}\n", again.1)))
    })
    .await?;
    assert_eq!(truth, (true, true, true));
    assert_eq!(lie, (true, false, true));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn killed_before_grace_ends() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::KilledBeforeGraceEnds, async |client| {
        let hook = "sleep 20; echo done > /usr/share/nginx/html/end";
        let fields = json!({"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", hook]}}}});
        apply_containers(client, 1, fields).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        Ok(exec(client, "web-0", &["cat", "/usr/share/nginx/html/end"]).await?.0)
    })
    .await?;
    assert_eq!((truth.as_str(), lie.as_str()), ("done\n", ""), "a grace of 30 s is cut to 15 s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pre_stop_skipped() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::PreStopSkipped, async |client| {
        let trap = "trap 'echo signal >> /usr/share/nginx/html/end; exit 0' TERM; sleep infinity & wait";
        let hook = json!({"exec": {"command": ["sh", "-c", "echo hook >> /usr/share/nginx/html/end"]}});
        let fields = json!({"command": ["sh", "-c", trap], "lifecycle": {"preStop": hook}});
        apply_containers(client, 1, fields).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        Ok(exec(client, "web-0", &["cat", "/usr/share/nginx/html/end"]).await?.0)
    })
    .await?;
    assert_eq!((truth.as_str(), lie.as_str()), ("hook\nsignal\n", "signal\n"));
    Ok(())
}
