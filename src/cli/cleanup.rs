//! `steadfast cleanup`: deletes what a killed run left, and nothing else.

use anyhow::{Result, bail};

use super::{args::CleanupArgs, meaning};

/// Finds the namespaces that carry steadfast's label, and deletes them by name and uid.
pub(super) fn handle(args: &CleanupArgs) -> Result<u8> {
    let options = meaning::cleanup(args);
    bail!("not wired yet: {:?}", options.target)
}
