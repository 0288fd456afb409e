//! The questions that checks ask of a history.

use super::{
    AbortCause, DnsSeen, Event, ExecSeen, History, ObjectSeen, Observation, Observer, Pods, Purpose,
    ReadSeen, Requested, Resource, SERVICE, SET, Started, Step, index::Kind,
};

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

    /// The versions of the objects of one resource, in the order in which its watch delivered them.
    pub fn objects(&self, resource: Resource) -> impl DoubleEndedIterator<Item = Seen<'_, ObjectSeen>> {
        self.places(resource).iter().map(|place| self.object_in(*place))
    }

    /// Where the versions of the objects of one resource are.
    pub(super) fn places(&self, resource: Resource) -> &[u32] {
        self.index.places(&self.events, Kind::Object(resource))
    }

    /// The version of an object that is there.
    pub(super) fn object_in(&self, place: u32) -> Seen<'_, ObjectSeen> {
        let event = &self.events[place as usize];
        match &event.seen {
            Observation::Object(what) => Seen { event, what },
            other => unreachable!("the index has {other:?} as an object"),
        }
    }

    /// Where the watch of a resource lost events, or fell silent for good. Order across such an event is unknown.
    pub fn gaps(&self, resource: Resource) -> impl DoubleEndedIterator<Item = &Event> {
        self.of(Kind::Gap(resource)).chain(self.fell_silent(resource))
    }

    /// The error after which the watch told nothing any more: what happened since then is not in the record.
    fn fell_silent(&self, resource: Resource) -> Option<&Event> {
        let told = self.told_by(Observer::Watch(resource)).rev();
        told.take_while(|event| matches!(event.seen, Observation::ApiError(_))).last()
    }

    /// The first gap in the watch of a resource strictly between two events; a silence may have begun before them.
    pub fn gap_between(&self, resource: Resource, from: &Event, until: &Event) -> Option<&Event> {
        let gaps = self.index.places(&self.events, Kind::Gap(resource));
        let first = gaps.get(gaps.partition_point(|place| u64::from(*place) <= from.seq));
        let first = first.map(|place| self.event(u64::from(*place)));
        first.or_else(|| self.fell_silent(resource)).filter(|gap| gap.comes_before(until))
    }

    /// Everything that one observer told.
    pub fn told_by(&self, observer: Observer) -> impl DoubleEndedIterator<Item = &Event> {
        self.of(Kind::By(observer))
    }

    /// Whether the resource was watched at all.
    pub fn was_watched(&self, resource: Resource) -> bool {
        self.of(Kind::Opened(resource)).next().is_some()
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

    /// What the driver knew when the scenario began; empty where it never began.
    pub fn started(&self) -> Started {
        self.steps()
            .find_map(|step| match step.what {
                Step::Started(started) => Some(Started::clone(started)),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// Where the scenario ended, by itself or before its time: what comes later is the clean-up. The last event, where
    /// the record has no end.
    pub fn ended(&self) -> &Event {
        let end = self.steps().find(|step| matches!(step.what, Step::Completed | Step::Aborted { .. }));
        end.map_or_else(|| self.last(), |step| step.event)
    }

    /// Whether every step was done.
    pub fn is_completed(&self) -> bool {
        self.steps().any(|step| matches!(step.what, Step::Completed))
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

    /// The waits that were given up: the event, the condition, and what was missing. A condition such as
    /// `pods-ready [0, 1]` is found by its beginning.
    pub fn timed_out<'h>(
        &'h self,
        wait_prefix: &'h str,
    ) -> impl Iterator<Item = (&'h Event, &'h str, &'h str)> {
        self.of(Kind::TimedOut).filter_map(move |event| match &event.seen {
            Observation::Step(Step::TimedOut { wait, missing, .. }) if wait.starts_with(wait_prefix) => {
                Some((event, wait.as_str(), missing.as_str()))
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

    /// One life for each incarnation of each pod of the set, in the order of their births.
    pub fn pods(&self) -> Pods<'_> {
        Pods::of(self)
    }

    /// The versions of the StatefulSet.
    pub fn set(&self) -> impl Iterator<Item = Seen<'_, ObjectSeen>> {
        self.objects(Resource::StatefulSets).filter(|set| set.name == SET)
    }

    /// The last event of the history. Panics on an empty one, which no recorder writes.
    pub fn last(&self) -> &Event {
        self.events.last().expect("a history has at least the event that started it")
    }

    /// The absolute DNS name of the headless Service, `nginx.<namespace>.svc.<zone>.`, if the zone is known.
    pub fn service_fqdn(&self) -> Option<String> {
        let started = self.started();
        Some(format!("{SERVICE}.{}.svc.{}.", started.namespace, started.zone?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        history::ApiErrorSeen,
    };

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
    fn a_watch_that_fell_silent_has_a_gap_from_its_first_error_on() {
        let error = || {
            let request = "WATCH /api/v1/namespaces/ns/pods".to_owned();
            Observation::ApiError(ApiErrorSeen { request, code: 0, reason: "reset".to_owned(), attempt: 1 })
        };
        let mut notes = Notes::new().say("web-0 created");
        notes.see(Observer::Watch(Resource::Pods), error());
        notes = notes.say("web-0 ready");
        assert_eq!(history("web-0 created").gaps(Resource::Pods).count(), 0);
        let first = notes.see(Observer::Watch(Resource::Pods), error());
        notes.see(Observer::Watch(Resource::Pods), error());
        let silent = notes.say("set replicas=1; completed").history();
        assert_eq!(silent.gaps(Resource::Pods).map(|gap| gap.seq).collect::<Vec<_>>(), [first]);
        assert_eq!(silent.gaps(Resource::StatefulSets).count(), 0);
        let between = |from: u64, until: u64| {
            silent.gap_between(Resource::Pods, silent.event(from), silent.event(until)).map(|gap| gap.seq)
        };
        assert_eq!(between(0, first), None);
        assert_eq!(between(0, silent.last().seq), Some(first));
        assert_eq!(between(first + 1, silent.last().seq), Some(first), "the silence had begun before");
    }

    #[test]
    fn waits_are_found_by_their_beginning() {
        let given_up = history("timed-out pods-ready [0]; timed-out dns-settled; waited pods-ready [0]");
        let waits = |prefix| given_up.timed_out(prefix).map(|(_, wait, _)| wait).collect::<Vec<_>>();
        assert_eq!(waits("pods-ready"), ["pods-ready [0]"]);
        assert_eq!(waits("dns-settled"), ["dns-settled"]);
        assert!(waits("status-settled").is_empty());
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
