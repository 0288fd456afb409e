//! The service account of the pod that this runs in (client-go, `rest/config.go`, `InClusterConfig`).

use std::path::{Path, PathBuf};

use url::Url;

use super::{Unusable, files, impersonation};
use crate::{
    cluster::{
        access::{Access, Login, Origin, Trust},
        environment::Environment,
        transport::Proxy,
    },
    options::Target,
};

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the cluster around this pod is reached; none where this is no pod.
pub(super) async fn access(target: &Target, environment: &Environment) -> Result<Option<Access>, Unusable> {
    in_folder(Path::new(FOLDER), target, environment).await
}

async fn in_folder(
    folder: &Path,
    target: &Target,
    environment: &Environment,
) -> Result<Option<Access>, Unusable> {
    let host = environment.text(&["KUBERNETES_SERVICE_HOST"]);
    let port = environment.text(&["KUBERNETES_SERVICE_PORT"]);
    let token = folder.join("token");
    let (Some(host), Some(port), true) = (host, port, token.is_file()) else { return Ok(None) };
    let wrong = |_| {
        Unusable::new(
            "$KUBERNETES_SERVICE_HOST",
            "it and $KUBERNETES_SERVICE_PORT make no URL",
            "look at them with `env`",
        )
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let server = Url::parse(&format!("https://{host}:{port}")).map_err(wrong)?;
    let login = match &target.token {
        Some(token) => Login::Token(token.clone()),
        None => Login::TokenFile { file: token, instead: None },
    };
    let ca_file = target.certificate_authority.clone().unwrap_or_else(|| folder.join("ca.crt"));
    Ok(Some(Access {
        proxy: Proxy::of_environment(&server, environment),
        server,
        trust: Trust { authorities: authorities(ca_file).await, ..Trust::default() },
        identity: None,
        login,
        impersonation: impersonation::by_flags(target)?,
        origin: Origin {
            source: "the service account of this pod".to_owned(),
            server: "$KUBERNETES_SERVICE_HOST".to_owned(),
            kubectl: "kubectl".to_owned(),
            user: "the service account of this pod".to_owned(),
        },
    }))
}

async fn authorities(file: PathBuf) -> Option<(Vec<u8>, String)> {
    let pem = files::bytes(&file).await.ok()?;
    Some((pem, file.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pod_has_its_service_account() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = [("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "443")];
        let pod = Environment::of(pairs);
        assert!(in_folder(folder.path(), &Target::default(), &pod).await.unwrap().is_none(), "no token");
        std::fs::write(folder.path().join("token"), "t\n").unwrap();
        std::fs::write(folder.path().join("ca.crt"), "pem").unwrap();
        let access = in_folder(folder.path(), &Target::default(), &pod).await.unwrap().unwrap();
        assert_eq!(access.server.as_str(), "https://[fd00::1]/");
        assert!(matches!(access.login, Login::TokenFile { .. }));
        assert_eq!(access.trust.authorities.unwrap().0, b"pem");
        let no_pod = Environment::of([("KUBERNETES_SERVICE_HOST", "a")]);
        assert!(in_folder(folder.path(), &Target::default(), &no_pod).await.unwrap().is_none());
    }
}
