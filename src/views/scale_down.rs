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

impl<'h> Set<'h> {
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

    #[test]
    fn one_that_is_on_its_way_already_is_not_condemned() {
        let history = history("web-0 created; web-1 created; web-2 created; web-2 terminating; scale 1");
        let view = View::of(&history);
        let downs = view.sets()[0].scale_downs(&view);
        let condemned: Vec<&str> = downs[0].condemned.iter().map(|life| life.name).collect();
        assert_eq!(condemned, ["web-1"]);
    }
}
