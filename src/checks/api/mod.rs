//! Checks of the area `api`, in the order of the catalogue.

use super::Check;

/// The checks of this area.
pub const CHECKS: &[Check] = &[];
