//! What a kubeconfig says, as far as a connection depends on it (client-go, `tools/clientcmd/api/v1/types.go`). Paths are
//! resolved against the folder of the file; what is empty is unset.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Unusable, field::Field};
use crate::secret::Secret;

/// One file, or several merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    pub(super) clusters: BTreeMap<String, Cluster>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) current_context: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cluster {
    /// The file that it stands in.
    pub(super) file: PathBuf,
    /// A URL; it may have a password in it.
    pub(super) server: Option<Secret>,
    pub(super) tls_server_name: Option<String>,
    pub(super) insecure: bool,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) ca_data: Option<Vec<u8>>,
    /// A URL; it may have a password in it.
    pub(super) proxy_url: Option<Secret>,
    pub(super) disable_compression: bool,
    /// What the cluster's extension for credential plugins says.
    pub(super) plugin_config: Option<Value>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct User {
    /// The file that it stands in.
    pub(super) file: PathBuf,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) certificate_data: Option<Vec<u8>>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) key_data: Option<Secret>,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) impersonate: Option<String>,
    pub(super) impersonate_uid: Option<String>,
    pub(super) impersonate_groups: Vec<String>,
    pub(super) impersonate_extra: BTreeMap<String, Vec<String>>,
    pub(super) auth_provider: Option<AuthProvider>,
    pub(super) exec: Option<Exec>,
}

/// A provider that is built into kubectl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthProvider {
    pub(super) name: String,
    pub(super) id_token: Option<Secret>,
}

/// A credential plugin.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cluster) struct Exec {
    pub(in crate::cluster) api_version: Option<String>,
    pub(in crate::cluster) command: Option<PathBuf>,
    pub(in crate::cluster) args: Vec<Secret>,
    pub(in crate::cluster) env: Vec<(String, Secret)>,
    pub(in crate::cluster) install_hint: Option<String>,
    pub(in crate::cluster) interactive_mode: Option<String>,
    pub(in crate::cluster) provide_cluster_info: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// The file that it stands in.
    pub(super) file: PathBuf,
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
}

impl Config {
    /// Reads the content of a file.
    pub(super) fn read(file: &Path, value: &Value) -> Result<Self, Unusable> {
        let top = Field::top(file, value);
        let kind = top.get("kind")?;
        if kind.text()?.is_some_and(|kind| kind != "Config") {
            return Err(kind.wrong("is not Config", "name a kubeconfig"));
        }
        Ok(Self {
            clusters: named(&top.get("clusters")?, "cluster", |at| Cluster::read(file, at))?,
            users: named(&top.get("users")?, "user", |at| User::read(file, at))?,
            contexts: named(&top.get("contexts")?, "context", |at| Context::read(file, at))?,
            current_context: top.get("current-context")?.text()?,
        })
    }

    /// Adds what another file has: of two things of one name, and of two current contexts, the first stays.
    pub(super) fn merge(&mut self, later: Config) {
        fn add<T>(to: &mut BTreeMap<String, T>, later: BTreeMap<String, T>) {
            for (name, value) in later {
                to.entry(name).or_insert(value);
            }
        }
        add(&mut self.clusters, later.clusters);
        add(&mut self.users, later.users);
        add(&mut self.contexts, later.contexts);
        self.current_context = self.current_context.take().or(later.current_context);
    }
}

