//! What DNS may say, and when: which pods of the set were ready over time, as the watch of pods told.
//!
//! A pod's name stands for the pod's IPv4 addresses while the pod is ready, and for nothing while it is not. The name of
//! the headless Service stands for the addresses of all ready pods. Every backend caches by itself, so an answer that was
//! right a while ago is tolerated for as long as the limit says ([`Fit::Stale`]); one that never was right is wrong at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::{
    history::{Event, History, ObjectSeen, Phase, Resource, SERVICE, Seen, Span, lives},
    limits,
};

/// Who was ready from an event on, until the next state.
#[derive(Debug, Clone)]
pub(super) struct State<'h> {
    /// The event that made it so.
    pub(super) event: &'h Event,
    /// The ready pods with their addresses.
    pub(super) ready: BTreeMap<&'h str, BTreeSet<&'h str>>,
    /// The addresses of all of them.
    pub(super) all: BTreeSet<&'h str>,
}

/// How something that was told fits to what was true.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fit<'h> {
    /// It was true when it was asked.
    Current,
    /// It had been true until this event, which is not longer ago than caches may take.
    Stale {
        /// What ended it.
        over: &'h Event,
    },
    /// It had been true until this event, which is longer ago than caches may take.
    Outdated {
        /// What ended it.
        over: &'h Event,
        /// How long ago that was.
        late_us: u64,
    },
    /// It never was true.
    Wrong,
    /// It does not fit to what is known, and a gap hides a part.
    Unknown {
        /// The gap.
        gap: &'h Event,
    },
}

/// What DNS may say, over time.
#[derive(Debug)]
pub(super) struct Truth<'h> {
    states: Vec<State<'h>>,
    gaps: Vec<(&'h Event, u64)>,
    owners: BTreeMap<&'h str, BTreeSet<&'h str>>,
    stale_us: u64,
    /// The absolute name of the headless Service; none where the zone is unknown.
    pub(super) service: Option<String>,
}

impl<'h> Truth<'h> {
    /// Folds the watch of pods.
    pub(super) fn of(history: &'h History) -> Self {
        let stale_secs = history.started().dns_stale_secs;
        let hard_us = limits::DNS_STALE_HARD.wait_us();
        Self {
            states: states(history),
            gaps: gaps(history),
            owners: owners(history),
            stale_us: if stale_secs > 0.0 { (stale_secs * 1e6) as u64 } else { hard_us },
            service: history.service_fqdn(),
        }
    }

    /// The same, as the endpoints of the Service tell it instead of the pods.
    pub(super) fn with_states(self, states: Vec<State<'h>>) -> Self {
        Self { states, ..self }
    }

    /// The states, in the order of time; the first is that nothing is ready.
    pub(super) fn states(&self) -> &[State<'h>] {
        &self.states
    }

    /// How long an answer may be behind, in microseconds: what caches may take, and what observers may differ by.
    pub(super) fn tolerance_us(&self) -> u64 {
        self.stale_us + limits::OBSERVER_SLACK.wait_us()
    }

    /// The last state that had been told by then.
    pub(super) fn at(&self, us: u64) -> &State<'h> {
        let told = self.states.partition_point(|state| state.event.span.until_us <= us);
        &self.states[told.saturating_sub(1)]
    }

    /// How a claim that was made in this span fits to the states.
    pub(super) fn fit(&self, span: Span, holds_in: impl Fn(&State<'h>) -> bool) -> Fit<'h> {
        // Whoever answers may have learnt of a change a little earlier than our own watch.
        let slack_us = limits::OBSERVER_SLACK.wait_us();
        let known = |state: &State<'_>| state.event.span.until_us <= span.until_us.saturating_add(slack_us);
        let known = self.states.partition_point(known);
        let Some(latest) = self.states[..known].iter().rposition(holds_in) else {
            return self.gap_near(span).map_or(Fit::Wrong, |gap| Fit::Unknown { gap });
        };
        let Some(over) = self.states.get(latest + 1).map(|state| state.event) else { return Fit::Current };
        match span.from_us.saturating_sub(over.span.until_us) {
            0 => Fit::Current,
            late_us if late_us <= self.tolerance_us() => Fit::Stale { over },
            late_us => {
                self.gap_near(span).map_or(Fit::Outdated { over, late_us }, |gap| Fit::Unknown { gap })
            }
        }
    }

    /// A gap in the watch of pods that hides what the answer may have been.
    fn gap_near(&self, span: Span) -> Option<&'h Event> {
        let from_us = span.from_us.saturating_sub(self.tolerance_us());
        let until_us = span.until_us.saturating_add(limits::OBSERVER_SLACK.wait_us());
        let near = |(gap, over_us): &&(&Event, u64)| gap.span.from_us <= until_us && *over_us >= from_us;
        self.gaps.iter().find(near).map(|(gap, _)| *gap)
    }

    /// Whose address this is or was, for a person to read; nothing where no pod of the namespace ever had it.
    pub(super) fn owner(&self, address: &str) -> String {
        match self.owners.get(address) {
            Some(pods) => format!(" (an address of {})", words(pods)),
            None => String::new(),
        }
    }
}

