//! `end-to-end-identity`: whoever connects to a pod's name reaches that pod.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checks::{Cause, Check, Findings, Say},
    history::{
        Event,
        ExecOutcome::{Ended, Failed},
        ExecSeen, Purpose, Resource, Seen,
    },
    views::{
        Dimension, PodLife, Set, View,
        dns::{Family, Service, Subject, Told, questions::Names, service::canonical},
    },
};

/// Judges `specs/dns/end-to-end-identity.yaml`.
pub(super) const CHECK: Check = Check { id: "end-to-end-identity", judge };

/// Each pod was reached by its name from each node.
const REACHED: &str = "reached";
/// The same of a pod that had been recreated.
const RECREATED: &str = "reached-after";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let names = Names::of(view);
    let mut unanswered: BTreeMap<(&str, &str), (&Event, String)> = BTreeMap::new();
    for exec in view.history().execs() {
        let Purpose::Connect { host } = &exec.what.purpose else { continue };
        let asked = (exec.what.pod.as_str(), host.as_str());
        match exec.what.printed().filter(|said| !said.is_empty()) {
            None => drop(unanswered.insert(asked, (exec.event, outcome(exec.what)))),
            Some(said) => {
                let found = names.find_host(host);
                if let Some((service, Subject::Pod(pod))) = found {
                    Connected { view, service, pod, exec }.judge(said, findings);
                }
                // What failed before has been asked again, and answered.
                unanswered.remove(&asked);
            }
        }
    }
    for ((from, host), (event, why)) in unanswered {
        let what = format!("{from} could not connect to {host}: {why}");
        findings.on(REACHED).blind(Cause::NoAnswer, what, &[event]);
    }
}

fn outcome(exec: &ExecSeen) -> String {
    match &exec.outcome {
        Failed { reason } => reason.clone(),
        Ended { exit_code: 0, .. } => "nothing was answered".to_owned(),
        Ended { exit_code, stderr, .. } => format!("exit code {exit_code}: {}", stderr.trim()),
    }
}

/// A connection to a pod's name that was answered.
struct Connected<'v, 'h> {
    view: &'v View<'h>,
    service: &'v Service<'h>,
    pod: &'v str,
    exec: Seen<'h, ExecSeen>,
}

impl<'v, 'h> Connected<'v, 'h> {
    fn judge(&self, said: &str, findings: &mut Findings) {
        let (from, pod, asked) = (&self.exec.what.pod, self.service.key(self.pod), self.exec.event);
        let (hostname, uid) = said.split_once(' ').unwrap_or((said, ""));
        let reached = self.life(uid.trim());
        let what = format!("{from} connected to {pod} and reached {said}");
        let gone =
            reached.and_then(|(_, life)| life.gone()).filter(|gone| gone.span.until_us < asked.span.from_us);
        let is_right = hostname == self.pod && reached.is_some_and(|(_, life)| life.name == self.pod);
        match (is_right, reached, gone) {
            (true, Some((set, life)), None) => return self.held(set, life, what, findings),
            (_, Some((_, life)), Some(gone)) if life.name == hostname => {
                return self.say(REACHED, findings).broken(format!("{what}, which was gone"), &[gone, asked]);
            }
            _ => {}
        }
        let watch = self.service.watch_of(Resource::Pods);
        let gap = self.view.history().gaps(watch).into_iter().next().filter(|_| reached.is_none());
        if let (Some(gap), true) = (gap, hostname == self.pod) {
            let what = format!("{what}, and a gap in the watch of pods hides who that is");
            return self.say(REACHED, findings).blind(Cause::Gap, what, &[gap.shown_by, asked]);
        }
        match self.stale(reached.map(|(_, life)| life)) {
            Some((address, over)) => {
                let what = format!("{what}; a cache may still have held {address} for {pod}");
                self.say(REACHED, findings).blind(Cause::Cached, what, &[over, asked]);
            }
            None => self.say(REACHED, findings).broken(what, &[asked]),
        }
    }

    fn held(&self, set: &Set<'h>, life: &PodLife<'h>, what: String, findings: &mut Findings) {
        if set.pods().predecessor(life).is_some() {
            let say = self.say(RECREATED, findings).of(Dimension::Recreated, set.key(life.name));
            say.held(&*what, &[life.birth(), self.exec.event]);
        }
        self.say(REACHED, findings).held(what, &[self.exec.event]);
    }

    /// The pod of a set with that uid.
    fn life(&self, uid: &str) -> Option<(&'v Set<'h>, &'v PodLife<'h>)> {
        let sets = self.view.sets().iter().filter(|set| set.namespace == self.service.namespace);
        sets.into_iter().find_map(|set| Some((set, set.pods().with_uid(uid)?)))
    }

    fn say<'f>(&self, clause: &'static str, findings: &'f mut Findings) -> Say<'f> {
        let probes = &self.view.started().probes;
        let probe = probes.iter().find(|probe| probe.address == self.exec.what.pod);
        let say = findings.on(clause).pod(self.service.key(self.pod));
        match probe {
            Some(probe) => say.of(Dimension::Node, &*probe.name),
            None => say,
        }
    }

