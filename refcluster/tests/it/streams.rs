//! Logs, what cannot be streamed, and bodies in protobuf: what `kubectl` meets besides objects.

use crate::common::{start, watch_pods};
use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{LogParams, PostParams};
use kube::{Api, Client, Error};
use refcluster::Options;
use serde_json::{Value, json};

async fn run(client: &Client, script: &str) -> Result<Api<Pod>> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let container = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", script]});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "t"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    Ok(pods)
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_followed_ends_with_its_container() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let pods = run(&client, "for i in 1 2 3; do echo line $i; sleep 20; done").await?;
    let started = tokio::time::Instant::now();
    watch_pods(&client, |seen| seen.contains(&"t READY".to_owned())).await?;
    let followed = pods.logs("t", &LogParams { follow: true, ..LogParams::default() }).await?;
    assert_eq!(followed, "line 1\nline 2\nline 3\n");
    assert!(started.elapsed().as_secs() >= 60, "{:?}", started.elapsed());
    for (lines, expected) in
        [(0, ""), (1, "line 3\n"), (2, "line 2\nline 3\n"), (9, "line 1\nline 2\nline 3\n")]
    {
        let tail = pods.logs("t", &LogParams { tail_lines: Some(lines), ..LogParams::default() }).await?;
        assert_eq!(tail, expected, "{lines}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_is_refused_in_words() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let pods = run(&client, "sleep 1000").await?;
    watch_pods(&client, |seen| seen.contains(&"t READY".to_owned())).await?;
    let refusal = |result: kube::Result<String>| match result {
        Err(Error::Api(status)) => (status.code, status.message),
        other => panic!("expected a refusal, got {other:?}"),
    };
    let previous = pods.logs("t", &LogParams { previous: true, ..LogParams::default() }).await;
    assert_eq!(refusal(previous), (400, "the model's logs have no previous".to_owned()));
    let path = |rest: &str| format!("/api/v1/namespaces/default/pods/t/{rest}");
    let attach = client.request_text(http::Request::get(path("attach")).body(vec![])?).await;
    assert_eq!(refusal(attach), (404, "the model does not serve pods/attach".to_owned()));
    let spdy =
        http::Request::post(path("portforward?ports=80")).header("upgrade", "SPDY/3.1").body(vec![])?;
    let (code, message) = refusal(client.request_text(spdy).await);
    assert_eq!(code, 400);
    assert!(message.contains("not over SPDY") && message.contains("SPDY/3.1"), "{message}");
    Ok(())
}

/// As kubectl 1.32 and later send it.
#[tokio::test(start_paused = true)]
async fn a_namespace_in_protobuf_is_created() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let body =
        b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x0a\x0a\x06\x0a\x04demo\x12\x00\x1a\x00\x22\x00";
    let request = http::Request::post("/api/v1/namespaces")
        .header("content-type", "application/vnd.kubernetes.protobuf")
        .body(body.to_vec())?;
    let created: Value = client.request(request).await?;
    assert_eq!(created["metadata"]["name"], "demo");
    let found = Api::<Namespace>::all(client).get("demo").await?;
    assert_eq!(found.status.and_then(|status| status.phase).as_deref(), Some("Active"));
    Ok(())
}
