//! `ordinals-exact`: the set's pods are web-0 to web-(N-1), at no time others, and in the steady state all of them.

use std::collections::BTreeMap;

use super::neglect::neglected;
use crate::{
    checks::{Check, Findings},
    history::{Change, Event, History, Observation, PodLife, Pods, Requested, Resource, SET, Step, Verb},
};

/// Judges `specs/topology/ordinals-exact.yaml`.
pub(super) const CHECK: Check = Check { id: "ordinals-exact", judge };

fn judge(history: &History, findings: &mut Findings) {
    let lives = history.pods();
    let mut fold =
        Fold { history, lives: &lives, asked: None, former: 0, live: BTreeMap::new(), unsettled: None };
    let births = lives.iter().map(|life| (life.birth().seq, life)).collect::<BTreeMap<_, _>>();
    let ends = lives.iter().filter_map(|life| Some((life.deleted()?.seq, life.uid)));
    let ends = ends.collect::<BTreeMap<_, _>>();
    for event in &history.events {
        match &event.seen {
            Observation::Object(_) => {
                if let Some(born) = births.get(&event.seq) {
                    fold.born(findings, born);
                }
                if let Some(uid) = ends.get(&event.seq) {
                    fold.live.remove(uid);
                }
                fold.settle_late(findings, event);
            }
            Observation::Step(step) => fold.step(findings, event, step),
            _ => {}
        }
    }
    fold.not_settled(findings);
}

/// What exists, and what may exist, as the history goes on.
struct Fold<'f, 'h> {
    history: &'h History,
    lives: &'f Pods<'h>,
    /// The number of replicas asked for last; none before the set is applied.
    asked: Option<u32>,
    /// The largest number asked for before, until the status has settled.
    former: u32,
    /// The names of the pods that exist, by uid.
    live: BTreeMap<&'h str, &'h str>,
    /// The end of a wait after which the pods are not yet those that they should be.
    unsettled: Option<&'h Event>,
}

