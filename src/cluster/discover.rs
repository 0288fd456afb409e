//! What has to be found out about a cluster: its nodes, its default StorageClass, its DNS zone and who answers for it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Server, Unanswered};
use crate::{history::Endpoint, options::DnsBackends};

/// What the preflight found out, which every other scenario builds on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The DNS zone, with neither leading nor trailing dot; none where there is no DNS.
    pub zone: Option<String>,
    /// The nameservers in a pod's resolv.conf.
    pub nameservers: Vec<String>,
    /// The domains in a pod's search path that are not the cluster's: those of the node.
    pub search: Vec<String>,
    /// The DNS backend pods: their namespace, and each with its address.
    pub backends: Vec<Backend>,
    /// The probe pods' namespace, and each with its node.
    pub probes: Vec<Probe>,
    /// The StorageClass that class-less claims get, or the one named by flag.
    pub storage_class: Option<String>,
}

/// One DNS backend pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its address.
    pub address: String,
}

/// One probe pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// The node that it runs on.
    pub node: String,
    /// Its uid.
    pub uid: String,
}

impl Surroundings {
    /// The backends as histories name them.
    pub fn backend_endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |b: &Backend| Endpoint { name: b.pod.clone(), address: b.address.clone() };
        self.backends.iter().map(endpoint).collect()
    }

    /// The probes as histories name them: by node.
    pub fn probe_endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |p: &Probe| Endpoint { name: p.node.clone(), address: p.pod.clone() };
        self.probes.iter().map(endpoint).collect()
    }
}

async fn list(server: &Server, path: &str, kind: &str) -> Result<Vec<Value>> {
    Ok(server.list(path, kind).await.with_context(|| format!("failed to list {path}"))?.items)
}

/// The names of the nodes that a pod without tolerations can be scheduled to.
pub async fn schedulable_nodes(server: &Server) -> Result<Vec<String>> {
    let nodes = list(server, "/api/v1/nodes", "Node").await?;
    let mut names: Vec<String> = nodes.iter().filter(|node| takes_pods(node)).filter_map(name).collect();
    names.sort();
    Ok(names)
}

fn takes_pods(node: &Value) -> bool {
    let tainted = node["spec"]["taints"].as_array().is_some_and(|taints| {
        taints.iter().any(|taint| taint["effect"] == "NoSchedule" || taint["effect"] == "NoExecute")
    });
    let conditions = node["status"]["conditions"].as_array();
    let ready =
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
    ready && !tainted && node["spec"]["unschedulable"] != true
}

fn name(object: &Value) -> Option<String> {
    object["metadata"]["name"].as_str().map(str::to_owned)
}

/// The default StorageClass; none where there is none. With several, the newest, as the API server does.
pub async fn storage_class(server: &Server) -> Result<Option<String>> {
    let classes = list(server, "/apis/storage.k8s.io/v1/storageclasses", "StorageClass").await?;
    let is_default = |class: &&Value| {
        let annotations = &class["metadata"]["annotations"];
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|key| annotations[*key] == "true")
    };
    let made = |class: &&Value| class["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
    Ok(classes.iter().filter(is_default).max_by_key(made).and_then(name))
}

/// What a pod's resolv.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolverConfig {
    /// The cluster's zone; none where the file is that of the node.
    pub zone: Option<String>,
    /// The nameservers.
    pub nameservers: Vec<String>,
    /// The search domains that are not the cluster's: those of the node.
    pub search: Vec<String>,
}

impl ResolverConfig {
    /// Reads the file. The zone is what follows `<namespace>.svc.` in the search path.
    pub fn read(file: &str, namespace: &str) -> Self {
        let of = |keyword: &'static str| {
            let lines = file.lines().map(str::split_whitespace);
            lines.filter_map(move |mut words| (words.next() == Some(keyword)).then_some(words)).flatten()
        };
        let domains: Vec<&str> = of("search").map(|domain| domain.trim_end_matches('.')).collect();
        let prefix = format!("{namespace}.svc.");
        let zone = domains.iter().find_map(|domain| domain.strip_prefix(&prefix)).map(str::to_owned);
        let own = zone.as_ref().map(|zone| [format!("{prefix}{zone}"), format!("svc.{zone}"), zone.clone()]);
        let is_foreign = |domain: &&&str| !own.iter().flatten().any(|own| own == **domain);
        let search = domains.iter().filter(is_foreign).map(ToString::to_string).collect();
        Self { zone, nameservers: of("nameserver").map(str::to_owned).collect(), search }
    }
}

