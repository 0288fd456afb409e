//! What is done to the set's pods: deleted, scaled, made to come back with another address.

use http::Method;
use serde_json::json;

use super::{
    Done, Driver, Stop,
    requests::{JSON, MERGE, Sent},
};
use crate::{
    cluster::path,
    history::{ObjectSeen, Phase, Requested, Resource, Verb, pod},
    limits,
    recorder::Missing,
    spec::{Condition, DEFAULT_SET, PodRef},
};

/// How often a pod is deleted until it comes back with another address.
const CHURN_ATTEMPTS: u32 = 3;

impl Driver {
    /// The pod that a step means, as the record has it now.
    pub(super) fn pod(&self, pod: &PodRef) -> Done<ObjectSeen> {
        let located = self.located(&pod.name());
        let object = self.recorder.look(|world| world.get(Resource::Pods, &located).cloned());
        object.ok_or_else(|| Stop::cluster(format!("{located} does not exist in {}", self.namespace)))
    }

    /// The uid of an object that is watched, if it exists.
    pub(super) fn uid_of(&self, plural: &str, namespace: &str, name: &str) -> Option<String> {
        let resource = Resource::ALL.iter().find(|resource| resource.plural() == plural)?;
        let located =
            if namespace == self.namespace { name.to_owned() } else { format!("{namespace}/{name}") };
        self.recorder.look(|world| Some(world.get(*resource, &located)?.uid.clone()))
    }

    /// Deletes pods one by one, each by its name and uid.
    pub(super) async fn delete_pods(&mut self, pods: &[PodRef]) -> Done {
        for pod in pods {
            let object = self.pod(pod)?;
            let namespace = object.namespace().to_owned();
            let ObjectSeen { name, uid, .. } = object;
            self.doomed.insert(uid.clone());
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid},
            });
            let path = path::object("v1", &namespace, "pods", &name);
            let requested = Requested {
                namespace: Some(namespace),
                uid: Some(uid),
                ..Requested::new(Verb::Delete, "pods", Some(name), options)
            };
            self.request(requested, Sent { method: Method::DELETE, path, content: JSON }).await?;
        }
        Ok(())
    }

    /// Deletes all pods that the set selects with one request.
    pub(super) async fn delete_all_pods(&mut self) -> Done {
        let set = self.recorder.look(|world| world.get(Resource::StatefulSets, DEFAULT_SET).cloned());
        let labels = set.as_ref().and_then(|set| set.at("/spec/selector/matchLabels"));
        let none = || Stop::cluster(format!("{DEFAULT_SET} does not exist in {}", self.namespace));
        let terms: Vec<String> = labels
            .ok_or_else(none)?
            .members()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        let selector = terms.join(",");
        let doomed: Vec<String> = self.recorder.look(|world| {
            let pods = world.beside(Resource::Pods, DEFAULT_SET);
            let members = pods.filter(|pod| pod::ordinal(DEFAULT_SET, &pod.name).is_some());
            members.map(|pod| pod.uid.clone()).collect()
        });
        self.doomed.extend(doomed);
        let encoded = selector.replace('=', "%3D").replace(',', "%2C");
        let path = format!("{}?labelSelector={encoded}", path::collection("v1", &self.namespace, "pods"));
        let body = json!({"labelSelector": selector});
        let requested = Requested {
            namespace: Some(self.namespace.clone()),
            ..Requested::new(Verb::DeleteCollection, "pods", None, body)
        };
        self.request(requested, Sent { method: Method::DELETE, path, content: JSON }).await?;
        Ok(())
    }

    /// Sets the number of replicas through the scale subresource.
    pub(super) async fn scale(&mut self, replicas: u32) -> Done {
        let sts = Resource::StatefulSets.plural();
        let path = format!("{}/scale", path::object("apps/v1", &self.namespace, sts, DEFAULT_SET));
        let body = json!({"spec": {"replicas": replicas}});
        let requested = Requested {
            subresource: Some("scale".to_owned()),
            namespace: Some(self.namespace.clone()),
            ..Requested::new(Verb::Patch, sts, Some(DEFAULT_SET.to_owned()), body)
        };
        self.request(requested, Sent { method: Method::PATCH, path, content: MERGE }).await?;
        Ok(())
    }

    /// Deletes a pod until it comes back with another address. From the second time on a foreign pod is started on its node
    /// first, to take the address that it leaves.
    pub(super) async fn churn(&mut self, pod: &PodRef) -> Done {
        for attempt in 0..CHURN_ATTEMPTS {
            let old = self.pod(pod)?;
            let before: Vec<String> = pod::addresses(&old).into_iter().map(str::to_owned).collect();
            self.delete_pods(std::slice::from_ref(pod)).await?;
            if attempt > 0 {
                self.occupy(&old, attempt).await?;
            }
            self.wait(&Condition::PodsReady(vec![pod.clone()])).await?;
            let now = self.pod(pod)?;
            if pod::addresses(&now).iter().all(|address| !before.iter().any(|old| old == address)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// As soon as that pod is gone, starts a foreign pod on its node and waits for it to run.
    async fn occupy(&self, old: &ObjectSeen, attempt: u32) -> Done {
        let bound = self.shared.bound(limits::POD_GONE);
        let gone = self.recorder.wait(bound, |world| match world.get(Resource::Pods, &old.name) {
            Some(pod) if pod.uid == old.uid => Err(Missing::Still(format!("{} is still there", old.name))),
            _ => Ok(()),
        });
        if gone.await.is_err() {
            return Err(Stop::cluster(format!("{} was not gone within {bound:?}", old.name)));
        }
        let name = format!("squatter-{attempt}");
        let mut squatter = self.manifest("instrumented/squatter.yaml");
        squatter["metadata"]["name"] = json!(name);
        squatter["spec"]["nodeName"] = json!(old.text("/spec/nodeName"));
        self.apply_object(squatter, None).await?;
        let bound = self.shared.bound(limits::POD_READY);
        let runs = self.recorder.wait(bound, |world| match world.get(Resource::Pods, &name).map(Phase::of) {
            Some(Phase::Ready) => Ok(()),
            _ => Err(Missing::Still(format!("{name} is not ready"))),
        });
        runs.await.map(|_| ()).map_err(|_| Stop::environment(format!("the foreign pod {name} did not start")))
    }
}