impl<'h> Fold<'_, 'h> {
    fn born(&mut self, findings: &mut Findings, life: &PodLife<'h>) {
        self.live.insert(life.uid, life.name);
        let Some(ordinal) = life.ordinal else {
            let what = format!("{} belongs to the set, which gives no such name", life.name);
            return findings.broken(what, &[life.birth()]);
        };
        let Some(asked) = self.asked else { return };
        if ordinal < asked.max(self.former) || life.versions[0].change == Change::Listed {
            return;
        }
        let what = format!("{} was created in a set of {asked} replicas", life.name);
        findings.broken(what, &[life.birth()]);
    }

    fn step(&mut self, findings: &mut Findings, event: &'h Event, step: &Step) {
        match step {
            Step::Requested(request) => {
                self.not_settled(findings);
                if let Some(replicas) = replicas(request) {
                    self.former = self.former.max(self.asked.unwrap_or(0));
                    self.asked = Some(replicas);
                }
            }
            Step::Waited { wait, .. } if self.is_for_all(wait) => self.rest(findings, event, wait),
            Step::TimedOut { wait, .. } if wait.starts_with("pods-") => self.given_up(findings, event),
            _ => {}
        }
    }

    /// Whether a wait for that condition ends in the steady state.
    fn is_for_all(&self, wait: &str) -> bool {
        let asked = self.asked.unwrap_or(0);
        let all: Vec<u32> = (0..asked).collect();
        wait == format!("pods-ready {all:?}") || wait == format!("status-settled {asked}")
    }

    fn rest(&mut self, findings: &mut Findings, event: &'h Event, wait: &str) {
        if wait.starts_with("status-settled") {
            self.former = 0;
        }
        self.unsettled = Some(event);
        self.settle_late(findings, event);
    }

    /// The pods are those that they should be, at the end of the wait or when the watch of pods has caught up with it.
    fn settle_late(&mut self, findings: &mut Findings, event: &Event) {
        let Some(waited) = self.unsettled.filter(|_| self.surplus().is_empty() && self.missing().is_empty())
        else {
            return;
        };
        self.unsettled = None;
        let asked = self.asked.unwrap_or(0);
        findings
            .held(format!("with {asked} replicas the pods were exactly {}", self.names()), &[waited, event]);
    }

    fn not_settled(&mut self, findings: &mut Findings) {
        let Some(waited) = self.unsettled.take() else { return };
        let (asked, names) = (self.asked.unwrap_or(0), self.names());
        let what = format!("with {asked} replicas the pods at rest were {names}");
        match self.history.gaps(Resource::Pods).next() {
            Some(gap) => findings.blind(format!("{what}, and the watch has a gap"), &[waited, gap]),
            None => findings.broken(what, &[waited]),
        }
    }

    /// Pods did not come. That is the set's doing only where one was not created that could have been.
    fn given_up(&self, findings: &mut Findings, event: &'h Event) {
        let asked = self.asked.unwrap_or(0);
        if let Some(neglected) = neglected(self.history, self.lives, asked, event) {
            let what = format!(
                "{SET}-{} did not exist for {:.0} s in a set of {asked} replicas, and nothing stood in its way",
                neglected.ordinal, neglected.secs
            );
            findings.broken(what, &[neglected.since, event]);
        }
    }

    fn surplus(&self) -> Vec<&str> {
        let wanted = self.wanted();
        self.live.values().copied().filter(|name| !wanted.iter().any(|wanted| wanted == name)).collect()
    }

    fn missing(&self) -> Vec<String> {
        let mut wanted = self.wanted();
        wanted.retain(|wanted| !self.live.values().any(|name| name == wanted));
        wanted
    }

    fn wanted(&self) -> Vec<String> {
        (0..self.asked.unwrap_or(0)).map(|ordinal| format!("{SET}-{ordinal}")).collect()
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> = self.live.values().copied().collect();
        names.sort_unstable();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

/// The number of replicas that a request asks the set to have.
fn replicas(request: &Requested) -> Option<u32> {
    let applied = matches!(request.verb, Verb::Apply | Verb::Create)
        && request.resource == Resource::StatefulSets.plural()
        && request.name.as_deref() == Some(SET);
    let replicas = if applied {
        request.body.pointer("/spec/replicas").map_or(Some(1), serde_json::Value::as_i64)
    } else {
        request.scales_to()
    };
    replicas.and_then(|replicas| u32::try_from(replicas).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::notation::{assert_blind, assert_broken, assert_held, assert_silent};

    const TWO: &str = "scale 2; set replicas=2; web-0 created; web-0 ready; web-1 created; web-1 ready;";
    const RESTED: &str = "waited pods-ready [0, 1]; waited status-settled 2;";

    #[test]
    fn all_there_and_no_other() {
        assert_held(&CHECK, &format!("{TWO} {RESTED}"), 2);
    }

    #[test]
    fn a_wait_for_some_of_the_pods_is_no_state_of_rest() {
        assert_held(&CHECK, &format!("{TWO} waited pods-ready [0]; {RESTED}"), 2);
    }

    #[test]
    fn scaled_up_and_down_and_up_again() {
        let up = "scale 3; web-2 created; web-2 ready; waited pods-ready [0, 1, 2]; waited status-settled 3;";
        let down = "scale 1; web-2 terminating; web-2 deleted; web-1 deleted; waited status-settled 1;";
        let again = "scale 2; web-1 created; waited pods-ready [0, 1]; waited status-settled 2";
        assert_held(&CHECK, &format!("{TWO} {RESTED} {up} {down} {again}"), 7);
    }

    #[test]
    fn a_controller_that_has_not_heard_of_the_scaling_yet_may_recreate() {
        let history = "web-1 deleted; scale 1; web-1 created; web-1 deleted; waited status-settled 1";
        assert_held(&CHECK, &format!("{TWO} {history}"), 1);
    }

    #[test]
    fn one_too_many() {
        let off_by_one = format!("{TWO} web-2 created; {RESTED}");
        assert_broken(&CHECK, &off_by_one, "web-2 was created in a set of 2 replicas");
        let surge = format!("{TWO} {RESTED} delete web-0; web-2 created; web-2 deleted");
        assert_broken(&CHECK, &surge, "web-2 was created in a set of 2 replicas");
    }

    #[test]
    fn a_name_that_is_not_an_ordinal() {
        assert_broken(&CHECK, &format!("{TWO} web-x7k2p created"), "web-x7k2p belongs to the set");
        assert_broken(&CHECK, &format!("{TWO} web-01 created"), "web-01 belongs to the set");
    }

    #[test]
    fn counting_from_one() {
        let history = "scale 2; web-1 created; web-1 ready; web-2 created; waited status-settled 2";
        assert_broken(&CHECK, history, "the pods at rest were web-1, web-2");
    }

    #[test]
    fn one_is_missing_though_the_status_has_settled() {
        let history = "scale 2; web-0 created; web-0 ready; waited status-settled 2; completed";
        assert_broken(&CHECK, history, "with 2 replicas the pods at rest were web-0");
    }

    #[test]
    fn only_what_is_asked_of_the_set_itself_counts() {
        let asked = |verb, resource: Resource, name: &str, body: Value| {
            let (resource, name) = (resource.plural().to_owned(), Some(name.to_owned()));
            replicas(&Requested { verb, resource, name, uid: None, body })
        };
        let three = || json!({"spec": {"replicas": 3}});
        for verb in [Verb::Apply, Verb::Create, Verb::Scale] {
            assert_eq!(asked(verb, Resource::StatefulSets, SET, three()), Some(3));
        }
        assert_eq!(asked(Verb::Apply, Resource::StatefulSets, SET, json!({"spec": {}})), Some(1));
        assert_eq!(asked(Verb::Apply, Resource::StatefulSets, "other", three()), None);
        assert_eq!(asked(Verb::Apply, Resource::Services, SET, three()), None);
        assert_eq!(asked(Verb::Delete, Resource::StatefulSets, SET, three()), None);
    }

    #[test]
    fn one_left_over_after_scaling_down() {
        let history = format!("{TWO} {RESTED} scale 1; waited status-settled 1; completed");
        assert_broken(&CHECK, &history, "with 1 replicas the pods at rest were web-0, web-1");
    }

    #[test]
    fn a_watch_of_pods_that_is_a_moment_behind_the_status() {
        let history = "scale 1; web-1 terminating; waited status-settled 1; web-1 deleted; completed";
        assert_held(&CHECK, &format!("{TWO} {history}"), 1);
    }

    #[test]
    fn one_that_is_never_created() {
        let history = "scale 2; set replicas=2; web-0 created; web-0 ready; wait 120s;";
        let given_up = "timed-out pods-ready [0, 1]; aborted";
        assert_broken(&CHECK, &format!("{history} {given_up}"), "web-1 did not exist for 120 s");
        let waits = "scale 2; set replicas=2; web-0 created; web-0 running; wait 120s;";
        assert_silent(&CHECK, &format!("{waits} {given_up}"));
        assert_silent(&CHECK, &format!("{history} timed-out dns-settled; aborted"));
    }

    #[test]
    fn a_gap_may_hide_a_removal() {
        let history = format!("{TWO} scale 1; gap pods; waited status-settled 1; completed");
        assert_blind(&CHECK, &history, "gap");
    }
}
