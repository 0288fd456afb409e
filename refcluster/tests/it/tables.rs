//! Tables, as `kubectl get` asks for them.

use crate::common::{apply_web, start, watch_pods};
use anyhow::{Context, Result};
use futures::AsyncBufReadExt;
use kube::Client;
use refcluster::Options;
use serde_json::{Value, json};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

fn asking(path: &str) -> Result<http::Request<Vec<u8>>> {
    Ok(http::Request::get(path).header("accept", TABLE).body(Vec::new())?)
}

async fn table(client: &Client, path: &str) -> Result<Value> {
    let table: Value = client.request(asking(path)?).await?;
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")), "{path}");
    Ok(table)
}

/// The names of the columns; those of `-o wide` in parentheses.
fn heads(table: &Value) -> Vec<String> {
    let columns = table["columnDefinitions"].as_array().into_iter().flatten();
    let head = |column: &Value| match (column["name"].as_str(), column["priority"].as_i64()) {
        (Some(name), Some(0)) => name.to_owned(),
        (name, _) => format!("({})", name.unwrap_or_default()),
    };
    columns.map(head).collect()
}

/// The cells of a row as text, but for its age.
fn cells(table: &Value, row: usize) -> Vec<String> {
    let cells = table["rows"][row]["cells"].as_array().into_iter().flatten();
    let cells = cells.map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
    heads(table).iter().zip(cells).filter(|(head, _)| *head != "Age").map(|(_, cell)| cell).collect()
}

async fn with_web(replicas: i32) -> Result<(refcluster::Cluster, Client)> {
    let (cluster, client) = start(Options::default()).await?;
    apply_web(&client, replicas, json!({})).await?;
    let last = format!("web-{} READY", replicas - 1);
    watch_pods(&client, |seen| seen.contains(&last)).await?;
    crate::common::after(1).await;
    Ok((cluster, client))
}

