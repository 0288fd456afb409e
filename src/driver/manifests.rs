//! Manifests on their way to the cluster: the few changes that are made to them, and server-side apply.

use http::Method;
use serde_json::{Value, json};

use super::{
    Done, Driver,
    requests::{APPLY, JSON, Sent, granted},
};
use crate::{
    cluster::{RUN_LABEL, path},
    history::{Requested, Step, Verb},
    options::Options,
    spec::{Apply, DryRun, Need},
};

impl Driver {
    /// Applies a manifest's objects in their order, with its overlays.
    pub(super) async fn apply(&mut self, apply: &Apply) -> Done {
        if let Some(need) = apply.needs.filter(|need| !self.available.has(*need)) {
            return self.skip(&format!("apply {}", apply.manifest), need);
        }
        for mut object in self.overlaid(apply)? {
            if let (Some(replicas), "StatefulSet") =
                (apply.replicas, object["kind"].as_str().unwrap_or_default())
            {
                object["spec"]["replicas"] = json!(replicas);
            }
            self.apply_object(object, apply.namespace.as_deref()).await?;
        }
        Ok(())
    }

    /// A manifest's objects, with what its overlays change. One that needs what the cluster does not have is left out.
    fn overlaid(&self, apply: &Apply) -> Done<Vec<Value>> {
        let catalogue = &self.shared.catalogue;
        let mut objects = catalogue.manifests[&apply.manifest].clone();
        for id in &apply.overlays {
            let overlay = &catalogue.overlays[id];
            match overlay.needs.filter(|need| !self.available.has(*need)) {
                Some(need) => self.skip(&format!("overlay {id} of {}", apply.manifest), need)?,
                None => objects.iter_mut().for_each(|object| overlay.apply_to(object)),
            }
        }
        objects.iter_mut().for_each(|object| adapt(&apply.manifest, object, &self.shared.options));
        Ok(objects)
    }

    /// Applies one object, as this run's, in the scenario's namespace or in the one that a step calls so.
    pub(super) async fn apply_object(&self, mut object: Value, namespace: Option<&str>) -> Done<Value> {
        let namespace = self.namespace_called(namespace);
        let name = object["metadata"]["name"].as_str().map(str::to_owned);
        let resource = path::plural(object["kind"].as_str().unwrap_or_default());
        label(&mut object, &self.shared.run_id);
        object["metadata"]["namespace"] = json!(namespace);
        let own = path::of(&object, &namespace);
        let path = format!("{own}?fieldManager=steadfast&force=true");
        let requested =
            Requested { namespace: Some(namespace), ..Requested::new(Verb::Apply, resource, name, object) };
        let reply =
            self.attempt(requested.clone(), Sent { method: Method::PATCH, path, content: APPLY }).await?;
        if !reply.lacks_defaults_for_apply() {
            return granted(&format!("apply {own}"), reply).map(|reply| reply.body);
        }
        let (action, reason) = (format!("apply {own}"), format!("created instead: {}", reply.message()));
        self.recorder.step(Step::Skipped { action, reason });
        let collection = own.rsplit_once('/').map_or(own.as_str(), |(collection, _)| collection);
        let path = format!("{collection}?fieldManager=steadfast");
        let requested = Requested { verb: Verb::Create, ..requested };
        Ok(self.request(requested, Sent { method: Method::POST, path, content: JSON }).await?.body)
    }

    /// A manifest's objects, with the images and the StorageClass in them that the user has chosen.
    fn adapted(&self, manifest: &str) -> Vec<Value> {
        let mut objects = self.shared.catalogue.manifests[manifest].clone();
        for object in &mut objects {
            adapt(manifest, object, &self.shared.options);
        }
        objects
    }

    /// The one object of a manifest, likewise.
    pub(super) fn manifest(&self, manifest: &str) -> Value {
        self.adapted(manifest).swap_remove(0)
    }

    /// Sends a documented manifest untouched, as a dry run, and records the answer.
    pub(super) async fn dry_run(&self, dry_run: &DryRun) -> Done {
        for object in &self.shared.catalogue.manifests[&dry_run.manifest] {
            let own = path::of(object, &self.namespace);
            let collection = own.rsplit_once('/').map_or(own.as_str(), |(collection, _)| collection);
            let path = format!("{collection}?dryRun=All");
            self.sending();
            let (code, message) = match self.server.send(Method::POST, &path, Some((JSON, object))).await {
                Ok(reply) if reply.is_ok() => (reply.code, "accepted".to_owned()),
                Ok(reply) => (reply.code, reply.message()),
                Err(error) => (0, error.reason),
            };
            let (manifest, instead) = (dry_run.manifest.clone(), dry_run.instead.clone());
            self.recorder.step(Step::DryRun { manifest, instead, code, message });
        }
        Ok(())
    }

    /// Leaves a step out, because the cluster does not have what it needs, and says so in the record.
    pub(super) fn skip(&self, action: &str, need: Need) -> Done {
        let reason = match need {
            Need::Storage => "the cluster has no StorageClass that binds",
            Need::Dns => "the cluster's DNS does not answer",
        };
        self.recorder.step(Step::Skipped { action: action.to_owned(), reason: reason.to_owned() });
        Ok(())
    }
}

/// Puts the images and the StorageClass in that the user has chosen. Nothing else of a manifest is changed.
fn adapt(manifest: &str, object: &mut Value, options: &Options) {
    for pointer in ["/spec", "/spec/template/spec"] {
        for list in ["containers", "initContainers"] {
            let containers = object.pointer_mut(&format!("{pointer}/{list}")).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                let image = container["image"].as_str().unwrap_or_default();
                container["image"] = json!(options.images.instead_of(manifest, image));
            }
        }
    }
    let Some(class) = &options.storage_class else { return };
    if object["kind"] == "PersistentVolumeClaim" {
        object["spec"]["storageClassName"] = json!(class);
    }
    for claim in
        object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten()
    {
        claim["spec"]["storageClassName"] = json!(class);
    }
}

fn label(object: &mut Value, run_id: &str) {
    object["metadata"]["labels"][RUN_LABEL] = json!(run_id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_and_classes_are_changed() {
        let options = Options { storage_class: Some("fast".to_owned()), ..Options::default() };
        let catalogue = crate::spec::Catalogue::built_in().unwrap();
        let manifest = "documented/statefulset-web-www.yaml";
        let documented = &catalogue.manifests[manifest][0];
        let mut adapted = documented.clone();
        adapt(manifest, &mut adapted, &options);
        let mut expected = documented.clone();
        expected["spec"]["template"]["spec"]["containers"][0]["image"] = json!(crate::options::DEFAULT_IMAGE);
        expected["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!("fast");
        assert_eq!(adapted, expected);
    }
}
