//! Checks of the area `storage`, in the order of the catalogue.

use super::Check;

mod claims;
mod data_survives_recreate;
mod ephemeral_contrast;
mod preflight_storage;
mod pvc_before_pod;
mod pvc_bound_distinct;
mod pvc_naming;
mod pvc_reattach;
mod pvc_shape;
mod scale_cycle_reattach;
mod tokens;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    preflight_storage::CHECK,
    pvc_naming::CHECK,
    pvc_shape::CHECK,
    pvc_bound_distinct::CHECK,
    pvc_before_pod::CHECK,
    pvc_reattach::CHECK,
    data_survives_recreate::CHECK,
    scale_cycle_reattach::CHECK,
    ephemeral_contrast::CHECK,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CHECKS;
    use crate::{
        checks::notation::{Notes, SET_UID, judge},
        history::{Change, History, Resource},
    };

    const UP: &str = "www-web-0 claimed; web-0 created; web-0 scheduled; www-web-0 bound; web-0 running; web-0 ready; \
         www-web-1 claimed; web-1 created; web-1 scheduled; www-web-1 bound; web-1 running; web-1 ready; \
         token web-0 volume a; token web-1 volume b; ";
    const READ: &str = "tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b; ";

    fn set() -> Notes {
        let template = json!({
            "metadata": {"name": "www"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        let set = json!({
            "metadata": {"name": "web", "uid": SET_UID},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "nginx"}}, "volumeClaimTemplates": [template],
            },
        });
        let mut notes = Notes::new();
        notes.object(Resource::StatefulSets, Change::Added, set);
        notes
    }

    /// Each of these checks finds something that held, and nothing else.
    fn assert_healthy(history: &History, ids: &[&str]) {
        for check in CHECKS.iter().filter(|check| ids.contains(&check.id)) {
            let findings = judge(check, history);
            assert!(findings.held > 0, "{} finds no evidence", check.id);
            assert_eq!(findings.held as usize, findings.findings.len(), "{}: {findings:#?}", check.id);
        }
    }

    #[test]
    fn a_healthy_cluster_whose_pods_are_all_deleted() {
        let notes = set().say(UP).say(READ).say(
            "wait 6s; delete all; web-1 terminating; web-0 terminating; web-1 deleted; web-0 deleted; \
             web-0 created; web-0 scheduled; web-0 ready; web-1 created; web-1 scheduled; web-1 ready",
        );
        assert_healthy(
            &notes.say(READ).say("completed").history(),
            &[
                "pvc-naming",
                "pvc-shape",
                "pvc-bound-distinct",
                "pvc-before-pod",
                "pvc-reattach",
                "data-survives-recreate",
            ],
        );
    }

    #[test]
    fn a_healthy_cluster_that_is_scaled_down_and_up() {
        let notes = set().say(UP).say(
            "wait 6s; scale 1; web-1 terminating; web-1 deleted; wait 1s; scale 2; web-1 created; web-1 ready",
        );
        assert_healthy(
            &notes.say(READ).say("completed").history(),
            &["pvc-naming", "pvc-shape", "pvc-bound-distinct", "pvc-before-pod", "scale-cycle-reattach"],
        );
    }
}
