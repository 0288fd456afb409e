//! The resolver library of a container: `/etc/hosts`, then `/etc/resolv.conf` and a query over UDP.

use crate::kubelet::Container;
use crate::net;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::net::IpAddr;

/// What a name server has answered.
pub(super) struct Lookup {
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
}

/// The name servers and search domains of a container.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    pub(super) servers: Vec<String>,
    search: Vec<String>,
    ndots: usize,
}

impl Resolver {
    pub(super) fn of(container: &Container) -> Self {
        let text = container.files.read("/etc/resolv.conf").unwrap_or_default();
        let mut resolver = Self { ndots: 1, ..Self::default() };
        for line in String::from_utf8_lossy(&text).lines() {
            let mut words = line.split_whitespace().map(str::to_owned);
            match words.next().as_deref() {
                Some("nameserver") => resolver.servers.extend(words.next()),
                Some("search") => resolver.search = words.collect(),
                Some("options") => {
                    let ndots = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                    resolver.ndots = ndots.unwrap_or(resolver.ndots);
                }
                _ => {}
            }
        }
        resolver
    }

    /// The names to ask for, in order: a name with few dots goes through the search domains first.
    fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        let plain = [name.to_owned()];
        if name.matches('.').count() >= self.ndots {
            plain.into_iter().chain(searched).collect()
        } else {
            searched.chain(plain).collect()
        }
    }

    /// Asks for the addresses of a name, in the families that the container has itself.
    pub(super) fn lookup(&self, container: &Container, name: &str) -> Option<Lookup> {
        let has = |six: bool| container.addresses.iter().any(|address| address.contains(':') == six);
        let kinds = [(RecordType::A, has(false)), (RecordType::AAAA, has(true))];
        let kinds: Vec<_> = kinds.into_iter().filter(|(_, has)| *has).map(|(kind, _)| kind).collect();
        self.candidates(name).into_iter().find_map(|name| {
            let answers = kinds.iter().filter_map(|kind| self.query(container, &name, *kind));
            let addresses: Vec<_> = answers.flatten().collect();
            (!addresses.is_empty()).then_some(Lookup { name, addresses })
        })
    }

    fn query(&self, container: &Container, name: &str, kind: RecordType) -> Option<Vec<IpAddr>> {
        let mut query = Message::query();
        query.metadata.recursion_desired = true;
        query.add_query(Query::query(Name::from_ascii(format!("{name}.")).ok()?, kind));
        let bytes = query.to_vec().ok()?;
        let server = self.servers.first()?;
        let answer =
            Message::from_vec(&net::exchange(&container.shared, &container.addresses, server, 53, &bytes)?)
                .ok()?;
        if answer.metadata.response_code != ResponseCode::NoError {
            return None;
        }
        let address = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        Some(answer.answers.iter().filter_map(|record| address(&record.data)).collect())
    }
}

/// The address of a host: written as one, in `/etc/hosts`, or in the DNS.
pub(super) fn resolve(container: &Container, host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    from_hosts_file(container, host)
        .or_else(|| Resolver::of(container).lookup(container, host)?.addresses.first().copied())
}

/// What `/etc/hosts` says about a name.
pub(super) fn from_hosts_file(container: &Container, host: &str) -> Option<IpAddr> {
    let text = container.files.read("/etc/hosts").unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next()?;
        words.any(|name| name == host).then(|| address.parse().ok())?
    })
}
