//! Of `status-consistent`: pods that were deleted were missing from the status while they were gone.

use std::collections::BTreeMap;

use super::complete::{Reading, unsettled};
use crate::{
    checks::{Cause, Findings, Say},
    history::{Event, ObjectSeen, Seen},
    views::{
        Dimension, Doing, Set, View, controller, dimension,
        recreation::{Recreation, recreations},
    },
};

/// The status counted fewer pods after each deletion.
const LOSS: &str = "loss";

pub(super) fn judge<'h>(view: &View<'h>, set: &Set<'h>, findings: &mut Findings) {
    let reading = Reading::of(set);
    let mut by_request: BTreeMap<u64, Vec<Recreation<'_, 'h>>> = BTreeMap::new();
    for lost in recreations(view, set) {
        by_request.entry(lost.request.seq).or_default().push(lost);
    }
    for (key, doing, _) in dimension::deletions(view, set) {
        let replicas = set.asked_at(doing.event).map_or(0, |asked| i64::from(asked.replicas));
        let lost = by_request.get(&doing.event.seq).map_or(&[][..], Vec::as_slice);
        Loss { view, set, reading, key: set.key(&key), doing, replicas, lost }.judge(findings);
    }
}

/// A deletion of pods of a set at rest.
struct Loss<'p, 'h> {
    view: &'p View<'h>,
    set: &'p Set<'h>,
    reading: Reading,
    key: String,
    doing: Doing<'h>,
    replicas: i64,
    lost: &'p [Recreation<'p, 'h>],
}

impl<'h> Loss<'_, 'h> {
    fn say<'f>(&self, findings: &'f mut Findings) -> Say<'f> {
        findings.on(LOSS).of(Dimension::Deletion, self.key.as_str())
    }

    fn judge(&self, findings: &mut Findings) {
        let (request, history) = (self.doing.event, self.view.history());
        // Of a status that was not at rest it cannot be told what it counts fewer of, so nothing is said.
        let at_rest = self.set.at(request).filter(|set| unsettled(set.what, self.replicas).is_none());
        let Some(at_rest) = at_rest else { return };
        let window = self.view.window_until(request, |doing| doing.disturbs_set(self.set));
        let until = if window.until.seq == history.ended().seq { history.last() } else { window.until };
        let soon = self.set.versions_between(request, until);
        if let Some(fewer) = soon.iter().find(|set| self.is_fewer(set)) {
            let what = format!("the status counted fewer than {} after pods were deleted", self.replicas);
            return self.say(findings).held(what, &[at_rest.event, request, fewer.event]);
        }
        let (cause, what, shows) = self.not_seen();
        let say = self.say(findings);
        match cause {
            Some(cause) => say.blind(cause, what, &[request, shows]),
            None => say.broken(what, &[request, shows, history.last()]),
        }
    }

    /// Whether a version counts fewer, and is not from before the deletion.
    fn is_fewer(&self, set: &Seen<'h, ObjectSeen>) -> bool {
        let answer = self.view.history().answer_to(self.doing.event);
        let answered = answer.and_then(|answer| answer.what.version.as_ref()?.revision.parse::<u64>().ok());
        let told = set.revision.parse::<u64>().ok();
        let is_older = answered.zip(told).is_some_and(|(answered, told)| told < answered);
        !is_older && self.reading.counts_fewer(set.what, self.replicas)
    }

    /// Why the loss was not seen in the status: the cause that leaves it open, if one does, and what shows it.
    fn not_seen(&self) -> (Option<Cause>, String, &'h Event) {
        let (request, last) = (self.doing.event, self.view.history().last());
        if let Some(gap) = self.view.history().gap_between(self.set.watch(), request, last) {
            return (
                Some(Cause::Gap),
                "the watch of the set has a gap while pods were recreated".to_owned(),
                gap.shown_by,
            );
        }
        // The watch of the set may be so late that it told of the loss after the driver had gone on.
        let later = self.set.versions_between(request, last);
        if let Some(moved) = later.iter().find(|set| unsettled(set.what, self.replicas).is_some()) {
            let what = "the status moved only after something else was done".to_owned();
            return (Some(Cause::NoOrder), what, moved.event);
        }
        match self.born_and_counted() {
            Some((name, born)) => {
                let what = format!(
                    "the status went on saying {0} of {0} while {name} was gone and recreated",
                    self.replicas
                );
                (None, what, born)
            }
            None => {
                let what =
                    "the record does not show that the controller had written the status again".to_owned();
                (Some(Cause::ControllerLag), what, request)
            }
        }
    }

    /// A pod that the controller created in place of a deleted one and must have counted by now. It writes the status at the end
    /// of the sync that created the pod, when that cannot be ready yet; and that sync was over when it created another one.
    fn born_and_counted(&self) -> Option<(String, &'h Event)> {
        let (pods, history) = (self.set.pods(), self.view.history());
        let hidden = pods.gap_between(self.doing.event, history.last());
        let next = self.lost.iter().filter_map(|lost| lost.next).filter(|_| hidden.is_none());
        let born = next.min_by_key(|life| life.birth().seq)?;
        let is_later = |event: &Event| born.birth().comes_before(event);
        let went_on = !self.set.is_parallel() && pods.last().is_some_and(|life| is_later(life.birth()));
        let left_us = history.last().span.until_us.saturating_sub(born.birth().span.until_us);
        let is_over = history.is_completed() && (went_on || left_us >= controller::patience_us(self.set));
        is_over.then(|| (self.set.key(born.name), born.birth()))
    }
}
