//! Where in a history each kind of event is, so that a question costs what its answer is long and not what the history is.

use std::collections::HashMap;

use super::{Event, History, Observation, Observer, Resource, Step, lives, memo::Memo};

/// What events are looked for by. An event may be of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Object(Resource),
    Opened(Resource),
    Gap(Resource),
    Dns,
    Exec,
    Read,
    Step,
    Requested,
    TimedOut,
    /// Whatever it is, by that observer.
    By(Observer),
}

impl Kind {
    fn of(event: &Event) -> impl Iterator<Item = Self> {
        let kind = match &event.seen {
            Observation::Object(object) => Some(Kind::Object(object.resource)),
            Observation::WatchOpened { resource, .. } => Some(Kind::Opened(*resource)),
            Observation::WatchGap { resource, .. } => Some(Kind::Gap(*resource)),
            Observation::Dns(_) => Some(Kind::Dns),
            Observation::Exec(_) => Some(Kind::Exec),
            Observation::Read(_) => Some(Kind::Read),
            Observation::Step(_) => Some(Kind::Step),
            Observation::ApiError(_) => None,
        };
        let finer = match &event.seen {
            Observation::Step(Step::Requested(_)) => Some(Kind::Requested),
            Observation::Step(Step::TimedOut { .. }) => Some(Kind::TimedOut),
            _ => None,
        };
        kind.into_iter().chain(finer).chain([Kind::By(event.observer)])
    }
}

/// The places of the events of each kind, in order.
type Places = HashMap<Kind, Vec<u32>>;

/// The places, found out at the first question.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index {
    places: Memo<(usize, Places)>,
    lives: Memo<Vec<Vec<u32>>>,
}

impl Index {
    /// The places of the events of this kind. The history may not have changed since it was first asked.
    pub(super) fn places(&self, events: &[Event], kind: Kind) -> &[u32] {
        let (length, places) = self.places.get(|| (events.len(), places(events)));
        assert_eq!(*length, events.len(), "a history that was asked does not grow any more");
        places.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// The places of the versions of each pod of the set, one list for each incarnation.
    pub(super) fn lives(&self, history: &History) -> &[Vec<u32>] {
        self.lives.get(|| lives::fold(history))
    }
}

fn places(events: &[Event]) -> Places {
    let mut places = Places::new();
    for (place, event) in (0..).zip(events) {
        for kind in Kind::of(event) {
            places.entry(kind).or_default().push(place);
        }
    }
    places
}
