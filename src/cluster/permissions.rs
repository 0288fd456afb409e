//! Which verbs the run needs and whether the user has them, asked before anything is created.

use http::Method;
use serde_json::json;

use super::{Server, Unanswered};

/// One verb on one resource in every namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, with its subresource after a slash.
    pub resource: &'static str,
    /// The verb.
    pub verb: &'static str,
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { group, resource, verb } = self;
        if group.is_empty() { write!(f, "{verb} {resource}") } else { write!(f, "{verb} {resource}.{group}") }
    }
}

const NEEDED: &[(&str, &str, &[&str])] = &[
    ("", "namespaces", &["create", "get", "list", "delete"]),
    ("", "nodes", &["list"]),
    ("", "pods", &["create", "get", "list", "watch", "patch", "delete", "deletecollection"]),
    ("", "pods/exec", &["create", "get"]),
    ("", "pods/portforward", &["create", "get"]),
    ("", "serviceaccounts", &["list", "watch"]),
    ("", "services", &["create", "list", "watch", "patch", "delete"]),
    ("", "endpoints", &["list", "watch"]),
    ("", "events", &["list", "watch"]),
    ("", "persistentvolumeclaims", &["create", "list", "watch", "patch", "delete"]),
    ("", "persistentvolumes", &["list"]),
    ("apps", "statefulsets", &["create", "get", "list", "watch", "patch", "deletecollection"]),
    ("apps", "statefulsets/scale", &["patch"]),
    ("apps", "controllerrevisions", &["list", "watch"]),
    ("discovery.k8s.io", "endpointslices", &["list", "watch"]),
    ("storage.k8s.io", "storageclasses", &["list"]),
    ("coordination.k8s.io", "leases", &["create", "get", "patch"]),
];

/// Everything that a run needs.
pub fn needed() -> impl Iterator<Item = Permission> {
    NEEDED.iter().flat_map(|(group, resource, verbs)| {
        verbs.iter().map(move |verb| Permission { group, resource, verb })
    })
}

/// What the user may not do of all that a run needs.
pub async fn missing(server: &Server) -> Result<Vec<Permission>, Unanswered> {
    let asked = needed().map(|permission| async move { (permission, is_allowed(server, permission).await) });
    let mut missing = Vec::new();
    for (permission, allowed) in futures::future::join_all(asked).await {
        if !allowed? {
            missing.push(permission);
        }
    }
    Ok(missing)
}

async fn is_allowed(server: &Server, permission: Permission) -> Result<bool, Unanswered> {
    let (resource, subresource) = permission.resource.split_once('/').unwrap_or((permission.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "group": permission.group, "resource": resource, "subresource": subresource, "verb": permission.verb,
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let reply = server.send_patiently(Method::POST, path, Some(("application/json", &review))).await?;
    match reply.code {
        401 => Err(Unanswered { reason: format!("its credentials are refused (401): {}", reply.message()) }),
        // What a granted answer says, yes or no, has been checked with its shape.
        _ if !reply.is_ok() => Err(Unanswered { reason: reply.message() }),
        _ => Ok(reply.body["status"]["allowed"] == true),
    }
}
