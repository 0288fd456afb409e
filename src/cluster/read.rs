//! Reads of which something is concluded: an answer that is no answer is an error here, never "there is nothing".

use anyhow::{Context, Result};
use serde_json::Value;

use super::Server;

/// The objects of a list. `kind` is that of one of them.
///
/// # Errors
/// The server refuses, does not answer, or answers with something else than such a list.
pub(super) async fn list(server: &Server, path: &str, kind: &str) -> Result<Vec<Value>> {
    Ok(server.list(path, kind).await.with_context(|| format!("failed to list {path}"))?.items)
}

/// An object, if it is there.
///
/// # Errors
/// As above. That the object is not there is only what a 404 says.
pub(super) async fn object(server: &Server, path: &str, kind: &str) -> Result<Option<Value>> {
    match server.object(path, kind).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {path}")),
    }
}
