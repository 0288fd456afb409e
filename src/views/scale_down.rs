//! Requests for fewer replicas: what was asked for, which pods had to go and which to stay, and in which turn each went.

use super::{
    PodLife, Set, View, Window,
    controller::later,
    ends::{self, Excuse, Whose},
};
use crate::history::{Event, Phase};

/// One request for fewer replicas, up to the next request for another number or the end of the scenario.
#[derive(Debug)]
pub struct ScaleDown<'h> {
    /// Which one of the set it is, from 1.
    pub number: usize,
    /// The request.
    pub request: &'h Event,
    /// How many replicas it asks for.
    pub replicas: u32,
    /// The next request for another number of replicas, or the end of the scenario.
    pub until: &'h Event,
    /// The pods that have to go, the highest ordinal first.
    pub condemned: Vec<PodLife<'h>>,
    /// The pods that have to stay.
    pub kept: Vec<PodLife<'h>>,
    /// The pods of ordinals that have to go that were on their way out already, the highest first.
    pub leaving: Vec<PodLife<'h>>,
}

/// The turn of one pod that had to go.
#[derive(Debug)]
pub struct Turn<'d, 'h> {
    /// The pod of the next higher ordinal that had to go.
    pub higher: &'d PodLife<'h>,
    /// The pod.
    pub lower: &'d PodLife<'h>,
    /// When its termination began, if it did before the next request.
    pub begins: Option<&'h Event>,
    /// Why that is not the set's doing, or cannot be shown to be.
    pub excuse: Option<Excuse<'h>>,
}

impl Turn<'_, '_> {
    /// Whether it was the driver that ended the pod, by another request than for fewer replicas.
    pub fn is_the_drivers(&self) -> bool {
        self.excuse.as_ref().is_some_and(|excuse| excuse.whose == Whose::Driver)
    }
}

impl<'h> ScaleDown<'h> {
    /// How evidence names it.
    pub fn key(&self) -> String {
        format!("scale-down {} to {}", self.number, self.replicas)
    }

    /// How evidence names two of its pods.
    pub fn pair_key(&self, higher: &PodLife<'_>, lower: &PodLife<'_>) -> String {
        format!("{} after {} in {}", lower.name, higher.name, self.key())
    }

    /// How evidence names a pod that has to stay.
    pub fn kept_key(&self, kept: &PodLife<'_>) -> String {
        format!("{} in {}", kept.name, self.key())
    }

    /// When that pod's termination began, if it did before the next request.
    pub fn terminating(&self, life: &PodLife<'h>) -> Option<&'h Event> {
        life.terminating().filter(|event| event.seq <= self.until.seq)
    }

    /// The turns of the condemned pods but the highest, that of the higher pod first.
    pub fn turns<'d>(&'d self, view: &View<'h>, set: &Set<'h>) -> Vec<Turn<'d, 'h>> {
        let pairs = self.condemned.iter().zip(self.condemned.iter().skip(1));
        let turn = |(higher, lower): (&'d PodLife<'h>, &'d PodLife<'h>)| {
            let begins = self.terminating(lower);
            let excuse = begins.and_then(|_| ends::excuse(view, set, lower, false));
            Turn { higher, lower, begins, excuse }
        };
        pairs.map(turn).collect()
    }

    /// Whether the driver asked for no other number before the scenario ended.
    fn lasts_to_the_end(&self, view: &View<'h>) -> bool {
        self.until.seq == view.ended().seq
    }

    /// The keys of the pairs whose order the record has to show: the lower one went, by the set's own doing, or had to go.
    pub fn pairs_to_show(&self, view: &View<'h>, set: &Set<'h>) -> Vec<String> {
        let turns = self.turns(view, set).into_iter();
        let had_to = turns.filter(|turn| match turn.begins {
            Some(_) => turn.excuse.as_ref().is_none_or(|excuse| excuse.whose == Whose::Hidden),
            None => self.lasts_to_the_end(view),
        });
        had_to.map(|turn| self.pair_key(turn.higher, turn.lower)).collect()
    }

    /// When all pods that had to go were gone, if that was before the next request.
    pub fn done(&self) -> Option<&'h Event> {
        let mut done = None;
        for life in self.condemned.iter().chain(&self.leaving) {
            let gone = life.gone()?;
            done = Some(done.map_or(gone, |latest| later(latest, gone)));
        }
        done.filter(|done| done.seq <= self.until.seq)
    }

    /// For how long a pod had to stay: until the driver next disturbs it or asks for another number.
    pub fn window_of(&self, view: &View<'h>, set: &Set<'h>, kept: &PodLife<'h>) -> Window<'h> {
        let window = view.window(self.request, set, kept.name);
        let until = if self.until.comes_before(window.until) { self.until } else { window.until };
        Window { until, ..window }
    }

    /// The pods that had to stay and that the driver left alone until the others were gone, or to the end.
    pub fn kept_to_show<'d>(&'d self, view: &View<'h>, set: &Set<'h>) -> Vec<&'d PodLife<'h>> {
        let (done, ended) = (self.done(), view.ended().seq);
        let is_shown = |kept: &&PodLife<'h>| {
            let window = self.window_of(view, set, kept);
            let lasts = window.until.seq == ended || done.is_some_and(|done| window.has(done));
            let ends = kept.terminating().filter(|end| window.has(end));
            let excuse = ends.and_then(|_| ends::excuse(view, set, kept, true));
            lasts && excuse.is_none_or(|excuse| excuse.whose != Whose::Driver)
        };
        self.kept.iter().filter(is_shown).collect()
    }
}

