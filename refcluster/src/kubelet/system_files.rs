//! The files that a kubelet writes into every container: `/etc/hosts`, `/etc/resolv.conf`, `/etc/hostname`.
//!
//! Follows `managedHostsFileContent` of `pkg/kubelet/kubelet_pods.go` and `pkg/kubelet/network/dns`.

use super::filesystem::Volume;
use crate::fault::Fault;
use crate::json::{self, text};
use crate::world::World;
use serde_json::Value;

const LONGEST_HOSTNAME: usize = 64;

/// The hostname that the containers of a pod see. `container` is the container's own id.
pub(super) fn hostname(world: &mut World, pod: &Value, container: &str, init: bool) -> String {
    if world.tells(Fault::HostnameIsContainerId) || (init && world.tells(Fault::InitHostnameIsContainerId)) {
        return container.chars().take(12).collect();
    }
    if world.tells(Fault::HostnameIsNodeName) {
        return text(pod, "/spec/nodeName").to_owned();
    }
    let own = short_hostname(pod);
    if pod["spec"]["setHostnameAsFQDN"] == true && !world.tells(Fault::FqdnHostnameIgnored) {
        let full = full_hostname(world, pod).unwrap_or(own);
        return full.chars().take(LONGEST_HOSTNAME).collect();
    }
    own
}

fn short_hostname(pod: &Value) -> String {
    let own = text(pod, "/spec/hostname");
    if own.is_empty() { json::name(pod).to_owned() } else { own.to_owned() }
}

/// The name that a pod has in the DNS, if it has one.
fn full_hostname(world: &World, pod: &Value) -> Option<String> {
    let subdomain = text(pod, "/spec/subdomain");
    let (own, namespace, zone) = (short_hostname(pod), json::namespace(pod), &world.dns.zone);
    (!subdomain.is_empty()).then(|| format!("{own}.{subdomain}.{namespace}.svc.{zone}"))
}

/// Why a pod cannot have its full name as hostname, if it wants it: Linux takes 64 characters.
pub(super) fn too_long_hostname(world: &mut World, pod: &Value) -> Option<String> {
    let wants = pod["spec"]["setHostnameAsFQDN"] == true && !world.faults.has(Fault::FqdnHostnameIgnored);
    let full = full_hostname(world, pod).filter(|full| wants && full.len() > LONGEST_HOSTNAME)?;
    if world.tells(Fault::FqdnHostnameCutShort) {
        return None;
    }
    let length = full.len();
    Some(format!(
        "failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long ({LONGEST_HOSTNAME} characters is the max, {length} characters requested)"
    ))
}

/// Writes the files.
pub(super) fn install(world: &mut World, root: &Volume, pod: &Value, hostname: &str, addresses: &[String]) {
    root.install("/etc/hostname", format!("{hostname}\n"));
    root.install("/proc/sys/kernel/hostname", format!("{hostname}\n"));
    let hosts = hosts(world, pod, hostname, addresses);
    root.install("/etc/hosts", hosts);
    let resolv_conf = resolv_conf(world, pod);
    root.install("/etc/resolv.conf", resolv_conf);
}

fn hosts(world: &mut World, pod: &Value, hostname: &str, addresses: &[String]) -> String {
    let mut text = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n".to_owned();
    let subdomain = json::text(pod, "/spec/subdomain");
    let namespace = json::namespace(pod);
    let mut zone = world.dns.zone.clone();
    if !subdomain.is_empty() && world.tells(Fault::HostsFileOtherZone) {
        zone = "other.invalid".to_owned();
    }
    let hostname =
        if pod["spec"]["setHostnameAsFQDN"] == true { short_hostname(pod) } else { hostname.to_owned() };
    let full = format!("{hostname}.{subdomain}.{namespace}.svc.{zone}");
    let known = format!("hosts/{namespace}/{}", json::name(pod));
    for address in addresses {
        let first = world.network.first_address(&known, address);
        let stale = first != *address && !address.contains(':') && world.tells(Fault::HostsFileStale);
        let address = if stale { &first } else { address };
        let names = if subdomain.is_empty() { hostname.clone() } else { format!("{full}\t{hostname}") };
        text.push_str(&format!("{address}\t{names}\n"));
    }
    text
}

fn resolv_conf(world: &mut World, pod: &Value) -> String {
    if text(pod, "/spec/dnsPolicy") == "Default" {
        return "nameserver 192.0.2.53\n".to_owned();
    }
    let zone = world.dns.zone.clone();
    let mut namespace = json::namespace(pod).to_owned();
    if world.tells(Fault::SearchesOtherNamespace) {
        namespace = "default".to_owned();
    }
    let mut search = format!("{namespace}.svc.{zone} svc.{zone} {zone}");
    if world.tells(Fault::SearchPathMissing) {
        search = zone;
    }
    let server = world.options.ip_families.of_service(10);
    format!("search {search}\nnameserver {server}\noptions ndots:5\n")
}
