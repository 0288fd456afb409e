//! Reads of which something is concluded: an answer that is no answer is an error here, never "there is nothing".

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Server;

/// The objects of a list. `kind` is that of one of them.
///
/// # Errors
/// The server refuses, does not answer, or answers with something else than such a list.
pub(super) async fn list(server: &Server, path: &str, kind: &str) -> Result<Vec<Value>> {
    let reply = server.get_patiently(path).await.with_context(|| format!("failed to list {path}"))?;
    ensure!(reply.is_ok(), "failed to list {path}: {}", reply.message());
    let is_list = reply.body["kind"] == format!("{kind}List");
    let items = reply.body["items"].as_array().filter(|_| is_list);
    items.cloned().with_context(|| format!("failed to list {path}: the server's answer is no {kind}List"))
}

/// An object, if it is there.
///
/// # Errors
/// As above. That the object is not there is only what a 404 says.
pub(super) async fn object(server: &Server, path: &str, kind: &str) -> Result<Option<Value>> {
    let reply = server.get_patiently(path).await.with_context(|| format!("failed to read {path}"))?;
    if reply.code == 404 {
        return Ok(None);
    }
    ensure!(reply.is_ok(), "failed to read {path}: {}", reply.message());
    ensure!(reply.body["kind"] == kind, "failed to read {path}: the server's answer is no {kind}");
    Ok(Some(reply.body))
}
