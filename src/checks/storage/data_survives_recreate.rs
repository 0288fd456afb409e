//! `data-survives-recreate`: what a pod wrote to its volume is read back by the pod that replaces it, and by no other.

use crate::{
    checks::{Cause, Check, Findings},
    history::Place,
    views::{
        ClaimDeletions, Dimension, Set, View,
        tokens::{Read, ReadBack, Tokens, Write, runner_in_doubt},
    },
};

/// Judges `specs/storage/data-survives-recreate.yaml`.
pub(super) const CHECK: Check = Check { id: "data-survives-recreate", judge };

/// Each recreated pod finds what an earlier incarnation of it wrote.
const READ_BACK: &str = "read-back";
/// Each pod finds nothing that another wrote.
const NOBODY_ELSES: &str = "nobody-elses";

fn judge(view: &View<'_>, findings: &mut Findings) {
    for set in view.sets() {
        let (tokens, deletions) = (Tokens::of(view, set, Place::Volume), ClaimDeletions::of(view, set));
        for read in tokens.reads() {
            is_read_back(view, set, findings, (&tokens, &deletions), read);
        }
    }
}

/// One look at a volume, against what was written there before.
fn is_read_back<'h>(
    view: &View<'h>,
    set: &Set<'h>,
    findings: &mut Findings,
    (tokens, deletions): (&Tokens<'h>, &ClaimDeletions<'_, 'h>),
    read: &Read<'h>,
) {
    let pod = set.key(read.pod);
    let look = tokens.read_back(read);
    let taken = |write: &Write<'h>| deletions.unsettled_for(&[read.uid, write.uid], write.event, read.event);
    let clause = if matches!(look, ReadBack::OfSibling(_)) { NOBODY_ELSES } else { READ_BACK };
    let say = findings.on(clause).of(Dimension::Recreated, pod.as_str()).pod(pod.as_str());
    match look {
        ReadBack::Unknown(doubt, why) => say.blind(doubt.into(), why, &[read.event]),
        ReadBack::OfSibling(write) | ReadBack::Changed(write, _) if taken(write).is_some() => {
            let deletion = taken(write).expect("just seen");
            let what = format!("the volume of {pod} may be another one: {}", deletion.why());
            say.blind(Cause::NotReached, what, &[deletion.event, read.event]);
        }
        ReadBack::OfSibling(write) => {
            let what = format!("{pod} finds on its volume what {} wrote", set.key(write.pod));
            say.broken(what, &[write.event, read.event]);
        }
        ReadBack::Changed(write, difference) => {
            let since = if write.uid == read.uid { "was not recreated" } else { "was recreated" };
            say.broken(format!("{pod} {since} and has lost data: {difference}"), &[write.event, read.event]);
        }
        ReadBack::Same(write) => {
            let doubt = runner_in_doubt(view, set, write.uid, write.event);
            match doubt {
                _ if write.uid == read.uid => {}
                Some((doubt, event)) => {
                    let what =
                        format!("which incarnation of {pod} wrote the token that it finds is not certain");
                    say.blind(doubt.into(), what, &[write.event, event]);
                }
                None => {
                    let what = format!(
                        "{pod} was recreated and finds the token and the file that its predecessor wrote"
                    );
                    say.held(what, &[write.event, read.event]);
                }
            }
            if tokens.has_siblings(read) {
                let what = format!("{pod} finds nothing on its volume that another pod wrote");
                findings.on(NOBODY_ELSES).pod(pod.as_str()).held(what, &[read.event]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::{
        checks::{
            Cause, Kind,
            notation::{Notes, assert_blind, assert_broken, assert_held, assert_silent, judge},
        },
        history::{Place, Purpose},
        views::Dimension,
    };

    const BEFORE: &str = "web-0 created; web-0 ready; web-1 created; web-1 ready; \
         token web-0 volume a; token web-1 volume b; delete web-0; web-0 deleted; web-0 created; web-0 ready; ";

    fn after(statements: &str) -> String {
        format!("{BEFORE}{statements}")
    }

    #[test]
    fn only_the_pod_that_was_recreated_is_evidence() {
        assert_held(&CHECK, &after("tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b"), 3);
    }

    #[test]
    fn a_second_recreation_counts_again() {
        let history = after(
            "tokens web-0 volume -> web-0 a; delete web-0; web-0 deleted; web-0 created; tokens web-0 volume -> web-0 a",
        );
        assert_held(&CHECK, &history, 4);
    }

    #[test]
    fn an_empty_volume() {
        assert_broken(&CHECK, &after("tokens web-0 volume ->"), "its token is not on the volume");
    }

    #[test]
    fn volumes_that_were_swapped() {
        assert_broken(&CHECK, &after("tokens web-0 volume -> web-1 b"), "what web-1 wrote");
    }

    #[test]
    fn an_older_state_of_the_volume() {
        assert_broken(&CHECK, &after("tokens web-0 volume -> web-0 z"), "finds `z`");
    }

    #[test]
    fn a_survivor_that_lost_its_data() {
        assert_broken(&CHECK, &after("tokens web-1 volume ->"), "web-1 was not recreated and has lost data");
    }

    /// The tokens that web-0 finds, as its command prints them.
    fn printed(output: &str) -> Vec<String> {
        let mut notes = Notes::new().say(BEFORE);
        notes.run("web-0", Purpose::ReadTokens { place: Place::Volume }, output);
        let findings = judge(&CHECK, &notes.history());
        findings.of_kind(Kind::Broken).map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn a_file_that_was_truncated_or_is_gone() {
        assert!(printed("web-0 a checksum-of-something-else")[0].contains("another checksum"));
        assert!(printed("web-0 a")[0].contains("is not there"));
        assert!(printed("web-0 a checksum-of-web-0-a").is_empty());
    }

    #[test]
    fn a_read_that_failed() {
        assert_blind(&CHECK, &after("tokens web-0 volume -> fails"), "could not be read");
    }

    #[test]
    fn nothing_was_written_before() {
        assert_blind(&CHECK, "web-0 created; tokens web-0 volume -> web-0 a", "wrote no token before");
    }

    #[test]
    fn tokens_in_the_container_are_another_matter() {
        assert_silent(&CHECK, "web-0 created; token web-0 container a; tokens web-0 container ->");
    }

    #[test]
    fn a_write_whose_result_is_not_known_leaves_later_looks_open() {
        let mut notes = Notes::new().say("web-0 created; web-0 ready; token web-0 volume a");
        let purpose = Purpose::WriteToken { place: Place::Volume, token: "lost".to_owned() };
        notes.run("web-0", purpose, "fails");
        let recreated = notes.say("delete web-0; web-0 deleted; web-0 created; web-0 ready");
        for found in ["web-0 a", "web-0 lost", ""] {
            let findings =
                judge(&CHECK, &recreated.clone().say(&format!("tokens web-0 volume -> {found}")).history());
            let blind = findings.of_kind(Kind::Blind).next().and_then(|blind| blind.cause);
            assert_eq!(
                (blind, findings.findings.len()),
                (Some(Cause::NoAnswer), 1),
                "{found}: {findings:#?}"
            );
        }
    }

    #[test]
    fn data_on_a_claim_that_the_scenario_deleted_had_not_to_survive() {
        let gone = "web-1 created; web-1 ready; www-web-0 claimed; web-0 created; web-0 ready; token web-0 volume a; \
             delete www-web-0; www-web-0 claim-terminating; delete web-0; web-0 deleted; www-web-0 unclaimed; \
             www-web-0 claimed; web-0 created; web-0 ready; tokens web-0 volume ->";
        assert_blind(
            &CHECK,
            gone,
            "the volume of web-0 may be another one: the scenario itself deleted the claim",
        );
        let before = gone.replace("token web-0 volume a; ", "tokens web-0 volume ->; ").replace(
            "web-0 created; web-0 ready; tokens web-0 volume ->",
            "web-0 created; web-0 ready; token web-0 volume a; tokens web-0 volume ->",
        );
        assert_broken(&CHECK, &before, "has lost data");
    }

    #[test]
    fn a_gap_hides_who_wrote() {
        let hidden = "web-0 created; web-0 ready; gap pods; token web-0 volume a; web-0 unlisted; web-0 listed; web-0 ready; \
             tokens web-0 volume -> web-0 a; completed";
        assert_blind(&CHECK, hidden, "which incarnation of web-0 wrote");
    }

    #[test]
    fn who_wrote_before_an_end_that_nothing_explains_is_not_certain() {
        let evicted = "web-0 created; web-0 ready; token web-0 volume a; web-0 deleted; web-0 created; tokens web-0 volume -> web-0 a";
        assert_blind(&CHECK, evicted, "is not certain");
    }

    #[test]
    fn evidence_is_for_the_pods_that_were_recreated() {
        let findings = judge(
            &CHECK,
            &Notes::new()
                .say(&after("tokens web-0 volume -> web-0 a; tokens web-1 volume -> web-1 b"))
                .history(),
        );
        let of = |clause| {
            let of_clause = findings.evidence.iter().filter(move |it| it.clause == clause);
            of_clause.filter_map(|it| it.of.get(&Dimension::Pod).cloned()).collect::<Vec<_>>()
        };
        assert_eq!(of(super::READ_BACK), ["web-0"]);
        assert_eq!(of(super::NOBODY_ELSES), ["web-0", "web-1"]);
    }

    #[test]
    fn another_namespace_has_data_of_its_own() {
        let both = after(
            "in other; web-0 created; web-0 ready; token web-0 volume x; delete web-0; web-0 deleted; web-0 created; \
             tokens web-0 volume -> web-0 x; in ns; tokens web-0 volume -> web-0 a",
        );
        assert_held(&CHECK, &both, 3);
        assert_broken(
            &CHECK,
            &both.replace("-> web-0 x", "-> web-0 a"),
            "other/web-0 was recreated and has lost data",
        );
    }
}
