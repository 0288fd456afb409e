//! From what was chosen to how the cluster is reached, or to what is wrong with it (client-go,
//! `tools/clientcmd/validation.go`, `transport/transport.go`).

use std::path::{Path, PathBuf};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::{
    Unusable,
    choose::{Chosen, override_user},
    files,
    model::{Exec, User},
};
use crate::{
    cluster::{
        access::{Access, Identity, Login, Origin, Pem, Plugin, Trust},
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
struct Places<'c> {
    chosen: &'c Chosen,
    target: &'c Target,
}

impl Places<'_> {
    fn cluster(&self, field: &str) -> String {
        let Chosen { cluster_name, cluster, .. } = self.chosen;
        self.of_file(&format!("clusters[`{cluster_name}`].cluster.{field}"), &cluster.file)
    }

    fn user(&self, field: &str) -> String {
        let Chosen { user_name, user, .. } = self.chosen;
        self.of_file(&format!("users[`{user_name}`].user.{field}"), &user.file)
    }

    fn of_file(&self, field: &str, file: &Path) -> String {
        format!("{field} of the kubeconfig {}", file.display())
    }

    /// A flag, or else a field.
    fn flag_or(&self, given: bool, flag: &str, field: String) -> String {
        if given { flag.to_owned() } else { field }
    }

    fn server(&self) -> String {
        self.flag_or(self.target.server.is_some(), "--server", self.cluster("server"))
    }

    fn origin(&self) -> Origin {
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

/// What the fields of a user forbid each other.
fn confirm_user(place: &Places<'_>) -> Result<(), Unusable> {
    let Chosen { user, user_name, user_is_missing, .. } = place.chosen;
    if *user_is_missing && place.target.token.is_none() && place.target.client_certificate.is_none() {
        let context = place.chosen.context.as_deref().unwrap_or_default();
        let at = format!("contexts[`{context}`].context.user of {}", place.origin().source);
        let hint = "choose another context with --context, or a user with --user";
        return Err(Unusable::new(at, format!("there is no user `{user_name}`"), hint));
    }
    let both = |one: &str, other: &str| {
        Err(Unusable::new(place.user(one), format!("there is {other} beside it"), "leave one of them"))
    };
    let has_basic = user.username.is_some() || user.password.is_some();
    if user.token.is_some() && has_basic {
        return both("token", "a username or a password");
    }
    if user.certificate_file.is_some() && user.certificate_data.is_some() {
        return both("client-certificate", "client-certificate-data");
    }
    let has_certificate = user.certificate_file.is_some() || user.certificate_data.is_some();
    if has_certificate && user.key_file.is_some() && user.key_data.is_some() {
        return both("client-key", "client-key-data");
    }
    if user.exec.is_some() && user.auth_provider.is_some() {
        return both("exec", "auth-provider");
    }
    Ok(())
}

async fn trust(place: &Places<'_>) -> Result<Trust, Unusable> {
    let cluster = &place.chosen.cluster;
    let ca_flag = place.target.certificate_authority.is_some();
    let at_file = place.flag_or(ca_flag, "--certificate-authority", place.cluster("certificate-authority"));
    let authorities = match (&cluster.ca_data, &cluster.ca_file) {
        (Some(_), Some(_)) => {
            let wrong = "there is certificate-authority-data beside it";
            return Err(Unusable::new(at_file, wrong, "leave one of them"));
        }
        (Some(data), None) => Some((data.clone(), place.cluster("certificate-authority-data"))),
        (None, Some(file)) => Some((read(file, &at_file).await?, at_file.clone())),
        (None, None) => None,
    };
    // An empty file says nothing, and leaves the authorities of the system.
    let authorities = authorities.filter(|(pem, _)| !pem.is_empty());
    if cluster.insecure && authorities.is_some() {
        let at = place.flag_or(
            place.target.insecure_skip_tls_verify,
            "--insecure-skip-tls-verify",
            place.cluster("insecure-skip-tls-verify"),
        );
        return Err(Unusable::new(at, "there are certificate authorities beside it", "leave one of them"));
    }
    Ok(Trust { authorities, insecure: cluster.insecure, server_name: cluster.tls_server_name.clone() })
}

async fn identity(place: &Places<'_>) -> Result<Option<Identity>, Unusable> {
    let Chosen { user, .. } = place.chosen;
    let data = user.certificate_data.as_ref().map(|pem| Secret::new(String::from_utf8_lossy(pem)));
    let at = place.flag_or(
        place.target.client_certificate.is_some(),
        "--client-certificate",
        place.user("client-certificate"),
    );
    let Some(certificate) =
        pem(data, user.certificate_file.as_ref(), &place.user("client-certificate-data"), &at).await?
    else {
        return Ok(None);
    };
    let at = place.flag_or(place.target.client_key.is_some(), "--client-key", place.user("client-key"));
    match pem(user.key_data.clone(), user.key_file.as_ref(), &place.user("client-key-data"), &at).await? {
        Some(key) => Ok(Some(Identity { certificate, key })),
        None => {
            let hint = "name its key with client-key or client-key-data";
            Err(Unusable::new(certificate.place, "there is no key for it", hint))
        }
    }
}

async fn pem(
    data: Option<Secret>,
    file: Option<&PathBuf>,
    at_data: &str,
    at_file: &str,
) -> Result<Option<Pem>, Unusable> {
    match (data, file) {
        (Some(text), _) => Ok(Some(Pem { file: None, text, place: at_data.to_owned() })),
        (None, Some(file)) => {
            let text = Secret::new(String::from_utf8_lossy(&read(file, at_file).await?));
            Ok(Some(Pem { file: Some(file.clone()), text, place: at_file.to_owned() }))
        }
        (None, None) => Ok(None),
    }
}

async fn read(file: &Path, at: &str) -> Result<Vec<u8>, Unusable> {
    let wrong = |error: std::io::Error| {
        let wrong = format!("{} could not be read ({})", file.display(), files::plain(&error));
        Unusable::new(at, wrong, format!("try `ls -l {}`", file.display()))
    };
    files::bytes(file).await.map_err(wrong)
}

/// What the client says who it is, if the user says so. A token goes before a password, and both before a plugin; so does a
/// certificate.
async fn login(place: &Places<'_>, access: &Access) -> Result<Option<Login>, Unusable> {
    let user = &place.chosen.user;
    let login = match user {
        User { token: Some(_), .. } if place.target.token.is_some() => token(user, "--token")?,
        User { token_file: Some(file), token, .. } => token_file(place, file, token.as_ref()).await?,
        User { token: Some(_), .. } => token(user, &place.user("token"))?,
        User { username, password, .. } if username.is_some() || password.is_some() => Login::Basic {
            user: username.clone().unwrap_or_default(),
            password: password.clone().unwrap_or_else(|| Secret::new("")),
        },
        User { exec: Some(exec), .. } => {
            confirm_plugin(place, exec)?;
            if access.identity.is_some() {
                return Ok(None);
            }
            Login::Plugin(Box::new(Plugin {
                user: place.chosen.user_name.clone(),
                exec: exec.clone(),
                cluster: exec.provide_cluster_info.then(|| cluster_info(place, access)),
            }))
        }
        User { auth_provider: Some(provider), .. } => {
            of_provider(place, &provider.name, provider.id_token.as_ref())?
        }
        _ => return Ok(None),
    };
    Ok(Some(login))
}

fn token(user: &User, place: &str) -> Result<Login, Unusable> {
    let token = user.token.clone().unwrap_or_else(|| Secret::new(""));
    match HeaderValue::from_str(token.expose()) {
        Ok(_) => Ok(Login::Token(token)),
        Err(_) => {
            let wrong = "it has a line break or another character in it that no token has";
            Err(Unusable::new(place, wrong, "write it in one line"))
        }
    }
}

/// The file wins over the token beside it, which stands for a file that cannot be read.
async fn token_file(place: &Places<'_>, file: &Path, instead: Option<&Secret>) -> Result<Login, Unusable> {
    let at = place.user("tokenFile");
    match (read(file, &at).await, instead) {
        (Ok(bytes), None) if bytes.trim_ascii().is_empty() => {
            Err(Unusable::new(at, format!("{} is empty", file.display()), "put a token into it"))
        }
        (Err(error), None) => Err(error),
        _ => Ok(Login::TokenFile { file: file.to_owned(), instead: instead.cloned() }),
    }
}

/// kubectl renews what its built-in provider has; here it is used as long as it lasts.
fn of_provider(place: &Places<'_>, name: &str, id_token: Option<&Secret>) -> Result<Login, Unusable> {
    let at = place.user("auth-provider");
    match (name, id_token) {
        ("oidc", Some(token)) if is_over(token) => {
            let hint = "run `kubectl get nodes` once, which renews it, or use a credential plugin (exec)";
            Err(Unusable::new(at, "its id-token is over", hint))
        }
        ("oidc", Some(token)) => Ok(Login::Token(token.clone())),
        ("oidc", None) => {
            let hint =
                "run `kubectl get nodes` once, which puts one there, or use a credential plugin (exec)";
            Err(Unusable::new(at, "there is no id-token in it", hint))
        }
        _ => {
            let hint =
                "kubectl has no such provider any more; use the credential plugin (exec) of the vendor";
            Err(Unusable::new(at, format!("the provider `{name}` is not known"), hint))
        }
    }
}

/// Whether a JSON Web Token says that its time is over (RFC 7519, section 4.1.4).
fn is_over(token: &Secret) -> bool {
    let claims = token.expose().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let until = claims.and_then(|claims| claims["exp"].as_f64());
    until.is_some_and(|until| until <= jiff::Timestamp::now().as_second() as f64)
}

const PLUGIN_VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

fn confirm_plugin(place: &Places<'_>, exec: &Exec) -> Result<(), Unusable> {
    let wrong = |field: &str, wrong: &str, hint: &str| {
        Err(Unusable::new(place.user(&format!("exec.{field}")), wrong, hint))
    };
    if exec.command.is_none() {
        return wrong("command", "there is none", "name the plugin");
    }
    let Some(version) = exec.api_version.as_deref() else {
        return wrong("apiVersion", "there is none", &format!("write {}", PLUGIN_VERSIONS[0]));
    };
    if !PLUGIN_VERSIONS.contains(&version) {
        let hint = format!("update the plugin and write {}", PLUGIN_VERSIONS.join(" or "));
        return wrong("apiVersion", &format!("it is `{version}`, which kubectl does not know either"), &hint);
    }
    match exec.interactive_mode.as_deref() {
        Some("Never" | "IfAvailable" | "Always") => Ok(()),
        None if version == PLUGIN_VERSIONS[1] => Ok(()),
        _ => wrong("interactiveMode", "it is none of Never, IfAvailable, Always", "write one of them"),
    }
}

/// What a plugin that asks for it is told of the cluster (`ExecCredential.spec.cluster`).
fn cluster_info(place: &Places<'_>, access: &Access) -> Value {
    let cluster = &place.chosen.cluster;
    let mut info = json!({"server": cluster.server.as_ref().map(Secret::expose).unwrap_or_default()});
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            info[key] = value;
        }
    };
    put("tls-server-name", cluster.tls_server_name.clone().map(Value::from));
    put("insecure-skip-tls-verify", cluster.insecure.then_some(Value::Bool(true)));
    let authorities = access.trust.authorities.as_ref();
    put("certificate-authority-data", authorities.map(|(pem, _)| json!(STANDARD.encode(pem))));
    put("proxy-url", cluster.proxy_url.as_ref().map(|url| json!(url.expose())));
    put("disable-compression", cluster.disable_compression.then_some(Value::Bool(true)));
    put("config", cluster.plugin_config.clone());
    info
}

