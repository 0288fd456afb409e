//! Lies about what the API server takes, fills in and stores.

use super::beside_the_truth;
use crate::common::{after, apply, names, pods, sets, web};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Event;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error};
use refcluster::Fault;
use serde_json::{Value, json};

/// What is stored, or the code of the refusal and the fields that are wrong.
type Answer = std::result::Result<Value, (u16, Vec<String>)>;

fn answer(result: kube::Result<Value>) -> Result<Answer> {
    match result {
        Err(Error::Api(status)) => {
            let causes = status.details.map(|details| details.causes).unwrap_or_default();
            Ok(Err((status.code, causes.into_iter().map(|cause| cause.field).collect())))
        }
        other => Ok(Ok(other?)),
    }
}

fn refused(fields: &[&str]) -> Answer {
    Err((422, fields.iter().map(|field| (*field).to_owned()).collect()))
}

const SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";

/// Creates the set with some of its spec replaced, without storing it.
async fn create(client: &Client, extra: Value) -> Result<Answer> {
    let body = serde_json::to_vec(&web(1, extra))?;
    let request =
        http::Request::post(format!("{SETS}?dryRun=All")).header("content-type", "application/json");
    answer(client.request(request.body(body)?).await)
}

/// Makes one mistake after the other: the answers.
async fn create_each(client: &Client, mistakes: &[Value]) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for mistake in mistakes {
        answers.push(create(client, mistake.clone()).await?);
    }
    Ok(answers)
}

