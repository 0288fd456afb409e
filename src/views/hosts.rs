//! What a pod says of itself from inside: `/etc/hosts` and `hostname -i`.

use std::{collections::BTreeSet, net::IpAddr};

/// The addresses that a hosts file gives for a name.
pub fn addresses_of<'t>(hosts: &'t str, name: &str) -> BTreeSet<&'t str> {
    let entries = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    entries
        .filter_map(|mut fields| {
            let address = fields.next()?;
            fields.any(|field| field == name).then_some(address)
        })
        .collect()
}

/// Whether these are some of the pod's addresses and nothing else. An IPv6 address may be written in several ways.
pub fn are_own(told: &BTreeSet<&str>, own: &[&str]) -> bool {
    !told.is_empty() && told.iter().all(|address| own.iter().any(|own| is_same(address, own)))
}

fn is_same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| text.parse::<IpAddr>().ok();
    one == other || parsed(one).is_some_and(|one| parsed(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_with_the_name_counts() {
        let hosts = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.0.0.7\tweb-0.nginx.ns.svc.x\tweb-0\n\
                     fd00::7\tweb-0.nginx.ns.svc.x\tweb-0\n#10.0.0.8\tweb-0\n";
        assert_eq!(addresses_of(hosts, "web-0"), ["10.0.0.7", "fd00::7"].into());
        assert_eq!(addresses_of(hosts, "web-0.nginx.ns.svc.x").len(), 2);
        assert!(addresses_of(hosts, "web").is_empty());
    }

    #[test]
    fn nothing_is_not_ones_own() {
        assert!(!are_own(&BTreeSet::new(), &["10.0.0.7"]));
        assert!(are_own(&["10.0.0.7"].into(), &["10.0.0.7", "fd00::7"]));
        assert!(!are_own(&["10.0.0.7", "10.0.0.8"].into(), &["10.0.0.7"]));
    }

    #[test]
    fn an_address_is_the_same_in_every_way_of_writing_it() {
        assert!(are_own(&["fd00:0:0::7"].into(), &["fd00::7"]));
        assert!(!are_own(&["fd00::8"].into(), &["fd00::7"]));
        assert!(!are_own(&["localhost"].into(), &["127.0.0.1"]));
    }
}
