//! Checks of the area `storage`, in the order of the catalogue.

use super::{Cause, Check, Say};
use crate::views::{Doubt, reattach::Reattached};

mod data_survives_recreate;
mod ephemeral_contrast;
mod preflight_storage;
mod pvc_before_pod;
mod pvc_bound_distinct;
mod pvc_naming;
mod pvc_reattach;
mod pvc_shape;
mod scale_cycle_reattach;
#[cfg(test)]
mod healthy;
#[cfg(test)]
mod lying;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod variants;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    preflight_storage::CHECK,
    pvc_naming::CHECK,
    pvc_shape::CHECK,
    pvc_bound_distinct::CHECK,
    pvc_before_pod::CHECK,
    pvc_reattach::CHECK,
    data_survives_recreate::CHECK,
    scale_cycle_reattach::CHECK,
    ephemeral_contrast::CHECK,
];

impl From<Doubt> for Cause {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Gap => Cause::Gap,
            Doubt::NoAnswer => Cause::NoAnswer,
            Doubt::ControllerLag => Cause::ControllerLag,
            Doubt::NoOrder => Cause::NoOrder,
            Doubt::NotReached => Cause::NotReached,
            Doubt::Surroundings => Cause::Surroundings,
        }
    }
}

/// Says what was found of the claims of a pod that took another's place.
fn say_reattached(say: Say<'_>, found: Reattached<'_>, held: String) {
    match found {
        Reattached::Same(events) => say.held(held, &events),
        Reattached::Differs(what, events) => say.broken(what, &events),
        Reattached::Unknown(doubt, what, events) => say.blind(doubt.into(), what, &events),
        Reattached::Nothing => {}
    }
}
