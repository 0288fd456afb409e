//! One check for each requirement: a plain function from a history to findings. Pure, and it stays pure: no clock, no
//! file, no network, no environment, no `async`, no `Result`.
//!
//! A check lives in `src/checks/<area>/<id with underscores>.rs`, its requirement in `specs/<area>/<id>.yaml`. The area's
//! `mod.rs` lists it. CONTRIBUTING.md ("Add a check") walks through one.

pub mod api;
pub mod dns;
mod findings;
#[cfg(test)]
mod healthy;
pub mod network_identity;
#[cfg(any(test, feature = "notation"))]
pub mod notation;
pub mod scaling;
pub mod storage;
pub mod topology;

pub use findings::{Cause, Evidence, Finding, Findings, Kind, Measurement, Say, Subject};

use crate::views::View;

/// Judges one requirement on one history.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The requirement's id: the stem of its YAML file.
    pub id: &'static str,
    /// Says what the history shows. Called once for each scenario that the requirement is judged on.
    pub judge: fn(&View<'_>, &mut Findings),
}

/// Every check, area by area.
pub fn all() -> impl Iterator<Item = &'static Check> {
    const AREAS: &[&[Check]] = &[
        topology::CHECKS,
        network_identity::CHECKS,
        dns::CHECKS,
        storage::CHECKS,
        scaling::CHECKS,
        api::CHECKS,
    ];
    AREAS.iter().copied().flatten()
}

/// The check with that id.
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}