/// The texts, with commas between them.
pub(super) fn words<'t>(texts: impl IntoIterator<Item = &'t &'t str>) -> String {
    texts.into_iter().copied().collect::<Vec<_>>().join(", ")
}

/// Whether A records can tell this address.
pub(super) fn is_ipv4(address: &str) -> bool {
    address.parse::<Ipv4Addr>().is_ok()
}

/// The Service may be of the other family only: then no A record is promised.
fn serves_ipv4(history: &History) -> bool {
    let mut services = history.objects(Resource::Services).filter(|service| service.name == SERVICE);
    services.all(|service| {
        let families = service.what.list("/spec/ipFamilies");
        families.is_empty() || families.iter().any(|family| family == "IPv4")
    })
}

fn states(history: &History) -> Vec<State<'_>> {
    let Some(first) = history.events.first() else { return Vec::new() };
    let pods = history.pods();
    let mut changes: Vec<(u64, Option<Seen<'_, ObjectSeen>>)> = pods
        .iter()
        .flat_map(|life| &life.versions)
        .map(|version| (version.event.seq, Some(*version)))
        .collect();
    changes.extend(history.gaps(Resource::Pods).map(|gap| (gap.seq, None)));
    changes.sort_by_key(|(seq, _)| *seq);
    let serves = serves_ipv4(history);
    let mut states = vec![State { event: first, ready: BTreeMap::new(), all: BTreeSet::new() }];
    let mut ready: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for (seq, version) in changes {
        let changed = match version {
            None => !std::mem::take(&mut ready).is_empty(),
            Some(version) => apply(&mut ready, version, serves),
        };
        if changed {
            states.push(state(history.event(seq), &ready));
        }
    }
    states
}

/// Takes one version of a pod into account, and says whether anything changed.
fn apply<'h>(
    ready: &mut BTreeMap<&'h str, (&'h str, BTreeSet<&'h str>)>,
    version: Seen<'h, ObjectSeen>,
    serves: bool,
) -> bool {
    let pod = version.what;
    let is_ready = version.change != crate::history::Change::Deleted && Phase::of(pod) == Phase::Ready;
    let present = ready.get(pod.name.as_str());
    if !is_ready {
        let mine = present.is_some_and(|(uid, _)| *uid == pod.uid);
        return mine && ready.remove(pod.name.as_str()).is_some();
    }
    let addresses = lives::addresses(pod).into_iter().filter(|a| serves && is_ipv4(a)).collect();
    let now = (pod.uid.as_str(), addresses);
    present != Some(&now) && {
        ready.insert(&pod.name, now);
        true
    }
}

fn state<'h>(event: &'h Event, ready: &BTreeMap<&'h str, (&'h str, BTreeSet<&'h str>)>) -> State<'h> {
    let ready: BTreeMap<_, _> = ready.iter().map(|(name, (_, all))| (*name, all.clone())).collect();
    let all = ready.values().flatten().copied().collect();
    State { event, ready, all }
}

/// Each gap, and when the watch next told something.
fn gaps(history: &History) -> Vec<(&Event, u64)> {
    let next = |gap: &Event| {
        let mut later = history.events[gap.seq as usize + 1..].iter();
        later.find(|event| event.observer == gap.observer).map_or(u64::MAX, |event| event.span.until_us)
    };
    history.gaps(Resource::Pods).map(|gap| (gap, next(gap))).collect()
}