/// The headers of what the flags alone say.
pub(super) fn impersonation_by_flags(target: &Target) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let mut chosen = Chosen::default();
    override_user(&mut chosen.user, target);
    impersonation(&Places { chosen: &chosen, target })
}

/// The headers of impersonation (authentication, "User impersonation").
fn impersonation(place: &Places<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let user = &place.chosen.user;
    let at = |flag: bool, name: &str, field: &str| place.flag_or(flag, name, place.user(field));
    let Some(name) = &user.impersonate else {
        let more = [
            (user.impersonate_uid.is_some(), place.target.impersonate_uid.is_some(), "--as-uid", "as-uid"),
            (
                !user.impersonate_groups.is_empty(),
                !place.target.impersonate_groups.is_empty(),
                "--as-group",
                "as-groups",
            ),
            (!user.impersonate_extra.is_empty(), false, "", "as-user-extra"),
        ];
        return match more.iter().find(|(given, ..)| *given) {
            Some((_, flag, name, field)) => {
                let hint = "name one with --as, or in `as`";
                Err(Unusable::new(at(*flag, name, field), "there is no user to impersonate", hint))
            }
            None => Ok(Vec::new()),
        };
    };
    let mut headers = Vec::new();
    let mut add = |key: &str, value: &str, place: String| {
        let name = HeaderName::from_bytes(key.as_bytes()).ok();
        let pair = name.zip(HeaderValue::from_str(value).ok());
        let pair = pair
            .ok_or_else(|| Unusable::new(place, "it has a character that no header has", "leave it out"))?;
        headers.push(pair);
        Ok(())
    };
    add("impersonate-user", name, at(place.target.impersonate.is_some(), "--as", "as"))?;
    if let Some(uid) = &user.impersonate_uid {
        add("impersonate-uid", uid, at(place.target.impersonate_uid.is_some(), "--as-uid", "as-uid"))?;
    }
    for group in &user.impersonate_groups {
        add(
            "impersonate-group",
            group,
            at(!place.target.impersonate_groups.is_empty(), "--as-group", "as-groups"),
        )?;
    }
    for (key, values) in &user.impersonate_extra {
        for value in values {
            add(&format!("impersonate-extra-{}", escaped(key)), value, place.user("as-user-extra"))?;
        }
    }
    Ok(headers)
}

/// A key as a part of a header's name: what no such name has is percent-encoded.
fn escaped(key: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    key.bytes()
        .map(|byte| if is_token(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
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

    #[test]
    fn keys_of_extra_are_escaped() {
        assert_eq!(escaped("example.com/a b%"), "example.com%2Fa%20b%25");
    }
}
