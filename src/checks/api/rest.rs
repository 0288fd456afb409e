//! Of `status-consistent`: once a set has come to rest, its status says so.

use super::complete::{Reading, unsettled};
use crate::{
    checks::{Cause, Findings, Say},
    history::{Event, ObjectSeen, Observation, Seen, Step, Wait},
    views::{Dimension, Doing, Set, View, dimension, edits::Edits},
};

/// At each rest, the status is complete.
const REST: &str = "rest";

/// The end of a wait for the status of a set.
pub(super) struct RestAt<'h> {
    /// How evidence names it.
    pub(super) key: String,
    /// The event.
    pub(super) event: &'h Event,
    /// The number of pods that was waited for.
    pub(super) replicas: i64,
    /// What was missing when the wait was given up, if it was.
    missing: Option<&'h str>,
}

/// The rests of one set, in order.
pub(super) fn rests_of<'h>(view: &View<'h>, set: &Set<'h>) -> Vec<RestAt<'h>> {
    let name = set.key(set.name);
    let rest = |(key, event): (String, &'h Event)| {
        let (wait, missing) = match &event.seen {
            Observation::Step(Step::Waited { wait, .. }) => (wait, None),
            Observation::Step(Step::TimedOut { wait, missing, .. }) => (wait, Some(missing.as_str())),
            _ => return None,
        };
        match wait {
            Wait::StatusSettled { set, replicas } if *set == name => {
                Some(RestAt { key, event, replicas: i64::from(*replicas), missing })
            }
            _ => None,
        }
    };
    dimension::rests(view).into_iter().filter_map(rest).collect()
}

pub(super) fn judge<'h>(view: &View<'h>, set: &Set<'h>, rests: &[RestAt<'h>], findings: &mut Findings) {
    let (reading, edits) = (Reading::of(set), Edits::of(view, set));
    for rest in rests {
        let before = view.disturbed_before(rest.event, |doing| doing.disturbs_set(set));
        let rest = Rest { view, set, reading, edits: &edits, rest, before };
        match rest.rest.missing {
            None => rest.settled(findings),
            Some(missing) => rest.never_settled(missing, findings),
        }
    }
}

/// A rest of a set, and what the driver did last before it.
pub(super) struct Rest<'p, 'h> {
    pub(super) view: &'p View<'h>,
    pub(super) set: &'p Set<'h>,
    reading: Reading,
    pub(super) edits: &'p Edits<'h>,
    pub(super) rest: &'p RestAt<'h>,
    /// The last thing before it that the driver did to the set.
    before: Option<Doing<'h>>,
}

