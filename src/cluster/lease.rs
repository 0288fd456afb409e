//! A run's lease: the sign that it is alive, so that nobody takes its namespaces for what a dead one has left.
//!
//! It is a Lease of `coordination.k8s.io`, in the first namespace of the run, with which it goes. A Lease and not an
//! annotation of the namespaces, because whoever may write an annotation of a namespace may change all of it, its Pod
//! Security labels too, and in every namespace; leases can be granted in some.

use anyhow::{Context, Result, ensure};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Namespace, RUN_LABEL, Server, read};
use crate::limits;

/// Its name, in the namespace that holds it.
const NAME: &str = "steadfast-run";

/// A run's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it, and where that is; nothing once the run has ended.
    pub holder: String,
    /// When it was last renewed, by the holder's clock.
    pub renewed_at: String,
}

fn collection(namespace: &Namespace) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", namespace.name)
}

fn path(namespace: &Namespace) -> String {
    format!("{}/{NAME}", collection(namespace))
}

/// The time as a Lease has it: RFC 3339 with microseconds.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Takes the lease of a run. It may be ours already, where the answer to an earlier attempt was lost.
///
/// # Errors
/// The server refuses or does not answer.
pub async fn take_lease(server: &Server, namespace: &Namespace, holder: &str) -> Result<()> {
    let now = now();
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "labels": {RUN_LABEL: namespace.run_id}},
        "spec": {
            "holderIdentity": holder, "acquireTime": now, "renewTime": now,
            "leaseDurationSeconds": limits::LEASE_HELD.duration().as_secs(),
        },
    });
    let reply = server.send(Method::POST, &collection(namespace), Some(("application/json", &body))).await?;
    match reply.code {
        409 => renew_lease(server, namespace).await,
        _ => {
            ensure!(reply.is_ok(), "{}", reply.message());
            Ok(())
        }
    }
}

/// Says that the run is still alive.
///
/// # Errors
/// As above.
pub async fn renew_lease(server: &Server, namespace: &Namespace) -> Result<()> {
    patch(server, namespace, &json!({"spec": {"renewTime": now()}})).await
}

/// Says that the run has ended: what is kept of it is nobody's any more.
///
/// # Errors
/// As above.
pub async fn release_lease(server: &Server, namespace: &Namespace) -> Result<()> {
    patch(server, namespace, &json!({"spec": {"holderIdentity": "", "renewTime": now()}})).await
}

async fn patch(server: &Server, namespace: &Namespace, patch: &Value) -> Result<()> {
    let patch = Some(("application/merge-patch+json", patch));
    let reply = server.send(Method::PATCH, &path(namespace), patch).await?;
    ensure!(reply.is_ok(), "{}", reply.message());
    Ok(())
}

/// The lease in a namespace, if there is one.
///
/// # Errors
/// The server refuses or does not answer: it is not known then whether the run is alive.
pub async fn lease_in(server: &Server, namespace: &Namespace) -> Result<Option<Lease>> {
    let found = read::object(server, &path(namespace), "Lease").await;
    let found = found.context("failed to find out whether a run is alive")?;
    let text = |lease: &Value, key: &str| lease["spec"][key].as_str().unwrap_or_default().to_owned();
    Ok(found
        .map(|lease| Lease { holder: text(&lease, "holderIdentity"), renewed_at: text(&lease, "renewTime") }))
}
