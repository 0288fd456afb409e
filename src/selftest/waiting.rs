//! Faults that the embedded cluster has already and whose requirement, or the scenario that shows them, is still to be written.

use crate::spec::Catalogue;

/// The fault, and what will give it a chance: a requirement of the catalogue, or a scenario that does something new. Whoever
/// writes it moves the fault's name from here into a requirement's file; a problem of the selftest says so.
pub const WAITING: &[(&str, &str)] = &[
    ("restarted-pods-replaced", "crash-in-place"),
    ("crash-restarts-siblings", "crash-in-place"),
    ("crash-changes-address", "crash-in-place"),
    ("failed-pods-kept", "terminal-pod-recreated"),
    ("parallel-ignored", "parallel-burst"),
    ("parallel-scale-down-ordered", "parallel-burst"),
    ("start-ordinal-ignored", "start-ordinal"),
    ("min-ready-ignored", "min-ready-seconds"),
    ("template-drifts", "template-uniformity"),
    ("pod-index-off-by-one", "pod-index-label"),
    ("orphans-not-adopted", "adopt-orphan-release"),
    ("mismatch-not-released", "adopt-orphan-release"),
    ("template-volume-wins", "volume-of-the-claims-name"),
    ("pod-against-dying-claim", "pvc-terminating-blocks-pod"),
    ("missing-claim-forgotten", "missing-pvc-recreated"),
    ("present-claim-overwritten", "preexisting-pvc-adopted"),
    ("retention-ignored", "retention-when-deleted"),
    ("set-deletion-takes-claims", "sts-delete-retains-pvc"),
    ("pod-loss-takes-claim", "retention-when-scaled"),
    ("scale-down-ignores-health", "unhealthy-blocks-scale-down"),
    ("scale-down-never-removes-unready", "unhealthy-blocks-scale-down"),
    ("deletes-without-grace", "graceful-termination"),
    ("updates-all-at-once", "rolling-one-at-a-time"),
    ("updates-ascending", "rolling-reverse"),
    ("partition-ignored", "partition-respected"),
    ("restores-at-update-revision", "partition-restore-revision"),
    ("on-delete-rolls", "on-delete"),
    ("max-unavailable-exceeded", "max-unavailable"),
    ("update-replaces-claims", "update-preserves-identity"),
    ("rollback-makes-new-revision", "revision-status"),
    ("current-revision-never-advances", "revision-status"),
    ("history-unbounded", "revision-history-limit"),
    ("every-change-rolls", "no-spurious-rollout"),
    ("status-counts-foreign-pods", "foreign-pods-ignored"),
    ("no-events", "events-recorded"),
    ("deletion-leaks-pods", "delete-cascade"),
    ("creates-while-deleting", "delete-cascade"),
    ("orphans-deleted", "delete-orphan-readopt"),
    ("scale-without-selector", "scale-subresource"),
    ("default-replicas-zero", "replicas-left-out"),
    ("empty-selector-accepted", "selector-required"),
    ("immutable-fields-accepted", "immutable-spec"),
    ("restart-policy-accepted", "restart-policy-always-only"),
    ("invalid-values-accepted", "invalid-values"),
    ("long-names-truncated", "name-limits"),
    ("status-update-ignored", "api-endpoints"),
    ("terminating-stays-ready", "graceful-termination"),
    ("publish-not-ready-ignored", "dns-publish-not-ready"),
    ("second-family-unpublished", "dual-stack-aaaa"),
    ("late-service-ignored", "service-late-binding"),
    ("ptr-missing", "ptr-records"),
    ("killed-without-sigterm", "graceful-termination"),
    ("object-gone-before-container", "at-most-one-running"),
    ("fqdn-hostname-ignored", "fqdn-as-hostname"),
    ("succeeded-pods-kept", "terminal-pod-recreated"),
    ("names-sorted-as-text", "numeric-order"),
    ("evicted-pod-not-recreated", "eviction-recreates"),
    ("evicted-pod-takes-successors", "eviction-recreates"),
    ("lost-node-pods-replaced", "at-most-one-running"),
    ("stale-template-for-first", "template-uniformity"),
    ("start-ordinal-moves-at-once", "start-ordinal"),
    ("no-pods-without-service", "service-late-binding"),
    ("resized-pod-replaced", "resize-in-place"),
    ("orphans-replaced", "adopt-orphan-release"),
    ("adopted-pods-restarted", "delete-orphan-readopt"),
    ("adopts-by-selector-only", "foreign-pods-ignored"),
    ("adopts-across-sets", "shared-governing-service"),
    ("present-claim-refused", "preexisting-pvc-adopted"),
    ("first-claim-template-only", "several-claim-templates"),
    ("claim-templates-share-claim", "several-claim-templates"),
    ("claims-exchanged-on-recreate", "several-claim-templates"),
    ("claim-rebound-on-recreate", "update-preserves-identity"),
    ("foreign-owned-claims-taken", "retention-when-deleted"),
    ("scale-down-without-grace", "graceful-termination"),
    ("update-ignores-readiness", "rolling-one-at-a-time"),
    ("first-update-ignores-readiness", "rolling-one-at-a-time"),
    ("pods-replaced-twice", "rollout-commands"),
    ("budget-binds-updates", "eviction-recreates"),
    ("partition-counts-from-end", "partition-respected"),
    ("partition-counts-ordinals", "partition-with-start-ordinal"),
    ("restores-at-current-revision", "partition-restore-revision"),
    ("on-delete-restores-old", "on-delete"),
    ("max-unavailable-never-reached", "max-unavailable"),
    ("recreate-creates-early", "recreate-strategy"),
    ("recreation-never-completes", "recreate-strategy"),
    ("live-revision-deleted", "revision-history-limit"),
    ("rollback-keeps-number", "revision-status"),
    ("stored-template-merges", "rollout-commands"),
    ("metadata-change-rolls", "no-spurious-rollout"),
    ("available-counts-ready", "min-ready-seconds"),
    ("complete-too-early", "rollout-commands"),
    ("foreground-set-goes-first", "delete-cascade"),
    ("claim-protection-ignored", "retention-when-deleted"),
    ("immutable-fields-dropped", "immutable-spec"),
    ("scale-ignored", "scale-subresource"),
    ("delete-collection-ignores-selector", "api-endpoints"),
    ("budget-ignored", "eviction-recreates"),
    ("one-set-unpublished", "shared-governing-service"),
    ("other-service-names-pods", "governing-service-mismatch"),
    ("deleted-service-answers", "service-late-binding"),
    ("dns-ignores-namespace", "dns-namespace-isolation"),
    ("fqdn-hostname-cut-short", "fqdn-as-hostname"),
    ("resize-restarts-container", "resize-in-place"),
    ("class-ignored-in-binding", "static-pv-binding"),
    ("volume-does-not-follow", "rwo-handoff"),
    ("reverted-template-stays", "stuck-rollout"),
    ("availability-not-revisited", "min-ready-seconds"),
    ("scaled-claims-kept", "retention-when-scaled"),
    ("scale-to-zero-at-once", "ordered-teardown"),
    ("foreign-pods-deleted", "foreign-pods-ignored"),
    ("ptr-names-dashed", "ptr-records"),
    ("node-without-dns", "dns-every-path"),
    ("killed-before-grace-ends", "graceful-termination"),
    ("pre-stop-skipped", "graceful-termination"),
];

