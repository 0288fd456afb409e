//! Namespaces that a run makes, and their removal: by uid, and never anything else's.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use http::Method;
use serde_json::{Value, json};

use tokio::time::Instant;

use super::Server;
use crate::limits;

/// The label that carries the id of the run on everything that it makes.
pub const RUN_LABEL: &str = "steadfast/run-id";

/// The label that carries the scenario's id.
pub const SCENARIO_LABEL: &str = "steadfast/scenario";

/// A namespace of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its uid, which a delete names.
    pub uid: String,
    /// The run that made it.
    pub run_id: String,
    /// The scenario that it is for.
    pub scenario: String,
    /// When it was made, RFC 3339, as the server says.
    pub created_at: String,
    /// Whether it is on its way out.
    pub terminating: bool,
}

impl Namespace {
    fn read(object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            name: text(&metadata["name"])?,
            uid: text(&metadata["uid"])?,
            run_id: text(&metadata["labels"][RUN_LABEL])?,
            scenario: text(&metadata["labels"][SCENARIO_LABEL]).unwrap_or_default(),
            created_at: text(&metadata["creationTimestamp"]).unwrap_or_default(),
            terminating: !metadata["deletionTimestamp"].is_null(),
        })
    }

    /// Makes a namespace for a scenario, or takes the one that an attempt without an answer has made.
    pub async fn create(server: &Server, name: &str, run_id: &str, scenario: &str) -> Result<Self> {
        let body = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {
                RUN_LABEL: run_id, SCENARIO_LABEL: scenario, "app.kubernetes.io/managed-by": "steadfast",
                "pod-security.kubernetes.io/enforce": "privileged",
            }},
        });
        let content = Some(("application/json", &body));
        let outcome = server.send_patiently(Method::POST, "/api/v1/namespaces", content).await;
        let refused = match outcome {
            Ok(reply) if reply.is_ok() => {
                if let Some(made) = Self::read(&reply.body) {
                    return Ok(made);
                }
                anyhow!("the answer is no namespace with our labels")
            }
            Ok(reply) => anyhow!("{}", reply.message()),
            Err(error) => error.into(),
        };
        // Of an attempt whose answer was lost, the server may have made it all the same; its name is ours alone.
        match server
            .object(&format!("/api/v1/namespaces/{name}"), "Namespace")
            .await
            .ok()
            .and_then(|o| Self::read(&o))
        {
            Some(made) if made.run_id == run_id && made.scenario == scenario => Ok(made),
            _ => Err(refused.context(format!("failed to create the namespace {name}"))),
        }
    }

    /// Whether the namespace of that name is still the one that the run has made, and not on its way out.
    pub async fn is_ours(&self, server: &Server) -> Result<bool> {
        match server.object(&self.path(), "Namespace").await {
            Ok(found) => {
                let metadata = &found["metadata"];
                Ok(metadata["uid"] == self.uid.as_str() && metadata["deletionTimestamp"].is_null())
            }
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => {
                Err(error).with_context(|| format!("failed to look at the namespace {}", self.name))
            }
        }
    }

    /// Takes out what does not go at once: pods (a second each, and the StatefulSets first, so that nobody makes new
    /// ones), claims, and Services with their endpoints.
    ///
    /// The namespace goes much sooner for it. Its controller waits half of the longest grace period of the pods that it
    /// finds, and comes back later and later, by seconds, as long as anything is left (namespaced_resources_deleter.go,
    /// namespace_controller.go). What hangs for longer than `patience` is left to that.
    pub async fn empty(&self, server: &Server, patience: Duration) -> Result<()> {
        let orphan = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"});
        self.delete_all(server, "/apis/apps/v1", "statefulsets", &orphan).await?;
        let at_once = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 1});
        self.delete_all(server, "/api/v1", "pods", &at_once).await?;
        for (plural, kind) in [("services", "Service"), ("persistentvolumeclaims", "PersistentVolumeClaim")] {
            self.delete_each(server, plural, kind).await?;
        }
        let began = Instant::now();
        let slow = [
            ("pods", "Pod"),
            ("persistentvolumeclaims", "PersistentVolumeClaim"),
            ("endpoints", "Endpoints"),
        ];
        for (plural, kind) in slow {
            let mut stirred = Instant::now();
            loop {
                let left = self.list(server, plural, kind).await?;
                if left.is_empty() || began.elapsed() >= patience {
                    break;
                }
                if plural == "pods" && stirred.elapsed() >= limits::STIR.duration() {
                    stirred = Instant::now();
                    self.stir(server, &left).await?;
                }
                tokio::time::sleep(limits::LOOK_AGAIN.duration()).await;
            }
        }
        Ok(())
    }

    /// Makes the kubelets look at these pods again. Old ones that found a pod's end incomplete come back to it after a
    /// minute (kubelet.go, `resyncInterval`), or at once when the pod changes.
    async fn stir(&self, server: &Server, pods: &[Value]) -> Result<()> {
        for pod in pods {
            let metadata = &pod["metadata"];
            let path = format!("{}/pods/{}", self.path(), metadata["name"].as_str().unwrap_or_default());
            let seen = json!({"steadfast/last-seen": metadata["resourceVersion"]});
            let patch = json!({"metadata": {"uid": metadata["uid"], "annotations": seen}});
            // One that is gone by now is what is wanted.
            server.send(Method::PATCH, &path, Some(("application/merge-patch+json", &patch))).await?;
        }
        Ok(())
    }

    async fn list(&self, server: &Server, plural: &str, kind: &str) -> Result<Vec<Value>> {
        let list = server.list(&format!("{}/{plural}", self.path()), kind).await;
        Ok(list.with_context(|| format!("failed to list the {plural} of {}", self.name))?.items)
    }

    /// Deletes the objects one by one, each by its uid: old servers cannot delete a collection of Services.
    async fn delete_each(&self, server: &Server, plural: &str, kind: &str) -> Result<()> {
        for object in self.list(server, plural, kind).await? {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": object["metadata"]["uid"]},
            });
            let path = format!("{}/{plural}/{name}", self.path());
            // What fails here is left to the namespace's own deletion.
            server.send(Method::DELETE, &path, Some(("application/json", &options))).await?;
        }
        Ok(())
    }

    async fn delete_all(&self, server: &Server, group: &str, plural: &str, options: &Value) -> Result<()> {
        let path = format!("{group}/namespaces/{}/{plural}", self.name);
        let reply = server.send(Method::DELETE, &path, Some(("application/json", options))).await?;
        ensure!(
            reply.is_ok() || reply.code == 404,
            "failed to delete the {plural} of {}: {}",
            self.name,
            reply.message()
        );
        Ok(())
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}", self.name)
    }

    /// Asks for this namespace, and no other of the same name, to be deleted. Gone already is as good.
    pub async fn delete(&self, server: &Server) -> Result<()> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": self.uid},
            "propagationPolicy": "Background",
        });
        let reply = server.send(Method::DELETE, &self.path(), Some(("application/json", &options))).await?;
        // 409 is the answer for another namespace of that name, and for one that is on its way out already.
        ensure!(
            reply.is_ok() || matches!(reply.code, 404 | 409),
            "failed to delete the namespace {}: {}",
            self.name,
            reply.message()
        );
        Ok(())
    }
}

