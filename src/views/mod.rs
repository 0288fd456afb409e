//! What follows from several events of a history: the sets and their pods, the driver's doings and how long each was
//! left alone, what pods' files and the lists of endpoints say. Pure.
//!
//! A [`View`] is made once for each history and handed to every check, so that what one check has found out the next one
//! need not find out again. What stands here is true of any record; what a promise makes of it is a check's business.

pub mod addresses;
mod claim_deletions;
pub mod absence;
mod claim_life;
pub mod claim_order;
pub mod claims;
pub mod containers;
pub mod controller;
pub mod dimension;
pub mod dns;
mod doings;
pub mod endpoints;
pub mod hosts;
pub mod ends;
pub mod held_back;
pub mod losses;
pub mod lower;
pub mod order;
mod ordinals;
mod pods;
pub mod presence;
pub mod reattach;
pub mod edits;
pub mod inside;
pub mod name_services;
pub mod recreation;
pub mod resolver;
pub mod sets;
pub mod tokens;
pub mod trace;
pub mod trouble;
pub mod rests;
pub mod revisions;
pub mod scale_down;
pub mod stays;
mod undone;

use std::{ops::Deref, sync::OnceLock};

pub use claim_deletions::{ClaimDeletion, ClaimDeletions};
pub use claim_life::ClaimLife;
pub use claims::Claims;
pub use dimension::Dimension;
pub use doings::{Doing, Window};
pub use pods::{PodLife, Pods};
pub use scale_down::{Return, ScaleDown};
pub use sets::Set;

use crate::history::{Event, Gap, History, Resource};

/// Why something cannot be told from a record, for whoever has to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A watch lost events, or may have.
    Gap,
    /// A command was not answered.
    NoAnswer,
    /// The controller may not have known, or may be slow.
    ControllerLag,
    /// What two observers saw is too close together to have an order.
    NoOrder,
    /// Nothing of it happened, or the promise was not to be kept.
    NotReached,
    /// A container, a node or the scheduler stood in the way.
    Surroundings,
}

/// A history with what follows from it.
#[derive(Debug)]
pub struct View<'h> {
    history: &'h History,
    doings: OnceLock<Vec<Doing<'h>>>,
    made: OnceLock<doings::Made<'h>>,
    sets: OnceLock<Vec<Set<'h>>>,
    services: OnceLock<Vec<dns::Service<'h>>>,
}

impl<'h> View<'h> {
    /// The view of a history, with nothing found out yet.
    pub fn of(history: &'h History) -> Self {
        Self {
            history,
            doings: OnceLock::new(),
            made: OnceLock::new(),
            sets: OnceLock::new(),
            services: OnceLock::new(),
        }
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

    /// The Services of the record, in the order of their namespaces and names; those that a set names also where nothing else
    /// tells of them.
    pub fn services(&self) -> &[dns::Service<'h>] {
        self.services.get_or_init(|| dns::service::services(self))
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
