//! What a name stood for over time, and how an answer compares with it.
//!
//! Whoever answers has caches, so an answer that was right a while ago is tolerated ([`Fit::Stale`]). It also has a watch of
//! its own, which may be ahead of ours, so an answer may tell what our watch delivers only later. What can be excused in
//! neither way is wrong.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    history::{Event, Gap, History, Observation, Observer, Span, Watch},
    limits,
};

/// What a name stands for: addresses, or the pods and ports of SRV records.
pub type Told<'h> = BTreeSet<Cow<'h, str>>;

/// What a name stood for, from the beginning of the record on.
#[derive(Debug, Clone)]
pub struct Timeline<'h> {
    changes: Vec<Change<'h>>,
    /// The places of the changes to each value.
    places: BTreeMap<Arc<Told<'h>>, Vec<usize>>,
}

/// A name began to stand for something else.
#[derive(Debug, Clone)]
pub struct Change<'h> {
    /// The event that made it so.
    pub event: &'h Event,
    /// When it can have happened.
    pub span: Span,
    /// What it stands for from then on.
    pub value: Arc<Told<'h>>,
}

/// How an answer compares with what the name stood for.
#[derive(Debug, Clone, Copy)]
pub enum Fit<'h> {
    /// It was true when it was asked.
    Current,
    /// It agrees with what is known, and a gap may hide that something else was true: neither evidence nor violation.
    Possible,
    /// It had been true until this event, which is not longer ago than caches may take.
    Stale {
        /// What ended it.
        over: &'h Event,
    },
    /// It had been true until this event, which is longer ago than caches may take.
    Outdated {
        /// What ended it.
        over: &'h Event,
        /// How long before the question that was.
        late_us: u64,
    },
    /// It was not true at or before the question.
    Wrong,
    /// It disagrees with what is known, and a gap hides a part.
    Hidden {
        /// The event that shows the gap.
        gap: &'h Event,
    },
    /// It is what the watch delivered only later, and the watch may have been late with it.
    Unordered {
        /// The delivery.
        next: &'h Event,
    },
}

/// What decides how far an answer may be behind or ahead.
#[derive(Debug, Clone)]
pub struct Bounds<'h> {
    stale_us: u64,
    slack_us: u64,
    gaps: Vec<Unseen<'h>>,
}

/// A gap, as a stretch of time.
#[derive(Debug, Clone, Copy)]
struct Unseen<'h> {
    span: Span,
    shown_by: &'h Event,
}

impl<'h> Bounds<'h> {
    /// The bounds for what these watches tell.
    pub fn of(history: &'h History, watches: &[Watch]) -> Self {
        let stale_secs = history.started().dns_stale_secs;
        let usual_us = limits::DNS_STALE_HARD.wait_us();
        let lag_us = watches.iter().map(|watch| history.lag_us(*watch)).max().unwrap_or_default();
        let gaps = watches.iter().flat_map(|watch| history.gaps(*watch));
        Self {
            stale_us: if stale_secs > 0.0 { (stale_secs * 1e6) as u64 } else { usual_us },
            slack_us: limits::OBSERVER_SLACK.wait_us().saturating_add(lag_us.saturating_mul(2)),
            gaps: gaps.map(|gap| Unseen::of(&gap)).collect(),
        }
    }

    /// By how much the watches may be late, in microseconds.
    pub fn slack_us(&self) -> u64 {
        self.slack_us
    }

    /// How long an answer may be behind, in microseconds: what caches may take, and what observers may differ by.
    pub fn tolerance_us(&self) -> u64 {
        self.stale_us + limits::OBSERVER_SLACK.wait_us()
    }

    /// The gap in which a question was asked.
    fn gap_at(&self, asked: Span) -> Option<&'h Event> {
        self.gap_within(asked.from_us, asked.until_us)
    }

    /// The gap that may hide what an answer was made from.
    fn gap_near(&self, asked: Span) -> Option<&'h Event> {
        self.gap_within(asked.from_us.saturating_sub(self.tolerance_us()), asked.until_us)
    }

    fn gap_within(&self, from_us: u64, until_us: u64) -> Option<&'h Event> {
        let until_us = until_us.saturating_add(self.slack_us);
        let overlaps = |gap: &&Unseen<'_>| gap.span.from_us <= until_us && from_us <= gap.span.until_us;
        self.gaps.iter().find(overlaps).map(|gap| gap.shown_by)
    }
}

