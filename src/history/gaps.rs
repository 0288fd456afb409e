//! Where a watch cannot be believed: what it lost, and how late it was.
//!
//! A gap is an interval. It begins with the last thing that the watch certainly delivered, because whatever is missing can
//! have happened right after that, and it ends with the list that says what exists. Three things make one: the watch says so
//! (410 Gone), the watch falls silent after an error and never comes back, or a list shows what the watch never delivered,
//! which is how a watch is found out whose connection stays open and tells nothing more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Event, History, ListSeen, ObjectSeen, Observation, Observer, Step, Watch};
use crate::limits;

/// An interval in which a watch may have missed what happened.
#[derive(Debug, Clone, Copy)]
pub struct Gap<'h> {
    /// The last thing that the watch certainly delivered, or the event with which it began.
    pub from: &'h Event,
    /// The event from which on the watch can be believed again; none where it cannot until the record ends.
    pub until: Option<&'h Event>,
    /// The event that shows the gap.
    pub shown_by: &'h Event,
}

impl Gap<'_> {
    /// Whether something of the gap lies between these two events.
    pub fn overlaps(&self, earlier: &Event, later: &Event) -> bool {
        self.from.comes_before(later) && self.until.is_none_or(|until| earlier.comes_before(until))
    }

    /// Whether what this event tells may be incomplete because of the gap.
    pub fn holds(&self, event: &Event) -> bool {
        self.from.comes_before(event) && self.until.is_none_or(|until| event.comes_before(until))
    }
}

/// A gap, by the numbers of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GapAt {
    pub from: u64,
    pub until: Option<u64>,
    pub shown_by: u64,
}

/// What is known of how well each watch did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reliability {
    pub gaps: BTreeMap<Watch, Vec<GapAt>>,
    pub lag_us: BTreeMap<Watch, u64>,
}

/// Every watch of a record, with its gaps and how late it was.
pub(super) fn reliability(history: &History) -> Reliability {
    let mut found = Reliability::default();
    let watches: BTreeSet<Watch> = history.watches().collect();
    for watch in watches {
        let delivered = Delivered::of(history, watch);
        let mut gaps = told(history, watch);
        for event in history.lists(watch) {
            let Observation::List(list) = &event.seen else { continue };
            let is_hidden = gaps.iter().any(|gap| gap.holds_number(event.seq));
            if let Some(gap) = delivered.missed(history, event, list).filter(|_| !is_hidden) {
                gaps.push(gap);
            }
            let lag = found.lag_us.entry(watch).or_default();
            *lag = (*lag).max(delivered.lag_us(event, list));
        }
        let lag = found.lag_us.entry(watch).or_default();
        *lag = (*lag).max(delivered.lag_after_answers_us(history));
        gaps.sort_by_key(|gap| (gap.from, gap.shown_by));
        found.gaps.insert(watch, gaps);
    }
    found
}

impl GapAt {
    fn holds_number(&self, seq: u64) -> bool {
        self.from < seq && self.until.is_none_or(|until| seq < until)
    }
}

/// The gaps that the watch itself tells of, and the one at its end if it told nothing more.
fn told(history: &History, watch: Watch) -> Vec<GapAt> {
    let mut gaps = Vec::new();
    let mut certain: Option<u64> = None;
    let mut open: Option<GapAt> = None;
    let mut failing: Option<u64> = None;
    let mut listing_ended: Option<u64> = None;
    let mut catching_up = CatchingUp::default();
    for event in history.told_by(Observer::Watch(watch)) {
        catching_up.take(event);
        match &event.seen {
            Observation::WatchGap { .. } => {
                // What a list told is certain, whatever was lost after it.
                if let (Some(gap), Some(until)) = (open, listing_ended) {
                    gaps.push(GapAt { until: Some(until), ..gap });
                    (open, certain) = (None, Some(until - 1));
                }
                let from = certain.unwrap_or(0);
                open = open.or(Some(GapAt { from, until: None, shown_by: event.seq }));
                (failing, listing_ended) = (None, None);
            }
            Observation::ApiError(_) => failing = failing.or(Some(event.seq)),
            Observation::Object(object) if object.change.is_listed() && open.is_some() => {
                listing_ended = Some(event.seq + 1);
            }
            Observation::WatchOpened { .. } if certain.is_some() && open.is_none() => failing = None,
            _ => {
                let until = listing_ended.unwrap_or(event.seq);
                gaps.extend(open.take().map(|gap| GapAt { until: Some(until), ..gap }));
                if !catching_up.is_on() {
                    (certain, failing) = (Some(event.seq), None);
                }
                listing_ended = None;
            }
        }
    }
    let reopened = catching_up.opened.filter(|opened| history.lists(watch).all(|list| list.seq < *opened));
    let is_silent = open.is_none().then_some(failing.or(reopened)).flatten();
    gaps.extend(open.map(|gap| GapAt { until: listing_ended, ..gap }));
    let certain = certain.unwrap_or(0);
    gaps.extend(is_silent.map(|failing| GapAt { from: certain, until: None, shown_by: failing }));
    gaps.extend(never_compared(history, watch, certain));
    gaps
}

