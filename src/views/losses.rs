//! Requests that took pods away, and the pods that had to stay meanwhile.

use std::collections::HashSet;

use super::{Doing, PodLife, Set, View, Window, controller, dimension};
use crate::history::{Event, Phase};

/// A request that took pods of a set away.
#[derive(Debug)]
pub struct Loss<'p, 'h> {
    /// How evidence names it.
    pub key: String,
    /// The request.
    pub doing: Doing<'h>,
    /// The pods that it took away.
    pub lost: Vec<Lost<'p, 'h>>,
    /// The pods that were there and had to stay.
    pub survivors: Vec<Survivor<'p, 'h>>,
}

/// A pod that a request took away.
#[derive(Debug)]
pub struct Lost<'p, 'h> {
    /// The incarnation.
    pub life: &'p PodLife<'h>,
    /// Until the driver's next request that concerns the pod.
    pub window: Window<'h>,
    /// What became of its place.
    pub place: Place<'h>,
}

impl<'h> Lost<'_, 'h> {
    /// The incarnation that took its place before the driver disturbed the pod again.
    pub fn next<'p>(&self, set: &'p Set<'h>) -> Option<&'p PodLife<'h>> {
        set.pods().successor(self.life).filter(|next| self.window.has(next.birth()))
    }
}

/// What became of the place of a pod that was taken away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place<'h> {
    /// The pod came back, and was ready at this event.
    Ready(&'h Event),
    /// It was not to come back, and was gone at this event.
    Left(&'h Event),
    /// The driver disturbed it again before that.
    Disturbed,
    /// Neither happened before the end of the scenario.
    Open,
}

/// A pod that had to stay when a request took others away.
#[derive(Debug)]
pub struct Survivor<'p, 'h> {
    /// How evidence names it.
    pub key: String,
    /// The incarnation.
    pub life: &'p PodLife<'h>,
    /// For how long the driver left it alone.
    pub window: Window<'h>,
}

impl<'h> Loss<'_, 'h> {
    /// When the places of all pods that were taken away were in order again; none where those of some were not, or where the
    /// driver disturbed all of them before.
    pub fn made_good(&self) -> Option<&'h Event> {
        let mut made_good = None;
        for lost in &self.lost {
            match lost.place {
                Place::Open => return None,
                Place::Disturbed => {}
                Place::Ready(event) | Place::Left(event) => {
                    made_good = Some(made_good.map_or(event, |one| controller::later(one, event)));
                }
            }
        }
        made_good
    }

    /// The pods that were to come back, as evidence names them: those that did, and those that the driver left alone to the end.
    pub fn to_come_back(&self, set: &Set<'h>) -> Vec<String> {
        let come_back = self.lost.iter().filter(|lost| {
            set.wants_at(lost.life, self.doing.event)
                && (lost.next(set).is_some() || lost.place == Place::Open)
        });
        come_back.map(|lost| self.lost_key(lost.life)).collect()
    }

    /// How evidence names a pod that it took away.
    pub fn lost_key(&self, life: &PodLife<'_>) -> String {
        format!("{} in {}", life.name, self.key)
    }

    /// Whether the driver disturbed all of the pods again before they had come back.
    pub fn is_cut_short(&self) -> bool {
        self.lost.iter().all(|lost| lost.place == Place::Disturbed)
    }

    /// The survivors that can be shown to be one: the driver left them alone until the loss was made good, or to the end.
    pub fn to_show<'s>(&'s self, view: &View<'h>) -> impl Iterator<Item = &'s Survivor<'s, 'h>> {
        let (made_good, ended) = (self.made_good(), view.ended().seq);
        let lasts = move |window: &Window<'h>| {
            window.until.seq == ended || made_good.is_some_and(|event| window.has(event))
        };
        self.survivors.iter().filter(move |survivor| !self.is_cut_short() && lasts(&survivor.window))
    }
}

/// Every request that took pods of the set away, in order. Of a request in a gap of the watch of pods nothing is known but
/// that it was made (see [`super::Pods::gap_at`]).
pub fn losses<'p, 'h>(view: &View<'h>, set: &'p Set<'h>) -> Vec<Loss<'p, 'h>> {
    let mut taken = HashSet::new();
    let mut losses = Vec::new();
    for (key, doing, names) in dimension::deletions(view, set) {
        let there = set.pods().at(doing.event);
        let (lost, others): (Vec<_>, Vec<_>) = there.into_iter().partition(|life| names.contains(&life.name));
        taken.extend(lost.iter().map(|life| life.uid));
        let stays = others.into_iter().filter(|life| {
            let is_leaving =
                life.phase_at(doing.event) == Some(Phase::Terminating) || taken.contains(life.uid);
            !is_leaving && set.wants_at(life, doing.event)
        });
        let survivor = |life: &'p PodLife<'h>| Survivor {
            key: dimension::survivor_key(life.name, &key),
            life,
            window: view.window(doing.event, set, life.name),
        };
        let survivors = stays.map(survivor).collect();
        let lost = lost.into_iter().map(|life| {
            // What is done in the pod that comes back, such as opening its gate, lets it become ready.
            let takes = |next: &Doing<'h>| next.request().is_some() && next.disturbs_pod(set, life.name);
            let window = view.window_until(doing.event, takes);
            Lost { life, window, place: place(view, set, life, &window) }
        });
        losses.push(Loss { lost: lost.collect(), key, doing, survivors });
    }
    losses
}

