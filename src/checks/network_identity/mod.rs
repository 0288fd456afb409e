//! Checks of the area `network-identity`, in the order of the catalogue.

use super::Check;

mod came_back;
mod found_by_name;
mod fqdn_self_view;
#[cfg(test)]
mod healthy;
mod hostname_equals_pod_name;
mod identity;
mod identity_labels;
mod identity_stable_on_recreate;
mod new_names;
mod pod_identity_fields;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    hostname_equals_pod_name::CHECK,
    identity_stable_on_recreate::CHECK,
    pod_identity_fields::CHECK,
    fqdn_self_view::CHECK,
    identity_labels::CHECK,
];
