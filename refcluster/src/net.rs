//! The pods' network: who listens where, and who answers when one connects.
//!
//! A Service's virtual address leads to one of its ready endpoints, as kube-proxy does it; which one, the seed
//! decides.

use crate::fault::Fault;
use crate::json::{self, items, text};
use crate::kind::Kind;
use crate::kubelet::filesystem::Mounts;
use crate::rng::Rng;
use crate::world::{Shared, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What answers on a port.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// Serves files below a directory.
    Http { files: Arc<Mounts>, root: String },
    /// Answers `200 OK` to every request.
    Health,
    /// A DNS backend, by the uid of its pod.
    Dns(String),
}

/// Why nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// The address is a pod's, and nobody listens on the port.
    Refused,
    /// Nobody has the address.
    NoRoute,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// The listeners of all pods.
#[derive(Debug)]
pub(crate) struct Network {
    pods: BTreeMap<String, BTreeMap<u16, Server>>,
    nodes: BTreeMap<String, String>,
    cut: BTreeSet<String>,
    first_addresses: BTreeMap<String, String>,
    chance: Rng,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Rng::named(seed, "network");
        Self {
            pods: BTreeMap::new(),
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            first_addresses: BTreeMap::new(),
            chance,
        }
    }

    /// A pod of a node has an address now.
    pub(crate) fn join(&mut self, address: &str, node: &str) {
        self.pods.insert(address.to_owned(), BTreeMap::new());
        self.nodes.insert(address.to_owned(), node.to_owned());
    }

    /// Cuts a node off from the others, or mends that.
    pub(crate) fn cut_off(&mut self, node: &str, cut: bool) {
        self.cut.remove(node);
        self.cut.extend(cut.then(|| node.to_owned()));
    }

    /// Whether what has these addresses reaches another address; a kubelet reaches its own pods.
    fn reaches(&self, from: &[String], address: &str) -> bool {
        let node = |address: &str| self.nodes.get(address);
        let (here, there) = (from.first().and_then(|own| node(own)), node(address));
        let is_cut = |node: Option<&String>| node.is_some_and(|node| self.cut.contains(node));
        from.is_empty() || here == there || !(is_cut(here) || is_cut(there))
    }

    /// A pod has its address no longer.
    pub(crate) fn leave(&mut self, address: &str) {
        self.pods.remove(address);
    }

    /// Lets a server listen. Fails when the port is taken.
    pub(crate) fn listen(&mut self, address: &str, port: u16, server: Server) -> bool {
        let Some(ports) = self.pods.get_mut(address) else { return false };
        let free = !ports.contains_key(&port);
        ports.entry(port).or_insert(server);
        free
    }

    /// Frees a port.
    pub(crate) fn close(&mut self, address: &str, port: u16) {
        if let Some(ports) = self.pods.get_mut(address) {
            ports.remove(&port);
        }
    }

    /// The address that something had when it was first asked about.
    pub(crate) fn first_address(&mut self, of: &str, address: &str) -> String {
        self.first_addresses.entry(of.to_owned()).or_insert_with(|| address.to_owned()).clone()
    }

    fn server(&self, address: &str, port: u16) -> Result<Server, Unreachable> {
        let ports = self.pods.get(address).ok_or(Unreachable::NoRoute)?;
        ports.get(&port).cloned().ok_or(Unreachable::Refused)
    }
}

impl World {
    /// Who answers on an address and a port, be it a pod's or a Service's.
    pub(crate) fn resolve_server(
        &mut self,
        from: &[String],
        address: &str,
        port: u16,
        transport: Transport,
    ) -> Result<Server, Unreachable> {
        let (address, port) = self.translate(address, port).unwrap_or_else(|| (address.to_owned(), port));
        if !self.network.reaches(from, &address) {
            return Err(Unreachable::NoRoute);
        }
        let server = self.network.server(&address, port)?;
        if !matches!(server, Server::Dns(_)) {
            return Ok(self.misdelivered(&address, port).unwrap_or(server));
        }
        let lie = if transport == Transport::Tcp { Fault::DnsTcpFiltered } else { Fault::DnsUdpFiltered };
        let without = self.is_on_last_node(from) && self.tells(Fault::NodeWithoutDns);
        if without || self.tells(lie) || self.tells(Fault::DnsDown) {
            return Err(Unreachable::NoRoute);
        }
        Ok(server)
    }

