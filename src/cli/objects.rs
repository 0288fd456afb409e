//! What the manifests of a scenario hold: the objects that it creates and the images that it pulls.

use serde_json::Value;

use crate::spec::{Action, Apply, Catalogue, Scenario};

/// The objects that the scenario creates, such as `StatefulSet web with 3 replicas`.
pub(super) fn created(catalogue: &Catalogue, scenario: &Scenario) -> Vec<String> {
    scenario
        .steps
        .iter()
        .flat_map(|step| match step {
            Action::Apply(apply) => applied(catalogue, apply),
            Action::StartProbes => vec!["a probe pod on each node".to_owned()],
            Action::Churn(pod) => vec![format!("pods that take the address of web-{pod}")],
            _ => Vec::new(),
        })
        .collect()
}

/// The manifests that are sent as a dry run alone.
pub(super) fn dry_run<'c>(scenario: &'c Scenario) -> Vec<&'c str> {
    let manifest = |step: &'c Action| match step {
        Action::DryRun(dry_run) => Some(dry_run.manifest.as_str()),
        _ => None,
    };
    scenario.steps.iter().filter_map(manifest).collect()
}

/// The images that the scenario's manifests name, each with the manifest.
pub(super) fn images<'c>(catalogue: &'c Catalogue, scenario: &'c Scenario) -> Vec<(&'c str, &'c str)> {
    let applies = scenario.steps.iter().filter_map(|step| match step {
        Action::Apply(apply) => Some(apply),
        _ => None,
    });
    let manifests =
        applies.flat_map(|apply| [Some(&apply.manifest), apply.without_storage.as_ref()]).flatten();
    let mut images = Vec::new();
    for manifest in manifests {
        for object in catalogue.manifests.get(manifest).into_iter().flatten() {
            collect_images(object, manifest, &mut images);
        }
    }
    images
}

fn collect_images<'c>(value: &'c Value, manifest: &'c str, images: &mut Vec<(&'c str, &'c str)>) {
    let Some(fields) = value.as_object() else { return };
    for (name, field) in fields {
        if matches!(name.as_str(), "containers" | "initContainers") {
            let containers = field.as_array().into_iter().flatten();
            images.extend(containers.filter_map(|c| Some((manifest, c["image"].as_str()?))));
        } else {
            collect_images(field, manifest, images);
        }
    }
}

fn applied(catalogue: &Catalogue, apply: &Apply) -> Vec<String> {
    let objects = catalogue.manifests.get(&apply.manifest).into_iter().flatten();
    objects.map(|object| named(object, apply.replicas)).collect()
}

fn named(object: &Value, replicas: Option<u32>) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    let name = format!("{} {}", text("/kind"), text("/metadata/name"));
    let documented = object.pointer("/spec/replicas").and_then(Value::as_u64);
    match replicas.map(u64::from).or(documented) {
        Some(replicas) => format!("{name} with {replicas} replicas"),
        None => name,
    }
}
