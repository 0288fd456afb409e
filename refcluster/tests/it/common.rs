//! kube's client, connected to a cluster in the same process.

use anyhow::{Context, Result};
use futures::TryStreamExt;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{AttachParams, DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::client::ConfigExt;
use kube::{Api, Client};
use refcluster::{Cluster, Connector, Options};
use serde_json::{Value, json};
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

#[derive(Clone)]
struct InMemory(Connector);

struct Io(TokioIo<DuplexStream>);

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, buffer)
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}

impl tower::Service<Uri> for InMemory {
    type Response = Io;
    type Error = io::Error;
    type Future = Ready<io::Result<Io>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok(Io(TokioIo::new(self.0.connect()))))
    }
}

/// kube's client for a cluster.
pub(crate) fn client(cluster: &Cluster) -> Client {
    let connector = InMemory(cluster.connector());
    let http: hyper_util::client::legacy::Client<_, kube::client::Body> =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let config = kube::Config::new("http://embedded".parse().expect("a fixed URI"));
    let service = tower::ServiceBuilder::new().layer(config.base_uri_layer()).service(http);
    Client::new(service, "default")
}

/// A cluster with options, and a client for it.
pub(crate) async fn start(options: Options) -> Result<(Cluster, Client)> {
    let cluster = Cluster::start(options).await?;
    let client = client(&cluster);
    Ok((cluster, client))
}

/// Applies an object on the server's side.
pub(crate) async fn apply<K>(api: &Api<K>, object: Value) -> Result<K>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let name = object["metadata"]["name"].as_str().context("a name")?.to_owned();
    Ok(api.patch(&name, &PatchParams::apply("test"), &Patch::Apply(object)).await?)
}

/// A headless Service and a set of some replicas, each with a claim and a gate that opens by itself or not.
pub(crate) async fn apply_web(client: &Client, replicas: i32, extra: Value) -> Result<()> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nginx", "labels": {"app": "nginx"}},
        "spec": {"clusterIP": "None", "selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}]},
    });
    let services: Api<Service> = Api::default_namespaced(client.clone());
    apply(&services, service).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    apply(&sets, web(replicas, extra)).await?;
    Ok(())
}

/// The set of the documentation, some of its spec replaced.
pub(crate) fn web(replicas: i32, extra: Value) -> Value {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"},
        "spec": {
            "serviceName": "nginx", "replicas": replicas, "selector": {"matchLabels": {"app": "nginx"}},
            "template": {
                "metadata": {"labels": {"app": "nginx"}},
                "spec": {"containers": [{
                    "name": "nginx", "image": "registry.k8s.io/nginx-slim:0.24",
                    "ports": [{"name": "web", "containerPort": 80}],
                    "volumeMounts": [{"name": "www", "mountPath": "/usr/share/nginx/html"}],
                }]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "www"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    });
    for (field, value) in extra.as_object().into_iter().flatten() {
        set["spec"][field] = value.clone();
    }
    set
}

/// Watches pods until a condition holds for what it has seen; each event as `kind name state`.
pub(crate) async fn watch_pods(
    client: &Client,
    mut done: impl FnMut(&[String]) -> bool,
) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let mut events = Box::pin(pods.watch(&WatchParams::default().timeout(280), "0").await?);
    let mut seen: Vec<String> = Vec::new();
    while let Some(event) = events.try_next().await? {
        let (kind, pod) = match event {
            WatchEvent::Added(pod) => ("ADDED", pod),
            WatchEvent::Modified(pod) => ("MODIFIED", pod),
            WatchEvent::Deleted(pod) => ("DELETED", pod),
            _ => continue,
        };
        let name = pod.metadata.name.clone().unwrap_or_default();
        let state = match (kind, is_ready(&pod), pod.metadata.deletion_timestamp.is_some()) {
            ("MODIFIED", _, true) => "TERMINATING",
            ("MODIFIED", true, _) => "READY",
            ("MODIFIED", false, _) => continue,
            _ => kind,
        };
        let line = format!("{name} {state}");
        if seen.iter().rfind(|other| other.starts_with(&format!("{name} "))) != Some(&line) {
            seen.push(line);
        }
        if done(&seen) {
            return Ok(seen);
        }
    }
    anyhow::bail!("the watch ended after {seen:?}")
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Runs a command in a pod's first container: its output, and whether it succeeded.
pub(crate) async fn exec(client: &Client, pod: &str, command: &[&str]) -> Result<(String, bool)> {
    exec_with_input(client, pod, command, None).await
}

pub(crate) async fn exec_with_input(
    client: &Client,
    pod: &str,
    command: &[&str],
    input: Option<&[u8]>,
) -> Result<(String, bool)> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let parameters = AttachParams::default().stdin(input.is_some());
    let mut attached = pods.exec(pod, command.iter().copied(), &parameters).await?;
    if let Some(bytes) = input {
        let mut stdin = attached.stdin().context("standard input")?;
        stdin.write_all(bytes).await?;
        stdin.shutdown().await?;
    }
    let mut output = String::new();
    attached.stdout().context("standard output")?.read_to_string(&mut output).await?;
    let status = attached.take_status().context("a status")?.await;
    Ok((output, status.is_some_and(|status| status.status.as_deref() == Some("Success"))))
}

