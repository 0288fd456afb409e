//! Checks of the area `api`, in the order of the catalogue.

use super::Check;

mod api_defaults;
mod apps_v1_served;
mod complete;
mod counted;
mod losses;
mod never_settled;
mod pod_counts;
mod rest;
mod status_consistent;

/// The checks of this area.
pub const CHECKS: &[Check] = &[apps_v1_served::CHECK, api_defaults::CHECK, status_consistent::CHECK];