/// A list of named things. A name that is there twice is an error, as it is to kubectl.
fn named<T>(
    list: &Field<'_>,
    inner: &str,
    read: impl Fn(&Field<'_>) -> Result<T, Unusable>,
) -> Result<BTreeMap<String, T>, Unusable> {
    let mut things = BTreeMap::new();
    for item in list.items()? {
        let name = item.get("name")?;
        let called = name.text()?.unwrap_or_default();
        let thing = read(&item.get(inner)?)?;
        if things.insert(called.clone(), thing).is_some() {
            return Err(name.wrong(&format!("is `{called}` a second time"), "leave one of them"));
        }
    }
    Ok(things)
}

impl Cluster {
    fn read(file: &Path, at: &Field<'_>) -> Result<Self, Unusable> {
        Ok(Self {
            file: file.to_owned(),
            server: at.get("server")?.secret()?,
            tls_server_name: at.get("tls-server-name")?.text()?,
            insecure: at.get("insecure-skip-tls-verify")?.flag()?,
            ca_file: path(file, &at.get("certificate-authority")?)?,
            ca_data: at.get("certificate-authority-data")?.data()?,
            proxy_url: at.get("proxy-url")?.secret()?,
            disable_compression: at.get("disable-compression")?.flag()?,
            plugin_config: plugin_config(&at.get("extensions")?)?,
        })
    }
}

/// What is meant for the credential plugin of whoever uses the cluster.
fn plugin_config(extensions: &Field<'_>) -> Result<Option<Value>, Unusable> {
    for extension in extensions.items()? {
        if extension.get("name")?.text()?.as_deref() == Some("client.authentication.k8s.io/exec") {
            return Ok(Some(extension.get("extension")?.value().clone()));
        }
    }
    Ok(None)
}

impl User {
    fn read(file: &Path, at: &Field<'_>) -> Result<Self, Unusable> {
        let extra = at.get("as-user-extra")?.entries()?;
        Ok(Self {
            file: file.to_owned(),
            certificate_file: path(file, &at.get("client-certificate")?)?,
            certificate_data: at.get("client-certificate-data")?.data()?,
            key_file: path(file, &at.get("client-key")?)?,
            key_data: key(&at.get("client-key-data")?)?,
            token: at.get("token")?.secret()?,
            token_file: path(file, &at.get("tokenFile")?)?,
            username: at.get("username")?.text()?,
            password: at.get("password")?.secret()?,
            impersonate: at.get("as")?.text()?,
            impersonate_uid: at.get("as-uid")?.text()?,
            impersonate_groups: texts(&at.get("as-groups")?)?,
            impersonate_extra: extra
                .iter()
                .map(|(key, at)| Ok((key.clone(), texts(at)?)))
                .collect::<Result<_, _>>()?,
            auth_provider: AuthProvider::read(&at.get("auth-provider")?)?,
            exec: Exec::read(file, &at.get("exec")?)?,
        })
    }
}

impl AuthProvider {
    fn read(at: &Field<'_>) -> Result<Option<Self>, Unusable> {
        if at.value().is_null() {
            return Ok(None);
        }
        let name = at.get("name")?.text()?.unwrap_or_default();
        Ok(Some(Self { name, id_token: at.get("config")?.get("id-token")?.secret()? }))
    }
}

impl Exec {
    fn read(file: &Path, at: &Field<'_>) -> Result<Option<Self>, Unusable> {
        if at.value().is_null() {
            return Ok(None);
        }
        Ok(Some(Self {
            api_version: at.get("apiVersion")?.text()?,
            command: command(file, &at.get("command")?)?,
            args: at.get("args")?.items()?.iter().map(word).collect::<Result<_, _>>()?,
            env: at.get("env")?.items()?.iter().map(variable).collect::<Result<_, _>>()?,
            install_hint: at.get("installHint")?.text()?,
            interactive_mode: at.get("interactiveMode")?.text()?,
            provide_cluster_info: at.get("provideClusterInfo")?.flag()?,
        }))
    }
}

impl Context {
    fn read(file: &Path, at: &Field<'_>) -> Result<Self, Unusable> {
        Ok(Self { file: file.to_owned(), cluster: at.get("cluster")?.text()?, user: at.get("user")?.text()? })
    }
}

/// An argument of a plugin, which may be empty.
fn word(at: &Field<'_>) -> Result<Secret, Unusable> {
    Ok(at.secret()?.unwrap_or_else(|| Secret::new("")))
}

fn variable(at: &Field<'_>) -> Result<(String, Secret), Unusable> {
    let name = at.get("name")?;
    let named = name.text()?.filter(|name| !name.contains(['=', '\0']));
    let named = named.ok_or_else(|| name.wrong("is no name of a variable", "name one"))?;
    Ok((named, word(&at.get("value")?)?))
}

fn key(at: &Field<'_>) -> Result<Option<Secret>, Unusable> {
    let Some(bytes) = at.data()? else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| at.wrong("is no PEM text in base64", "make it with `base64 -w0 FILE`"))?;
    Ok(Some(Secret::new(text)))
}

