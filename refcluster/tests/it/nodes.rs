//! Nodes that are cordoned, lost, cut off, shut down and declared out of service.

use crate::common::{after, apply, exec, names, pods, sets, start, web};
use crate::dns::address_of;
use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{AttachParams, DeleteParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use refcluster::{Cluster, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A set of which every pod is on `node-1`, and whose pods tolerate its loss for five seconds.
async fn set_on_one_node(client: &Client, replicas: i32, extra: Value) -> Result<()> {
    let mut set = web(replicas, json!({"podManagementPolicy": "Parallel", "volumeClaimTemplates": null}));
    let spec = &mut set["spec"]["template"]["spec"];
    spec["containers"][0]["volumeMounts"] = json!([]);
    spec["nodeSelector"] = json!({"kubernetes.io/hostname": "node-1"});
    spec["tolerations"] = ["not-ready", "unreachable"]
        .map(|taint| json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}))
        .into_iter().collect();
    for (field, value) in extra.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    apply(&sets(client), set).await?;
    after(30).await;
    Ok(())
}

async fn ready_of(client: &Client, node: &str) -> Result<(String, Vec<String>)> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = nodes.get(node).await?;
    let conditions = node.status.and_then(|status| status.conditions).context("conditions")?;
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready").context("Ready")?;
    let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
    let mut taints: Vec<_> =
        taints.into_iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect();
    taints.sort();
    Ok((ready.status, taints))
}

fn is_ready(pod: &Pod) -> bool {
    crate::common::is_ready(pod)
}

async fn three(version: &str) -> Result<(Cluster, Client)> {
    start(Options { version: version.to_owned(), ..Options::default() }).await
}

const UNREACHABLE: [&str; 2] =
    ["node.kubernetes.io/unreachable:NoExecute", "node.kubernetes.io/unreachable:NoSchedule"];

