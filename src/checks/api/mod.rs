//! Checks of the area `api`, in the order of the catalogue.

use super::Check;

mod api_defaults;
mod apps_v1_served;

/// The checks of this area.
pub const CHECKS: &[Check] = &[apps_v1_served::CHECK, api_defaults::CHECK];
