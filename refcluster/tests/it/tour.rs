//! One long day in a cluster, on which every lie finds its occasion.

use crate::common::{apply, apply_web, exec, start, web};
use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Api, Client};
use refcluster::{Fault, IpFamilies, Options, Storage};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

struct Day {
    client: Client,
    sets: Api<StatefulSet>,
    pods: Api<Pod>,
}

impl Day {
    fn new(client: Client) -> Self {
        let sets = Api::default_namespaced(client.clone());
        Self { sets, pods: Api::default_namespaced(client.clone()), client }
    }

    /// Patches a set and lets things settle; a refusal is part of the day.
    async fn patch(&self, name: &str, patch: Value) {
        let _ = self.sets.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        sleep(Duration::from_secs(70)).await;
    }

    async fn lose(&self, pod: &str) {
        let _ = self.pods.delete(pod, &DeleteParams::default()).await;
        sleep(Duration::from_secs(70)).await;
    }

    async fn run(&self, pod: &str, text: &str) {
        let _ = timeout(Duration::from_secs(60), exec(&self.client, pod, &["sh", "-c", text])).await;
    }

    async fn ask_dns(&self) {
        for name in ["web-0.nginx", "web-1.nginx", "web-9.nginx", "nginx", "vip", "api.vip"] {
            self.run("asker", &format!("nslookup {name}; wget -q -T 1 -O - http://{name}")).await;
        }
        let query = "printf '\\000\\073\\000\\001\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000\\004_web\\004_tcp\\005nginx\\007default\\003svc\\007cluster\\005local\\000\\000\\041\\000\\001'";
        self.run("asker", &format!("{query} | nc -w 2 10.96.0.10 53")).await;
    }
}

/// A first set, with claims: it starts late, is lost in parts, crashes, scales, rolls.
async fn first_set(day: &Day) -> Result<()> {
    let mut set = web(3, json!({"minReadySeconds": 3, "revisionHistoryLimit": 0}));
    let container = &mut set["spec"]["template"]["spec"]["containers"][0];
    container["command"] = json!(["sh", "-c", "sleep 15; touch /run/gate; exec nginx -g 'daemon off;'"]);
    container["readinessProbe"] =
        json!({"exec": {"command": ["test", "-f", "/run/gate"]}, "periodSeconds": 1});
    container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sleep", "3"]}}});
    set["spec"]["template"]["spec"]["initContainers"] =
        json!([{"name": "first", "image": "busybox:1.36", "command": ["hostname"]}]);
    set["spec"]["template"]["spec"]["volumes"] = json!([{"name": "www", "emptyDir": {}}]);
    apply(&day.sets, set).await?;
    sleep(Duration::from_secs(160)).await;
    day.ask_dns().await;
    for pod in ["web-0", "web-2"] {
        day.lose(pod).await;
    }
    day.ask_dns().await;
    day.run("web-1", "rm /run/gate").await;
    sleep(Duration::from_secs(5)).await;
    day.patch("web", json!({"spec": {"replicas": 4}})).await;
    day.lose("web-0").await;
    day.run("web-1", "kill 1").await;
    sleep(Duration::from_secs(60)).await;
    for annotation in ["1", "2", "1"] {
        let template = json!({"metadata": {"annotations": {"a": annotation}}});
        day.patch("web", json!({"spec": {"template": template}})).await;
        sleep(Duration::from_secs(120)).await;
    }
    Ok(())
}

/// The same set, scaled down past an unready pod, then taken down with all its history.
async fn scaling(day: &Day) -> Result<()> {
    day.run("web-3", "rm /run/gate").await;
    day.run("web-0", "rm /run/gate").await;
    sleep(Duration::from_secs(5)).await;
    day.patch("web", json!({"spec": {"replicas": 2}})).await;
    day.run("web-0", "touch /run/gate").await;
    sleep(Duration::from_secs(90)).await;
    let parameters = PostParams::default();
    let mut status = day.sets.get("web").await?;
    status.metadata.managed_fields = None;
    status.status.get_or_insert_default().collision_count = Some(9);
    let _ = day.sets.replace_status("web", &parameters, &status).await;
    Ok(())
}

fn other(name: &str, extra: Value) -> Value {
    let mut set = web(3, extra);
    set["metadata"]["name"] = name.into();
    set["spec"]["selector"]["matchLabels"] = json!({"app": name});
    set["spec"]["template"]["metadata"]["labels"] = json!({"app": name, "extra": "label"});
    set
}

