//! From what was chosen to how the cluster is reached, or to what is wrong with it (client-go,
//! `tools/clientcmd/validation.go`, `transport/transport.go`).

use std::path::Path;

use url::Url;

use super::{
    Unusable,
    choose::Chosen,
    impersonation::impersonation,
    login::{confirm_user, login},
    trust::{identity, trust},
};
use crate::{
    cluster::{
        access::{Access, Login, Origin, Trust},
        environment::Environment,
        transport::Proxy,
    },
    options::Target,
    secret::Secret,
};

/// How what was chosen is reached.
pub(super) async fn access(
    chosen: &Chosen,
    target: &Target,
    environment: &Environment,
) -> Result<Access, Unusable> {
    let place = Places { chosen, target };
    let (server, in_url) = server(&place)?;
    let impersonation = impersonation(&place)?;
    let proxy = match &chosen.cluster.proxy_url {
        Some(url) => Some(Proxy::parse(url.expose(), &place.cluster("proxy-url")).map_err(|wrong| {
            let hint = "write it as http://, https:// or socks5:// with a host and a port";
            Unusable::new(place.cluster("proxy-url"), wrong, hint)
        })?),
        None => Proxy::of_environment(&server, environment),
    };
    let mut access = Access {
        server,
        proxy,
        trust: Trust::default(),
        identity: None,
        login: in_url.unwrap_or(Login::Anonymous),
        impersonation,
        origin: place.origin(),
    };
    // Over plain HTTP kubectl sends nobody's credentials, and reads none.
    if access.server.scheme() == "https" {
        confirm_user(&place)?;
        access.trust = trust(&place).await?;
        access.identity = identity(&place).await?;
        if let Some(login) = login(&place, &access).await? {
            access.login = login;
        }
    }
    Ok(access)
}

/// Where things stand, for messages.
pub(super) struct Places<'c> {
    pub(super) chosen: &'c Chosen,
    pub(super) target: &'c Target,
}

impl Places<'_> {
    pub(super) fn cluster(&self, field: &str) -> String {
        let Chosen { cluster_name, cluster, .. } = self.chosen;
        self.of_file(&format!("clusters[`{cluster_name}`].cluster.{field}"), &cluster.file)
    }

    pub(super) fn user(&self, field: &str) -> String {
        let Chosen { user_name, user, .. } = self.chosen;
        self.of_file(&format!("users[`{user_name}`].user.{field}"), &user.file)
    }

    fn of_file(&self, field: &str, file: &Path) -> String {
        format!("{field} of the kubeconfig {}", file.display())
    }

    /// A flag, or else a field.
    pub(super) fn flag_or(&self, given: bool, flag: &str, field: String) -> String {
        if given { flag.to_owned() } else { field }
    }

    fn server(&self) -> String {
        self.flag_or(self.target.server.is_some(), "--server", self.cluster("server"))
    }

    pub(super) fn origin(&self) -> Origin {
        let files: Vec<String> = self.chosen.files.iter().map(|file| file.display().to_string()).collect();
        let context = self.chosen.context.as_ref();
        let of_context = context.map(|context| format!(", context `{context}`")).unwrap_or_default();
        let source = match files.as_slice() {
            [] => "the flags".to_owned(),
            files => format!("the kubeconfig {}{of_context}", files.join(" and ")),
        };
        let kubeconfig =
            self.target.kubeconfig.as_ref().map(|file| format!(" --kubeconfig {}", file.display()));
        let chosen = self.target.context.as_ref().map(|context| format!(" --context {context}"));
        Origin {
            source,
            server: self.server(),
            kubectl: format!("kubectl{}{}", kubeconfig.unwrap_or_default(), chosen.unwrap_or_default()),
            user: match self.chosen.user_name.as_str() {
                "" => "the user".to_owned(),
                name => format!("the user `{name}`"),
            },
        }
    }
}

/// The server's address, and the user and password in it. Without a scheme it is HTTP, as it is to kubectl.
fn server(place: &Places<'_>) -> Result<(Url, Option<Login>), Unusable> {
    let hint = "write it as https://HOST:PORT";
    let Some(text) = &place.chosen.cluster.server else {
        return Err(Unusable::new(place.server(), "there is none", hint));
    };
    let mut url = parse_server(text.expose()).map_err(|wrong| Unusable::new(place.server(), wrong, hint))?;
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let login = (!url.username().is_empty() || url.password().is_some()).then(|| Login::Basic {
        user: decode(url.username()),
        password: Secret::new(decode(url.password().unwrap_or_default())),
    });
    // Neither fails on a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok((url, login))
}

fn parse_server(text: &str) -> Result<Url, &'static str> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&with_scheme).map_err(|_| "it is no URL")?;
    url.set_query(None);
    url.set_fragment(None);
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err("its scheme is neither http nor https"),
    }
    if !text.contains("://") && url.path() != "/" {
        return Err("it has a path and no scheme");
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(url),
        _ => Err("it has no host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_scheme_is_http() {
        for (text, url) in [
            ("https://a.example:6443", "https://a.example:6443/"),
            ("HTTPS://a.example/k8s/clusters/c-1/?x#y", "https://a.example/k8s/clusters/c-1/"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("localhost", "http://localhost/"),
            ("[::1]:6443", "http://[::1]:6443/"),
            ("https://[::1]:6443", "https://[::1]:6443/"),
        ] {
            assert_eq!(parse_server(text).unwrap().as_str(), url, "{text}");
        }
        for text in ["ftp://a.example", "a.example/path", "https://", "https://a b", ":::"] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }
}
