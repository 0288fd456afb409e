//! Numbers for the addresses of pods, out of a node's range.
//!
//! Follows the `host-local` plugin of CNI: the next free address after the one given out last, so that an address
//! that has become free is not given out again before all others were.

use std::collections::BTreeSet;

/// The addresses of one node.
#[derive(Debug)]
pub(super) struct Addresses {
    node: usize,
    last: u8,
    used: BTreeSet<u8>,
}

impl Addresses {
    pub(super) fn of_node(node: usize) -> Self {
        Self { node, last: 1, used: BTreeSet::new() }
    }

    /// The place of the node among the others.
    pub(super) fn node(&self) -> usize {
        self.node
    }

    /// Reserves the next free number; none when all are taken.
    pub(super) fn reserve(&mut self) -> Option<u8> {
        let next = |number: u8| if number >= 254 { 2 } else { number + 1 };
        let mut candidate = next(self.last);
        for _ in 0..253 {
            if self.used.insert(candidate) {
                self.last = candidate;
                return Some(candidate);
            }
            candidate = next(candidate);
        }
        None
    }

    pub(super) fn release(&mut self, address: &str) {
        let number = match address.rsplit_once(':') {
            Some((_, digits)) => u8::from_str_radix(digits, 16).ok(),
            None => address.rsplit('.').next().and_then(|number| number.parse().ok()),
        };
        if let Some(number) = number {
            self.used.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_address_comes_back_last() {
        let mut addresses = Addresses::of_node(1);
        let first = addresses.reserve().unwrap();
        addresses.release(&format!("10.244.1.{first}"));
        let others: Vec<u8> = (0..252).map(|_| addresses.reserve().unwrap()).collect();
        assert!(!others.contains(&first));
        assert_eq!(addresses.reserve(), Some(first));
        assert_eq!(addresses.reserve(), None);
    }
}
