//! Checks of the area `topology`, in the order of the catalogue.

use super::Check;

mod knowledge;
mod mass_delete_ordered_recreate;
mod neglect;
mod ordered_creation;
mod ordinals_exact;
mod predecessor_gates_successor;
mod survivor_undisturbed;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    ordered_creation::CHECK,
    predecessor_gates_successor::CHECK,
    ordinals_exact::CHECK,
    mass_delete_ordered_recreate::CHECK,
    survivor_undisturbed::CHECK,
];
