//! The questions that checks ask of a history.

use std::sync::LazyLock;

use super::{
    AbortCause, Answered, DnsSeen, Event, ExecSeen, Gap, History, ObjectSeen, Observation, Observer, Purpose,
    ReadSeen, Requested, Resource, Started, Step, Wait, Watch,
    gaps::GapAt,
    index::{End, Kind},
};

/// What is known of a scenario that never began.
static NOT_STARTED: LazyLock<Started> = LazyLock::new(Started::default);

/// A wait that was given up.
#[derive(Debug, Clone, Copy)]
pub struct GivenUp<'h> {
    /// The event.
    pub event: &'h Event,
    /// What was waited for.
    pub wait: &'h Wait,
    /// What was still missing, for a person to read.
    pub missing: &'h str,
}

/// An event together with what it holds, once its kind is known.
#[derive(Debug)]
pub struct Seen<'h, T> {
    /// The event: its place, its span, its observer.
    pub event: &'h Event,
    /// What was seen.
    pub what: &'h T,
}

impl<T> Clone for Seen<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seen<'_, T> {}

impl<T> std::ops::Deref for Seen<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.what
    }
}

impl History {
    /// The event with that number. Panics on a number that is not in the history: a bug in a check.
    pub fn event(&self, seq: u64) -> &Event {
        &self.events[usize::try_from(seq).expect("a history fits in memory")]
    }

    /// The events of a kind, in order.
    fn of(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Event> {
        self.index.places(&self.events, kind).iter().map(|place| &self.events[*place as usize])
    }

    fn select<'h, T: 'h>(
        &'h self,
        kind: Kind,
        pick: impl Fn(&'h Observation) -> Option<&'h T>,
    ) -> impl DoubleEndedIterator<Item = Seen<'h, T>> {
        self.of(kind).filter_map(move |event| Some(Seen { event, what: pick(&event.seen)? }))
    }

    /// The versions of the objects that one watch delivered, in its order.
    pub fn objects(&self, watch: impl Into<Watch>) -> impl DoubleEndedIterator<Item = Seen<'_, ObjectSeen>> {
        let places = self.index.places(&self.events, Kind::Object(watch.into()));
        places.iter().map(|place| {
            let event = &self.events[*place as usize];
            match &event.seen {
                Observation::Object(what) => Seen { event, what },
                other => unreachable!("the index has {other:?} as an object"),
            }
        })
    }

