//! Checks of the area `storage`, in the order of the catalogue.

use super::{Cause, Check};
use crate::views::Doubt;

mod preflight_storage;
mod pvc_before_pod;
mod pvc_bound_distinct;
mod pvc_naming;
mod pvc_shape;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    preflight_storage::CHECK,
    pvc_naming::CHECK,
    pvc_shape::CHECK,
    pvc_bound_distinct::CHECK,
    pvc_before_pod::CHECK,
];

impl From<Doubt> for Cause {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Gap => Cause::Gap,
            Doubt::NoAnswer => Cause::NoAnswer,
            Doubt::NoOrder => Cause::NoOrder,
            Doubt::NotReached => Cause::NotReached,
            Doubt::Surroundings => Cause::Surroundings,
        }
    }
}