/// Whether a watch that was down is up to date again, as the recorder knows it: by what it delivers a while after it was
/// reopened, by a bookmark, or by a list.
#[derive(Default)]
struct CatchingUp {
    until_us: Option<u64>,
    /// The reopening that it has to catch up after.
    opened: Option<u64>,
}

impl CatchingUp {
    fn take(&mut self, event: &Event) {
        let now_us = event.span.until_us;
        let opened_us = now_us.saturating_add(limits::WATCH_CAUGHT_UP.wait_us());
        self.until_us = match &event.seen {
            Observation::ApiError(_) => Some(u64::MAX),
            Observation::WatchOpened { .. } => self.until_us.map(|_| opened_us),
            Observation::Object(object) if !object.change.is_listed() => {
                self.until_us.filter(|until_us| now_us <= *until_us)
            }
            _ => None,
        };
        self.opened = match &event.seen {
            Observation::WatchOpened { .. } => self.until_us.map(|_| event.seq),
            _ => self.opened.filter(|_| self.is_on()),
        };
    }

    fn is_on(&self) -> bool {
        self.until_us.is_some()
    }
}

/// A scenario that came to its end must have compared what the watch delivered with what exists.
fn never_compared(history: &History, watch: Watch, certain: u64) -> Option<GapAt> {
    let completed = history.steps().find(|step| matches!(step.what, Step::Completed))?;
    let compared = history.lists(watch).next().is_some();
    (!compared).then_some(GapAt { from: certain, until: None, shown_by: completed.event.seq })
}

/// What a watch delivered, and when.
struct Delivered<'h> {
    watch: Watch,
    /// When each version was first delivered, by uid and revision.
    versions: HashMap<(&'h str, &'h str), &'h Event>,
    /// The deliveries of each object, the removal last where there is one.
    objects: HashMap<&'h str, Vec<(&'h Event, &'h ObjectSeen)>>,
}

impl<'h> Delivered<'h> {
    fn of(history: &'h History, watch: Watch) -> Self {
        let mut all = Self { watch, versions: HashMap::new(), objects: HashMap::new() };
        for seen in history.objects(watch) {
            let object = seen.what;
            all.versions.entry((&object.uid, &object.revision)).or_insert(seen.event);
            all.objects.entry(&object.uid).or_default().push((seen.event, object));
        }
        all
    }

    /// What the list shows and the watch never delivered.
    fn missed(&self, history: &History, event: &Event, list: &ListSeen) -> Option<GapAt> {
        let unknown = list.objects.iter().filter(|v| !self.versions.contains_key(&(&*v.uid, &*v.revision)));
        let unknown = unknown.map(|version| version.uid.as_str());
        let still_told = self.told_to_exist(event, list).filter(|uid| self.removal(uid).is_none());
        let missed = unknown.chain(still_told).map(|uid| self.certain_before(history, event, uid)).min()?;
        Some(GapAt { from: missed, until: None, shown_by: event.seq })
    }