/// A pod that a request for fewer replicas took away and that was asked for again.
#[derive(Debug)]
pub struct Return<'h> {
    /// How evidence names it.
    pub key: String,
    /// The incarnation that went.
    pub went: PodLife<'h>,
    /// The request that asked for the pod again.
    pub request: &'h Event,
    /// The incarnation that came back, if one did.
    pub back: Option<PodLife<'h>>,
}

impl<'h> Set<'h> {
    /// The pods that had to come back after they had been scaled away: those that went, and that were asked for until the end
    /// of the scenario or until they were there again.
    pub fn returns(&self, view: &View<'h>) -> Vec<Return<'h>> {
        let mut returns = Vec::new();
        for down in self.scale_downs(view) {
            returns.extend(down.condemned.iter().filter_map(|went| self.return_of(view, &down, went)));
        }
        returns
    }

    fn return_of(&self, view: &View<'h>, down: &ScaleDown<'h>, went: &PodLife<'h>) -> Option<Return<'h>> {
        let later =
            &self.asked()[self.asked().partition_point(|asked| asked.event.seq <= down.request.seq)..];
        let is_wanted = |event: &Event, replicas: u32| {
            let start = self.start_at(event);
            went.ordinal.is_some_and(|ordinal| (start..start.saturating_add(replicas)).contains(&ordinal))
        };
        let request = later.iter().find(|asked| is_wanted(asked.event, asked.replicas))?.event;
        went.terminating().filter(|event| event.seq <= view.ended().seq)?;
        let until = view.window(request, self, went.name).until;
        let is_return =
            |back: &&PodLife<'h>| request.comes_before(back.birth()) && back.birth().seq <= until.seq;
        let back = self.pods().successor(went).filter(is_return).cloned();
        let had_to = back.is_some() || until.seq == view.ended().seq;
        let key = format!("{} after {}", went.name, down.key());
        had_to.then(|| Return { key, went: went.clone(), request, back })
    }

    /// Every request for fewer replicas than there were pods, in order.
    pub fn scale_downs(&self, view: &View<'h>) -> Vec<ScaleDown<'h>> {
        let asked = self.asked();
        let untils = asked.iter().skip(1).map(|next| next.event).chain([view.history().ended()]);
        let all = asked
            .iter()
            .zip(untils)
            .map(|(asked, until)| self.at_request(asked.event, asked.replicas, until));
        let mut downs: Vec<ScaleDown<'h>> = all.filter(|down| !down.condemned.is_empty()).collect();
        (1..).zip(&mut downs).for_each(|(number, down)| down.number = number);
        downs
    }

    /// The pods that are there at a request: those that are to go, the highest first, those that are to stay, and those that are
    /// to go and do so already.
    fn at_request(&self, request: &'h Event, replicas: u32, until: &'h Event) -> ScaleDown<'h> {
        let end = self.start_at(request).saturating_add(replicas);
        let there = self.pods().at(request).into_iter().filter(|life| life.ordinal.is_some());
        let (there, on_their_way): (Vec<_>, Vec<_>) =
            there.cloned().partition(|life| life.phase_at(request) != Some(Phase::Terminating));
        let is_over = |life: &PodLife<'h>| life.ordinal.is_some_and(|ordinal| ordinal >= end);
        let (mut condemned, kept): (Vec<_>, Vec<_>) = there.into_iter().partition(is_over);
        let mut leaving: Vec<_> = on_their_way.into_iter().filter(is_over).collect();
        condemned.sort_by_key(|life| std::cmp::Reverse(life.ordinal));
        leaving.sort_by_key(|life| std::cmp::Reverse(life.ordinal));
        ScaleDown { number: 0, request, replicas, until, condemned, kept, leaving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    #[test]
    fn only_requests_for_fewer_pods_count() {
        let history = history(
            "scale 3; web-0 created; web-1 created; web-2 created; scale 1; scale 1; web-2 deleted; \
             web-1 deleted; scale 2; web-1 created; completed",
        );
        let view = View::of(&history);
        let downs = view.sets()[0].scale_downs(&view);
        let names = |lives: &[PodLife<'_>]| lives.iter().map(|life| life.name.to_owned()).collect::<Vec<_>>();
        assert_eq!(downs.len(), 1);
        assert_eq!(names(&downs[0].condemned), ["web-2", "web-1"]);
        assert_eq!(names(&downs[0].kept), ["web-0"]);
        assert!(downs[0].until.seq > downs[0].condemned[1].deleted().expect("it went").seq);
    }

    /// The pods that had to come back, each with whether it did.
    fn returns(statements: &str) -> Vec<(String, bool)> {
        let three = "set replicas=3; web-0 created; web-1 created; web-2 created;";
        let history = history(&format!("{three} {statements}; completed"));
        let view = View::of(&history);
        let returns = view.sets()[0].returns(&view);
        returns.into_iter().map(|it| (it.key, it.back.is_some())).collect()
    }

    #[test]
    fn pods_return_that_are_asked_for_again() {
        let down = "scale 1; web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted;";
        let back = |key: &str, is_there| (key.to_owned(), is_there);
        assert_eq!(
            returns(&format!("{down} scale 2; web-1 created")),
            [back("web-1 after scale-down 1 to 1", true)]
        );
        assert_eq!(returns(&format!("{down} scale 2")), [back("web-1 after scale-down 1 to 1", false)]);
        assert_eq!(returns(down), []);
        let twice = format!(
            "{down} scale 2; web-1 created; scale 1; web-1 terminating; web-1 deleted; scale 2; web-1 created"
        );
        assert_eq!(
            returns(&twice),
            [back("web-1 after scale-down 1 to 1", true), back("web-1 after scale-down 2 to 1", true)]
        );
    }

    #[test]
    fn a_pod_that_never_went_or_was_scaled_away_again_need_not_return() {
        assert_eq!(returns("scale 2; scale 3"), []);
        assert_eq!(returns("scale 2; web-2 terminating; web-2 deleted; scale 3; scale 2"), []);
    }

    #[test]
    fn one_that_is_on_its_way_already_is_not_condemned() {
        let history = history("web-0 created; web-1 created; web-2 created; web-2 terminating; scale 1");
        let view = View::of(&history);
        let downs = view.sets()[0].scale_downs(&view);
        let condemned: Vec<&str> = downs[0].condemned.iter().map(|life| life.name).collect();
        assert_eq!(condemned, ["web-1"]);
    }

    const THREE: &str =
        "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready;";

    /// The pairs and the pods that have to be shown for all requests.
    fn to_show(statements: &str) -> (Vec<String>, Vec<String>) {
        let history = history(&format!("{THREE} {statements}; completed"));
        let view = View::of(&history);
        let set = &view.sets()[0];
        let downs = set.scale_downs(&view);
        let pairs = downs.iter().flat_map(|down| down.pairs_to_show(&view, set)).collect();
        let kept = downs.iter().flat_map(|down| {
            down.kept_to_show(&view, set).into_iter().map(|kept| down.kept_key(kept)).collect::<Vec<_>>()
        });
        (pairs, kept.collect())
    }

    const GO: &str = "web-2 terminating; web-2 deleted; web-1 terminating; web-1 deleted";

    #[test]
    fn pods_that_went_and_that_stayed_are_to_be_shown() {
        let pair = vec!["web-1 after web-2 in scale-down 1 to 1".to_owned()];
        let kept = vec!["web-0 in scale-down 1 to 1".to_owned()];
        assert_eq!(to_show(&format!("scale 1; {GO}")), (pair.clone(), kept.clone()));
        assert_eq!(to_show("scale 1"), (pair, kept));
    }

    #[test]
    fn what_the_driver_asked_for_otherwise_before_it_happened_need_not_be_shown() {
        let nothing = || (Vec::new(), Vec::new());
        assert_eq!(to_show("scale 1; scale 3"), nothing());
        assert_eq!(to_show("scale 1; web-2 terminating; web-2 deleted; scale 3"), nothing());
        let (pairs, kept) =
            to_show("scale 1; delete web-0; delete web-1; web-1 terminating; web-2 terminating");
        assert_eq!((pairs.len(), kept.len()), (0, 0));
        let (pairs, kept) = to_show(&format!("scale 1; {GO}; delete web-0; web-0 terminating"));
        assert_eq!((pairs.len(), kept.len()), (1, 1));
    }

    #[test]
    fn it_is_done_when_all_that_had_to_go_are_gone() {
        let done = |statements: &str| {
            let history = history(&format!("{THREE} {statements}; completed"));
            let view = View::of(&history);
            view.sets()[0].scale_downs(&view)[0].done().is_some()
        };
        assert!(done(&format!("scale 1; {GO}")));
        assert!(!done("scale 1; web-2 terminating; web-2 deleted; web-1 terminating"));
        assert!(
            !done("web-2 terminating; scale 1; web-1 terminating; web-1 deleted"),
            "web-2 is still there"
        );
        assert!(!done("scale 1; web-2 deleted; scale 3; web-1 deleted"));
    }
}
