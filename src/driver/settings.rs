//! What the user may change about how scenarios run.

use std::time::Duration;

use crate::limits::Limit;

/// The image that replaces those of the documented manifests unless a flag says otherwise: they date from 2015, in a
/// format that present container runtimes no longer pull.
pub const DEFAULT_IMAGE: &str = "registry.k8s.io/nginx-slim:0.27";

/// The image of the instrumented manifests: a shell, `httpd`, `nc` and `wget`.
pub const DEFAULT_PROBE_IMAGE: &str = "busybox:1.37";

/// The word for `--image` that keeps the documented images.
pub const AS_DOCUMENTED: &str = "as-documented";

/// How scenarios run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What namespaces begin with.
    pub namespace_prefix: String,
    /// The image for the documented manifests, or [`AS_DOCUMENTED`].
    pub image: String,
    /// The image for the instrumented manifests and the probes.
    pub probe_image: String,
    /// The StorageClass for every claim; without one, the cluster's default.
    pub storage_class: Option<String>,
    /// The DNS zone; without one, what a pod's resolv.conf says.
    pub cluster_domain: Option<String>,
    /// The DNS backends as `<namespace>/<selector>`; without it, the endpoints of the Service that has the nameserver's
    /// address.
    pub dns_backends: Option<String>,
    /// How long an old DNS answer may be served, in seconds.
    pub dns_stale_secs: f64,
    /// By how much every bound on a wait is stretched.
    pub timeout_scale: f64,
    /// What the random names and tokens are drawn from.
    pub seed: u64,
}

impl Settings {
    /// A limit, stretched.
    pub fn bound(&self, limit: Limit) -> Duration {
        limit.duration().mul_f64(self.timeout_scale)
    }

    /// The image that a manifest's image is replaced with, if it is.
    pub fn image_for<'a>(&'a self, image: &str) -> Option<&'a str> {
        let repository = image.split(':').next().unwrap_or_default();
        let name = repository.rsplit('/').next().unwrap_or_default();
        let wanted = match name {
            "nginx" | "nginx-slim" if self.image == AS_DOCUMENTED => return None,
            "nginx" | "nginx-slim" => &self.image,
            "busybox" => &self.probe_image,
            _ => return None,
        };
        (wanted != image).then_some(wanted)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace_prefix: "steadfast".to_owned(),
            image: DEFAULT_IMAGE.to_owned(),
            probe_image: DEFAULT_PROBE_IMAGE.to_owned(),
            storage_class: None,
            cluster_domain: None,
            dns_backends: None,
            dns_stale_secs: crate::limits::DNS_STALE_HARD.wait_secs(),
            timeout_scale: 1.0,
            seed: 0,
        }
    }
}