/// The DNS backends: the ready pods behind the Service that has one of these addresses, or those that a flag names.
pub async fn backends_of(
    server: &Server,
    nameservers: &[String],
    flag: Option<&DnsBackends>,
) -> Result<Vec<Backend>> {
    let (namespace, selector) = match flag {
        Some(flag) => (flag.namespace.clone(), flag.selector.clone()),
        None => match dns_service(server, nameservers).await? {
            Some(found) => found,
            None => return Ok(Vec::new()),
        },
    };
    let selector = selector.replace('=', "%3D").replace(',', "%2C");
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
    let pods = list(server, &path, "Pod").await?;
    let mut backends: Vec<Backend> = pods.iter().filter_map(|pod| ready_backend(&namespace, pod)).collect();
    backends.sort_by(|a, b| a.pod.cmp(&b.pod));
    Ok(backends)
}

/// The namespace and the selector of the Service that has one of these addresses.
async fn dns_service(server: &Server, nameservers: &[String]) -> Result<Option<(String, String)>> {
    let services = list(server, "/api/v1/services", "Service").await?;
    let found = services.iter().find(|service| {
        let address = service["spec"]["clusterIP"].as_str().unwrap_or_default();
        nameservers.iter().any(|nameserver| nameserver == address)
    });
    Ok(found.and_then(|service| {
        let selector = service["spec"]["selector"].as_object()?;
        let terms: Vec<String> = selector
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        Some((service["metadata"]["namespace"].as_str()?.to_owned(), terms.join(",")))
    }))
}

fn ready_backend(namespace: &str, pod: &Value) -> Option<Backend> {
    let conditions = pod["status"]["conditions"].as_array()?;
    let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let leaving = !pod["metadata"]["deletionTimestamp"].is_null();
    let address = pod["status"]["podIP"].as_str().filter(|address| !address.is_empty())?.to_owned();
    (ready && !leaving).then(|| Backend {
        namespace: namespace.to_owned(),
        pod: name(pod).unwrap_or_default(),
        address,
    })
}

/// The server's version.
pub async fn server_version(server: &Server) -> Result<String, Unanswered> {
    let reply = server.get_patiently("/version").await?;
    match reply.body["gitVersion"].as_str().filter(|_| reply.is_ok()) {
        Some(version) => Ok(version.to_owned()),
        None if reply.code == 401 => {
            Err(Unanswered { reason: format!("its credentials are refused (401): {}", reply.message()) })
        }
        None => Err(Unanswered { reason: format!("/version answered {}: {}", reply.code, reply.message()) }),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::{Client, client::Body};

    use super::*;

    fn answering(code: u16, body: &'static str) -> Server {
        let answer = tower::service_fn(move |_: Request<Body>| async move {
            Ok::<_, std::io::Error>(
                Response::builder().status(code).body(Body::from(body.as_bytes().to_vec())).unwrap(),
            )
        });
        Server::new(Client::new(answer, "default"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_in_place_of_a_list_is_not_an_empty_cluster() {
        for (code, body) in [
            (200, "<html>sign in</html>"),
            (200, "{}"),
            (403, "no"),
            (200, r#"{"kind":"PodList","items":[]}"#),
        ] {
            let server = answering(code, body);
            assert!(storage_class(&server).await.is_err(), "storage is not applicable for a page");
            assert!(schedulable_nodes(&server).await.is_err());
            assert!(backends_of(&server, &["10.96.0.10".to_owned()], None).await.is_err());
            assert!(server_version(&server).await.is_err());
        }
    }

    #[test]
    fn the_zone_is_what_follows_the_namespace() {
        let file = "search a.svc.corp.example svc.corp.example corp.example lan\nnameserver 169.254.20.10\noptions ndots:5\n";
        let config = ResolverConfig::read(file, "a");
        assert_eq!(config.zone.as_deref(), Some("corp.example"));
        assert_eq!(config.nameservers, ["169.254.20.10"]);
        assert_eq!(config.search, ["lan"]);
    }

    #[test]
    fn domains_that_only_end_like_the_zone_are_the_nodes() {
        let file = "search a.svc.example svc.example example my-example nodes.example\n";
        let config = ResolverConfig::read(file, "a");
        assert_eq!(config.zone.as_deref(), Some("example"));
        assert_eq!(config.search, ["my-example", "nodes.example"]);
    }

    #[test]
    fn a_host_resolver_has_no_zone() {
        assert_eq!(ResolverConfig::read("search lan\nnameserver 10.0.0.1\n", "a").zone, None);
    }
}