/// The requirement or scenario that a fault waits for, unless it has been written by now.
pub fn waits_for(catalogue: &Catalogue, fault: &str) -> Option<&'static str> {
    let (_, awaited) = WAITING.iter().find(|(waiting, _)| *waiting == fault)?;
    let is_there = catalogue.requirement(awaited).is_some() || catalogue.scenarios.contains_key(*awaited);
    (!is_there).then_some(awaited)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use refcluster::Fault;

    use super::*;

    #[test]
    fn what_waits_is_told_to_a_client_of_the_model_meanwhile() {
        let lies = Path::new(env!("CARGO_MANIFEST_DIR")).join("refcluster/tests/it/lies");
        let files = fs::read_dir(lies).expect("the lies are there").map(|file| file.expect("a file").path());
        let told: String = files.map(|path| fs::read_to_string(path).expect("a source")).collect();
        for (name, awaited) in WAITING {
            let fault: Fault = name.parse().expect("a fault");
            let variant = format!("Fault::{fault:?}");
            let is_told = told.match_indices(&variant).any(|(at, _)| {
                told[at + variant.len()..].chars().next().is_some_and(|next| !next.is_alphanumeric())
            });
            assert!(
                is_told,
                "{variant} waits for {awaited}, and no test in refcluster/tests/it/lies tells it"
            );
        }
    }
}
