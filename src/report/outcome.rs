//! The exit code of a run: one documented number for every way in which it can end.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::Circumstances;
use crate::{
    history::Stopping,
    judge::{Judged, Verdict},
    spec::Level,
};

/// How the program ended. Scripts rely on the numbers; they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Everything that applies passed, and something did apply.
    Pass,
    /// At least one promise was seen to be broken. No other trouble hides this.
    Violation,
    /// Nothing was seen to be broken, and something could not be judged or was not run.
    Inconclusive,
    /// The preflight refused the cluster; nothing was tested.
    Precondition,
    /// Nothing that was selected applies to this cluster.
    NothingRan,
    /// Everything passed, and something that the run created is still there.
    CleanupFailed,
    /// The selftest found a fault that no check catches, or a verdict that an API fault turned.
    SelftestSurvivor,
    /// The command line asks for something that does not exist.
    Usage,
    /// A bug in the harness: a panic, in a check or elsewhere.
    Internal,
    /// A report that was asked for could not be written.
    ReportIo,
    /// SIGHUP.
    HungUp,
    /// Ctrl-C.
    Interrupted,
    /// The pipe that the progress goes to was closed.
    PipeClosed,
    /// SIGTERM.
    Terminated,
    /// The run has not ended: what a report says that is on the disk before the end. No process ends so.
    Unfinished,
}

/// The outcomes that can compete, the one that wins first.
const PRECEDENCE: &[Outcome] = &[
    Outcome::Unfinished,
    Outcome::Violation,
    Outcome::Internal,
    Outcome::ReportIo,
    Outcome::Interrupted,
    Outcome::Terminated,
    Outcome::HungUp,
    Outcome::PipeClosed,
    Outcome::Inconclusive,
    Outcome::Usage,
    Outcome::Precondition,
    Outcome::NothingRan,
    Outcome::CleanupFailed,
];

impl Outcome {
    /// Every outcome that a process can end with, in the order of the codes.
    pub const ALL: &[Outcome] = &[
        Outcome::Pass,
        Outcome::Violation,
        Outcome::Inconclusive,
        Outcome::Precondition,
        Outcome::NothingRan,
        Outcome::CleanupFailed,
        Outcome::SelftestSurvivor,
        Outcome::Usage,
        Outcome::Internal,
        Outcome::ReportIo,
        Outcome::HungUp,
        Outcome::Interrupted,
        Outcome::PipeClosed,
        Outcome::Terminated,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Outcome::Pass => 0,
            Outcome::Violation => 1,
            Outcome::Inconclusive | Outcome::Unfinished => 2,
            Outcome::Precondition => 3,
            Outcome::NothingRan => 4,
            Outcome::CleanupFailed => 5,
            Outcome::SelftestSurvivor => 6,
            Outcome::Usage => 64,
            Outcome::Internal => 70,
            Outcome::ReportIo => 74,
            Outcome::HungUp => 129,
            Outcome::Interrupted => 130,
            Outcome::PipeClosed => 141,
            Outcome::Terminated => 143,
        }
    }

    /// The word after `VERDICT:`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "PASS",
            Outcome::Violation => "VIOLATION",
            Outcome::Inconclusive => "INCONCLUSIVE",
            Outcome::Precondition => "PRECONDITION",
            Outcome::NothingRan => "NOTHING RAN",
            Outcome::CleanupFailed => "CLEANUP FAILED",
            Outcome::SelftestSurvivor => "SELFTEST SURVIVOR",
            Outcome::Usage => "USAGE",
            Outcome::Internal => "INTERNAL ERROR",
            Outcome::ReportIo => "REPORT NOT WRITTEN",
            Outcome::HungUp => "HUNG UP",
            Outcome::Interrupted => "INTERRUPTED",
            Outcome::PipeClosed => "PIPE CLOSED",
            Outcome::Terminated => "TERMINATED",
            Outcome::Unfinished => "UNFINISHED",
        }
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Outcome::Pass => "every promise that applies was seen to be kept",
            Outcome::Violation => "at least one promise was seen to be broken",
            Outcome::Inconclusive => "nothing was seen to be broken, and not everything could be judged",
            Outcome::Precondition => "the preflight refused this cluster; nothing was tested",
            Outcome::NothingRan => "nothing that was selected applies to this cluster",
            Outcome::CleanupFailed => {
                "everything passed, and something that was created is left in the cluster"
            }
            Outcome::SelftestSurvivor => "a fault was not caught, or turned a verdict",
            Outcome::Usage => "the command line, or a file that it names, is wrong",
            Outcome::Internal => "a bug in steadfast itself; please report it with the history",
            Outcome::ReportIo => "a report could not be written",
            Outcome::HungUp => "stopped by SIGHUP before everything was judged",
            Outcome::Interrupted => "stopped by Ctrl-C before everything was judged",
            Outcome::PipeClosed => {
                "stopped before everything was judged, because nobody read its progress any more"
            }
            Outcome::Terminated => "stopped by SIGTERM before everything was judged",
            Outcome::Unfinished => "the run has not ended yet, or was killed",
        }
    }

    /// The outcome of a run with these verdicts under these circumstances.
    pub fn of(judged: &[Judged], circumstances: &Circumstances) -> Self {
        let is = |outcome: &&Outcome| holds(**outcome, judged, circumstances);
        PRECEDENCE.iter().find(is).copied().unwrap_or(Outcome::Pass)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outcome = serializer.serialize_struct("Outcome", 3)?;
        outcome.serialize_field("verdict", self.name())?;
        outcome.serialize_field("exit_code", &self.code())?;
        outcome.serialize_field("meaning", self.meaning())?;
        outcome.end()
    }
}