    /// An address that the name stood for so shortly before that a cache may still hold it, if whoever was reached may have it
    /// now, and what ended that.
    fn stale(&self, reached: Option<&PodLife<'h>>) -> Option<(String, &'h Event)> {
        let (published, asked) = (self.service.published(), self.exec.event.span);
        let since_us = asked.from_us.saturating_sub(published.bounds().tolerance_us());
        let has: Option<BTreeSet<_>> =
            reached.map(|life| life.addresses().into_iter().map(canonical).collect());
        Family::ALL.into_iter().find_map(|family| {
            let timeline = published.pod(self.pod, family);
            let now: &Told<'_> = &timeline.at(asked.from_us).value;
            timeline.changes().windows(2).find_map(|pair| {
                let over = pair[1].event;
                let is_recent = (since_us..=asked.until_us).contains(&over.span.until_us);
                let old = pair[0].value.difference(now);
                let mut may_be = old.filter(|ip| has.as_ref().is_none_or(|has| has.contains(*ip)));
                may_be.next().filter(|_| is_recent).map(|ip| (ip.to_string(), over))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            dns::evidence::lacks,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, history, judge},
        },
        history::Endpoint,
    };

    const TWO: &str = "service; web-0 created; web-0 ready; web-1 created; web-1 ready";

    #[test]
    fn each_name_reaches_its_pod_before_and_after_recreation() {
        let again =
            "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; connect web-0 -> web-0 UID";
        let statements = format!("{TWO}; connect web-0 -> web-0 UID; connect web-1 -> web-1 UID; {again}");
        assert_held(&CHECK, &statements, 4);
    }

    #[test]
    fn a_sibling_answers() {
        assert_broken(
            &CHECK,
            &format!("{TWO}; connect web-0 -> web-1 UID"),
            "connected to web-0 and reached web-1",
        );
    }

    #[test]
    fn a_stranger_answers() {
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> squatter uid-77"), "reached squatter uid-77");
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> <html>Welcome</html>"), "reached <html>");
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> web-0 uid-77"), "reached web-0 uid-77");
    }

    #[test]
    fn the_right_host_name_with_anothers_uid() {
        assert_broken(&CHECK, &format!("{TWO}; connect web-0 -> web-0 uid-2"), "reached web-0 uid-2");
    }

    #[test]
    fn the_former_incarnation_answers() {
        let former =
            "web-0 terminating; web-0 deleted; web-0 created; web-0 ready; connect web-0 -> web-0 uid-1";
        assert_broken(&CHECK, &format!("{TWO}; {former}"), "which was gone");
    }

    #[test]
    fn only_what_had_gone_by_then_is_called_gone() {
        let gone = |statements: &str| {
            let findings = judge(&CHECK, &history(&format!("{TWO}; {statements}")));
            findings.of_kind(Kind::Broken).map(|finding| finding.what.contains("gone")).collect::<Vec<_>>()
        };
        assert_eq!(gone("web-1 deleted; wait 1s; connect web-0 -> web-1 uid-2"), [true]);
        assert_eq!(gone("connect web-0 -> web-1 uid-2; web-1 deleted"), [false]);
    }

    #[test]
    fn one_that_is_removed_may_answer_until_that_moment() {
        assert_held(
            &CHECK,
            &format!("{TWO}; web-0 terminating; web-0 deleted; connect web-0 -> web-0 uid-1"),
            1,
        );
    }

    #[test]
    fn no_connection_is_not_judged_unless_it_came_about_later() {
        assert_blind(
            &CHECK,
            &format!("{TWO}; connect web-0 -> fails"),
            "could not connect to web-0.nginx.ns.svc.cluster.local: the stream broke",
        );
        assert_held(&CHECK, &format!("{TWO}; connect web-0 -> fails; connect web-0 -> web-0 UID"), 1);
    }

    #[test]
    fn a_cache_may_lead_to_whoever_has_the_old_address_now() {
        let moved = "service; web-0 created; web-0 ready; web-1 created; web-1 ready; web-0 deleted; web-1 deleted; web-0 created; \
                     web-0 address 10.0.0.11; web-0 ready; web-1 created; web-1 address 10.0.0.10; web-1 ready";
        assert_blind(
            &CHECK,
            &format!("{moved}; connect web-0 -> web-1 UID"),
            "a cache may still have held 10.0.0.10 for web-0",
        );
        assert_broken(&CHECK, &format!("{moved}; wait 70s; connect web-0 -> web-1 UID"), "reached web-1");
        let elsewhere = moved.replace("address 10.0.0.10", "address 10.0.0.12");
        assert_broken(&CHECK, &format!("{elsewhere}; connect web-0 -> web-1 UID"), "reached web-1");
    }

    #[test]
    fn evidence_is_needed_from_each_node() {
        let mut notes = Notes::new();
        notes.started(|started| {
            let second = Endpoint { name: "node-1".to_owned(), address: "probe-node-1".to_owned() };
            started.probes.push(second);
        });
        let reached = "connect web-0 -> web-0 UID; connect web-1 -> web-1 UID; completed";
        let history = notes.say(&format!("set replicas=2; {TWO}; {reached}")).history();
        let lacking = lacks("end-to-end-identity", "single-delete", &history);
        assert_eq!(lacking, ["reached: node node-1, pod web-0", "reached: node node-1, pod web-1"]);
    }

    #[test]
    fn a_gap_hides_who_answered() {
        assert_blind(
            &CHECK,
            &format!("{TWO}; gap pods; connect web-0 -> web-0 uid-9"),
            "a gap in the watch of pods",
        );
    }

    #[test]
    fn without_a_connection_nothing_is_said() {
        assert_silent(&CHECK, TWO);
    }
}