    /// The versions of the objects of one resource in all of the scenario's namespaces, namespace by namespace.
    pub fn objects_anywhere(&self, resource: Resource) -> impl Iterator<Item = Seen<'_, ObjectSeen>> {
        self.watches_of(resource).into_iter().flat_map(|watch| self.objects(watch))
    }

    /// The watches of that resource, one for each namespace.
    pub fn watches_of(&self, resource: Resource) -> Vec<Watch> {
        let namespaces = 0..=u8::try_from(self.started().other_namespaces.len()).unwrap_or(u8::MAX);
        namespaces.map(|namespace| Watch { resource, namespace }).collect()
    }

    /// The watch of that resource in the namespace of that name.
    pub fn watch_in(&self, resource: Resource, namespace: &str) -> Watch {
        let others = &self.started().other_namespaces;
        let place = others.iter().position(|other| other == namespace).map_or(0, |place| place + 1);
        Watch { resource, namespace: u8::try_from(place).unwrap_or(u8::MAX) }
    }

    /// Every watch that told something.
    pub(super) fn watches(&self) -> impl Iterator<Item = Watch> + '_ {
        self.events.iter().filter_map(|event| match event.observer {
            Observer::Watch(watch) => Some(watch),
            _ => None,
        })
    }

    /// The lists that a watch is compared with.
    pub fn lists(&self, watch: Watch) -> impl DoubleEndedIterator<Item = &Event> {
        self.of(Kind::List(watch))
    }

    /// The last list that a watch was compared with.
    pub fn last_list(&self, watch: impl Into<Watch>) -> Option<&Event> {
        self.lists(watch.into()).next_back()
    }

    /// Where a watch cannot be believed, in order. A resource that was never watched is one gap.
    pub fn gaps(&self, watch: impl Into<Watch>) -> Vec<Gap<'_>> {
        let gap = |at: &GapAt| Gap {
            from: self.event(at.from),
            until: at.until.map(|until| self.event(until.min(self.last().seq))),
            shown_by: self.event(at.shown_by),
        };
        match self.index.reliability(self).gaps.get(&watch.into()) {
            Some(gaps) => gaps.iter().map(gap).collect(),
            None => {
                self.events.first().map(|e| Gap { from: e, until: None, shown_by: e }).into_iter().collect()
            }
        }
    }

    /// The first gap of a watch of which something lies between two events.
    pub fn gap_between(&self, watch: impl Into<Watch>, earlier: &Event, later: &Event) -> Option<Gap<'_>> {
        self.gaps(watch).into_iter().find(|gap| gap.overlaps(earlier, later))
    }

    /// The most by which a watch was seen to be late, in microseconds: how much later it delivered a version than an answer
    /// or a list had it. It may have been later without being seen to be.
    pub fn lag_us(&self, watch: impl Into<Watch>) -> u64 {
        self.index.reliability(self).lag_us.get(&watch.into()).copied().unwrap_or_default()
    }

    /// Everything that one observer told.
    pub fn told_by(&self, observer: Observer) -> impl DoubleEndedIterator<Item = &Event> {
        self.of(Kind::By(observer))
    }

    /// Whether the watch was ever opened.
    pub fn was_watched(&self, watch: impl Into<Watch>) -> bool {
        self.of(Kind::Opened(watch.into())).next().is_some()
    }

    /// Every DNS question with what came back, in the order in which the answers came.
    pub fn dns(&self) -> impl DoubleEndedIterator<Item = Seen<'_, DnsSeen>> {
        self.select(Kind::Dns, |seen| match seen {
            Observation::Dns(dns) => Some(&**dns),
            _ => None,
        })
    }

    /// Every command in a container.
    pub fn execs(&self) -> impl DoubleEndedIterator<Item = Seen<'_, ExecSeen>> {
        self.select(Kind::Exec, |seen| match seen {
            Observation::Exec(exec) => Some(&**exec),
            _ => None,
        })
    }

    /// The commands that were for this purpose.
    pub fn execs_for<'h>(&'h self, purpose: &Purpose) -> impl Iterator<Item = Seen<'h, ExecSeen>> {
        self.execs().filter(move |exec| &exec.purpose == purpose)
    }

    /// Every read outside of a watch.
    pub fn reads(&self) -> impl DoubleEndedIterator<Item = Seen<'_, ReadSeen>> {
        self.select(Kind::Read, |seen| match seen {
            Observation::Read(read) => Some(read),
            _ => None,
        })
    }

    /// The driver's steps.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = Seen<'_, Step>> {
        self.select(Kind::Step, |seen| match seen {
            Observation::Step(step) => Some(step),
            _ => None,
        })
    }

    /// The driver's requests, each at the moment before it was sent.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = Seen<'_, Requested>> {
        self.select(Kind::Requested, |seen| match seen {
            Observation::Step(Step::Requested(request)) => Some(&**request),
            _ => None,
        })
    }

    /// The server's answer to a request, if one came.
    pub fn answer_to(&self, request: &Event) -> Option<Seen<'_, Answered>> {
        let steps = self.index.places(&self.events, Kind::Step);
        let later = &steps[steps.partition_point(|place| u64::from(*place) <= request.seq)..];
        let events = later.iter().map(|place| &self.events[*place as usize]);
        events
            .filter_map(|event| match &event.seen {
                Observation::Step(Step::Answered(what)) => Some(Seen { event, what: &**what }),
                _ => None,
            })
            .find(|answered| answered.request == request.seq)
    }

    /// What the driver knew when the scenario began; empty where it never began.
    pub fn started(&self) -> &Started {
        let first = self.events.first().map(|event| &event.seen);
        match first {
            Some(Observation::Step(Step::Started(started))) => started,
            _ => &NOT_STARTED,
        }
    }

    /// Where the scenario ended, by itself or before its time: what comes later is the clean-up. The last event, where
    /// the record has no end.
    pub fn ended(&self) -> &Event {
        self.event(self.end().at)
    }

    /// Whether every step was done.
    pub fn is_completed(&self) -> bool {
        self.end().is_complete
    }

    fn end(&self) -> End {
        self.index.end(|| {
            let is_end = |step: &Step| matches!(step, Step::Completed | Step::Aborted { .. });
            let end = self.steps().find(|step| is_end(step.what));
            let is_complete = self.steps().any(|step| matches!(step.what, Step::Completed));
            End { at: end.map_or_else(|| self.last(), |step| step.event).seq, is_complete }
        })
    }

    /// Whether the record has an end: its steps were done, or given up, or never begun.
    pub fn has_an_end(&self) -> bool {
        let is_end =
            |step: &Step| matches!(step, Step::Completed | Step::Aborted { .. } | Step::NotStarted { .. });
        self.steps().any(|step| is_end(step.what))
    }

    /// Why the scenario ended before its time, if it did, and whose doing that is.
    pub fn aborted(&self) -> Option<(&Event, &str, AbortCause)> {
        self.steps().find_map(|step| match step.what {
            Step::Aborted { reason, cause } => Some((step.event, reason.as_str(), *cause)),
            _ => None,
        })
    }

    /// The waits that were given up, of those that are meant.
    pub fn given_up<'h>(
        &'h self,
        is_meant: impl Fn(&Wait) -> bool + 'h,
    ) -> impl Iterator<Item = GivenUp<'h>> {
        self.of(Kind::TimedOut).filter_map(move |event| match &event.seen {
            Observation::Step(Step::TimedOut { wait, missing, .. }) if is_meant(wait) => {
                Some(GivenUp { event, wait, missing })
            }
            _ => None,
        })
    }

    /// The quiet periods of that name: the events at which it began and, if it did, ended.
    pub fn quiet(&self, name: &str) -> Option<(&Event, Option<&Event>)> {
        let mut steps = self.steps();
        let began =
            steps.find(|step| matches!(step.what, Step::QuietBegan { name: of, .. } if of == name))?;
        let ended = steps.find(|step| matches!(step.what, Step::QuietEnded { name: of } if of == name));
        Some((began.event, ended.map(|step| step.event)))
    }

    /// The last event of the history. Panics on an empty one, which no recorder writes.
    pub fn last(&self) -> &Event {
        self.events.last().expect("a history has at least the event that started it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::{Notes, history};

    #[test]
    fn a_record_has_an_end_once_its_scenario_is_over_or_was_never_begun() {
        assert!(!history("web-0 created").has_an_end());
        assert!(history("web-0 created; completed").has_an_end());
        assert!(history("web-0 created; aborted").has_an_end());
        let mut notes = Notes::new();
        notes.step(Step::NotStarted { reason: "not needed".to_owned(), interrupted: false });
        assert!(notes.history().has_an_end());
    }

    #[test]
    fn the_reason_of_an_early_end() {
        let ended = history("web-0 created; aborted; web-0 deleted");
        let told = ended.aborted().map(|(event, reason, cause)| (event.seq + 1, reason, cause));
        assert_eq!(told, Some((ended.last().seq, "it could not go on", AbortCause::Cluster)));
        assert_eq!(history("web-0 created; completed").aborted(), None);
    }

    #[test]
    fn waits_are_found_by_what_they_are_for() {
        let given_up = history("timed-out pods-ready web-0; timed-out dns-settled; waited pods-ready web-0");
        let waits = |is_meant: fn(&Wait) -> bool| {
            given_up.given_up(is_meant).map(|given_up| given_up.wait.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(waits(Wait::is_for_members), ["pods-ready web-0"]);
        assert_eq!(waits(|wait| *wait == Wait::DnsSettled), ["dns-settled"]);
        assert!(waits(|wait| matches!(wait, Wait::StatusSettled { .. })).is_empty());
    }

    #[test]
    fn an_answer_belongs_to_its_request() {
        let asked = history("scale 2; answered 200; scale 3; answered 409");
        let codes: Vec<_> = asked
            .requests()
            .map(|request| asked.answer_to(request.event).map(|answered| answered.code))
            .collect();
        assert_eq!(codes, [Some(200), Some(409)]);
        let unanswered = history("scale 2; web-0 created");
        assert!(unanswered.answer_to(unanswered.requests().next().unwrap().event).is_none());
    }

    #[test]
    fn a_quiet_period_ends_with_the_step_of_its_own_name() {
        let nested = history("quiet-over a; quiet a; quiet b; quiet-over b; quiet-over a");
        let last = nested.last().seq;
        let quiet = |name| nested.quiet(name).map(|(began, ended)| (began.seq, ended.map(|event| event.seq)));
        assert_eq!(quiet("a"), Some((last - 3, Some(last))));
        assert_eq!(quiet("b"), Some((last - 2, Some(last - 1))));
        assert_eq!(quiet("c"), None);
    }
}