    /// The objects that the watch had delivered before the list was asked for and that the list does not have.
    fn told_to_exist(&self, event: &Event, list: &ListSeen) -> impl Iterator<Item = &'h str> {
        let listed: BTreeSet<&str> = list.objects.iter().map(|version| version.uid.as_str()).collect();
        let asked_us = event.span.from_us;
        let told = self.objects.iter().filter(move |(uid, deliveries)| {
            deliveries[0].0.span.until_us < asked_us && !listed.contains(**uid)
        });
        told.map(|(uid, _)| *uid)
    }

    fn removal(&self, uid: &str) -> Option<&'h Event> {
        let deliveries = self.objects.get(uid)?;
        deliveries.iter().find(|(_, object)| object.change.is_removal()).map(|(event, _)| *event)
    }

    /// The last delivery before the list that is certain. A watch that tells nothing more can be believed up to its last
    /// word. One that goes on and left something out can be believed only up to its last word on that object.
    fn certain_before(&self, history: &History, list: &Event, uid: &str) -> u64 {
        let mut told = history.told_by(Observer::Watch(self.watch));
        let goes_on = told.any(|event| list.comes_before(event) && is_delivery(&event.seen));
        let last = if goes_on {
            let of_object = self.objects.get(uid).into_iter().flatten();
            of_object.map(|(event, _)| event.seq).rfind(|seq| *seq < list.seq)
        } else {
            let told = history.told_by(Observer::Watch(self.watch));
            told.filter(|event| is_delivery(&event.seen)).map(|event| event.seq).rfind(|seq| *seq < list.seq)
        };
        let opened = || history.told_by(Observer::Watch(self.watch)).next().map_or(0, |event| event.seq);
        last.unwrap_or_else(opened)
    }

    /// How much later than the list the watch delivered what the list already showed.
    fn lag_us(&self, event: &Event, list: &ListSeen) -> u64 {
        let versions = list.objects.iter().filter_map(|v| self.versions.get(&(&*v.uid, &*v.revision)));
        let removals = self.told_to_exist(event, list).filter_map(|uid| self.removal(uid));
        let late = versions.copied().chain(removals).map(|delivery| later_by_us(delivery, event));
        late.max().unwrap_or(0)
    }

    /// How much later than the answer to a request the watch delivered the version in that answer.
    fn lag_after_answers_us(&self, history: &History) -> u64 {
        let answers = history.steps().filter_map(|step| match step.what {
            Step::Answered(answered) => Some((step.event, answered.version.as_ref()?)),
            _ => None,
        });
        let late = answers.filter_map(|(event, v)| {
            let delivery = self.versions.get(&(v.uid.as_str(), v.revision.as_str()))?;
            Some(later_by_us(delivery, event))
        });
        late.max().unwrap_or(0)
    }
}

/// Whether it is something that the watch delivers, in order.
fn is_delivery(seen: &Observation) -> bool {
    matches!(seen, Observation::Object(_) | Observation::Bookmark { .. })
}

fn later_by_us(delivery: &Event, answer: &Event) -> u64 {
    delivery.span.until_us.saturating_sub(answer.span.until_us)
}

#[cfg(test)]
mod tests {
    use crate::{
        checks::notation::{Notes, history},
        history::{History, Observation, Resource, Watch},
    };

    const PODS: Resource = Resource::Pods;

    /// The gaps of the watch of pods, each as the statements between which it lies: numbers of events after the preamble.
    fn gaps(history: &History) -> Vec<(i64, Option<i64>)> {
        let preamble = Notes::new().history().events.len() as i64;
        let of = |seq: u64| seq as i64 - preamble;
        history.gaps(PODS).iter().map(|gap| (of(gap.from.seq), gap.until.map(|e| of(e.seq)))).collect()
    }

    #[test]
    fn a_gap_goes_from_the_last_delivery_to_the_end_of_the_list() {
        let lost = history("web-0 created; delete web-0; gap pods; web-0 listed; web-1 listed; web-0 ready");
        assert_eq!(gaps(&lost), [(0, Some(5))]);
        assert!(lost.gap_between(PODS, &lost.events[0], lost.last()).is_some());
        let preamble = Notes::new().history().events.len();
        let requested = &lost.events[preamble + 1];
        assert!(lost.gaps(PODS)[0].holds(requested), "the request was made after the last delivery");
    }

    #[test]
    fn a_gap_that_is_never_listed_lasts_to_the_end() {
        assert_eq!(gaps(&history("web-0 created; gap pods; set replicas=1")), [(0, None)]);
    }

    #[test]
    fn what_a_list_told_between_two_gaps_is_certain() {
        let twice =
            history("web-0 created; gap pods; web-0 listed-again; gap pods; web-0 listed-again; web-0 ready");
        assert_eq!(gaps(&twice), [(0, Some(3)), (2, Some(5))]);
        let unlisted = history("web-0 created; gap pods; gap pods; web-0 listed-again; web-0 ready");
        assert_eq!(gaps(&unlisted), [(0, Some(4))]);
    }

