//! What is still there of the namespaces of a run, and why: an answer that is none is an error here, and not "nothing".

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::{Server, read};

/// The conditions by which a namespace says why it is not gone yet (the namespace controller, `conditions/updater.go`).
const HELD_BY: &[&str] = &[
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
];

/// Something that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it is and why it is there, one object a line.
    pub what: String,
    /// Whether it stays as long as a node has no kubelet: nothing is to be waited for.
    pub stranded: bool,
}

/// What is still there of these namespaces: the namespaces with what holds them, and the volumes that were bound to claims
/// in them.
///
/// # Errors
/// Something was not answered, or refused: it is not known then what is left. Only a 404 means that a namespace is gone.
pub async fn left_behind(server: &Server, namespaces: &[String]) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    let mut nodes = None;
    for name in namespaces {
        let path = format!("/api/v1/namespaces/{name}");
        let Some(namespace) = read::object(server, &path, "Namespace").await? else { continue };
        let pods = read::list(server, &format!("{path}/pods"), "Pod").await?;
        if !pods.is_empty() && nodes.is_none() {
            nodes = Some(dead_nodes(server).await?);
        }
        left.push(of_namespace(name, &namespace, &pods, nodes.as_ref().unwrap_or(&BTreeMap::new())));
    }
    let volumes = read::list(server, "/api/v1/persistentvolumes", "PersistentVolume").await?;
    let volumes = volumes.iter().filter_map(|volume| volume_of(volume, namespaces));
    left.extend(volumes.map(|what| Left { what, stranded: false }));
    Ok(left)
}

fn of_namespace(name: &str, namespace: &Value, pods: &[Value], dead: &BTreeMap<String, String>) -> Left {
    let stranded: Vec<&Value> = pods.iter().filter(|pod| dead.contains_key(node(pod))).collect();
    let mut what = format!("namespace/{name}{}", held_by(namespace));
    for pod in &stranded {
        let (pod, node) = (text(&pod["metadata"]["name"]), node(pod));
        what += &format!(
            "\n  pod/{pod}: its node {node} is not ready ({}), and nothing but its kubelet ends a pod; bring the node back, \
             or `kubectl -n {name} delete pod {pod} --grace-period=0 --force`",
            dead[node]
        );
    }
    for pod in pods.iter().filter(|pod| !dead.contains_key(node(pod))) {
        let finalizers =
            pod["metadata"]["finalizers"].as_array().map(|all| all.iter().map(text).collect::<Vec<_>>());
        let finalizers =
            finalizers.filter(|all| !all.is_empty()).map(|all| format!(", finalizers {}", all.join(", ")));
        let (pod, node) = (text(&pod["metadata"]["name"]), node(pod));
        what += &format!("\n  pod/{pod} on node {node}{}", finalizers.unwrap_or_default());
    }
    Left { what, stranded: !pods.is_empty() && stranded.len() == pods.len() }
}

/// Why the namespace says that it is still there.
fn held_by(namespace: &Value) -> String {
    let conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
    let holds = conditions.filter(|condition| {
        condition["status"] == "True" && HELD_BY.iter().any(|known| condition["type"] == *known)
    });
    let said: Vec<&str> = holds.map(|condition| text(&condition["message"])).collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) }
}

/// Whether there are pods, all of which stay as long as their nodes have no kubelet.
pub(super) async fn are_stranded(server: &Server, pods: &[Value]) -> Result<bool> {
    let dead = dead_nodes(server).await?;
    Ok(!pods.is_empty() && pods.iter().all(|pod| dead.contains_key(node(pod))))
}

/// The nodes that are not ready, each with what it says of that.
async fn dead_nodes(server: &Server) -> Result<BTreeMap<String, String>> {
    let nodes = read::list(server, "/api/v1/nodes", "Node").await?;
    let dead = |node: &Value| {
        let ready = node["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == "Ready")?;
        let (reason, message) = (text(&ready["reason"]), text(&ready["message"]));
        (ready["status"] != "True")
            .then(|| (text(&node["metadata"]["name"]).to_owned(), format!("{reason}: {message}")))
    };
    Ok(nodes.iter().filter_map(dead).collect())
}

fn node(pod: &Value) -> &str {
    text(&pod["spec"]["nodeName"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A volume that is bound to a claim in one of these namespaces, as a person reads it.
fn volume_of(volume: &Value, namespaces: &[String]) -> Option<String> {
    let of = volume["spec"]["claimRef"]["namespace"].as_str()?;
    let policy = text(&volume["spec"]["persistentVolumeReclaimPolicy"]);
    let name = text(&volume["metadata"]["name"]);
    let is_ours = namespaces.iter().any(|name| name == of);
    is_ours.then(|| format!("persistentvolume/{name} (reclaim policy {policy}, of {of})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str) -> Value {
        json!({"metadata": {"name": name}, "spec": {"nodeName": node}})
    }

    #[test]
    fn pods_on_a_node_without_a_kubelet_are_named_with_the_node_and_what_to_do() {
        let dead = BTreeMap::from([("node-2".to_owned(), "NodeStatusUnknown: no news".to_owned())]);
        let left = of_namespace("a", &json!({}), &[pod("web-0", "node-2")], &dead);
        assert!(left.stranded);
        for said in
            ["namespace/a", "pod/web-0", "node-2 is not ready (NodeStatusUnknown: no news)", "--force"]
        {
            assert!(left.what.contains(said), "{}", left.what);
        }
        let some = of_namespace("a", &json!({}), &[pod("web-0", "node-2"), pod("web-1", "node-1")], &dead);
        assert!(!some.stranded && some.what.contains("pod/web-1 on node node-1"), "{}", some.what);
        assert!(!of_namespace("a", &json!({}), &[], &dead).stranded, "an empty namespace still goes");
    }

    #[test]
    fn a_namespace_says_itself_what_holds_it() {
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": kind});
        let conditions = [
            condition("NamespaceContentRemaining", "True"),
            condition("NamespaceFinalizersRemaining", "False"),
            condition("Ready", "True"),
        ];
        let namespace = json!({"status": {"conditions": conditions}});
        let left = of_namespace("a", &namespace, &[], &BTreeMap::new());
        assert_eq!(left.what, "namespace/a: NamespaceContentRemaining");
    }
}
