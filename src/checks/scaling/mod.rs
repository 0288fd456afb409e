//! Checks of the area `scaling`, in the order of the catalogue.

use super::Check;
use crate::{
    history::Event,
    views::{PodLife, ScaleDown, Set},
};

mod scale_down_reverse;
mod scale_down_waits_termination;

/// The checks of this area.
pub const CHECKS: &[Check] = &[scale_down_reverse::CHECK, scale_down_waits_termination::CHECK];

/// The gap that hides which pods were there when fewer replicas were asked for, or in which order they have to go.
fn hidden<'h>(set: &Set<'h>, down: &ScaleDown<'h>) -> Option<(&'h Event, String)> {
    let hides = |watch: &str| format!("a gap of the watch of {watch} hides which pods had to go");
    let pods = set.pods().gap_at(down.request).map(|gap| (gap.shown_by, hides("pods")));
    pods.or_else(|| Some((set.spec_hidden()?, hides("statefulsets"))))
}

/// Of two pods the one that came to a point last, or never; the other one, where neither did.
fn latest<'d, 'h>(
    one: Option<&'d PodLife<'h>>,
    other: &'d PodLife<'h>,
    point: impl Fn(&PodLife<'h>) -> Option<&'h Event>,
) -> Option<&'d PodLife<'h>> {
    let Some(one) = one else { return Some(other) };
    let (first, then) = (point(one), point(other));
    let is_later = match (first, then) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(first), Some(then)) => first.comes_before(then),
    };
    Some(if is_later { other } else { one })
}
