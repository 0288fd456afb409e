//! Lies about pods, sets and names that are others', and about revisions.

use super::beside_the_truth;
use crate::common::{after, apply, apply_web, change, names, pods, replaced, sets, uids, web};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::{Api, Client};
use refcluster::Fault;
use serde_json::{Value, json};

fn controller(pod: &Pod) -> Option<String> {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true)).map(|owner| owner.name.clone())
}

/// Deletes the set and leaves its pods; then the same set again. Which pods are others now, and whether all are its own.
async fn readopt(client: &Client) -> Result<(Vec<String>, bool)> {
    apply_web(client, 2, json!({})).await?;
    after(60).await;
    let before = uids(client).await?;
    let orphaning =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    sets(client).delete("web", &orphaning).await?;
    after(10).await;
    ensure!(replaced(client, &before).await?.is_empty(), "the pods are orphans");
    apply_web(client, 2, json!({})).await?;
    after(120).await;
    let pods = pods(client).list(&ListParams::default()).await?.items;
    let owned = pods.len() == 2 && pods.iter().all(|pod| controller(pod).as_deref() == Some("web"));
    Ok((replaced(client, &before).await?, owned))
}

#[tokio::test(start_paused = true)]
async fn adopted_pods_restarted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::AdoptedPodsRestarted, readopt).await?;
    assert_eq!(truth, (vec![], true));
    assert_eq!(lie, (vec!["web-0".to_owned(), "web-1".to_owned()], true));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn orphans_replaced() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OrphansReplaced, readopt).await?;
    assert_eq!(truth, (vec![], true));
    assert_eq!(lie, (vec!["web-0".to_owned(), "web-1".to_owned()], true));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn adopts_by_selector_only() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::AdoptsBySelectorOnly, async |client| {
        let stray = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray", "labels": {"app": "nginx"}},
            "spec": {"containers": [{"name": "c", "image": "busybox", "command": ["sleep", "infinity"]}]},
        });
        apply(&pods(client), stray).await?;
        apply_web(client, 1, json!({})).await?;
        after(60).await;
        Ok(controller(&pods(client).get("stray").await?))
    })
    .await?;
    assert_eq!((truth, lie), (None, Some("web".to_owned())));
    Ok(())
}

/// Two sets of two pods that name the same Service.
async fn two_sets(client: &Client) -> Result<()> {
    for name in ["db", "web"] {
        let mut set = web(2, json!({}));
        set["metadata"]["name"] = name.into();
        for pointer in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
            set.pointer_mut(pointer).context("labels")?["set"] = name.into();
        }
        apply(&sets(client), set).await?;
    }
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nginx"},
        "spec": {"clusterIP": "None", "selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}]},
    });
    apply(&Api::<Service>::default_namespaced(client.clone()), service).await?;
    after(60).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn adopts_across_sets() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::AdoptsAcrossSets, async |client| {
        two_sets(client).await?;
        let pods = pods(client).list(&ListParams::default()).await?.items;
        Ok(pods.iter().map(|pod| controller(pod).unwrap_or_default()).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!(truth, ["db", "db", "web", "web"]);
    assert_ne!(lie, truth, "{lie:?}");
    assert!(lie.iter().filter(|owner| *owner == "db").count() > 2, "{lie:?}");
    Ok(())
}

async fn published(client: &Client) -> Result<Vec<Value>> {
    let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dnginx";
    let list: Value = client.request(http::Request::get(path).body(Vec::new())?).await?;
    let endpoints = list["items"][0]["endpoints"].as_array().cloned().unwrap_or_default();
    Ok(endpoints.into_iter().map(|mut endpoint| endpoint["hostname"].take()).collect())
}

#[tokio::test(start_paused = true)]
async fn one_set_unpublished() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OneSetUnpublished, async |client| {
        two_sets(client).await?;
        published(client).await
    })
    .await?;
    assert_eq!(truth, ["db-0", "db-1", "web-0", "web-1"]);
    assert_eq!(lie, ["db-0", "db-1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn other_service_names_pods() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::OtherServiceNamesPods, async |client| {
        apply_web(client, 1, json!({"serviceName": "other"})).await?;
        after(60).await;
        published(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec![Value::Null], vec![json!("web-0")]));
    Ok(())
}