impl<'h> Rest<'_, 'h> {
    pub(super) fn say<'f>(&self, findings: &'f mut Findings) -> Say<'f> {
        findings.on(REST).of(Dimension::Rest, self.rest.key.as_str())
    }

    /// Since when the set was left alone.
    pub(super) fn since(&self) -> &'h Event {
        self.before.map_or(&self.view.history().events[0], |doing| doing.event)
    }

    fn settled(&self, findings: &mut Findings) {
        let (replicas, waited) = (self.rest.replicas, self.rest.event);
        let asked = self.set.asked_at(waited).map_or(replicas, |asked| i64::from(asked.replicas));
        if asked != replicas {
            let what =
                format!("the status was waited for at {replicas} replicas, and {asked} were asked for");
            return self.say(findings).blind(Cause::NotReached, what, &[waited]);
        }
        if let Some(version) = self.complete_version() {
            let what = format!("with {replicas} replicas at rest the status said {replicas} of {replicas}");
            return self.say(findings).held(what, &[version.event, waited]);
        }
        let (cause, what, shows) = self.not_complete();
        let say = self.say(findings);
        match cause {
            Some(cause) => say.blind(cause, what, &[shows, waited]),
            None => say.broken(what, &[shows, waited]),
        }
    }

    /// A version that is complete, and that can only be so because the status has followed what was done last.
    ///
    /// The watch of the set may be late, so the wait can have ended with a version from before; and one that came after the
    /// wait shows as well that the status followed, as long as the set was left alone.
    fn complete_version(&self) -> Option<Seen<'h, ObjectSeen>> {
        let versions = self.versions();
        let later = versions.iter().filter(|version| self.rest.event.comes_before(version.event)).copied();
        let is_complete = |version: &Seen<'h, ObjectSeen>| {
            self.reading.incomplete(version.what, self.rest.replicas).is_none() && self.is_fresh(version)
        };
        let mut known = self.set.at(self.ended_by()).into_iter().chain(later);
        known.find(|version| is_complete(version) && (!self.must_move() || self.has_moved_before(version)))
    }

    /// The event that ended the wait.
    fn ended_by(&self) -> &'h Event {
        match &self.rest.event.seen {
            Observation::Step(Step::Waited { ended_by: Some(seq), .. }) if *seq < self.rest.event.seq => {
                self.view.history().event(*seq)
            }
            _ => self.rest.event,
        }
    }

    /// Whether the status was incomplete between what was done last and this version.
    fn has_moved_before(&self, version: &Seen<'h, ObjectSeen>) -> bool {
        let is_incomplete = |v: &Seen<'h, ObjectSeen>| unsettled(v.what, self.rest.replicas).is_some();
        let mut between = self.versions().iter().take_while(|v| v.event.comes_before(version.event));
        self.set.at(self.since()).as_ref().is_none_or(is_incomplete)
            || between.any(|v| is_incomplete(v) && self.is_fresh(v))
    }

    /// The versions that were delivered while the set was left alone.
    fn versions(&self) -> &[Seen<'h, ObjectSeen>] {
        let history = self.view.history();
        let window = self.view.window_until(self.rest.event, |doing| doing.disturbs_set(self.set));
        let is_last = window.until.seq == history.ended().seq;
        self.set.versions_between(self.since(), if is_last { history.last() } else { window.until })
    }

    /// Whether a version may be from after what was done last: not where the server's answer to it has a later revision.
    fn is_fresh(&self, version: &Seen<'h, ObjectSeen>) -> bool {
        let request = self.before.and_then(|doing| doing.request());
        let answer = request.and_then(|request| self.view.history().answer_to(request.event));
        let answered = answer.and_then(|answer| answer.what.version.as_ref()?.revision.parse::<u64>().ok());
        let told = version.revision.parse::<u64>().ok();
        answered.zip(told).is_none_or(|(answered, told)| told >= answered)
    }

    /// Whether what was done last changes the status for certain: it took pods away.
    fn must_move(&self) -> bool {
        let Some(doing) = self.before else { return false };
        let there = self.set.pods().at(doing.event);
        there.iter().any(|life| doing.deletes_pod(self.set, life.name))
    }

    /// Why no version is complete: the cause that leaves it open, if one does, and what shows it.
    fn not_complete(&self) -> (Option<Cause>, String, &'h Event) {
        let (replicas, waited, since) = (self.rest.replicas, self.rest.event, self.since());
        if let Some(gap) = self.view.history().gap_between(self.set.watch(), since, waited) {
            return (Some(Cause::Gap), "a gap hides the status at rest".to_owned(), gap.shown_by);
        }
        let Some(version) = self.set.at(waited) else {
            return (Some(Cause::Gap), "the set was not seen at rest".to_owned(), waited);
        };
        if let Some(wrong) = unsettled(version.what, replicas) {
            let what = format!("the wait for {replicas} replicas had ended, and {wrong}");
            return (Some(Cause::ControllerLag), what, version.event);
        }
        match self.reading.unavailable(version.what, replicas) {
            Some(wrong) if self.reading.min_ready_secs > 0 => {
                let what =
                    format!("{wrong}, and pods have to be ready for {} s first", self.reading.min_ready_secs);
                (Some(Cause::NotReached), what, version.event)
            }
            Some(wrong) => (None, format!("with {replicas} replicas at rest {wrong}"), version.event),
            None => {
                let what = "the status had not shown yet what was done before".to_owned();
                (Some(Cause::ControllerLag), what, since)
            }
        }
    }
}
