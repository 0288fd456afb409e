//! A scenario while it is made: what has been done, and what the set's pods will come to if they are left alone.

use std::collections::BTreeSet;

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::{
    history::{Place, Verb},
    spec::{Action, Apply, Condition, Expected, Names, Need, PodRef, Request, Tokens},
};

/// The most replicas that a set is asked to have.
const MOST: u32 = 4;

/// The set that is made.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    replicas: u32,
    /// Pods are ready only once their gate is opened.
    gated: bool,
    overlays: Vec<&'static str>,
    dns: bool,
}

impl Shape {
    pub(super) fn thrown(dice: &mut StdRng) -> Self {
        let (gated, parallel) = (dice.random_bool(0.4), dice.random_bool(0.2));
        let mut overlays = Vec::new();
        overlays.extend(gated.then_some("gate-shut"));
        overlays.extend(parallel.then_some("parallel"));
        overlays.extend([None, Some("slow-stop"), Some("slow-first")].choose(dice).copied().flatten());
        overlays.extend(dice.random_bool(0.5).then_some("claims"));
        Self { replicas: dice.random_range(1..=MOST), gated, overlays, dns: dice.random_bool(0.4) }
    }

    fn has_claims(&self) -> bool {
        self.overlays.contains(&"claims")
    }
}

/// A scenario that is being made.
pub(super) struct Draft {
    shape: Shape,
    steps: Vec<Action>,
    pods: u32,
    replicas: u32,
    /// The ordinals that are unready until their gate is opened, or will be once they are there.
    shut: BTreeSet<u32>,
    /// The ordinals that are there and were left alone since all was last waited for.
    untouched: BTreeSet<u32>,
    /// The ordinals that have to go.
    leaving: BTreeSet<u32>,
    /// The ordinals whose container has been crashed: a second time it would be kept waiting for long.
    crashed: BTreeSet<u32>,
}

impl Draft {
    /// The set is made, and waited for.
    pub(super) fn start(shape: Shape, dice: &mut StdRng) -> Self {
        let replicas = shape.replicas;
        let shut = if shape.gated { (0..replicas).collect() } else { BTreeSet::new() };
        let mut draft = Self {
            steps: Vec::new(),
            pods: 0,
            replicas,
            shut,
            untouched: BTreeSet::new(),
            leaving: BTreeSet::new(),
            crashed: BTreeSet::new(),
            shape,
        };
        draft.apply("instrumented/service-nginx.yaml", Vec::new(), None);
        let overlays = draft.shape.overlays.iter().map(|overlay| (*overlay).to_owned()).collect();
        draft.apply("instrumented/web.yaml", overlays, Some(replicas));
        if draft.shape.dns {
            draft.steps.push(Action::FollowDns(draft.names()));
        }
        draft.settle(dice);
        if dice.random_bool(0.5) {
            draft.look();
        }
        draft
    }

    fn apply(&mut self, manifest: &str, overlays: Vec<String>, replicas: Option<u32>) {
        let manifest = manifest.to_owned();
        self.steps.push(Action::Apply(Apply { manifest, overlays, namespace: None, needs: None, replicas }));
    }

    fn names(&self) -> Names {
        Names { pods: refs(0..self.replicas), service: true, ..Names::default() }
    }

    /// Something is done to the set, and mostly waited for. Two things may be done at once.
    pub(super) fn disturb(&mut self, dice: &mut StdRng) {
        match dice.random_range(0..9) {
            0 | 1 => self.delete_some(dice),
            2 => self.delete_all(),
            3 | 4 => self.scale(dice),
            5 => {
                self.delete_some(dice);
                self.scale(dice);
            }
            6 => self.turn_a_gate_or_crash(dice),
            7 => self.roll(dice),
            _ => self.remove_a_claim(dice),
        }
        if dice.random_bool(0.7) {
            self.settle(dice);
        }
    }

    fn some(&self, dice: &mut StdRng) -> Option<u32> {
        let all: Vec<u32> = self.untouched.iter().copied().collect();
        all.choose(dice).copied()
    }

    fn touched(&mut self, ordinal: u32) {
        self.untouched.remove(&ordinal);
    }

    /// Pods that go come back new, with their gates shut.
    fn goes(&mut self, ordinal: u32) {
        self.touched(ordinal);
        self.pods += 1;
        self.crashed.remove(&ordinal);
        if self.shape.gated {
            self.shut.insert(ordinal);
        }
    }

    fn delete_some(&mut self, dice: &mut StdRng) {
        let count = if dice.random_bool(0.7) { 1 } else { 2 };
        for _ in 0..count {
            if let Some(ordinal) = self.some(dice) {
                self.steps.push(Action::DeletePods(refs([ordinal])));
                self.goes(ordinal);
            }
        }
    }

    fn delete_all(&mut self) {
        if self.replicas == 0 {
            return;
        }
        self.steps.push(Action::DeleteAllPods);
        (0..self.replicas).for_each(|ordinal| self.goes(ordinal));
    }

