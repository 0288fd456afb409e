//! A StatefulSet from its creation to its end, seen through kube's client.

use crate::common::{after, apply_web, change, exec, sets, start, watch_pods};
use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service};
use kube::Api;
use kube::api::{Patch, PatchParams};
use refcluster::Options;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn pods_come_in_order_and_go_in_reverse() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 3, json!({})).await?;
    let seen =
        watch_pods(&client, |seen| seen.iter().filter(|line| line.ends_with("READY")).count() == 3).await?;
    let wanted = ["web-0 ADDED", "web-0 READY", "web-1 ADDED", "web-1 READY", "web-2 ADDED", "web-2 READY"];
    assert_eq!(seen, wanted);
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    sets.patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 1}}))).await?;
    let seen = watch_pods(&client, |seen| seen.contains(&"web-1 DELETED".to_owned())).await?;
    let tail: Vec<_> = seen.iter().filter(|line| !line.ends_with("ADDED")).map(String::as_str).collect();
    assert_eq!(tail, ["web-2 TERMINATING", "web-2 DELETED", "web-1 TERMINATING", "web-1 DELETED"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn containers_know_who_they_are_and_keep_their_data() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 2, json!({})).await?;
    watch_pods(&client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
    assert_eq!(exec(&client, "web-1", &["hostname"]).await?, ("web-1\n".to_owned(), true));
    let (fqdn, _) = exec(&client, "web-1", &["hostname", "-f"]).await?;
    assert_eq!(fqdn, "web-1.nginx.default.svc.cluster.local\n");
    let write = "echo token > /usr/share/nginx/html/index.html && echo gone > /tmp/x && sync";
    assert!(exec(&client, "web-1", &["sh", "-c", write]).await?.1);
    let fetch = "until wget -q -O - http://web-1.nginx/; do sleep 1; done";
    let (page, _) = exec(&client, "web-0", &["sh", "-c", fetch]).await?;
    assert_eq!(page, "token\n");
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::default_namespaced(client.clone());
    pods.delete("web-1", &Default::default()).await?;
    let again = |seen: &[String]| {
        let deleted = seen.iter().position(|line| line == "web-1 DELETED");
        deleted.is_some_and(|at| seen[at..].contains(&"web-1 READY".to_owned()))
    };
    watch_pods(&client, again).await?;
    let (data, _) = exec(&client, "web-1", &["cat", "/usr/share/nginx/html/index.html"]).await?;
    assert_eq!(data, "token\n");
    assert_eq!(exec(&client, "web-1", &["test", "-f", "/tmp/x"]).await?, (String::new(), false));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_claim_along_controls_it() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let policy = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
    apply_web(&client, 2, json!({"persistentVolumeClaimRetentionPolicy": policy})).await?;
    after(60).await;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    claims.patch("www-web-1", &PatchParams::default(), &hold).await?;
    change(&client, json!({"replicas": 1})).await?;
    after(60).await;
    for (claim, kind, name) in [("www-web-0", "StatefulSet", "web"), ("www-web-1", "Pod", "web-1")] {
        let owners = claims.get(claim).await?.metadata.owner_references.unwrap_or_default();
        let [owner] = owners.as_slice() else { anyhow::bail!("the owners of {claim}: {owners:?}") };
        assert_eq!((&*owner.kind, &*owner.name), (kind, name), "{claim}");
        assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)), "{claim}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_something_else_controls_is_not_taken() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let policy = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
    apply_web(&client, 1, json!({"persistentVolumeClaimRetentionPolicy": policy})).await?;
    after(60).await;
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service = services.get("nginx").await?.metadata.uid;
    let set = sets(&client).get("web").await?.metadata.uid;
    let owners = json!([
        {"apiVersion": "v1", "kind": "Service", "name": "nginx", "uid": service, "controller": true},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": set},
    ]);
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": owners}}));
    claims.patch("www-web-0", &PatchParams::default(), &patch).await?;
    change(&client, json!({"minReadySeconds": 1})).await?;
    after(60).await;
    let owners = claims.get("www-web-0").await?.metadata.owner_references.unwrap_or_default();
    let kinds: Vec<_> = owners.iter().map(|owner| &*owner.kind).collect();
    assert_eq!(kinds, ["Service"]);
    Ok(())
}
