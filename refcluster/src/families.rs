//! Address families: which ones a cluster has, and the addresses that it gives out in each.

use crate::options::IpFamilies;

const IPV4: &str = "IPv4";
const IPV6: &str = "IPv6";

impl IpFamilies {
    /// The names of the families, the cluster's first one first.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Ipv4 => &[IPV4],
            Self::Ipv4Ipv6 => &[IPV4, IPV6],
            Self::Ipv6 => &[IPV6],
        }
    }

    /// The address of a node.
    pub(crate) fn of_node(self, index: usize) -> String {
        match self {
            Self::Ipv6 => format!("fd00:10:89::{:x}", index + 10),
            _ => format!("10.89.0.{}", index + 10),
        }
    }

    /// The virtual address with a number in the first family.
    pub(crate) fn of_service(self, number: u64) -> String {
        service_address(self.names()[0], number)
    }

    /// The addresses of the pod with a number on a node.
    pub(crate) fn of_pod(self, node: usize, number: u8) -> Vec<String> {
        let address = |family: &&str| match *family {
            IPV6 => format!("fd00:10:244:{node:x}::{number:x}"),
            _ => format!("10.244.{node}.{number}"),
        };
        self.names().iter().map(address).collect()
    }

    /// The range of a node's pods.
    pub(crate) fn pod_ranges(self, node: usize) -> Vec<String> {
        let range = |family: &&str| match *family {
            IPV6 => format!("fd00:10:244:{node:x}::/64"),
            _ => format!("10.244.{node}.0/24"),
        };
        self.names().iter().map(range).collect()
    }
}

/// The virtual address with a number in a family.
pub(crate) fn service_address(family: &str, number: u64) -> String {
    match family {
        IPV6 => format!("fd00:10:96::{number:x}"),
        _ => format!("10.96.{}.{}", number >> 8, number & 0xff),
    }
}
