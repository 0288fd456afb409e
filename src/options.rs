//! What a run and a clean-up can be told, as plain data. The command line makes it from flags; tests write it by hand.

use std::{path::PathBuf, time::Duration};

use crate::{limits, secret::Secret};

/// How the cluster is found, in kubectl's words: each field is what the flag of that name is to kubectl.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// A kubeconfig file; without it `$KUBECONFIG`, `~/.kube/config`, or the service account that a pod has.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it; without it the current one.
    pub context: Option<String>,
    /// A cluster in it; without it the context's.
    pub cluster: Option<String>,
    /// A user in it; without it the context's.
    pub user: Option<String>,
    /// The server's address, in place of the cluster's.
    pub server: Option<String>,
    /// The name that the server's certificate is for.
    pub tls_server_name: Option<String>,
    /// A file with the authorities that may have signed the server's certificate.
    pub certificate_authority: Option<PathBuf>,
    /// Whether the server's certificate is not looked at.
    pub insecure_skip_tls_verify: bool,
    /// A file with the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// A file with the key of the client's certificate.
    pub client_key: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// The user to impersonate.
    pub impersonate: Option<String>,
    /// The groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// The uid to impersonate.
    pub impersonate_uid: Option<String>,
    /// How long one request may take, watches excepted; zero for as long as the run. Without it `request` of the limits.
    pub request_timeout: Option<Duration>,
    /// Whether it is the model cluster in this binary.
    pub embedded: bool,
}

/// Everything that a run can be told, apart from what to run (see [`crate::plan::Plan`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How the cluster is found.
    pub target: Target,
    /// How many scenarios run side by side.
    pub jobs: usize,
    /// The folder of the reports; without it `reports/<run id>`.
    pub out: Option<PathBuf>,
    /// One more place for the JUnit file.
    pub junit: Option<PathBuf>,
    /// How JUnit files are written.
    pub junit_style: JunitStyle,
    /// Whether what was created stays.
    pub keep: Keep,
    /// The images that pods run.
    pub images: Images,
    /// The StorageClass of every claim; without it the cluster's default.
    pub storage_class: Option<String>,
    /// The cluster's DNS zone; without it what a pod's resolv.conf says.
    pub cluster_domain: Option<String>,
    /// The pods that answer DNS; without it the endpoints of the Service that has the nameserver's address.
    pub dns_backends: Option<DnsBackends>,
    /// How long an old DNS answer may be served before it breaks the promise.
    pub dns_stale_secs: f64,
    /// Every wait is this many times as long as `limits.rs` says. What a cluster promises is not stretched.
    pub timeout_scale: f64,
    /// How long the whole run may take, from the first connection to the last delete.
    pub deadline_secs: f64,
    /// What the names of the namespaces begin with.
    pub namespace_prefix: String,
    /// The seed of all that is random in a run; without it one that the run draws and prints.
    pub seed: Option<u64>,
    /// How much is said on the terminal.
    pub voice: Voice,
}

/// Which consumers a JUnit file is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JunitDialect {
    /// With properties and output of each case, and with one element for all that is red. For all consumers that do not
    /// validate.
    #[default]
    Rich,
    /// Valid in the schemas of the Jenkins xUnit plugin and of Ant; what does not fit is told in the texts.
    Strict,
}

/// How JUnit files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitStyle {
    /// Which consumers they are for.
    pub dialect: JunitDialect,
    /// The host that the harness ran on.
    pub hostname: String,
    /// What the names of all suites begin with, to tell the clusters of one dashboard apart.
    pub suite_prefix: Option<String>,
    /// A folder to put before each attachment, for consumers that want absolute paths.
    pub attachment_base: Option<String>,
    /// Where people find the reports: an address that the texts and properties name.
    pub report_url: Option<String>,
    /// More properties of every suite, by name.
    pub properties: Vec<(String, String)>,
    /// The folder that requirements were read from, where it was not the binary: cases name the files in it.
    pub specs: Option<String>,
}