fn holds(outcome: Outcome, judged: &[Judged], circumstances: &Circumstances) -> bool {
    let any = |holds: fn(&Verdict) -> bool| judged.iter().any(|j| gates(j) && holds(&j.verdict));
    let refused = circumstances.preflight_refused.is_some() && !judged.iter().any(was_tested);
    match outcome {
        Outcome::Unfinished => circumstances.unfinished.is_some(),
        Outcome::Violation => any(|verdict| matches!(verdict, Verdict::Fail)),
        Outcome::Internal => {
            circumstances.internal_error.is_some() || judged.iter().any(|j| j.panicked.is_some())
        }
        Outcome::ReportIo => circumstances.report_error.is_some(),
        Outcome::HungUp => circumstances.stopped_by == Some(Stopping::HangUp),
        Outcome::Interrupted => circumstances.stopped_by == Some(Stopping::Interrupt),
        Outcome::PipeClosed => circumstances.stopped_by == Some(Stopping::ClosedPipe),
        Outcome::Terminated => circumstances.stopped_by == Some(Stopping::Terminate),
        Outcome::Inconclusive => {
            let undecided = any(|v| matches!(v, Verdict::Inconclusive { .. } | Verdict::NotRun { .. }));
            !refused && (undecided || is_partial(circumstances))
        }
        Outcome::Usage => circumstances.unusable,
        Outcome::Precondition => refused,
        Outcome::NothingRan => !judged.iter().any(|j| matches!(j.verdict, Verdict::Pass { .. })),
        Outcome::CleanupFailed => circumstances.left_behind.is_some(),
        Outcome::Pass | Outcome::SelftestSurvivor => false,
    }
}

/// Whether there may be more to a run than the verdicts that it has: it was stopped, or its record may not be whole.
const fn is_partial(circumstances: &Circumstances) -> bool {
    circumstances.stopped_by.is_some() || circumstances.unsealed.is_some()
}

/// Whether its verdict counts for the run: an informational requirement is recorded and never fails it.
pub(super) fn gates(judged: &Judged) -> bool {
    judged.level != Level::Informational
}

