//! `/etc/resolv.conf` as a pod sees it.

/// What a resolver is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver<'t> {
    /// The servers to ask, in order.
    pub nameservers: Vec<&'t str>,
    /// The domains that relative names are completed with, in order, without trailing dots.
    pub search: Vec<&'t str>,
    /// How many dots a name needs to be tried as it is first, where that is said.
    pub ndots: Option<u32>,
}

impl<'t> Resolver<'t> {
    /// Reads the file. Of several `search` lines the last one counts, as it does for a resolver.
    pub fn parse(text: &'t str) -> Self {
        let mut resolver = Self::default();
        for line in text.lines() {
            let mut fields = line.split_whitespace();
            match fields.next() {
                Some("nameserver") => resolver.nameservers.extend(fields.next()),
                Some("search") => {
                    resolver.search = fields.map(|domain| domain.trim_end_matches('.')).collect()
                }
                Some("options") => resolver.ndots = fields.find_map(ndots).or(resolver.ndots),
                _ => {}
            }
        }
        resolver
    }

    /// The namespace and the zone that the search list is made from: `<namespace>.svc.<zone> svc.<zone> <zone>`.
    pub fn namespace_and_zone(&self) -> Option<(&'t str, &'t str)> {
        self.search.iter().find_map(|domain| {
            let (namespace, zone) = domain.split_once(".svc.")?;
            let services = domain.strip_prefix(namespace)?.strip_prefix('.')?;
            let mut rest = self.search.iter();
            let in_order = [domain, services, zone].iter().all(|wanted| rest.any(|domain| domain == wanted));
            (in_order && !namespace.contains('.')).then_some((namespace, zone))
        })
    }
}

fn ndots(option: &str) -> Option<u32> {
    option.strip_prefix("ndots:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_file_is_read() {
        let text = "search ns.svc.cluster.local svc.cluster.local cluster.local corp.example.\n\
                    nameserver 10.96.0.10\noptions ndots:5\n";
        let resolver = Resolver::parse(text);
        assert_eq!(resolver.nameservers, ["10.96.0.10"]);
        assert_eq!(resolver.search[3], "corp.example");
        assert_eq!(resolver.ndots, Some(5));
        assert_eq!(resolver.namespace_and_zone(), Some(("ns", "cluster.local")));
    }

    #[test]
    fn a_search_list_that_is_not_a_clusters_names_no_zone() {
        for search in ["", "corp.example", "ns.svc.a.b", "ns.svc.a.b a.b", "a.b svc.a.b ns.svc.a.b"] {
            let text = format!("nameserver 1.1.1.1\nsearch {search}\n");
            assert_eq!(Resolver::parse(&text).namespace_and_zone(), None, "{search}");
        }
    }
}
