//! What the manifests of a scenario hold: the objects that it creates and the images that it pulls.

use serde_json::Value;

use crate::{
    history::Verb,
    spec::{self, Action, Apply, Catalogue, Scenario},
};

/// The objects that the scenario creates, such as `StatefulSet web with 3 replicas`.
pub(super) fn created(catalogue: &Catalogue, scenario: &Scenario) -> Vec<String> {
    scenario
        .steps
        .iter()
        .flat_map(|step| match step {
            Action::Apply(apply) => applied(catalogue, apply),
            Action::StartProbes => vec!["a probe pod on each node".to_owned()],
            Action::Churn(pod) => vec![format!("pods that take the address of {}", pod.name())],
            Action::Request(request) if request.verb == Verb::Create && !request.dry_run => {
                vec![request.target.clone()]
            }
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

/// The images that the scenario's manifests name, overlays included, each with the manifest.
pub(super) fn images(catalogue: &Catalogue, scenario: &Scenario) -> Vec<(String, String)> {
    let applies = scenario.steps.iter().filter_map(|step| match step {
        Action::Apply(apply) => Some(apply),
        _ => None,
    });
    applies.flat_map(|apply| images_of(catalogue, apply)).collect()
}

fn images_of(catalogue: &Catalogue, apply: &Apply) -> Vec<(String, String)> {
    let objects = catalogue.objects_of(apply);
    let images = objects.iter().flat_map(spec::images);
    images.map(|image| (apply.manifest.clone(), image.to_owned())).collect()
}

fn applied(catalogue: &Catalogue, apply: &Apply) -> Vec<String> {
    catalogue.objects_of(apply).iter().map(|object| named(object, apply.replicas)).collect()
}

fn named(object: &Value, replicas: Option<u32>) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    let name = format!("{} {}", text("/kind"), text("/metadata/name"));
    let documented = object.pointer("/spec/replicas").and_then(Value::as_u64);
    let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let claims = templates.into_iter().flatten().filter_map(|template| template["metadata"]["name"].as_str());
    let claims: String = claims.map(|claim| format!(", each with a claim {claim}")).collect();
    match replicas.map(u64::from).or(documented) {
        Some(replicas) => format!("{name} with {replicas} replicas{claims}"),
        None => name,
    }
}