    #[test]
    fn errors_after_which_the_watch_goes_on_are_no_gap() {
        for caught_up in ["web-0 ready; bookmark pods", "wait 3s; web-0 ready", "web-0 ready; completed"] {
            let went_on =
                history(&format!("web-0 created; error pods; error pods; opened pods; {caught_up}"));
            assert_eq!(gaps(&went_on), [], "{caught_up}");
        }
    }

    #[test]
    fn a_watch_that_is_cut_again_while_it_catches_up_was_last_certain_before() {
        let down = "web-0 created; error pods; wait 9s; opened pods; web-0 ready";
        assert_eq!(gaps(&history(down)), [(0, None)], "nothing says that this was all");
        assert_eq!(gaps(&history(&format!("{down}; error pods; wait 9s"))), [(0, None)]);
        let told = format!("{down}; bookmark pods; error pods; wait 9s");
        assert_eq!(gaps(&history(&told)), [(4, None)]);
    }

    #[test]
    fn a_watch_that_never_comes_back_can_be_believed_up_to_its_last_delivery() {
        let silent = history("web-0 created; set replicas=1; error pods; error pods; set replicas=2");
        assert_eq!(gaps(&silent), [(0, None)]);
        assert_eq!(silent.gaps(PODS)[0].shown_by.seq, silent.events[silent.events.len() - 3].seq);
        assert!(silent.gaps(Resource::StatefulSets).is_empty());
    }

    #[test]
    fn bookmarks_are_deliveries() {
        let silent = history("web-0 created; set replicas=1; bookmark pods; error pods; set replicas=2");
        assert_eq!(gaps(&silent), [(2, None)]);
    }

    #[test]
    fn a_list_shows_what_a_mute_watch_kept_to_itself() {
        let mut notes = Notes::new().say("web-0 created; web-1 created; set replicas=2");
        let quiet = Notes::new().say("web-0 created; web-1 created; set replicas=2; list pods").history();
        assert_eq!(gaps(&quiet), [], "the list shows what was delivered");
        notes.forget(PODS, "web-0");
        assert_eq!(gaps(&notes.say("list pods").history()), [(1, None)], "web-0 is gone, and nobody said so");
    }

    #[test]
    fn a_watch_that_left_something_out_and_goes_on_is_believed_up_to_its_last_word_on_that() {
        let mut notes = Notes::new().say("web-0 created; web-1 created; web-1 ready");
        notes.forget(PODS, "web-0");
        assert_eq!(gaps(&notes.say("list pods; web-1 unready").history()), [(0, None)]);
    }

    #[test]
    fn a_scenario_that_ended_without_a_list_may_have_missed_its_end() {
        let mut ended = history("web-0 created; completed");
        assert_eq!(gaps(&ended), []);
        ended.events.retain(|event| !matches!(event.seen, Observation::List(_)));
        (0..).zip(&mut ended.events).for_each(|(seq, event)| event.seq = seq);
        let without = History::new("noted", ended.events);
        assert_eq!(gaps(&without), [(0, None)]);
    }

    #[test]
    fn a_resource_that_was_never_watched_is_one_gap() {
        let mut all = history("web-0 created; set replicas=1");
        all.events.retain(|event| !matches!(event.seen, Observation::WatchOpened { resource, .. } if resource == Resource::Events));
        (0..).zip(&mut all.events).for_each(|(seq, event)| event.seq = seq);
        let unwatched = History::new("noted", all.events);
        assert_eq!(unwatched.gaps(Resource::Events).len(), 1);
        assert!(unwatched.gap_between(Resource::Events, &unwatched.events[0], unwatched.last()).is_some());
    }

    #[test]
    fn lag_is_how_much_later_than_a_list_a_version_came() {
        let mut notes = Notes::new().say("web-0 created");
        notes.list_ahead(PODS, "web-0 ready");
        let late = notes.say("wait 2s; web-0 ready").history();
        let lag_us = late.lag_us(Watch::from(PODS));
        assert!((2_000_000..2_300_000).contains(&lag_us), "{lag_us}");
        assert_eq!(gaps(&late), [], "late is not lost");
        assert_eq!(history("web-0 created; list pods; web-0 ready").lag_us(Watch::from(PODS)), 0);
    }
}