/// Claims that are there before, go away, are lost, and go with their pods.
async fn claims(day: &Day) -> Result<()> {
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(day.client.clone());
    let claim = json!({
        "metadata": {"name": "www-kept-0", "labels": {"mine": "yes"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    claims.create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
    let policy = json!({"whenDeleted": "Retain", "whenScaled": "Delete"});
    apply(&day.sets, other("kept", json!({"persistentVolumeClaimRetentionPolicy": policy}))).await?;
    sleep(Duration::from_secs(40)).await;
    let _ = claims.delete("www-kept-1", &DeleteParams::default()).await;
    sleep(Duration::from_secs(1)).await;
    day.run("kept-1", "trap").await;
    day.lose("kept-1").await;
    day.patch("kept", json!({"spec": {"replicas": 2}})).await;
    // A claim that something else holds on to while its pod is made again.
    let hold = json!({"metadata": {"finalizers": ["example.com/hold", "kubernetes.io/pvc-protection"]}});
    let _ = claims.patch("www-kept-0", &PatchParams::default(), &Patch::Merge(hold)).await;
    let _ = claims.delete("www-kept-0", &DeleteParams::default()).await;
    day.lose("kept-0").await;
    let release = json!({"metadata": {"finalizers": null}});
    let _ = claims.patch("www-kept-0", &PatchParams::default(), &Patch::Merge(release)).await;
    sleep(Duration::from_secs(60)).await;
    Ok(())
}

/// Sets with the other policies and strategies.
async fn strategies(day: &Day) -> Result<()> {
    apply(
        &day.sets,
        other("fast", json!({"podManagementPolicy": "Parallel", "replicas": 5, "ordinals": {"start": 2}})),
    )
    .await?;
    let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2, "maxUnavailable": 2}});
    apply(&day.sets, other("part", json!({"updateStrategy": partition, "replicas": 5}))).await?;
    apply(&day.sets, other("hand", json!({"updateStrategy": {"type": "OnDelete"}}))).await?;
    sleep(Duration::from_secs(60)).await;
    for name in ["part", "hand"] {
        day.patch(name, json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})).await;
    }
    day.lose("part-0").await;
    day.patch("fast", json!({"spec": {"replicas": 1}})).await;
    let unlabel = json!({"metadata": {"labels": {"app": "none"}}});
    let _ = day.pods.patch("hand-1", &PatchParams::default(), &Patch::Merge(unlabel)).await;
    sleep(Duration::from_secs(20)).await;
    Ok(())
}

/// Pods that fail, orphans, strangers, long names, and the end of sets.
async fn ends(day: &Day) -> Result<()> {
    let stranger = json!({
        "metadata": {"name": "stranger", "labels": {"app": "hand"}},
        "spec": {"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "1000"]}]},
    });
    day.pods.create(&PostParams::default(), &serde_json::from_value(stranger)?).await?;
    let fail = json!({"status": {"phase": "Failed"}});
    let _ = day.pods.patch_status("hand-2", &PatchParams::default(), &Patch::Merge(fail)).await;
    let _ = day.sets.get_scale("hand").await;
    sleep(Duration::from_secs(30)).await;
    let long = "a-name-that-is-longer-than-fifty-two-characters-in-all";
    apply(&day.sets, other(long, json!({"replicas": 1}))).await.ok();
    let orphan =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    let _ = day.sets.delete("hand", &orphan).await;
    sleep(Duration::from_secs(20)).await;
    apply(&day.sets, other("hand", json!({}))).await?;
    sleep(Duration::from_secs(30)).await;
    let foreground = DeleteParams::foreground();
    let _ = day.sets.delete("part", &foreground).await;
    let _ = day.sets.delete("web", &DeleteParams::default()).await;
    sleep(Duration::from_secs(60)).await;
    Ok(())
}

/// What the API server should refuse, or list.
async fn api(day: &Day) -> Result<()> {
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut never = web(1, json!({}));
    never["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
    let mistakes = [web(-1, json!({})), web(1, json!({"selector": {"matchLabels": {"x": "y"}}})), never];
    for mistake in mistakes {
        let _ = day.sets.create(&dry, &serde_json::from_value(mistake)?).await;
    }
    let mut sparse = web(1, json!({"replicas": null}));
    sparse["metadata"]["name"] = "sparse".into();
    let _ = day.sets.create(&dry, &serde_json::from_value(sparse)?).await;
    day.patch("kept", json!({"spec": {"serviceName": "changed"}})).await;
    day.client.list_api_groups().await?;
    day.client.list_api_group_resources("apps/v1").await?;
    Ok(())
}

async fn services(day: &Day) -> Result<()> {
    let asker = json!({
        "metadata": {"name": "asker"},
        "spec": {"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "100000"]}]},
    });
    day.pods.create(&PostParams::default(), &serde_json::from_value(asker)?).await?;
    let services: Api<Service> = Api::default_namespaced(day.client.clone());
    let service = |name: &str, extra: Value| {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}]},
        });
        for (field, value) in extra.as_object().into_iter().flatten() {
            service["spec"][field] = value.clone();
        }
        service
    };
    apply(&services, service("vip", json!({}))).await?;
    let published = json!({"clusterIP": "None", "publishNotReadyAddresses": true});
    apply(&services, service("early", published)).await?;
    let both = json!({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"});
    apply(&services, service("both", both)).await?;
    Ok(())
}

async fn whole_day(fault: Fault) -> Result<u64> {
    let options = Options { faults: vec![fault], ip_families: IpFamilies::Ipv4Ipv6, ..Options::default() };
    let (cluster, client) = start(Options { storage: Storage::WaitForFirstConsumer, ..options }).await?;
    let day = Day::new(client.clone());
    services(&day).await?;
    apply_web(&client, 0, json!({"minReadySeconds": 3})).await?;
    first_set(&day).await?;
    scaling(&day).await?;
    claims(&day).await?;
    strategies(&day).await?;
    ends(&day).await?;
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let late = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "late"},
        "spec": {"selector": {"app": "kept"}, "ports": [{"port": 80}]},
    });
    apply(&services, late).await?;
    api(&day).await?;
    day.pods.list(&ListParams::default()).await?;
    Ok(cluster.firings().values().sum())
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn every_lie_is_told_on_some_occasion() {
    let mut silent = Vec::new();
    for fault in Fault::ALL {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let told = runtime.expect("a runtime").block_on(whole_day(*fault));
        match told {
            Ok(count) if count > 0 => {}
            other => silent.push(format!("{fault}: {other:?}")),
        }
    }
    // Reverse queries are asked in the tests of the DNS.
    silent.retain(|line| !line.starts_with("ptr-missing"));
    assert!(silent.is_empty(), "{} lies were not told:\n{}", silent.len(), silent.join("\n"));
}
