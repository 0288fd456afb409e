//! Lies are told where they should be, and seen from outside.

use crate::common::{after, apply, apply_web, exec, gated, names, start, watch_pods, web};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use refcluster::{Cluster, Fault, Options};
use serde_json::json;
use std::collections::BTreeSet;
use std::str::FromStr;

async fn lying(fault: Fault) -> Result<(Cluster, Client)> {
    start(Options { faults: vec![fault], ..Options::default() }).await
}

fn fired(cluster: &Cluster, fault: Fault) -> bool {
    cluster.firings().get(&fault).is_some_and(|count| *count > 0)
}

#[test]
fn every_fault_has_a_name_and_a_sentence_of_its_own() {
    let names: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    let sentences: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.sentence()).collect();
    assert_eq!((names.len(), sentences.len()), (Fault::ALL.len(), Fault::ALL.len()));
    assert!(Fault::ALL.iter().all(|fault| Fault::from_str(fault.name()) == Ok(*fault)));
    assert!(sentences.iter().all(|sentence| sentence.ends_with('.')));
}

#[tokio::test(start_paused = true)]
async fn a_shut_gate_holds_back_the_successor_of_an_honest_set() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    apply(&sets, gated(3, false)).await?;
    after(120).await;
    assert_eq!(names(&client).await?, ["web-0"]);
    assert!(exec(&client, "web-0", &["touch", "/run/gate"]).await?.1);
    after(10).await;
    assert_eq!(names(&client).await?, ["web-0", "web-1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_shut_gate_does_not_hold_back_a_liar() -> Result<()> {
    let liars = [
        (Fault::CreatesAllAtOnce, 3),
        (Fault::WaitsForRunningOnly, 3),
        (Fault::ImpatientAfterElevenSeconds, 3),
        (Fault::SuccessorCreatedGated, 3),
        (Fault::OneOrdinalTooMany, 1),
    ];
    for (fault, pods) in liars {
        let (cluster, client) = lying(fault).await?;
        let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
        apply(&sets, gated(3, false)).await?;
        after(120).await;
        assert_eq!(names(&client).await?.len(), pods, "{fault}");
        assert!(fired(&cluster, fault), "{fault}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn terminations_overlap_and_still_end_in_order() -> Result<()> {
    let (cluster, client) = lying(Fault::OverlappingTerminations).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    let mut set = web(3, json!({}));
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "8"]}}});
    set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
    apply(&sets, set).await?;
    watch_pods(&client, |seen| seen.contains(&"web-2 READY".to_owned())).await?;
    sets.patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 1}}))).await?;
    let seen = watch_pods(&client, |seen| seen.contains(&"web-1 DELETED".to_owned())).await?;
    let tail: Vec<_> = seen.iter().filter(|line| !line.ends_with("ADDED")).map(String::as_str).collect();
    assert_eq!(tail, ["web-2 TERMINATING", "web-1 TERMINATING", "web-2 DELETED", "web-1 DELETED"]);
    assert!(fired(&cluster, Fault::OverlappingTerminations));
    Ok(())
}

/// Writes a token to web-0's volume and deletes the pod: the claim's uid before and after, and the token after.
async fn token_after_loss(client: &Client) -> Result<(bool, String)> {
    apply_web(client, 2, json!({})).await?;
    watch_pods(client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    let before = claims.get("www-web-0").await?.metadata.uid;
    exec(client, "web-0", &["sh", "-c", "echo token > /usr/share/nginx/html/t"]).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.delete("web-0", &DeleteParams::default()).await?;
    after(90).await;
    let same = claims.get("www-web-0").await?.metadata.uid == before;
    Ok((same, exec(client, "web-0", &["cat", "/usr/share/nginx/html/t"]).await?.0))
}

#[tokio::test(start_paused = true)]
async fn claims_and_data_come_back_unless_they_are_lied_away() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    assert_eq!(token_after_loss(&client).await?, (true, "token\n".to_owned()));
    let lies = [
        (Fault::DataWipedOnReattach, true),
        (Fault::ClaimRecreatedWithPod, false),
        (Fault::VolumesSwapped, true),
    ];
    for (fault, same_claim) in lies {
        let (cluster, client) = lying(fault).await?;
        assert_eq!(token_after_loss(&client).await?, (same_claim, String::new()), "{fault}");
        assert!(fired(&cluster, fault), "{fault}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_crash_stays_in_its_pod() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    apply_web(&client, 2, json!({})).await?;
    watch_pods(&client, |seen| seen.contains(&"web-1 READY".to_owned())).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let before = pods.get("web-0").await?;
    assert!(exec(&client, "web-0", &["kill", "1"]).await?.1);
    after(10).await;
    let again = pods.get("web-0").await?;
    assert_eq!(again.metadata.uid, before.metadata.uid);
    let status = again.status.context("a status")?;
    assert_eq!(status.pod_ip, before.status.context("a status")?.pod_ip);
    assert_eq!(status.container_statuses.context("containers")?[0].restart_count, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn grace_is_given_and_a_deaf_process_is_killed_at_its_end() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    let mut set = web(1, json!({}));
    set["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["sleep", "infinity"]);
    apply(&sets, set).await?;
    watch_pods(&client, |seen| seen.contains(&"web-0 READY".to_owned())).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let uid = pods.get("web-0").await?.metadata.uid;
    pods.delete("web-0", &DeleteParams::default()).await?;
    after(29).await;
    assert_eq!(pods.get("web-0").await?.metadata.uid, uid, "process 1 does not hear SIGTERM");
    after(10).await;
    assert_ne!(pods.get("web-0").await?.metadata.uid, uid);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() -> Result<()> {
    let mut histories = Vec::new();
    for seed in [7, 7, 8] {
        let (_cluster, client) = start(Options { seed, ..Options::default() }).await?;
        apply_web(&client, 3, json!({})).await?;
        after(60).await;
        let pods: Api<Pod> = Api::default_namespaced(client.clone());
        histories.push(serde_json::to_value(pods.list(&ListParams::default()).await?)?);
    }
    assert_eq!(histories[0], histories[1]);
    assert_ne!(histories[0], histories[2]);
    Ok(())
}