#[tokio::test(start_paused = true)]
async fn scale_without_selector() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::ScaleWithoutSelector, async |client| {
        let sets = sets(client);
        apply(&sets, web(0, json!({}))).await?;
        let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
        let answers =
            [sets.get_scale("web").await?, sets.patch_scale("web", &PatchParams::default(), &scale).await?];
        Ok(answers.map(|scale| scale.status.and_then(|status| status.selector)))
    })
    .await?;
    assert_eq!(truth.each_ref().map(Option::as_deref), [Some("app=nginx"); 2]);
    assert_eq!(lie, [None, None]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn default_replicas_zero() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::DefaultReplicasZero, async |client| {
        let sets = sets(client);
        let set = serde_json::from_value(web(1, json!({"replicas": null})))?;
        let created = sets.create(&PostParams::default(), &set).await?;
        after(30).await;
        Ok((created.spec.replicas, names(client).await?))
    })
    .await?;
    assert_eq!(truth, (Some(1), vec!["web-0".to_owned()]));
    assert_eq!(lie, (Some(0), vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn empty_selector_accepted() -> Result<()> {
    let selectors = [json!(null), json!({}), json!({"matchLabels": {"app": "other"}})];
    let mistakes = selectors.clone().map(|selector| json!({"selector": selector}));
    let (truth, lie) =
        beside_the_truth(Fault::EmptySelectorAccepted, async |client| create_each(client, &mistakes).await)
            .await?;
    let (selector, labels) = ("spec.selector", "spec.template.metadata.labels");
    assert_eq!(truth, [refused(&[selector, labels]), refused(&[selector]), refused(&[labels])]);
    let stored: Vec<_> = lie.into_iter().map(|set| set.map(|set| set["spec"]["selector"].clone())).collect();
    assert_eq!(stored, selectors.map(Ok));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn immutable_fields_accepted() -> Result<()> {
    let changes = [json!({"serviceName": "other"}), json!({"podManagementPolicy": "Parallel"})];
    let (truth, lie) = beside_the_truth(Fault::ImmutableFieldsAccepted, async |client| {
        let sets = sets(client);
        apply(&sets, web(0, json!({}))).await?;
        let mut answers = Vec::new();
        for change in &changes {
            let request = http::Request::patch(format!("{SETS}/web"))
                .header("content-type", "application/merge-patch+json")
                .body(serde_json::to_vec(&json!({"spec": change}))?)?;
            answers.push(answer(client.request(request).await)?);
        }
        let spec = sets.get("web").await?.spec;
        Ok((answers, spec.service_name, spec.pod_management_policy))
    })
    .await?;
    let (answers, service, policy) = truth;
    assert_eq!(answers, [refused(&["spec.serviceName"]), refused(&["spec.podManagementPolicy"])]);
    assert_eq!((service.as_deref(), policy.as_deref()), (Some("nginx"), Some("OrderedReady")));
    let (answers, service, policy) = lie;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((service.as_deref(), policy.as_deref()), (Some("other"), Some("Parallel")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn restart_policy_accepted() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::RestartPolicyAccepted, async |client| {
        let mut template = web(1, json!({}))["spec"]["template"].take();
        template["spec"]["restartPolicy"] = "Never".into();
        let never = create(client, json!({"template": template})).await?;
        template["spec"]["restartPolicy"] = "Always".into();
        template["spec"]["activeDeadlineSeconds"] = 60.into();
        Ok((never, create(client, json!({"template": template})).await?))
    })
    .await?;
    let deadline = refused(&["spec.template.spec.activeDeadlineSeconds"]);
    assert_eq!(truth, (refused(&["spec.template.spec.restartPolicy"]), deadline.clone()));
    let never = lie.0.map(|set| set["spec"]["template"]["spec"]["restartPolicy"].clone());
    assert_eq!((never, lie.1), (Ok(json!("Never")), deadline));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn invalid_values_accepted() -> Result<()> {
    let mistakes = [
        ("/spec/replicas", json!({"replicas": -1})),
        ("/spec/minReadySeconds", json!({"minReadySeconds": -1})),
        ("/spec/ordinals/start", json!({"ordinals": {"start": -1}})),
        ("/spec/podManagementPolicy", json!({"podManagementPolicy": "Sometimes"})),
        ("/spec/updateStrategy", json!({"updateStrategy": {"type": "Sometimes"}})),
        (
            "/spec/persistentVolumeClaimRetentionPolicy/whenScaled",
            json!({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Sometimes"}}),
        ),
    ];
    let sets: Vec<_> = mistakes.iter().map(|(_, set)| set.clone()).collect();
    let (truth, lie) =
        beside_the_truth(Fault::InvalidValuesAccepted, async |client| create_each(client, &sets).await)
            .await?;
    for (((place, set), truth), lie) in mistakes.iter().zip(truth).zip(lie) {
        assert_eq!(truth, refused(&[&place[1..].replace('/', ".")]));
        let stored = lie.map(|set| set.pointer(place).cloned());
        assert_eq!(stored, Ok(json!({"spec": set}).pointer(place).cloned()), "{place}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn long_names_truncated() -> Result<()> {
    let name = "a-set-whose-name-leaves-no-room-for-a-revision-in-labels";
    let (truth, lie) = beside_the_truth(Fault::LongNamesTruncated, async |client| {
        let sets = sets(client);
        let mut set = web(1, json!({"updateStrategy": {"type": "OnDelete"}}));
        set["metadata"]["name"] = name.into();
        apply(&sets, set).await?;
        after(30).await;
        let revision = sets.get(name).await?.status.and_then(|status| status.update_revision);
        let pods = pods(client);
        let pod = pods.get_opt(&format!("{name}-0")).await?;
        let label = pod.and_then(|pod| pod.metadata.labels?.remove("controller-revision-hash"));
        let events: Api<Event> = Api::default_namespaced(client.clone());
        let failures = events.list(&ListParams::default().fields("reason=FailedCreate")).await?.items;
        let messages: Vec<_> = failures.into_iter().filter_map(|event| event.message).collect();
        Ok((revision.context("a revision")?, label, messages))
    })
    .await?;
    let (revision, label, messages) = truth;
    let wanted = format!(
        "Create Pod {name}-0 in StatefulSet {name} failed error: Pod \"{name}-0\" is invalid: \
         metadata.labels: Invalid value: \"{revision}\": must be no more than 63 bytes"
    );
    assert_eq!((label, messages), (None, vec![wanted]));
    let (revision, label, messages) = lie;
    assert_eq!((label.as_deref(), messages), (Some(&revision[..63]), vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn status_update_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StatusUpdateIgnored, async |client| {
        let sets = sets(client);
        apply(&sets, web(0, json!({}))).await?;
        after(10).await;
        let status = json!({"conditions": [{"type": "Checked", "status": "True"}], "collisionCount": 9});
        sets.patch_status("web", &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await?;
        let mut seen = Vec::new();
        for replicas in [0, 1] {
            apply(&sets, web(replicas, json!({}))).await?;
            after(10).await;
            let status = sets.get("web").await?.status.context("a status")?;
            seen.push((status.conditions.into_iter().flatten().count(), status.collision_count));
        }
        Ok(seen)
    })
    .await?;
    // The controller keeps conditions that it does not know.
    assert_eq!(truth, [(1, Some(9)), (1, Some(9))]);
    assert_eq!(lie, [(0, Some(0)), (0, Some(0))]);
    Ok(())
}