#[tokio::test(start_paused = true)]
async fn pods_and_sets_have_the_columns_of_a_real_server() -> Result<()> {
    let (_cluster, client) = with_web(2).await?;
    let pods = table(&client, "/api/v1/namespaces/default/pods").await?;
    let columns = [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
        "(IP)",
        "(Node)",
        "(Nominated Node)",
        "(Readiness Gates)",
    ];
    assert_eq!(heads(&pods), columns);
    let pod: Value =
        client.request(http::Request::get("/api/v1/namespaces/default/pods/web-0").body(vec![])?).await?;
    let (ip, node) = (pod["status"]["podIP"].as_str().context("an IP")?, pod["spec"]["nodeName"].as_str());
    assert_eq!(
        cells(&pods, 0),
        ["web-0", "1/1", "Running", "0", ip, node.context("a node")?, "<none>", "<none>"]
    );
    assert_eq!(pods["rows"][1]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(pods["rows"][1]["object"]["metadata"]["name"], "web-1");
    assert!(pods["metadata"]["resourceVersion"].is_string(), "a watch begins there");
    let set = table(&client, "/apis/apps/v1/namespaces/default/statefulsets/web").await?;
    assert_eq!(heads(&set), ["Name", "Ready", "Age", "(Containers)", "(Images)"]);
    assert_eq!(cells(&set, 0), ["web", "2/2", "nginx", "registry.k8s.io/nginx-slim:0.24"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn services_and_what_is_behind_them() -> Result<()> {
    let (_cluster, client) = with_web(2).await?;
    // The slices follow the pods.
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let services = table(&client, "/api/v1/namespaces/default/services").await?;
    assert_eq!(
        heads(&services),
        ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "(Selector)"]
    );
    assert_eq!(cells(&services, 0), ["kubernetes", "ClusterIP", "10.96.0.1", "<none>", "443/TCP", "<none>"]);
    assert_eq!(cells(&services, 1), ["nginx", "ClusterIP", "None", "<none>", "80/TCP", "app=nginx"]);
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dnginx";
    let slices = table(&client, slices).await?;
    assert_eq!(heads(&slices), ["Name", "AddressType", "Ports", "Endpoints", "Age"]);
    let row = cells(&slices, 0);
    assert_eq!((row[1].as_str(), row[2].as_str()), ("IPv4", "80"));
    assert_eq!(row[3].split(',').count(), 2, "{row:?}");
    let endpoints = table(&client, "/api/v1/namespaces/default/endpoints/nginx").await?;
    let joined = row[3].split(',').map(|address| format!("{address}:80")).collect::<Vec<_>>().join(",");
    assert_eq!(cells(&endpoints, 0), ["nginx".to_owned(), joined]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claims_volumes_and_classes() -> Result<()> {
    let (_cluster, client) = with_web(1).await?;
    let claims = table(&client, "/api/v1/namespaces/default/persistentvolumeclaims").await?;
    let columns = [
        "Name",
        "Status",
        "Volume",
        "Capacity",
        "Access Modes",
        "StorageClass",
        "VolumeAttributesClass",
        "Age",
        "(VolumeMode)",
    ];
    assert_eq!(heads(&claims), columns);
    let row = cells(&claims, 0);
    let volume = row[2].clone();
    assert_eq!(row, ["www-web-0", "Bound", &volume, "1Gi", "RWO", "standard", "<unset>", "Filesystem"]);
    let volumes = table(&client, "/api/v1/persistentvolumes").await?;
    let columns = [
        "Name",
        "Capacity",
        "Access Modes",
        "Reclaim Policy",
        "Status",
        "Claim",
        "StorageClass",
        "VolumeAttributesClass",
        "Reason",
        "Age",
        "(VolumeMode)",
    ];
    assert_eq!(heads(&volumes), columns);
    let expected = [
        &volume,
        "1Gi",
        "RWO",
        "Delete",
        "Bound",
        "default/www-web-0",
        "standard",
        "<unset>",
        "",
        "Filesystem",
    ];
    assert_eq!(cells(&volumes, 0), expected);
    let classes = table(&client, "/apis/storage.k8s.io/v1/storageclasses").await?;
    let columns =
        ["Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"];
    assert_eq!(heads(&classes), columns);
    let expected = ["standard (default)", "embedded/volumes", "Delete", "WaitForFirstConsumer", "false"];
    assert_eq!(cells(&classes, 0), expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nodes_namespaces_and_workloads() -> Result<()> {
    let (_cluster, client) = with_web(1).await?;
    let nodes = table(&client, "/api/v1/nodes").await?;
    let columns = [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "(Internal-IP)",
        "(External-IP)",
        "(OS-Image)",
        "(Kernel-Version)",
        "(Container-Runtime)",
    ];
    assert_eq!(heads(&nodes), columns);
    assert_eq!(cells(&nodes, 0)[..4], ["node-0", "Ready", "<none>", "v1.37.0-embedded"]);
    assert_eq!(cells(&nodes, 0)[4..6], ["10.89.0.10", "<none>"]);
    let namespaces = table(&client, "/api/v1/namespaces/default").await?;
    assert_eq!(heads(&namespaces), ["Name", "Status", "Age"]);
    assert_eq!(cells(&namespaces, 0), ["default", "Active"]);
    let deployments = table(&client, "/apis/apps/v1/deployments").await?;
    let columns =
        ["Name", "Ready", "Up-to-date", "Available", "Age", "(Containers)", "(Images)", "(Selector)"];
    assert_eq!(heads(&deployments), columns);
    let image = "registry.k8s.io/coredns/coredns:v1.15.0";
    assert_eq!(cells(&deployments, 0), ["coredns", "2/2", "2", "2", "coredns", image, "k8s-app=kube-dns"]);
    let revisions = table(&client, "/apis/apps/v1/namespaces/default/controllerrevisions").await?;
    assert_eq!(heads(&revisions), ["Name", "Controller", "Revision", "Age"]);
    assert_eq!(cells(&revisions, 0)[1..], ["statefulset.apps/web", "1"]);
    let events = table(&client, "/api/v1/namespaces/default/events?fieldSelector=reason%3DSuccessfulCreate,involvedObject.kind%3DStatefulSet,message%3DCreate%20Pod%20web-0%20in%20StatefulSet%20web%20successful").await?;
    let columns = [
        "Last Seen",
        "Type",
        "Reason",
        "Object",
        "(Subobject)",
        "(Source)",
        "Message",
        "(First Seen)",
        "(Count)",
        "(Name)",
    ];
    assert_eq!(heads(&events), columns);
    assert_eq!(
        cells(&events, 0)[1..6],
        ["Normal", "SuccessfulCreate", "statefulset/web", "", "statefulset-controller"]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_the_columns_once_and_each_change_as_a_row() -> Result<()> {
    let (_cluster, client) = with_web(1).await?;
    let listed = table(&client, "/api/v1/namespaces/default/pods").await?;
    let revision = listed["metadata"]["resourceVersion"].as_str().context("a revision")?;
    let path =
        format!("/api/v1/namespaces/default/pods?watch=true&timeoutSeconds=60&resourceVersion={revision}");
    let mut lines = client.request_stream(asking(&path)?).await?;
    client
        .request::<Value>(http::Request::delete("/api/v1/namespaces/default/pods/web-0").body(vec![])?)
        .await?;
    let (mut told, mut heads_told) = (Vec::new(), Vec::new());
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let event: Value = serde_json::from_str(&line)?;
        assert_eq!(event["object"]["kind"], "Table", "{line}");
        heads_told.push(event["object"]["columnDefinitions"].is_array());
        let row = &event["object"]["rows"][0]["cells"];
        told.push(format!("{} {} {}", event["type"], row[1], row[2]).replace('"', ""));
        line.clear();
    }
    assert!(heads_told[0] && !heads_told[1..].contains(&true), "{heads_told:?}");
    told.dedup();
    for expected in ["MODIFIED 1/1 Terminating", "DELETED 0/1 Completed", "ADDED 0/1 Pending"] {
        assert!(told.contains(&expected.to_owned()), "{expected} is not in {told:?}");
    }
    assert_eq!(told.last().map(String::as_str), Some("MODIFIED 1/1 Running"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rows_carry_as_much_of_the_object_as_is_asked_for() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let nodes = |include: &str| format!("/api/v1/nodes/node-0?includeObject={include}");
    let none = table(&client, &nodes("None")).await?;
    assert_eq!(none["rows"][0].get("object"), None);
    let whole = table(&client, &nodes("Object")).await?;
    assert_eq!(whole["rows"][0]["object"]["status"]["nodeInfo"]["operatingSystem"], "linux");
    let metadata = table(&client, &nodes("Metadata")).await?;
    assert_eq!(metadata["rows"][0]["object"].get("status"), None);
    match client.request::<Value>(asking(&nodes("Some"))?).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 400, "{status:?}"),
        other => panic!("expected a refusal, got {other:?}"),
    }
    Ok(())
}

/// Every kind that is served has columns, and as many cells.
#[tokio::test(start_paused = true)]
async fn every_kind_has_a_table() -> Result<()> {
    let (_cluster, client) = start(Options::default()).await?;
    let mut served = 0;
    for group in client.list_api_groups().await?.groups {
        for version in &group.versions {
            served += kinds_with_tables(&client, &format!("/apis/{}", version.group_version)).await?;
        }
    }
    served += kinds_with_tables(&client, "/api/v1").await?;
    assert_eq!(served, 25);
    Ok(())
}

async fn kinds_with_tables(client: &Client, prefix: &str) -> Result<usize> {
    let resources: Value = client.request(http::Request::get(prefix).body(vec![])?).await?;
    let mut served = 0;
    for resource in resources["resources"].as_array().context("resources")? {
        if !resource["verbs"].as_array().is_some_and(|verbs| verbs.contains(&json!("list"))) {
            continue;
        }
        let table =
            table(client, &format!("{prefix}/{}", resource["name"].as_str().context("a name")?)).await?;
        let columns = heads(&table);
        assert!(columns.contains(&"Name".to_owned()) || columns.contains(&"(Name)".to_owned()), "{resource}");
        for row in table["rows"].as_array().context("rows")? {
            assert_eq!(row["cells"].as_array().map(Vec::len), Some(columns.len()), "{resource}");
        }
        served += 1;
    }
    Ok(served)
}
