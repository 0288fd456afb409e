//! Lies about which pods there are, and when.

use super::beside_the_truth;
use crate::common::{after, apply_web, names};
use anyhow::Result;
use refcluster::Fault;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn start_ordinal_ignored() -> Result<()> {
    let (truth, lie) = beside_the_truth(Fault::StartOrdinalIgnored, async |client| {
        apply_web(client, 2, json!({"ordinals": {"start": 5}})).await?;
        after(60).await;
        names(client).await
    })
    .await?;
    assert_eq!(truth, ["web-5", "web-6"]);
    assert_eq!(lie, ["web-0", "web-1"]);
    Ok(())
}
