//! Checks of the area `storage`, in the order of the catalogue.

use super::Check;

mod preflight_storage;

/// The checks of this area.
pub const CHECKS: &[Check] = &[preflight_storage::CHECK];
