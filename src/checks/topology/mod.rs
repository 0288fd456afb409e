//! Checks of the area `topology`, in the order of the catalogue.

use super::Check;

mod ordered_creation;
mod survivor_undisturbed;

/// The checks of this area.
pub const CHECKS: &[Check] = &[ordered_creation::CHECK, survivor_undisturbed::CHECK];
