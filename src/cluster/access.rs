//! How a cluster is reached: what a kubeconfig comes to once all its rules are applied. What is secret in it is a
//! [`Secret`].

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::{kubeconfig::Exec, transport::Proxy};
use crate::secret::Secret;

/// All that a connection is made from.
#[derive(Debug)]
pub(super) struct Access {
    /// Scheme, host, port, and the path before that of each request. No user and password.
    pub(super) server: Url,
    /// The proxy on the way there.
    pub(super) proxy: Option<Proxy>,
    /// Which server is believed to be the one.
    pub(super) trust: Trust,
    /// The certificate that the client shows.
    pub(super) identity: Option<Identity>,
    /// What the client says who it is.
    pub(super) login: Login,
    /// Whom it acts for, as headers.
    pub(super) impersonation: Vec<(HeaderName, HeaderValue)>,
    /// Where all that is from.
    pub(super) origin: Origin,
}

/// Which server is believed to be the one.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// The authorities in PEM, and where they stand; without them those of the system.
    pub(super) authorities: Option<(Vec<u8>, String)>,
    /// Whether any certificate will do.
    pub(super) insecure: bool,
    /// The name that the certificate is for; without it the host of the server.
    pub(super) server_name: Option<String>,
}

/// A certificate of the client with its key, both in PEM.
#[derive(Debug)]
pub(super) struct Identity {
    /// The certificate.
    pub(super) certificate: Pem,
    /// The key.
    pub(super) key: Pem,
}

/// A text in PEM, and where it stands.
#[derive(Debug)]
pub(super) struct Pem {
    /// The file, which may change while the program runs; none where the kubeconfig has the text itself.
    pub(super) file: Option<PathBuf>,
    /// The text, as it is now.
    pub(super) text: Secret,
    /// Where it stands, for a person to read.
    pub(super) place: String,
}

/// What the client says who it is.
#[derive(Debug)]
pub(super) enum Login {
    /// Nothing.
    Anonymous,
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Token(Secret),
    /// A file with a bearer token, which may change while the program runs.
    TokenFile {
        /// The file.
        file: PathBuf,
        /// What stands for it while it cannot be read.
        instead: Option<Secret>,
    },
    /// A credential plugin.
    Plugin(Box<Plugin>),
}

/// A credential plugin and what it is told.
#[derive(Debug)]
pub(super) struct Plugin {
    /// The user whose plugin it is.
    pub(super) user: String,
    /// How it is run.
    pub(super) exec: Exec,
    /// What it is told of the cluster, if it wants to know.
    pub(super) cluster: Option<Value>,
}

/// Where all of it is from, for messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// `the kubeconfig /home/me/.kube/config, context here`.
    pub(super) source: String,
    /// `clusters[here].cluster.server of the kubeconfig …` or `--server`.
    pub(super) server: String,
    /// What kubectl would have to be told to do the same.
    pub(super) kubectl: String,
    /// Whose credentials they are: `the user admin`.
    pub(super) user: String,
}
