//! Commands in containers, over the API server's exec.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{AttachParams, AttachedProcess},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits;

/// What a command printed, once it ended.
#[derive(Debug, Clone)]
pub struct Printed {
    /// Its exit code.
    pub exit_code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a command in a pod's first container, to its end. The error says why it could not be run or not be followed.
pub async fn run_in_pod(
    client: &Client,
    namespace: &str,
    pod: &str,
    command: &[String],
) -> Result<Printed, String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let run = async {
        let mut process =
            pods.exec(pod, command, &AttachParams::default()).await.map_err(|e| e.to_string())?;
        follow(&mut process).await
    };
    match tokio::time::timeout(limits::EXEC.duration(), run).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("it did not end within {:?}", limits::EXEC.duration())),
    }
}

async fn follow(process: &mut AttachedProcess) -> Result<Printed, String> {
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let status = process.take_status();
    let (stdout, stderr) = tokio::join!(read_all(stdout), read_all(stderr));
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    let status = status.ok_or("the stream ended without the command's exit status")?;
    let exit_code = match status.status.as_deref() {
        Some("Success") => 0,
        _ => exit_code(&status)
            .ok_or_else(|| status.message.clone().unwrap_or_else(|| format!("{status:?}")))?,
    };
    Ok(Printed { exit_code, stdout: stdout?, stderr: stderr? })
}

fn exit_code(status: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> Option<i32> {
    let causes = status.details.as_ref()?.causes.as_ref()?;
    causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?.message.as_ref()?.parse().ok()
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> Result<String, String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
