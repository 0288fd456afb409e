//! Requests for fewer replicas: what was asked for, and which pods had to go and which to stay.

use super::{PodLife, Set, View};
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

    /// The condemned pods that follow one another, the higher first.
    pub fn pairs(&self) -> impl Iterator<Item = (&PodLife<'h>, &PodLife<'h>)> {
        self.condemned.iter().zip(self.condemned.iter().skip(1))
    }

    /// When that pod's termination began, if it did before the next request.
    pub fn terminating(&self, life: &PodLife<'h>) -> Option<&'h Event> {
        life.terminating().filter(|event| event.seq <= self.until.seq)
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
        let all = asked.iter().zip(untils).map(|(asked, until)| {
            let (condemned, kept) = self.at_request(asked.event, asked.replicas);
            ScaleDown { number: 0, request: asked.event, replicas: asked.replicas, until, condemned, kept }
        });
        let mut downs: Vec<ScaleDown<'h>> = all.filter(|down| !down.condemned.is_empty()).collect();
        (1..).zip(&mut downs).for_each(|(number, down)| down.number = number);
        downs
    }

    /// The pods that live at the request: those that are to go, the highest first, and those that are to stay. One that is on
    /// its way out already is neither.
    fn at_request(&self, request: &Event, replicas: u32) -> (Vec<PodLife<'h>>, Vec<PodLife<'h>>) {
        let end = self.start_at(request).saturating_add(replicas);
        let living = self.pods().at(request).into_iter().filter(|life| {
            life.ordinal.is_some() && life.phase_at(request).is_some_and(|phase| phase != Phase::Terminating)
        });
        let (mut condemned, kept): (Vec<_>, Vec<_>) =
            living.cloned().partition(|life| life.ordinal.is_some_and(|ordinal| ordinal >= end));
        condemned.sort_by_key(|life| std::cmp::Reverse(life.ordinal));
        (condemned, kept)
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
}
