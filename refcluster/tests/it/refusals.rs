//! What real API servers of two versions said about sets, and what the model says: `real/refusals-*.jsonl`, one request a
//! line, asked of Kubernetes 1.20.2 and 1.37.1 without storing anything. A set to create is told by how it differs from
//! [`base`], and an update of one by its merge patch.

use crate::common::start;
use anyhow::{Context, Result};
use kube::{Client, Error};
use refcluster::Options;
use serde_json::{Value, json};

const SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";

fn base(name: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "serviceName": "nginx", "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{
                        "name": "nginx", "image": "registry.k8s.io/nginx-slim:0.24",
                        "ports": [{"name": "web", "containerPort": 80}],
                        "volumeMounts": [{"name": "www", "mountPath": "/data"}],
                    }],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "www"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
            }],
        },
    })
}

/// A JSON merge patch, RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// Code, message and causes of the answer to a case.
async fn answer(client: &Client, case: &Value) -> Result<Value> {
    let request = if let Some(change) = case.get("create") {
        let mut set = base("web", 1);
        merge(&mut set, change);
        http::Request::post(format!("{SETS}?dryRun=All"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&set)?)?
    } else {
        let (how, patch) = case
            .as_object()
            .into_iter()
            .flatten()
            .find(|(key, _)| key.starts_with("update"))
            .context("an update")?;
        let part = how.strip_prefix("update-").map(|part| format!("/{part}")).unwrap_or_default();
        http::Request::patch(format!("{SETS}/imm{part}?dryRun=All"))
            .header("content-type", "application/merge-patch+json")
            .body(serde_json::to_vec(patch)?)?
    };
    let good = if case.get("create").is_some() { 201 } else { 200 };
    Ok(match client.request::<Value>(request).await {
        Ok(_) => json!({"code": good}),
        Err(Error::Api(status)) => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let mut causes: Vec<_> = causes.map(|cause| json!([cause.reason, cause.field])).collect();
            causes.dedup();
            json!({"code": status.code, "message": status.message, "causes": causes})
        }
        Err(other) => json!({"code": 0, "message": other.to_string()}),
    })
}

async fn differences(version: &str, cases: &str) -> Result<Vec<String>> {
    let (_cluster, client) = start(Options { version: version.to_owned(), ..Options::default() }).await?;
    let create = http::Request::post(SETS).header("content-type", "application/json");
    let _: Value = client.request(create.body(serde_json::to_vec(&base("imm", 0))?)?).await?;
    let mut differences = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line)?;
        let model = answer(&client, &case).await?;
        for field in ["code", "message", "causes"] {
            if case[field] != model[field] {
                differences.push(format!(
                    "{} of {version}: {field}\n  real  {}\n  model {}",
                    case["case"], case[field], model[field]
                ));
            }
        }
    }
    Ok(differences)
}

#[tokio::test(start_paused = true)]
async fn sets_are_refused_in_the_words_of_1_37() -> Result<()> {
    let differences = differences("v1.37.1", include_str!("real/refusals-v1.37.1.jsonl")).await?;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sets_are_refused_in_the_words_of_1_20() -> Result<()> {
    let differences = differences("v1.20.2", include_str!("real/refusals-v1.20.2.jsonl")).await?;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