impl<'h> Unseen<'h> {
    fn of(gap: &Gap<'h>) -> Self {
        let until_us = gap.until.map_or(u64::MAX, |until| until.span.until_us);
        // What was lost came after the last thing that was delivered. A question is compared with slack on both sides.
        Self { span: Span { from_us: gap.from.span.until_us, until_us }, shown_by: gap.shown_by }
    }
}

impl<'h> Timeline<'h> {
    /// A name that stands for nothing.
    pub fn nothing(first: &'h Event) -> Self {
        let value = Arc::new(Told::new());
        let places = BTreeMap::from([(Arc::clone(&value), vec![0])]);
        Self { changes: vec![Change { event: first, span: first.span, value }], places }
    }

    /// From this event on, which can have happened at any time in that span, it stands for that.
    pub fn turn(&mut self, event: &'h Event, span: Span, value: Told<'h>) {
        if *self.last().value == value {
            return;
        }
        let value = Arc::new(value);
        self.places.entry(Arc::clone(&value)).or_default().push(self.changes.len());
        self.changes.push(Change { event, span, value });
    }

    /// Every change, the first being that it stands for nothing.
    pub fn changes(&self) -> &[Change<'h>] {
        &self.changes
    }

    /// What it stands for at the end of the record.
    pub fn last(&self) -> &Change<'h> {
        self.changes.last().expect("a timeline begins with nothing")
    }

    /// The last change that had been delivered by then.
    pub fn at(&self, us: u64) -> &Change<'h> {
        let told = self.changes.partition_point(|change| change.span.until_us <= us);
        &self.changes[told.saturating_sub(1)]
    }

    /// How an answer compares that came to a question of this span.
    pub fn fit(&self, bounds: &Bounds<'h>, asked: Span, told: &Told<'h>) -> Fit<'h> {
        let places = self.places.get(told).map_or(&[][..], Vec::as_slice);
        let delivered_us = asked.until_us.saturating_add(bounds.slack_us);
        let known = places.partition_point(|place| self.changes[*place].span.until_us <= delivered_us);
        let excuse = || self.excuse(bounds, asked, places.get(known));
        let Some(latest) = known.checked_sub(1).map(|known| places[known]) else {
            return excuse().unwrap_or(Fit::Wrong);
        };
        let over = self.changes.get(latest + 1);
        let late_us = over.map_or(0, |over| asked.from_us.saturating_sub(over.span.until_us));
        match over.map(|over| over.event) {
            Some(over) if late_us > bounds.tolerance_us() => {
                excuse().unwrap_or(Fit::Outdated { over, late_us })
            }
            Some(over) if late_us > 0 => Fit::Stale { over },
            _ if bounds.gap_at(asked).is_some() => Fit::Possible,
            _ => Fit::Current,
        }
    }

    /// What keeps an answer that does not fit from being wrong: a gap, or the next change to what it says, if the watch may
    /// have been late with that.
    fn excuse(&self, bounds: &Bounds<'h>, asked: Span, next: Option<&usize>) -> Option<Fit<'h>> {
        let next = next.map(|place| &self.changes[*place]);
        let may_be_late =
            |next: &&Change<'_>| next.span.from_us <= asked.until_us.saturating_add(bounds.slack_us);
        let hidden = bounds.gap_near(asked).map(|gap| Fit::Hidden { gap });
        hidden.or_else(|| next.filter(may_be_late).map(|next| Fit::Unordered { next: next.event }))
    }
}

/// When what each delivery of a watch tells can have happened.
///
/// An event's own span begins with the delivery before it. What a stalled stream held back arrives in one piece, so all of a
/// burst can have happened since the delivery before the burst.
#[derive(Debug)]
pub struct Arrivals {
    spans: HashMap<u64, Span>,
}