    fn scale(&mut self, dice: &mut StdRng) {
        if self.shape.gated && !self.leaving.is_empty() {
            // Which of them had gone when they are wanted again is nobody's promise, and so neither is whose gates are shut.
            self.settle(dice);
        }
        let replicas = dice.random_range(0..=MOST + 1);
        self.steps.push(Action::Scale(replicas));
        for ordinal in replicas..self.replicas {
            self.leaving.insert(ordinal);
            self.shut.remove(&ordinal);
            self.touched(ordinal);
        }
        for ordinal in self.replicas..replicas {
            self.leaving.remove(&ordinal);
            self.goes(ordinal);
        }
        self.replicas = replicas;
    }

    fn turn_a_gate_or_crash(&mut self, dice: &mut StdRng) {
        let Some(ordinal) = self.some(dice) else { return };
        self.touched(ordinal);
        if dice.random_bool(0.5) {
            self.steps.push(Action::CloseGate(refs([ordinal])));
            self.shut.insert(ordinal);
        } else if self.crashed.insert(ordinal) {
            self.steps.push(Action::Crash(refs([ordinal])));
            // What opens a gate in the container is gone with it, unless the container opens it by itself.
            if self.shape.gated {
                self.shut.insert(ordinal);
            }
        }
    }

    /// A change of the template. Pods whose gates are shut would stop it, so it comes when all are ready.
    fn roll(&mut self, dice: &mut StdRng) {
        self.settle(dice);
        let note = dice.random_range(0..1_000_000).to_string();
        let annotations = json!({"steadfast/roll": note});
        let body = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        self.request(Verb::Patch, "apps/v1 statefulsets/web", body);
        if !self.shape.gated {
            (0..self.replicas).for_each(|ordinal| self.goes(ordinal));
            return;
        }
        for ordinal in (0..self.replicas).rev() {
            self.steps.push(Action::Await(Condition::PodsUnready(refs([ordinal]))));
            self.steps.push(Action::OpenGate(refs([ordinal])));
            self.goes(ordinal);
            self.shut.remove(&ordinal);
        }
    }

    /// A claim is deleted, and then the pod that holds it.
    fn remove_a_claim(&mut self, dice: &mut StdRng) {
        let Some(ordinal) = self.some(dice).filter(|_| self.shape.has_claims()) else { return };
        self.request(Verb::Delete, &format!("v1 persistentvolumeclaims/www-web-{ordinal}"), json!({}));
        self.steps.push(Action::DeletePods(refs([ordinal])));
        self.goes(ordinal);
    }

    fn request(&mut self, verb: Verb, target: &str, body: Value) {
        self.steps.push(Action::Request(Request {
            verb,
            target: target.to_owned(),
            body,
            namespace: None,
            needs: target.contains("persistentvolumeclaims").then_some(Need::Storage),
            dry_run: false,
            case: None,
            expect: Expected::Granted,
        }));
    }

    /// Everything is waited for; gates are opened as their pods come.
    fn settle(&mut self, dice: &mut StdRng) {
        for ordinal in std::mem::take(&mut self.shut) {
            self.steps.push(Action::Await(Condition::PodsUnready(refs([ordinal]))));
            self.steps.push(Action::OpenGate(refs([ordinal])));
        }
        if self.replicas > 0 {
            self.steps.push(Action::Await(Condition::PodsReady(refs(0..self.replicas))));
        }
        let leaving = std::mem::take(&mut self.leaving);
        if !leaving.is_empty() {
            self.steps.push(Action::Await(Condition::PodsGone(refs(leaving))));
        }
        self.steps.push(Action::Await(Condition::StatusSettled(self.replicas)));
        if dice.random_bool(0.5) {
            self.steps.push(Action::Await(Condition::EndpointsSettled));
        }
        self.untouched = (0..self.replicas).collect();
    }

    /// Everything that can be looked at is.
    fn look(&mut self) {
        let pods = refs(0..self.replicas);
        if pods.is_empty() {
            return;
        }
        self.steps.push(Action::Inspect(pods.clone()));
        let place = if self.shape.has_claims() { Place::Volume } else { Place::Container };
        let tokens = Tokens { place, pods };
        self.steps.push(Action::ReadTokens(tokens.clone()));
        self.steps.push(Action::WriteTokens(tokens));
    }

    /// The end: all is waited for and looked at. The number of pods, and the steps.
    pub(super) fn end(mut self, dice: &mut StdRng) -> (u32, Vec<Action>) {
        self.settle(dice);
        self.look();
        if self.shape.dns {
            self.steps.push(Action::Await(Condition::EndpointsSettled));
            self.steps.push(Action::Await(Condition::DnsSettled));
            self.steps.push(Action::AskDns(self.names()));
            if self.replicas > 0 {
                self.steps.push(Action::Connect(refs(0..self.replicas)));
            }
        }
        (self.pods + self.shape.replicas, self.steps)
    }
}

fn refs(ordinals: impl IntoIterator<Item = u32>) -> Vec<PodRef> {
    ordinals.into_iter().map(PodRef::Ordinal).collect()
}