impl Default for JunitStyle {
    fn default() -> Self {
        Self {
            dialect: JunitDialect::Rich,
            hostname: "localhost".to_owned(),
            suite_prefix: None,
            attachment_base: None,
            report_url: None,
            properties: Vec::new(),
            specs: None,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Target::default(),
            jobs: DEFAULT_JOBS,
            out: None,
            junit: None,
            junit_style: JunitStyle::default(),
            keep: Keep::Never,
            images: Images::default(),
            storage_class: None,
            cluster_domain: None,
            dns_backends: None,
            dns_stale_secs: limits::DNS_STALE_HARD.wait_secs(),
            timeout_scale: 1.0,
            deadline_secs: limits::RUN.wait_secs(),
            namespace_prefix: DEFAULT_NAMESPACE_PREFIX.to_owned(),
            seed: None,
            voice: Voice::default(),
        }
    }
}

/// How many scenarios run side by side, unless told otherwise.
pub const DEFAULT_JOBS: usize = 8;

/// What the names of the namespaces begin with, unless told otherwise.
pub const DEFAULT_NAMESPACE_PREFIX: &str = "steadfast-";

/// The nginx image of the documented manifests, unless told otherwise: theirs are no longer pulled everywhere.
pub const DEFAULT_IMAGE: &str = "registry.k8s.io/nginx-slim:0.27";

/// The image of the probe pods and of the instrumented sets, unless told otherwise. The instrumented manifests name it.
pub const DEFAULT_PROBE_IMAGE: &str = "busybox:1.37";

/// The word for `--image` that keeps the documented images.
pub const AS_DOCUMENTED: &str = "as-documented";

/// The images that pods run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// What replaces the nginx images of the documented manifests; none to keep theirs.
    pub nginx: Option<String>,
    /// What the probe pods and the instrumented sets run: a shell and busybox's tools.
    pub probe: String,
    /// What else is run in the place of an image, by its name.
    pub map: Vec<(String, String)>,
    /// The registry, with a path where there is one, that has a copy of every image that `map` does not name.
    pub registry: Option<String>,
}

impl Default for Images {
    fn default() -> Self {
        let (nginx, probe) = (Some(DEFAULT_IMAGE.to_owned()), DEFAULT_PROBE_IMAGE.to_owned());
        Self { nginx, probe, map: Vec::new(), registry: None }
    }
}

impl Images {
    /// What is run where a manifest (its path under `manifests/`) says `image`. What the map says of either name counts before
    /// the registry.
    pub fn instead_of(&self, manifest: &str, image: &str) -> String {
        let documented = manifest.starts_with("documented/");
        let used = match &self.nginx {
            Some(nginx) if documented && is_nginx(image) => nginx,
            _ if !documented && image == DEFAULT_PROBE_IMAGE => &self.probe,
            _ => image,
        };
        let mapped = |name: &str| self.map.iter().find(|(old, _)| old == name).map(|(_, new)| new.clone());
        mapped(image).or_else(|| mapped(used)).unwrap_or_else(|| self.in_registry(used))
    }

    fn in_registry(&self, image: &str) -> String {
        match &self.registry {
            Some(registry) => format!("{}/{}", registry.trim_end_matches('/'), without_registry(image)),
            None => image.to_owned(),
        }
    }
}

/// An image's name without the host that it is pulled from. The first part of a name is a host if it has a dot or a port, or is
/// `localhost`.
fn without_registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => image,
    }
}

/// Whether an image is one of nginx, whatever its registry and tag: `nginx:1.9.1`, `k8s.gcr.io/nginx-slim:0.8`.
fn is_nginx(image: &str) -> bool {
    image.rsplit('/').next().is_some_and(|name| name.starts_with("nginx"))
}

/// The pods that answer DNS: those in a namespace that a label selector matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsBackends {
    /// Their namespace.
    pub namespace: String,
    /// The label selector, such as `k8s-app=kube-dns`.
    pub selector: String,
}

/// Whether what was created stays in the cluster after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything goes.
    Never,
    /// The namespaces of scenarios that a requirement failed on, or was inconclusive on, stay.
    OnFailure,
    /// Everything stays.
    Always,
}

