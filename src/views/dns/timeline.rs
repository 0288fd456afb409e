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
    history::{Event, Gap, History, Observer, Span, Watch},
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
            for event in history.told_by(Observer::Watch(*watch)) {
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