/// The namespaces that runs have made and that still exist; with an id, only that run's.
///
/// # Errors
/// The list was refused, or what came is no list: it is not known then what there is.
pub async fn namespaces_of_runs(server: &Server, run_id: Option<&str>) -> Result<Vec<Namespace>> {
    let selector = run_id.map_or("steadfast%2Frun-id".to_owned(), |id| format!("steadfast%2Frun-id%3D{id}"));
    let list = server.list(&format!("/api/v1/namespaces?labelSelector={selector}"), "Namespace").await;
    let list = list.context("failed to list the namespaces of runs")?;
    Ok(list.items.iter().filter_map(Namespace::read).collect())
}

/// What is still there of these namespaces: the namespaces themselves, and the volumes that were bound to claims in them.
///
/// # Errors
/// Something was not answered, or refused: it is not known then what is left. Only a 404 means that a namespace is gone.
pub async fn left_behind(server: &Server, namespaces: &[String]) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for name in namespaces {
        match server.object(&format!("/api/v1/namespaces/{name}"), "Namespace").await {
            Ok(_) => left.push(format!("namespace/{name}")),
            Err(error) if error.is_absent() => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to look for the namespace {name}"));
            }
        }
    }
    let volumes = server.list("/api/v1/persistentvolumes", "PersistentVolume").await;
    let volumes = volumes.context("failed to list the persistentvolumes")?.items;
    left.extend(volumes.iter().filter_map(|volume| volume_of(volume, namespaces)));
    Ok(left)
}

/// A volume that is bound to a claim in one of these namespaces, as a person reads it.
fn volume_of(volume: &Value, namespaces: &[String]) -> Option<String> {
    let of = volume["spec"]["claimRef"]["namespace"].as_str()?;
    let policy = volume["spec"]["persistentVolumeReclaimPolicy"].as_str().unwrap_or_default();
    let name = volume["metadata"]["name"].as_str().unwrap_or_default();
    let is_ours = namespaces.iter().any(|name| name == of);
    is_ours.then(|| format!("persistentvolume/{name} (reclaim policy {policy}, of {of})"))
}

#[cfg(test)]
mod tests;
