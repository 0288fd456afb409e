//! Checks of the area `storage`, in the order of the catalogue.

use super::Check;

mod claims;
mod preflight_storage;
mod pvc_bound_distinct;
mod pvc_naming;
mod pvc_shape;
mod tokens;

/// The checks of this area.
pub const CHECKS: &[Check] =
    &[preflight_storage::CHECK, pvc_naming::CHECK, pvc_shape::CHECK, pvc_bound_distinct::CHECK];
