//! One scenario's log: gives each event its number, keeps the present up to date, and wakes those who wait for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{Clock, Disk, World};
use crate::history::{AbortCause, Event, History, Observation, Observer, Span, Step};

/// The log. Clones write to the same one.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    scenario: String,
    clock: Clock,
    disk: Disk,
    state: Mutex<State>,
    /// The number of events so far.
    length: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    world: World,
    /// Nothing is taken in any more: the record is whole.
    closed: bool,
}

/// What a wait still waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It may still come.
    Still(String),
    /// It will not come.
    Hopeless {
        /// Why not, and what to do about it.
        reason: String,
        /// Whose doing it is.
        cause: AbortCause,
    },
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The condition was true already.
    AtOnce,
    /// This event made it true, which was delivered at this time.
    By {
        /// Its number.
        seq: u64,
        /// Its delivery, in microseconds of the run's clock.
        delivered_us: u64,
    },
}

impl Recorder {
    /// An empty log for a scenario.
    pub fn new(scenario: &str, clock: Clock, disk: Disk) -> Self {
        let (length, _) = watch::channel(0);
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { scenario: scenario.to_owned(), clock, disk, state, length }) }
    }

    /// Microseconds of the run's clock.
    pub fn now_us(&self) -> u64 {
        self.inner.clock.now_us()
    }

    /// Writes down what was seen, and gives back the event's number. After [`Recorder::finish`] nothing is written any more.
    pub fn record(&self, observer: Observer, span: Span, seen: Observation) -> u64 {
        let mut state = self.state();
        let State { events, world, closed } = &mut *state;
        let seq = events.len() as u64;
        if *closed {
            return seq;
        }
        let event = Event { seq, span, observer, seen };
        self.inner.disk.write(&self.inner.scenario, &event);
        // Before anything is made of it, so that memory and disk have the same events even if that panics.
        events.push(event);
        world.learn(&events[events.len() - 1]);
        drop(state);
        self.inner.length.send_replace(seq + 1);
        seq
    }

    /// A condition that panics holds the lock. What was recorded until then is whole, and the run ends with it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down a step of the driver, now.
    pub fn step(&self, step: Step) -> u64 {
        self.record(Observer::Driver, Span::at(self.now_us()), Observation::Step(step))
    }

    /// Looks at the present.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.state().world)
    }

    /// Waits until the condition says nothing is missing, looking again at every event.
    ///
    /// The error is what was missing when `bound` was over, or when the condition said that waiting is hopeless.
    pub async fn wait(
        &self,
        bound: Duration,
        condition: impl Fn(&World) -> Result<(), Missing>,
    ) -> Result<Wake, Missing> {
        let mut length = self.inner.length.subscribe();
        if self.look(&condition).is_ok() {
            return Ok(Wake::AtOnce);
        }
        let deadline = tokio::time::Instant::now() + bound;
        loop {
            length.borrow_and_update();
            let missing = match self.try_wake(&condition) {
                Ok(wake) => return Ok(wake),
                Err(hopeless @ Missing::Hopeless { .. }) => return Err(hopeless),
                Err(still) => still,
            };
            if !matches!(tokio::time::timeout_at(deadline, length.changed()).await, Ok(Ok(()))) {
                return Err(missing);
            }
        }
    }

    fn try_wake(&self, condition: &impl Fn(&World) -> Result<(), Missing>) -> Result<Wake, Missing> {
        let state = self.state();
        condition(&state.world)?;
        let newest = state.events.last();
        Ok(newest
            .map_or(Wake::AtOnce, |event| Wake::By { seq: event.seq, delivered_us: event.span.until_us }))
    }

    /// The whole record. Nothing is added to it any more: what a watch still delivers after the end is nobody's evidence.
    pub fn finish(&self) -> History {
        let mut state = self.state();
        state.closed = true;
        History::new(&self.inner.scenario, std::mem::take(&mut state.events))
    }
}