async fn revisions(client: &Client) -> Result<Vec<i64>> {
    let revisions: Api<ControllerRevision> = Api::default_namespaced(client.clone());
    let found = revisions.list(&ListParams::default()).await?.items;
    let mut numbers: Vec<_> = found.iter().filter_map(|revision| revision.revision).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

async fn annotate_template(client: &Client, value: Option<&str>) -> Result<()> {
    change(client, json!({"template": {"metadata": {"annotations": {"a": value}}}})).await?;
    after(60).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn live_revision_deleted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::LiveRevisionDeleted, async |client| {
        apply_web(client, 2, json!({"revisionHistoryLimit": 0, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}})).await?;
        after(60).await;
        annotate_template(client, Some("b")).await?;
        revisions(client).await
    })
    .await?;
    assert_eq!((truth, lie), (vec![1, 2], vec![2]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rollback_keeps_number() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RollbackKeepsNumber, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        annotate_template(client, Some("b")).await?;
        annotate_template(client, None).await?;
        let status = sets(client).get("web").await?.status.context("a status")?;
        Ok((revisions(client).await?, status.updated_replicas))
    })
    .await?;
    assert_eq!((truth, lie), ((vec![2, 3], Some(1)), (vec![1, 2], Some(1))));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn stored_template_merges() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StoredTemplateMerges, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        annotate_template(client, Some("b")).await?;
        let revisions: Api<ControllerRevision> = Api::default_namespaced(client.clone());
        let found = revisions.list(&ListParams::default()).await?.items;
        let first = found.into_iter().find(|revision| revision.revision == Some(1)).context("the first")?;
        let undo = Patch::Strategic(first.data.0);
        let set = sets(client).patch("web", &PatchParams::default(), &undo).await?;
        Ok(set.spec.template.metadata.and_then(|metadata| metadata.annotations))
    })
    .await?;
    assert_eq!(truth, None, "the template as it was");
    assert_eq!(lie, Some([("a".to_owned(), "b".to_owned())].into()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn metadata_change_rolls() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::MetadataChangeRolls, async |client| {
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        let before = uids(client).await?;
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"note": "x"}}}));
        sets(client).patch("web", &PatchParams::default(), &patch).await?;
        after(60).await;
        Ok((revisions(client).await?, replaced(client, &before).await?.len()))
    })
    .await?;
    assert_eq!((truth, lie), ((vec![1], 0), (vec![1, 2], 1)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_pods_without_service() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::NoPodsWithoutService, async |client| {
        apply(&sets(client), web(1, json!({}))).await?;
        after(30).await;
        let without = names(client).await?.len();
        apply_web(client, 1, json!({})).await?;
        after(30).await;
        Ok((without, names(client).await?.len()))
    })
    .await?;
    assert_eq!((truth, lie), ((1, 1), (0, 1)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn foreign_pods_deleted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ForeignPodsDeleted, async |client| {
        apply_web(client, 2, json!({})).await?;
        let container = json!({"name": "c", "image": "busybox", "command": ["sleep", "infinity"]});
        let template = json!({"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [container]}});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "nginx"}}, "template": template},
        });
        apply(&Api::<Deployment>::default_namespaced(client.clone()), deployment).await?;
        after(60).await;
        let before = uids(client).await?;
        change(client, json!({"replicas": 1})).await?;
        after(60).await;
        let gone = replaced(client, &before).await?;
        Ok(gone.iter().map(|pod| pod.starts_with("other-")).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!((truth, lie), (vec![false], vec![true, false]));
    Ok(())
}
