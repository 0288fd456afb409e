//! Of `status-consistent`: a wait for the status that was given up.

use super::{complete::is_between_revisions, rest::Rest};
use crate::{
    checks::{Cause, Findings},
    history::{Event, ObjectSeen, Seen},
    views::{PodLife, controller, order, sets::counter},
};

impl<'h> Rest<'_, 'h> {
    /// The wait was given up. That is the controller's fault only where the status shows that it knew better.
    pub(super) fn never_settled(&self, missing: &str, findings: &mut Findings) {
        let (given_up, replicas) = (self.rest.event, self.rest.replicas);
        let history = self.view.history();
        let watches = [self.set.watch(), self.set.pods().watch()];
        let gap = watches.into_iter().find_map(|watch| history.gap_between(watch, self.since(), given_up));
        let say = self.say(findings);
        if let Some(gap) = gap {
            return say.blind(Cause::Gap, format!("{missing}; a gap hides why"), &[gap.shown_by, given_up]);
        }
        let Some(status) = self.set.at(given_up) else {
            return say.blind(Cause::Gap, format!("{missing}; the set was not seen"), &[given_up]);
        };
        if let Some(wrong) = self.counts_what_it_did_not_observe(&status) {
            return say.broken(format!("{missing}; {wrong}"), &[status.event, given_up]);
        }
        let Some(ready) = self.long_ready() else {
            let what = format!("the status did not settle, and neither had the {replicas} pods: {missing}");
            return say.blind(Cause::NotReached, what, &[given_up]);
        };
        if is_between_revisions(status.what) {
            let what = format!("{missing}; the set was between two revisions");
            return say.blind(Cause::NotReached, what, &[status.event, given_up]);
        }
        let what = format!("{missing}; yet all {replicas} pods had long been ready when it was given up");
        match self.written_after(ready).filter(|written| counts_other(written.what, replicas)) {
            Some(written) => {
                say.broken(format!("{what}, and when it was written"), &[ready, written.event, given_up])
            }
            None => {
                let what =
                    format!("{what}; nothing shows that the controller had seen it, so it may be slow");
                say.blind(Cause::ControllerLag, what, &[ready, given_up]);
            }
        }
    }

    /// A status that counts more pods than any generation asked for that it says was observed. The controller created them, so
    /// it had seen a later one.
    fn counts_what_it_did_not_observe(&self, status: &Seen<'h, ObjectSeen>) -> Option<String> {
        let observed = counter(status.what, "observedGeneration");
        let generation = |set: &Seen<'h, ObjectSeen>| set.number("/metadata/generation").unwrap_or(0);
        let up_to = self.set.versions().iter().filter(|set| generation(set) <= observed);
        let asked = up_to.filter_map(|set| set.number("/spec/replicas")).max()?;
        let replicas = counter(status.what, "replicas");
        let pods = self.set.pods().at(self.rest.event);
        let is_certain = self.view.history().gaps(self.set.watch()).is_empty()
            && self.set.uids().len() == 1
            && !pods.iter().any(|life| self.edits.touched(life, self.rest.event));
        (is_certain && observed < generation(status) && replicas > asked).then(|| {
            format!("status.replicas was {replicas}, and generation {observed}, the last one observed, asked for {asked}")
        })
    }

    /// When the last of the pods that were waited for became ready, if all had been for long.
    fn long_ready(&self) -> Option<&'h Event> {
        let given_up = self.rest.event;
        let present = self.set.pods().at(given_up);
        let ready = |life: &&PodLife<'h>| life.ready_since(given_up);
        let since: Option<Vec<&Event>> = present.iter().map(ready).collect();
        let last = since?.into_iter().max_by_key(|event| event.seq)?;
        let long_us = given_up.span.until_us.saturating_sub(last.span.until_us);
        let is_all = i64::try_from(present.len()) == Ok(self.rest.replicas);
        (is_all && long_us >= controller::patience_us(self.set)).then_some(last)
    }

    /// The newest version up to the end of the wait, if the controller wrote it when it must have known of that event.
    fn written_after(&self, ready: &Event) -> Option<Seen<'h, ObjectSeen>> {
        let known = self.set.versions_between(&self.view.history().events[0], self.rest.event);
        let [.., before, now] = known else { return None };
        let counted_us =
            order::span(self.set.history(), now.event).from_us.saturating_sub(controller::lag_us(self.set));
        let is_written = before.at("/status") != now.at("/status") && !now.change.is_listed();
        (is_written && counted_us > ready.span.until_us).then_some(*now)
    }
}

/// Whether it counts another number of pods, or of ready ones.
fn counts_other(status: &ObjectSeen, replicas: i64) -> bool {
    ["replicas", "readyReplicas"].into_iter().any(|name| counter(status, name) != replicas)
}
