//! The readiness of pods, told by themselves and by the endpoints of the Service, compared over time.

use std::collections::{BTreeMap, BTreeSet};

use super::endpoints::Version;
use crate::{
    checks::Findings,
    history::{Change, Event, History, Phase, PodLife, Resource},
    limits,
};

/// One of the two accounts of a pod changed: whether it is ready, by the pod or by the list.
struct Turn<'h> {
    event: &'h Event,
    by_pod: bool,
    ready: bool,
}

/// Compares, for each pod, the pod's own account of its readiness with the list's.
pub(super) fn readiness_follows(
    history: &History,
    resource: Resource,
    pods: &[PodLife<'_>],
    versions: &[Version<'_>],
    findings: &mut Findings,
) {
    let mut turns = turns_of_lists(versions);
    for life in pods {
        let mut turns = turns.remove(life.uid).unwrap_or_default();
        turns.extend(turns_of_pod(life));
        turns.sort_by_key(|turn| turn.event.span.until_us);
        follows(history, resource, life, &turns, findings);
    }
}

fn turns_of_lists<'h>(versions: &[Version<'h>]) -> BTreeMap<&'h str, Vec<Turn<'h>>> {
    let mut turns: BTreeMap<&str, Vec<Turn<'_>>> = BTreeMap::new();
    let mut before: BTreeSet<&str> = BTreeSet::new();
    for version in versions {
        let now: BTreeSet<&str> = version.listed.iter().filter(|e| e.ready).map(|e| e.uid).collect();
        for uid in now.symmetric_difference(&before) {
            let turn = Turn { event: version.event, by_pod: false, ready: now.contains(uid) };
            turns.entry(uid).or_default().push(turn);
        }
        before = now;
    }
    turns
}

fn turns_of_pod<'h>(life: &PodLife<'h>) -> Vec<Turn<'h>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for version in &life.versions {
        let ready = version.change != Change::Deleted && Phase::of(version.what) == Phase::Ready;
        if ready != turns.last().is_some_and(|turn| turn.ready) {
            turns.push(Turn { event: version.event, by_pod: true, ready });
        }
    }
    turns
}

/// The two accounts may differ for a while after one has turned; longer breaks the promise.
fn follows(
    history: &History,
    resource: Resource,
    life: &PodLife<'_>,
    turns: &[Turn<'_>],
    findings: &mut Findings,
) {
    let (kind, name) = (resource.plural(), life.name);
    let (mut by_pod, mut by_list) = (false, false);
    let mut differ: Option<&Turn<'_>> = None;
    for (index, turn) in turns.iter().enumerate() {
        let account = if turn.by_pod { &mut by_pod } else { &mut by_list };
        *account = turn.ready;
        let (was, is) = (differ, by_pod != by_list);
        differ = if is { was.or(Some(turn)) } else { None };
        if let (Some(was), false) = (was, is) {
            let took_secs = secs_between(was.event, turn.event);
            let ready = if turn.ready { "ready" } else { "not ready" };
            let said = if turn.by_pod { "was again as listed" } else { "was listed so" };
            findings.held(
                format!("{name} was {ready} and {said} by {kind} after {took_secs:.1} s"),
                &[was.event, turn.event],
            );
            if turn.ready && !turn.by_pod {
                findings.measure("endpoints_appear_secs", format!("{kind} {name}"), took_secs);
            }
        }
        let until = turns.get(index + 1).map_or(history.last(), |next| next.event);
        if let Some(since) = differ.filter(|since| is_long(since.event, until)) {
            differs_for_long(history, resource, (name, by_pod, by_list), since.event, findings);
            return;
        }
    }
    if let Some(since) = differ.map(|since| since.event) {
        differs_at_the_end(history, kind, (name, by_pod, by_list), since, findings);
    }
}

/// The record ends while the two accounts differ: what came of it was not seen.
fn differs_at_the_end(
    history: &History,
    kind: &str,
    (name, by_pod, by_list): (&str, bool, bool),
    since: &Event,
    findings: &mut Findings,
) {
    let lasted_secs = secs_between(since, history.last());
    if lasted_secs > limits::OBSERVER_SLACK.wait_secs() {
        let word = |ready: bool| if ready { "ready" } else { "not ready" };
        let what = format!(
            "the record ends {lasted_secs:.1} s after {name} became {} where {kind} had it as {}",
            word(by_pod),
            word(by_list)
        );
        findings.blind(what, &[since, history.last()]);
    }
}

fn secs_between(from: &Event, until: &Event) -> f64 {
    until.span.until_us.saturating_sub(from.span.until_us) as f64 / 1e6
}

fn is_long(from: &Event, until: &Event) -> bool {
    let bound_us = limits::ENDPOINTS_SETTLED.wait_us() + limits::OBSERVER_SLACK.wait_us();
    until.span.until_us.saturating_sub(from.span.until_us) > bound_us
}

fn differs_for_long(
    history: &History,
    resource: Resource,
    (name, by_pod, by_list): (&str, bool, bool),
    since: &Event,
    findings: &mut Findings,
) {
    let word = |ready: bool| if ready { "ready" } else { "not ready" };
    let kind = resource.plural();
    let bound_secs = limits::ENDPOINTS_SETTLED.wait_secs();
    let what = format!(
        "{name} was {} for more than {bound_secs:.0} s while {kind} had it as {}",
        word(by_pod),
        word(by_list)
    );
    match gap(history, resource) {
        Some(gap) => findings.blind(what, &[gap, since]),
        None => findings.broken(what, &[since]),
    }
}

/// A gap that may hide why what is listed does not fit.
pub(super) fn gap(history: &History, resource: Resource) -> Option<&Event> {
    history.gaps(Resource::Pods).chain(history.gaps(resource)).next()
}