    /// Whether an address is a pod's of the last of several nodes.
    fn is_on_last_node(&self, from: &[String]) -> bool {
        let nodes: Vec<_> = self.store.list(Kind::Node, "").map(|(key, _)| &key.name).collect();
        let own = from.first().and_then(|address| self.network.nodes.get(address));
        nodes.len() > 1 && own.is_some_and(|own| nodes.last() == Some(&own))
    }

    /// A connection that ends up at a sibling: another pod that listens on the same port.
    fn misdelivered(&mut self, address: &str, port: u16) -> Option<Server> {
        let others = self.network.pods.iter().filter(|(other, _)| *other != address);
        let sibling = others.filter_map(|(_, ports)| ports.get(&port)).next().cloned()?;
        self.tells(Fault::ConnectionsReachSibling).then_some(sibling)
    }

    /// The endpoint behind a virtual address.
    fn translate(&mut self, address: &str, port: u16) -> Option<(String, u16)> {
        let service = |service: &Value| items(service, "/spec/clusterIPs").iter().any(|own| own == address);
        let (key, object) = self.store.list(Kind::Service, "").find(|(_, object)| service(object))?;
        let wanted = items(object, "/spec/ports").iter().find(|entry| entry["port"] == port)?;
        let (key, port_name) = (key.clone(), text(wanted, "/name").to_owned());
        let mut ready = Vec::new();
        for (_, slice) in self.store.list(Kind::EndpointSlice, &key.namespace) {
            let family = if address.contains(':') { "IPv6" } else { "IPv4" };
            let own = json::label(slice, "kubernetes.io/service-name") == Some(&key.name);
            if !own || slice["addressType"] != family {
                continue;
            }
            let target = items(slice, "/ports").iter().find(|entry| entry["name"] == *port_name);
            let target = target.and_then(|entry| entry["port"].as_u64()).unwrap_or(0) as u16;
            let serving =
                items(slice, "/endpoints").iter().filter(|endpoint| endpoint["conditions"]["ready"] == true);
            ready.extend(serving.map(|endpoint| (text(endpoint, "/addresses/0").to_owned(), target)));
        }
        if ready.is_empty() {
            return None;
        }
        let index = self.network.chance.within(0..ready.len() as u64) as usize;
        ready.get(index).cloned()
    }
}

/// Opens a TCP connection.
pub(crate) fn connect(
    shared: &Shared,
    from: &[String],
    address: &str,
    port: u16,
) -> Result<DuplexStream, Unreachable> {
    let mut world = shared.lock();
    let server = world.resolve_server(from, address, port, Transport::Tcp)?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let shared = shared.clone();
    world.spawn(async move {
        // A connection that the other side breaks is over, and that is all there is to it.
        let _ = serve(&shared, server, theirs).await;
    });
    Ok(ours)
}

/// Sends a datagram and waits for the one that comes back, if any.
pub(crate) fn exchange(
    shared: &Shared,
    from: &[String],
    address: &str,
    port: u16,
    datagram: &[u8],
) -> Option<Vec<u8>> {
    let mut world = shared.lock();
    match world.resolve_server(from, address, port, Transport::Udp) {
        Ok(Server::Dns(uid)) => world.dns_answer(&uid, datagram),
        _ => None,
    }
}

async fn serve(shared: &Shared, server: Server, mut stream: DuplexStream) -> std::io::Result<()> {
    match server {
        Server::Http { files, root } => {
            serve_http(&mut stream, |path| files.read(&format!("{root}{path}"))).await
        }
        Server::Health => serve_http(&mut stream, |_| Some(b"OK".to_vec())).await,
        Server::Dns(uid) => loop {
            let mut query = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut query).await?;
            let Some(answer) = shared.lock().dns_answer(&uid, &query) else { return Ok(()) };
            stream.write_u16(answer.len() as u16).await?;
            stream.write_all(&answer).await?;
        },
    }
}

/// Answers one request and closes.
async fn serve_http(
    stream: &mut DuplexStream,
    find: impl Fn(&str) -> Option<Vec<u8>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            break;
        }
        request.extend_from_slice(&piece[..length]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split_whitespace().nth(1).unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
    let found = if path.ends_with('/') { find(&format!("{path}index.html")) } else { find(&path) };
    let (status, body) = match found {
        Some(body) => ("200 OK", body),
        None if path.ends_with('/') => ("403 Forbidden", b"403 Forbidden\n".to_vec()),
        None => ("404 Not Found", b"404 Not Found\n".to_vec()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}