/// A set whose pods become ready when a file is there.
pub(crate) fn gated(replicas: i32, open: bool) -> Value {
    let mut set = web(replicas, json!({}));
    let container = &mut set["spec"]["template"]["spec"]["containers"][0];
    let gate = if open { "touch /run/gate; " } else { "" };
    container["command"] = json!(["sh", "-c", format!("{gate}exec nginx -g 'daemon off;'")]);
    container["readinessProbe"] =
        json!({"exec": {"command": ["test", "-f", "/run/gate"]}, "periodSeconds": 1});
    set
}

/// The names of the pods that there are.
pub(crate) async fn names(client: &Client) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pods = pods.list(&ListParams::default()).await?.items;
    Ok(pods.into_iter().filter_map(|pod| pod.metadata.name).collect())
}

pub(crate) fn sets(client: &Client) -> Api<StatefulSet> {
    Api::default_namespaced(client.clone())
}

pub(crate) fn pods(client: &Client) -> Api<Pod> {
    Api::default_namespaced(client.clone())
}

/// Replaces some of the spec of the set.
pub(crate) async fn change(client: &Client, spec: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    sets(client).patch("web", &PatchParams::default(), &patch).await?;
    Ok(())
}

/// A set whose pods take eight seconds to stop.
pub(crate) fn slow(replicas: i32, extra: Value) -> Value {
    let mut set = web(replicas, extra);
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "8"]}}});
    set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
    set
}

/// The names of the pods that are on their way out.
pub(crate) async fn leaving(client: &Client) -> Result<Vec<String>> {
    let mut pods = pods(client).list(&ListParams::default()).await?.items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_some());
    Ok(pods.into_iter().filter_map(|pod| pod.metadata.name).collect())
}

/// The uids of pods that are there, by name.
pub(crate) async fn uids(client: &Client) -> Result<Vec<(String, String)>> {
    let pods = pods(client).list(&ListParams::default()).await?.items.into_iter();
    Ok(pods.filter_map(|pod| Some((pod.metadata.name?, pod.metadata.uid?))).collect())
}

/// The names of the pods of before that are other pods now, or gone.
pub(crate) async fn replaced(client: &Client, before: &[(String, String)]) -> Result<Vec<String>> {
    let now = uids(client).await?;
    Ok(before.iter().filter(|pod| !now.contains(pod)).map(|(name, _)| name.clone()).collect())
}

/// Deletes a pod, with its grace.
pub(crate) async fn delete_pod(client: &Client, name: &str) -> Result<()> {
    pods(client).delete(name, &DeleteParams::default()).await?;
    Ok(())
}

/// Lets the cluster's time go on.
pub(crate) async fn after(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}
