//! What the API server's admission plugins add to new pods.
//!
//! Follows `plugin/pkg/admission/serviceaccount`, `.../defaulttolerationseconds` and `.../priority`.

use crate::json::{default, items, list, map, text};
use crate::world::World;
use serde_json::{Value, json};

const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The taints of nodes that are not well, which every pod tolerates for a while.
const NOT_WELL: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

const TOLERATED_SECS: u64 = 300;

pub(super) fn admit(world: &mut World, pod: &mut Value) {
    let spec = map(pod, "spec");
    default(spec, "serviceAccountName", "default");
    let account = spec["serviceAccountName"].clone();
    default(spec, "serviceAccount", account);
    default(spec, "priority", 0);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate(spec);
    project_token(world, spec);
}

fn tolerate(spec: &mut Value) {
    let tolerations = list(spec, "tolerations");
    for taint in NOT_WELL {
        let covered = tolerations.iter().any(|toleration| {
            let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
            (key.is_empty() || key == taint) && (effect.is_empty() || effect == "NoExecute")
        });
        if !covered {
            tolerations.push(json!({
                "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED_SECS,
            }));
        }
    }
}

/// Gives every container the token of the pod's account, under a name that is another one for each pod.
fn project_token(world: &mut World, spec: &mut Value) {
    if spec["automountServiceAccountToken"] == false {
        return;
    }
    let name = format!("kube-api-access-{}", world.names.suffix(5));
    let mut mounted = false;
    for group in ["initContainers", "containers"] {
        if !spec[group].is_array() {
            continue;
        }
        for container in list(spec, group) {
            let has = items(container, "/volumeMounts").iter().any(|mount| mount["mountPath"] == TOKENS);
            if container.is_object() && !has {
                let mount = json!({"name": name, "readOnly": true, "mountPath": TOKENS});
                list(container, "volumeMounts").push(mount);
                mounted = true;
            }
        }
    }
    if mounted {
        let namespace =
            json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
        list(spec, "volumes").push(json!({
            "name": name,
            "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ]},
        }));
    }
}
