//! The removal of a run's namespaces: by uid, and never anything else's.

use std::time::Duration;

use anyhow::{Result, ensure};
use http::Method;
use serde_json::{Value, json};

use tokio::time::Instant;

use super::{Namespace, Server, leftovers, read};
use crate::limits;

impl Namespace {
    /// Whether the namespace of that name is still the one that the run has made, and not on its way out.
    pub async fn is_ours(&self, server: &Server) -> Result<bool> {
        let found = read::object(server, &self.path(), "Namespace").await?.unwrap_or_default();
        let metadata = &found["metadata"];
        Ok(metadata["uid"] == self.uid.as_str() && metadata["deletionTimestamp"].is_null())
    }

    /// Takes out what does not go at once: pods (a second each, and the StatefulSets first, so that nobody makes new
    /// ones), claims, and Services with their endpoints.
    ///
    /// The namespace goes much sooner for it. Its controller waits half of the longest grace period of the pods that it
    /// finds, and comes back later and later, by seconds, as long as anything is left (namespaced_resources_deleter.go,
    /// namespace_controller.go). What hangs for longer than `patience` is left to that, and so are pods that nobody ends.
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
                    let waited = began.elapsed() >= limits::STRANDED.duration();
                    if waited && leftovers::are_stranded(server, &left).await? {
                        return Ok(());
                    }
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
        read::list(server, &format!("{}/{plural}", self.path()), kind).await
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
