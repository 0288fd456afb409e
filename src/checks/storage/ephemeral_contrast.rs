//! `ephemeral-contrast`: without a claim, what a pod wrote in its container is gone when the pod is replaced.

use std::collections::HashMap;

use crate::{
    checks::{Check, Findings},
    history::{Event, ObjectSeen, Place, Purpose},
    views::{
        Dimension, Doubt, PodLife, Set, View, order,
        tokens::{Read, Tokens, Write, runner_in_doubt},
    },
};

/// Judges `specs/storage/ephemeral-contrast.yaml`.
pub(super) const CHECK: Check = Check { id: "ephemeral-contrast", judge };

/// Each pod that was recreated had found, before that, what it had written in its container.
const FOUND_BEFORE: &str = "found-before";
/// What it had written is not there after that.
const GONE: &str = "gone";

fn judge(view: &View<'_>, findings: &mut Findings) {
    let crashes = crashes(view);
    for set in view.sets() {
        let tokens = Tokens::of(view, set, Place::Container);
        for read in tokens.reads() {
            if let Some(old) = tokens.of_others(read) {
                is_left_over(view, set, findings, old, read);
            } else if let Some(own) = tokens.own(read).filter(|own| own.uid != read.uid) {
                is_gone(view, set, findings, (&tokens, &crashes), (own, read));
            }
        }
    }
}

/// A pod finds in its container what another incarnation, or another pod, wrote in its own.
fn is_left_over<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    findings: &mut Findings,
    old: &Write<'h>,
    read: &Read<'h>,
) {
    let (pod, writer) = (set.key(read.pod), set.key(old.pod));
    let say = findings.on(GONE).of(Dimension::Recreated, pod.as_str());
    let what = format!("{pod} finds in its container what an earlier {writer} wrote in its own");
    // A pod is told from another by its name, but an incarnation only by what the record knew of it.
    let doubt = runner_in_doubt(view, set, old.uid, old.event).filter(|_| old.pod == read.pod);
    match doubt {
        Some((doubt, event)) => {
            let what = format!("{what}, as far as it is known which incarnation that was");
            say.blind(doubt.into(), what, &[old.event, event, read.event]);
        }
        None => say.broken(what, &[old.event, read.event]),
    }
}

/// A recreated pod's look at its file system, which shows nothing of an earlier one: that one had found its token there.
fn is_gone<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    findings: &mut Findings,
    (tokens, crashes): (&Tokens<'h>, &HashMap<&'h str, &'h Event>),
    (own, read): (&Write<'h>, &Read<'h>),
) {
    let pod = set.key(read.pod);
    let found = match tokens.found_by_writer(own) {
        Some(found) => found,
        None => {
            let what = format!(
                "the token of {pod} was not seen in its container while that ran, so its absence says nothing"
            );
            let say = findings.on(FOUND_BEFORE).of(Dimension::Recreated, pod);
            return say.blind(Doubt::NotReached.into(), what, &[own.event, read.event]);
        }
    };
    if let Some((doubt, what, event)) = in_doubt(view, set, crashes, (own, found)) {
        let what = format!("{pod} was recreated, and {what}");
        let say = findings.on(FOUND_BEFORE).of(Dimension::Recreated, pod);
        return say.blind(doubt.into(), what, &[own.event, event, read.event]);
    }
    findings
        .on(FOUND_BEFORE)
        .of(Dimension::Recreated, pod.as_str())
        .held(format!("{pod} found in its container what it had written there"), &[own.event, found.event]);
    let say = findings.on(GONE).of(Dimension::Recreated, pod.as_str());
    match &read.found {
        None => {
            let (doubt, what) = read.failed("in the container");
            say.blind(doubt.into(), what, &[own.event, read.event]);
        }
        Some(_) => {
            let what =
                format!("{pod} was recreated, and what its predecessor wrote in the container is gone");
            say.held(what, &[own.event, found.event, read.event]);
        }
    }
}

/// Why it is not certain that the token was still in the container when the pod was replaced, and in that pod's.
fn in_doubt<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    crashes: &HashMap<&'h str, &'h Event>,
    (own, found): (&Write<'h>, &Read<'h>),
) -> Option<(Doubt, String, &'h Event)> {
    let runners = [own.event, found.event].into_iter();
    let unknown = runners.into_iter().find_map(|event| runner_in_doubt(view, set, own.uid, event));
    if let Some((doubt, event)) = unknown {
        return Some((doubt, "which incarnation wrote the token is not certain".to_owned(), event));
    }
    let life = set.pods().with_uid(own.uid)?;
    let until = life.gone().unwrap_or(view.history().last());
    if let Some(gap) = set.pods().gap_between(own.event, until) {
        let what = "whether its container was started again before that fell into a gap of the watch";
        return Some((Doubt::Gap, what.to_owned(), gap.shown_by));
    }
    let crash = crashes.get(own.uid).copied().filter(|crash| own.event.comes_before(crash));
    let what = "its container had been started again before that, with a file system of its own";
    let restarted = restarted(view, life, own.event).or(crash);
    restarted.map(|event| (Doubt::Surroundings, what.to_owned(), event))
}

