//! Faults that the embedded cluster has already and whose requirement is still to be written.

use crate::spec::Catalogue;

/// The fault, and the requirement (a row of the catalogue) that will name it. Whoever writes that requirement moves the
/// name from here into its file; a problem of the selftest says so.
pub const WAITING: &[(&str, &str)] = &[
];

/// The requirement that a fault waits for, unless it has been written by now.
pub fn waits_for(catalogue: &Catalogue, fault: &str) -> Option<&'static str> {
    let (_, requirement) = WAITING.iter().find(|(waiting, _)| *waiting == fault)?;
    catalogue.requirement(requirement).is_none().then_some(requirement)
}
