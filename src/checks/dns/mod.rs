//! Checks of the area `dns`, in the order of the catalogue.

use super::Check;

mod asked;
pub(in crate::checks) mod endpoints;
mod headless_a_set;
mod dns_nxdomain_absent;
mod dns_unready_excluded;
mod headless_no_vip;
mod pod_fqdn_resolves;
pub(in crate::checks) mod resolver;
mod srv_records;
mod truth;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    pod_fqdn_resolves::CHECK,
    headless_a_set::CHECK,
    headless_no_vip::CHECK,
    srv_records::CHECK,
    dns_nxdomain_absent::CHECK,
    dns_unready_excluded::CHECK,
];
