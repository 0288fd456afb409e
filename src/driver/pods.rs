//! What is done to the set's pods: deleted, scaled, made to come back with another address.

use http::Method;
use serde_json::json;

use super::{
    Done, Driver, Stop,
    requests::{JSON, MERGE, Sent},
};
use crate::{
    cluster::path,
    history::{ObjectSeen, Phase, Requested, Resource, SET, Verb, lives},
    limits,
    recorder::Missing,
    spec::Condition,
};

/// How often a pod is deleted until it comes back with another address.
const CHURN_ATTEMPTS: u32 = 3;

impl Driver {
    /// The pod of an ordinal, as the record has it now.
    pub(super) fn pod(&self, ordinal: u32) -> Done<ObjectSeen> {
        let name = format!("{SET}-{ordinal}");
        let pod = self.recorder.look(|world| world.get(Resource::Pods, &name).cloned());
        pod.ok_or_else(|| Stop::cluster(format!("{name} does not exist in {}", self.namespace)))
    }

    /// Deletes pods one by one, each by its name and uid.
    pub(super) async fn delete_pods(&mut self, ordinals: &[u32]) -> Done {
        for ordinal in ordinals {
            let pod = self.pod(*ordinal)?;
            self.doomed.insert(pod.uid.clone());
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid},
            });
            let path = path::object("v1", &self.namespace, "pods", &pod.name);
            let requested = Requested {
                verb: Verb::Delete,
                resource: "pods".to_owned(),
                name: Some(pod.name),
                uid: Some(pod.uid),
                body: options,
            };
            self.request(requested, Sent { method: Method::DELETE, path, content: JSON }).await?;
        }
        Ok(())
    }

    /// Deletes all pods that the set selects with one request.
    pub(super) async fn delete_all_pods(&mut self) -> Done {
        let set = self.recorder.look(|world| world.get(Resource::StatefulSets, SET).cloned());
        let labels = set.as_ref().and_then(|set| set.at("/spec/selector/matchLabels"));
        let terms: Vec<String> = labels
            .ok_or_else(|| {
                Stop::cluster(format!("the StatefulSet {SET} does not exist in {}", self.namespace))
            })?
            .members()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        let selector = terms.join(",");
        self.doomed.extend(self.recorder.look(|world| {
            world
                .all(Resource::Pods)
                .filter(|p| lives::ordinal(&p.name).is_some())
                .map(|p| p.uid.clone())
                .collect::<Vec<_>>()
        }));
        let encoded = selector.replace('=', "%3D").replace(',', "%2C");
        let path = format!("{}?labelSelector={encoded}", path::collection("v1", &self.namespace, "pods"));
        let requested = Requested {
            verb: Verb::DeleteCollection,
            resource: "pods".to_owned(),
            name: None,
            uid: None,
            body: json!({"labelSelector": selector}),
        };
        self.request(requested, Sent { method: Method::DELETE, path, content: JSON }).await?;
        Ok(())
    }

    /// Sets the number of replicas through the scale subresource.
    pub(super) async fn scale(&mut self, replicas: u32) -> Done {
        let path = format!("{}/scale", path::object("apps/v1", &self.namespace, "statefulsets", SET));
        let requested = Requested {
            verb: Verb::Scale,
            resource: Resource::StatefulSets.plural().to_owned(),
            name: Some(SET.to_owned()),
            uid: None,
            body: json!({"spec": {"replicas": replicas}}),
        };
        self.request(requested, Sent { method: Method::PATCH, path, content: MERGE }).await?;
        Ok(())
    }

    /// Deletes an ordinal's pod until it comes back with another address. From the second time on a foreign pod is
    /// started on its node first, to take the address that it leaves.
    pub(super) async fn churn(&mut self, ordinal: u32) -> Done {
        for attempt in 0..CHURN_ATTEMPTS {
            let old = self.pod(ordinal)?;
            let before: Vec<String> = lives::addresses(&old).into_iter().map(str::to_owned).collect();
            self.delete_pods(&[ordinal]).await?;
            if attempt > 0 {
                self.occupy(&old, attempt).await?;
            }
            self.wait(&Condition::PodsReady(vec![ordinal])).await?;
            let now = self.pod(ordinal)?;
            if lives::addresses(&now).iter().all(|address| !before.iter().any(|old| old == address)) {
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
        self.apply_object(squatter).await?;
        let bound = self.shared.bound(limits::POD_READY);
        let runs = self.recorder.wait(bound, |world| match world.get(Resource::Pods, &name).map(Phase::of) {
            Some(Phase::Ready) => Ok(()),
            _ => Err(Missing::Still(format!("{name} is not ready"))),
        });
        runs.await.map(|_| ()).map_err(|_| Stop::environment(format!("the foreign pod {name} did not start")))
    }
}
