//! What follows from several events of a history: the sets and their pods, the driver's doings and how long each was
//! left alone, what DNS could say. Pure.
//!
//! A [`View`] is made once for each history and handed to every check, so that what one check has found out the next one
//! need not find out again. What stands here is true of any record; what a promise makes of it is a check's business.

pub mod claims;
pub mod containers;
pub mod controller;
pub mod dimension;
mod doings;
pub mod ends;
pub mod held_back;
pub mod losses;
pub mod lower;
pub mod order;
mod ordinals;
mod pods;
pub mod rests;
pub mod revisions;
pub mod scale_down;
pub mod sets;
pub mod stays;
pub mod trace;
mod undone;

use std::{ops::Deref, sync::OnceLock};

pub use claims::{ClaimLife, Claims};
pub use dimension::Dimension;
pub use doings::{Doing, Window};
pub use pods::{PodLife, Pods};
pub use scale_down::ScaleDown;
pub use sets::Set;

use crate::history::{Event, Gap, History, Resource};

/// A history with what follows from it.
#[derive(Debug)]
pub struct View<'h> {
    history: &'h History,
    doings: OnceLock<Vec<Doing<'h>>>,
    sets: OnceLock<Vec<Set<'h>>>,
}

impl<'h> View<'h> {
    /// The view of a history, with nothing found out yet.
    pub fn of(history: &'h History) -> Self {
        Self { history, doings: OnceLock::new(), sets: OnceLock::new() }
    }

    /// The history itself, for as long as it lives.
    pub fn history(&self) -> &'h History {
        self.history
    }

    /// What the driver did to the cluster, in order.
    pub fn doings(&self) -> &[Doing<'h>] {
        self.doings.get_or_init(|| doings::doings(self.history))
    }

    /// The StatefulSets of the record, in the order in which they appear.
    pub fn sets(&self) -> &[Set<'h>] {
        self.sets.get_or_init(|| sets::sets(self))
    }

    /// The first gap of the watch of a resource in a namespace of which something lies between two events.
    pub fn gap_in(
        &self,
        resource: Resource,
        namespace: &str,
        earlier: &Event,
        later: &Event,
    ) -> Option<Gap<'h>> {
        self.history.gap_between(self.history.watch_in(resource, namespace), earlier, later)
    }
}

impl Deref for View<'_> {
    type Target = History;

    fn deref(&self) -> &History {
        self.history
    }
}
