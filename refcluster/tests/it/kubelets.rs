//! What kubelets do with pods: hostnames, crashes, resizes, and what they tell.

use crate::common::{after, apply, exec, pods, sets, start, web};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Error};
use refcluster::Options;
use serde_json::{Value, json};

/// A set whose container has some fields of its own, and whose pod has others.
async fn run(client: &Client, name: &str, container: Value, pod: Value) -> Result<()> {
    let mut set = web(1, json!({"volumeClaimTemplates": null}));
    set["metadata"]["name"] = name.into();
    let spec = &mut set["spec"]["template"]["spec"];
    spec["containers"][0]["volumeMounts"] = json!([]);
    for (field, value) in container.as_object().into_iter().flatten() {
        spec["containers"][0][field] = value.clone();
    }
    for (field, value) in pod.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    apply(&sets(client), set).await?;
    after(20).await;
    Ok(())
}

async fn messages(client: &Client, reason: &str) -> Result<Vec<String>> {
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let events = events.list(&ListParams::default().fields(&format!("reason={reason}"))).await?.items;
    Ok(events.into_iter().filter_map(|event| event.message).collect())
}

#[tokio::test(start_paused = true)]
async fn a_hostname_can_be_the_full_name_if_it_is_short_enough() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    run(&client, "web", json!({}), json!({"setHostnameAsFQDN": true})).await?;
    let full = "web-0.nginx.default.svc.cluster.local\n";
    assert_eq!(exec(&client, "web-0", &["hostname"]).await?.0, full);
    assert_eq!(exec(&client, "web-0", &["hostname", "-f"]).await?.0, full);
    let hosts = exec(&client, "web-0", &["cat", "/etc/hosts"]).await?.0;
    assert!(hosts.ends_with("\tweb-0.nginx.default.svc.cluster.local\tweb-0\n"), "{hosts}");
    let long = "w".repeat(40);
    run(&client, &long, json!({}), json!({"setHostnameAsFQDN": true})).await?;
    after(60).await;
    let status = pods(&client).get(&format!("{long}-0")).await?.status.context("a status")?;
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    let told = messages(&client, "FailedCreatePodSandBox").await?;
    assert_eq!(
        told,
        [format!(
            "Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN {long}-0.nginx.default.svc.cluster.local is too long (64 characters is the max, 74 characters requested)"
        )]
    );
    pods(&client).delete(&format!("{long}-0"), &DeleteParams::default()).await?;
    Ok(())
}

async fn container(client: &Client) -> Result<(i32, Value)> {
    let pod = pods(client).get("web-0").await?;
    let mut statuses = pod.status.and_then(|status| status.container_statuses).context("containers")?;
    let status = statuses.remove(0);
    Ok((status.restart_count, serde_json::to_value(status.state)?))
}

#[tokio::test(start_paused = true)]
async fn containers_that_crash_again_wait_longer_and_say_so() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    run(&client, "web", json!({}), json!({})).await?;
    let uid = pods(&client).get("web-0").await?.metadata.uid.context("a uid")?;
    let mut seen = Vec::new();
    for (quiet, backing_off) in [(3, false), (30, false), (30, true)] {
        assert!(exec(&client, "web-0", &["kill", "1"]).await?.1);
        if backing_off {
            after(15).await;
            let (restarts, state) = container(&client).await?;
            let message = format!("back-off 20s restarting failed container=nginx pod=web-0_default({uid})");
            assert_eq!(
                (restarts, state),
                (2, json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}))
            );
        } else {
            after(2).await;
            seen.push(container(&client).await?.1["running"].is_object());
        }
        after(quiet).await;
    }
    assert_eq!(seen, [true, false], "the first restart comes at once");
    assert_eq!(container(&client).await?.0, 3);
    assert_eq!(
        messages(&client, "BackOff").await?,
        [format!("Back-off restarting failed container nginx in pod web-0_default({uid})")]
    );
    Ok(())
}

async fn resize(client: &Client, resources: Value) -> kube::Result<Pod> {
    let patch =
        json!({"spec": {"containers": [{"name": "nginx", "image": "ignored", "resources": resources}]}});
    let request = http::Request::patch("/api/v1/namespaces/default/pods/web-0/resize")
        .header("content-type", "application/strategic-merge-patch+json");
    client.request(request.body(serde_json::to_vec(&patch).expect("JSON")).expect("a request")).await
}