fn owners(history: &History) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pod in history.objects(Resource::Pods) {
        for address in lives::addresses(pod.what) {
            owners.entry(address).or_default().insert(&pod.what.name);
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history, started},
        history::{Change, Observation, Started, Step},
    };

    const START: &str = "web-0 created; web-0 ready; wait 10s; web-0 terminating; web-0 deleted; \
                         web-0 created; web-0 address 10.0.0.77; web-0 ready";

    /// How the claim that web-0 has exactly these addresses fits, made so many seconds after the last event.
    fn fit(statements: &str, secs: f64, addresses: &[&str]) -> String {
        let history = history(statements);
        let truth = Truth::of(&history);
        let asked = Span::at(history.last().span.until_us + (secs * 1e6) as u64);
        let claim: BTreeSet<&str> = addresses.iter().copied().collect();
        let fit = truth.fit(asked, |state| state.ready.get("web-0").cloned().unwrap_or_default() == claim);
        format!("{fit:?}").split([' ', '{']).next().expect("a word").to_owned()
    }

    #[test]
    fn the_address_of_a_ready_pod_is_current() {
        assert_eq!(fit("web-0 created; web-0 ready", 100.0, &["10.0.0.10"]), "Current");
        assert_eq!(fit(START, 0.0, &["10.0.0.77"]), "Current");
    }

    #[test]
    fn what_was_true_is_tolerated_for_a_while_and_then_not() {
        assert_eq!(fit(START, 1.0, &["10.0.0.10"]), "Stale");
        assert_eq!(fit(START, 1.0, &[]), "Stale");
        assert_eq!(fit(START, 64.0, &["10.0.0.10"]), "Stale");
        assert_eq!(fit(START, 66.0, &["10.0.0.10"]), "Outdated");
        assert_eq!(fit(START, 66.0, &[]), "Outdated");
    }

    #[test]
    fn a_cluster_may_document_another_time_for_its_caches() {
        let late = |dns_stale_secs: f64| {
            let mut history = history("web-0 created; web-0 ready; web-0 unready");
            let started = Started { dns_stale_secs, ..started() };
            history.events[0].seen = Observation::Step(Step::Started(started.into()));
            let asked = Span::at(history.last().span.until_us + 20_000_000);
            matches!(Truth::of(&history).fit(asked, |state| !state.all.is_empty()), Fit::Outdated { .. })
        };
        assert!(late(10.0) && !late(20.0));
        assert!(!late(0.0), "none is said, so the usual one holds");
    }

    #[test]
    fn what_never_was_true_is_wrong_at_once() {
        assert_eq!(fit(START, 0.1, &["10.0.0.11"]), "Wrong");
        assert_eq!(fit(START, 0.1, &["10.0.0.10", "10.0.0.77"]), "Wrong");
    }

    #[test]
    fn a_pod_that_is_not_ready_or_terminating_has_no_address() {
        assert_eq!(fit("web-0 created; web-0 address 10.0.0.10; web-0 running", 1.0, &[]), "Current");
        assert_eq!(fit("web-0 created; web-0 ready; web-0 terminating", 1.0, &[]), "Current");
        assert_eq!(fit("web-0 created; web-0 address fd00::7; web-0 ready", 1.0, &[]), "Current");
    }

    #[test]
    fn a_gap_makes_what_does_not_fit_unknown_and_leaves_what_fits() {
        let gap = "web-0 created; web-0 ready; gap pods; web-0 listed; web-0 ready";
        assert_eq!(fit(gap, 1.0, &["10.0.0.99"]), "Unknown");
        assert_eq!(fit(gap, 1.0, &["10.0.0.10"]), "Current");
        assert_eq!(fit(gap, 100.0, &["10.0.0.99"]), "Wrong");
        assert_eq!(fit("web-0 created; web-0 ready; gap pods", 100.0, &["10.0.0.10"]), "Unknown");
    }

    #[test]
    fn a_gap_lasts_until_the_watch_tells_something_again() {
        let history = history("web-0 created; web-0 ready; gap pods; wait 100s; web-0 listed");
        let truth = Truth::of(&history);
        let gap = history.gaps(Resource::Pods).next().expect("a gap");
        let later = Span::at(gap.span.until_us + 90_000_000);
        assert!(matches!(truth.fit(later, |state| state.all.contains("10.0.0.99")), Fit::Unknown { .. }));
    }

    #[test]
    fn no_a_record_is_promised_of_a_service_of_the_other_family_only() {
        let of = |families: serde_json::Value| {
            let mut notes = Notes::new();
            let service = json!({"metadata": {"name": SERVICE}, "spec": {"ipFamilies": families}});
            notes.object(Resource::Services, Change::Added, service);
            let other = json!({"metadata": {"name": "other"}, "spec": {"ipFamilies": ["IPv6"]}});
            notes.object(Resource::Services, Change::Added, other);
            let history = notes.say("web-0 created; web-0 ready").history();
            let truth = Truth::of(&history);
            truth.states().last().is_some_and(|state| !state.all.is_empty())
        };
        assert!(of(json!(["IPv4"])) && of(json!(["IPv6", "IPv4"])) && of(json!([])));
        assert!(!of(json!(["IPv6"])));
    }

    #[test]
    fn an_answer_may_be_a_little_ahead_of_our_watch() {
        let history = history("web-0 created; wait 20s; web-0 ready");
        let truth = Truth::of(&history);
        let ready_us = history.last().span.until_us;
        let before =
            |secs: u64| truth.fit(Span::at(ready_us - secs * 1_000_000), |state| !state.all.is_empty());
        assert!(matches!(before(4), Fit::Current));
        assert!(matches!(before(6), Fit::Wrong));
    }

    #[test]
    fn addresses_have_owners() {
        let history = history("web-0 created; web-0 ready; web-1 created; web-1 ready");
        let truth = Truth::of(&history);
        assert_eq!(truth.owner("10.0.0.11"), " (an address of web-1)");
        assert_eq!(truth.owner("10.0.0.99"), "");
    }
}
