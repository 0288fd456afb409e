//! Lies about volumes, nodes, hostnames and names in the DNS.

use super::{beside_the_truth, beside_the_truth_of};
use crate::common::{after, apply, apply_web, delete_pod, exec, pods, sets, web};
use crate::dns::address_of;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use refcluster::{Fault, Options, Storage};
use serde_json::{Value, json};

async fn node_of(client: &Client, pod: &str) -> Result<String> {
    pods(client).get(pod).await?.spec.and_then(|spec| spec.node_name).context("a node")
}

#[tokio::test(start_paused = true)]
async fn lost_node_pods_replaced() -> Result<()> {
    let (truth, lie) =
        beside_the_truth_of(Options::default(), Fault::LostNodePodsReplaced, async |cluster, client| {
            let mut set = web(1, json!({"volumeClaimTemplates": null}));
            let spec = &mut set["spec"]["template"]["spec"];
            spec["containers"][0]["volumeMounts"] = json!([]);
            let tolerates = json!({"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5});
            spec["tolerations"] = json!([tolerates]);
            apply(&sets(client), set).await?;
            after(30).await;
            let (node, before) =
                (node_of(client, "web-0").await?, pods(client).get("web-0").await?.metadata.uid);
            cluster.stop_node(&node);
            after(120).await;
            let now = pods(client).get("web-0").await?;
            Ok((now.metadata.uid == before, node_of(client, "web-0").await? == node))
        })
        .await?;
    assert_eq!((truth, lie), ((true, true), (false, false)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn volume_does_not_follow() -> Result<()> {
    let options = Options { storage: Storage::Immediate, ..Options::default() };
    let (truth, lie) = beside_the_truth_of(options, Fault::VolumeDoesNotFollow, async |_, client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        let node = node_of(client, "web-0").await?;
        let nodes: Api<Node> = Api::all(client.clone());
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        nodes.patch(&node, &PatchParams::default(), &cordon).await?;
        delete_pod(client, "web-0").await?;
        after(60).await;
        let pod = pods(client).get("web-0").await?;
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        Ok((node_of(client, "web-0").await? == node, phase))
    })
    .await?;
    assert_eq!(truth, (false, "Running".to_owned()));
    assert_eq!(lie, (false, "Pending".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn class_ignored_in_binding() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ClassIgnoredInBinding, async |client| {
        let volumes: Api<PersistentVolume> = Api::all(client.clone());
        let volume = json!({
            "metadata": {"name": "plain"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}, "hostPath": {"path": "/data"},
            },
        });
        volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
        let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
        let claim = json!({
            "metadata": {"name": "c"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        claims.create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
        after(10).await;
        Ok(claims.get("c").await?.spec.and_then(|spec| spec.volume_name))
    })
    .await?;
    assert_eq!((truth, lie), (None, Some("plain".to_owned())), "the claim has the default class");
    Ok(())
}

/// The hostname of a pod that wants its full name, and its phase.
async fn full_hostname(client: &Client, set_name: &str) -> Result<(String, Option<String>)> {
    let mut set = web(1, json!({"volumeClaimTemplates": null}));
    set["metadata"]["name"] = set_name.into();
    let spec = &mut set["spec"]["template"]["spec"];
    spec["containers"][0]["volumeMounts"] = json!([]);
    spec["setHostnameAsFQDN"] = true.into();
    apply(&sets(client), set).await?;
    after(30).await;
    let pod = format!("{set_name}-0");
    let phase = pods(client).get(&pod).await?.status.and_then(|status| status.phase);
    let hostname = exec(client, &pod, &["hostname"]).await.map(|(name, _)| name).unwrap_or_default();
    Ok((hostname, phase))
}

#[tokio::test(start_paused = true)]
async fn fqdn_hostname_ignored() -> Result<()> {
    let (truth, lie) =
        beside_the_truth(Fault::FqdnHostnameIgnored, async |client| full_hostname(client, "web").await)
            .await?;
    let running = || Some("Running".to_owned());
    assert_eq!(truth, ("web-0.nginx.default.svc.cluster.local\n".to_owned(), running()));
    assert_eq!(lie, ("web-0\n".to_owned(), running()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn fqdn_hostname_cut_short() -> Result<()> {
    let long = "w".repeat(40);
    let (truth, lie) =
        beside_the_truth(Fault::FqdnHostnameCutShort, async |client| full_hostname(client, &long).await)
            .await?;
    assert_eq!(truth, (String::new(), Some("Pending".to_owned())));
    assert_eq!((lie.0.trim().len(), lie.1), (64, Some("Running".to_owned())));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resize_restarts_container() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ResizeRestartsContainer, async |client| {
        let mut set = web(1, json!({}));
        set["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "10m"}});
        apply(&sets(client), set).await?;
        after(30).await;
        let patch =
            json!({"spec": {"containers": [{"name": "nginx", "resources": {"requests": {"cpu": "20m"}}}]}});
        let request = http::Request::patch("/api/v1/namespaces/default/pods/web-0/resize")
            .header("content-type", "application/strategic-merge-patch+json");
        let _: Value = client.request(request.body(serde_json::to_vec(&patch)?)?).await?;
        after(10).await;
        let statuses = pods(client).get("web-0").await?.status.and_then(|status| status.container_statuses);
        Ok(statuses.context("containers")?[0].restart_count)
    })
    .await?;
    assert_eq!((truth, lie), (0, 1));
    Ok(())
}

async fn resolves(client: &Client, name: &str) -> Result<String> {
    let (answer, _) = exec(client, "probe", &["nslookup", name]).await?;
    let address = answer.lines().filter_map(|line| line.strip_prefix("Address: ")).next_back();
    Ok(address.unwrap_or_default().to_owned())
}

async fn with_probe(client: &Client) -> Result<()> {
    let probe = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {
        "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "infinity"]}],
    }});
    apply(&pods(client), probe).await?;
    after(10).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn deleted_service_answers() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DeletedServiceAnswers, async |client| {
        apply_web(client, 1, json!({})).await?;
        with_probe(client).await?;
        after(30).await;
        let services: Api<Service> = Api::default_namespaced(client.clone());
        services.delete("nginx", &DeleteParams::default()).await?;
        after(90).await;
        let own = address_of(client, "web-0").await?;
        Ok(resolves(client, "web-0.nginx.default.svc.cluster.local").await? == own)
    })
    .await?;
    assert_eq!((truth, lie), (false, true));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dns_ignores_namespace() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DnsIgnoresNamespace, async |client| {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        apply(&namespaces, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})).await?;
        after(2).await;
        let elsewhere: Api<Pod> = Api::namespaced(client.clone(), "other");
        let services: Api<Service> = Api::namespaced(client.clone(), "other");
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nginx"},
            "spec": {"clusterIP": "None", "selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}]},
        });
        apply(&services, service).await?;
        apply(&Api::<k8s_openapi::api::apps::v1::StatefulSet>::namespaced(client.clone(), "other"), web(1, json!({}))).await?;
        apply_web(client, 1, json!({})).await?;
        with_probe(client).await?;
        after(40).await;
        let there = elsewhere.list(&ListParams::default()).await?.items.remove(0);
        let there = there.status.and_then(|status| status.pod_ip).context("an address")?;
        let (here, told) = (address_of(client, "web-0").await?, resolves(client, "web-0.nginx").await?);
        Ok((told == here, told == there))
    })
    .await?;
    assert_eq!((truth, lie), ((true, false), (false, true)));
    Ok(())
}
