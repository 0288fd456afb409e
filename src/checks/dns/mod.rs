//! Checks of the area `dns`, in the order of the catalogue.

use super::Check;

mod asked;
pub(in crate::checks) mod endpoints;
mod headless_a_set;
mod pod_fqdn_resolves;
pub(in crate::checks) mod resolver;
mod srv_records;
mod truth;

/// The checks of this area.
pub const CHECKS: &[Check] = &[pod_fqdn_resolves::CHECK, headless_a_set::CHECK, srv_records::CHECK];
