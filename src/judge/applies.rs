//! Whether a requirement applies to a cluster at all: by the server's version, by what the cluster has, and by what the
//! server keeps of what it is sent.

use super::{Verdict, Views};
use crate::{
    history::{History, Resource, Verb, file::ClusterFacts, minor_version},
    spec::{Feature, Requirement},
};

/// Why the requirement does not apply, if it does not.
pub(super) fn not_applicable(
    requirement: &Requirement,
    facts: &ClusterFacts,
    views: &Views<'_>,
) -> Option<Verdict> {
    // Nothing was found out about a cluster that was refused, so nothing is known not to apply.
    let minor = minor_version(&facts.server_version)?;
    let reason = lacks_storage(requirement, facts)
        .or_else(|| of_another_version(requirement, minor, &facts.server_version))
        .or_else(|| field_not_kept(requirement, views))?;
    Some(Verdict::NotApplicable { reason })
}

fn lacks_storage(requirement: &Requirement, facts: &ClusterFacts) -> Option<String> {
    let needs_class = requirement.applies_to == Some(Feature::StorageClass);
    (needs_class && facts.storage_class.is_none())
        .then(|| "the cluster has no default StorageClass; name one with --storage-class".to_owned())
}

fn of_another_version(requirement: &Requirement, minor: u32, server: &str) -> Option<String> {
    let (since, until) = (&requirement.since, requirement.until.as_deref());
    if minor_version(since).is_some_and(|since| minor < since) {
        return Some(format!("promised since Kubernetes {since}, and the server is {server}"));
    }
    let until = until.filter(|until| minor_version(until).is_some_and(|until| minor >= until))?;
    Some(format!("promised before Kubernetes {until} only, and the server is {server}"))
}

/// The field that the requirement is about was sent, and the stored object does not have it: the server drops what it does
/// not know, and what a feature gate turns off.
fn field_not_kept(requirement: &Requirement, views: &Views<'_>) -> Option<String> {
    let field = requirement.reads_back.as_deref()?;
    let recorded = requirement.judged_on.iter().filter_map(|scenario| views.get(scenario.as_str()));
    let dropped = recorded.into_iter().any(|view| is_dropped(view.history(), field));
    dropped.then(|| format!("the server does not keep {} of a StatefulSet", shown(field)))
}

fn is_dropped(history: &History, field: &str) -> bool {
    let sent = history.requests().filter(|request| {
        request.is_of(Resource::StatefulSets)
            && matches!(request.verb, Verb::Apply | Verb::Create)
            && !request.dry_run
            && request.body.pointer(field).is_some_and(|value| !value.is_null())
    });
    let mut stored = sent.filter_map(|request| {
        let namespace = request.what.namespace.as_deref().unwrap_or_default();
        let watch = history.watch_in(Resource::StatefulSets, namespace);
        let mut versions = history.objects(watch);
        versions.find(|set| {
            Some(&set.what.name) == request.what.name.as_ref() && request.event.comes_before(set.event)
        })
    });
    stored.any(|set| set.what.at(field).is_none_or(crate::history::Json::is_null))
}

fn shown(field: &str) -> String {
    field.trim_start_matches('/').replace('/', ".")
}
