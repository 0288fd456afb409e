//! The lies that a cluster can be told to tell. Each is one sentence, told at one place of the model.
//!
//! The list is closed, so that a harness can prove over all of it that each lie is found out.

mod list;

pub use list::Fault;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        found.ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

/// No fault has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFault(pub String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fault is called {:?}", self.0)
    }
}

impl std::error::Error for UnknownFault {}

/// The lies of one cluster, and how often it has told each.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: BTreeSet<Fault>,
    firings: BTreeMap<Fault, u64>,
}

impl Faults {
    pub(crate) fn new(active: &[Fault]) -> Self {
        Self { active: active.iter().copied().collect(), firings: BTreeMap::new() }
    }

    /// Whether the lie is told here and now; counts it.
    pub(crate) fn tells(&mut self, fault: Fault) -> bool {
        let tells = self.active.contains(&fault);
        if tells {
            *self.firings.entry(fault).or_default() += 1;
        }
        tells
    }

    /// Whether the lie is chosen, without telling it.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.active.contains(&fault)
    }

    /// How often each chosen lie was told.
    pub(crate) fn firings(&self) -> BTreeMap<Fault, u64> {
        self.active.iter().map(|fault| (*fault, self.firings.get(fault).copied().unwrap_or(0))).collect()
    }
}
