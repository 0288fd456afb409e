//! Checks of the area `storage`, in the order of the catalogue.

use super::Check;

mod claims;
mod data_survives_recreate;
mod ephemeral_contrast;
mod preflight_storage;
mod pvc_before_pod;
mod pvc_bound_distinct;
mod pvc_naming;
mod pvc_reattach;
mod pvc_shape;
mod scale_cycle_reattach;
mod tokens;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    preflight_storage::CHECK,
    pvc_naming::CHECK,
    pvc_shape::CHECK,
    pvc_bound_distinct::CHECK,
    pvc_before_pod::CHECK,
    pvc_reattach::CHECK,
    data_survives_recreate::CHECK,
    scale_cycle_reattach::CHECK,
    ephemeral_contrast::CHECK,
];