fn texts(at: &Field<'_>) -> Result<Vec<String>, Unusable> {
    at.items()?.iter().map(|item| Ok(item.text()?.unwrap_or_default())).collect()
}

/// A path, from the folder of the file on.
fn path(file: &Path, at: &Field<'_>) -> Result<Option<PathBuf>, Unusable> {
    let folder = file.parent().unwrap_or(Path::new(""));
    Ok(at.text()?.map(|path| folder.join(path)))
}

/// A command: a path from the folder of the file on, if there is a slash in it, and else a name to look for in `$PATH`.
fn command(file: &Path, at: &Field<'_>) -> Result<Option<PathBuf>, Unusable> {
    match at.text()? {
        Some(name) if !name.contains('/') => Ok(Some(PathBuf::from(name))),
        _ => path(file, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, text: &str) -> Result<Config, Unusable> {
        Config::read(Path::new(file), &super::super::yaml::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let text = "users: [{name: a, user: {tokenFile: t, client-key: /k, exec: {command: ./p, args: [x, '']}}}]\n\
                    clusters: [{name: a, cluster: {certificate-authority: ca/x.crt}}]";
        let read = config("/home/me/config", text).unwrap();
        let (user, cluster) = (&read.users["a"], &read.clusters["a"]);
        assert_eq!(user.token_file.as_deref(), Some(Path::new("/home/me/t")));
        assert_eq!(user.key_file.as_deref(), Some(Path::new("/k")));
        assert_eq!(cluster.ca_file.as_deref(), Some(Path::new("/home/me/ca/x.crt")));
        let exec = user.exec.as_ref().unwrap();
        assert_eq!(exec.command.as_deref(), Some(Path::new("/home/me/./p")));
        assert_eq!(exec.args.len(), 2);
    }

    #[test]
    fn a_command_without_a_slash_is_looked_for_in_the_path() {
        let read = config("/home/me/config", "users: [{name: a, user: {exec: {command: aws}}}]").unwrap();
        assert_eq!(read.users["a"].exec.as_ref().unwrap().command.as_deref(), Some(Path::new("aws")));
    }

    #[test]
    fn the_first_of_several_files_wins() {
        let mut all = config("a", "current-context: ''\nusers: [{name: u, user: {token: first}}]").unwrap();
        all.merge(
            config(
                "b",
                "current-context: two\nusers: [{name: u, user: {token: second, username: x}}, {name: v}]",
            )
            .unwrap(),
        );
        all.merge(config("c", "current-context: three").unwrap());
        assert_eq!(all.current_context.as_deref(), Some("two"));
        assert_eq!(all.users["u"].token.as_ref().unwrap().expose(), "first");
        assert_eq!(all.users["u"].username, None);
        assert!(all.users.contains_key("v"));
    }

    #[test]
    fn a_name_that_is_there_twice_is_an_error() {
        let said = config("f", "users: [{name: u}, {name: u}]").unwrap_err().to_string();
        assert_eq!(
            said,
            "users[1].name of the kubeconfig f cannot be used: it is `u` a second time; leave one of them"
        );
    }

    #[test]
    fn what_is_no_kubeconfig_is_an_error() {
        let said = config("f", "kind: Secret\napiVersion: v1").unwrap_err().to_string();
        assert!(said.contains("kind of the kubeconfig f"), "{said}");
        assert!(config("f", "just words").is_err());
        assert!(config("f", "[1]").is_err());
        assert!(config("f", "").unwrap().contexts.is_empty());
    }
}