/// A version in which the pod's containers had been started again, if that was not long before the token was written.
fn restarted<'h>(view: &View<'h>, life: &PodLife<'h>, written: &Event) -> Option<&'h Event> {
    let restarts = |version: &ObjectSeen| -> i64 {
        let statuses = version.list("/status/containerStatuses").iter();
        statuses.filter_map(|status| status["restartCount"].as_i64()).sum()
    };
    let most = life.versions.iter().map(|version| restarts(version.what)).max().filter(|most| *most > 0)?;
    let last = life.first(|version| restarts(version) == most)?.event;
    (!order::certainly_before(view.history(), last, written)).then_some(last)
}

/// The last command of the driver that ended the first process of a container, by the pod's uid.
fn crashes<'h>(view: &View<'h>) -> HashMap<&'h str, &'h Event> {
    let crashes = view.history().execs_for(&Purpose::Crash);
    crashes.map(|crash| (crash.what.pod_uid.as_str(), crash.event)).collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Place, Purpose},
    };

    const WRITTEN: &str = "web-0 created; web-0 ready; token web-0 container a; ";
    const SEEN: &str = "tokens web-0 container -> web-0 a; ";
    const RECREATED: &str = "delete all; web-0 deleted; web-0 created; web-0 ready; ";

    #[test]
    fn there_before_and_gone_after() {
        assert_held(&CHECK, &format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container ->"), 2);
    }

    #[test]
    fn the_file_system_outlives_the_pod() {
        let history = format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container -> web-0 a");
        assert_broken(&CHECK, &history, "what an earlier web-0 wrote");
    }

    #[test]
    fn one_folder_of_the_node_behind_all_containers() {
        let history = "web-0 created; web-1 created; token web-0 container a; token web-1 container b; \
             web-1 deleted; web-1 created; tokens web-1 container -> web-0 a";
        assert_broken(&CHECK, history, "what an earlier web-0 wrote");
    }

    #[test]
    fn a_pod_that_is_still_the_same_shows_nothing() {
        assert_silent(&CHECK, &format!("{WRITTEN}{SEEN}delete all; tokens web-0 container -> web-0 a"));
    }

    #[test]
    fn never_seen_while_the_pod_was_there() {
        let history = format!("{WRITTEN}tokens web-0 container ->; {RECREATED}tokens web-0 container ->");
        assert_blind(&CHECK, &history, "its absence says nothing");
    }

    #[test]
    fn a_read_that_failed() {
        let history = format!("{WRITTEN}{SEEN}{RECREATED}tokens web-0 container -> fails");
        assert_blind(&CHECK, &history, "could not be read");
    }

    #[test]
    fn tokens_on_the_volume_are_another_matter() {
        assert_silent(
            &CHECK,
            "web-0 created; token web-0 volume a; web-0 deleted; web-0 created; tokens web-0 volume -> web-0 a",
        );
    }

    #[test]
    fn a_container_that_was_started_again_has_lost_its_files_already() {
        let restarted = "web-0 container c0; web-0 container c1 1;";
        let after = format!("{WRITTEN}{SEEN}{restarted}{RECREATED}tokens web-0 container ->");
        assert_blind(&CHECK, &after, "started again before that");
        let long_before = format!(
            "web-0 created; {restarted} wait 6s; bookmark pods; web-0 ready; token web-0 container a; {SEEN}{RECREATED}tokens web-0 container ->"
        );
        assert_held(&CHECK, &long_before, 2);
        let crashed = format!("{WRITTEN}{SEEN}exec web-0 crash -> ok; {RECREATED}tokens web-0 container ->");
        assert_blind(&CHECK, &crashed, "started again before that");
        let in_place =
            format!("{WRITTEN}{SEEN}exec web-0 crash -> ok; {restarted} tokens web-0 container -> ");
        assert_silent(&CHECK, &in_place);
    }

    #[test]
    fn who_wrote_must_be_certain() {
        // The record knew the first web-0 only, which was deleted already: the second may have written.
        let late = "web-0 created; web-0 ready; delete web-0; token web-0 container a; tokens web-0 container -> web-0 a; \
             web-0 deleted; web-0 created; web-0 ready; tokens web-0 container -> web-0 a";
        assert_blind(&CHECK, late, "as far as it is known which incarnation");
        let hidden = "web-0 created; web-0 ready; gap pods; token web-0 container a; tokens web-0 container -> web-0 a; web-0 unlisted; \
             web-0 listed; web-0 ready; tokens web-0 container -> web-0 a; completed";
        assert_blind(&CHECK, hidden, "as far as it is known which incarnation");
        let gone = format!(
            "{WRITTEN}{SEEN}gap pods; delete all; web-0 unlisted; web-0 listed; web-0 ready; tokens web-0 container ->; completed"
        );
        assert_blind(&CHECK, &gone, "web-0 was recreated, and which incarnation wrote");
    }

    #[test]
    fn a_write_that_failed_may_have_been_seen_nevertheless() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready");
        notes.run("web-0", Purpose::WriteToken { place: Place::Container, token: "a".to_owned() }, "fails");
        let unseen = notes.clone().say(RECREATED).say("tokens web-0 container ->").history();
        let findings = judge(&CHECK, &unseen);
        assert_eq!((findings.held, findings.of_kind(Kind::Blind).count()), (0, 1), "{findings:#?}");
        let seen = notes.say(SEEN).say(RECREATED).say("tokens web-0 container ->").history();
        assert_eq!(judge(&CHECK, &seen).held, 2);
    }

    #[test]
    fn another_namespace_has_containers_of_its_own() {
        let both = format!("{WRITTEN}{SEEN}in other; {WRITTEN}in ns; {RECREATED}tokens web-0 container ->");
        assert_held(&CHECK, &both, 2);
    }
}