fn was_tested(judged: &Judged) -> bool {
    !matches!(judged.verdict, Verdict::NotRun { .. } | Verdict::NotApplicable { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Ending, file::Seal},
        report::sample,
    };

    fn verdict(word: &str) -> Judged {
        let reason = "why".to_owned();
        let verdict = match word {
            "pass" => Verdict::Pass { held: 3 },
            "fail" => Verdict::Fail,
            "inconclusive" => Verdict::Inconclusive { reason },
            "not applicable" => Verdict::NotApplicable { reason },
            "not run" => Verdict::NotRun { reason, interrupted: false },
            other => panic!("no verdict is called {other}"),
        };
        sample::judged("some-requirement", verdict)
    }

    fn code(words: &[&str], circumstances: &Circumstances) -> u8 {
        let judged: Vec<Judged> = words.iter().map(|word| verdict(word)).collect();
        Outcome::of(&judged, circumstances).code()
    }

    fn everything_wrong() -> Circumstances {
        let some = || Some("it did".to_owned());
        Circumstances {
            unfinished: None,
            preflight_refused: some(),
            unusable: false,
            stopped_by: Some(Stopping::Terminate),
            left_behind: some(),
            report_error: some(),
            internal_error: some(),
            unsealed: some(),
        }
    }

    #[test]
    fn codes_and_names_are_unique() {
        let codes: std::collections::BTreeSet<u8> = Outcome::ALL.iter().map(|o| o.code()).collect();
        let names: std::collections::BTreeSet<&str> = Outcome::ALL.iter().map(|o| o.name()).collect();
        assert_eq!((codes.len(), names.len()), (Outcome::ALL.len(), Outcome::ALL.len()));
        assert!(Outcome::ALL.iter().map(|o| o.code()).is_sorted());
    }

    #[test]
    fn verdicts_alone() {
        let calm = Circumstances::default();
        for (words, expected) in [
            (&["pass", "not applicable"][..], 0),
            (&["pass", "fail", "inconclusive"], 1),
            (&["pass", "inconclusive"], 2),
            (&["pass", "not run"], 2),
            (&["not run"], 2),
            (&["not applicable", "not applicable"], 4),
            (&[], 4),
        ] {
            assert_eq!(code(words, &calm), expected, "{words:?}");
        }
    }

    #[test]
    fn the_worse_hides_the_lesser() {
        let mut trouble = everything_wrong();
        assert_eq!(code(&["pass", "fail"], &trouble), 1);
        assert_eq!(code(&["pass"], &trouble), 70);
        trouble.internal_error = None;
        assert_eq!(code(&["inconclusive"], &trouble), 74);
        trouble.report_error = None;
        assert_eq!(code(&["inconclusive"], &trouble), 143);
        for (stopping, code_of_it) in
            [(Stopping::Interrupt, 130), (Stopping::HangUp, 129), (Stopping::ClosedPipe, 141)]
        {
            trouble.stopped_by = Some(stopping);
            assert_eq!(code(&["inconclusive"], &trouble), code_of_it);
        }
        trouble.stopped_by = None;
        assert_eq!(code(&["pass", "not run"], &trouble), 2);
        assert_eq!(code(&["not applicable", "not run"], &trouble), 3);
        trouble.preflight_refused = None;
        assert_eq!(code(&["pass"], &trouble), 2, "unsealed");
        trouble.unsealed = None;
        assert_eq!(code(&["not applicable"], &trouble), 4);
        assert_eq!(code(&["pass"], &trouble), 5);
    }

    #[test]
    fn a_record_without_its_seal_and_a_run_that_was_stopped_never_pass() {
        let unsealed = Circumstances { unsealed: Some("no seal".to_owned()), ..Circumstances::default() };
        assert_eq!(code(&["pass", "not applicable"], &unsealed), 2);
        assert_eq!(code(&["pass", "fail"], &unsealed), 1);
        for stopping in [Stopping::Deadline, Stopping::Disk] {
            let stopped = Circumstances { stopped_by: Some(stopping), ..Circumstances::default() };
            assert_eq!(code(&["pass"], &stopped), 2, "{stopping:?}");
        }
    }

    #[test]
    fn a_run_that_has_not_ended_has_no_other_outcome() {
        let unfinished = Circumstances { unfinished: Some("not yet".to_owned()), ..Circumstances::default() };
        let judged: Vec<Judged> = ["pass", "fail"].map(verdict).into();
        for judged in [&judged[..1], &judged[..]] {
            assert_eq!(Outcome::of(judged, &unfinished), Outcome::Unfinished);
        }
        assert_ne!(Outcome::Unfinished.code(), 0);
    }

    #[test]
    fn a_replay_ends_as_the_run_did() {
        let some = || Some("it did".to_owned());
        let left_behind = vec!["namespace/a".to_owned()];
        for (ended, expected) in [
            (Ending::default(), 0),
            (Ending::stopped(Stopping::Terminate), 143),
            (Ending::stopped(Stopping::Deadline), 2),
            (Ending { left_behind, ..Ending::default() }, 5),
            (Ending { report_error: some(), ..Ending::default() }, 74),
            (Ending { internal_error: some(), ..Ending::default() }, 70),
        ] {
            let replayed = Circumstances::of_replay(&Seal::Whole(ended.clone()), []);
            assert_eq!(code(&["pass"], &replayed), expected, "{ended:?}");
            assert_eq!(replayed, Circumstances::of_run(&ended, []));
        }
    }

    #[test]
    fn informational_requirements_never_fail_the_run() {
        let informational = |word| Judged { level: Level::Informational, ..verdict(word) };
        for word in ["fail", "inconclusive", "not run"] {
            let judged = [verdict("pass"), informational(word)];
            assert_eq!(Outcome::of(&judged, &Circumstances::default()), Outcome::Pass, "{word}");
        }
    }

    #[test]
    fn a_panic_in_a_check_is_a_bug_of_ours() {
        let panicked = Judged { panicked: Some("index".to_owned()), ..verdict("inconclusive") };
        assert_eq!(Outcome::of(&[panicked], &Circumstances::default()), Outcome::Internal);
    }
}