impl Arrivals {
    /// The deliveries of these watches.
    pub fn of(history: &History, watches: &[Watch]) -> Self {
        let mut spans = HashMap::new();
        for watch in watches {
            let (mut from_us, mut before_us) = (0, None);
            // Errors and reopenings deliver nothing.
            let deliveries = history
                .told_by(Observer::Watch(*watch))
                .filter(|event| matches!(event.seen, Observation::Object(_) | Observation::Bookmark { .. }));
            for event in deliveries {
                let until_us = event.span.until_us;
                let is_in_burst =
                    before_us.is_some_and(|before| until_us <= before + limits::WATCH_BURST.wait_us());
                if !is_in_burst {
                    from_us = event.span.from_us;
                }
                before_us = Some(until_us);
                spans.insert(event.seq, Span { from_us, until_us });
            }
        }
        Self { spans }
    }

    /// When what an event tells can have happened.
    pub fn span(&self, event: &Event) -> Span {
        self.spans.get(&event.seq).copied().unwrap_or(event.span)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        checks::notation::{Notes, history},
        views::{View, dns::Subject},
    };

    const START: &str = "service; web-0 created; web-0 ready; wait 10s; web-0 terminating; web-0 deleted; \
                         web-0 created; web-0 address 10.0.0.77; web-0 ready";

    /// How the answer that web-0 has exactly these addresses fits, asked so many seconds after the last event.
    fn fit(statements: &str, secs: f64, addresses: &[&str]) -> String {
        fit_in(&history(statements), secs, addresses)
    }

    fn fit_in(history: &History, secs: f64, addresses: &[&str]) -> String {
        let view = View::of(history);
        let service = view.services().iter().find(|service| service.name == "nginx").expect("the Service");
        let asked_us = (history.last().span.until_us as f64 + secs * 1e6) as u64;
        let told: Told<'_> = addresses.iter().copied().map(Cow::Borrowed).collect();
        let fit = service.published().fit(Subject::Pod("web-0"), "A", Span::at(asked_us), &told);
        format!("{fit:?}").split([' ', '{']).next().expect("a word").to_owned()
    }

    #[test]
    fn the_address_of_a_ready_pod_is_current() {
        assert_eq!(fit("service; web-0 created; web-0 ready", 100.0, &["10.0.0.10"]), "Current");
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
        let after_20_secs = |dns_stale_secs: f64| {
            let mut notes = Notes::new();
            notes.started(|started| started.dns_stale_secs = dns_stale_secs);
            let history = notes.say("service; web-0 created; web-0 ready; web-0 unready").history();
            fit_in(&history, 20.0, &["10.0.0.10"])
        };
        assert_eq!(after_20_secs(10.0), "Outdated");
        assert_eq!(after_20_secs(20.0), "Stale");
        assert_eq!(after_20_secs(0.0), "Stale", "none is said, so the usual one holds");
    }

    #[test]
    fn what_was_not_true_is_wrong_at_once() {
        assert_eq!(fit(START, 0.1, &["10.0.0.11"]), "Wrong");
        assert_eq!(fit(START, 0.1, &["10.0.0.10", "10.0.0.77"]), "Wrong");
    }

    #[test]
    fn a_pod_that_is_not_ready_or_terminating_has_no_address() {
        let unready = "service; web-0 created; web-0 address 10.0.0.10; web-0 running";
        assert_eq!(fit(unready, 1.0, &[]), "Current");
        assert_eq!(fit("service; web-0 created; web-0 ready; web-0 terminating", 1.0, &[]), "Current");
        assert_eq!(fit("service; web-0 created; web-0 address fd00::7; web-0 ready", 1.0, &[]), "Current");
    }

    #[test]
    fn a_gap_hides_what_does_not_fit_and_takes_the_certainty_from_what_fits() {
        let gap = "service; web-0 created; web-0 ready; gap pods; wait 9s; web-0 listed; web-0 ready";
        assert_eq!(fit(gap, 1.0, &["10.0.0.99"]), "Hidden");
        assert_eq!(fit(gap, 100.0, &["10.0.0.99"]), "Wrong");
        assert_eq!(fit(gap, 10.0, &["10.0.0.10"]), "Current", "the list told what exists");
        assert_eq!(fit(gap, -8.0, &["10.0.0.10"]), "Possible");
        let open = "service; web-0 created; web-0 ready; gap pods";
        assert_eq!(fit(open, 100.0, &["10.0.0.10"]), "Possible");
        assert_eq!(fit(open, 100.0, &["10.0.0.99"]), "Hidden");
    }

