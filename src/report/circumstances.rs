//! What happened to a run beside its verdicts, and where that is known from.

use serde::Serialize;

use crate::history::{Ending, History, Step, Stopping, file::Seal};

/// What happened to the run beside its verdicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Circumstances {
    /// Why there is no outcome yet: what a report says that is on the disk before the run has ended.
    pub unfinished: Option<String>,
    /// Why the preflight refused, if it did.
    pub preflight_refused: Option<String>,
    /// Whether it refused because what steadfast was given leads to no cluster.
    pub unusable: bool,
    /// What stopped the run before its end.
    pub stopped_by: Option<Stopping>,
    /// What is left in the cluster, one object a line, where the clean-up did not end.
    pub left_behind: Option<String>,
    /// The report that could not be written, and why.
    pub report_error: Option<String>,
    /// A panic outside of the checks.
    pub internal_error: Option<String>,
    /// Why the record has no seal: it may not be all that was recorded, and nobody knows how the run ended.
    pub unsealed: Option<String>,
}

impl Circumstances {
    /// Those of a run that ended so. A replay is told of the ending by the seal, so that it comes to the same.
    pub fn of_run<'h>(ended: &Ending, histories: impl IntoIterator<Item = &'h History>) -> Self {
        Self {
            unfinished: None,
            preflight_refused: ended
                .refused()
                .map(str::to_owned)
                .or(Self::of_record(histories).preflight_refused),
            unusable: ended.unusable().is_some(),
            stopped_by: ended.stopped_by(),
            left_behind: Some(ended.left_behind.join("\n")).filter(|left| !left.is_empty()),
            report_error: ended.report_error.clone(),
            internal_error: ended.internal_error.clone(),
            unsealed: None,
        }
    }

    /// Those of a replay of a record with this seal.
    pub fn of_replay<'h>(seal: &Seal, histories: impl IntoIterator<Item = &'h History>) -> Self {
        match seal {
            Seal::Whole(ended) => Self::of_run(ended, histories),
            Seal::Missing { why } => Self { unsealed: Some(why.clone()), ..Self::of_record(histories) },
        }
    }

    /// What the events alone tell: whether anything was begun.
    pub fn of_record<'h>(histories: impl IntoIterator<Item = &'h History>) -> Self {
        let refusals: Option<Vec<&str>> = histories.into_iter().map(refusal).collect();
        let preflight_refused = refusals.and_then(|all| all.first().map(|reason| (*reason).to_owned()));
        Self { preflight_refused, ..Self::default() }
    }
}

/// Why a scenario was never begun, unless that is because the run was interrupted.
fn refusal(history: &History) -> Option<&str> {
    history.steps().find_map(|step| match step.what {
        Step::NotStarted { reason, interrupted: false } => Some(reason.as_str()),
        _ => None,
    })
}
