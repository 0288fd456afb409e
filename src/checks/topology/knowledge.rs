//! What the controller can have known when it created a pod.

use crate::{
    history::{Event, PodLife, Pods},
    limits,
};

/// The loss of a lower pod's readiness, if the controller may not have known of it when it created the pod.
///
/// It acts on a cache of its own, which may be behind (kubernetes#41889). But it recreates a pod only once it knows that the old
/// one is gone, and whatever the watch of pods told before that it knows as well.
pub(super) fn unknown_loss<'h>(
    lives: &Pods<'h>,
    born: &PodLife<'h>,
    predecessor: &PodLife<'h>,
) -> Option<&'h Event> {
    let birth = born.birth();
    let stopped = predecessor.stopped_being_ready_before(birth.seq)?;
    let lag_us = birth.span.until_us.saturating_sub(stopped.span.until_us);
    let gone = lives.latest(born.ordinal?, birth).and_then(PodLife::deleted);
    let was_known = gone.is_some_and(|gone| stopped.comes_before(gone));
    (!was_known && lag_us < limits::READINESS_LAG.wait_us()).then_some(stopped)
}
