//! Checks of the area `scaling`, in the order of the catalogue.

use super::Check;

mod scale_down;
mod scale_down_reverse;
mod scale_down_waits_termination;

/// The checks of this area.
pub const CHECKS: &[Check] = &[scale_down_reverse::CHECK, scale_down_waits_termination::CHECK];
