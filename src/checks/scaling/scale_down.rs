//! A scale-down in a history: what was asked for, and which pods are to go.

use crate::history::{Event, History, ObjectSeen, Phase, PodLife, Pods, lives::condition};

/// One request for fewer replicas, up to the next scaling request or the end of the scenario.
#[derive(Debug)]
pub(super) struct ScaleDown<'h> {
    /// The request.
    pub request: &'h Event,
    /// How many replicas it asks for.
    pub replicas: i64,
    /// The next scaling request, or the end.
    pub until: &'h Event,
    /// The pods that are to go, the highest ordinal first.
    pub condemned: Vec<PodLife<'h>>,
    /// The pods that are to stay.
    pub kept: Vec<PodLife<'h>>,
}

impl<'h> ScaleDown<'h> {
    /// The condemned pods that follow one another, the higher first.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&PodLife<'h>, &PodLife<'h>)> {
        self.condemned.iter().zip(self.condemned.iter().skip(1))
    }

    /// When that pod's termination began, if it did before the next request.
    pub(super) fn terminating(&self, life: &PodLife<'h>) -> Option<&'h Event> {
        life.terminating().filter(|event| event.seq <= self.until.seq)
    }
}

/// Every scale-down of a history, in order. A request that was sent again is the same one.
pub(super) fn scale_downs(history: &History) -> Vec<ScaleDown<'_>> {
    let lives = history.pods();
    let mut requests: Vec<(&Event, i64)> = Vec::new();
    for (event, replicas) in history.requests().filter_map(|r| Some((r.event, r.scales_to()?))) {
        if requests.last().is_none_or(|(_, last)| *last != replicas) {
            requests.push((event, replicas));
        }
    }
    let untils = requests.iter().skip(1).map(|(event, _)| *event).chain([history.ended()]);
    let all = requests.iter().zip(untils).map(|((request, replicas), until)| {
        let (condemned, kept) = at_request(&lives, request, *replicas);
        ScaleDown { request, replicas: *replicas, until, condemned, kept }
    });
    all.filter(|down| !down.condemned.is_empty()).collect()
}

/// The pods that live at the request: those that are to go, the highest first, and those that are to stay.
fn at_request<'h>(lives: &Pods<'h>, request: &Event, replicas: i64) -> (Vec<PodLife<'h>>, Vec<PodLife<'h>>) {
    let living = lives.at(request.seq).into_iter().filter(|life| {
        life.ordinal.is_some() && life.phase_at(request.seq).is_some_and(|phase| phase != Phase::Terminating)
    });
    let (mut condemned, kept): (Vec<_>, Vec<_>) =
        living.cloned().partition(|life| life.ordinal.is_some_and(|ordinal| i64::from(ordinal) >= replicas));
    condemned.sort_by_key(|life| std::cmp::Reverse(life.ordinal));
    (condemned, kept)
}

/// Whether something other than the set took the pod away, and said so.
pub(super) fn is_evicted(life: &PodLife<'_>) -> bool {
    let says_so = |pod: &ObjectSeen| {
        condition(pod, "DisruptionTarget") == Some("True") || pod.text("/status/reason") == Some("Evicted")
    };
    life.first(says_so).is_some()
}

#[cfg(test)]
mod tests {
    use super::scale_downs;
    use crate::checks::notation::history;

    #[test]
    fn only_requests_for_fewer_pods_count() {
        let history = history(
            "scale 3; web-0 created; web-1 created; web-2 created; scale 1; scale 1; web-2 deleted; \
             web-1 deleted; scale 2; web-1 created; completed",
        );
        let downs = scale_downs(&history);
        let names = |lives: &[crate::history::PodLife<'_>]| {
            lives.iter().map(|life| life.name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(downs.len(), 1);
        assert_eq!(names(&downs[0].condemned), ["web-2", "web-1"]);
        assert_eq!(names(&downs[0].kept), ["web-0"]);
        assert!(downs[0].until.seq > downs[0].condemned[1].deleted().expect("it went").seq);
    }

    #[test]
    fn one_that_is_on_its_way_already_is_not_condemned() {
        let history = history("web-0 created; web-1 created; web-2 created; web-2 terminating; scale 1");
        let condemned: Vec<&str> = scale_downs(&history)[0].condemned.iter().map(|life| life.name).collect();
        assert_eq!(condemned, ["web-1"]);
    }
}
