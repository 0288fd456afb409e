//! Serves a cluster on loopback, in real time: `kubectl --server http://127.0.0.1:PORT get pods`.

use refcluster::{Cluster, Options};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let epoch_secs = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let cluster = Cluster::start(Options { epoch_secs, ..Options::default() }).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(cluster.serve(listener).await?)
}
