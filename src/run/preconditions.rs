//! What has to be true before anything is created: a server that answers, rights that suffice, a node to run pods on.

use anyhow::{Context, Result, anyhow};

use crate::{
    cluster::{
        Connection, Permission, Server, missing_permissions, schedulable_nodes, server_version, storage_class,
    },
    history::file::ClusterFacts,
    options::Options,
};

/// Asks for everything that a run depends on.
pub(super) async fn facts(connection: &Connection, options: &Options) -> Result<ClusterFacts> {
    connection.open().await?;
    let server = connection.server("preconditions")?;
    let version = server_version(&server).await.map_err(|error| connection.unreachable(&error.reason))?;
    let missing = missing_permissions(&server).await;
    permitted(missing.map_err(|error| connection.unreachable(&error.reason))?)?;
    let nodes = schedulable_nodes(&server).await?;
    anyhow::ensure!(
        !nodes.is_empty(),
        "no node takes pods: none is ready and untainted; try `kubectl get nodes`"
    );
    let storage_class = match &options.storage_class {
        Some(named) => Some(existing_class(&server, named).await?),
        None => storage_class(&server).await?,
    };
    Ok(ClusterFacts {
        // The model says so in its version, over whatever it is reached.
        embedded: connection.embedded || version.ends_with("-embedded"),
        server_version: version,
        nodes,
        slices_version: slices_version(&server).await?,
        storage_class,
        replaced_images: Default::default(),
    })
}

fn permitted(missing: Vec<Permission>) -> Result<()> {
    let lines: Vec<String> = missing.iter().map(|permission| format!("\n  {permission}")).collect();
    anyhow::ensure!(
        missing.is_empty(),
        "the user lacks these rights, in every namespace:{}\ntry `kubectl auth can-i --list`",
        lines.concat()
    );
    Ok(())
}

async fn existing_class(server: &Server, name: &str) -> Result<String> {
    match server.object(&format!("/apis/storage.k8s.io/v1/storageclasses/{name}"), "StorageClass").await {
        Ok(_) => Ok(name.to_owned()),
        Err(error) if error.is_absent() => Err(anyhow!(
            "there is no StorageClass `{name}` (--storage-class); try `kubectl get storageclass`"
        )),
        Err(error) => Err(error).with_context(|| format!("failed to look for the StorageClass `{name}`")),
    }
}

/// The API version that serves EndpointSlices: v1 from Kubernetes 1.21 on, v1beta1 before.
async fn slices_version(server: &Server) -> Result<String> {
    let reply = server.get_patiently("/apis/discovery.k8s.io").await?;
    anyhow::ensure!(reply.code != 404, "the server serves no EndpointSlices (discovery.k8s.io)");
    anyhow::ensure!(reply.is_ok(), "failed to ask for the versions of discovery.k8s.io: {}", reply.message());
    let version = reply.body["preferredVersion"]["groupVersion"].as_str();
    version.map(str::to_owned).context("the server does not say which version of discovery.k8s.io it prefers")
}
