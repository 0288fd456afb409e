//! What the client says who it is: tokens, passwords, plugins (client-go, `tools/clientcmd/validation.go`,
//! `rest/transport.go`, `transport/round_trippers.go`).

use std::path::Path;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{
    Unusable,
    choose::Chosen,
    model::{Exec, User},
    trust::read,
    usable::Places,
};
use crate::{
    cluster::access::{Access, Login, Plugin},
    secret::Secret,
};

/// What the fields of a user forbid each other.
pub(super) fn confirm_user(place: &Places<'_>) -> Result<(), Unusable> {
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

/// What the client says who it is, if the user says so. A token goes before a password, and both before a plugin; so does a
/// certificate.
pub(super) async fn login(place: &Places<'_>, access: &Access) -> Result<Option<Login>, Unusable> {
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