    #[test]
    fn a_gap_lasts_from_the_last_delivery_to_the_end_of_the_list() {
        let gap = "service; web-0 created; web-0 ready; gap pods; wait 100s; web-0 listed; opened pods; wait 90s; \
                   bookmark services";
        assert_eq!(fit(gap, -189.0, &["10.0.0.99"]), "Hidden");
        assert_eq!(fit(gap, -95.0, &["10.0.0.99"]), "Hidden");
        assert_eq!(fit(gap, -50.0, &["10.0.0.99"]), "Hidden", "an answer may be as old as the gap");
        assert_eq!(fit(gap, -5.0, &["10.0.0.99"]), "Wrong");
    }

    #[test]
    fn a_gap_of_the_services_hides_as_much_as_one_of_the_pods() {
        let gap = "service; web-0 created; web-0 ready; gap services";
        assert_eq!(fit(gap, 1.0, &["10.0.0.99"]), "Hidden");
        assert_eq!(fit(gap, 1.0, &["10.0.0.10"]), "Possible");
    }

    #[test]
    fn an_answer_may_be_ahead_of_our_watch() {
        let quiet = "service; web-0 created; wait 20s; web-0 ready";
        assert_eq!(fit(quiet, -4.0, &["10.0.0.10"]), "Current");
        assert_eq!(fit(quiet, -6.0, &["10.0.0.10"]), "Unordered", "nothing was delivered in between");
        let told = "service; web-0 created; wait 10s; bookmark pods; wait 10s; web-0 ready";
        assert_eq!(fit(told, -14.0, &["10.0.0.10"]), "Unordered");
        assert_eq!(fit(told, -16.0, &["10.0.0.10"]), "Wrong", "the watch was there when it told of nothing");
    }

    #[test]
    fn a_watch_that_was_down_and_lost_nothing_may_have_been_late() {
        let down = "service; web-0 created; error pods; error pods; wait 8s; opened pods; web-0 ready; bookmark pods";
        assert_eq!(fit(down, -7.0, &["10.0.0.10"]), "Unordered");
    }

    #[test]
    fn what_arrives_in_one_piece_may_all_have_been_held_up() {
        let mut history = history("service; web-0 created; wait 8s; web-0 running; web-0 ready");
        let [.., running, ready] = &mut history.events[..] else { panic!("two") };
        ready.span = Span { from_us: running.span.until_us, until_us: running.span.until_us + 2_000 };
        assert_eq!(fit_in(&history, -7.0, &["10.0.0.10"]), "Unordered");
    }

    #[test]
    fn a_watch_that_was_seen_to_be_late_is_given_twice_as_much() {
        let mut notes = Notes::new().say("service; web-0 created; wait 20s");
        notes.list_ahead(crate::history::Resource::Pods, "web-0 ready");
        let history = notes.say("wait 2s; web-0 ready").history();
        assert_eq!(fit_in(&history, -8.5, &["10.0.0.10"]), "Current");
    }

    #[test]
    fn a_service_that_was_told_of_late_was_there_all_the_same() {
        let late = "web-0 created; web-0 ready; wait 1s; web-0 unready; wait 3s; service";
        assert_eq!(fit(late, -3.5, &["10.0.0.10"]), "Possible");
        assert_eq!(fit(late, 0.0, &["10.0.0.10"]), "Stale");
        assert_eq!(fit(late, 0.0, &["10.0.0.99"]), "Wrong");
    }

    #[test]
    fn a_service_that_is_made_later_publishes_nothing_before() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready; wait 100s; bookmark services");
        let (verb, services) = (crate::history::Verb::Apply, crate::history::Resource::Services);
        notes.request(verb, services, Some("nginx"), None, json!({"spec": {"clusterIP": "None"}}));
        let history = notes.say("service").history();
        assert_eq!(fit_in(&history, -5.0, &[]), "Current");
        assert_eq!(fit_in(&history, 0.0, &[]), "Current");
        assert_eq!(fit_in(&history, 1.0, &[]), "Stale");
        assert_eq!(fit_in(&history, -20.0, &["10.0.0.10"]), "Wrong", "it was asked for only then");
    }
}
