//! From a kubeconfig, flags and the environment to how the cluster is reached, by kubectl's rules (client-go,
//! `tools/clientcmd`). kube's own reading differs from them in what is unset, repeated, missing or relative, so that it is
//! not used. Nothing is sent here.

mod choose;
mod field;
pub(super) mod files;
mod impersonation;
mod in_cluster;
mod login;
pub(super) mod model;
mod trust;
mod unusable;
mod usable;
pub(super) mod yaml;

use anyhow::{Result, anyhow};

pub(super) use model::Exec;
pub use unusable::Unusable;

use self::files::Found;
use super::{access::Access, environment::Environment};
use crate::options::Target;

/// How the cluster that the user means is reached.
///
/// # Errors
/// An [`Unusable`] where what was given cannot be used; any other error where nothing was given.
pub(super) async fn access(target: &Target, environment: &Environment) -> Result<Access> {
    let found = files::read(target.kubeconfig.as_deref(), environment).await?;
    match choose::choose(&found, target)? {
        Some(chosen) => Ok(usable::access(&chosen, target, environment).await?),
        None => match in_cluster::access(target, environment).await? {
            Some(access) => Ok(access),
            None => Err(nothing(&found)),
        },
    }
}

/// There is no cluster in all that was looked at.
fn nothing(found: &Found) -> anyhow::Error {
    let names = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
    };
    let contexts: Vec<&str> = found.config.contexts.keys().map(String::as_str).collect();
    match (found.files.is_empty(), contexts.is_empty(), found.missing.is_empty()) {
        (false, false, _) => {
            let hint = format!("choose one with --context: {}", contexts.join(", "));
            let place = format!("the kubeconfig {}", names(&found.files));
            Unusable::new(place, "it has no current-context", hint).into()
        }
        (false, true, _) => {
            let place = format!("the kubeconfig {}", names(&found.files));
            Unusable::new(place, "it has no contexts", "name another with --kubeconfig").into()
        }
        (true, _, false) => {
            let wrong = format!("there is no {}", names(&found.missing));
            Unusable::new("$KUBECONFIG", wrong, "name a file that is there, or unset it").into()
        }
        (true, _, true) => anyhow!(
            "no cluster: there is no --kubeconfig, no $KUBECONFIG, no ~/.kube/config and no service account of a pod; \
             try `export KUBECONFIG=…` and `kubectl cluster-info`"
        ),
    }
}
