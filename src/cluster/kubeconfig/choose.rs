//! Which context, cluster and user are meant, and what the flags put in place of theirs (client-go,
//! `tools/clientcmd/client_config.go`, `getCluster` and `getAuthInfo`).

use std::path::PathBuf;

use super::{
    Unusable,
    files::Found,
    model::{Cluster, Context, User},
};
use crate::options::Target;

/// A cluster and a user, with the flags applied.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    pub(super) context: Option<String>,
    pub(super) cluster_name: String,
    pub(super) cluster: Cluster,
    pub(super) user_name: String,
    pub(super) user: User,
    /// Whether a user is named that is nowhere.
    pub(super) user_is_missing: bool,
}

/// What is meant; none where neither a file nor a flag names a cluster.
pub(super) fn choose(found: &Found, target: &Target) -> Result<Option<Chosen>, Unusable> {
    let config = &found.config;
    let context_name = target.context.clone().or_else(|| config.current_context.clone());
    let context = match &context_name {
        Some(name) => config.contexts.get(name).cloned().ok_or_else(|| no_context(found, target, name))?,
        None => Context::default(),
    };
    let cluster_name = target.cluster.clone().or_else(|| context.cluster.clone());
    let user_name = target.user.clone().or_else(|| context.user.clone());
    let cluster = match &cluster_name {
        Some(name) => match (config.clusters.get(name), &target.cluster) {
            (Some(cluster), _) => Some(cluster.clone()),
            (None, Some(_)) => return Err(nowhere("--cluster", name, "clusters", config.clusters.keys())),
            (None, None) => None,
        },
        None => None,
    };
    let user = user_name.as_ref().and_then(|name| config.users.get(name).cloned());
    if let (None, Some(name)) = (&user, &target.user) {
        return Err(nowhere("--user", name, "users", config.users.keys()));
    }
    if target.server.is_none() && cluster.is_none() {
        return match (&context_name, &cluster_name) {
            (None, None) => Ok(None),
            (context, name) => {
                Err(no_cluster(&context_file(context, found), context.as_deref(), name.as_deref()))
            }
        };
    }
    let user_is_missing = user.is_none() && user_name.is_some();
    let mut chosen = Chosen {
        files: found.files.clone(),
        context: context_name,
        cluster_name: cluster_name.unwrap_or_default(),
        cluster: cluster.unwrap_or_default(),
        user_name: user_name.unwrap_or_default(),
        user: user.unwrap_or_default(),
        user_is_missing,
    };
    override_cluster(&mut chosen.cluster, target);
    override_user(&mut chosen.user, target);
    Ok(Some(chosen))
}

fn context_file(context: &Option<String>, found: &Found) -> String {
    let of_context = context.as_ref().and_then(|name| found.config.contexts.get(name));
    let file = of_context.map(|context| context.file.clone()).or_else(|| found.files.first().cloned());
    file.map(|file| file.display().to_string()).unwrap_or_default()
}

fn no_context(found: &Found, target: &Target, name: &str) -> Unusable {
    let names: Vec<&str> = found.config.contexts.keys().map(String::as_str).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let files: Vec<String> = found.files.iter().map(|file| file.display().to_string()).collect();
    let place = match (&target.context, files.is_empty()) {
        (Some(_), true) => "--context".to_owned(),
        (Some(_), false) => format!("--context of the kubeconfig {}", files.join(" and ")),
        (None, _) => format!("current-context of the kubeconfig {}", files.join(" and ")),
    };
    Unusable::new(
        place,
        format!("there is no context `{name}`"),
        format!("choose one with --context: {there}"),
    )
}

fn no_cluster(file: &str, context: Option<&str>, cluster: Option<&str>) -> Unusable {
    let place =
        format!("contexts[`{}`].context.cluster of the kubeconfig {file}", context.unwrap_or_default());
    let wrong = match cluster {
        Some(cluster) => format!("there is no cluster `{cluster}`"),
        None => "it names no cluster".to_owned(),
    };
    Unusable::new(place, wrong, "choose another context with --context, or a cluster with --cluster")
}

fn nowhere<'n>(flag: &str, name: &str, what: &str, names: impl Iterator<Item = &'n String>) -> Unusable {
    let names: Vec<&str> = names.map(String::as_str).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Unusable::new(flag, format!("there is no `{name}`"), format!("the {what} of the kubeconfig are: {there}"))
}

/// A flag for the authorities, or against looking at certificates, replaces all that the cluster says of either. A flag for
/// the server takes the name for its certificate away.
fn override_cluster(cluster: &mut Cluster, target: &Target) {
    if target.insecure_skip_tls_verify || target.certificate_authority.is_some() {
        cluster.insecure = target.insecure_skip_tls_verify;
        cluster.ca_file.clone_from(&target.certificate_authority);
        cluster.ca_data = None;
    }
    if target.server.is_some() || target.tls_server_name.is_some() {
        cluster.tls_server_name.clone_from(&target.tls_server_name);
    }
    if let Some(server) = &target.server {
        cluster.server = Some(crate::secret::Secret::new(server.as_str()));
    }
}

pub(super) fn override_user(user: &mut User, target: &Target) {
    if target.client_certificate.is_some() {
        user.certificate_file.clone_from(&target.client_certificate);
        user.certificate_data = None;
    }
    if target.client_key.is_some() {
        user.key_file.clone_from(&target.client_key);
        user.key_data = None;
    }
    if target.token.is_some() {
        user.token.clone_from(&target.token);
    }
    if target.impersonate.is_some() {
        user.impersonate.clone_from(&target.impersonate);
    }
    if target.impersonate_uid.is_some() {
        user.impersonate_uid.clone_from(&target.impersonate_uid);
    }
    if !target.impersonate_groups.is_empty() {
        user.impersonate_groups.clone_from(&target.impersonate_groups);
    }
}