/// The requests that took all pods of an ordered set away at once.
pub fn mass_losses<'p, 'h>(view: &View<'h>, set: &'p Set<'h>) -> Vec<Loss<'p, 'h>> {
    let mut losses = losses(view, set);
    losses.retain(|loss| {
        let all = set.pods().at(loss.doing.event).len() == loss.lost.len();
        all && loss.lost.len() > 1 && loss.lost.iter().all(|lost| !set.is_parallel_for(lost.life))
    });
    losses
}

fn place<'h>(view: &View<'h>, set: &Set<'h>, life: &PodLife<'h>, window: &Window<'h>) -> Place<'h> {
    let done = if set.wants_at(life, window.from) {
        let next = set.pods().successor(life).filter(|next| window.has(next.birth()));
        next.and_then(PodLife::first_ready).map(Place::Ready)
    } else {
        life.gone().map(Place::Left)
    };
    let is_in_time = |place: &Place<'h>| match place {
        Place::Ready(event) | Place::Left(event) => window.has(event),
        _ => true,
    };
    let is_cut = window.until.seq != view.ended().seq;
    done.filter(is_in_time).unwrap_or(if is_cut { Place::Disturbed } else { Place::Open })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::notation::history;

    const THREE: &str =
        "set replicas=3; web-0 created; web-0 ready; web-1 created; web-1 ready; web-2 created; web-2 ready;";

    /// The survivors of each loss that can be shown to be some.
    fn survivors(statements: &str) -> Vec<String> {
        let history = history(&format!("{THREE} {statements}; completed"));
        let view = View::of(&history);
        let losses = losses(&view, &view.sets()[0]);
        losses
            .iter()
            .flat_map(|loss| loss.to_show(&view).map(|survivor| survivor.key.clone()).collect::<Vec<_>>())
            .collect()
    }

    const BACK: &str = "web-0 deleted; web-0 created; web-0 ready;";

    #[test]
    fn survivors_are_those_that_were_to_stay() {
        assert_eq!(
            survivors(&format!("delete web-0; {BACK}")),
            ["web-1 in deletion 1", "web-2 in deletion 1"]
        );
        assert_eq!(survivors(&format!("web-1 terminating; delete web-0; {BACK}")), ["web-2 in deletion 1"]);
        assert_eq!(survivors(&format!("scale 2; delete web-0; {BACK}")), ["web-1 in deletion 1"]);
        assert!(survivors(&format!("delete all; {BACK}")).is_empty());
    }

    #[test]
    fn one_that_was_to_be_deleted_already_is_none() {
        let both = format!("delete web-1; delete web-0; web-1 deleted; {BACK} web-1 created; web-1 ready");
        assert_eq!(survivors(&both), ["web-2 in deletion 1", "web-2 in deletion 2"]);
    }

    #[test]
    fn one_that_is_disturbed_before_the_loss_was_made_good_cannot_be_shown() {
        assert_eq!(survivors(&format!("delete web-0; scale 2; {BACK}")), ["web-1 in deletion 1"]);
        assert_eq!(
            survivors(&format!("delete web-0; {BACK} scale 2")),
            ["web-1 in deletion 1", "web-2 in deletion 1"]
        );
        assert!(survivors("delete web-2; scale 2; web-2 deleted").is_empty(), "it did not have to come back");
    }

    #[test]
    fn a_pod_comes_back_although_its_gate_has_to_be_opened() {
        let gated = "delete web-0; web-0 deleted; web-0 created; web-0 running; exec web-0 open-gate -> ok; web-0 ready";
        assert_eq!(survivors(gated), ["web-1 in deletion 1", "web-2 in deletion 1"]);
    }

    #[test]
    fn a_pod_that_was_not_wanted_leaves_its_place() {
        let left = "scale 2; delete web-2; web-2 terminating; web-2 deleted";
        assert_eq!(survivors(left), ["web-0 in deletion 1", "web-1 in deletion 1"]);
    }

    #[test]
    fn a_loss_is_made_good_when_all_have_come_back() {
        let made_good = |statements: &str| {
            let history = history(&format!("{THREE} {statements}; completed"));
            let view = View::of(&history);
            let losses = losses(&view, &view.sets()[0]);
            losses[0].made_good().map(|event| event.seq) == Some(history.last().seq - 10)
        };
        assert!(made_good(&format!("delete web-0; {BACK}")));
        assert!(!made_good("delete web-0; web-0 deleted; web-0 created; web-0 running"));
        assert!(made_good(&format!(
            "delete all; {BACK} web-2 deleted; web-1 deleted; web-1 created; web-1 ready; web-2 created; web-2 ready"
        )));
        assert!(!made_good(&format!(
            "delete all; {BACK} web-2 deleted; web-1 deleted; web-1 created; web-1 ready"
        )));
    }
}
