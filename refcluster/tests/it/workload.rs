//! A StatefulSet from its creation to its end, seen through kube's client.

use crate::common::{apply_web, exec, start, watch_pods};
use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
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
