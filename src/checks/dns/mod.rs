//! Checks of the area `dns`, in the order of the catalogue.

use super::Check;

mod dns_follows_recreate;
mod dns_nxdomain_absent;
mod dns_staleness_bounded;
mod dns_unready_excluded;
mod dns_verdicts;
mod end_to_end_identity;
mod endpointslice_truth;
mod headless_a_set;
mod headless_no_vip;
mod ip_churn;
mod pod_fqdn_resolves;
mod preflight_dns;
mod srv_records;

#[cfg(test)]
mod evidence;
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