#[tokio::test(start_paused = true)]
async fn pods_of_a_lost_node_stay_until_it_is_back() -> Result<()> {
    for (version, grace) in [("v1.37.1", 50), ("v1.20.2", 40)] {
        let (cluster, client) = three(version).await?;
        set_on_one_node(&client, 2, json!({})).await?;
        let before = pods(&client).get("web-0").await?.metadata.uid;
        assert!(cluster.stop_node("node-1") && !cluster.stop_node("node-9"));
        after(grace - 12).await;
        assert_eq!(ready_of(&client, "node-1").await?.0, "True", "its lease still runs");
        assert!(exec(&client, "web-0", &["hostname"]).await.is_err(), "nobody runs commands there");
        after(40).await;
        assert_eq!(
            ready_of(&client, "node-1").await?,
            ("Unknown".to_owned(), UNREACHABLE.map(str::to_owned).to_vec())
        );
        let pod = pods(&client).get("web-0").await?;
        assert!(pod.metadata.deletion_timestamp.is_some() && pod.metadata.uid == before, "{version}");
        assert!(!is_ready(&pod));
        after(300).await;
        assert_eq!(pods(&client).get("web-0").await?.metadata.uid, before, "terminating, and not replaced");
        cluster.start_node("node-1");
        after(60).await;
        assert_eq!(ready_of(&client, "node-1").await?, ("True".to_owned(), vec![]));
        let pod = pods(&client).get("web-0").await?;
        assert!(pod.metadata.uid != before && is_ready(&pod));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_out_of_service_frees_the_names_of_its_pods() -> Result<()> {
    for (version, frees) in [("v1.37.1", true), ("v1.20.2", false)] {
        let (cluster, client) = three(version).await?;
        set_on_one_node(&client, 1, json!({})).await?;
        let before = pods(&client).get("web-0").await?.metadata.uid;
        cluster.stop_node("node-1");
        after(90).await;
        let nodes: Api<Node> = Api::all(client.clone());
        let mut taints = json!(nodes.get("node-1").await?.spec.context("a spec")?.taints);
        let taint = json!({"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"});
        taints.as_array_mut().context("taints")?.push(taint);
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        nodes.patch("node-1", &PatchParams::default(), &patch).await?;
        after(30).await;
        let now = pods(&client).get("web-0").await?.metadata.uid;
        assert_eq!(now != before, frees, "{version}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pod_deleted_by_force_runs_on_until_its_node_is_back() -> Result<()> {
    let (cluster, client) = three("v1.37.1").await?;
    set_on_one_node(&client, 1, json!({})).await?;
    let mut probe = json!({"metadata": {"name": "probe"}, "spec": {"nodeName": "node-0", "containers": [
        {"name": "c", "image": "busybox", "command": ["sleep", "infinity"]},
    ]}});
    probe["apiVersion"] = "v1".into();
    probe["kind"] = "Pod".into();
    apply(&pods(&client), probe).await?;
    after(5).await;
    let address = address_of(&client, "web-0").await?;
    let asks = ["wget", "-q", "-T", "2", "-O", "-", &format!("http://{address}/")];
    assert!(exec(&client, "probe", &asks).await?.1);
    cluster.stop_node("node-1");
    pods(&client).delete("web-0", &DeleteParams::default().grace_period(0)).await?;
    after(10).await;
    assert!(exec(&client, "probe", &asks).await?.1, "the container runs on");
    cluster.start_node("node-1");
    after(30).await;
    assert_ne!(address_of(&client, "web-0").await?, address);
    assert!(!exec(&client, "probe", &asks).await?.1, "it has ended");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_reaches_nobody() -> Result<()> {
    let (cluster, client) = three("v1.37.1").await?;
    set_on_one_node(&client, 1, json!({})).await?;
    let probe = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {
        "nodeName": "node-0", "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "infinity"]}],
    }});
    apply(&pods(&client), probe).await?;
    after(5).await;
    let address = address_of(&client, "web-0").await?;
    let asks = ["wget", "-q", "-T", "2", "-O", "-", &format!("http://{address}/")];
    assert!(exec(&client, "probe", &asks).await?.1);
    cluster.cut_node("node-1");
    assert!(!exec(&client, "probe", &asks).await?.1);
    after(80).await;
    assert_eq!(ready_of(&client, "node-1").await?.0, "Unknown");
    cluster.mend_node("node-1");
    after(40).await;
    assert_eq!(ready_of(&client, "node-1").await?.0, "True");
    let address = address_of(&client, "web-0").await?;
    let asks = ["wget", "-q", "-T", "2", "-O", "-", &format!("http://{address}/")];
    assert!(exec(&client, "probe", &asks).await?.1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn commands_end_with_the_kubelet_and_fall_silent_with_the_network() -> Result<()> {
    for stops in [true, false] {
        let (cluster, client) = three("v1.37.1").await?;
        set_on_one_node(&client, 1, json!({})).await?;
        let attach = AttachParams::default().stdin(false);
        let mut command = pods(&client).exec("web-0", ["sleep", "30"], &attach).await?;
        let status = command.take_status().context("a status")?;
        let began = Instant::now();
        let ended = async {
            // An error is a way to end too.
            let _ = command.join().await;
            began.elapsed().as_secs()
        };
        let trouble = async {
            after(5).await;
            let _ = if stops { cluster.stop_node("node-1") } else { cluster.cut_node("node-1") };
            after(60).await;
            cluster.mend_node("node-1")
        };
        let (ended, _) = tokio::join!(ended, trouble);
        assert!(if stops { ended < 10 } else { (65..75).contains(&ended) }, "{ended}");
        assert!(status.await.is_none(), "nobody says how it ended");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_takes_no_new_pods() -> Result<()> {
    let (_cluster, client) = three("v1.37.1").await?;
    let nodes: Api<Node> = Api::all(client.clone());
    let cordon = |on: bool| Patch::Merge(json!({"spec": {"unschedulable": on}}));
    nodes.patch("node-1", &PatchParams::default(), &cordon(true)).await?;
    set_on_one_node(&client, 1, json!({})).await?;
    assert_eq!(ready_of(&client, "node-1").await?.1, ["node.kubernetes.io/unschedulable:NoSchedule"]);
    let status = pods(&client).get("web-0").await?.status.context("a status")?;
    let message = status.conditions.context("conditions")?.remove(0).message.unwrap_or_default();
    let expected = "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
    assert_eq!(message, expected);
    nodes.patch("node-1", &PatchParams::default(), &cordon(false)).await?;
    after(10).await;
    assert!(is_ready(&pods(&client).get("web-0").await?));
    assert!(ready_of(&client, "node-1").await?.1.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_node_that_shuts_down_end_and_are_replaced() -> Result<()> {
    let (cluster, client) = three("v1.37.1").await?;
    apply(
        &sets(&client),
        web(
            1,
            json!({"volumeClaimTemplates": null, "template": {
                "metadata": {"labels": {"app": "nginx"}},
                "spec": {"containers": [{"name": "nginx", "image": "registry.k8s.io/nginx-slim:0.24"}]},
            }}),
        ),
    )
    .await?;
    after(20).await;
    let pod = pods(&client).get("web-0").await?;
    let (before, node) = (pod.metadata.uid, pod.spec.and_then(|spec| spec.node_name).context("a node")?);
    let api = pods(&client);
    let events = api.watch(&WatchParams::default().timeout(20), "0").await?;
    cluster.shut_down_node(&node);
    let events: Vec<_> = events.try_collect().await?;
    let mut ends = events.into_iter().filter_map(|event| match event {
        WatchEvent::Modified(pod) if pod.metadata.uid == before => pod.status,
        _ => None,
    });
    let last = ends.next_back().map(|status| (status.phase, status.reason));
    assert_eq!(last, Some((Some("Succeeded".to_owned()), Some("Terminated".to_owned()))));
    assert_eq!(ready_of(&client, &node).await?.0, "False");
    after(60).await;
    let pod = pods(&client).get("web-0").await?;
    assert!(pod.metadata.uid != before && is_ready(&pod));
    assert_ne!(pod.spec.and_then(|spec| spec.node_name), Some(node));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_deleted_node_are_deleted() -> Result<()> {
    let (cluster, client) = three("v1.37.1").await?;
    set_on_one_node(&client, 1, json!({})).await?;
    let before = pods(&client).get("web-0").await?.metadata.uid;
    cluster.stop_node("node-1");
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.delete("node-1", &DeleteParams::default()).await?;
    after(120).await;
    assert_ne!(pods(&client).get_opt("web-0").await?.and_then(|pod| pod.metadata.uid), before);
    assert_eq!(names(&client).await?.len(), 1, "pending: it may run there only");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_taken_host_port_is_no_place_to_run() -> Result<()> {
    let (_cluster, client) = three("v1.37.1").await?;
    let ports = json!({"containers": [{
        "name": "nginx", "image": "registry.k8s.io/nginx-slim:0.24", "ports": [{"containerPort": 80, "hostPort": 8080}],
    }]});
    set_on_one_node(&client, 2, ports).await?;
    let phases = [pods(&client).get("web-0").await?, pods(&client).get("web-1").await?];
    let mut phases = phases.map(|pod| pod.status.and_then(|status| status.phase).unwrap_or_default());
    phases.sort();
    assert_eq!(phases, ["Pending", "Running"]);
    Ok(())
}
