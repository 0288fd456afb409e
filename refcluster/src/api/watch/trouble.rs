//! What goes wrong with one watch, decided when it is opened: after how many lines, or how late.

use crate::api_fault::{ApiFault, ApiFaults, Scope};
use crate::status::Status;
use crate::world::World;
use std::time::Duration;

/// The trouble that a watch will have.
pub(super) struct Trouble {
    due: Vec<(ApiFault, u64)>,
    stall: Duration,
    lag: Duration,
}

/// What happens instead of the delivery of a line.
pub(super) enum Turn {
    Deliver,
    Stall(Duration),
    Mute,
    End,
    /// An ERROR event is told in the line's place, and the watch ends.
    Fail(Status),
    /// The line is cut in its middle, and the connection breaks.
    Cut,
    /// The revision is compacted; the oldest that can be read is this one.
    Expire(u64),
}

impl Trouble {
    pub(super) fn new(faults: &mut ApiFaults) -> Self {
        let mut due = Vec::new();
        for (fault, lines) in [
            (ApiFault::WatchReset, 2..16),
            (ApiFault::WatchExpired, 3..14),
            (ApiFault::SlowRelist, 3..24),
            (ApiFault::ReopeningRefused, 2..16),
            (ApiFault::ReopeningUnanswered, 2..16),
            (ApiFault::WatchStall, 1..12),
        ] {
            due.extend(faults.draw(fault, lines).map(|lines| (fault, lines)));
        }
        let mute = faults.draw_once_in(ApiFault::WatchMute, 2, 1..6);
        due.extend(mute.map(|lines| (ApiFault::WatchMute, lines)));
        let millis = |millis: Option<u64>| Duration::from_millis(millis.unwrap_or(0));
        Self {
            due,
            stall: millis(faults.draw(ApiFault::WatchStall, 3_000..12_000)),
            lag: millis(faults.draw_once_in(ApiFault::WatchLag, 2, 500..5_000)),
        }
    }

    /// How late an event is delivered.
    pub(super) fn lag(&self, faults: &mut ApiFaults) -> Duration {
        if !self.lag.is_zero() {
            faults.count(ApiFault::WatchLag);
        }
        self.lag
    }

    /// What happens to the next line.
    pub(super) fn turn(&mut self, world: &mut World, scope: &Scope) -> Turn {
        for (_, lines) in &mut self.due {
            *lines = lines.saturating_sub(1);
        }
        let Some(at) = self.due.iter().position(|(_, lines)| *lines == 0) else { return Turn::Deliver };
        let (fault, _) = self.due.swap_remove(at);
        let stall = self.stall;
        strike(world, fault, scope, stall)
    }
}

fn strike(world: &mut World, fault: ApiFault, scope: &Scope, stall: Duration) -> Turn {
    let faults = &mut world.api_faults;
    match fault {
        // These two are counted when the request that follows meets them.
        ApiFault::ReopeningRefused => {
            let secs = faults.draw(fault, 2..9).unwrap_or(0);
            faults.leave_behind(fault, scope.clone(), 2, Duration::from_secs(secs));
            let told = faults.draw(fault, 0..2) == Some(0);
            let message = "Internal error occurred: etcdserver: no leader";
            return if told { Turn::Fail(Status::new(500, "InternalError", message)) } else { Turn::Cut };
        }
        ApiFault::ReopeningUnanswered => {
            faults.leave_behind(fault, scope.clone(), 1, Duration::ZERO);
            return Turn::End;
        }
        ApiFault::SlowRelist => faults.leave_behind(fault, scope.clone(), 1, Duration::ZERO),
        _ => faults.count(fault),
    }
    match fault {
        ApiFault::WatchStall => Turn::Stall(stall),
        ApiFault::WatchMute => Turn::Mute,
        ApiFault::WatchReset => Turn::Cut,
        _ => {
            world.store.compact();
            Turn::Expire(world.store.revision() + 1)
        }
    }
}