/// Whether the terminal's output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Where standard output is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How the run tells how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// A live line where standard error is a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// One line for each change of state, and a heartbeat.
    Plain,
    /// Not at all.
    None,
}

/// How much is said on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Voice {
    /// Colours.
    pub color: Color,
    /// Progress.
    pub progress: Progress,
    /// The verdict alone, a summary, or all the evidence.
    pub detail: Detail,
}

/// How much detail the terminal gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Detail {
    /// Nothing: whoever has called for the run tells what came of it.
    Silent,
    /// `--quiet`: the verdict line and errors.
    Quiet,
    /// What did not pass, and the counts.
    #[default]
    Normal,
    /// `--verbose`: every requirement with its evidence.
    Verbose,
}

/// What a clean-up is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cleanup {
    /// How the cluster is found.
    pub target: Target,
    /// Only what this run made.
    pub run_id: Option<String>,
    /// Only what is at least this old.
    pub older_than_secs: Option<u64>,
    /// Also what belongs to runs that are at work.
    pub include_live: bool,
    /// Only say what would be deleted.
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_nginx_images_are_replaced_and_no_others() {
        let images = Images::default();
        assert_eq!(images.instead_of("documented/a.yaml", "nginx:1.9.1"), DEFAULT_IMAGE);
        assert_eq!(images.instead_of("documented/a.yaml", "k8s.gcr.io/nginx-slim:0.8"), DEFAULT_IMAGE);
        assert_eq!(images.instead_of("documented/a.yaml", "busybox:1.28.4"), "busybox:1.28.4");
    }

    #[test]
    fn as_documented_keeps_them() {
        let images = Images { nginx: None, ..Images::default() };
        assert_eq!(images.instead_of("documented/a.yaml", "nginx:1.9.1"), "nginx:1.9.1");
    }

    #[test]
    fn the_probe_image_replaces_that_of_the_instrumented_manifests() {
        let images = Images { probe: "mirror/busybox:1".to_owned(), ..Images::default() };
        assert_eq!(images.instead_of("instrumented/web.yaml", "busybox:1.37"), "mirror/busybox:1");
        assert_eq!(images.instead_of("instrumented/web.yaml", "busybox:1.36"), "busybox:1.36");
    }

    #[test]
    fn a_registry_has_a_copy_of_every_image() {
        let images = Images { registry: Some("mirror.example:5000/k8s/".to_owned()), ..Images::default() };
        for (manifest, image, used) in [
            ("documented/a.yaml", "nginx:1.9.1", "mirror.example:5000/k8s/nginx-slim:0.27"),
            ("documented/a.yaml", "busybox:1.28.4", "mirror.example:5000/k8s/busybox:1.28.4"),
            ("instrumented/a.yaml", "busybox:1.37", "mirror.example:5000/k8s/busybox:1.37"),
            ("instrumented/a.yaml", "localhost/team/a:1", "mirror.example:5000/k8s/team/a:1"),
            ("instrumented/a.yaml", "team/a:1", "mirror.example:5000/k8s/team/a:1"),
        ] {
            assert_eq!(images.instead_of(manifest, image), used);
        }
    }

    #[test]
    fn a_map_of_images_counts_before_the_registry() {
        let map = vec![
            ("busybox:1.28.4".to_owned(), "corp/bb:1".to_owned()),
            (DEFAULT_IMAGE.to_owned(), "corp/web:2".to_owned()),
        ];
        let images = Images { map, registry: Some("mirror.example".to_owned()), ..Images::default() };
        assert_eq!(images.instead_of("documented/a.yaml", "busybox:1.28.4"), "corp/bb:1");
        assert_eq!(
            images.instead_of("documented/a.yaml", "nginx:1.9.1"),
            "corp/web:2",
            "by what replaces it"
        );
        assert_eq!(images.instead_of("instrumented/a.yaml", "busybox:1.37"), "mirror.example/busybox:1.37");
    }
}
