//! Where in a history each kind of event is, so that a question costs what its answer is long and not what the history is.

use std::collections::HashMap;

use super::{
    Event, History, Observation, Observer, Step, Watch,
    gaps::{self, Reliability},
    memo::Memo,
};

/// What events are looked for by. An event may be of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Object(Watch),
    Opened(Watch),
    List(Watch),
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
        let kind = match (&event.seen, event.observer) {
            (Observation::Object(_), Observer::Watch(watch)) => Some(Kind::Object(watch)),
            (Observation::WatchOpened { .. }, Observer::Watch(watch)) => Some(Kind::Opened(watch)),
            (seen, _) => Self::of_seen(seen),
        };
        let finer = match &event.seen {
            Observation::Step(Step::Requested(_)) => Some(Kind::Requested),
            Observation::Step(Step::TimedOut { .. }) => Some(Kind::TimedOut),
            _ => None,
        };
        kind.into_iter().chain(finer).chain([Kind::By(event.observer)])
    }

    fn of_seen(seen: &Observation) -> Option<Self> {
        match seen {
            Observation::List(list) => Some(Kind::List(list.of)),
            Observation::Dns(_) => Some(Kind::Dns),
            Observation::Exec(_) => Some(Kind::Exec),
            Observation::Read(_) => Some(Kind::Read),
            Observation::Step(_) => Some(Kind::Step),
            _ => None,
        }
    }
}

/// The places of the events of each kind, in order.
type Places = HashMap<Kind, Vec<u32>>;

/// The places, found out at the first question.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index {
    places: Memo<(usize, Places)>,
    reliability: Memo<Reliability>,
    end: Memo<End>,
}

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct End {
    /// The number of the step with which the scenario ended, or of the last event.
    pub at: u64,
    /// Whether every step was done.
    pub is_complete: bool,
}

impl Index {
    /// The places of the events of this kind. The history may not have changed since it was first asked.
    pub(super) fn places(&self, events: &[Event], kind: Kind) -> &[u32] {
        let (length, places) = self.places.get(|| (events.len(), places(events)));
        assert_eq!(*length, events.len(), "a history that was asked does not grow any more");
        places.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Where the record ends, found out at the first question.
    pub(super) fn end(&self, find: impl FnOnce() -> End) -> End {
        *self.end.get(find)
    }

    /// How well each watch did.
    pub(super) fn reliability(&self, history: &History) -> &Reliability {
        self.reliability.get(|| gaps::reliability(history))
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
