//! Commands in containers, over the API server's exec.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{AttachParams, AttachedProcess},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::server::of_kube;
use crate::{limits, secret::masked};

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
        let mut process = pods
            .exec(pod, command, &AttachParams::default())
            .await
            .map_err(|error| of_kube(&error).reason)?;
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
            .ok_or_else(|| masked(&status.message.clone().unwrap_or_else(|| format!("{status:?}"))))?,
    };
    Ok(Printed { exit_code, stdout: stdout?, stderr: stderr? })
}

fn exit_code(status: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> Option<i32> {
    let causes = status.details.as_ref()?.causes.as_ref()?;
    causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?.message.as_ref()?.parse().ok()
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> Result<String, String> {
    let limit = limits::PRINTED.bytes;
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(limit as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(|error| error.to_string())?;
    }
    if bytes.len() > limit {
        return Err(format!("it printed more than {} MiB", limit >> 20));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_command_prints_is_bounded() {
        assert_eq!(read_all(Some(&b"web-0\n"[..])).await.unwrap(), "web-0\n");
        let said = read_all(Some(tokio::io::repeat(b'x'))).await.unwrap_err();
        assert_eq!(said, "it printed more than 4 MiB");
    }
}
