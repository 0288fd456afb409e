//! The model in real time on a loopback port, to look around in with `kubectl`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use refcluster::Cluster;
use tokio::net::TcpListener;

use super::Model;

/// Serves a model cluster until Ctrl-C. `ready` is told where, once it answers.
pub fn serve(model: Model, port: u16, ready: impl FnOnce(SocketAddr) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("failed to listen on port {port} of the loopback interface"))?;
        let cluster = Cluster::start(Model { epoch_secs: now_secs(), ..model }).await?;
        ready(listener.local_addr()?)?;
        tokio::select! {
            served = cluster.serve(listener) => Ok(served?),
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    })
}

/// A kubeconfig for a server that is there. It asks for no credentials.
pub fn kubeconfig(server: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: embedded\n\
         clusters:\n- name: embedded\n  cluster: {{server: \"http://{server}\"}}\n\
         users:\n- name: embedded\n  user: {{}}\n\
         contexts:\n- name: embedded\n  context: {{cluster: embedded, user: embedded}}\n"
    )
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubeconfig_is_one_that_kube_reads() {
        let text = kubeconfig("127.0.0.1:4711".parse().unwrap());
        let read = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        let cluster = read.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("http://127.0.0.1:4711"));
    }
}