/// What is in the way of noticing: the pod, its container, and how it was started.
async fn identity(client: &Client) -> Result<Value> {
    let pod = serde_json::to_value(pods(client).get("web-0").await?)?;
    let status = &pod["status"]["containerStatuses"][0];
    Ok(json!([pod["metadata"]["uid"], status["containerID"], status["restartCount"]]))
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_resized_in_place() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let resources =
        json!({"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}});
    run(&client, "web", json!({"resources": resources}), json!({})).await?;
    let before = identity(&client).await?;
    let resized = resize(&client, json!({"requests": {"cpu": "20m"}, "limits": {"cpu": "200m"}})).await?;
    assert_eq!(resized.metadata.generation, Some(2));
    after(5).await;
    assert_eq!(identity(&client).await?, before);
    let pod = serde_json::to_value(pods(&client).get("web-0").await?)?;
    assert_eq!(pod["spec"]["containers"][0]["image"], "registry.k8s.io/nginx-slim:0.24");
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(
        status["resources"],
        json!({"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}})
    );
    assert_eq!(
        (&status["allocatedResources"]["cpu"], &pod["status"]["qosClass"]),
        (&json!("20m"), &json!("Burstable"))
    );
    assert_eq!(messages(&client, "ResizeCompleted").await?.len(), 1);
    pods(&client).delete("web-0", &DeleteParams::default()).await?;
    after(30).await;
    let again = serde_json::to_value(pods(&client).get("web-0").await?)?;
    assert_eq!(again["spec"]["containers"][0]["resources"], resources, "as the template has it");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resized_is_refused() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let resources = json!({"requests": {"cpu": "10m"}, "limits": {"cpu": "100m"}});
    let policy = json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]);
    run(&client, "web", json!({"resources": resources, "resizePolicy": policy}), json!({})).await?;
    let code = |result: kube::Result<Pod>| match result {
        Err(Error::Api(status)) => (status.code, status.message.clone()),
        other => (0, format!("{other:?}")),
    };
    let huge = code(resize(&client, json!({"requests": {"cpu": "9000"}, "limits": {"cpu": "9000"}})).await);
    let why = "pods \"web-0\" is forbidden: node didn't have enough allocatable resources: cpu, requested: 9000000, allocatable: 2000";
    assert_eq!(huge, (403, why.to_owned()));
    let other_class =
        code(resize(&client, json!({"requests": {"cpu": null}, "limits": {"cpu": null}})).await);
    let why = "Pod \"web-0\" is invalid: spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing";
    assert_eq!(other_class, (422, why.to_owned()));
    resize(&client, json!({"requests": {"cpu": "20m"}})).await?;
    after(10).await;
    assert_eq!(identity(&client).await?[2], 1, "its policy asks for a restart");
    let patch =
        json!({"spec": {"containers": [{"name": "nginx", "resources": {"requests": {"cpu": "30m"}}}]}});
    let direct = pods(&client).patch("web-0", &PatchParams::default(), &Patch::Strategic(patch)).await;
    assert_eq!(code(direct).0, 422, "only the subresource resizes");
    let (_old, client) = start(Options { version: "v1.32.0".to_owned(), ..Options::default() }).await?;
    run(&client, "web", json!({}), json!({})).await?;
    assert_eq!(code(resize(&client, json!({})).await).0, 404);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_told_as_its_release_tells_it() -> Result<()> {
    for (version, generation, conditions, hosts) in
        [("v1.37.1", json!(1), 5, true), ("v1.20.2", Value::Null, 4, false)]
    {
        let (_cluster, client) = start(Options { version: version.to_owned(), ..Options::default() }).await?;
        run(&client, "web", json!({}), json!({})).await?;
        let pod = serde_json::to_value(pods(&client).get("web-0").await?)?;
        assert_eq!(pod["metadata"]["generation"], generation, "{version}");
        assert_eq!(pod["status"]["observedGeneration"], generation, "{version}");
        let told = pod["status"]["conditions"].as_array().context("conditions")?;
        assert_eq!(told.len(), conditions, "{version}");
        assert!(told.iter().all(|condition| condition["observedGeneration"] == generation));
        assert_eq!(pod["status"]["hostIPs"].is_array(), hosts, "{version}");
        let index = pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"].is_string();
        assert_eq!(index, version == "v1.37.1");
    }
    Ok(())
}
