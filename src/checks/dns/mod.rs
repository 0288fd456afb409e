//! Checks of the area `dns`, in the order of the catalogue.

use super::Check;

mod asked;
mod dns_follows_recreate;
mod dns_nxdomain_absent;
mod dns_staleness_bounded;
mod dns_unready_excluded;
mod end_to_end_identity;
pub(in crate::checks) mod endpoints;
mod endpointslice_truth;
mod headless_a_set;
mod headless_no_vip;
pub(in crate::checks) mod hosts;
mod ip_churn;
mod pod_fqdn_resolves;
mod preflight_dns;
mod readiness;
pub(in crate::checks) mod resolver;
mod srv_records;
mod telling;
mod truth;

#[cfg(test)]
mod healthy;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    preflight_dns::CHECK,
    pod_fqdn_resolves::CHECK,
    headless_a_set::CHECK,
    headless_no_vip::CHECK,
    srv_records::CHECK,
    dns_follows_recreate::CHECK,
    ip_churn::CHECK,
    dns_staleness_bounded::CHECK,
    dns_nxdomain_absent::CHECK,
    dns_unready_excluded::CHECK,
    endpointslice_truth::CHECK,
    end_to_end_identity::CHECK,
];
