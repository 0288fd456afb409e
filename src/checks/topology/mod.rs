//! Checks of the area `topology`, in the order of the catalogue.

use super::Check;

mod mass_delete_ordered_recreate;
mod ordered_creation;
mod ordinals_exact;
mod predecessor_gates_successor;
mod survivor_undisturbed;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    mass_delete_ordered_recreate::CHECK,
    ordered_creation::CHECK,
    ordinals_exact::CHECK,
    predecessor_gates_successor::CHECK,
    survivor_undisturbed::CHECK,
];
