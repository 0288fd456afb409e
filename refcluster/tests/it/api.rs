//! The API server by itself: patches, ownership of fields, validation, watches, deletion.

use crate::common::{apply, start, web};
use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolume, Pod, ServiceAccount};
use kube::api::{
    DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::core::Status;
use kube::discovery::ApiResource;
use kube::{Api, Client, Error};
use refcluster::Options;
use serde_json::{Value, json};

fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn create(client: &Client, set: Value) -> kube::Result<StatefulSet> {
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    sets.create(&parameters, &serde_json::from_value(set).expect("a set")).await
}

#[tokio::test(start_paused = true)]
async fn invalid_sets_are_refused_and_valid_ones_get_defaults() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let defaulted = create(&client, web(1, json!({"replicas": null}))).await?;
    let spec = defaulted.spec;
    assert_eq!((spec.replicas, spec.revision_history_limit), (Some(1), Some(10)));
    assert_eq!(spec.pod_management_policy.as_deref(), Some("OrderedReady"));
    let rolling = spec.update_strategy.context("a strategy")?.rolling_update.context("rolling")?;
    assert_eq!(rolling.partition, Some(0));
    let mistakes = [
        (json!({"replicas": -1}), "spec.replicas"),
        (json!({"selector": {"matchLabels": {"app": "other"}}}), "spec.template.metadata.labels"),
        (json!({"selector": {}}), "spec.selector"),
        (json!({"podManagementPolicy": "Sometimes"}), "spec.podManagementPolicy"),
        (
            json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}),
            "spec.updateStrategy.rollingUpdate",
        ),
        (json!({"minReadySeconds": -1}), "spec.minReadySeconds"),
        (json!({"serviceName": "Not_a_name"}), "spec.serviceName"),
    ];
    for (change, field) in mistakes {
        let status = refusal(create(&client, web(1, change)).await);
        assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{field}");
        let causes = status.details.context("details")?.causes;
        assert!(causes.iter().any(|cause| cause.field == field), "{field}: {causes:?}");
    }
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    assert!(sets.list(&ListParams::default()).await?.items.is_empty(), "dry runs leave nothing");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn fields_that_must_not_change_do_not() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    let set = apply(&sets, web(0, json!({}))).await?;
    for change in [
        json!({"serviceName": "x"}),
        json!({"podManagementPolicy": "Parallel"}),
        json!({"volumeClaimTemplates": []}),
    ] {
        let status =
            refusal(sets.patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": change}))).await);
        assert_eq!(status.code, 422);
        assert!(status.message.contains("field is immutable"), "{}", status.message);
    }
    let mut stale = set.clone();
    sets.patch("web", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}})))
        .await?;
    stale.metadata.managed_fields = None;
    assert_eq!(refusal(sets.replace("web", &PostParams::default(), &stale).await).reason, "Conflict");
    let scale = sets
        .patch_scale("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 2}})))
        .await?;
    assert_eq!(scale.spec.context("a spec")?.replicas, Some(2));
    assert_eq!(
        sets.get_scale("web").await?.status.context("a status")?.selector.as_deref(),
        Some("app=nginx")
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn appliers_own_the_fields_that_they_name() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data});
    let by = PatchParams::apply;
    maps.patch("m", &by("one"), &Patch::Apply(map(json!({"a": "1", "b": "1"})))).await?;
    maps.patch("m", &by("two"), &Patch::Apply(map(json!({"c": "2"})))).await?;
    let status = refusal(maps.patch("m", &by("two"), &Patch::Apply(map(json!({"a": "2"})))).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert!(status.message.contains("conflict with \"one\": .data.a"), "{}", status.message);
    let forced = maps.patch("m", &by("two").force(), &Patch::Apply(map(json!({"a": "2"})))).await?;
    assert_eq!(json!(forced.data), json!({"a": "2", "b": "1"}), "c was given up, a was taken");
    let again = maps.patch("m", &by("two").force(), &Patch::Apply(map(json!({"a": "2"})))).await?;
    assert_eq!(
        again.metadata.resource_version, forced.metadata.resource_version,
        "the same again changes nothing"
    );
    let merged = maps.patch("m", &by("one"), &Patch::Apply(map(json!({})))).await?;
    assert_eq!(json!(merged.data), json!({"a": "2"}));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn strategic_and_json_patches_find_their_places() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    apply(&sets, web(0, json!({}))).await?;
    let container = json!({"name": "nginx", "env": [{"name": "A", "value": "1"}]});
    let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    let set = sets.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await?;
    let spec = set.spec.template.spec.context("a pod")?;
    assert_eq!(spec.containers.len(), 1);
    assert_eq!(spec.containers[0].image.as_deref(), Some("registry.k8s.io/nginx-slim:0.24"));
    let patch = json!([
        {"op": "test", "path": "/spec/replicas", "value": 0}, {"op": "replace", "path": "/spec/replicas", "value": 1},
    ]);
    let request = http::Request::patch("/apis/apps/v1/namespaces/default/statefulsets/web")
        .header("content-type", "application/json-patch+json")
        .body(serde_json::to_vec(&patch)?)?;
    let set: StatefulSet = client.request(request).await?;
    assert_eq!(set.spec.replicas, Some(1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unknown_versions_are_not_served_and_volumes_need_access_modes() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    assert_eq!(client.apiserver_version().await?.minor, "37");
    let groups = client.list_api_groups().await?.groups;
    let apps = groups.iter().find(|group| group.name == "apps").context("apps")?;
    assert_eq!(apps.versions.len(), 1);
    let resources = client.list_api_group_resources("apps/v1").await?.resources;
    assert!(resources.iter().any(|resource| resource.name == "statefulsets/scale"));
    let old = ApiResource {
        group: "apps".into(),
        version: "v1beta1".into(),
        api_version: "apps/v1beta1".into(),
        kind: "StatefulSet".into(),
        plural: "statefulsets".into(),
    };
    let api: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &old);
    assert_eq!(refusal(api.list(&ListParams::default()).await).code, 404);
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let volume = json!({
        "metadata": {"name": "v"},
        "spec": {"capacity": {"storage": "1Gi"}, "rbd": {"monitors": ["m:6789"], "image": "i"}},
    });
    let status = refusal(volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await);
    assert_eq!(status.code, 422);
    assert!(status.message.contains("accessModes"), "{}", status.message);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_takes_its_content_along() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = json!({"metadata": {"name": "n"}});
    namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "n");
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), "n");
    apply(&sets, web(2, json!({}))).await?;
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert!(accounts.get_opt("default").await?.is_some());
    let pods: Api<Pod> = Api::namespaced(client.clone(), "n");
    assert_eq!(pods.list(&ListParams::default()).await?.items.len(), 2);
    namespaces.delete("n", &DeleteParams::default()).await?;
    let refused = refusal(
        accounts
            .create(&PostParams::default(), &serde_json::from_value(json!({"metadata": {"name": "x"}}))?)
            .await,
    );
    assert_eq!(refused.code, 403);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(namespaces.get_opt("n").await?.is_none());
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    assert!(volumes.list(&ListParams::default()).await?.items.is_empty(), "reclaimed");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn watches_resume_select_and_end() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let from = maps.list(&ListParams::default()).await?.metadata.resource_version.context("a revision")?;
    let map = |name: &str, label: &str| json!({"metadata": {"name": name, "labels": {"l": label}}});
    for (name, label) in [("a", "yes"), ("b", "no")] {
        maps.create(&PostParams::default(), &serde_json::from_value(map(name, label))?).await?;
    }
    let unlabel = Patch::Merge(json!({"metadata": {"labels": {"l": "no"}}}));
    maps.patch("a", &PatchParams::default(), &unlabel).await?;
    let parameters = WatchParams::default().labels("l=yes").timeout(10);
    let events: Vec<_> = maps.watch(&parameters, &from).await?.try_collect().await?;
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            WatchEvent::Added(_) => "added",
            WatchEvent::Deleted(_) => "deleted",
            WatchEvent::Bookmark(_) => "bookmark before the end",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["added", "deleted", "bookmark before the end"]);
    Ok(())
}
